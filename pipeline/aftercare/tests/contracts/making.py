"""Facts of one patient as they are made up: on edges, stored late, copied, amended and withdrawn."""

from datetime import date, timedelta

from given import day_of, months_after, start_of

SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
STARTS = [
    date(2024, 2, 29),
    date(2024, 1, 31),
    date(2024, 11, 30),
    date(2024, 12, 31),
    date(2025, 1, 1),
    date(2025, 8, 31),
]
FIRST_START, START_DAYS = date(2024, 1, 1), 330


class Patient:
    """Facts of one patient as they are made up."""

    def __init__(self, rng, name, closings):
        self.rng, self.name, self.closings, self.facts, self.made = rng, name, closings, [], 0
        self.clinician, self.episode = f"{name}-c", f"{name}-e"
        self.readings = set()
        self.start = self.any_start()

    def any_start(self):
        """On an edge of the calendar, a month or so before a closing, or on any day."""
        kind = self.rng.randrange(10)
        if kind < 3:
            return self.rng.choice(STARTS)
        days = self.rng.randrange(START_DAYS)
        if kind < 5:
            days = (day_of(self.rng.choice(self.closings[:12])) - FIRST_START).days - self.rng.choice(
                [30, 31]
            )
        return FIRST_START + timedelta(max(0, min(days, START_DAYS)))

    def chance(self, per_cent):
        return self.rng.randrange(100) < per_cent

    def id(self, letter):
        """Ids in no order of time."""
        self.made += 1
        return f"{self.name}-{letter}{self.rng.randrange(1000):03}-{self.made}"

    def instant(self, day):
        """A moment of a day: its first, its last, or any."""
        start, end = start_of(day), start_of(day + timedelta(1))
        return self.rng.choice([start, end - 1, self.rng.randrange(start, end), start + 9 * 3600 * SECOND])

    def delayed(self, instant):
        """When it is stored: at once, days or months later, or just beside a closing."""
        kind = self.rng.randrange(20)
        if kind < 11:
            return instant + self.rng.randrange(10 * MINUTE)
        if kind < 14:
            return instant + self.rng.randrange(10 * DAY)
        if kind < 17:
            return instant + self.rng.randrange(120 * DAY)
        later = [closing for closing in self.closings if closing > instant][:4]
        return self.rng.choice(later) + self.rng.choice([-1, 0, 0, 1]) if later else instant + MINUTE

    def put(self, stream, happened, said, stored=None):
        """A fact, and sometimes its copy."""
        stored = self.delayed(happened) if stored is None else stored
        fact = {"stream": stream, "stored_at": max(stored, happened), "patient_id": self.name, **said}
        self.facts.append(fact)
        if self.chance(4):
            self.facts.append({**fact, "stored_at": self.delayed(fact["stored_at"])})
        return fact

    def revise(self, fact, change, withdrawn=12):
        """Sometimes a fact was amended or withdrawn; its versions are stored in any order."""
        if not self.chance(12):
            return
        revisions = [fact]
        for revision in range(2, self.rng.choice([3, 3, 3, 4])):
            amended = {
                **fact,
                **(change() if self.chance(80) else {}),
                "revision": revision,
                "status": "amended",
            }
            if self.chance(withdrawn):
                amended["status"] = "entered_in_error"
            revisions.append(amended)
        stored = [fact["stored_at"]] + [self.delayed(fact["stored_at"]) for _ in revisions[1:]]
        if self.chance(40):
            self.rng.shuffle(stored)
        happened = max(max(times(revision), default=0) for revision in revisions)
        for revision, at in zip(revisions, stored):
            revision["stored_at"] = max(at, happened)
        self.facts.extend(revisions[1:])

    def enrolment(self, stored=None, effective=None, recorded=None, **said):
        at = start_of(self.start - timedelta(3)) if stored is None else stored
        fact = {
            "id": self.id("n"),
            "episode_id": self.episode,
            "recorded_at": (at if recorded is None else recorded) - self.made,
            "effective_at": at if effective is None else effective,
            **said,
        }
        return self.put("enrolments", at, fact, at)

    def reading(self, metric, at, value, unit):
        """One of a device, metric and moment; sometimes it comes twice."""
        while (metric, at) in self.readings:
            at += SECOND
        self.readings.add((metric, at))
        said = {"metric": metric, "value": value, "unit": unit, "measured_at": at, "device": "dev-2"}
        self.put("wearable-readings", at, said)

    def event(self, kind, day, at=None, **said):
        at = self.instant(day) if at is None else at
        fact = {
            "id": self.id("v"),
            "episode_id": self.rng.choice([self.episode, None]),
            "kind": kind,
            "happened_at": at,
        }
        return self.put("clinical-events", at, {**fact, **said})

    def value(self, code, day, value, unit="%", coding="aftercare", **said):
        fact = self.event("measurement", day, coding=coding, code=code, value=value, unit=unit, **said)
        self.revise(fact, lambda: {"value": self.rng.choice([value, value + 1])})
        return fact

    def near(self, day, *offsets):
        return day + timedelta(self.rng.choice(offsets))

    def any_day(self, months):
        """A day within so many months, often on an edge of one of them."""
        if self.chance(40):
            return self.near(months_after(self.start, self.rng.randrange(months + 1)), -1, 0, 0, 1)
        return self.start + timedelta(self.rng.randrange(31 * months))

    def amount(self, *edges):
        return self.rng.choice([*edges, self.rng.randrange(1, 3_000_000), self.rng.randrange(1, 1_000)])

    def paid(self, amount, kinds=("public_insurance", "commercial_insurance", "patient")):
        """Parts of an amount by payer, which add up to it."""
        cuts = sorted(self.rng.randrange(amount + 1) for _ in kinds[1:])
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, amount])]
        if self.chance(15):
            parts = [amount] + [0] * (len(kinds) - 1)
        names = {
            "public_insurance": "nhsa",
            "commercial_insurance": "insurer-example",
            "charity": "charity-1",
        }
        return [
            {"payer_kind": kind, "payer": names.get(kind), "amount_minor": part}
            for kind, part in zip(kinds, parts)
            if part
        ]

    def cost(self, day, amount, category, payers=None, **said):
        parts = self.paid(amount) if payers is None else payers
        money = {"amount_minor": amount, "currency": "CNY", "payers": parts}
        words = {"cost_category": category, "cost_nature": "direct_medical", "provider": "org-east"}
        fact = self.event("cost", day, **money, **words, **said)

        def change():
            other = self.amount(amount)
            return {
                "amount_minor": other,
                "payers": self.paid(other) if payers is None else self.paid(other, ("patient",)),
            }

        self.revise(fact, change)
        return fact


def times(fact):
    """The moments that a fact speaks of, which it cannot have been stored before."""
    return [
        fact[name]
        for name in ("happened_at", "ended_at", "answered_at", "uploaded_at", "measured_at")
        if fact.get(name)
    ]
