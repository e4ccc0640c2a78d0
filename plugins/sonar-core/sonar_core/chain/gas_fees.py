"""What a transaction pays for gas, and what a replacement of it has to pay. Pure.

Nodes take a second transaction of the same nonce only where both fees are at least 10 % (go-ethereum) or 12.5 %
(others) higher; EIP-1559 names the two fees.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Most wei a unit of gas that a replacement offers, where no setting says otherwise: 500 gwei.
HIGHEST_FEE = 500 * 10**9


@dataclass(frozen=True, slots=True)
class GasFees:
    """Wei a unit of gas: at most, and of it for who makes the block. 0 <= tip <= most."""

    most: int
    tip: int

    def raised(self, asked: int, highest: int) -> GasFees | None:
        """A quarter more, and no less than the network asks for now; None where that is above `highest`.

        >>> GasFees(100, 8).raised(asked=90, highest=1000)
        GasFees(most=125, tip=10)
        """
        most = max(_quarter_more(self.most), asked)
        return GasFees(most, min(_quarter_more(self.tip), most)) if most <= highest else None


def _quarter_more(fee: int) -> int:
    """Rounded up, and always more."""
    return max(-(-fee * 5 // 4), fee + 1)
