"""A Capsule killed at every point, one after the other, ends where one that was never killed does.

The points are found by the code: before and after every transaction, publication, warrant, sealed file, vault and write
to the journal. Each is fired once, between two transactions of the Capsule's, and each time a new process goes on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ape_capsule.home.paths import WARRANT_FILE
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.keys import paillier_keystore
from ape_capsule.keys.warrant_log import WarrantLog, read
from sonar_core.base.database import Database
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto import vault
from sonar_core.protocol.events import CampaignEvent
from sonar_core.protocol.ledger import Account
from sonar_core.store.embedded import EmbeddedStore
from tests.world.capsule import KilledError, World, key_pair, kinds

pytestmark = pytest.mark.chain

MOVES = ("open", "decline", "score_gradient", "reject_gradient", "rebase", "deliver", "collect_bond")
LAST_MOVE = "collect_scoring_fees"
WRITES = tuple(f"before {what}" for what in ("put", "grant", "keep", "vault", "a write"))
#: More kills than any story has points.
_MOST_KILLS = 1_000


@dataclass
class Fuses:
    """One fuse a point; a point is its place among those since the last transaction and the last start.

    Attributes:
        lit: whether they burn.
        full: whether they stand for a disk without room, where something is written, and not for a kill.
        fired: names of the points at which the Capsule was killed.
    """

    lit: bool = False
    full: bool = False
    fired: list[str] = field(default_factory=list)
    _sent: int = 0
    _place: int = 0
    _burned: set[tuple[int, int, str]] = field(default_factory=set)

    def started(self) -> None:
        self._place = 0

    def sent(self) -> None:
        self._sent, self._place = self._sent + 1, 0

    def burn(self, name: str) -> None:
        point = (self._sent, self._place, name)
        self._place += 1
        if self.lit and point not in self._burned and (name in WRITES or not self.full):
            self._burned.add(point)
            self.fired.append(name)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name) if self.full else KilledError(name)


def wired(fuses: Fuses, name: str, real: Callable[..., Any], *, sends: bool = False) -> Callable[..., Any]:
    """The same function with a fuse before and after it."""

    def function(*arguments: Any, **named: Any) -> Any:
        fuses.burn(f"before {name}")
        result = real(*arguments, **named)
        if sends:
            fuses.sent()
        fuses.burn(f"after {name}")
        return result

    return function


@pytest.fixture
def fuses(monkeypatch: pytest.MonkeyPatch) -> Fuses:
    fuses = Fuses()
    for name in (*MOVES, LAST_MOVE):
        monkeypatch.setattr(SonarContracts, name, wired(fuses, name, getattr(SonarContracts, name), sends=True))
    monkeypatch.setattr(EmbeddedStore, "put", wired(fuses, "put", EmbeddedStore.put))
    monkeypatch.setattr(WarrantLog, "grant", wired(fuses, "grant", WarrantLog.grant))
    monkeypatch.setattr(SealedFiles, "keep", wired(fuses, "keep", SealedFiles.keep))
    monkeypatch.setattr(SealedFiles, "remove", wired(fuses, "remove", SealedFiles.remove))
    monkeypatch.setattr(vault, "write", wired(fuses, "vault", vault.write))
    real = Database.transaction

    @contextmanager
    def transaction(self: Database) -> Any:
        with real(self) as connection:
            yield connection
            fuses.burn("before a write")
        fuses.burn("after a write")

    monkeypatch.setattr(Database, "transaction", transaction)
    monkeypatch.setattr(paillier_keystore, "generate_paillier_keypair", lambda bits: key_pair())
    # A head is full at once, so that the story has a rebase in it.
    monkeypatch.setattr("ape_capsule.moves.rebase.needs_rebase", lambda model, exponent, packing: exponent > 20)
    return fuses


def rest(world: World, fuses: Fuses, *, kill: bool) -> None:
    """Steps until nothing happens twice over, and starts again whenever it was killed."""
    oracle, quiet = None, 0
    for _ in range(_MOST_KILLS):
        fuses.lit = kill
        try:
            if oracle is None:
                fuses.started()
                oracle = world.oracle()
            if fuses.full:
                fuses.started()
            before = len(fuses.fired)
            actions = oracle.step()
            assert fuses.full or "trouble" not in kinds(actions), actions
            # A trouble that was told before is not told again.
            quiet = 0 if actions or len(fuses.fired) > before else quiet + 1
        except OSError:  # as `run` has it: it is told, and the next step tries again
            quiet = 0
        except KilledError:
            fuses.lit = False
            if oracle is not None:
                oracle.close()
            oracle, quiet = None, 0
            continue
        if quiet == 2:
            break
    else:
        raise AssertionError("it does not come to rest")
    fuses.lit = False
    assert oracle is not None
    oracle.close()


@dataclass(frozen=True)
class Outcome:
    events: list[tuple[Any, ...]]
    accounts: list[Account]
    transactions: int
    warrants: list[tuple[str, int]]


def play(world: World, fuses: Fuses, *, kill: bool) -> Outcome:
    """One Campaign that is opened, scored, rebased, delivered and paid for, one that is declined."""
    capsule = world.as_("capsule")
    nonces = capsule.transaction_counts()[0]
    campaign, false = world.create(), world.create(starting_accuracy=0)
    rest(world, fuses, kill=kill)
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    wrong = world.bundle(campaign, world.gradient(campaign, 12), role="second miner")
    world.submit(campaign, wrong, bytes(31) + b"\x01")
    world.submit_gradient(campaign, world.gradient(campaign, 13, wrong=True))
    rest(world, fuses, kill=kill)
    world.until_end(campaign)
    rest(world, fuses, kill=kill)
    events = [
        (type(one).__name__, getattr(one, "number", None), getattr(one, "version", None), _accuracy(one))
        for one in capsule.events(world.start, capsule.newest_block() + 1)
        if isinstance(one, CampaignEvent)
    ]
    entries = [(entry.warrant.kind.value, entry.warrant.number) for entry in read(world.home / WARRANT_FILE)]
    accounts = [world.state(one).account() for one in (campaign, false)]
    return Outcome(events, accounts, capsule.transaction_counts()[0] - nonces, entries)


def _accuracy(event: CampaignEvent) -> int | None:
    score = getattr(event, "score", None)
    return score.accuracy if score is not None else None


@pytest.mark.parametrize("full", [False, True], ids=["killed", "disk full"])
def test_killed_everywhere_it_ends_the_same(
    sonar: Any, chain: Any, roles: dict[str, Any], tmp_path: Path, fuses: Fuses, full: bool
) -> None:
    def world(name: str) -> World:
        (tmp_path / name).mkdir()
        return World(sonar, chain, roles, tmp_path / name)

    start = chain.snapshot()
    expected = play(world("whole"), fuses, kill=False)
    names = [name for name, *_ in expected.events]
    assert sorted(set(names) - {"CampaignCreated", "GradientSubmitted"}) == [
        "BondCollected",
        "CampaignDeclined",
        "CampaignDelivered",
        "CampaignOpened",
        "GradientRejected",
        "GradientScored",
        "ModelRebased",
        "ScoringFeesCollected",
    ]
    assert expected.warrants == [("gradient", 0), ("model", 1), ("gradient", 2), ("model", 2)]
    assert not fuses.fired

    chain.restore(start)
    fuses.full = full
    outcome = play(world("killed"), fuses, kill=True)
    if full:  # a trouble of one Campaign lets another one pass
        assert replace(outcome, events=sorted(outcome.events, key=str)) == replace(
            expected, events=sorted(expected.events, key=str)
        )
        assert set(fuses.fired) == set(WRITES)
        return
    assert outcome == expected
    fired = {name.partition(" ")[2] for name in fuses.fired}
    assert fired == {*MOVES, LAST_MOVE, "put", "grant", "keep", "remove", "vault", "a write"}
    assert len(fuses.fired) > 100
    print(f"killed at {len(fuses.fired)} points")  # noqa: T201 - a figure of the test's
