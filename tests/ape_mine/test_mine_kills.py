"""A Mine killed at any point, and started again, ends where one that was never killed does.

The points are found by the code: one at each end of every transaction, every publication and every write to the
journal. After each kill the chain may take what waits at once, later, or lose it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_mine.training.gradient_builder import GradientBuilder, SealedGradient
from sonar_core.base.database import Database, JournalError
from sonar_core.data.table_schema import TableSchema
from sonar_core.store import StoreUnavailableError
from tests.world.killing import KilledError
from tests.world.mine import AGE, DOSE, ILL, MINER, POLICY, SONAR, Fuse, World, write_csv

SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL]})
#: More steps than any story needs to come to rest.
_MOST_STEPS = 40


@pytest.fixture(autouse=True)
def simulated_sealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random bytes stand for sealed Gradients: what is under test is who gets them, and how often."""

    def seal(
        self: GradientBuilder, campaign: Any, dataset: Any, match: Any, privacy: Any, **whose: Any
    ) -> SealedGradient:
        return SealedGradient(campaign.model.version, secrets.token_bytes(64), secrets.token_bytes(32), None)

    monkeypatch.setattr(GradientBuilder, "build", seal)


@dataclass
class Stage:
    """A world, and a Mine in it that starts again whenever it is killed."""

    world: World
    home: Home
    aftermath: str
    confirmations: int
    wall: Callable[[], datetime]
    kills: int = 0

    def rest(self) -> None:
        """Steps, with the chain going on, until nothing more happens."""
        mine, quiet = self._start(), 0
        for _ in range(_MOST_STEPS):
            try:
                happened = mine.step()
            except JournalError:
                # As `run` has it: it is told, and the next look tries again.
                self.kills += 1
                quiet = 0
                continue
            except KilledError:
                self.kills += 1
                mine.close()
                self._go_on()
                mine = self._start()
                continue
            if self.confirmations or self.world.sonar.shared.pool:
                self.world.wait(0)
            quiet = 0 if happened else quiet + 1
            if quiet > self.confirmations + 1:
                mine.close()
                return
        raise AssertionError("it does not come to rest")

    def _start(self) -> Mine:
        while True:
            try:
                sonar, store = self.world.sonar, self.world.store
                settings: dict[str, Any] = {
                    "confirmations": self.confirmations,
                    "clock": itertools.count(step=3600).__next__,
                    "wall": self.wall,
                }
                return Mine(sonar, store, self.home, start_block=0, **settings)  # type: ignore[arg-type]
            except (KilledError, JournalError):
                self.kills += 1

    def _go_on(self) -> None:
        pool = self.world.sonar.shared.pool
        if self.aftermath == "taken":
            self.world.wait(0)
        elif self.aftermath == "lost":
            pool.clear()


@contextmanager
def burning(world: World, fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Points to be killed at around everything that lasts."""
    put, transaction = world.store.put, Database.transaction

    def burning_put(data: bytes) -> bytes:
        fuse.burn("before publication")
        address = put(data)
        fuse.burn("after publication")
        return address

    @contextmanager
    def burning_transaction(self: Database) -> Iterator[Any]:
        with transaction(self) as connection:
            yield connection
            fuse.burn("before a write")
        fuse.burn("after a write")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", burning_transaction)
        patch.setattr(world.sonar, "fuse", fuse)
        patch.setattr(world.store, "put", burning_put)
        yield


def play(
    folder: Path,
    fuse: Fuse,
    aftermath: str,
    confirmations: int,
    monkeypatch: pytest.MonkeyPatch,
    wall: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Any]:
    """One Campaign that is delivered and pays, one whose Capsule fails; what the Mine has of both in the end."""
    folder.mkdir()
    world = World(folder)
    home = Home.create(folder / "mine", MINER, SONAR)
    home.datasets.add("ward-7", write_csv(folder / "rows.csv"), SCHEMA)
    (folder / "policy.yaml").write_text(POLICY)
    home.adopt(folder / "policy.yaml")
    stage = Stage(world, home, aftermath, confirmations, wall)
    paying, failing = world.open_campaign(scoring_window=5000), world.open_campaign()

    def let_the_mine_work() -> None:
        with burning(world, fuse, monkeypatch):
            stage.rest()

    let_the_mine_work()
    world.score(paying, 4 * 10**17)
    let_the_mine_work()
    world.score(paying, 4 * 10**17)
    world.deliver(paying)
    let_the_mine_work()
    if isinstance(fuse, FullDisk):  # what the Mine tells itself of a trouble is no more
        assert stage.kills <= 1
    else:
        assert stage.kills == (0 if fuse.left is None and not fuse.fired else 1)
    return [_outcome(world, campaign) for campaign in (paying, failing)]


def _outcome(world: World, campaign: bytes) -> list[Any]:
    state = world.state(campaign)
    for gradient in state.gradients.values():
        assert gradient.record.miner == MINER
        assert world.store.has(gradient.record.bundle), "a Gradient on chain whose blob never appeared"
    done = [(one.record.version, one.claimed, one.reclaimed, one.compensated) for one in state.gradients.values()]
    return [done, state.recorded, state.account()]


@pytest.mark.parametrize(("aftermath", "confirmations"), [("taken", 1), ("waiting", 0), ("lost", 1)])
def test_killed_anywhere_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aftermath: str, confirmations: int
) -> None:
    whole = Fuse()
    expected = play(tmp_path / "whole", whole, aftermath, confirmations, monkeypatch)
    versions = [[version for version, *_ in done] for done, *_ in expected]
    assert versions == [[0, 1], [0]], "the story is not the one meant to be told"
    assert [done for done, *_ in expected] == [
        [(0, True, False, False), (1, False, False, False)],
        [(0, False, True, True)],
    ]
    names = {"submit waits", "before claim", "after expire", "before reclaim", "after compensate"}
    assert names | {"before publication", "after a write"} <= set(whole.burned)

    for point, name in enumerate(whole.burned):
        outcome = play(tmp_path / str(point), Fuse(left=point), aftermath, confirmations, monkeypatch)
        assert outcome == expected, f"killed at point {point}: {name}"


class FullDisk(Fuse):
    """A disk that has no room for one write, the `left`-th."""

    def burn(self, point: str) -> None:
        if point not in ("before a write", "before publication"):
            return
        try:
            super().burn(point)
        except KilledError:
            if point == "before a write":
                raise JournalError("state.sqlite: the disk is full") from None
            raise StoreUnavailableError("embedded:blobs", "the disk is full") from None


def test_a_disk_that_is_full_for_any_one_write_changes_nothing_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FullDisk()
    expected = play(tmp_path / "whole", whole, "taken", 0, monkeypatch)
    assert {"before a write", "before publication"} == set(whole.burned)
    for point, name in enumerate(whole.burned):
        outcome = play(tmp_path / str(point), FullDisk(left=point), "taken", 0, monkeypatch)
        assert outcome == expected, f"no room at point {point}: {name}"


@pytest.mark.parametrize("hours", [-1, 1, -9_000, 9_000])
def test_a_clock_that_is_wrong_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """Windows, claims and expiry go by the chain's time, whatever this machine's clock says."""
    right = play(tmp_path / "right", Fuse(), "taken", 1, monkeypatch)
    monkeypatch.setattr("time.time", lambda: datetime.now(UTC).timestamp() + hours * 3600)
    wrong = play(
        tmp_path / "wrong", Fuse(), "taken", 1, monkeypatch, lambda: datetime.now(UTC) + timedelta(hours=hours)
    )
    assert wrong == right
