"""The golden figures and the edges of the rules, by hand, against the second implementation."""

import json
import unittest
from collections import defaultdict
from datetime import date, timedelta

import given
import second
import shared

UNTIL = date(2031, 12, 10)
START = date(2024, 3, 10)
EVEN = {"index": 100, "expected": 100}


def at(day, hour=9):
    return given.start_of(day) + hour * 3_600_000


def fact(stream, happened, stored=None, **said):
    return {
        "stream": stream,
        "patient_id": "p",
        "stored_at": at(happened) if stored is None else at(stored),
        **said,
    }


def enrolment(stored=START, effective=None, id="n1", **said):
    times = {"recorded_at": at(stored), "effective_at": at(effective or stored, 0)}
    return fact("enrolments", stored, id=id, episode_id="e", **times, **said)


def enrolled(**said):
    device = {"device": "d", "manufacturer": "m", "clinician_id": "c", "treated_at": at(START)}
    return enrolment(**{**device, **said})


def event(id, kind, day, stored=None, **said):
    stream = "commerce-events" if kind == "points_redeemed" else "clinical-events"
    return fact(stream, day, stored, id=id, kind=kind, happened_at=at(day), **said)


def measured(id, code, day, value, stored=None):
    return event(id, "measurement", day, stored, code=code, value=value)


def cost(id, day, amount, public=0, category="drug", stored=None):
    parts = [{"payer_kind": "public_insurance", "payer": "nhsa", "amount_minor": public}]
    parts.append({"payer_kind": "patient", "payer": None, "amount_minor": amount - public})
    said = {"amount_minor": amount, "payers": parts, "cost_category": category, "provider": "g"}
    return event(id, "cost", day, stored, **said)


def upload(id, day, stored=None, uploaded=None, **said):
    times = {"answered_at": at(day), "uploaded_at": at(uploaded or day)}
    return fact("prom-responses", uploaded or day, stored, id=id, **times, **{**EVEN, **said})


def session(
    upload, day, id=None, stored=None, ms=60_000, sections=("a", "b"), interactions=3, start=None, patient="p"
):
    start = at(day, 10) if start is None else start
    said = {
        "happened_at": start,
        "ended_at": start + ms,
        "sections_read": sections,
        "interactions": interactions,
    }
    stored = {"stored_at": start + ms if stored is None else at(stored)}
    id = id or f"s-{upload}-{day}"
    return {
        **fact("clinician-activity", day, **{"id": id, "clinician_id": "c", "upload_id": upload}),
        **said,
        **stored,
        "patient_id": patient,
    }


def closing(month, stored):
    return {"stream": "closings", "month": month, "stored_at": at(stored)}


def reviewed(slot, days=0, **said):
    day = START + timedelta(14 * slot + days)
    return [upload(f"u{slot}", day, **said), session(f"u{slot}", day)]


def nets(contract, *facts):
    flat = [f for one in facts for f in (one if isinstance(one, list) else [one])]
    return second.nets(contract, given.read(map(json.dumps, flat)), UNTIL)


def by(found, *fields):
    """Nets in minor units by some fields of their key."""
    sums = defaultdict(int)
    for (key, booking), net in found.items():
        said = {**key._asdict(), "booking": booking}
        sums[tuple(said[field] for field in fields) if len(fields) > 1 else said[fields[0]]] += net
    return {key: net for key, net in sums.items() if net}


def warranty(*facts):
    return by(nets("warranty-example", *facts), "payer")


class Money(unittest.TestCase):
    def test_a_half_goes_away_from_zero_and_ties_to_the_first(self):
        self.assertEqual([second.rounded(given.Fraction(n, 2)) for n in (1, -1, 3, -3)], [1, -1, 2, -2])
        self.assertEqual(second.split(1, [1, 1, 1]), [1, 0, 0])
        self.assertEqual(second.split(-5, [1, 1]), [-3, -2])
        self.assertEqual(second.split(100_00, [70, 10, 20]), [70_00, 10_00, 20_00])

    def test_six_places_half_to_even_of_the_shortest_text(self):
        self.assertEqual(given.six(given.double("0.9000005")), given.Fraction("0.9"))
        self.assertEqual(given.six(given.double("0.9000015")), given.Fraction("0.900002"))

    def test_months_end_where_months_end(self):
        self.assertEqual(given.months_after(date(2024, 1, 31), 1), date(2024, 2, 29))
        self.assertEqual(given.months_after(date(2024, 2, 29), 12), date(2025, 2, 28))
        self.assertEqual(given.months_after(date(2024, 11, 30), 3), date(2025, 2, 28))


