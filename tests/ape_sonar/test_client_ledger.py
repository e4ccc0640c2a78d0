"""What a long-lived client knows of the chain, where a node leaves logs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ape_sonar.client import Sonar
from sonar_core.chain.event_follower import READ_AGAIN
from sonar_core.protocol import events as ev
from sonar_core.protocol.events import Event
from sonar_core.protocol.ledger import Ledger, LedgerError
from tests.world.fake_chain import STORY, FakeChain

_OPENED, _SUBMITTED, _SCORED = 3, 4, 6  # how much of the story is told then


class ForgetfulChain(FakeChain):
    """Leaves out the logs of one kind while it is told to."""

    without: type[Event] | None = None

    def events(self, start: int, stop: int) -> list[Event]:
        return [event for event in super().events(start, stop) if type(event) is not self.without]

    def grow(self, events: list[Any], blocks: int = 0) -> None:
        self.blocks += [(bytes([len(self.blocks) % 251]), [event]) for event in events]
        self.blocks += [(bytes([len(self.blocks) % 251, block % 251]), []) for block in range(blocks)]


@pytest.fixture
def chain() -> ForgetfulChain:
    chain = ForgetfulChain()
    chain.grow(STORY[:_OPENED])
    return chain


@pytest.fixture
def client(chain: ForgetfulChain, tmp_path: Path) -> Sonar:
    return Sonar(chain, None, tmp_path)  # type: ignore[arg-type]


def same(client: Sonar, chain: ForgetfulChain) -> bool:
    return client.ledger().campaigns == Ledger().apply_all(chain.events(0, chain.newest_block() + 1)).campaigns


def test_a_log_that_one_look_missed_is_found_by_the_next(chain: ForgetfulChain, client: Sonar) -> None:
    """A client knew of no delivery, and of no Gradient, that was missing when it looked, for as long as it lived."""
    chain.grow([], blocks=2 * READ_AGAIN)
    assert same(client, chain)
    chain.grow(STORY[_OPENED:_SUBMITTED])
    chain.without = ev.GradientSubmitted
    client.ledger()
    chain.without = None
    assert same(client, chain)


def test_what_does_not_follow_from_what_was_kept_is_read_anew(chain: ForgetfulChain, client: Sonar) -> None:
    """`no event submitted Gradient 0` was all that a client said from then on."""
    chain.grow(STORY[_OPENED:_SUBMITTED], blocks=2 * READ_AGAIN)
    chain.without = ev.GradientSubmitted
    client.ledger()
    chain.without = None
    chain.grow(STORY[_SUBMITTED:_SCORED])
    with pytest.raises(LedgerError, match="Gradient 0"):
        client.ledger()
    assert same(client, chain)


def test_settled_blocks_are_read_once(chain: ForgetfulChain, client: Sonar, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.grow([], blocks=500)
    assert same(client, chain)
    asked: list[int] = []
    real = chain.events
    monkeypatch.setattr(chain, "events", lambda start, stop: asked.append(start) or real(start, stop))
    chain.grow(STORY[_OPENED:_SCORED])
    found = client.ledger().campaigns
    assert min(asked) == chain.newest_block() - len(STORY[_OPENED:_SCORED]) - READ_AGAIN + 1
    assert found == Ledger().apply_all(real(0, chain.newest_block() + 1)).campaigns
