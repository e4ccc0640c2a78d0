"""A Capsule whose state file is damaged or another's says so, and scores nothing twice with one made anew."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ape_capsule.errors import HomeMismatchError
from ape_capsule.home.paths import KEYS_FOLDER, STATE_FILE, WARRANT_FILE
from ape_capsule.keys.warrant_log import read
from ape_capsule.maintenance.rebuild_state import RebuiltState, rebuild
from sonar_core.app.connection import Connection
from sonar_core.base.database import JournalDamagedError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_follower import WrongChainError
from sonar_core.service.state_replacement import StateSoundError
from tests.world.capsule import KilledError, World, kinds

pytestmark = pytest.mark.chain


def mend(world: World) -> RebuiltState:
    return rebuild(world.home, Connection(world.as_("capsule"), world.start, 0, ()))


def test_a_damaged_file_between_a_verdict_and_its_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, oracle = world.create(), world.oracle()
    assert kinds(oracle.step()) == ["opened"]
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    assert kinds(oracle.step()) == ["scored"]
    world.submit_gradient(campaign, world.gradient(campaign, 13, wrong=True))

    def killed(*arguments: Any, **named: Any) -> None:
        raise KilledError("score")

    with monkeypatch.context() as patch:
        patch.setattr(SonarContracts, "score_gradient", killed)
        with pytest.raises(KilledError):
            oracle.step()
    oracle.close()
    path = world.home / STATE_FILE
    with pytest.raises(StateSoundError, match="left as it is"):
        mend(world)
    damaged = os.urandom(path.stat().st_size)
    path.write_bytes(damaged)
    with pytest.raises(JournalDamagedError, match=rf"{STATE_FILE} is damaged .*`ape capsule rebuild`"):
        world.oracle()

    done = mend(world)

    assert done.aside.read_bytes() == damaged
    assert (done.campaigns, done.scored, done.waiting, done.keyless) == (1, 1, 1, ())
    oracle = world.oracle()
    assert kinds(oracle.step()) == ["scored"]
    world.until_end(campaign)
    assert [kinds(oracle.step()) for _ in range(3)] == [["delivered"], ["collected", "collected"], []]
    oracle.close()
    assert world.state(campaign).scored == 2
    warrants = [(entry.warrant.kind.value, entry.warrant.number) for entry in read(world.home / WARRANT_FILE)]
    assert warrants == [("gradient", 0), ("gradient", 1), ("model", 1)], "nothing was decrypted twice"


def test_another_accounts_file_and_another_chains_are_told_by_name(world: World) -> None:
    world.create()
    world.oracle().close()
    strange = SonarContracts(world.sonar.address, world.accounts["miner"])
    with pytest.raises(HomeMismatchError, match=rf"{STATE_FILE} belongs to the account .*`ape capsule rebuild`"):
        start_as(world, strange)
    done = rebuild(world.home, Connection(strange, world.start, 0, ()))
    assert done.campaigns == 0
    with pytest.raises(HomeMismatchError):
        world.oracle()
    mend(world)
    oracle = world.oracle()
    with oracle._context.journal.database.transaction() as connection:
        connection.execute("UPDATE follower SET genesis = x'00'")
    oracle.close()
    with pytest.raises(WrongChainError, match=rf"{STATE_FILE}.*`ape capsule rebuild`"):
        world.oracle()
    assert mend(world).campaigns == 1
    oracle = world.oracle()
    assert kinds(oracle.step()) == ["opened"]
    oracle.close()
    assert len(list(world.home.glob(f"{STATE_FILE}.damaged-[0-9]"))) == 3


def start_as(world: World, chain: SonarContracts) -> None:
    """A Capsule that is started as `chain`'s account."""
    real = world.as_
    world.as_ = lambda role: chain  # type: ignore[method-assign]
    try:
        world.oracle()
    finally:
        world.as_ = real  # type: ignore[method-assign]


def test_a_key_pair_that_is_missing_is_named(world: World) -> None:
    campaign, oracle = world.create(), world.oracle()
    oracle.step()
    oracle.close()
    (world.home / STATE_FILE).write_bytes(b"garbage" * 999)
    (world.home / KEYS_FOLDER / f"{campaign.hex()}.vault").unlink()
    assert mend(world).keyless == (campaign,)
