"""What an accuracy earns of a Bounty: the published formula, in integers."""

from __future__ import annotations

from sonar_core.protocol.structs import Terms


def payable(terms: Terms, starting_accuracy: int) -> int:
    """The most that Miners can earn, in smallest units: the Bounty without what the start is worth already.

    >>> from types import SimpleNamespace
    >>> payable(SimpleNamespace(bounty=1000, target_accuracy=80 * 10**16), 8 * 10**16)
    900
    """
    return terms.bounty - earned(terms, starting_accuracy)


def earned(terms: Terms, accuracy: int) -> int:
    """The Bounty x min(accuracy, target) / target, rounded down, in smallest units.

    >>> from types import SimpleNamespace
    >>> terms = SimpleNamespace(bounty=1000, target_accuracy=80 * 10**16)
    >>> earned(terms, 52 * 10**16) - earned(terms, 50 * 10**16)
    25
    """
    return terms.bounty * min(accuracy, terms.target_accuracy) // terms.target_accuracy
