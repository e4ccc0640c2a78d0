"""What the doctors say, from facts alone."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ape_capsule.maintenance.doctor import judge_certificate, judge_deadlines
from sonar_core.base.errors import UsageError
from sonar_core.service.doctor import (
    Finding,
    Grade,
    check_journal,
    check_permissions,
    check_store,
    check_tokens,
    examine,
    judge_clock,
    judge_funds,
    judge_space,
    judge_sync,
    tell,
)

OK, WARN, FAIL = Grade.OK, Grade.WARN, Grade.FAIL
GWEI = 10**9


@pytest.mark.parametrize(
    ("block_time", "now", "grade"),
    [
        (1000, 1000, OK),
        (1000, 985, OK),
        (1000, 984, FAIL),
        (1000, 1600, OK),
        (1000, 1601, WARN),
    ],
)
def test_the_clock(block_time: int, now: int, grade: Grade) -> None:
    assert judge_clock(block_time, now).grade is grade


def test_a_node_that_catches_up() -> None:
    assert judge_sync(False).grade is OK
    found = judge_sync({"currentBlock": 5, "highestBlock": 9})
    assert (found.grade, found.words) == (FAIL, "the node is at block 5 of 9")


@pytest.mark.parametrize(
    ("held", "grade"),
    [
        (500_000 * GWEI + 6, FAIL),
        (500_000 * GWEI + 7, WARN),
        (20 * 500_000 * GWEI + 6, WARN),
        (20 * 500_000 * GWEI + 7, OK),
    ],
)
def test_funds(held: int, grade: Grade) -> None:
    assert judge_funds(held, GWEI, 7, "a bond").grade is grade


@pytest.mark.parametrize(("free", "grade"), [((256 << 20) - 1, FAIL), (256 << 20, WARN), (5 << 30, OK)])
def test_room(free: int, grade: Grade) -> None:
    assert judge_space(free).grade is grade


def test_deadlines() -> None:
    assert judge_deadlines([], 0).grade is OK
    assert judge_deadlines([5000, 1600], 1000).grade is OK
    found = judge_deadlines([5000, 1599], 1000)
    assert (found.grade, found.words) == (WARN, "a window closes in 599 s")


def test_a_certificate_that_expires_soon() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def one(expires: datetime | None) -> Finding:
        certificate = SimpleNamespace(expires=expires, fingerprint="AB", recipient=lambda: None)
        return judge_certificate(certificate, now)  # type: ignore[arg-type]

    assert one(None).grade is OK
    assert one(now + timedelta(days=31)).grade is OK
    assert one(now + timedelta(days=29)).grade is WARN


def test_a_home_that_others_may_look_into(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    assert [one.grade for one in check_permissions(home)] == [OK]
    for mode in (0o710, 0o704, 0o755):
        home.chmod(mode)
        (found,) = check_permissions(home)
        assert (found.grade, found.remedy) == (FAIL, f"chmod 700 {home}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, -1)
    (found,) = check_permissions(tmp_path)
    assert (found.grade, "user 4711" in found.words) == (FAIL, True)


def test_a_state_file_that_is_damaged_and_one_that_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
        connection.executemany("INSERT INTO t (b) VALUES (?)", [(os.urandom(500),) for _ in range(200)])
    connection.close()
    assert [one.grade for one in check_journal(path, "mend it")] == [OK]
    data = bytearray(path.read_bytes())
    data[4096:8192] = os.urandom(4096)
    path.write_bytes(data)
    (found,) = check_journal(path, "mend it")
    assert (found.grade, found.remedy) == (FAIL, "restore it from a copy, or mend it")
    missing = tmp_path / "none.sqlite"
    ((found),) = examine([("state", lambda: check_journal(missing, "mend it"))])
    assert (found.grade, missing.exists()) == (FAIL, False)


def test_the_store_is_only_written_to_when_asked(tmp_path: Path) -> None:
    uri = f"embedded:{tmp_path / 'blobs'}"
    assert [one.grade for one in check_store(uri, write=False)] == [OK]
    assert list((tmp_path / "blobs").iterdir()) == []
    assert [one.grade for one in check_store(uri, write=True)] == [OK]
    assert len(list((tmp_path / "blobs").iterdir())) == 1


def test_a_store_that_is_down_is_one_finding() -> None:
    uri = "ipfs:/ip4/127.0.0.1/tcp/1"
    (found,) = examine([("store", lambda: check_store(uri, write=False))])
    assert (found.check, found.grade, "start the IPFS node" in found.words) == ("store", FAIL, True)


def test_one_cause_of_several_failures_is_told_once() -> None:
    def broken() -> list[Finding]:
        raise UsageError("the state follows another chain")

    found = list(examine([("contracts", broken), ("keys", broken), ("funds", broken)]))
    assert [one.grade for one in found] == [FAIL] * 3
    assert [one.words for one in found] == [
        "the state follows another chain",
        "not checked, for the reason under contracts",
        "not checked, for the reason under contracts",
    ]


def test_each_token_that_does_not_answer_is_one_finding() -> None:
    connection: Any = SimpleNamespace(token_problems=("setting sonar.tokens, chain 7, USDX: no contract",))
    (found,) = check_tokens(connection)
    assert (found.check, found.grade, "sonar.tokens" in found.words) == ("tokens", FAIL, True)


def test_one_failure_stops_no_other_check_and_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> list[Finding]:
        raise UsageError("no good:\nsay another")

    checks = [("first", broken), ("second", lambda: [Finding("second", WARN, "so so", "do this")])]
    with pytest.raises(SystemExit) as ended:
        tell(examine(checks), as_json=False)
    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "fail  first         no good: say another",
        "warn  second        so so: do this",
    ]
    with pytest.raises(SystemExit) as ended:
        tell(examine(checks[1:]), as_json=True)
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "well": True,
        "findings": [{"check": "second", "grade": "warn", "words": "so so", "remedy": "do this"}],
    }
