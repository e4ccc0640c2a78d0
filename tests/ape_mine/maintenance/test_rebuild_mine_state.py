"""A state file that is damaged, lost or of another chain: told by name, made anew, kept; no budget is given twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ape_mine.errors import HomeMismatchError, SpendingUnknownError, StateLostError
from ape_mine.home.home import STATE_FILE, Home
from ape_mine.loop import Mine
from ape_mine.maintenance.rebuild_state import RebuiltState, rebuild
from ape_mine.policy.document import Privacy
from ape_mine.policy.privacy_budget import quote
from ape_mine.training.noisy_releases import NoisyReleases
from sonar_core.base.database import JournalDamagedError
from sonar_core.base.errors import SonarError
from sonar_core.chain.contracts import ChainError
from sonar_core.chain.event_follower import WrongChainError
from sonar_core.data.table_schema import TableSchema
from sonar_core.service.state_replacement import StateSoundError
from tests.world.mine import AGE, DOSE, ILL, MINER, POLICY, RIVAL, SONAR, World, write_csv

SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL]})
PRIVACY = Privacy(epsilon=4.0, delta=1e-6, releases=2)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.create(tmp_path / "mine", MINER, SONAR)
    for name in ("ward-7", "removed"):
        home.datasets.add(name, write_csv(tmp_path / "rows.csv"), SCHEMA)
    home.remove("removed")
    (tmp_path / "policy.yaml").write_text(POLICY)
    home.adopt(tmp_path / "policy.yaml")
    return home


def start(world: World, home: Home) -> Mine:
    return Mine(world.sonar, world.store, home, confirmations=0, start_block=0)  # type: ignore[arg-type]


def mend(world: World, home: Home) -> RebuiltState:
    chain: Any = world.sonar
    return rebuild(home.folder, chain, world.store, confirmations=0, start_block=0)


def worked(world: World, home: Home) -> bytes:
    """A Campaign with a scored Gradient of the Mine's, and one that waits."""
    campaign, mine = world.open_campaign(), start(world, home)
    mine.step()
    world.score(campaign, 10**17)
    mine.step()
    mine.close()
    return campaign


def kinds(mine: Mine) -> list[str]:
    return [action.kind for action in mine.step()]


def all_garbage(path: Path) -> None:
    path.write_bytes(os.urandom(40_000))


def some_garbage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : 3 * 4096] = os.urandom(2 * 4096)
    path.write_bytes(data)


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def nothing_in_it(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [all_garbage, some_garbage, half, nothing_in_it, Path.unlink])
def test_damage_is_told_by_name_and_mended_without_a_second_submission(
    world: World, home: Home, damage: Callable[[Path], None]
) -> None:
    campaign, path = worked(world, home), home.folder / STATE_FILE
    damage(path)
    damaged = path.read_bytes() if path.exists() else None
    with pytest.raises((JournalDamagedError, StateLostError), match=rf"{path.name}.*`ape mine rebuild`") as caught:
        start(world, Home(home.folder))
    assert isinstance(caught.value, SonarError)

    done = mend(world, home)

    assert (done.campaigns, done.gradients, done.scored, done.claimed, done.lost) == (1, 2, 1, 0, ())
    assert (done.aside.read_bytes() if done.aside.exists() else None) == damaged
    mine = start(world, Home(home.folder))
    assert "submitted" not in kinds(mine)
    world.score(campaign, 10**17)
    world.deliver(campaign)
    assert kinds(mine) == ["claimed"]
    assert kinds(mine) == []
    mine.close()
    assert [one.record.version for one in world.state(campaign).gradients.values()] == [0, 1]
    with home.state().opened() as state:
        assert len(state.transactions(campaign)) == 2


def test_what_was_spent_and_is_not_known_counts_as_spent(world: World, home: Home) -> None:
    worked(world, home)
    all_garbage(home.folder / STATE_FILE)

    assert mend(world, home).spent == ("removed", "ward-7")

    with home.state().opened() as state:
        for name in ("ward-7", "removed"):
            if name == "removed":  # the same rows again, under the name that was removed
                home.datasets.add(name, home.folder.parent / "rows.csv", SCHEMA)
            spending = state.releases.spending(home.datasets.get(name))
            with pytest.raises(SpendingUnknownError, match="counts as spent"):
                quote(name, PRIVACY, spending, released=True)
            assert spending.left(PRIVACY.budget) == 0


def test_a_sound_file_is_left_alone(world: World, home: Home) -> None:
    worked(world, home)
    with pytest.raises(StateSoundError, match="left as it is"):
        mend(world, home)
    with home.state().opened() as state:
        assert not state.releases.spending(home.datasets.get("ward-7")).unknown
    assert sorted(path.name for path in home.folder.iterdir() if "state" in path.name) == [STATE_FILE]


def test_another_chains_file_keeps_what_was_spent(world: World, home: Home, tmp_path: Path) -> None:
    worked(world, home)
    with home.state().opened() as state, state.journal.transaction() as connection:
        connection.execute("INSERT INTO release VALUES (x'01', 'ward-7', x'02', '1/2', x'')")
    (tmp_path / "anew").mkdir()
    anew = World(tmp_path / "anew")
    anew.sonar.shared.blocks[0].salt = 99
    with pytest.raises(WrongChainError, match=rf"{STATE_FILE}.*`ape mine rebuild`"):
        start(anew, home)

    assert mend(anew, home).spent == ()

    with home.state().opened() as state:
        spending = state.releases.spending(home.datasets.get("ward-7"))
    assert (spending.rho, spending.exact_gradients) == (Fraction(1, 2), 2)
    start(anew, home).close()


def test_another_accounts_file_is_not_taken(world: World, home: Home) -> None:
    worked(world, home)
    with pytest.raises(HomeMismatchError, match="the account"):
        rebuild(home.folder, world.rival, world.store, confirmations=0, start_block=0)  # type: ignore[arg-type]
    assert world.rival.sender == RIVAL


def test_a_bundle_that_never_got_out_is_named(world: World, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, mine = world.open_campaign(), start(world, home)
    with monkeypatch.context() as patch:
        patch.setattr(Mine, "_publish", lambda self, policy, submission: [])
        mine.step()
    mine.close()
    all_garbage(home.folder / STATE_FILE)
    assert mend(world, home).lost == ((campaign, 0),)


def test_cut_short_it_leaves_the_old_file_or_none(world: World, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    worked(world, home)
    path = home.folder / STATE_FILE
    all_garbage(path)
    damaged = path.read_bytes()

    def gone(self: Any, start: int, stop: int) -> list[Any]:
        raise ChainError("the node does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.sonar), "events", gone)
        with pytest.raises(ChainError):
            mend(world, home)
    assert path.read_bytes() == damaged
    with monkeypatch.context() as patch:
        patch.setattr(NoisyReleases, "assume_spent", lambda self, names: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            mend(world, home)
    assert path.read_bytes() == damaged

    renames = iter([os.rename])

    def killed(source: Any, target: Any) -> None:
        next(renames)(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("sonar_core.service.state_replacement.os.rename", killed)
        with pytest.raises(RuntimeError):
            mend(world, home)
    with pytest.raises(StateLostError):
        Home(home.folder)
    with pytest.raises(StateLostError, match="`ape mine rebuild`"):
        Home.create(home.folder, MINER, SONAR)
    assert mend(world, home).spent == ("removed", "ward-7")
    start(world, Home(home.folder)).close()
