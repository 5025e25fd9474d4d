"""Whether the random files reach the edges: each small error below must change the nets of some file.

An error is a text of the second implementation and what is put in its place.
"""

import inspect
import sys
import types
from functools import partial

import component
import facts
import given
import second
import shared
import transplant
import warranty

FILES_MAX = 1_500

WARRANTY = [
    ("LOW <= reached", "LOW < reached"),
    ("reached <= HIGH", "reached < HIGH"),
    ("reached <= COLLAPSE", "reached < COLLAPSE"),
    ("six(six(upload.index) / six(upload.expected))", "six(upload.index) / six(upload.expected)"),
    ("six(six(upload.index) / six(upload.expected))", "six(upload.index / upload.expected)"),
    ("if upload.expected is None", "if not upload.expected or upload.index == 0"),
    ("+ HALF_SLOT) //", "+ HALF_SLOT - 1) //"),
    ("+ HALF_SLOT) //", "+ HALF_SLOT + 1) //"),
    ("if slot >= 1", "if slot >= 0"),
    ("first.setdefault(slot, upload)", "first[slot] = upload"),
    ("if slot <= SLOTS", "if slot < SLOTS"),
    ("if slot <= SLOTS", "if slot <= SLOTS + 1"),
    ('(f.at("answered_at"), f.at("uploaded_at"), f.id)', '(f.at("uploaded_at"), f.id)'),
    ("first <= session", "first < session"),
    ("< first + timedelta(REVIEW_DAYS)", "<= first + timedelta(REVIEW_DAYS)"),
    ('first = upload.on("uploaded_at")', 'first = upload.on("answered_at")'),
    ('case.standing("clinician_id", session.on("ended_at"))', 'case.standing("clinician_id", case.today)'),
    (">= SECONDS_MIN", "> SECONDS_MIN"),
    ("SECONDS_MIN * 1000", "SECONDS_MIN * 1000 - 1"),
    ("len(set(session.sections_read or []))", "len(session.sections_read)"),
    (">= SECTIONS_MIN", "> SECTIONS_MIN"),
    (">= INTERACTIONS_MIN", "> INTERACTIONS_MIN"),
    ("> BURST_PATIENTS_MAX", ">= BURST_PATIENTS_MAX"),
    ("{patient for at, patient in near", "{at for at, patient in near"),
    ("at < window + BURST_MS}", "at <= window + BURST_MS}"),
    ("if at <= start]", "if at == start]"),
    ('(session.at("ended_at"), session.id)', "session.id"),
    ("case.today <= case.treated", "case.today < case.treated"),
    ('upload.on("answered_at"))\n    return', "case.today)\n    return"),
    ("end is not None and week + timedelta(7) <= end", "end is not None and week + timedelta(7) < end"),
    ('if upload.on("answered_at") < week]', 'if upload.on("answered_at") <= week]'),
    ("week < case.treated", "week <= case.treated"),
    ("before[-1]", "before[0]"),
    ("week + timedelta(6), COMP", "week + timedelta(7), COMP"),
]
TRANSPLANT = [
    (
        "day < months_after(case.treated, CONSOLIDATION_FROM)",
        "day <= months_after(case.treated, CONSOLIDATION_FROM)",
    ),
    (
        "day < months_after(case.treated, MAINTENANCE_FROM)",
        "day <= months_after(case.treated, MAINTENANCE_FROM)",
    ),
    ("(year + 1)) <= day", "(year + 1)) < day"),
    ("if participates(case, day)", "if participates(case, case.treated)"),
    ("deductible[year] -= deducted", "pass"),
    ("(cost.on(), cost.id)", "(cost.at(), cost.id)"),
    ("cost.on() >= case.treated]", "cost.on() > case.treated]"),
    ("whole((own - deducted) * RATE)", "int((own - deducted) * RATE)"),
    ("second <= day", "second < day"),
    ("day < months_after(second", "day <= months_after(second"),
    ("extra_left -= extra", "pass"),
    ("min(payable - extra,", "0 if extra else min(payable,"),
    ("200_000_00", "200_000_01"),
    ('"consolidation": 150_000_00', '"consolidation": 150_000_01'),
    ('"maintenance": 150_000_00', '"maintenance": 150_000_01'),
    ("span.on() <= day and", "span.on() < day and"),
    ("day < end)", "day <= end)"),
    ("failure.at() < s.at()", "True"),
    ("for failure in failures", "for failure in failures or surgeries"),
    ("range(INCOME_MONTHS)", "range(INCOME_MONTHS + 1)"),
    ("salary.amount_minor * INCOME_RATE, INCOME_MAX", "salary.amount_minor, INCOME_MAX"),
    ("case.last(salaries, day)", "case.last(salaries, case.today)"),
    ("since <= on < day", "since < on < day"),
    ("since <= on < day", "since <= on <= day"),
    (">= ADHERENCE_MIN", "> ADHERENCE_MIN"),
    ("doses > 0 and", "doses == 0 or"),
    ("run = 0\n            yield", "run = 2\n            yield"),
    ("first if first >= case.treated else", "first if True else"),
    ("if first >= case.treated", "if first > case.treated"),
    ("day <= event.on()", "day < event.on()"),
    ("event.points > balance", "event.points >= balance"),
    ("            continue\n        spent", "            pass\n        spent"),
]
CAR_T = [
    ("> CD19_OVER", ">= CD19_OVER"),
    ("<= ECOG_MAX", "< ECOG_MAX"),
    ("six(cd19.value)", "cd19.value"),
    ("case.last(events, day) for events", "case.last(events, case.today) for events"),
    ("if event.on() >= infusion]\n    lost", "if event.on() > infusion]\n    lost"),
    ("for event in case.events(kind) if event.on() >= infusion", "for event in case.events(kind)"),
    ("case.last(assessments, decided)", "case.last(assessments, decided - timedelta(1))"),
    ("case.last(assessments, decided)", "case.last(assessments, case.today)"),
    ("COMPLETE and not any(day <= decided", "COMPLETE and not any(day < decided"),
    ("day <= stands", "day < stands"),
    ("lost + contrary", "lost"),
    (" and event.at() >= first.at()]", "]"),
    ("case.today < decided or", ""),
]
DRUG_REFUND = [
    ("< PD_L1_MIN", "<= PD_L1_MIN"),
    ("six(marker.value)", "marker.value"),
    ('"pd-l1"), start)', '"pd-l1"), start - timedelta(1))'),
    ("if start < e.on()", "if start <= e.on()"),
    ("e.on() <= until", "e.on() < until"),
    ("<= progressed:", "< progressed:"),
    ("<= progressed:", "<= until:"),
    ("and start <= invoice", "and start < invoice"),
    ('invoice.cost_category == "drug" and', ""),
]
CO_INSURANCE = [
    (">= PRESSURE_DAYS", "> PRESSURE_DAYS"),
    ("len({day for day, _ in values})", "len(values)"),
    ("/ len(values)) < under", "/ len(values)) <= under"),
    ("for values, under in month", "for values, under in month[:1]"),
    ("range(1, 13)", "range(1, 12)"),
    ("CONTROL_POINTS if in_control else MEASURED_POINTS if measured", "MEASURED_POINTS if measured"),
    ("date(year + 1, 1, 1)", "date(year, 12, 31)"),
]
DYNAMIC = [
    ("fee.on() <= judged", "fee.on() < judged"),
    ("case.last(markers, start)", "case.last(markers, start - timedelta(1))"),
    ("if event.on() > start], judged)", "if event.on() > start], judged - timedelta(1))"),
    ("if event.on() > start]", "if event.on() >= start]"),
    ("if after > before", "if after >= before"),
    ("< before * HALVED", "<= before * HALVED"),
    ("six(before.value), six(after.value)", "before.value, after.value"),
    (
        "before is None or after is None:\n        return None",
        "before is None or after is None:\n        return 1",
    ),
]
LIFESTYLE = [
    ("middle - reach <= event", "middle - reach < event"),
    ("event.on() <= middle + reach", "event.on() < middle + reach"),
    ("six(first.value) < HBA1C_UNDER", "six(first.value) <= HBA1C_UNDER"),
    ("six(first.value)", "first.value"),
    ("for event in tests if", "for event in tests[::-1] if"),
]
BOOKING = [
    ("warranty-example", "max(key.service, opened(last_closed))", "key.service"),
    ("warranty-example", "max(key.service, opened(last_closed))", "opened(last_closed) or key.service"),
    ("warranty-example", "book(Moment(fact.place, ", "book(Moment(fact.place + 9, "),
    ("warranty-example", "component.on <= moment.today", "True"),
    ("drug-refund-example", "(parts[n] - exact[n], n)", "(exact[n] - parts[n], n)"),
    ("drug-refund-example", "abs(amount) + Fraction(1, 2)", "abs(amount)"),
]
ACCRUAL = [
    ("max(on, accrued)", "on"),
    ("max(case.treated, case.known", "max(case.known"),
    ('case.known("manufacturer"))', "case.treated)"),
    ("actual - released", "actual"),
    ("+ timedelta(LAPSE_DAYS)", "+ timedelta(LAPSE_DAYS - 1)"),
    (
        'upload.on("uploaded_at") + timedelta(REVIEW_DAYS)',
        'upload.on("uploaded_at") + timedelta(REVIEW_DAYS - 1)',
    ),
]
RULES = [
    ("warranty-example", warranty, "components", WARRANTY),
    ("warranty-example", warranty, "postings", ACCRUAL),
    ("transplant-cover-example", transplant, "components", TRANSPLANT),
    ("car-t-example", shared, "car_t", CAR_T),
    ("drug-refund-example", shared, "drug_refund", DRUG_REFUND),
    ("co-insurance-example", shared, "co_insurance", CO_INSURANCE),
    ("dynamic-example", shared, "dynamic", DYNAMIC),
    ("lifestyle-example", shared, "lifestyle", LIFESTYLE),
]


