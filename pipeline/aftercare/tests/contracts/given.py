"""What a file of facts says, and what was known of it at a moment: whole numbers, fractions, calendar days."""

import calendar
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@cache
def day_of(instant):
    """The calendar day of an instant (ms since 1970-01-01 UTC) in the contract's zone."""
    return (EPOCH + instant * MILLISECOND).astimezone(ZONE).date()


def start_of(day):
    """The first instant of a calendar day in the contract's zone."""
    return (datetime(day.year, day.month, day.day, tzinfo=ZONE) - EPOCH) // MILLISECOND


def instant_of(said):
    """A time of a file: ms, RFC 3339, or a day, which stands for its start."""
    if said is None or isinstance(said, int):
        return said
    if len(said) == 10:
        return start_of(date.fromisoformat(said))
    return (datetime.fromisoformat(said) - EPOCH) // MILLISECOND


def months_after(day, months):
    """The same day so many months later, or that month's last."""
    month = day.year * 12 + day.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def month_of(day):
    return f"{day.year:04}-{day.month:02}"


def six(number):
    """Six places, half to even: what is compared with a threshold."""
    return Fraction(round(Fraction(number) * 10**6), 10**6)


def double(text):
    """A double by its shortest decimal text."""
    return Fraction(repr(float(text)))


class Fact:
    """One line of a file. `place` is its rank in the order of storing."""

    __slots__ = ("episode", "id", "patient", "place", "revision", "said", "stored", "stream")

    def __init__(self, said, place):
        self.stream, self.place, self.said = said["stream"], place, said
        self.id, self.revision = said.get("id"), said.get("revision", 1)
        self.patient, self.episode = said.get("patient_id"), said.get("episode_id")
        self.stored = instant_of(said["stored_at"])

    def __getattr__(self, name):
        return self.said.get(name)

    def at(self, name="happened_at"):
        return instant_of(self.said.get(name))

    def on(self, name="happened_at"):
        instant = self.at(name)
        return None if instant is None else day_of(instant)

    @property
    def withdrawn(self):
        return self.said.get("status") == "entered_in_error"


def read(lines):
    """The facts of a file in the order in which they were stored; the file's order decides at one instant."""
    said = [json.loads(line, parse_float=double) for line in lines if line.strip()]
    said.sort(key=lambda fact: instant_of(fact["stored_at"]))
    return [Fact(fact, place) for place, fact in enumerate(said)]


class Case:
    """An episode and its patient as they are known at a moment."""

    def __init__(self, patient, statements, facts, sessions, today):
        self.patient, self.today, self.facts = patient, today, facts
        self.statements = sorted(statements, key=lambda s: (s.at("effective_at"), s.at("recorded_at"), s.id))
        self.sessions = sessions
        self.treated = self.corrected("treated_at")
        self.treated = None if self.treated is None else day_of(instant_of(self.treated))
        self.device, self.manufacturer = self.corrected("device"), self.corrected("manufacturer")

    def corrected(self, field):
        """A field that corrects the whole episode: the statement recorded last counts."""
        said = [s for s in self.statements if s.said.get(field) is not None]
        last = max(said, key=lambda s: (s.at("recorded_at"), s.id), default=None)
        return last and last.said[field]

    def known(self, field):
        """The day on which a field was first said."""
        return min(s.on("stored_at") for s in self.statements if s.said.get(field) is not None)

    def standing(self, field, day):
        """A field that holds from a day on, as it stands at the end of `day`."""
        said = [s for s in self.statements if s.said.get(field) is not None and s.on("effective_at") <= day]
        return said[-1].said[field] if said else None

    def events(self, kind, code=None, stream="clinical-events"):
        """Events of a kind, by time, then id."""
        found = [f for f in self.facts if f.stream == stream and f.kind == kind and code in (None, f.code)]
        return sorted(found, key=lambda f: (f.at(), f.id))

    def last(self, events, day):
        """The last of them on a day or before it."""
        return next((event for event in reversed(events) if event.on() <= day), None)

    def dead_by(self, day):
        """Who dies on a due day is not alive on it."""
        return any(event.on() <= day for event in self.events("death"))

    def months(self, metric):
        """Readings of a metric by calendar month, each with its day."""
        found = defaultdict(list)
        for fact in self.facts:
            if fact.stream == "wearable-readings" and fact.metric == metric:
                found[month_of(fact.on("measured_at"))].append((fact.on("measured_at"), Fraction(fact.value)))
        return found


def known(facts, moment):
    """The cases of a file by what of it was stored before place `moment.place`, on the day `moment.today`."""
    newest = {}
    for fact in facts[: moment.place]:
        key = (fact.stream, fact.id or (fact.patient, fact.device, fact.metric, fact.measured_at))
        if key not in newest or newest[key].revision < fact.revision:
            newest[key] = fact
    yield from cases([fact for fact in newest.values() if not fact.withdrawn], moment.today)


def cases(facts, today):
    statements, of_patient, sessions = defaultdict(list), defaultdict(list), defaultdict(list)
    for fact in facts:
        if fact.stream == "enrolments":
            statements[fact.patient, fact.episode].append(fact)
        elif fact.stream == "clinician-activity":
            sessions[fact.clinician_id].append(fact)
        else:
            of_patient[fact.patient].append(fact)
    for (patient, episode), said in sorted(statements.items()):
        own = [fact for fact in of_patient[patient] if fact.episode in (None, episode)]
        yield Case(patient, said, own, sessions, today)
