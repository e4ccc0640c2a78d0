"""Imports: whole or not at all, the same again adds nothing, a newer export adds what is new."""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ape_mine._cli import cli
from ape_mine.datasets import parquet_storage
from ape_mine.datasets.adapters import bounded_files
from ape_mine.datasets.adapters.base import Adapter, Record, Request
from ape_mine.datasets.adapters.registry import adapter_names, find_adapter
from ape_mine.datasets.importing import ImportResult, import_source
from ape_mine.datasets.labels import Labels
from ape_mine.datasets.merge import MergeCounts
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import (
    AdapterUnknownError,
    DatasetChangedError,
    DatasetFileError,
    DatasetMissingError,
    DatasetSchemaError,
    ImportOptionError,
    LabelError,
    SourceError,
)
from ape_mine.home.home import Home
from ape_mine.training.gradient_task import LocalResult
from sonar_core.data.row_errors import ColumnError, WrongRowsError
from sonar_core.data.table_schema import TableSchema
from syft.nn import LocalStatistics

AGE = {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}}
# DuckDB does not tell these two apart by name.
UPPER = {"name": "AGE", "type": "string", "constraints": {"enum": ["old", "young"]}}
SCHEMA = TableSchema.parse({"fields": [AGE, UPPER]})


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "datasets")


class InMemory(Adapter):
    """Records of a list, as a source that has them."""

    name, summary = "memory", "a list"

    def __init__(self, rows: list[tuple[str | None, Any, Any]], *, keyed: bool) -> None:
        self._rows, self._keyed = rows, keyed

    def schema(self, request: Request) -> TableSchema:
        return SCHEMA

    def keyed(self, request: Request) -> bool:
        return self._keyed

    def records(self, request: Request) -> Iterator[Record]:
        for row, (identity, age, word) in enumerate(self._rows, start=1):
            yield Record(row, {"age": age, "AGE": word}, identity)


def bring(
    store: DatasetStore, rows: list[tuple[str | None, Any, Any]], *, keyed: bool = True, **how: Any
) -> ImportResult:
    return import_source(store, "people", InMemory(rows, keyed=keyed), Request("here"), **how)


def rows_of(store: DatasetStore, name: str = "people", number: int | None = None) -> list[list[Any]]:
    dataset = store.get(name, number)
    return pd.concat(dataset.frames(dataset.schema.names)).to_numpy(dtype=object).tolist()


# ------------------------------------------------------------------ what is new


_ROWS = st.tuples(st.integers(0, 3), st.sampled_from(["old", "young"]))


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exports=st.lists(st.lists(st.tuples(st.sampled_from("abcd"), _ROWS), max_size=8), min_size=1, max_size=4))
def test_rows_with_ids_are_what_a_dictionary_would_hold(
    tmp_path: Path, exports: list[list[tuple[str, tuple[int, str]]]]
) -> None:
    store = DatasetStore(tmp_path / "any")
    if "people" in store.catalog.names():
        store.remove("people")
    known: dict[str, tuple[int, str]] = {}
    for export in exports:
        newest = dict(export)
        rows = [(identity, *cells) for identity, cells in export]
        if not known and not export:
            with pytest.raises(DatasetFileError, match="no rows"):
                bring(store, rows)
            continue
        added = sum(identity not in known for identity in newest)
        same = sum(known.get(identity) == cells for identity, cells in newest.items())
        assert bring(store, rows).counts == MergeCounts(added, len(newest) - added - same, same)
        known |= newest
        assert Counter(map(tuple, rows_of(store))) == Counter(known.values())
        assert bring(store, rows).counts == MergeCounts(0, 0, len(newest))


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exports=st.lists(st.lists(_ROWS, max_size=10), min_size=1, max_size=4))
def test_rows_without_ids_are_what_a_counter_would_hold(tmp_path: Path, exports: list[list[tuple[int, str]]]) -> None:
    store = DatasetStore(tmp_path / "any")
    if "people" in store.catalog.names():
        store.remove("people")
    known: Counter[tuple[int, str]] = Counter()
    for export in exports:
        if not known and not export:
            continue
        added = sum((Counter(export) - known).values())
        counts = bring(store, [(None, *cells) for cells in export], keyed=False).counts
        assert counts == MergeCounts(added, 0, len(export) - added)
        known |= Counter(export)
        assert Counter(map(tuple, rows_of(store))) == known


