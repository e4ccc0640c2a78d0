"""Who gets what, in exact fractions. Floors stand where the protocol rounds a payment down, and nowhere else."""

from __future__ import annotations

from fractions import Fraction
from math import floor


def earned(bounty: int, accuracy: int, target: int) -> int:
    """bounty x min(accuracy, target) / target, in whole smallest units."""
    return floor(bounty * min(Fraction(accuracy, target), Fraction(1)))


def share_of_bond(bond: int, spent: int, harmed: int, most: int) -> int:
    """What each harmed Gradient may pull, once the Data Scientist is made whole for `spent` paid without a delivery."""
    if harmed == 0:
        return 0
    rest = max(bond - spent, 0)
    return floor(min(Fraction(rest, harmed), Fraction(most)))
