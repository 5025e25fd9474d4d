"""One component of what a contract owes."""

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
