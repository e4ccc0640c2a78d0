"""The journal: a step happens as a whole or not at all, and a file that is none of ours is told apart."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from sonar_core.base.database import Database, JournalDamagedError, JournalError
from sonar_core.base.errors import SonarError

FIRST = "CREATE TABLE a (n INTEGER PRIMARY KEY, text TEXT DEFAULT ';'); INSERT INTO a (n) VALUES (1)"
SECOND = "ALTER TABLE a ADD COLUMN extra TEXT; CREATE TABLE b (n INTEGER)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "state.sqlite"


def numbers(journal: Database) -> list[int]:
    return [row["n"] for row in journal.rows("SELECT n FROM a ORDER BY n")]


def test_migrations_run_once_and_in_order(path: Path) -> None:
    assert numbers(Database(path, [FIRST])) == [1]
    assert numbers(Database(path, [FIRST])) == [1]
    later = Database(path, [FIRST, SECOND])
    assert numbers(later) == [1]
    row = later.row("SELECT * FROM a")
    assert row is not None
    assert dict(row) == {"n": 1, "text": ";", "extra": None}
    assert later.row("SELECT * FROM b") is None


def test_a_migration_that_fails_leaves_nothing(path: Path) -> None:
    Database(path, [FIRST]).close()
    with pytest.raises(JournalError):
        Database(path, [FIRST, "CREATE TABLE b (n INTEGER); INSERT INTO nowhere VALUES (1)"])
    journal = Database(path, [FIRST, SECOND])
    assert journal.rows("SELECT * FROM b") == []


def test_an_unfinished_migration_is_the_authors_mistake(path: Path) -> None:
    with pytest.raises(JournalError, match="unfinished"):
        Database(path, ["CREATE TABLE a (text TEXT DEFAULT 'open)"])


def test_processes_that_start_together_migrate_once(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: _open_and_read(path), range(16)))
    assert found == [[1]] * 16


def _open_and_read(path: Path) -> list[int]:
    journal = Database(path, [FIRST, SECOND])
    try:
        return numbers(journal)
    finally:
        journal.close()


def test_a_newer_file_is_left_alone(path: Path) -> None:
    Database(path, [FIRST, SECOND]).close()
    with pytest.raises(JournalError, match=r"newer version of this program: update it$"):
        Database(path, [FIRST])
    assert Database(path, [FIRST, SECOND]).rows("SELECT * FROM b") == []


def test_what_is_no_database_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database, but long enough to be read as one" * 100)
    with pytest.raises(JournalError, match=r"state\.sqlite is damaged .*: restore it from a copy"):
        Database(path, [FIRST])
    assert issubclass(JournalError, SonarError)


@pytest.mark.parametrize("damage", ["half", "garbage"])
def test_damage_is_found_at_the_start_and_names_its_remedy(path: Path, damage: str) -> None:
    journal = Database(path, [FIRST])
    with journal.transaction() as connection:
        connection.executemany("INSERT INTO a (n, text) VALUES (?, ?)", [(n, "x" * 500) for n in range(2, 99)])
    journal.close()
    data = bytearray(path.read_bytes())
    if damage == "half":
        del data[len(data) // 2 :]
    else:
        data[4096:8192] = bytes(range(256)) * 16
    path.write_bytes(data)
    with pytest.raises(JournalDamagedError, match=r"state\.sqlite is damaged .*: run the mender"):
        Database(path, [FIRST], remedy="run the mender")
    assert path.read_bytes() == data


def test_damage_that_comes_later_is_told_as_such(path: Path) -> None:
    Database(path, [FIRST]).close()
    journal = Database(path, [FIRST], remedy="run the mender")
    journal.row("PRAGMA shrink_memory")
    path.write_bytes(b"no database, but long enough to be read as one" * 100)
    with pytest.raises(JournalDamagedError, match="run the mender"):
        journal.row("SELECT * FROM a")


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot be used"):
        Database(path, [FIRST])


def test_a_step_that_raises_leaves_nothing(path: Path) -> None:
    journal = Database(path, [FIRST])
    with pytest.raises(KeyboardInterrupt):
        _insert_and_raise(journal, KeyboardInterrupt())
    assert numbers(journal) == [1]
    with journal.transaction() as connection:
        connection.execute("INSERT INTO a (n) VALUES (3)")
    assert numbers(Database(path, [FIRST])) == [1, 3]


def test_the_outermost_step_decides(path: Path) -> None:
    journal = Database(path, [FIRST])
    with suppress(ValueError), journal.transaction():
        with journal.transaction() as connection:
            connection.execute("INSERT INTO a (n) VALUES (2)")
        raise ValueError
    assert numbers(journal) == [1]


def _insert_and_raise(journal: Database, error: BaseException) -> None:
    with journal.transaction() as connection:
        connection.execute("INSERT INTO a (n) VALUES (2)")
        raise error


def test_a_mistake_of_the_owner_stays_itself(path: Path) -> None:
    journal = Database(path, [FIRST])
    with pytest.raises(sqlite3.IntegrityError), journal.transaction() as connection:
        connection.execute("INSERT INTO a (n) VALUES (1)")
    with journal.transaction() as connection:
        connection.execute("INSERT INTO a (n) VALUES (2)")
    assert numbers(journal) == [1, 2]


def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    journal = Database(path, [FIRST])
    journal.row("PRAGMA max_page_count = 8")
    with pytest.raises(JournalError, match="full"), journal.transaction() as connection:
        connection.execute("INSERT INTO a (n, text) VALUES (2, ?)", ("x" * 200_000,))
    assert numbers(journal) == [1]
    with journal.transaction() as connection:
        connection.execute("INSERT INTO a (n) VALUES (3)")
    assert numbers(journal) == [1, 3]


def test_another_writer_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonar_core.base.database._WAIT_SECONDS", 0.0)
    one, other = Database(path, [FIRST]), Database(path, [FIRST])
    with one.transaction(), pytest.raises(JournalError, match="another process"), other.transaction():
        pytest.fail("two writers at once")


def test_a_killed_process_leaves_whole_steps_only(path: Path) -> None:
    program = f"""
import os
from pathlib import Path
from sonar_core.base.database import Database
journal = Database(Path({str(path)!r}), [{FIRST!r}])
with journal.transaction() as connection:
    connection.execute("INSERT INTO a (n) VALUES (2)")
with journal.transaction() as connection:
    connection.execute("INSERT INTO a (n) VALUES (3)")
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert numbers(Database(path, [FIRST])) == [1, 2]