def with_error(module, old, new):
    """The module with one text of it replaced."""
    source = inspect.getsource(module)
    if source.count(old) != 1:
        raise SystemExit(f"{module.__name__}: {source.count(old)} times: {old}")
    changed = types.ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__name__, "exec"), changed.__dict__)
    return changed


def errors():
    """Each error: the contract whose files must find it, its texts, the right nets, and the nets with it."""
    for contract, module, name, texts in RULES:
        right = partial(second.nets, contract, kind={contract: getattr(module, name)})
        for old, new in texts:
            wrong = getattr(with_error(module, old, new), name)
            yield contract, old, new, right, partial(second.nets, contract, kind={contract: wrong})
    for contract, old, new in BOOKING:
        in_parts = inspect.getsource(component).count(old)
        changed = with_error(component, old, new) if in_parts else with_error(second, old, new)
        wrong = partial(with_parts(changed).nets if in_parts else changed.nets, contract)
        yield contract, old, new, partial(second.nets, contract), wrong


def with_parts(parts):
    """Nets whose components are rounded and split so."""
    changed = with_error(second, "from component import", "from component import Component,")
    changed.rounded, changed.split = parts.rounded, parts.split
    return changed


def found_by(contract, right, wrong):
    """The first file whose nets an error changes."""
    for seed in range(1, FILES_MAX + 1):
        known = given.read(facts.file(contract, seed))
        if right(known, facts.UNTIL) != wrong(known, facts.UNTIL):
            return seed
    return None


def main():
    missed = 0
    for contract, old, new, right, wrong in errors():
        seed = found_by(contract, right, wrong)
        missed += seed is None
        print(f"{contract}: {'missed' if seed is None else f'file {seed}'}: {old!r} -> {new!r}", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