class Warranty(unittest.TestCase):
    def test_steps(self):
        for index, patient, manufacturer in [
            (100, 16_00, 64_00),
            (90, 16_00, 64_00),
            (110, 16_00, 64_00),
            (110.0001, 19_20, 76_80),
            (89.9999, 12_80, 51_20),
            (89.99995, 16_00, 64_00),  # 0.8999995, half to even
            (89.99994, 12_80, 51_20),
        ]:
            expected = {"patient": patient, "m": manufacturer}
            self.assertEqual(warranty(enrolled(), reviewed(1, index=index)), expected, index)

    def test_a_nominal_year(self):
        year = [reviewed(slot) for slot in range(1, 28)]
        self.assertEqual(warranty(enrolled(), *year), {"patient": 416_00, "m": 1_664_00})
        self.assertEqual(warranty(enrolled(self_pay_consent=True), *year), {"patient": 496_00, "m": 1_664_00})

    def test_no_curve_is_one_and_no_index_is_nothing(self):
        self.assertEqual(sum(warranty(enrolled(), reviewed(1, expected=None)).values()), 80_00)
        self.assertEqual(warranty(enrolled(), reviewed(1, index=None)), {})

    def test_slot_edges(self):
        for days, slots in [(6, 0), (7, 1), (20, 1), (21, 1), (370, 1), (371, 0)]:
            self.assertEqual(len(warranty(enrolled(), reviewed(0, days))) // 2, slots, days)
        both = [upload("a", START + timedelta(8), index=50), upload("b", START + timedelta(9))]
        views = [session("a", START + timedelta(9)), session("b", START + timedelta(9))]
        self.assertEqual(sum(warranty(enrolled(), both, views).values()), 64_00)
        self.assertEqual(warranty(enrolled(), both, views[1:]), {})

    def test_review_edges(self):
        day = START + timedelta(14)
        for view, counts in [
            (session("u", day + timedelta(6)), True),
            (session("u", day + timedelta(7)), False),
            (session("u", day, ms=30_000), True),
            (session("u", day, ms=29_999), False),
            (session("u", day, sections=["a", "a"]), False),
            (session("u", day, interactions=2), False),
            ({**session("u", day), "clinician_id": "other"}, False),
        ]:
            self.assertEqual(bool(warranty(enrolled(), upload("u", day), view)), counts, view)

    def test_six_patients_within_five_minutes_are_a_burst(self):
        day = START + timedelta(14)
        for others, last, burst in [(4, 0, False), (5, 0, True), (5, 1, False)]:
            starts = [at(day, 10) + 299_999 + (last if n == others else 0) for n in range(1, others + 1)]
            near = [
                session("x", day, id=f"x{n}", start=start, patient=f"x{n}") for n, start in enumerate(starts)
            ]
            self.assertEqual(
                not warranty(enrolled(), upload("u", day), session("u", day), near), burst, (others, last)
            )

    def test_cover(self):
        device = {"device": None, "manufacturer": None}
        for days, expected in [(30, {"patient": 16_00, "m": 64_00}), (40, {"patient": 16_00, "m": 64_00})]:
            known = enrolment(START + timedelta(days), id="n2", device="d", manufacturer="m")
            self.assertEqual(
                warranty(enrolled(**device, self_pay_consent=True), known, reviewed(1)), expected
            )
        self.assertEqual(warranty(enrolled(**device, self_pay_consent=True), reviewed(1)), {"patient": 80_00})
        self.assertEqual(warranty(enrolled(**device), reviewed(1)), {})
        self.assertEqual(warranty(enrolled(**device, self_pay_consent=False), reviewed(1)), {})

    def test_cover_that_is_known_after_the_closing_is_a_reversal(self):
        known = enrolment(date(2024, 5, 5), id="n2", device="d", manufacturer="m")
        nobody = enrolled(device=None, manufacturer=None, self_pay_consent=True)
        # T+30 is 9 April: on that day the line is still held, on the next it is the patient's.
        for closed, first in [(date(2024, 4, 9), "2024-04"), (date(2024, 4, 10), "2024-03")]:
            closings = [closing("2024-03", closed), closing("2024-04", date(2024, 5, 1))]
            found = nets("warranty-example", nobody, known, reviewed(1), closings)
            expected = {("patient", first): 80_00, ("patient", "2024-05"): -64_00, ("m", "2024-05"): 64_00}
            self.assertEqual(by(found, "payer", "booking"), expected)

    def test_late_data_under_a_percentage_adjustment(self):
        late = {
            **upload("u1", START + timedelta(14), stored=date(2024, 5, 2), index=120),
            "revision": 2,
            "status": "amended",
        }
        closings = [closing("2024-03", date(2024, 4, 1)), closing("2024-04", date(2024, 5, 1))]
        found = nets("warranty-example", enrolled(), reviewed(1), late, closings)
        self.assertEqual(
            by(found, "component", "payer", "booking"),
            {
                ("fee", "patient", "2024-03"): 16_00,
                ("fee", "m", "2024-03"): 64_00,
                ("adjustment", "patient", "2024-05"): 3_20,
                ("adjustment", "m", "2024-05"): 12_80,
            },
        )

    def test_compensation_by_whole_weeks(self):
        bad = upload("u", START + timedelta(13), index=70)
        first = START + timedelta(14)
        for days, weeks in [(6, 0), (7, 1), (13, 1), (14, 2)]:
            therapy = event("t", "extended_therapy", first, ended_at=at(first + timedelta(days), 0))
            self.assertEqual(
                warranty(enrolled(), bad, therapy), {"m": weeks * 1_000_00} if weeks else {}, days
            )
        open_ended = event("t", "extended_therapy", first)
        self.assertEqual(warranty(enrolled(), bad, open_ended), {})
        week = event("t", "extended_therapy", first, ended_at=at(first + timedelta(7), 0))
        self.assertEqual(warranty(enrolled(), upload("u", first, index=70), week), {})
        self.assertEqual(warranty(enrolled(), upload("u", first - timedelta(1), index=70.0001), week), {})
        self.assertEqual(
            warranty(enrolled(), upload("u", first - timedelta(1), index=70, expected=None), week), {}
        )
        for day, weeks in [(370, 1), (371, 0)]:
            on = START + timedelta(day)
            late = event("t", "extended_therapy", on, ended_at=at(on + timedelta(14), 0))
            self.assertEqual(bool(warranty(enrolled(), bad, late)), bool(weeks), day)

    def journal(self, *facts, fields=("component", "payee")):
        known = given.read(
            map(json.dumps, [f for one in facts for f in (one if isinstance(one, list) else [one])])
        )
        return by(second.nets("warranty-example", known, UNTIL, second.JOURNALS), *fields)

    def test_the_accrual_is_released_slot_by_slot(self):
        # 26 x 80 x 1.0 x 0.7 x 0.8 = 1,164.80; 44.80 a slot; a claim of 64.00 is 19.20 more.
        accrual, lapse = ("accrual", "expense>provision"), ("lapse", "provision>expense")
        claim, variance = ("claim", "provision>payable"), ("variance", "expense>payable")
        self.assertEqual(self.journal(enrolled()), {accrual: 1_164_80, lapse: 1_164_80})
        found = self.journal(enrolled(), reviewed(1), reviewed(2, index=80))
        left = {claim: 89_60, variance: 19_20 + 6_40, lapse: 24 * 44_80}
        self.assertEqual(found, {accrual: 1_164_80, **left})
        self.assertEqual(self.journal(enrolled(device=None)), {})

    def test_a_slot_lapses_when_nothing_can_come_any_more(self):
        # Slot 26 is over on 16 March 2025 and lapses on the 23rd, slot 25 on the 9th.
        without = self.journal(enrolled(), fields=("component", "service"))
        self.assertEqual(without["lapse", "2025-03"], 2 * 44_80)
        # Its upload of 31 March may be reviewed for seven days: it lapses on 7 April.
        late = self.journal(
            enrolled(),
            upload("u", START + timedelta(370), uploaded=date(2025, 3, 31)),
            fields=("component", "service"),
        )
        self.assertEqual((late["lapse", "2025-03"], late["lapse", "2025-04"]), (44_80, 44_80))

    def test_no_release_is_dated_before_the_accrual(self):
        known = enrolment(START + timedelta(60), id="n2", device="d", manufacturer="m")
        found = self.journal(
            enrolled(device=None, manufacturer=None), known, reviewed(1), fields=("service",)
        )
        self.assertEqual(min(found), "2024-05")


class Transplant(unittest.TestCase):
    def sums(self, *facts):
        return by(nets("transplant-cover-example", enrolled(), *facts), "component")

    def benefit(self, *facts):
        return self.sums(*facts).get("benefit", 0)

    def test_caps_by_stage(self):
        for day, cap in [
            (date(2024, 6, 9), 200_000_00),
            (date(2024, 6, 10), 150_000_00),
            (date(2025, 3, 10), 150_000_00),
        ]:
            self.assertEqual(self.benefit(cost("a", day, 900_000_00)), cap, day)
        self.assertEqual(self.benefit(cost("a", date(2024, 3, 9), 900_000_00)), 0)
        year = [
            cost(str(n), day, 900_000_00)
            for n, day in enumerate([START, date(2025, 3, 9), date(2025, 3, 10), date(2026, 3, 10)])
        ]
        self.assertEqual(self.benefit(*year), 650_000_00)

    def test_deductible_once_a_year_and_less_for_participants(self):
        # (30,000 - 8,000 - 10,000) x 0.9 = 10,800; a second cost bears none: 100 x 0.9 = 90.
        costs = [cost("a", START, 30_000_00, public=8_000_00), cost("b", START, 100_00)]
        self.assertEqual(self.benefit(*costs), 10_890_00)
        programme = event("g", "programme", START, ended_at=at(START + timedelta(1), 0))
        self.assertEqual(self.benefit(*costs, programme), 10_890_00 + 4_500_00)
        nothing = cost("0", START, 50_00, public=50_00)
        later = event("g", "programme", START + timedelta(1))
        after = cost("a", START + timedelta(1), 30_000_00)
        self.assertEqual(self.benefit(nothing, later, after), 18_000_00)

    def test_an_extra_sum_after_a_second_transplant(self):
        failure, again = (
            event("f", "graft_failure", date(2025, 5, 1)),
            event("s", "surgery", date(2025, 6, 1)),
        )
        first = cost("a", date(2025, 4, 1), 900_000_00)
        for day, extra in [
            (date(2025, 6, 1), 100_000_00),
            (date(2026, 5, 31), 100_000_00),
            (date(2026, 6, 1), 0),
        ]:
            found = self.benefit(
                first, failure, again, cost("b", day, 100_000_00), cost("c", day, 900_000_00)
            )
            other_year = 150_000_00 if day >= date(2026, 3, 10) else 0
            self.assertEqual(found, 150_000_00 + other_year + extra, day)
        self.assertEqual(self.benefit(first, again, cost("b", date(2025, 6, 1), 900_000_00)), 150_000_00)

    def test_income(self):
        unable = event("i", "social", START, code="inability_to_work", ended_at=at(date(2024, 4, 11), 0))
        for salary, benefit in [
            (8_000_00, 4_000_00),
            (30_000_00, 10_000_00),
            (20_000_01, 10_000_00),
            (1_01, 51),
        ]:
            paid = event("w", "social", date(2023, 1, 1), code="base_salary", amount_minor=salary)
            self.assertEqual(self.sums(paid, unable)["income_benefit"], 2 * benefit)
        self.assertNotIn("income_benefit", self.sums(unable))

    def test_premium_of_years_without_complication(self):
        # To December 2031: eight premiums, of which those of the fifth to seventh anniversary may be x0.9.
        self.assertEqual(self.sums()["premium"], -(-8 * 6_000_00 + 3 * 600_00))
        early = event("k", "complication", START)
        self.assertEqual(self.sums(early)["premium"], 8 * 6_000_00 - 2 * 600_00)
        on_the_fifth = event("k", "complication", date(2029, 3, 10))
        self.assertEqual(self.sums(on_the_fifth)["premium"], 8 * 6_000_00 - 600_00)

    def doses(self, *months):
        found = []
        for month, taken in months:
            for metric, value in (("doses_due", 20), ("doses_taken", taken)):
                said = {"metric": metric, "value": value, "measured_at": at(date(2024, month, 20))}
                found.append(fact("wearable-readings", date(2024, month, 20), **said))
        return found

    def test_points(self):
        good = self.doses((4, 19), (5, 20), (6, 19))
        redeem = event("r", "points_redeemed", date(2024, 6, 30), points=100, item="check_up")
        self.assertEqual(self.sums(good, redeem)["points_redeemed"], 10_00)
        premium = {**redeem, "item": "premium"}
        self.assertEqual(self.sums(good, premium)["premium_points"], -10_00)
        for changed in [{"points": 101}, {"happened_at": at(date(2024, 6, 29))}]:
            self.assertNotIn("points_redeemed", self.sums(good, {**redeem, **changed}))
        for short in [self.doses((4, 19), (5, 18), (6, 19)), self.doses((3, 20), (4, 20), (5, 20))]:
            self.assertNotIn("points_redeemed", self.sums(short, redeem))
        again = {**redeem, "id": "r2"}
        self.assertEqual(
            self.sums(good, self.doses((7, 20), (8, 20)), redeem, again)["points_redeemed"], 10_00
        )


ELIGIBLE = [
    measured("a", "cd19", date(2024, 3, 1), 20.000001),
    measured("b", "ecog", date(2024, 3, 2), 1),
    event("c", "infection_status", date(2024, 3, 3), result="none"),
    event("d", "infusion", START),
]


class Shared(unittest.TestCase):
    def car_t(self, *facts):
        return by(nets("car-t-example", enrolled(), ELIGIBLE, *facts), "component", "service")

    def test_instalments(self):
        first, second_, bonus = (
            ("first_instalment", "2024-03"),
            ("second_instalment", "2024-06"),
            ("sustained_bonus", "2025-06"),
        )
        self.assertEqual(self.car_t(), {first: 720_000_00})
        remission = event("e", "assessment", date(2024, 6, 10), result="complete_remission")
        whole = {first: 720_000_00, second_: 480_000_00, bonus: 120_000_00}
        self.assertEqual(self.car_t(remission), whole)
        for kind in ("relapse", "death"):
            self.assertEqual(self.car_t(remission, event("f", kind, date(2024, 6, 10))), {first: 720_000_00})
            self.assertEqual(
                self.car_t(remission, event("f", kind, date(2025, 6, 10))),
                {first: 720_000_00, second_: 480_000_00},
            )
            self.assertEqual(self.car_t(remission, event("f", kind, date(2025, 6, 11))), whole)
        late = event("e", "assessment", date(2024, 6, 11), result="complete_remission")
        self.assertEqual(self.car_t(late), {first: 720_000_00, bonus: 120_000_00})
        partial = event("g", "assessment", date(2024, 6, 9), result="partial_remission")
        self.assertEqual(self.car_t(partial, late), {first: 720_000_00, bonus: 120_000_00})
        after = event("h", "assessment", date(2025, 6, 10), result="partial_remission")
        self.assertEqual(self.car_t(remission, after), {first: 720_000_00, second_: 480_000_00})

    def test_the_first_instalment_needs_all_three(self):
        for n in range(3):
            facts = [f for i, f in enumerate(ELIGIBLE) if i != n]
            self.assertEqual(by(nets("car-t-example", enrolled(), facts), "component"), {})
        low = measured("h", "cd19", date(2024, 3, 2), 20)
        found = by(nets("car-t-example", enrolled(), ELIGIBLE, low), "component")
        self.assertEqual(found, {})
        payers = by(nets("car-t-example", enrolled(), ELIGIBLE), "payer")
        self.assertEqual(payers, {"nhsa": 504_000_00, "insurer-example": 144_000_00, "patient": 72_000_00})

    def test_drug_refund(self):
        marker = measured("a", "pd-l1", START, 50)
        invoices = [
            cost("b", START, 100_01, public=70_01),
            cost("c", date(2024, 5, 10), 50_00),
            cost("d", date(2024, 5, 11), 9_00),
        ]
        # 50 % of 100.01 is 50.005, 50.01 away from zero, 70.01 : 30.00 of it; and 25.00.
        found = by(
            nets(
                "drug-refund-example",
                enrolled(),
                marker,
                invoices,
                event("e", "progression", date(2024, 5, 10)),
            ),
            "payer",
        )
        self.assertEqual(found, {"nhsa": -35_01, "patient": -40_00})
        for day in (START, date(2024, 5, 11)):
            self.assertEqual(
                nets("drug-refund-example", enrolled(), marker, invoices, event("e", "progression", day)), {}
            )
        low = measured("a2", "pd-l1", START, 49.9)
        self.assertEqual(
            nets(
                "drug-refund-example",
                enrolled(),
                marker,
                low,
                invoices,
                event("e", "progression", date(2024, 4, 1)),
            ),
            {},
        )

    def test_top_ups(self):
        fees = [cost("f", date(2024, 4, 10), 100_00, category="follow_on_treatment")]
        fees.append(cost("g", date(2024, 4, 11), 100_00, category="follow_on_treatment"))
        for before, after, total in [
            (10, 4, 220_00),
            (10, 5, 200_00),
            (10, 10, 200_00),
            (10, 11, 100_00),
            (0, 0, 200_00),
            (0, 1, 100_00),
        ]:
            pair = [measured("a", "ctdna", START, before), measured("b", "ctdna", date(2024, 4, 10), after)]
            self.assertEqual(
                by(nets("dynamic-example", enrolled(), pair, fees), "payer"), {"insurer-example": total}
            )
        alone = measured("a", "ctdna", START, 10)
        self.assertEqual(
            by(nets("dynamic-example", enrolled(), alone, fees), "payer"), {"insurer-example": 100_00}
        )

    def test_lifestyle(self):
        fee = cost("f", START, 100_00, category="lifestyle")
        middle = date(2024, 6, 10)
        for days, value, total in [(-14, 6.9, 120_00), (14, 7.0, 80_00), (-15, 6.9, None), (15, 6.9, None)]:
            test = measured("h", "4548-4", middle + timedelta(days), value)
            found = by(nets("lifestyle-example", enrolled(), fee, test), "payer")
            self.assertEqual(found, {"insurer-example": total} if total else {}, (days, value))

    def test_co_insurance(self):
        def year(systolic, days=3, without=None):
            found = []
            for month in range(1, 13):
                for day in range(1, days + 1):
                    for metric, value in (("systolic_pressure", systolic), ("diastolic_pressure", 89)):
                        on = date(2025, month, day)
                        if month != without:
                            said = {"metric": metric, "value": value, "measured_at": at(on)}
                            found.append(fact("wearable-readings", on, **said))
            facts = given.read(map(json.dumps, [enrolled(), *found]))
            case = next(iter(given.known(facts, second.Moment(len(facts), UNTIL))))
            return shared.co_insurance_points(case, 2025)

        self.assertEqual(year(139), -10)
        self.assertEqual(year(140), -5)
        self.assertEqual(year(139, days=2), -10)
        self.assertEqual(year(140, days=2), 0)
        self.assertEqual(year(139, without=7), 0)


if __name__ == "__main__":
    unittest.main()
