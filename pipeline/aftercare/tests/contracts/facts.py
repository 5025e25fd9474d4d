"""Random files of facts that go for the edges. One seed, one file, on any machine.

    facts.py CONTRACT SEED [PATIENTS]

prints the file. Each patient has an own clinician and own ids, so that a patient's facts make sense alone.
"""

import json
import random
import sys
from datetime import date, timedelta

from given import day_of, months_after, start_of
from making import DAY, MINUTE, SECOND, Patient


def warranty(patient):
    rng = patient.rng
    treated = patient.instant(patient.start)
    late = start_of(patient.start + timedelta(rng.randrange(90))) if patient.chance(8) else None
    since = start_of(patient.start - timedelta(3))
    said = {"organisation": "org-east", "clinician_id": patient.clinician, "treated_at": treated}
    patient.enrolment(stored=late, recorded=since, effective=since, **said)
    if patient.chance(12):
        moved = treated + rng.choice([-DAY, DAY, 2 * DAY])
        patient.enrolment(stored=patient.delayed(treated + 3 * DAY), treated_at=moved)
    cover(patient)
    consent(patient)
    if patient.chance(15):
        changed = start_of(patient.any_day(12))
        patient.enrolment(
            stored=patient.delayed(changed), effective=changed, clinician_id=f"{patient.clinician}2"
        )
    for slot in range(1, rng.choice([4, 12, 29])):
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
            upload(
                patient, patient.start + timedelta(14 * slot + rng.choice([-8, -7, -7, -3, 0, 0, 5, 6, 6, 7]))
            )
    for _ in range(rng.choice([0, 0, 1, 2])):
        therapy(patient)


def cover(patient):
    """Device and manufacturer: at the treatment, until the last day that counts, later, or never; corrected."""
    known = patient.start + timedelta(patient.rng.choice([0, 0, 0, 5, 29, 30, 30, 31, 31, 45, 60, 100]))
    at = patient.instant(known)
    said = {"device": "dev-1", "manufacturer": "maker-1"}
    if patient.chance(15):
        patient.enrolment(stored=patient.delayed(at), device=said.pop("device"))
    if patient.chance(92):
        fact = patient.enrolment(stored=at, **said)
        if patient.chance(6):
            later = patient.delayed(at + DAY)
            patient.facts.append({**fact, "stored_at": later, "revision": 2, "status": "entered_in_error"})
    if patient.chance(12):
        recorded = at + patient.rng.choice([-1, 1]) * patient.rng.randrange(DAY, 90 * DAY)
        stored = patient.delayed(max(recorded, start_of(patient.start)))
        patient.enrolment(stored=stored, recorded=recorded, manufacturer="maker-2")


def consent(patient):
    for _ in range(patient.rng.choice([0, 1, 1, 2, 3])):
        effective = start_of(patient.rng.choice([patient.start, patient.near(patient.any_day(13), 0, -30)]))
        stored = patient.delayed(effective)
        patient.enrolment(stored=stored, effective=effective, self_pay_consent=patient.chance(70))


def upload(patient, day):
    rng = patient.rng
    answered = patient.instant(day)
    uploaded = answered + rng.choice([0, 0, MINUTE, rng.randrange(4 * DAY), 30 * DAY])

    def reading():
        if patient.chance(6):
            return {"index": None, "missing": rng.choice(["no_baseline", "missing_answers"])}
        expected = rng.choice(
            [100, 100.0, 80, 0.5, 62.5, 33.333333, 120.1, rng.randrange(1, 200_000_000) / 1e6]
        )
        edges = [0.7, 0.9, 1.1, 0.7, 0.9, 1.1, 1, 0.5, 1.3, 0, -0.2]
        index = round(
            expected * rng.choice(edges) + rng.choice([0, 0, 1e-6, -1e-6, 4e-7, 5e-7, 1e-4]),
            rng.choice([6, 7, 9]),
        )
        said = {"index": index, "missing": None}
        if patient.chance(92):
            said.update(expected=expected, n=rng.randrange(1, 99), edition="ed-1")
        return said

    times_said = {"answered_at": answered, "uploaded_at": uploaded}
    fact = {
        "id": patient.id("u"),
        "episode_id": rng.choice([patient.episode, None]),
        **times_said,
        **reading(),
    }
    fact = patient.put(
        "prom-responses", uploaded, fact, patient.delayed(uploaded) if patient.chance(25) else None
    )
    patient.revise(fact, lambda: {**reading(), "answered_at": answered - rng.choice([0, 0, DAY])})
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        session(patient, fact["id"], uploaded)


