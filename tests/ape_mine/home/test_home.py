"""The Mine's home: one owner, one worker at a time, a policy that is put in force whole, and closed to others' eyes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ape_mine.errors import DatasetMissingError, HomeBusyError, HomeMismatchError, HomeMissingError, PolicyError
from ape_mine.home.home import Home
from ape_mine.home.state import Note, Owner
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.document import Policy
from ape_mine.policy.submission import Submission
from sonar_core.base.database import JournalError
from sonar_core.data.row_errors import RowError
from tests.world.mine import AGE, DOSE, ILL, MINER, POLICY, RIVAL, SONAR, write_csv

SUBMISSION = Submission(b"c" * 32, 3, b"b" * 32, b"k" * 32, b"sealed", 7, "ward-7", b"r" * 32)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "mine", MINER, SONAR)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "schema.json").write_text(json.dumps({"fields": [AGE, DOSE, ILL]}))
    write_csv(tmp_path / "rows.csv")
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("own", "own, path: rows.csv, schema: schema.json"))
    return path


def test_a_home_is_made_once_and_has_one_owner(home: Home) -> None:
    again = Home.create(home.folder, MINER, SONAR)
    with again.state().opened() as state:
        assert state.owner() == Owner(MINER, SONAR)
    with pytest.raises(HomeMismatchError, match="the account"):
        Home.create(home.folder, RIVAL, SONAR)
    with pytest.raises(HomeMismatchError, match="the Sonar contract"):
        Home.create(home.folder, MINER, RIVAL)


def test_without_init_there_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(HomeMissingError, match="ape mine init"):
        Home(tmp_path)


def test_others_on_the_machine_see_nothing(home: Home) -> None:
    folders = [home.folder, home.folder / "datasets", home.folder / "statistics"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3


def test_one_process_works_at_a_time(home: Home) -> None:
    with home.lock(), pytest.raises(HomeBusyError, match="another Mine process"), Home(home.folder).lock():
        pass
    with home.lock():
        pass


def test_a_damaged_state_file_is_told(home: Home) -> None:
    path = home.folder / "state.sqlite"
    for side in home.folder.glob("state.sqlite-*"):
        side.unlink()
    path.write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(JournalError, match=r"state\.sqlite"):
        home.state()


# ------------------------------------------------------------------ policy


def test_without_a_policy_nothing_is_allowed(home: Home) -> None:
    assert home.policy() == Policy()
    assert home.policy_text() == ""


def test_a_policy_brings_its_datasets(home: Home, policy: Path) -> None:
    adopted = home.adopt(policy)
    assert home.policy() == adopted
    assert home.policy_text() == policy.read_text()
    assert [dataset.name for dataset in home.datasets] == ["ward-7"]


def test_a_policy_that_cannot_be_followed_changes_nothing(home: Home, policy: Path, tmp_path: Path) -> None:
    home.adopt(policy)
    before = home.policy_text()
    policy.write_text("allow: everything")
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        home.adopt(policy)
    policy.write_bytes(b"\xff")
    with pytest.raises(PolicyError, match="UTF-8"):
        home.adopt(policy)
    with pytest.raises(PolicyError, match="no such file"):
        home.adopt(tmp_path / "none.yaml")
    policy.write_text(POLICY.replace("ward-7", "ward-8"))
    with pytest.raises(DatasetMissingError, match="ward-8"):
        home.adopt(policy)
    (tmp_path / "rows.csv").write_text("age,dose,ill\n1,x,true\n")
    policy.write_text(POLICY.replace("own", "own, path: rows.csv, schema: schema.json"))
    with pytest.raises(RowError, match="'dose'"):
        home.adopt(policy)
    assert home.policy_text() == before
    assert home.datasets.get("ward-7").rows == 60


# ------------------------------------------------------------------ state


def test_submissions_are_kept_until_they_are_out(home: Home) -> None:
    with home.state().opened() as state:
        state.prepare(SUBMISSION)
        state.sent(SUBMISSION.bundle, b"t" * 32)
    with home.state().opened() as state:
        assert state.unfinished() == [SUBMISSION]
        assert state.transactions(SUBMISSION.campaign) == [b"t" * 32]
        state.dropped(SUBMISSION.bundle)
        assert (state.unfinished(), state.given_up()) == ([], [SUBMISSION])
        state.published(SUBMISSION.bundle)
        assert (state.unfinished(), state.given_up()) == ([], [])
        assert b"sealed" not in b"".join(bytes(row["sealed"]) for row in state.journal.rows("SELECT * FROM submission"))


def test_notes_are_news_only_once(home: Home) -> None:
    first = Note(b"c" * 32, PolicyVerdict.ASK, "rule 1", "ward-7")
    trouble = Note(b"c" * 32, None, "no blob", "")
    with home.state().opened() as state:
        assert [state.note(note) for note in (first, first, trouble, trouble, first)] == [
            True,
            False,
            True,
            False,
            True,
        ]
        assert state.notes() == [first]


def test_an_approval_is_for_one_campaign_and_one_dataset(home: Home) -> None:
    with home.state().opened() as state:
        state.approve(b"c" * 32, "ward-7")
        state.approve(b"c" * 32, "ward-7")
        assert state.approved(b"c" * 32, "ward-7")
        assert not state.approved(b"c" * 32, "ward-8")
        assert not state.approved(b"d" * 32, "ward-7")
