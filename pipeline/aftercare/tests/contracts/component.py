"""One component of what a contract owes, and how it is rounded and split."""

from datetime import date
from fractions import Fraction
from typing import NamedTuple


class Component(NamedTuple):
    """`amount` in minor units, not yet rounded; `payers` with their weights, in the order of the contract."""

    name: str
    on: date
    amount: Fraction
    payers: list
    payee: str


def rounded(amount):
    """Whole minor units, half away from zero."""
    whole = int(abs(amount) + Fraction(1, 2))
    return whole if amount >= 0 else -whole


def split(amount, weights):
    """Whole parts in proportion to the weights: largest remainder, ties to the first, by magnitude."""
    exact = [abs(amount) * Fraction(weight) / sum(weights) for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
    for n in by_remainder[: abs(amount) - sum(parts)]:
        parts[n] += 1
    return [part if amount >= 0 else -part for part in parts]
