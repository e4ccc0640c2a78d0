"""The dataset store: every row checked, whole or not at all, read in flat memory."""

from __future__ import annotations

import csv
import gc
import json
import os
import signal
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ape_mine.datasets import store as datasets
from ape_mine.datasets.parquet_storage import ROWS_AT_ONCE
from ape_mine.datasets.schema_file import read_schema
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import (
    DatasetCorruptError,
    DatasetExistsError,
    DatasetFileError,
    DatasetMissingError,
    DatasetNameError,
)
from sonar_core.base.errors import SchemaError
from sonar_core.data.csv_reader import CsvError
from sonar_core.data.row_errors import ColumnError, RowError, WrongRowsError
from sonar_core.data.table_schema import TableSchema

AGE = {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}}
DOSE = {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 2.5}}
ILL = {"name": "ill", "type": "boolean"}
WARD = {"name": "ward", "type": "string", "constraints": {"enum": ["north", "south"]}}
SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL, WARD]})
NAMES = ["age", "dose", "ill", "ward"]
GOOD = "age,dose,ill,ward\n30,0.5,true,north\n40,2.5,false,south\n50,0,1,north\n"


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "datasets")


def write(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(store: DatasetStore, name: str) -> list[list[Any]]:
    return pd.concat(store.get(name).frames(NAMES)).to_numpy(dtype=object).tolist()


def left_behind(tmp_path: Path) -> list[str]:
    """All but the catalog."""
    return sorted(name for name in os.listdir(tmp_path / "datasets") if not name.startswith("catalog.sqlite"))


# ------------------------------------------------------------------ what goes in comes out


def test_rows_come_back_in_order_and_typed(store: DatasetStore, tmp_path: Path) -> None:
    dataset = store.add("ward-7", write(tmp_path, GOOD), SCHEMA)

    assert dataset.rows == 3
    assert dataset.schema == SCHEMA
    assert rows_of(store, "ward-7") == [
        [30, 0.5, True, "north"],
        [40, 2.5, False, "south"],
        [50, 0.0, True, "north"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "﻿" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n40", "\n\n\n40"),
        GOOD.rstrip("\n"),
        "ward,ill,dose,age\nnorth,true,0.5,30\nsouth,false,2.5,40\nnorth,1,0,50\n",
        '"age","dose","ill","ward"\n"30","0.5","true","north"\n40,2.5,false,south\n50,0,1,"north"\n',
        'note,age,dose,ill,ward\n"two\nlines, ""quoted""",30,0.5,true,north\n,40,2.5,false,south\nx,50,0,1,north\n',
        GOOD.replace("30,0.5", " 30 , 5e-1"),
    ],
    ids=["bom", "crlf", "blank lines", "no last newline", "order", "quotes", "other columns", "spaces"],
)
def test_the_same_table_in_other_spellings_is_the_same_dataset(store: DatasetStore, tmp_path: Path, text: str) -> None:
    plain = store.add("plain", write(tmp_path, GOOD), SCHEMA)

    other = store.add("other", write(tmp_path, text, "other.csv"), SCHEMA)

    assert other.version == plain.version
    assert rows_of(store, "other") == rows_of(store, "plain")


def test_parquet_and_csv_of_the_same_rows_are_the_same_dataset(store: DatasetStore, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "ward": pd.Categorical(["north", "south", "north"]),
            "secret": [7, 8, 9],
            "age": np.array([30, 40, 50], dtype=np.uint8),
            "dose": np.array([0.5, 2.5, 0], dtype=np.float32),
            "ill": [True, False, True],
        }
    )
    frame.to_parquet(tmp_path / "rows.parquet")

    from_parquet = store.add("parquet", tmp_path / "rows.parquet", SCHEMA)
    from_csv = store.add("csv", write(tmp_path, GOOD), SCHEMA)

    assert from_parquet.version == from_csv.version
    assert pq.read_schema(from_parquet.path).names == NAMES, "columns outside of the schema stay where they were"


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 120),
            st.floats(0, 2.5),
            st.booleans(),
            st.sampled_from(["north", "south"]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_any_table_comes_back_exactly(tmp_path: Path, table: list[tuple[Any, ...]]) -> None:
    store = DatasetStore(tmp_path / "any")
    with (tmp_path / "any.csv").open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *table])

    store.add("any", tmp_path / "any.csv", SCHEMA, replace=True)

    back = pd.concat(store.get("any").frames(NAMES, rows_at_once=7)).to_numpy(dtype=object).tolist()
    assert back == [list(row) for row in table]


