"""The follower: whatever the chain does, what was delivered and not taken back is the chain's own history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sonar_core.base.database import Database
from sonar_core.chain.event_follower import FOLLOWER_TABLES, DeepReorganisationError, EventFollower, WrongChainError
from sonar_core.protocol.events import Event
from tests.world.forking_chain import ForkingChain
from tests.world.killing import KilledError

_NOTES = "CREATE TABLE note (block INTEGER NOT NULL, name BLOB NOT NULL)"


class Reader:
    """A service that notes every event in its journal, in the follower's own transaction."""

    def __init__(self, chain: ForkingChain, path: Path, *, confirmations: int = 0, start_block: int = 0) -> None:
        self._chain, self._path = chain, path
        self._confirmations, self._start = confirmations, start_block
        self.start()

    def start(self) -> None:
        """A new process over the same file."""
        self.journal = Database(self._path, [FOLLOWER_TABLES, _NOTES])
        self.follower = EventFollower(
            self._chain, self.journal, confirmations=self._confirmations, start_block=self._start
        )

    def read(self, before_commit: Callable[[], None] = lambda: None) -> bool:
        """One batch noted; whether there was one."""
        with self.follower.next_batch() as batch:
            if batch is None:
                return False
            with self.journal.transaction() as connection:
                if batch.rewound_to is not None:
                    connection.execute("DELETE FROM note WHERE block >= ?", (batch.rewound_to,))
                rows = [(event.position.block, _name(event)) for event in batch.events]
                connection.executemany("INSERT INTO note VALUES (?, ?)", rows)
            before_commit()
            return True

    def catch_up(self) -> None:
        while self.read():
            pass

    def noted(self) -> list[bytes]:
        return [bytes(row["name"]) for row in self.journal.rows("SELECT name FROM note ORDER BY rowid")]


def _name(event: Event) -> bytes:
    return event.campaign  # type: ignore[attr-defined,no-any-return]


def names(events: list[Event]) -> list[bytes]:
    return [_name(event) for event in events]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def chain() -> ForkingChain:
    chain = ForkingChain()
    chain.grow(10)
    return chain


moves = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("fork"), st.integers(1, 8), st.integers(0, 9)),
        st.tuples(st.just("read"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("die"), st.integers(0, 1), st.just(0)),
    ),
    max_size=20,
)
surprises = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12), st.integers(0, 14)), max_size=4)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([("grow", 1, 0)] * 5 + [("read", 3, 0)], [(5, 1, 0), (12, 1, 0)], 2, 1)
@given(moves, surprises, st.integers(0, 3), st.sampled_from([1, 3, 2_000]))
def test_net_of_rewinds_what_was_delivered_is_the_chains_history(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int, int]],
    sudden: list[tuple[int, int, int]],
    confirmations: int,
    largest_range: int,
) -> None:
    chain = ForkingChain()
    chain.surprises.extend(sudden)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sonar_core.chain.event_follower._LARGEST_RANGE", largest_range)
        reader = Reader(chain, tmp_path_factory.mktemp("follower") / "state.sqlite", confirmations=confirmations)
        for step, size, growth in steps:
            if step == "grow":
                chain.grow(size)
            elif step == "fork":
                chain.fork(size, growth)
            elif step == "read":
                for _ in range(size):
                    with suppress(ConnectionError):
                        reader.read()
            else:
                _die(reader, within_batch=bool(size))
        chain.surprises.clear()
        # A chain that became shorter took confirmations from blocks that are still its own: they are not taken back.
        chain.grow(confirmations)
        reader.catch_up()
        assert reader.noted() == names(chain.history(chain.height - confirmations + 1))


def _die(reader: Reader, *, within_batch: bool) -> None:
    """Death before, or after, the handler's work and before the cursor's: then all of it comes again."""

    def killed() -> None:
        raise KilledError

    before = reader.noted()
    if within_batch:
        with suppress(KilledError, ConnectionError):
            reader.read(killed)
    reader.journal.close()
    reader.start()
    assert reader.noted() == before


