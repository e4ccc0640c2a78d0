"""What is asked of Sonar, and what comes of it: a refusal that changes nothing, or an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call of one function; `arguments` in the order of the interface, structs as in `protocol.structs`."""

    function: str
    sender: str
    arguments: tuple[Any, ...]
    value: int = 0


@dataclass(frozen=True)
class Message:
    """Who calls, with how much coin, and the time of the block."""

    sender: str
    value: int
    now: int


@dataclass(frozen=True)
class Transfer:
    """Money between a party and a Campaign; `scoring` for scoring fees, which are always in the chain's coin."""

    party: str
    amount: int
    scoring: bool = False


@dataclass(frozen=True)
class Outcome:
    """What is so afterwards, the events as (name, values in the interface's order), and the money moved."""

    after: Any
    events: tuple[tuple[Any, ...], ...]
    received: Transfer | None = None
    paid: tuple[Transfer, ...] = ()


class Refused(Exception):  # noqa: N818 - it carries the name of the contracts' error
    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def need(condition: bool, error: str) -> None:
    """Raises Refused with the name of the contracts' error."""
    if not condition:
        raise Refused(error)