def test_known_rows_keep_their_place_and_new_ones_come_after(store: DatasetStore) -> None:
    bring(store, [("b", 1, "old"), ("a", 2, "old")])
    done = bring(store, [("c", 3, "young"), ("a", 4, "young"), ("d", 5, "old")])
    assert (done.number, done.rows, done.counts) == (2, 4, MergeCounts(2, 1, 0))
    assert rows_of(store) == [[1, "old"], [4, "young"], [3, "young"], [5, "old"]]
    assert rows_of(store, number=1) == [[1, "old"], [2, "old"]]


def test_rows_in_pieces_are_the_version_of_the_rows_at_once(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_storage, "ROWS_AT_ONCE", 7)
    rows = [(str(place), place % 120, random.Random(place).choice(["old", "young"])) for place in range(50)]
    for end in (3, 20, 50):
        bring(store, rows[:end])
    pieces = store.get("people").version
    store.remove("people")
    bring(store, rows)
    assert store.get("people").version == pieces
    bring(store, [(None, *cells) for _, *cells in rows], keyed=False, replace=True)
    assert store.get("people").version == pieces, "ids are no part of rows"


def test_wrong_rows_stop_an_import_or_are_left_out(store: DatasetStore) -> None:
    rows = [("a", 1, "old"), ("", 2, "old"), ("c", -1, "worn"), ("d", 3, "young"), ("e" * 600, 3, "young")]
    with pytest.raises(WrongRowsError) as caught:
        bring(store, rows)
    found = [(error.row, error.column) for error in caught.value.errors]
    assert found == [(2, None), (3, "age"), (3, "AGE"), (5, None)]
    assert caught.value.total == 4
    with pytest.raises(DatasetMissingError):
        store.get("people")
    done = bring(store, rows, skip_wrong=True)
    assert (done.rows, done.faults.rows, done.faults.total) == (2, 3, 4)


def test_a_thousand_wrong_rows_are_counted_and_a_hundred_told(store: DatasetStore) -> None:
    with pytest.raises(WrongRowsError) as caught:
        bring(store, [(str(row), 500, "old") for row in range(1000)])
    assert (caught.value.total, [error.row for error in caught.value.errors]) == (1000, list(range(1, 101)))


def test_rows_of_another_kind_do_not_go_beside(store: DatasetStore) -> None:
    bring(store, [("a", 1, "old")])
    with pytest.raises(DatasetSchemaError, match="with ids"):
        bring(store, [(None, 1, "old")], keyed=False)
    narrow = TableSchema.parse({"fields": [AGE]})
    with pytest.raises(DatasetSchemaError, match="another schema"):
        store.merge("people", [], narrow, source="x", keyed=True)


def test_a_source_that_breaks_off_leaves_nothing(store: DatasetStore, tmp_path: Path) -> None:
    bring(store, [("a", 1, "old")])

    class Broken(InMemory):
        def records(self, request: Request) -> Iterator[Record]:
            yield from super().records(request)
            raise SourceError("memory", "is gone")

    with pytest.raises(SourceError, match="gone"):
        import_source(store, "people", Broken([("b", 2, "old")], keyed=True), Request("here"))
    assert (store.get("people").number, rows_of(store)) == (1, [[1, "old"]])
    assert len([path for path in (tmp_path / "datasets").iterdir() if "catalog" not in path.name]) == 1


# ------------------------------------------------------------------ versions


def test_versions_stay_until_they_are_pruned_and_their_history_after(store: DatasetStore) -> None:
    for end in (1, 2, 3):
        bring(store, [(str(place), place, "old") for place in range(end)])
    assert [(one.number, one.rows, one.source) for one in store.history("people")] == [
        (number, number, "memory here") for number in (1, 2, 3)
    ]
    assert store.prune("people", keep=2) == [1]
    assert store.prune("people", keep=2) == []
    assert [len(rows_of(store, number=number)) for number in (2, 3)] == [2, 3]
    with pytest.raises(DatasetMissingError):
        store.get("people", 1)
    assert [(one.number, one.pruned is None) for one in store.history("people")] == [(1, False), (2, True), (3, True)]
    store.remove("people")
    assert [one.name for one in store] == []
    assert len(store.history("people")) == 3
    assert bring(store, [("a", 1, "old")]).number == 4
    with pytest.raises(DatasetMissingError):
        store.history("nobody")


