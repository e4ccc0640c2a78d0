"""The published reward formula in integers: the share of a Bounty that an accuracy earns."""

from __future__ import annotations

from sonar_core.protocol.structs import Terms


def remaining_reward(terms: Terms, accuracy: int) -> int:
    """Reward between an accuracy and the target, in smallest units of the currency.

    >>> from types import SimpleNamespace
    >>> remaining_reward(SimpleNamespace(bounty=1000, target_accuracy=80 * 10**16), 8 * 10**16)
    900
    """
    return terms.bounty - earned(terms, accuracy)


def earned(terms: Terms, accuracy: int) -> int:
    """Bounty x min(accuracy, target) / target, rounded down, in smallest units; accuracies in WAD.

    >>> from types import SimpleNamespace
    >>> terms = SimpleNamespace(bounty=1000, target_accuracy=80 * 10**16)
    >>> earned(terms, 52 * 10**16) - earned(terms, 50 * 10**16)
    25
    """
    return terms.bounty * min(accuracy, terms.target_accuracy) // terms.target_accuracy
