"""Gas fees of a transaction (EIP-1559), and the gas bump of its replacement. Pure.

Nodes accept a second transaction with the same nonce only if both fees are higher by at least 10 % (go-ethereum) or
12.5 % (others).
"""

from __future__ import annotations

from dataclasses import dataclass

#: Default of the highest fee that a replacement offers, in wei per unit of gas: 500 gwei.
HIGHEST_FEE = 500 * 10**9


@dataclass(frozen=True, slots=True)
class GasFees:
    """EIP-1559 gas fees, wei per unit of gas: `most` = maxFeePerGas, `tip` = maxPriorityFeePerGas; 0 <= tip <= most."""

    most: int
    tip: int

    def raised(self, asked: int, highest: int) -> GasFees | None:
        """Both fees raised by a quarter, and `most` at least to the network's price `asked`; None if above `highest`.

        >>> GasFees(100, 8).raised(asked=90, highest=1000)
        GasFees(most=125, tip=10)
        """
        most = max(_quarter_more(self.most), asked)
        return GasFees(most, min(_quarter_more(self.tip), most)) if most <= highest else None


def _quarter_more(fee: int) -> int:
    """The fee plus a quarter, rounded up, and at least 1 more."""
    return max(-(-fee * 5 // 4), fee + 1)
