"""Warranty: a manufacturer pays for the follow-up of its device."""

from datetime import timedelta
from fractions import Fraction

from component import Component
from given import six

FEE = 80_00
STEP = Fraction(2, 10)
LOW, HIGH, COLLAPSE = Fraction(9, 10), Fraction(11, 10), Fraction(7, 10)
SHARES = {"patient": 20, "manufacturer": 80}
SLOTS, SLOT_DAYS, HALF_SLOT = 26, 14, 7
COVER_KNOWN_DAYS = 30
COMPENSATION_WEEK = 1_000_00
LAST_WEEK_BEGINS_BEFORE_DAY = SLOT_DAYS * SLOTS + HALF_SLOT

REVIEW_DAYS = 7
SECONDS_MIN, SECTIONS_MIN, INTERACTIONS_MIN = 30, 2, 3
BURST_MS, BURST_PATIENTS_MAX = 300_000, 5


def components(case):
    if case.treated is None:
        return
    scored = [f for f in case.facts if f.stream == "prom-responses" and f.index is not None]
    scored.sort(key=lambda f: (f.at("answered_at"), f.at("uploaded_at"), f.id))
    yield from slots(case, scored)
    yield from compensations(case, scored)


def slots(case, scored):
    taken = set()
    for upload in scored:
        slot = ((upload.on("answered_at") - case.treated).days + HALF_SLOT) // SLOT_DAYS
        if slot < 1 or slot in taken:
            continue
        taken.add(slot)
        review = review_of(case, upload)
        payers = review and payers_of(case, upload, slot)
        if not payers:
            continue
        on, clinician = review.on("ended_at"), review.clinician_id
        yield Component("fee", on, FEE, payers, clinician)
        reached = ratio(upload)
        if reached is not None and not LOW <= reached <= HIGH:
            sign = 1 if reached > HIGH else -1
            yield Component("adjustment", on, sign * STEP * FEE, payers, clinician)


def ratio(upload):
    """Index by expected; None: no curve yet."""
    if upload.expected is None:
        return None
    return six(six(upload.index) / six(upload.expected))


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
