"""Nets of a contract over a file of facts, from the written rules alone: it shares no line with the program.

    second.py CONTRACT FACTS.jsonl UNTIL

prints CSV: what each payer owes each payee, per patient, component, service and booking period.
"""

import csv
import sys
from collections import defaultdict
from datetime import date, timedelta
from typing import NamedTuple

import given
import shared
import transplant
import warranty
from component import rounded, split

CONTRACTS = {
    "warranty-example": warranty.components,
    "transplant-cover-example": transplant.components,
    "car-t-example": shared.car_t,
    "drug-refund-example": shared.drug_refund,
    "co-insurance-example": shared.co_insurance,
    "dynamic-example": shared.dynamic,
    "lifestyle-example": shared.lifestyle,
}
JOURNALS = {"warranty-example": warranty.postings}
EVER = "9999-12"


class Moment(NamedTuple):
    """Facts before `place` are known, the days up to `today` have come."""

    place: int
    today: date


class Key(NamedTuple):
    patient: str
    component: str
    payer: str
    payee: str
    service: str


def target(rules, facts, moment):
    """What should stand at a moment, per key."""
    owed = defaultdict(int)
    for case in given.known(facts, moment):
        for component in rules(case):
            payers = [(payer, weight) for payer, weight in component.payers if weight]
            parts = split(rounded(component.amount), [weight for _, weight in payers])
            for (payer, _), part in zip(payers, parts):
                if component.on <= moment.today:
                    service = given.month_of(component.on)
                    owed[Key(case.patient, component.name, payer, component.payee, service)] += part
    return owed


def nets(contract, facts, until, kind=CONTRACTS):
    """Nets by (key, booking period). A closing fixes what is booked up to its month, by what was stored before."""
    booked, last_closed, found = defaultdict(int), "", defaultdict(int)

    def book(moment, up_to):
        owed = target(kind[contract], facts, moment)
        for key in set(owed) | set(booked):
            booking = max(key.service, opened(last_closed))
            if booking <= up_to and owed[key] != booked[key]:
                found[key, booking] += owed[key] - booked[key]
                booked[key] = owed[key]

    for fact in facts:
        closes = fact.stream == "closings" and (fact.contract or contract) == contract
        if closes and fact.month > last_closed and given.day_of(fact.stored) <= until:
            book(Moment(fact.place, given.day_of(fact.stored)), fact.month)
            last_closed = fact.month
    known = sum(given.day_of(fact.stored) <= until for fact in facts)
    book(Moment(known, until), EVER)
    return {key: net for key, net in found.items() if net}


def opened(closed):
    """The month after the last closed one; none is closed: any."""
    if not closed:
        return ""
    return given.month_of(date.fromisoformat(closed + "-28") + timedelta(days=4))


def decimal(minor):
    sign, minor = "-" if minor < 0 else "", abs(minor)
    return f"{sign}{minor // 100}.{minor % 100:02}"


def main():
    contract, path, until = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        facts = given.read(file)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        ["patient", "contract", "component", "payer", "payee", "service_period", "booking_period", "amount"]
    )
    for (key, booking), net in sorted(nets(contract, facts, date.fromisoformat(until)).items()):
        out.writerow([key.patient, contract, *key[1:4], key.service, booking, decimal(net)])


if __name__ == "__main__":
    main()
