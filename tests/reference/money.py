"""Who gets what, in exact fractions: written from the protocol, not from the contracts."""

from __future__ import annotations

from fractions import Fraction
from math import floor


def earned(bounty: int, accuracy: int, target: int) -> int:
    """bounty x min(accuracy, target) / target, in whole smallest units."""
    return floor(bounty * min(Fraction(accuracy, target), Fraction(1)))


def share_of_bond(bond: int, spent: int, harmed: int, most: int) -> int:
    """What each harmed Gradient may pull: the Data Scientist is made whole for `spent` before anybody shares."""
    if harmed == 0:
        return 0
    left_over = bond - min(bond, spent)
    return floor(min(Fraction(most), Fraction(left_over, harmed)))
