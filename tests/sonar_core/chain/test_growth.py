"""What one more event costs does not grow with what happened before: counted in bytes, database steps and questions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ape_capsule.home.state import CapsuleJournal
from sonar_core.base.database import Database
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol import events as ev
from sonar_core.protocol.events import Event, LogPosition
from sonar_core.protocol.gradient_map import GradientMap
from sonar_core.protocol.ledger import Ledger
from tests.world.campaign_events import CAMPAIGN, MINER, ROOT, TERMS, opened, percent, scored, submitted

SHORT, LONG = 100, 3_000


def grown(gradients: int) -> Ledger:
    """An open Campaign with so many Gradients, each scored but the last; none of them improved the Model."""
    ledger = opened()
    for number in range(gradients):
        ledger.apply(submitted(number, 30 + number, 130 + number))
        if number:
            ledger.apply(scored(number - 1, percent(2), percent(2), 31 + number, 230 + number))
    return ledger


def allocated(ledger: Ledger, event: Event) -> int:
    """Bytes that the ledger takes at most to let an event in, while the state before it is kept."""
    before = ledger.copy()
    tracemalloc.start()
    ledger.apply(event)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert before.campaign(CAMPAIGN) != ledger.campaign(CAMPAIGN)
    return peak


@pytest.mark.parametrize("what", ["submitted", "scored"])
def test_an_event_takes_as_much_memory_after_thirty_times_the_history(what: str) -> None:
    taken = []
    for gradients in (SHORT, LONG):
        ledger = grown(gradients)
        event = {
            "submitted": submitted(gradients, 9_000, 9_100),
            "scored": scored(gradients - 1, percent(2), percent(2), 9_000, 9_200),
        }[what]
        taken.append(allocated(ledger, event))
    few, many = taken
    assert many < 2 * few, "a trie is one level deeper; a copied dict would take thirty times as much"


def test_gradients_are_a_mapping_in_order_and_by_miner() -> None:
    ledger, plain = grown(40), {}
    rival = "0x" + "e" * 40
    for number in (40, 41):
        ledger.apply(replace(submitted(number, 100, 200), miner=rival))
    gradients = ledger.campaign(CAMPAIGN).gradients
    for number in range(42):
        plain[number] = gradients[number]
    assert list(gradients) == list(range(42))
    assert dict(gradients) == plain
    assert (42 in gradients, len(gradients), gradients.get(42)) == (False, 42, None)
    assert [one.record.number for one in gradients.by_miner(rival)] == [40, 41]
    assert [one.record.number for one in gradients.by_miner(MINER)] == list(range(40))
    assert gradients.by_miner("nobody") == []
    assert gradients == GradientMap().with_gradient(gradients[0]) or len(gradients) > 1
    changed = gradients.with_gradient(replace(gradients[41], claimed=True))
    assert (changed[41].claimed, gradients[41].claimed, len(changed)) == (True, False, 42)
    assert [one.claimed for one in changed.by_miner(rival)] == [False, True]


def test_what_is_over_is_not_looked_at_again() -> None:
    ledger = opened()
    for number in range(1, 60):
        other = bytes([number]) * 32
        ledger.apply(
            ev.CampaignCreated(LogPosition(number, ROOT, 0, ROOT, 10), other, MINER, TERMS.capsule, number, TERMS)
        )
        if number % 3 == 0:
            ledger.apply(ev.CampaignDeclined(LogPosition(99, ROOT, 1, ROOT, 11), other, "no"))
        elif number % 3 == 1:
            ledger.apply(ev.CampaignCancelled(LogPosition(99, ROOT, 1, ROOT, 11), other))
    ledger.apply(submitted(0, 30, 130))
    twin = ledger.copy()
    live = [CAMPAIGN, *(bytes([number]) * 32 for number in range(2, 60, 3))]
    assert [one.id for one in ledger.live_campaigns()] == live
    assert [one.id for one in ledger.campaigns_of_miner(MINER)] == [CAMPAIGN]
    ledger.apply(scored(0, percent(2), percent(2), 40, 240))
    ledger.apply(ev.CampaignDelivered(LogPosition(2000, ROOT, 1, ROOT, 2000), CAMPAIGN, ROOT, ROOT))
    assert [one.id for one in ledger.live_campaigns()] == live[1:]
    assert [one.id for one in ledger.campaigns_of_miner(MINER)] == [CAMPAIGN], "there is a reward to claim"
    assert [one.id for one in twin.live_campaigns()] == live, "a copy is on its own"


# ------------------------------------------------------------------ the journal


@dataclass
class Blocks:
    """A chain with one Gradient in each block; counts what it is asked."""

    height: int
    chain_id: int = 1
    asked: list[str] = field(default_factory=list)

    def newest_block(self) -> int:
        self.asked.append("head")
        return self.height

    def block_hash(self, number: int) -> bytes:
        self.asked.append("block")
        return number.to_bytes(32, "big")

    def events(self, start: int, stop: int) -> list[Event]:
        self.asked.append("events")
        return [event for number in range(start, stop) for event in self._block(number)]

    def _block(self, number: int) -> list[Event]:
        position = LogPosition(number, number.to_bytes(32, "big"), 0, number.to_bytes(32, "big"), number)
        if number == 1:
            return [ev.CampaignCreated(position, CAMPAIGN, MINER, TERMS.capsule, 1, TERMS)]
        if number == 2:
            return [replace(next(iter(_openings())), position=position)]
        return [replace(submitted(number - 3, number, number + 100), position=position)] if number > 2 else []


def _openings() -> Iterator[Event]:
    from tests.world.campaign_events import CampaignStart

    yield ev.CampaignOpened(
        LogPosition(2, ROOT, 0, ROOT, 2), CAMPAIGN, CampaignStart(ROOT, ROOT, ROOT, ROOT, percent(2)), ROOT, 10**6
    )


@contextmanager
def database_steps(journal: Database) -> Iterator[list[int]]:
    """How many instructions of SQLite's virtual machine the block takes."""
    count = [0]

    def tick() -> int:
        count[0] += 1
        return 0

    with journal.transaction() as connection:
        pass
    connection.set_progress_handler(tick, 1)
    try:
        yield count
    finally:
        connection.set_progress_handler(None, 1)


def test_a_block_costs_the_follower_and_the_capsule_as_much_after_thirty_times_the_history(tmp_path: Path) -> None:
    costs = []
    for blocks in (SHORT, LONG):
        state, chain = CapsuleJournal(tmp_path / f"{blocks}.sqlite"), Blocks(blocks)
        event_log = EventLog(chain, state.database, confirmations=0, start_block=0)
        event_log.catch_up()
        chain.height += 1
        chain.asked.clear()
        with database_steps(state.database) as reading:
            event_log.catch_up()
        newest = blocks + 1
        with database_steps(state.database) as asking:
            assert state.submission_of(CAMPAIGN, newest - 3) == newest.to_bytes(32, "big")
            assert state.maker_of(CAMPAIGN, ROOT) == (2).to_bytes(32, "big")
        costs.append((sorted(chain.asked), reading[0], asking[0]))
        state.close()
    (few_asked, few_reading, few_asking), (many_asked, many_reading, many_asking) = costs
    assert many_asked == few_asked
    assert few_reading > 50
    assert many_reading < 1.2 * few_reading
    assert few_asking > 10
    assert many_asking < 1.2 * few_asking
