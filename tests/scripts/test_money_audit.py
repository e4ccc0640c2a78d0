"""What `make live` holds against the chain's events at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts._money_audit import audit
from scripts._processes import LiveError
from sonar_core.protocol import events as ev
from sonar_core.protocol.structs import GradientRecord
from tests.world.mine import MINER, World

FOUR = 4 * 10**17


class Scene:
    """A Campaign of two Gradients, the second without improvement, to its last payment."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.campaign = self.world.open_campaign()
        for number in range(2):
            self.submit(number)
            self.world.score(self.campaign, FOUR)
        self.world.deliver(self.campaign)
        terms = self.world.state(self.campaign).terms
        self.pay(ev.Claimed, number=0, miner=MINER, reward=500)
        self.pay(ev.Refunded, scientist=MINER, amount=terms.bounty - 500)
        self.pay(ev.BondCollected, capsule=MINER, amount=terms.capsule_fee + terms.capsule_bond)
        self.pay(ev.ScoringFeesCollected, capsule=MINER, amount=2 * terms.scoring_fee)

    def submit(self, number: int) -> None:
        record = GradientRecord(number, MINER, bytes([number]) * 32, bytes(32), 0, 0, 0)
        values = {field.name: getattr(record, field.name) for field in fields(record)}
        self.emit(lambda position: ev.GradientSubmitted(position=position, campaign=self.campaign, **values))

    def pay(self, kind: type[Any], **values: Any) -> None:
        self.emit(lambda position: kind(position=position, campaign=self.campaign, to=MINER, **values))

    def emit(self, make: Callable[[Any], ev.Event]) -> None:
        self.world.emit(make)

    def audit(self, held: int = 0, change: Callable[[list[ev.Event]], list[ev.Event]] = lambda same: same) -> Any:
        sonar = self.world.sonar
        events = change(list(sonar.events(0, sonar.newest_block() + 1)))
        chain = SimpleNamespace(newest_block=sonar.newest_block, events=lambda start, stop: events)
        return audit(SimpleNamespace(chain=chain), self.campaign, held)  # type: ignore[arg-type]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_books_that_balance(scene: Scene) -> None:
    books = scene.audit()
    assert books.scored == 2
    assert books.escrowed == books.paid + books.refunded + books.bond + books.fee == 1000 + 50 + 1000
    assert (books.paid, books.fee) == (500, 50)
    assert "paid to Miners 0.0000000000000005 ether" in books.words()


def without(kind: type[ev.Event]) -> Callable[[list[ev.Event]], list[ev.Event]]:
    return lambda events: [one for one in events if not isinstance(one, kind)]


def twice(kind: type[ev.Event]) -> Callable[[list[ev.Event]], list[ev.Event]]:
    return lambda events: [one for one in events for _ in range(1 + isinstance(one, kind))]


def more(kind: type[Any], field: str) -> Callable[[list[ev.Event]], list[ev.Event]]:
    return lambda events: [
        replace(one, **{field: getattr(one, field) + 1}) if isinstance(one, kind) else one for one in events
    ]


@pytest.mark.parametrize(
    "change",
    [
        twice(ev.GradientScored),
        without(ev.GradientScored),
        without(ev.Refunded),
        twice(ev.BondCollected),
        more(ev.Claimed, "reward"),
        without(ev.ScoringFeesCollected),
        more(ev.ScoringFeesCollected, "amount"),
    ],
)
def test_whatever_is_off_is_an_error(scene: Scene, change: Callable[[list[ev.Event]], list[ev.Event]]) -> None:
    with pytest.raises(LiveError):
        scene.audit(change=change)


def test_what_the_contract_still_holds_is_an_error(scene: Scene) -> None:
    with pytest.raises(LiveError, match="1 wei"):
        scene.audit(held=1)
