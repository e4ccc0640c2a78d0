"""What every party and Sonar itself hold in each currency, and what Sonar may take of an ERC-20."""

from __future__ import annotations

from collections import Counter

from sonar_core.protocol.units import ZERO_ADDRESS
from tests.reference.message import need

COIN = ZERO_ADDRESS


class Purse:
    """`held` by (holder, currency); `allowances` by (owner, ERC-20)."""

    def __init__(self, sonar: str, held: dict[tuple[str, str], int], allowances: dict[tuple[str, str], int]) -> None:
        self._sonar = sonar
        self.held, self.allowances = Counter(held), Counter(allowances)

    def need_escrow(self, party: str, value: int, currency: str, amount: int) -> None:
        """Coin comes as value, exactly; an ERC-20 by an allowance, and then without value."""
        need(value == (amount if currency == COIN else 0), "WrongValue")
        if currency != COIN:
            need(self.allowances[party, currency] >= amount, "ERC20InsufficientAllowance")
            need(self.held[party, currency] >= amount, "ERC20InsufficientBalance")

    def receive(self, party: str, currency: str, amount: int) -> None:
        if currency != COIN:
            self.allowances[party, currency] -= amount
        self._move(party, self._sonar, currency, amount)

    def pay(self, party: str, currency: str, amount: int) -> None:
        self._move(self._sonar, party, currency, amount)

    def burn(self, party: str, gas: int) -> None:
        """What the chain itself takes of the sender, in wei."""
        self.held[party, COIN] -= gas

    def _move(self, giver: str, receiver: str, currency: str, amount: int) -> None:
        self.held[giver, currency] -= amount
        self.held[receiver, currency] += amount
