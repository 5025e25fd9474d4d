"""Shared contracts: CAR-T, refund of a drug, top-ups that follow a marker, lifestyle work, co-insurance."""

from datetime import date, timedelta
from fractions import Fraction

from component import Component
from given import months_after, six

INSURER = "insurer-example"

COMPLETE = "complete_remission"
CAR_T = 1_200_000_00
FIRST, SECOND, SUSTAINED = Fraction(6, 10), Fraction(4, 10), Fraction(1, 10)
CAR_T_PAYERS = [("nhsa", 7), ("insurer-example", 2), ("patient", 1)]
CLAWBACK = Fraction(0)
CD19_OVER, ECOG_MAX = 20, 1
DECISION_MONTHS, SUSTAINED_MONTHS = 3, 12

PD_L1_MIN = 50
REFUND, REFUND_MONTHS = Fraction(1, 2), 2

HALVED, TOP_UP, TOP_UP_MONTHS = Fraction(1, 2), Fraction(12, 10), 1
HBA1C_UNDER, LIFESTYLE_MONTHS, LIFESTYLE_DAYS = 7, 3, 14
LIFESTYLE_GOOD, LIFESTYLE_POOR = Fraction(12, 10), Fraction(8, 10)

SYSTOLIC_UNDER, DIASTOLIC_UNDER, PRESSURE_DAYS = 140, 90, 3
MEASURED_POINTS, CONTROL_POINTS = -5, -10


def measurements(case, code):
    return [event for event in case.events("measurement", code) if event.value is not None]


def car_t(case):
    if case.manufacturer is None:
        return
    eligible = first_eligible(case)
    if eligible is not None:
        yield instalment(case, "first_instalment", eligible, FIRST)
    infusion = next((event.on() for event in case.events("infusion")), None)
    if infusion is None:
        return
    assessments = [event for event in case.events("assessment") if event.on() >= infusion]
    lost = [
        event.on() for kind in ("relapse", "death") for event in case.events(kind) if event.on() >= infusion
    ]
    yield from response(case, months_after(infusion, DECISION_MONTHS), assessments, lost, eligible)
    yield from sustained(case, assessments, lost)


def response(case, decided, assessments, lost, eligible):
    """At three months; nothing while there is no assessment."""
    last = case.last(assessments, decided)
    if case.today < decided or not (last or any(day <= decided for day in lost)):
        return
    if last and last.result == COMPLETE and not any(day <= decided for day in lost):
        yield instalment(case, "second_instalment", decided, SECOND)
    elif eligible is not None:
        yield instalment(case, "clawback", decided, -FIRST * CLAWBACK)


def sustained(case, assessments, lost):
    """A year after the first assessment of remission, if nothing has spoken against it."""
    first = next((event for event in assessments if event.result == COMPLETE), None)
    if first is None:
        return
    stands = months_after(first.on(), SUSTAINED_MONTHS)
    contrary = [event.on() for event in assessments if event.result != COMPLETE and event.at() >= first.at()]
    if not any(day <= stands for day in lost + contrary):
        yield instalment(case, "sustained_bonus", stands, SUSTAINED)


def instalment(case, name, on, part):
    return Component(name, on, CAR_T * part, CAR_T_PAYERS, case.manufacturer)


def first_eligible(case):
    """The first day on which the last known marker, infection status and performance all hold."""
    markers = measurements(case, "cd19"), measurements(case, "ecog")
    statuses = case.events("infection_status")
    for day in sorted({event.on() for event in markers[0] + markers[1] + statuses}):
        cd19, ecog, status = (case.last(events, day) for events in (*markers, statuses))
        free = cd19 and ecog and status and status.result == "none"
        if free and six(cd19.value) > CD19_OVER and 0 <= six(ecog.value) <= ECOG_MAX:
            return day
    return None


def drug_refund(case):
    start = case.treated
    if start is None or case.manufacturer is None:
        return
    marker = case.last(measurements(case, "pd-l1"), start)
    if marker is None or six(marker.value) < PD_L1_MIN:
        return
    until = months_after(start, REFUND_MONTHS)
    progressed = next((e.on() for e in case.events("progression") if start < e.on() <= until), None)
    if progressed is None:
        return
    for invoice in case.events("cost"):
        if invoice.cost_category == "drug" and start <= invoice.on() <= progressed:
            paid = [(part["payer"] or part["payer_kind"], part["amount_minor"]) for part in invoice.payers]
            yield Component("refund", progressed, -invoice.amount_minor * REFUND, paid, case.manufacturer)


def dynamic(case):
    start = case.treated
    if start is None:
        return
    judged = months_after(start, TOP_UP_MONTHS)
    factor = top_up_factor(case, start, judged)
    for fee in case.events("cost"):
        if fee.cost_category != "follow_on_treatment":
            continue
        times = 1 if fee.on() <= judged else factor
        if times:
            yield from stepped("top_up", fee, fee.on(), times)


def top_up_factor(case, start, judged):
    """None: held, there is no pair; 0: payment has stopped."""
    markers = measurements(case, "ctdna")
    before = case.last(markers, start)
    after = case.last([event for event in markers if event.on() > start], judged)
    if before is None or after is None:
        return None
    before, after = six(before.value), six(after.value)
    if after > before:
        return 0
    return TOP_UP if after < before * HALVED else 1


def lifestyle(case):
    start = case.treated
    if start is None:
        return
    middle, reach = months_after(start, LIFESTYLE_MONTHS), timedelta(LIFESTYLE_DAYS)
    tests = measurements(case, "4548-4")
    first = next((event for event in tests if middle - reach <= event.on() <= middle + reach), None)
    if first is None:
        return
    factor = LIFESTYLE_GOOD if six(first.value) < HBA1C_UNDER else LIFESTYLE_POOR
    for fee in case.events("cost"):
        if fee.cost_category == "lifestyle":
            yield from stepped("lifestyle", fee, first.on(), factor)


def stepped(name, fee, on, factor):
    """A fee, and the adjustment that a step makes of it."""
    yield Component(f"{name}_fee", on, fee.amount_minor, [(INSURER, 1)], fee.provider)
    yield Component(f"{name}_adjustment", on, fee.amount_minor * (factor - 1), [(INSURER, 1)], fee.provider)


def co_insurance(case):
    """Points off, as if each were a minor unit, on the first day of their year."""
    for year in range(case.treated.year, case.today.year) if case.treated else []:
        points = co_insurance_points(case, year)
        yield Component("points", date(year + 1, 1, 1), -points, [(INSURER, 1)], "patient")


def co_insurance_points(case, year):
    """Points of the year after `year`, by its home blood pressures; 0: none."""
    metrics = [
        (case.months("systolic_pressure"), SYSTOLIC_UNDER),
        (case.months("diastolic_pressure"), DIASTOLIC_UNDER),
    ]
    names = [f"{year}-{month:02}" for month in range(1, 13)]
    months = [[(found[name], under) for found, under in metrics] for name in names]
    measured = all(
        len({day for day, _ in values}) >= PRESSURE_DAYS for month in months for values, _ in month
    )
    in_control = all(
        values and six(sum(value for _, value in values) / len(values)) < under
        for month in months
        for values, under in month
    )
    return CONTROL_POINTS if in_control else MEASURED_POINTS if measured else 0