def test_a_version_names_rows_and_schema(store: DatasetStore, tmp_path: Path) -> None:
    versions = {
        store.add("a", write(tmp_path, GOOD), SCHEMA).version,
        store.add("b", write(tmp_path, GOOD.replace("30", "31"), "b.csv"), SCHEMA).version,
        store.add("c", write(tmp_path, GOOD), TableSchema.parse({"fields": [AGE, DOSE, ILL]})).version,
    }
    assert len(versions) == 3


# ------------------------------------------------------------------ what is wrong is named, and nothing stays


@pytest.mark.parametrize(
    ("cells", "row", "column"),
    [
        ("121,0.5,true,north", 2, "age"),
        ("-1,0.5,true,north", 2, "age"),
        ("30.5,0.5,true,north", 2, "age"),
        (",0.5,true,north", 2, "age"),
        ("nan,0.5,true,north", 2, "age"),
        ("1_0,0.5,true,north", 2, "age"),
        ("0x1e,0.5,true,north", 2, "age"),
        ("30,inf,true,north", 2, "dose"),
        ("30,2.6,true,north", 2, "dose"),
        ("30,'0.5',true,north", 2, "dose"),
        ('30,"0,5",true,north', 2, "dose"),
        ("30,0.5,yes,north", 2, "ill"),
        ("30,0.5,2,north", 2, "ill"),
        ("30,0.5,true,North", 2, "ward"),
        ("30,0.5,true, north", 2, "ward"),
        ("30,0.5,true,", 2, "ward"),
        ("30,0.5,true", 2, None),
        ("30,0.5,true,north,", 2, None),
        ('30,0.5,true,"north', 2, None),
        ('30,0.5,true,"nor"th', 2, None),
        ("30,0.5,true," + "n" * 200_000, 2, None),
        (";".join(["30", "0.5", "true", "north"]), 2, None),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(
    store: DatasetStore, tmp_path: Path, cells: str, row: int, column: str | None
) -> None:
    path = write(tmp_path, f"age,dose,ill,ward\n30,0.5,true,north\n{cells}\n50,9,x,y\n")

    with pytest.raises(RowError) as caught:
        store.add("ward-7", path, SCHEMA)

    assert (caught.value.row, caught.value.column) == (row, column)
    assert str(path) in str(caught.value)
    assert f"row {row}" in str(caught.value)
    assert left_behind(tmp_path) == []


def test_a_wrong_cell_far_down_is_counted_from_the_top(store: DatasetStore, tmp_path: Path) -> None:
    wrong = ROWS_AT_ONCE + 3
    lines = ["30,0.5,true,north"] * (wrong - 1) + ["30,0.5,true,west"]
    path = write(tmp_path, "age,dose,ill,ward\n" + "\n".join(lines) + "\n")
    with pytest.raises(RowError) as caught:
        store.add("ward-7", path, SCHEMA)
    assert (caught.value.row, caught.value.column, caught.value.line) == (wrong, "ward", wrong + 1)

    frame = pd.DataFrame([line.split(",") for line in lines], columns=NAMES)
    frame.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(RowError) as caught:
        store.add("ward-7", tmp_path / "rows.parquet", SCHEMA)
    assert (caught.value.row, caught.value.column) == (wrong, "ward")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "error", "word"),
    [
        ("", CsvError, "empty"),
        ("age,dose,ill\n30,0.5,true\n", ColumnError, "'ward'"),
        ("age,age,dose,ill,ward\n30,31,0.5,true,north\n", ColumnError, "twice"),
        ("age,dose,ill,ward\n", DatasetFileError, "no rows"),
        (GOOD.encode("utf-16"), CsvError, "UTF-8"),
        (GOOD.replace("north", "n\xf6rth").encode("latin-1"), CsvError, "UTF-8"),
        (b"PAR1\0\0\0\0PAR1", ColumnError, "column"),
    ],
)
def test_what_is_no_table_is_refused(
    store: DatasetStore, tmp_path: Path, content: str | bytes, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        store.add("ward-7", write(tmp_path, content), SCHEMA)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("columns", "error", "word"),
    [
        ({"age": [1], "dose": [1.0], "ill": [True]}, ColumnError, "'ward'"),
        (
            {"age": [1, None], "dose": [1.0, 1], "ill": [True, True], "ward": ["north"] * 2},
            RowError,
            "row 2.*'age'.*empty",
        ),
        ({"age": [1, 2], "dose": [1.0, 1], "ill": [True, None], "ward": ["north"] * 2}, RowError, "row 2.*'ill'"),
        ({"age": [1, 2], "dose": [1.0, 1], "ill": [True, True], "ward": ["north", None]}, RowError, "row 2.*'ward'"),
        ({"age": [2**60], "dose": [1.0], "ill": [True], "ward": ["north"]}, RowError, "row 1.*'age'"),
        ({"age": [[1]], "dose": [1.0], "ill": [True], "ward": ["north"]}, RowError, "row 1.*'age'"),
        ({"age": [], "dose": [], "ill": [], "ward": []}, DatasetFileError, "no rows"),
    ],
)
def test_parquet_that_breaks_the_schema_is_refused(
    store: DatasetStore, tmp_path: Path, columns: dict[str, list[Any]], error: type[Exception], word: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    with pytest.raises(error, match=word):
        store.add("ward-7", tmp_path / "rows.parquet", SCHEMA)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", GOOD.encode()])
def test_what_is_no_parquet_is_refused(store: DatasetStore, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DatasetFileError, match=r"rows\.parquet"):
        store.add("ward-7", write(tmp_path, content, "rows.parquet"), SCHEMA)
    assert left_behind(tmp_path) == []


def test_other_kinds_of_files_and_missing_ones_are_refused(store: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(DatasetFileError, match=r"\.csv or \.parquet"):
        store.add("ward-7", write(tmp_path, GOOD, "rows.xlsx"), SCHEMA)
    with pytest.raises(DatasetFileError, match="no such file"):
        store.add("ward-7", tmp_path / "nowhere.csv", SCHEMA)


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 65, "a.b", "ä", "a\n"])
def test_a_name_is_no_path(store: DatasetStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetNameError):
        store.add(name, write(tmp_path, GOOD), SCHEMA)
    with pytest.raises(DatasetNameError):
        store.get(name)


