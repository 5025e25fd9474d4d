"""Transplant cover: sums by stage, a deductible by year, premiums, income and points."""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction

from component import Component
from given import month_of, months_after, six

INSURER = "insurer-example"
YEAR_SUM = 500_000_00
STAGE_SUMS = {"acute": 200_000_00, "consolidation": 150_000_00, "maintenance": 150_000_00}
CONSOLIDATION_FROM, MAINTENANCE_FROM = 3, 12
RATE = Fraction(9, 10)
DEDUCTIBLE, DEDUCTIBLE_OF_PARTICIPANTS = 10_000_00, 5_000_00
EXTRA_SUM, EXTRA_MONTHS = 100_000_00, 12
INCOME_RATE, INCOME_MAX, INCOME_MONTHS = Fraction(1, 2), 10_000_00, 12
PREMIUM, PREMIUM_WITHOUT_COMPLICATION, CLEAN_YEARS = 6_000_00, Fraction(9, 10), 5
ADHERENCE_MIN, RUN_MONTHS, RUN_POINTS, POINT = 95, 3, 100, 10


def components(case):
    if case.treated is None:
        return
    yield from benefits(case)
    yield from incomes(case)
    yield from premiums(case)
    yield from redemptions(case)


def policy_year(case, day):
    year = 0
    while months_after(case.treated, 12 * (year + 1)) <= day:
        year += 1
    return year


def stage(case, day):
    if day < months_after(case.treated, CONSOLIDATION_FROM):
        return "acute"
    return "consolidation" if day < months_after(case.treated, MAINTENANCE_FROM) else "maintenance"


def benefits(case):
    deductible, stage_left, year_left = {}, {}, defaultdict(lambda: YEAR_SUM)
    second, extra_left = second_surgery(case), EXTRA_SUM
    costs = [cost for cost in case.events("cost") if cost.on() >= case.treated]
    for cost in sorted(costs, key=lambda cost: (cost.on(), cost.id)):
        day = cost.on()
        year, part = policy_year(case, day), stage(case, day)
        if year not in deductible:
            deductible[year] = DEDUCTIBLE_OF_PARTICIPANTS if participates(case, day) else DEDUCTIBLE
        stage_left.setdefault((year, part), STAGE_SUMS[part])
        own = max(0, cost.amount_minor - public_part(cost))
        deducted = min(own, deductible[year])
        deductible[year] -= deducted
        payable = whole((own - deducted) * RATE)
        extra = 0
        if second is not None and second <= day < months_after(second, EXTRA_MONTHS):
            extra = min(payable, extra_left)
            extra_left -= extra
        normal = min(payable - extra, stage_left[year, part], year_left[year])
        stage_left[year, part] -= normal
        year_left[year] -= normal
        if extra + normal:
            yield Component("benefit", day, extra + normal, [(INSURER, 1)], "patient")


def whole(amount):
    """The minor unit, half away from zero, of an amount that is not negative."""
    return int(amount + Fraction(1, 2))


def public_part(cost):
    return sum(part["amount_minor"] for part in cost.payers or [] if part["payer_kind"] == "public_insurance")


def holds(span, day):
    end = span.on("ended_at")
    return span.on() <= day and (end is None or day < end)


def participates(case, day):
    return any(holds(programme, day) for programme in case.events("programme"))


def second_surgery(case):
    """The first surgery after a recorded graft failure."""
    failures = case.events("graft_failure")
    surgeries = [s for s in case.events("surgery") if s.on() > case.treated]
    after = [s.on() for s in surgeries if any(failure.at() < s.at() for failure in failures)]
    return min(after, default=None)


def incomes(case):
    salaries = case.events("social", "base_salary")
    for n in range(INCOME_MONTHS):
        day = months_after(case.treated, n)
        unable = any(holds(span, day) for span in case.events("social", "inability_to_work"))
        salary = case.last(salaries, day)
        if unable and salary and not case.dead_by(day):
            amount = min(salary.amount_minor * INCOME_RATE, INCOME_MAX)
            yield Component("income_benefit", day, amount, [(INSURER, 1)], "patient")


def premiums(case):
    complications = [event.on() for event in case.events("complication")]
    year = 0
    while (day := months_after(case.treated, 12 * year)) <= case.today:
        since = months_after(case.treated, 12 * (year - CLEAN_YEARS))
        clean = year >= CLEAN_YEARS and not any(since <= on < day for on in complications)
        if not case.dead_by(day):
            amount = PREMIUM * (PREMIUM_WITHOUT_COMPLICATION if clean else 1)
            yield Component("premium", day, amount, [("patient", 1)], INSURER)
        year += 1


def earned(case):
    """The days on which points were earned."""
    taken, due = case.months("doses_taken"), case.months("doses_due")
    run, first = 0, case.treated.replace(day=1)
    month = first if first >= case.treated else months_after(first, 1)
    while (after := months_after(month, 1)) - timedelta(1) <= case.today:
        doses = sum(value for _, value in due[month_of(month)])
        good = (
            doses > 0
            and six(100 * sum(value for _, value in taken[month_of(month)]) / doses) >= ADHERENCE_MIN
        )
        run = run + 1 if good else 0
        if run == RUN_MONTHS:
            run = 0
            yield after - timedelta(1)
        month = after


def redemptions(case):
    days, spent = list(earned(case)), 0
    for event in case.events("points_redeemed", stream="commerce-events"):
        balance = RUN_POINTS * sum(day <= event.on() for day in days) - spent
        if event.points > balance:
            continue
        spent += event.points
        worth = event.points * POINT
        if event.item == "premium":
            yield Component("premium_points", event.on(), -worth, [("patient", 1)], INSURER)
        else:
            yield Component("points_redeemed", event.on(), worth, [(INSURER, 1)], "patient")