def test_what_a_killed_process_left_is_removed_when_it_is_old(store: DatasetStore, tmp_path: Path) -> None:
    bring(store, [("a", 1, "old")])
    folder = tmp_path / "datasets"
    for name in ("people.000002.abcd.parquet", "fresh.000001.abcd.parquet"):
        (folder / name).write_bytes(b"half")
    for name in (".intake-old", ".intake-new"):
        (folder / name).mkdir()
    for name in ("people.000002.abcd.parquet", ".intake-old"):
        os.utime(folder / name, (0, 0))
    os.utime(store.get("people").path, (0, 0))
    again = DatasetStore(folder)
    left = {path.name for path in folder.iterdir() if "catalog" not in path.name}
    assert left == {"fresh.000001.abcd.parquet", ".intake-new", store.get("people").path.name}
    assert rows_of(again) == [[1, "old"]]


def test_two_that_import_at_once_do_not_lose_each_others_rows(store: DatasetStore, tmp_path: Path) -> None:
    bring(store, [("a", 1, "old")])
    other = DatasetStore(tmp_path / "datasets")

    class Slow(InMemory):
        def records(self, request: Request) -> Iterator[Record]:
            bring(other, [("b", 2, "old")])
            yield from super().records(request)

    slow = Slow([("c", 3, "old")], keyed=True)
    with pytest.raises(DatasetChangedError, match="try again"):
        import_source(store, "people", slow, Request("here"))
    assert rows_of(store) == [[1, "old"], [2, "old"]]
    bring(store, [("c", 3, "old")])
    assert len(rows_of(store)) == 3
    assert len(list((tmp_path / "datasets").glob("*.parquet"))) == 3


# ------------------------------------------------------------------ the command line


def test_the_commands_say_what_they_did(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "mine", "0x" + "a1" * 20, "0x" + "50" * 20)

    def run(*words: str, code: int = 0, given: str | None = None) -> str:
        done = CliRunner().invoke(cli, [*words], input=given, env={"SONAR_MINE_HOME": str(home.folder)})
        assert done.exit_code == code, done.output
        return done.output

    schema = write(tmp_path / "s.json", SCHEMA.model_dump_json(exclude_none=True))
    path = write(tmp_path / "r.csv", "who,age,AGE\na,1,old\nb,500,old\nc,3,young\n")
    command = ("import", "csv", str(path), "--schema", str(schema), "--key", "who", "--name", "people")
    told = run(*command, code=1)
    assert "row 2, column 'age': '500' is not a whole number between 0 and 120" in told
    assert "2 added, 0 changed, 0 unchanged, 1 wrong ones left out; version 1 has 2 rows" in run(
        *command, "--skip-wrong"
    )
    facts = json.loads(run(*command, "--skip-wrong", "--json").splitlines()[-1])
    assert (facts["same"], facts["left_out"], facts["number"]) == (2, 1, 1)
    write(path, "who,age,AGE\nd,4,old\n")
    run(*command)
    assert [one["rows"] for one in json.loads(run("versions", "people", "--json"))] == [2, 3]
    assert "csv" in run("versions", "people")
    home.statistics.put(
        b"k", LocalResult(LocalStatistics(np.eye(2, dtype=np.int64), np.eye(2, dtype=np.int64), 2), None)
    )
    assert "deleted the rows of 1 version" in run("prune", "people")
    assert home.statistics.get(b"k") is None, "what was computed of rows that are gone is gone too"
    assert {one["name"] for one in json.loads(run("sources", "--json"))} >= {"csv", "fhir", "gpx"}
    assert "write NAME=VALUE" in run(*command, "--set", "x", code=1)
    assert "Nothing was deleted." in run("remove", "people", given="n\n")
    assert "removed" in run("remove", "people", "--yes")
    assert "no dataset 'people'" in run("remove", "people", "--yes", code=1)


# ------------------------------------------------------------------ files


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(store: DatasetStore, source: str, location: Path, **request: Any) -> ImportResult:
    return import_source(store, "people", find_adapter(source), Request(str(location), **request))


GIVEN = TableSchema.parse({"fields": [AGE]})


