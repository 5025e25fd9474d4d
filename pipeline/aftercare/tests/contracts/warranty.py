"""Warranty: a manufacturer pays for the follow-up of its device."""

from datetime import timedelta
from fractions import Fraction

from component import Component, rounded, split
from given import six

FEE = 80_00
STEP = Fraction(2, 10)
LOW, HIGH, COLLAPSE = Fraction(9, 10), Fraction(11, 10), Fraction(7, 10)
SHARES = {"patient": 20, "manufacturer": 80}
SLOTS, SLOT_DAYS, HALF_SLOT = 26, 14, 7
COVER_KNOWN_DAYS = 30
COMPENSATION_WEEK = 1_000_00
LAST_WEEK_BEGINS_BEFORE_DAY = SLOT_DAYS * SLOTS + HALF_SLOT

EXPECTED_FACTOR, TAKE_UP = Fraction(1), Fraction(7, 10)
ACCRUAL = int(SLOTS * FEE * EXPECTED_FACTOR * TAKE_UP * SHARES["manufacturer"] / sum(SHARES.values()))
LAPSE_DAYS = 7

REVIEW_DAYS = 7
SECONDS_MIN, SECTIONS_MIN, INTERACTIONS_MIN = 30, 2, 3
BURST_MS, BURST_PATIENTS_MAX = 300_000, 5


def components(case):
    if case.treated is None:
        return
    scored = scored_of(case)
    yield from services(case, scored)
    yield from compensations(case, scored)


def scored_of(case):
    """Uploads with an index, in the order of their answers."""
    scored = [f for f in case.facts if f.stream == "prom-responses" and f.index is not None]
    return sorted(scored, key=lambda f: (f.at("answered_at"), f.at("uploaded_at"), f.id))


def slots(case, scored):
    """The upload of each slot that has one."""
    first = {}
    for upload in scored:
        slot = ((upload.on("answered_at") - case.treated).days + HALF_SLOT) // SLOT_DAYS
        if slot >= 1:
            first.setdefault(slot, upload)
    return first


def services(case, scored):
    for slot, upload in slots(case, scored).items():
        review = review_of(case, upload)
        payers = review and payers_of(case, upload, slot)
        if not payers:
            continue
        on, clinician = review.on("ended_at"), review.clinician_id
        yield Component("fee", on, FEE, payers, clinician)
        if sign := step(upload):
            yield Component("adjustment", on, sign * STEP * FEE, payers, clinician)


def ratio(upload):
    """Index by expected; None: no curve yet."""
    if upload.expected is None:
        return None
    return six(six(upload.index) / six(upload.expected))


def step(upload):
    """By how many steps the fee changes."""
    reached = ratio(upload)
    if reached is None or LOW <= reached <= HIGH:
        return 0
    return 1 if reached > HIGH else -1


def covered(case):
    """None: not known, and it is not yet too late."""
    if case.device is not None and case.manufacturer is not None:
        return True
    return None if case.today <= case.treated + timedelta(COVER_KNOWN_DAYS) else False


def payers_of(case, upload, slot):
    """Nobody: held, or monitored without a bill, or not at all."""
    cover = covered(case) if slot <= SLOTS else False
    if cover:
        return [("patient", SHARES["patient"]), (case.manufacturer, SHARES["manufacturer"])]
    consents = case.standing("self_pay_consent", upload.on("answered_at"))
    return [("patient", 1)] if cover is False and consents else []


def review_of(case, upload):
    """The first review that is real service."""
    first = upload.on("uploaded_at")
    found = [
        session
        for clinician, sessions in case.sessions.items()
        for session in sessions
        if session.upload_id == upload.id
        and session.ended_at is not None
        and first <= session.on("ended_at") < first + timedelta(REVIEW_DAYS)
        and clinician == case.standing("clinician_id", session.on("ended_at"))
        and deep_enough(session)
        and not in_burst(session, sessions)
    ]
    return min(found, key=lambda session: (session.at("ended_at"), session.id), default=None)


def deep_enough(session):
    return (
        session.at("ended_at") - session.at() >= SECONDS_MIN * 1000
        and len(set(session.sections_read or [])) >= SECTIONS_MIN
        and (session.interactions or 0) >= INTERACTIONS_MIN
    )


def in_burst(session, sessions):
    """Whether some five minutes that hold its start hold starts for too many patients."""
    start = session.at()
    near = [(s.at(), s.patient) for s in sessions if abs(s.at() - start) < BURST_MS]
    windows = [at for at, _ in near if at <= start]
    return any(
        len({patient for at, patient in near if window <= at < window + BURST_MS}) > BURST_PATIENTS_MAX
        for window in windows
    )


def compensations(case, scored):
    if not covered(case):
        return
    for therapy in case.events("extended_therapy"):
        end = therapy.on("ended_at")
        week = therapy.on()
        while end is not None and week + timedelta(7) <= end:
            before = [upload for upload in scored if upload.on("answered_at") < week]
            reached = ratio(before[-1]) if before else None
            begins_in_time = week < case.treated + timedelta(LAST_WEEK_BEGINS_BEFORE_DAY)
            if begins_in_time and reached is not None and reached <= COLLAPSE:
                payers = [(case.manufacturer, 1)]
                yield Component("compensation", week + timedelta(6), COMPENSATION_WEEK, payers, "patient")
            week += timedelta(7)


def postings(case):
    """What stands in the manufacturer's books: payer is whose they are, payee is from which account to which."""
    if case.treated is None or not covered(case):
        return

    def posting(name, on, amount, accounts):
        return Component(name, max(on, accrued), amount, [(case.manufacturer, 1)], accounts)

    accrued = max(case.treated, case.known("device"), case.known("manufacturer"))
    yield posting("accrual", accrued, ACCRUAL, "expense>provision")
    scored = scored_of(case)
    uploads, part = slots(case, scored), ACCRUAL // SLOTS
    for slot in range(1, SLOTS + 1):
        upload, released = uploads.get(slot), part if slot < SLOTS else ACCRUAL - part * (SLOTS - 1)
        review = upload and review_of(case, upload)
        if review:
            on, actual = review.on("ended_at"), owed(upload)
            yield posting("claim", on, released, "provision>payable")
            yield posting("variance", on, actual - released, "expense>payable")
        else:
            end = case.treated + timedelta(SLOT_DAYS * slot + HALF_SLOT)
            deadline = (
                upload.on("uploaded_at") + timedelta(REVIEW_DAYS) if upload else end + timedelta(LAPSE_DAYS)
            )
            yield posting("lapse", deadline, released, "provision>expense")


def owed(upload):
    """The manufacturer's part of the fee and its adjustment."""
    fees = [FEE] + [sign * STEP * FEE for sign in [step(upload)] if sign]
    return sum(split(rounded(fee), list(SHARES.values()))[-1] for fee in fees)