@pytest.mark.parametrize("confirmations", [0, 1, 5])
def test_nothing_is_delivered_before_its_confirmations(path: Path, confirmations: int) -> None:
    chain = ForkingChain()
    reader = Reader(chain, path, confirmations=confirmations)
    for _ in range(12):
        chain.grow(1)
        reader.catch_up()
        assert reader.noted() == names(chain.history(chain.height - confirmations + 1))
        assert reader.follower.next_block == max(0, chain.height - confirmations + 1)


def test_a_batch_repeats_when_its_handler_died(path: Path, chain: ForkingChain) -> None:
    reader = Reader(chain, path)
    seen: list[tuple[Event, ...]] = []

    def die_over_a_batch() -> None:
        with reader.follower.next_batch() as batch:
            assert batch is not None
            seen.append(batch.events)
            raise KilledError

    for _ in range(2):
        with pytest.raises(KilledError):
            die_over_a_batch()
    assert seen[0] == seen[1] == tuple(chain.history(11))
    assert reader.follower.next_block == 0


def test_a_restart_goes_on_in_the_middle(path: Path, chain: ForkingChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonar_core.chain.event_follower._LARGEST_RANGE", 4)
    assert Reader(chain, path).read()
    with Reader(chain, path).follower.next_batch() as batch:
        assert batch is not None
        assert (batch.start, batch.stop, batch.rewound_to) == (4, 8, None)


def test_reading_begins_at_the_deployment(path: Path, chain: ForkingChain) -> None:
    reader = Reader(chain, path, start_block=6)
    reader.catch_up()
    assert reader.noted() == names([event for event in chain.history(11) if event.position.block >= 6])


def test_a_rewind_tells_from_where(path: Path, chain: ForkingChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonar_core.chain.event_follower._LARGEST_RANGE", 3)
    reader = Reader(chain, path)
    reader.catch_up()
    chain.fork(4, 6)
    with reader.follower.next_batch() as batch:
        assert batch is not None
        assert batch.rewound_to == batch.start == 6, "the newest checkpoint that is still there is block 5"
        assert list(batch.events) == [event for event in chain.history(batch.stop) if event.position.block >= 6]


def test_a_chain_that_only_lost_blocks_is_taken_back_at_once(path: Path, chain: ForkingChain) -> None:
    reader = Reader(chain, path)
    reader.catch_up()
    chain.fork(3, 0)
    reader.catch_up()
    assert reader.noted() == names(chain.history(8))


def test_a_reorganisation_between_two_questions_is_seen_below_what_is_kept(path: Path, chain: ForkingChain) -> None:
    reader = Reader(chain, path)
    reader.catch_up()
    chain.grow(3)
    for question in range(8):
        chain.surprises.append((question, 6, 7))
        reader.read()
        reader.catch_up()
        assert not chain.surprises
        assert reader.noted() == names(chain.history(chain.height + 1)), question
        chain.grow(2)


def test_an_idle_look_asks_little(path: Path, chain: ForkingChain) -> None:
    reader = Reader(chain, path)
    reader.catch_up()
    before = chain.asked
    assert not reader.read()
    assert chain.asked - before <= 3


def test_another_chain_is_refused(path: Path, chain: ForkingChain) -> None:
    Reader(chain, path).catch_up()
    for other in (ForkingChain(chain_id=8), ForkingChain(genesis=b"started anew")):
        with pytest.raises(WrongChainError, match="use another home"):
            Reader(other, path)


def test_a_reorganisation_below_everything_remembered_is_not_passed_over(path: Path) -> None:
    chain = ForkingChain()
    reader = Reader(chain, path)
    for _ in range(300):
        chain.grow(1)
        reader.catch_up()
    before = reader.noted()
    chain.fork(299, 310)
    with pytest.raises(DeepReorganisationError, match=r"state\.sqlite cannot follow: restore it"):
        reader.read()
    assert reader.noted() == before