def session(patient, upload_id, uploaded):
    rng = patient.rng
    first = start_of(day_of(uploaded))
    ended = max(
        first + rng.choice([0, 0, 1, 3, 6, 6, 7, 7]) * DAY + rng.choice([0, DAY - 1, rng.randrange(DAY)]),
        first,
    )
    lasted = rng.choice(
        [29 * SECOND, 29_999, 30 * SECOND, 30 * SECOND, 31 * SECOND, 90 * SECOND, 90 * SECOND, 40 * MINUTE]
    )

    def depth():
        return {
            "sections_read": rng.choice(
                [
                    ["scores"],
                    ["scores", "scores"],
                    ["scores", "trend"],
                    ["scores", "trend"],
                    ["scores", "trend", "vitals"],
                ]
            ),
            "interactions": rng.choice([2, 3, 3, 9]),
        }

    said = {
        "id": patient.id("s"),
        "upload_id": upload_id,
        "episode_id": patient.episode,
        "clinician_id": f"{patient.clinician}{rng.choice(['', '', '', '', '2'])}",
        "happened_at": ended - lasted,
        "ended_at": ended,
        **depth(),
    }
    if patient.chance(8):
        opened = {**said, "ended_at": None, "sections_read": [], "interactions": 0}
        patient.put("clinician-activity", ended - lasted, opened)
        fact = patient.put("clinician-activity", ended, {**said, "revision": 2, "status": "amended"})
    else:
        fact = patient.put("clinician-activity", ended, said)
        patient.revise(fact, depth)
    if patient.chance(15):
        burst(patient, fact)


def burst(patient, session):
    """Sessions of the same clinician for others, within about five minutes: five patients are no burst, six are."""
    start = session["happened_at"] - patient.rng.randrange(300 * SECOND)
    for other in range(patient.rng.choice([4, 5, 5, 6])):
        at = start + patient.rng.choice([0, 299_999, 299_999, 300_000, patient.rng.randrange(300 * SECOND)])
        fact = {
            "stream": "clinician-activity",
            "id": patient.id("b"),
            "patient_id": f"{patient.name}-x{max(other - patient.chance(10), 0)}",
            "clinician_id": session["clinician_id"],
            "happened_at": at,
            "ended_at": at + 5 * SECOND,
            "sections_read": [],
            "interactions": 0,
            "stored_at": patient.delayed(at + 5 * SECOND),
        }
        patient.facts.append(fact)
        patient.revise(fact, dict, withdrawn=60)


def therapy(patient):
    last = patient.start + timedelta(371)
    first = max(patient.start, patient.near(patient.rng.choice([patient.any_day(13), last]), -7, 0, 0))
    days = patient.rng.choice([6, 7, 8, 13, 14, 21, 40])
    end = {"ended_at": start_of(first + timedelta(days))}
    fact = patient.event("extended_therapy", first, **(end if patient.chance(85) else {}))
    patient.revise(fact, lambda: {"ended_at": start_of(first + timedelta(patient.rng.choice([7, 14, 20])))})


def transplant(patient):
    rng = patient.rng
    at = patient.instant(patient.start)
    patient.enrolment(
        treated_at=at, organisation="org-east", clinician_id=patient.clinician, procedure="kidney-transplant"
    )
    patient.event("surgery", patient.start, at=at)
    if patient.chance(25):
        failed = patient.any_day(20) + timedelta(2)
        patient.event("graft_failure", failed)
        again = failed + timedelta(rng.choice([-9, 1, 10, 60]))
        patient.event("surgery", again)
        for _ in range(rng.choice([1, 4])):
            patient.cost(
                patient.near(again, -1, 0, 30, 364), patient.amount(60_000_00, 120_000_00), "inpatient"
            )
        patient.cost(patient.near(months_after(again, 12), -1, 0), 30_000_00, "drug")
    for _ in range(rng.choice([1, 5, 12, 30])):
        amount = patient.amount(
            5_000_00, 10_000_00, 10_000_01, 100_000_00, 222_222_22, 400_000_00, 12_35, 12_39
        )
        patient.cost(patient.any_day(27), amount, rng.choice(["drug", "inpatient", "outpatient", "test"]))
    for _ in range(rng.choice([0, 1, 2])):
        first = patient.near(patient.any_day(14), 0, -20)
        end = (
            {"ended_at": start_of(first + timedelta(rng.choice([1, 30, 200])))} if patient.chance(60) else {}
        )
        patient.revise(
            patient.event("programme", first, **end), lambda: {"ended_at": start_of(first + timedelta(90))}
        )
    income(patient)
    for _ in range(rng.choice([0, 0, 1])):
        patient.event("complication", patient.any_day(20), coding="icd-10", code="T86.1")
    if patient.chance(10):
        patient.event("death", patient.any_day(26))
    doses(patient)


