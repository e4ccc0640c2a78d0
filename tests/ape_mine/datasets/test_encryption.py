"""Rows at rest under a passphrase: none of them in any file, none read or taken in without it, none lost on the way."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from ape_mine import service
from ape_mine._cli import cli
from ape_mine.datasets.catalog import Catalog
from ape_mine.errors import DatasetCorruptError, DatasetLockedError, HomeLockedError
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from sonar_core.crypto import vault
from sonar_core.crypto.vault import WrongPassphraseError
from sonar_core.data.table_schema import TableSchema
from sonar_core.service.action import Action
from tests.world.killing import KilledError
from tests.world.mine import MINER, POLICY, SONAR, Fuse, World

WORD = "Zanzibar-4711"
FIELDS = [
    {"name": "age", "type": "number", "constraints": {"minimum": 0, "maximum": 128}},
    {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 2}},
    {"name": "ill", "type": "boolean"},
    {"name": "ward", "type": "string", "constraints": {"enum": [WORD, "other"]}},
]
SCHEMA = TableSchema.parse({"fields": FIELDS})
CHEAP = vault.LOWEST_COST


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "mine", MINER, SONAR)


def csv(folder: Path, rows: int) -> Path:
    lines = [f"{place % 100},{place % 3 / 2},{'true' if place % 2 else 'false'},{WORD}" for place in range(rows)]
    path = folder / "rows.csv"
    path.write_text("age,dose,ill,ward\n" + "\n".join(lines) + "\n")
    return path


def rows_of(home: Home, number: int | None = None) -> list[list[object]]:
    return pd.concat(home.datasets.get("ward-7", number).frames(SCHEMA.names)).to_numpy(dtype=object).tolist()


def step(world: World, home: Home) -> list[Action]:
    mine = Mine(world.sonar, world.store, home, confirmations=0, start_block=0)  # type: ignore[arg-type]
    try:
        return mine.step()
    finally:
        mine.close()


def shown(home: Home) -> list[str]:
    """Files in which a value of the rows can be read. (The schema's enum, with it, is in the catalog.)"""
    files = [path for path in home.folder.rglob("*") if path.is_file() and "catalog" not in path.name]
    return [path.name for path in files if WORD.encode() in path.read_bytes()]


def test_encrypted_rows_are_the_same_and_nowhere_to_be_seen(home: Home, tmp_path: Path) -> None:
    for count in (30, 60):
        home.datasets.add("ward-7", csv(tmp_path, count), SCHEMA, replace=True)
    before, version = [rows_of(home, number) for number in (1, 2)], home.datasets.get("ward-7").version
    assert len(shown(home)) == 2
    assert home.encrypt("correct horse", cost=CHEAP) == 2
    assert shown(home) == []
    assert home.encrypt("correct horse", cost=CHEAP) == 0
    home.datasets.add("later", csv(tmp_path, 5), SCHEMA)
    assert shown(home) == []

    again = Home(home.folder)
    with pytest.raises(DatasetLockedError, match="give the Mine's passphrase"):
        rows_of(again)
    for name in ("ward-7", "new"):
        with pytest.raises(DatasetLockedError):
            again.datasets.add(name, csv(tmp_path, 5), SCHEMA, replace=True)
    assert shown(again) == []
    with pytest.raises(WrongPassphraseError):
        again.unlock("wrong donkey")
    again.change_passphrase("correct horse", "right donkey", cost=CHEAP)
    with pytest.raises(WrongPassphraseError):
        again.encrypt("correct horse")
    again.unlock("right donkey")
    assert [rows_of(again, number) for number in (1, 2)] == before
    assert again.datasets.get("ward-7").version == version


def test_no_file_passes_for_another(home: Home, tmp_path: Path) -> None:
    home.encrypt("correct horse", cost=CHEAP)
    first, second = (home.datasets.add(name, csv(tmp_path, count), SCHEMA) for name, count in (("a", 30), ("b", 60)))
    second.path.write_bytes(first.path.read_bytes())
    with pytest.raises(DatasetCorruptError, match="'b'"):
        home.datasets.get("b")
    data = bytearray(first.path.read_bytes())
    data[len(data) // 3] ^= 1
    first.path.write_bytes(bytes(data))
    with pytest.raises(DatasetCorruptError, match="'a'"):
        list(home.datasets.get("a").frames(SCHEMA.names))


def test_killed_while_it_encrypts_it_loses_nothing(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (10, 20, 30):
        home.datasets.add("ward-7", csv(tmp_path, count), SCHEMA, replace=True)
    before = [rows_of(home, number) for number in (1, 2, 3)]
    fuse, move = Fuse(), Catalog.move

    def burning(self: Catalog, *arguments: object) -> None:
        fuse.burn("written")
        move(self, *arguments)  # type: ignore[arg-type]
        fuse.burn("moved")

    monkeypatch.setattr(Catalog, "move", burning)
    fired = 0
    for point in (0, 1, 1, 0, 2, None):
        fuse.left, fuse.fired = point, False
        with suppress(KilledError):
            Home(home.folder).encrypt("correct horse", cost=CHEAP)
        fired += fuse.fired
        seen = Home(home.folder)
        seen.unlock("correct horse")
        assert [rows_of(seen, number) for number in (1, 2, 3)] == before
    assert fired >= 4
    assert shown(home) == []


def test_a_mine_trains_on_encrypted_rows_once_it_is_unlocked(home: Home, tmp_path: Path) -> None:
    world = World(tmp_path)
    home.datasets.add("ward-7", csv(tmp_path, 60), SCHEMA)
    (tmp_path / "policy.yaml").write_text(POLICY)
    home.adopt(tmp_path / "policy.yaml")
    home.encrypt("correct horse", cost=CHEAP)
    world.open_campaign()
    locked = step(world, Home(home.folder))
    assert [action.kind for action in locked] == ["trouble"]
    assert "encrypted" in locked[0].words
    unlocked = Home(home.folder)
    unlocked.unlock("correct horse")
    mine = Mine(
        world.sonar,  # type: ignore[arg-type]
        world.store,
        unlocked,
        confirmations=0,
        start_block=0,
    )
    assert "submitted" in {action.kind for action in mine.step()}
    mine.close()
    (kept,) = (home.folder / "statistics").iterdir()
    key = bytes.fromhex(kept.stem)
    assert kept.suffix == ".sealed"
    found = unlocked.statistics.get(key)
    assert found is not None
    assert found.statistics.rows == 60
    assert Home(home.folder).statistics.get(key) is None
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0")
    assert unlocked.statistics.get(key) is None


def test_the_passphrase_comes_from_the_environment_or_is_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not service.open_home(home.folder, lambda: pytest.fail("asked")).encrypted
    home.encrypt("correct horse", cost=CHEAP)
    monkeypatch.delenv(service.PASSPHRASE, raising=False)
    with pytest.raises(HomeLockedError, match=service.PASSPHRASE):
        service.open_home(home.folder)
    assert service.open_home(home.folder, rows=False).encrypted
    service.open_home(home.folder, lambda: "correct horse")
    monkeypatch.setenv(service.PASSPHRASE, "correct horse")
    service.open_home(home.folder)
    with pytest.raises(WrongPassphraseError):
        service.open_home(home.folder, lambda: "wrong donkey")


def test_the_commands_encrypt_and_open(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "COST", CHEAP)
    home.datasets.add("ward-7", csv(tmp_path, 5), SCHEMA)

    def run(*words: str, given: str = "", code: int = 0, **variables: str) -> str:
        environment = {"SONAR_MINE_HOME": str(home.folder), service.PASSPHRASE: None, **variables}
        done = CliRunner().invoke(cli, words, input=given, env=environment)
        assert done.exit_code == code, done.output
        return done.output

    assert "Encrypted: 1 version of" in run("encrypt", given="correct horse\ncorrect horse\n")
    (tmp_path / "s.json").write_text(SCHEMA.model_dump_json(exclude_none=True))
    command = ("import", "csv", str(csv(tmp_path, 7)), "--schema", str(tmp_path / "s.json"), "--name", "ward-7")
    assert "wrong passphrase" in run(*command, given="wrong donkey\n", code=1)
    assert "2 added" in run(*command, given="correct horse\n")
    run("passphrase", given="right donkey\nright donkey\n", **{service.PASSPHRASE: "correct horse"})
    assert "0 added, 0 changed, 7 unchanged" in run(*command, **{service.PASSPHRASE: "right donkey"})
    assert shown(home) == []
