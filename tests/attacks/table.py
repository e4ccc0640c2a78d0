"""One row an attack, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tests.attacks.catalogue import ATTACKS, ATTACKS_OF_2017

_HEADINGS = (
    "Attack",
    "Attacker",
    "Profit, wei",
    "Profit, token",
    "Gas, wei",
    "Fees and bonds lost",
    "Victim lost",
    "Outcome",
)


@dataclass(frozen=True, slots=True)
class Row:
    """What an attack came to. Amounts are in wei and in the token's smallest unit.

    Attributes:
        profit_coin, profit_token: beyond what honest work is paid; gas is not in it.
        gas: wei paid for it.
        forfeited_coin, forfeited_token: scoring fees and bonds the attacker lost.
        loss_coin, loss_token: of the victim, against what it is owed.
    """

    attack: str
    attacker: str
    profit_coin: int
    profit_token: int
    gas: int
    forfeited_coin: int
    forfeited_token: int
    loss_coin: int
    loss_token: int
    outcome: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Row:
        return cls(**json.loads(text))

    def cells(self) -> tuple[str, ...]:
        return (
            self.attack,
            self.attacker,
            _number(self.profit_coin),
            _number(self.profit_token),
            _number(self.gas),
            _both(self.forfeited_coin, self.forfeited_token),
            _loss(self.loss_coin, self.loss_token),
            self.outcome,
        )


def markdown(rows: Iterable[Row]) -> str:
    """The table: what was played in 2017 before the same attack of today, then the rest in the catalogue's order."""
    beside = [name for pair in ATTACKS_OF_2017.items() for name in pair]
    order = {name: place for place, name in enumerate(dict.fromkeys((*beside, *ATTACKS)))}
    lines = [_HEADINGS, tuple("---:" if "," in heading else "---" for heading in _HEADINGS)]
    lines += [row.cells() for row in sorted(rows, key=lambda row: order[row.attack])]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(amount: int) -> str:
    """Exact while it is short, else four significant digits."""
    return f"{amount:,}" if abs(amount) < 10**7 else f"{amount:.3e}".replace("e+", "e")


def _loss(coin: int, token: int) -> str:
    """A negative loss is what the victim gained."""
    gained = coin <= 0 and token <= 0 and (coin or token)
    return f"gained {_both(-coin, -token)}" if gained else _both(coin, token)


def _both(coin: int, token: int) -> str:
    parts = [f"{_number(coin)} wei"] * bool(coin) + [f"{_number(token)} token"] * bool(token)
    return ", ".join(parts) or "0"