@pytest.mark.parametrize(
    ("source", "file", "text"),
    [
        ("csv", "rows.csv", "name,age\nann,30\nbob,40\n"),
        ("jsonl", "rows.jsonl", '{"name": "ann", "age": 30}\n\n{"age": 40, "name": "bob", "more": [1]}\n'),
    ],
)
def test_tables_come_from_files_folders_and_archives(
    store: DatasetStore, tmp_path: Path, source: str, file: str, text: str
) -> None:
    path = write(tmp_path / "in" / file, text)
    assert read(store, source, path, given=GIVEN, key="name").counts == MergeCounts(2, 0, 0)
    assert read(store, source, path.parent, given=GIVEN, key="name").counts == MergeCounts(0, 0, 2)
    with zipfile.ZipFile(tmp_path / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"deep/{file}", text.replace("40", "41"))
    assert read(store, source, tmp_path / "in.zip", given=GIVEN, key="name").counts == MergeCounts(0, 1, 1)
    assert rows_of(store) == [[30], [41]]


def test_parquet_comes_by_key_too(store: DatasetStore, tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["ann", "bob"], "age": [30, 40]})
    frame.to_parquet(tmp_path / "rows.parquet")
    assert read(store, "parquet", tmp_path / "rows.parquet", given=GIVEN, key="name").counts == MergeCounts(2, 0, 0)
    assert read(store, "parquet", tmp_path / "rows.parquet", given=GIVEN, key="name").counts == MergeCounts(0, 0, 2)
    with pytest.raises(ColumnError, match="'nick'"):
        read(store, "parquet", tmp_path / "rows.parquet", given=GIVEN, key="nick")
    with pytest.raises(SourceError):
        read(store, "parquet", write(tmp_path / "no.parquet", b"PAR1"), given=GIVEN, key="name")


@pytest.mark.parametrize(
    ("source", "file", "text", "error"),
    [
        ("csv", "r.csv", b"", SourceError),
        ("csv", "r.csv", b"age\n\xff\n", SourceError),
        ("csv", "r.csv", b"years\n3\n", ColumnError),
        ("csv", "r.csv", b'age\n"3\n', WrongRowsError),
        ("csv", "r.csv", b"age\n3,4\n", WrongRowsError),
        ("csv", "r.csv", b"age\n" + b"3" * 200_000 + b"\n", WrongRowsError),
        ("jsonl", "r.jsonl", b"[1]\n", WrongRowsError),
        ("jsonl", "r.jsonl", b"{'age': 3}\n", WrongRowsError),
        ("jsonl", "r.jsonl", b'{"age": "\xff"}\n', WrongRowsError),
        ("jsonl", "r.jsonl", b'{"age": NaN}\n', WrongRowsError),
        ("jsonl", "r.jsonl", b'{"age": ' + b"9" * 5000 + b"}\n", WrongRowsError),
        ("jsonl", "r.jsonl", b'{"age":' * 200_000 + b"1" + b"}" * 200_000, WrongRowsError),
        ("jsonl", "r.jsonl", b"{" + b" " * (9 << 20) + b"}", SourceError),
        ("x-archive", "tweets.js", b"window.YTD.account.part0 = []", SourceError),
        ("x-archive", "tweets.js", b"window.YTD.tweets.part0 = {}", SourceError),
        ("x-archive", "tweets.js", b"window.YTD.tweets.part0 = [1, null]", WrongRowsError),
        ("x-archive", "tweets.js", b"window.YTD.tweets.part0 = " + b"[" * 500_000, SourceError),
        ("x-archive", "tweets.js", b"\xff\xfe", SourceError),
    ],
    ids=range(18),
)
def test_hostile_files_are_refused_with_words(
    store: DatasetStore, tmp_path: Path, source: str, file: str, text: bytes, error: type[Exception]
) -> None:
    given = None if source == "x-archive" else GIVEN
    with pytest.raises(error, match=file.replace(".", r"\.")):
        read(store, source, write(tmp_path / file, text), given=given)
    assert list(store) == []


def test_a_zip_bomb_ends_at_the_limit(store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_files, "_ALWAYS_ALLOWED", 1 << 16)
    with (
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("rows.csv", "w") as file,
    ):
        file.write(b"age\n")
        file.write(b"30\n" * (1 << 17))
    with pytest.raises(SourceError, match="holds more than"):
        read(store, "csv", tmp_path / "bomb.zip", given=GIVEN)


