#!/usr/bin/env python3
"""Windows and baselines of a file of heart rates, by the textbook and nothing else:

    python3 real_windows.py FILE.csv.gz ZONE [spread]

spread: each rate gets its second, modulo 1000, in thousandths on top, so that few readings are equal.

Standard library only. Whole numbers and fractions up to the last step, so that what is printed is right to the last digit
of a double. Lines, each of comma-separated cells:
  window,WEARER,START_MS,LENGTH_S,READINGS,MEAN,SD,MIN,MAX,P10,P50,P90,COVERAGE,IN_RANGE
  baseline,WEARER,DAY_START_MS,VALUE,MEDIAN,ROBUST_Z
An empty cell: there is no such number.
"""

import csv
import gzip
import sys
from collections import defaultdict
from datetime import datetime, time, timedelta, timezone
from fractions import Fraction
from math import isqrt
from statistics import median
from zoneinfo import ZoneInfo

FIVE_MINUTES, HOUR = 300, 3600
UNIT = 1000  # values are in thousandths
TARGET = (51 * UNIT, 90 * UNIT)  # beats per minute, both ends included
READINGS_OF_A_DAY, BASELINE_DAYS, BASELINE_DAYS_MIN, SPREAD_MIN = 12, 28, 7, 1 * UNIT


def read(path, spread):
    """The first value of each wearer and second since 1970."""
    wearers = defaultdict(dict)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            at = datetime.fromisoformat(row["time"]).replace(tzinfo=timezone.utc)
            second = int(at.timestamp())
            wearers[row["id"]].setdefault(second, int(row["hr"]) * UNIT + (second % UNIT if spread else 0))
    return wearers


def midnight(day, zone):
    return int(datetime.combine(day, time(), zone).timestamp())


def root(x):
    """The square root of a fraction, to 20 digits behind the point."""
    scale = 10**20
    return Fraction(isqrt(x.numerator * scale**2 // x.denominator), scale)


def in_units(value):
    return None if value is None else Fraction(value) / UNIT


def statistics(start, length, readings):
    values = sorted(readings.values())
    n, total = len(values), sum(values)
    scatter = n * sum(value * value for value in values) - total * total
    sd = root(Fraction(scatter, n * (n - 1))) if n > 1 else None

    def rank(percent):  # the least value that so many per cent do not exceed
        return values[max((n * percent + 99) // 100, 1) - 1]

    slot = 60 if length == FIVE_MINUTES else FIVE_MINUTES
    covered = len({(at - start) // slot for at in readings})
    inside = sum(TARGET[0] <= value <= TARGET[1] for value in values)
    numbers = [Fraction(total, n), sd, values[0], values[-1], rank(10), rank(50), rank(90)]
    return [n, *map(in_units, numbers), Fraction(covered, length // slot), Fraction(inside, n)]


def baselines(days):
    """`days`: readings by day. Of each day with a value, its distance from the days before it."""
    usable = {day: sorted(readings.values()) for day, readings in days.items() if len(readings) >= READINGS_OF_A_DAY}
    value_of = {day: values[(len(values) + 1) // 2 - 1] for day, values in usable.items()}
    for day, value in sorted(value_of.items()):
        before = [value_of.get(day - timedelta(days=n)) for n in range(1, BASELINE_DAYS + 1)]
        before = [Fraction(known) for known in before if known is not None]
        if len(before) >= BASELINE_DAYS_MIN:
            middle = median(before)
            spread = median(abs(known - middle) for known in before) / Fraction(6745, 10_000)
            yield day, in_units(value), in_units(middle), (value - middle) / max(spread, Fraction(SPREAD_MIN))


def cells(*values):
    print(",".join("" if v is None else repr(float(v)) if isinstance(v, Fraction) else str(v) for v in values))


def main(path, zone_name, spread=None):
    zone = timezone.utc if zone_name == "UTC" else ZoneInfo(zone_name)
    for wearer, readings in read(path, spread).items():
        windows, days = defaultdict(dict), defaultdict(dict)
        for at, value in readings.items():
            slot = at // FIVE_MINUTES * FIVE_MINUTES
            windows[slot, FIVE_MINUTES][at] = windows[at // HOUR * HOUR, HOUR][at] = value
            # A window of 5 minutes belongs to the day in which it begins.
            days[datetime.fromtimestamp(slot, zone).date()][at] = value
        for day, of_day in days.items():
            start = midnight(day, zone)
            windows[start, midnight(day + timedelta(days=1), zone) - start] = of_day
        for (start, length), of_window in windows.items():
            cells("window", wearer, start * 1000, length, *statistics(start, length, of_window))
        for day, *numbers in baselines(days):
            cells("baseline", wearer, midnight(day, zone) * 1000, *numbers)


if __name__ == "__main__":
    main(*sys.argv[1:])