# ------------------------------------------------------------------ replacing, removing, damage


def test_a_dataset_is_replaced_only_when_asked_and_only_by_a_sound_one(store: DatasetStore, tmp_path: Path) -> None:
    store.add("ward-7", write(tmp_path, GOOD), SCHEMA)
    before = rows_of(store, "ward-7")
    with pytest.raises(DatasetExistsError):
        store.add("ward-7", write(tmp_path, GOOD.replace("30", "31"), "new.csv"), SCHEMA)
    with pytest.raises(RowError):
        store.add("ward-7", write(tmp_path, GOOD.replace("50", "500"), "bad.csv"), SCHEMA, replace=True)
    assert rows_of(store, "ward-7") == before

    store.add("ward-7", tmp_path / "new.csv", SCHEMA, replace=True)

    assert rows_of(store, "ward-7")[0][0] == 31
    assert [one.number for one in store.history("ward-7")] == [1, 2]
    assert left_behind(tmp_path) == [store.get("ward-7", number).path.name for number in (1, 2)]


def test_who_is_reading_finishes_with_the_old_rows(store: DatasetStore, tmp_path: Path) -> None:
    store.add("ward-7", write(tmp_path, GOOD), SCHEMA)
    reading = store.get("ward-7").frames(["age"], rows_at_once=1)
    first = next(reading)

    store.add("ward-7", write(tmp_path, GOOD.replace("40", "41"), "new.csv"), SCHEMA, replace=True)

    assert [*first["age"], *(age for frame in reading for age in frame["age"])] == [30, 40, 50]


def test_missing_and_damaged_datasets_are_told_apart(store: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError, match="ape mine add ward-7"):
        store.get("ward-7")
    with pytest.raises(DatasetMissingError):
        store.remove("ward-7")
    dataset = store.add("ward-7", write(tmp_path, GOOD), SCHEMA)
    whole = dataset.path.read_bytes()
    for damaged in (b"", whole[:40], whole[:-9], b"\0" * len(whole)):
        dataset.path.write_bytes(damaged)
        with pytest.raises(DatasetCorruptError, match="ward-7"):
            store.get("ward-7")
    pq.write_table(pa.table({"age": [1]}), dataset.path)
    with pytest.raises(DatasetCorruptError, match="ward-7"):
        store.get("ward-7")
    store.remove("ward-7")
    with pytest.raises(DatasetMissingError):
        list(dataset.frames(NAMES))