def income(patient):
    for _ in range(patient.rng.choice([0, 0, 1, 2])):
        first = patient.near(patient.any_day(12), 0, -10)
        end = {"ended_at": start_of(patient.near(months_after(first, patient.rng.choice([1, 4])), -1, 0, 1))}
        fact = patient.event(
            "social",
            first,
            coding="aftercare",
            code="inability_to_work",
            **(end if patient.chance(70) else {}),
        )
        patient.revise(fact, lambda: end)
    for _ in range(patient.rng.choice([0, 1, 1, 2])):
        salary = patient.rng.choice([8_000_00, 30_000_00, 20_000_00, 20_000_01, 1_234_57])
        day = patient.near(patient.any_day(11), 0, -400)
        fact = patient.event(
            "social", day, coding="aftercare", code="base_salary", amount_minor=salary, currency="CNY"
        )
        patient.revise(fact, lambda: {"amount_minor": patient.rng.choice([9_000_00, 19_999_99])})


def doses(patient):
    """Months of doses at, above and below 95 %, one without; and points redeemed."""
    rng = patient.rng
    first = months_after(patient.start.replace(day=1), -1)
    for n in range(rng.choice([0, 0, 8, 16])):
        month = months_after(first, n)
        due, taken = rng.choice([(20, 19), (20, 19), (20, 20), (60, 57), (60, 56), (30, 30), (0, 0)])
        days = [month, month + timedelta(rng.randrange(28)), months_after(month, 1) - timedelta(1)]
        for metric, total in (("doses_due", due), ("doses_taken", taken)):
            for at, value in zip(days, [total // 2, total - total // 2]):
                patient.reading(metric, patient.instant(at), value, "{doses}")
    for _ in range(rng.choice([0, 1, 3])):
        at = patient.instant(patient.any_day(18))
        item = rng.choice(["premium", "check_up", "rehabilitation"])
        said = {"id": patient.id("r"), "kind": "points_redeemed", "happened_at": at, "item": item}
        said["points"] = rng.choice([1, 50, 100, 100, 101, 200, 33])
        fact = patient.put("commerce-events", at, said)
        patient.revise(fact, lambda: {"points": rng.choice([1, 99, 100, 200])})


def car_t(patient):
    rng = patient.rng
    patient.enrolment(
        treated_at=patient.instant(patient.start),
        organisation="org-east",
        procedure="car-t",
        manufacturer="maker-1",
        device="dev-1",
    )
    before = patient.start - timedelta(40)
    for _ in range(rng.choice([1, 1, 2, 3])):
        patient.value(
            "cd19",
            before + timedelta(rng.randrange(40)),
            rng.choice([20, 20.0000004, 20.0000005, 20.000001, 21, 19, 60, 60]),
        )
    for _ in range(rng.choice([1, 1, 2])):
        patient.value("ecog", before + timedelta(rng.randrange(40)), rng.choice([0, 1, 1, 2]), unit="{score}")
    for _ in range(rng.choice([1, 1, 2])):
        status = patient.event(
            "infection_status",
            before + timedelta(rng.randrange(40)),
            result=rng.choice(["active", "none", "none"]),
        )
        patient.revise(status, lambda: {"result": rng.choice(["active", "none"])})
    if patient.chance(95):
        patient.event("infusion", patient.start)
    decided = months_after(patient.start, 3)
    for _ in range(rng.choice([0, 1, 2, 3])):
        day = patient.near(decided, -30, -1, 0, 0, 1, -60, -(decided - patient.start).days)
        assess(patient, day)
    for _ in range(rng.choice([0, 0, 1])):
        assess(patient, patient.near(months_after(decided, 12), -40, -1, 0, 0, 1, 1, -70))
    for kind in ("relapse", "death"):
        if patient.chance(15):
            patient.event(
                kind, patient.near(months_after(patient.start, rng.choice([0, 3, 12, 15])), -1, 0, 1)
            )


def assess(patient, day):
    results = ["complete_remission"] * 4 + ["partial_remission", "no_remission"]
    fact = patient.event("assessment", day, result=patient.rng.choice(results))
    patient.revise(fact, lambda: {"result": patient.rng.choice(results)})


def drug_refund(patient):
    rng = patient.rng
    patient.enrolment(
        treated_at=patient.instant(patient.start),
        organisation="org-east",
        procedure="nsclc",
        manufacturer="maker-1",
        device="drug-1",
    )
    patient.event("treatment_start", patient.start, code="drug-1")
    for _ in range(rng.choice([0, 1, 1, 2])):
        patient.value(
            "pd-l1",
            patient.near(patient.start, -30, -1, 0, 0, 1),
            rng.choice([50, 50, 49.9999995, 49.9999994, 80, 49]),
        )
    limit = months_after(patient.start, 2)
    for _ in range(rng.choice([0, 1, 1, 2])):
        day = rng.choice([patient.near(patient.start, 0, 1, 20), patient.near(limit, -1, 0, 0, 1)])
        fact = patient.event("progression", day)
        patient.revise(fact, dict, withdrawn=50)
    for _ in range(rng.choice([1, 2, 6])):
        day = rng.choice([patient.near(patient.start, -1, 0, 1, 20, 21), patient.near(limit, -1, 0, 1)])
        amount = patient.amount(1, 5, 10_01, 12_345_67)
        kinds = rng.choice(
            [
                ("public_insurance", "patient"),
                ("public_insurance", "commercial_insurance", "charity"),
                ("patient",),
            ]
        )
        patient.cost(
            day,
            amount,
            rng.choice(["drug", "drug", "drug", "test"]),
            payers=patient.paid(amount, kinds),
            coding="atc",
            code="L01FF02",
        )


def dynamic(patient):
    rng = patient.rng
    patient.enrolment(treated_at=patient.instant(patient.start), organisation="org-east", procedure="nsclc")
    judged = months_after(patient.start, 1)
    levels = [0, 10, 10, 5, 4.999999, 4.9999999, 5.000001, 5.000005, 4.999995, 10.000001, 20]
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        patient.value(
            "ctdna", patient.near(patient.start, -20, -1, 0, 0), rng.choice(levels), unit="{copies}/mL"
        )
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        patient.value(
            "ctdna", patient.near(judged, -29, -20, -1, 0, 0, 1), rng.choice(levels), unit="{copies}/mL"
        )
    for _ in range(rng.choice([1, 3, 6])):
        amount = patient.amount(1, 2, 3, 1_000_02)
        category = rng.choice(["follow_on_treatment"] * 3 + ["drug"])
        patient.cost(patient.near(judged, -20, -1, 0, 0, 1, 1, 30, 200), amount, category)


def lifestyle(patient):
    rng = patient.rng
    patient.enrolment(
        treated_at=patient.instant(patient.start), organisation="org-east", procedure="diabetes-2"
    )
    middle = months_after(patient.start, 3)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        value = rng.choice([7, 7.0, 6.9999996, 6.9999994, 6.9, 7.1, 7.0000004])
        patient.value(
            "4548-4", patient.near(middle, -15, -14, -14, -1, 0, 13, 14, 14, 15), value, coding="loinc"
        )
    amount = patient.amount(1, 2, 3, 1_234_57)
    patient.cost(patient.near(patient.start, 0, 10, 60), amount, "lifestyle")


def co_insurance(patient):
    """Years of home blood pressures about the limits, in which a month may lack some."""
    rng = patient.rng
    patient.enrolment(treated_at=patient.instant(patient.start), organisation="org-east")
    for year in rng.choice([[2025], [2024, 2025]]):
        systolic, diastolic = rng.choice([120, 139, 139, 139, 140]), rng.choice([80, 89, 89, 89, 90])
        poor = rng.randrange(14)
        for month in range(1, 13):
            first = date(year, month, 1)
            days = [first, months_after(first, 1) - timedelta(1), first + timedelta(rng.randrange(28)), first]
            for day in days[: rng.randrange(4) if month == poor else rng.choice([3, 3, 4])]:
                at = patient.instant(day)
                off = rng.choice([0, 0, 0, 0.5, -0.5, 0.4, -0.3])
                patient.reading("systolic_pressure", at, systolic + off, "mm[Hg]")
                patient.reading("diastolic_pressure", at, diastolic + off, "mm[Hg]")


KINDS = {
    "warranty-example": warranty,
    "transplant-cover-example": transplant,
    "car-t-example": car_t,
    "drug-refund-example": drug_refund,
    "co-insurance-example": co_insurance,
    "dynamic-example": dynamic,
    "lifestyle-example": lifestyle,
}
UNTIL = date(2031, 12, 10)


def closings(rng):
    """Months closed a few hours or weeks after their end, some of them together with the next, some twice."""
    month, found = date(2024, 1, 1), []
    while month < date(2027, 6, 1):
        month = months_after(month, rng.choice([1, 1, 1, 1, 2]))
        at = start_of(month) + rng.choice([0, 1, 3600 * SECOND, rng.randrange(20 * DAY)])
        closing = {"stream": "closings", "month": months_after(month, -1).isoformat()[:7], "stored_at": at}
        found += [closing, closing] if rng.randrange(10) == 0 else [closing]
    return found


def file(contract, seed, patients=3):
    """Lines of a file, in no order but that of facts and closings which are stored at one instant."""
    rng = random.Random(f"{contract}/{seed}")
    shut = closings(rng)
    facts = list(shut)
    for n in range(patients):
        patient = Patient(rng, f"p{seed}-{n}", [closing["stored_at"] for closing in shut])
        KINDS[contract](patient)
        facts += patient.facts
    rng.shuffle(facts)
    return [json.dumps(fact) for fact in facts]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    print("\n".join(file(arguments[0], *map(int, arguments[1:]))))