def test_links_out_of_a_folder_and_locked_archives_are_refused(store: DatasetStore, tmp_path: Path) -> None:
    secret, folder = write(tmp_path / "secret.csv", "age\n1\n"), tmp_path / "in"
    folder.mkdir()
    (folder / "rows.csv").symlink_to(secret)
    with pytest.raises(SourceError, match="link that points out"):
        read(store, "csv", folder, given=GIVEN)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("rows.csv", "age\n1\n")
    data = bytearray((tmp_path / "in.zip").read_bytes())
    for start in (data.find(b"PK\x03\x04") + 6, data.find(b"PK\x01\x02") + 8):
        data[start] |= 1
    with pytest.raises(SourceError, match="cannot be unpacked"):
        read(store, "csv", write(tmp_path / "locked.zip", bytes(data)), given=GIVEN)
    with pytest.raises(SourceError, match="holds no CSV file"):
        read(store, "csv", write(tmp_path / "none" / "x.txt", "").parent, given=GIVEN)
    with pytest.raises(SourceError, match="no such file"):
        read(store, "csv", tmp_path / "nowhere.csv", given=GIVEN)


def test_sources_and_options_that_are_not_there_are_told(store: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(AdapterUnknownError, match="choose one of csv, "):
        find_adapter("excel")
    path = write(tmp_path / "r.csv", "age\n1\n")
    with pytest.raises(ImportOptionError, match="--schema"):
        read(store, "csv", path)
    with pytest.raises(ImportOptionError, match="--set sheet"):
        read(store, "csv", path, given=GIVEN, options={"sheet": "1"})
    for name in adapter_names():
        adapter = find_adapter(name)
        assert (adapter.name, bool(adapter.summary)) == (name, True)


# ------------------------------------------------------------------ X


def tweet(number: int, text: str = "good &lt;day&gt;", **more: Any) -> dict[str, Any]:
    facts = {"id_str": str(number), "id": str(number), "full_text": text, "lang": "en", "favorite_count": "2"}
    return {"tweet": {**facts, "created_at": "Wed Oct 10 20:19:24 +0000 2018", "retweet_count": "0", **more}}


def archive(folder: Path, *parts: list[dict[str, Any]]) -> Path:
    for place, tweets in enumerate(parts):
        name = f"tweets-part{place}.js" if place else "tweets.js"
        write(folder / "data" / name, f"window.YTD.tweets.part{place} = {json.dumps(tweets)}")
    return folder


def test_an_archive_of_x_is_read_with_labels(store: DatasetStore, tmp_path: Path) -> None:
    place = archive(
        tmp_path / "ann", [tweet(1), tweet(2, "bad")], [tweet(3, "unlabelled", in_reply_to_status_id_str="1")]
    )
    labels = write(tmp_path / "labels.csv", "id,sentiment\n1,positive\n2,negative\n")
    done = import_source(store, "tweets", find_adapter("x-archive"), Request(str(place)), labels=Labels(labels))
    assert done.counts == MergeCounts(2, 0, 0)
    assert rows_of(store, "tweets") == [
        ["good <day>", 1539202764, "en", 2, 0, False, "positive"],
        ["bad", 1539202764, "en", 2, 0, False, "negative"],
    ]
    whole = import_source(store, "all", find_adapter("x-archive"), Request(str(place)))
    assert (whole.rows, rows_of(store, "all")[2][-1]) == (3, True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("id,sentiment\n1,good\n1,bad\n", "line 3: the id '1' is given twice"),
        ("id,sentiment\n1,good\n9,bad\n", "no record '9'"),
        ("tweet,sentiment\n1,good\n", "header"),
        ("id,sentiment\n1,good\n", "1 different labels"),
        ("id,text\n1,good\n2,bad\n", "has a column 'text' already"),
        ("id,sentiment\n1\n", "1 cells"),
    ],
)
def test_labels_that_do_not_fit_are_refused(store: DatasetStore, tmp_path: Path, text: str, word: str) -> None:
    place, labels = archive(tmp_path / "ann", [tweet(1), tweet(2)]), write(tmp_path / "labels.csv", text)
    with pytest.raises(LabelError, match=word):
        import_source(store, "tweets", find_adapter("x-archive"), Request(str(place)), labels=Labels(labels))
    assert list(store) == []


def test_a_schema_beside_labels_says_what_they_can_be(store: DatasetStore, tmp_path: Path) -> None:
    place, labels = archive(tmp_path / "ann", [tweet(1), tweet(2)]), write(tmp_path / "labels.csv", "id,mood\n1,good\n")
    field = {"name": "mood", "type": "string", "constraints": {"enum": ["good", "bad"]}}
    write(tmp_path / "labels.schema.json", json.dumps({"fields": [field]}))
    import_source(store, "tweets", find_adapter("x-archive"), Request(str(place)), labels=Labels(labels))
    assert store.get("tweets").schema.fields[-1].constraints.enum == ("good", "bad")
