"""The event log: the ledger after any mixture of blocks, reorganisations, crashes and restarts is that of the chain."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonar_core.base.database import Database
from sonar_core.base.errors import SonarError
from sonar_core.chain.event_follower import READ_AGAIN
from sonar_core.chain.event_log import EVENT_LOG_TABLES, EventLog
from sonar_core.protocol import events as ev
from sonar_core.protocol.events import Event
from sonar_core.protocol.ledger import Ledger
from tests.world.fake_chain import STORY, FakeChain, one_campaign


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def event_log(chain: FakeChain, path: Path, confirmations: int = 0) -> EventLog:
    return EventLog(chain, Database(path, [EVENT_LOG_TABLES]), confirmations=confirmations, start_block=0)


def truth(chain: FakeChain, stop: int) -> Ledger:
    return Ledger().apply_all(chain.events(0, stop))


def same(one: Ledger, other: Ledger) -> bool:
    return (one.campaigns, one.capsules) == (other.campaigns, other.capsules)


def test_every_kind_of_event_survives_a_restart(path: Path) -> None:
    chain = FakeChain()
    chain.blocks += [(b"one", STORY)]
    kinds = {type(event).__name__ for event in chain.events(0, 2)}
    assert kinds == {"CapsuleAnnounced", *(kind.__name__ for kind in ev.CampaignEvent.__subclasses__())}
    event_log(chain, path).catch_up()

    silent = FakeChain(blocks=[(b"genesis", []), (b"one", [])])

    assert same(event_log(silent, path).confirmed_ledger, truth(chain, 2)), "read from the journal, not from the chain"


def test_ahead_knows_what_is_not_confirmed_yet(path: Path) -> None:
    chain = FakeChain(blocks=[(b"genesis", []), *((b"%d" % number, [make]) for number, make in enumerate(STORY))])
    book = event_log(chain, path, confirmations=5)
    book.catch_up()
    assert same(book.confirmed_ledger, truth(chain, chain.newest_block() - 5 + 1))
    assert same(book.unconfirmed_ledger(), truth(chain, chain.newest_block() + 1))


def test_what_cannot_follow_is_not_taken_in(path: Path) -> None:
    chain = FakeChain(blocks=[(b"genesis", []), (b"one", STORY[1:2]), (b"two", one_campaign(b"d" * 32)[2:3])])
    book = event_log(chain, path)
    for _ in range(2):
        with pytest.raises(SonarError, match="no event created"):
            book.catch_up()
        assert book.confirmed_ledger.campaigns == {}
    chain.blocks[2] = (b"other", STORY[2:3])
    book.catch_up()
    assert same(book.confirmed_ledger, truth(chain, 3))


def test_what_was_read_before_the_node_went_away_is_told_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Capsule never looked at a Campaign again whose creation it read just before the node, or the disk, failed."""
    monkeypatch.setattr("sonar_core.chain.event_follower._LARGEST_RANGE", 1)
    chain = FakeChain(blocks=[(b"genesis", []), (b"one", STORY[1:2]), (b"two", STORY[2:3])])
    book, real = event_log(chain, path), chain.events

    def events(start: int, stop: int) -> list[Event]:
        if stop > 2:
            raise ConnectionError("the node went away")
        return real(start, stop)

    monkeypatch.setattr(chain, "events", events)
    with pytest.raises(ConnectionError):
        book.catch_up()
    monkeypatch.setattr(chain, "events", real)
    assert [event for batch in book.catch_up() for event in batch.events] == real(0, 3)
    assert book.catch_up() == []


@pytest.mark.parametrize("restarted", [False, True])
def test_logs_that_a_look_missed_are_found_by_the_next(
    path: Path, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = FakeChain(blocks=[(b"genesis", []), (b"one", STORY[:3]), (b"two", STORY[3:4])])
    book, real = event_log(chain, path), chain.events
    monkeypatch.setattr(chain, "events", lambda start, stop: real(start, stop)[:-1])
    book.catch_up()
    assert same(book.confirmed_ledger, truth(FakeChain(blocks=chain.blocks[:2]), 2))
    monkeypatch.setattr(chain, "events", real)
    chain.blocks.append((b"three", []))
    if restarted:
        book = event_log(chain, path)
    assert book.catch_up()[0].rewound_to == 0
    assert same(book.confirmed_ledger, truth(chain, 4))
    assert same(event_log(chain, path).confirmed_ledger, book.confirmed_ledger)


def test_logs_that_a_later_look_misses_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain(blocks=[(b"genesis", []), (b"one", STORY[:3]), (b"two", STORY[3:4])])
    book = event_log(chain, path)
    book.catch_up()
    before = book.confirmed_ledger
    monkeypatch.setattr(chain, "events", lambda start, stop: [])
    chain.blocks.append((b"three", []))
    (batch,) = book.catch_up()
    assert batch.rewound_to is None
    assert same(book.confirmed_ledger, before)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 4)),
        st.tuples(st.just("fork"), st.integers(1, 5)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("crash"), st.just(0)),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(0, 2))
def test_any_mixture_leads_to_the_chains_own_ledger(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]], confirmations: int
) -> None:
    path = tmp_path_factory.mktemp("event_log") / "state.sqlite"
    chain = FakeChain()
    book = event_log(chain, path, confirmations)
    stories: Iterator[int] = iter(range(10_000))

    def grow(blocks: int) -> None:
        for _ in range(blocks):
            number = next(stories)
            done = {id(make) for _, block in chain.blocks for make in block}
            coming = [make for make in STORY if id(make) not in done]
            chain.blocks.append((b"%d" % number, coming[: number % 3]))

    for move, size in [*moves, ("read", 0)]:
        if move == "grow":
            grow(size)
        elif move == "fork":
            depth = min(size, len(chain.blocks) - 1)
            del chain.blocks[len(chain.blocks) - depth :]
            grow(depth + 1)
        elif move == "read":
            book.catch_up()
            assert same(book.confirmed_ledger, truth(chain, max(chain.newest_block() - confirmations + 1, 0)))
            assert same(book.unconfirmed_ledger(), truth(chain, chain.newest_block() + 1))
        elif move == "restart":
            before = book.confirmed_ledger
            book = event_log(chain, path, confirmations)
            assert same(book.confirmed_ledger, before)
        else:
            events, chain.events = chain.events, _fails  # type: ignore[method-assign]
            with suppress(ConnectionError):
                book.catch_up()
            chain.events = events  # type: ignore[method-assign]
            book = event_log(chain, path, confirmations)
            book.catch_up()
            assert same(book.confirmed_ledger, truth(chain, max(chain.newest_block() - confirmations + 1, 0)))


def _fails(start: int, stop: int) -> list[Event]:
    raise ConnectionError


def test_in_memory_it_gives_the_chains_ledger_to_any_thread() -> None:
    chain = FakeChain()
    chain.blocks += [(bytes([number]), [event]) for number, event in enumerate(STORY, 1)]
    chain.blocks += [(bytes([number]), []) for number in range(READ_AGAIN)]
    log = EventLog.in_memory(chain, start_block=0)
    with ThreadPoolExecutor(1) as other:
        other.submit(log.catch_up).result()
    assert same(log.confirmed_ledger, truth(chain, len(STORY) + 1))
    del chain.blocks[3:]
    log.catch_up()
    assert same(log.unconfirmed_ledger(), truth(chain, 3))
