"""Gas costs of a Capsule's work at today's price, and fees that cover them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: Units of gas per transaction in the chain's coin, rounded up from the measured ones (tests/snapshots/gas.json).
OPEN_GAS, SCORE_GAS, DELIVER_GAS, COLLECT_GAS = 60_000, 57_000, 41_000, 49_000
#: Fees that are derived from gas cover this multiple of it, since the price changes.
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class GasCosts:
    """Costs in wei of a Capsule's work.

    Attributes:
        gas_price: wei per unit of gas.
    """

    gas_price: int

    @property
    def score(self) -> int:
        """Of the score of one Gradient."""
        return SCORE_GAS * self.gas_price

    @property
    def campaign(self) -> int:
        """Of one Campaign without its scores: open, deliver, collect the bond, collect the scoring fees."""
        return (OPEN_GAS + DELIVER_GAS + 2 * COLLECT_GAS) * self.gas_price

    @property
    def scoring_fee(self) -> int:
        """A scoring fee that covers a score at twice today's price."""
        return round_up(_MARGIN * self.score)

    @property
    def capsule_fee(self) -> int:
        """A Capsule's fee that covers a Campaign without its scores at twice today's price."""
        return round_up(_MARGIN * self.campaign)


def round_up(wei: int) -> int:
    """An amount rounded up to two significant digits.

    >>> round_up(114_001)
    120000
    """
    unit = int(10 ** max(len(str(wei)) - 2, 0))
    return -(-wei // unit) * unit