def test_datasets_are_listed_and_readable_by_their_owner_alone(store: DatasetStore, tmp_path: Path) -> None:
    for name in ("b", "a"):
        store.add(name, write(tmp_path, GOOD), SCHEMA)
    write(tmp_path / "datasets", b"x", ".incoming-half.parquet")

    assert [dataset.name for dataset in store] == ["a", "b"]
    assert stat.S_IMODE(store.get("a").path.stat().st_mode) == 0o600


def test_killed_while_adding_there_is_no_dataset(store: DatasetStore, tmp_path: Path) -> None:
    """A child is killed as soon as it has begun to write a table that takes it a while."""
    source, folder = write(tmp_path, GOOD + "30,0.5,true,north\n" * 500_000), tmp_path / "datasets"
    program = (
        "import sys; from pathlib import Path; from ape_mine.datasets.store import DatasetStore;"
        "from sonar_core.data.table_schema import TableSchema; schema = TableSchema.model_validate_json(sys.argv[1]);"
        "DatasetStore(Path(sys.argv[2])).add('ward-7', Path(sys.argv[3]), schema)"
    )
    arguments = [SCHEMA.model_dump_json(exclude_none=True), str(folder), str(source)]
    child = subprocess.Popen([sys.executable, "-c", program, *arguments])
    while not left_behind(tmp_path):
        assert child.poll() is None
    child.send_signal(signal.SIGKILL)

    assert child.wait() == -signal.SIGKILL
    assert [name for name in left_behind(tmp_path) if not name.startswith(".incoming-")] == []
    assert list(store) == []
    store.add("ward-7", write(tmp_path, GOOD, "again.csv"), SCHEMA)
    assert store.get("ward-7").rows == 3


def test_memory_stays_flat(store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty times the rows, not twenty times the memory."""
    monkeypatch.setattr(datasets, "ROWS_AT_ONCE", 1000)

    def peak(rows: int) -> int:
        path = write(tmp_path, "age,dose,ill,ward\n" + "30,0.5,true,north\n" * rows)
        gc.collect()
        tracemalloc.start()
        store.add("big", path, SCHEMA, replace=True)
        assert sum(len(frame) for frame in store.get("big").frames(NAMES, rows_at_once=1000)) == rows
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    peak(100)
    assert peak(20_000) < 4 * peak(1000)


def test_row_groups_that_were_read_are_let_go_of(store: DatasetStore, tmp_path: Path) -> None:
    """Arrow's own memory, of which Python's tracing knows nothing: it once held all of a file that had been read."""
    rows, at_once = 400_000, 1000
    doses = np.random.default_rng(0).uniform(0, 2.5, rows)
    table = pa.table({"age": [30] * rows, "dose": doses, "ill": [True] * rows, "ward": ["north"] * rows})
    pq.write_table(table, tmp_path / "rows.parquet")
    dataset = store.add("big", tmp_path / "rows.parquet", SCHEMA)
    del table
    gc.collect()
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in dataset.frames(["dose"], rows_at_once=at_once)]
    assert len(held) == rows / at_once
    assert max(held) < doses.nbytes / 2


# ------------------------------------------------------------------ schema files


def test_a_schema_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"fields": [AGE, DOSE, ILL, WARD]}), "s.json")
    assert read_schema(path) == SCHEMA


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\xff", b"[]", b'{"fields": [{"name": "x", "type": "number"}]}']
)
def test_what_is_no_schema_is_refused(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content, "s.json")
    with pytest.raises(SchemaError, match=r"s\.json"):
        read_schema(path)


def test_empty_cells_are_counted_over_the_whole_file(tmp_path: Path) -> None:
    """A Miner learns how much is missing from the first error, not one cell per try."""
    rows = "".join(f"{'' if number % 2 else 30},{'' if number % 4 else 0.5},true,north\n" for number in range(4_000))
    path = tmp_path / "ward.csv"
    path.write_text("age,dose,ill,ward\n" + rows)
    with pytest.raises(WrongRowsError) as caught:
        DatasetStore(tmp_path / "datasets").add("ward-7", path, SCHEMA)
    assert caught.value.total == 5_000
    assert caught.value.columns == {"dose": 3_000, "age": 2_000}
    assert "(and 4,999 more; by column: 'dose' 3,000, 'age' 2,000)" in str(caught.value)
