from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonar_core.base.errors import SchemaError
from sonar_core.data.cells import check_table
from sonar_core.data.csv_reader import CsvError, read_csv
from sonar_core.data.row_encoder import ONE, RowEncoder
from sonar_core.data.row_errors import ColumnError, RowError
from sonar_core.data.table_schema import TableSchema

DOSE = {"name": "dose", "type": "number", "unit": "mg", "constraints": {"minimum": 0, "maximum": 2.5}}
AGE = {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120, "required": True}}
SMOKES = {"name": "smokes", "type": "boolean"}
WARD = {"name": "ward", "type": "string", "constraints": {"enum": ["north", "south", "east"]}}
GRADE = {"name": "grade", "type": "integer", "constraints": {"enum": [3, 1, 2]}}
INPUT = {"fields": [DOSE, AGE, SMOKES, WARD]}
ROWS: dict[str, list[Any]] = {
    "dose": [0.0, 2.5, 1.25],
    "age": [0, 120, 60],
    "smokes": [True, False, True],
    "ward": ["north", "east", "south"],
}


def field(**parts: Any) -> dict[str, Any]:
    return {"fields": [parts]}


def number(name: str = "x", **constraints: Any) -> dict[str, Any]:
    return field(name=name, type="number", constraints={"minimum": 0, "maximum": 1} | constraints)


# ------------------------------------------------------------------ schemas


@pytest.mark.parametrize(
    "schema",
    [
        {},
        None,
        3,
        {"fields": []},
        {"fields": "abc"},
        {"fields": [SMOKES, SMOKES]},
        field(name="x", type="number"),
        field(name="x", type="date"),
        field(name="x", type="string"),
        field(name="", type="boolean"),
        field(name="x" * 300, type="boolean"),
        field(name=7, type="boolean"),
        field(name="x", type="boolean", format="default"),
        field(name="x", type="boolean", constraints={"enum": ["a", "b"]}),
        field(name="x", type="integer", constraints={"enum": [1, "a"]}),
        field(name="x", type="integer", constraints={"enum": [1, 1]}),
        field(name="x", type="integer", constraints={"enum": [True, False]}),
        field(name="x", type="integer", constraints={"enum": [1]}),
        field(name="x", type="integer", constraints={"enum": [1, 2], "minimum": 0}),
        field(name="x", type="string", constraints={"enum": ["a", "b"], "pattern": "(a+)+$"}),
        number(minimum="0"),
        number(minimum=1),
        number(maximum=float("inf")),
        number(maximum=float("nan")),
        number(maximum=10**400),
        number(minimum=-1.5e308, maximum=1.5e308),
        number(enum=[1, 2]),
        {"fields": [SMOKES], "primaryKey": "smokes"},
        {"fields": [{**SMOKES, "name": f"x{place}"} for place in range(5000)]},
    ],
)
def test_schemas_outside_of_the_subset_are_refused(schema: Any) -> None:
    with pytest.raises(SchemaError):
        TableSchema.parse(schema)


def test_a_refused_schema_names_the_field() -> None:
    with pytest.raises(SchemaError, match=r"fields\.1: a string needs constraints\.enum"):
        TableSchema.parse({"fields": [SMOKES, {"name": "ward", "type": "string"}]})


# ------------------------------------------------------------------ tables


@pytest.mark.parametrize(
    ("column", "cells", "row"),
    [
        ("dose", ["1", "x", "2"], 2),
        ("dose", [1, None, 2], 2),
        ("dose", [1, 2, float("nan")], 3),
        ("dose", ["inf", 1, 2], 1),
        ("dose", ["1_0", 1, 2], 1),
        ("dose", [True, 1, 2], 1),
        ("dose", [10**400, 1, 2], 1),
        ("dose", [1, 2.6, -1], 2),
        ("dose", pd.to_datetime(["2020-01-01"] * 3), 1),
        ("age", [1, 1.5, 2], 2),
        ("age", [1, 2, 2**70], 3),
        ("age", [1, 121, 2], 2),
        ("smokes", ["true", "yes", "no"], 2),
        ("smokes", [True, 2, 0], 2),
        ("ward", ["north", "west", "east"], 2),
        ("ward", ["north", 3, "east"], 2),
        ("ward", ["north", "east", None], 3),
        ("ward", ["north", "east", " east"], 3),
        ("age", [1, 2], 3),
    ],
)
def test_the_first_wrong_cell_is_named(column: str, cells: Any, row: int) -> None:
    with pytest.raises(RowError) as caught:
        check_table(TableSchema.parse(INPUT), {**ROWS, column: cells})
    assert (caught.value.row, caught.value.column) == (row, column)


def test_rows_come_before_columns() -> None:
    with pytest.raises(RowError) as caught:
        check_table(TableSchema.parse(INPUT), {**ROWS, "dose": [0, 0, "x"], "ward": ["north", "x", "x"]})
    assert (caught.value.row, caught.value.column) == (2, "ward")


def test_a_missing_column_and_a_wrong_width() -> None:
    with pytest.raises(ColumnError, match="age"):
        check_table(TableSchema.parse(INPUT), {"dose": [1]})
    with pytest.raises(ColumnError, match="4 columns"):
        check_table(TableSchema.parse(INPUT), np.zeros((3, 2)))


def test_the_index_of_a_data_frame_does_not_matter() -> None:
    frame = pd.DataFrame(ROWS, index=[7, 7, 9])
    checked = check_table(TableSchema.parse(INPUT), frame)
    assert checked.to_dict("list") == ROWS
    frame.loc[9, "age"] = 500
    with pytest.raises(RowError) as caught:
        check_table(TableSchema.parse(INPUT), frame)
    assert caught.value.row == 3


def test_csv_reads_as_its_table(tmp_path: Path) -> None:
    path = tmp_path / "ward7.csv"
    path.write_text(
        'note,dose,age,smokes,ward\n"a\nb",0,0,true,north\nc,2.5,120,False,east\n\n,1.25,60,1,south\n',
        "utf-8",
    )
    read = read_csv(path, TableSchema.parse(INPUT))
    pd.testing.assert_frame_equal(read, check_table(TableSchema.parse(INPUT), ROWS))


@pytest.mark.parametrize(
    ("text", "row", "line", "column"),
    [
        ("dose,age,smokes,ward\n1,1,true,north\n1,old,true,north\n", 2, 3, "age"),
        ('dose,age,smokes,ward\n1,1,true,north\n\n1,"2\n",true,south\n1,,true,south\n', 3, 6, "age"),
        ("dose,age,smokes,ward\n1,1,true\n", 1, 2, None),
        ("dose,age,smokes,ward\n1,1,true,north,1\n", 1, 2, None),
        ('dose,age,smokes,ward\n1,1,true,"nor"th\n', 1, 2, None),
    ],
)
def test_csv_errors_name_row_line_and_column(
    tmp_path: Path, text: str, row: int, line: int, column: str | None
) -> None:
    path = tmp_path / "ward7.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(RowError, match=r"ward7\.csv, row \d+ \(line \d+\)") as caught:
        read_csv(path, TableSchema.parse(INPUT))
    assert (caught.value.row, caught.value.line, caught.value.column) == (row, line, column)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00x"])
def test_files_that_are_no_csv(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "ward7.csv"
    path.write_bytes(data)
    with pytest.raises(CsvError, match=r"ward7\.csv"):
        read_csv(path, TableSchema.parse(INPUT))


# ------------------------------------------------------------------ integers


def test_inputs_become_integers() -> None:
    encoder = RowEncoder(INPUT, field(**SMOKES))
    assert encoder.columns == ("dose", "age", "smokes", "ward=north", "ward=south", "ward=east")
    expected = [[0, 0, ONE, ONE, 0, 0], [ONE, ONE, 0, 0, 0, ONE], [512, 512, ONE, 0, ONE, 0]]
    encoded = encoder.encode_inputs(ROWS)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == expected


def test_numbers_out_of_range_are_clipped_or_refused() -> None:
    encoder = RowEncoder({"fields": [DOSE]}, field(**SMOKES))
    assert encoder.encode_inputs([[-1], [3]]).tolist() == [[0], [ONE]]
    with pytest.raises(RowError, match="row 1, column 'dose'"):
        encoder.encode_inputs([[-1], [3]], ranges=True)


def test_no_rows_keep_their_width() -> None:
    assert RowEncoder(INPUT, field(**SMOKES)).encode_inputs({name: [] for name in ROWS}).shape == (0, 6)


@pytest.mark.parametrize(
    ("output", "values", "codes"),
    [
        (GRADE, [1, 2, 3], [1, 2, 0]),
        (GRADE, np.array([1.0, 3.0]), [1, 0]),
        (WARD, ["east", "north"], [2, 0]),
        (SMOKES, [True, False], [1, 0]),
        (AGE, [0, 60, 120], [0, 512, 1024]),
        (DOSE, pd.Series([2.5], index=[4]), [1024]),
        (WARD, pd.DataFrame({"ward": ["south"], "other": [1]}), [1]),
    ],
)
def test_outputs_become_integers_and_come_back(output: Any, values: Any, codes: list[int]) -> None:
    encoder = RowEncoder({"fields": [DOSE]}, field(**output))
    targets = encoder.encode_targets(values)
    assert targets.dtype == np.int64
    assert targets.tolist() == [[code] for code in codes]
    plain = values["ward"] if isinstance(values, pd.DataFrame) else values
    assert encoder.decode_predictions(targets) == list(plain)


FEVER = {"name": "fever", "type": "boolean"}


@pytest.mark.parametrize(
    ("fields", "table", "codes", "metric"),
    [
        ([DOSE, AGE], {"dose": [2.5, 0.0], "age": [60, 120]}, [[1024, 512], [0, 1024]], "r2"),
        ([SMOKES, FEVER], {"smokes": [True, False], "fever": [True, True]}, [[1, 1], [0, 1]], "hamming"),
    ],
)
def test_outputs_of_several_fields(fields: list[Any], table: dict[str, Any], codes: Any, metric: str) -> None:
    encoder = RowEncoder({"fields": [WARD]}, {"fields": fields})
    assert (encoder.outputs, encoder.answers, encoder.classes, encoder.metric) == (2, 2, None, metric)
    for one in (table, pd.DataFrame(table)[[fields[1]["name"], fields[0]["name"]]]):
        assert encoder.encode_targets(one).tolist() == codes
    plain = [list(row) for row in zip(*table.values(), strict=True)]
    assert encoder.decode_predictions(encoder.encode_targets(table)) == plain
    assert encoder.encode_targets({name: [] for name in table}).shape == (0, 2)
    with pytest.raises(ColumnError, match=fields[1]["name"]):
        encoder.encode_targets({fields[0]["name"]: table[fields[0]["name"]]})


@pytest.mark.parametrize("fields", [INPUT["fields"], [DOSE, SMOKES], [WARD, GRADE], [GRADE, AGE], [SMOKES, WARD]])
def test_several_fields_of_an_output_are_of_one_kind(fields: list[Any]) -> None:
    with pytest.raises(SchemaError, match="all numbers, or all booleans"):
        RowEncoder({"fields": [DOSE]}, {"fields": fields})


@pytest.mark.parametrize(
    ("output", "largest", "metric"),
    [(WARD, 2, "accuracy"), (SMOKES, 1, "accuracy"), (GRADE, 2, "accuracy"), (AGE, ONE, "r2")],
)
def test_outputs_of_one_field(output: Any, largest: int, metric: str) -> None:
    encoder = RowEncoder({"fields": [DOSE]}, {"fields": [output]})
    assert (encoder.answers, encoder.largest_answer, encoder.metric) == (1, largest, metric)


bounds = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).filter(lambda pair: pair[1] - pair[0] > 1e-3)


@settings(deadline=None)
@given(bounds, st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=20))
def test_scaling_agrees_with_exact_fractions(pair: tuple[float, float], cells: list[float]) -> None:
    low, high = pair
    encoder = RowEncoder(number(minimum=low, maximum=high), field(**SMOKES))
    for cell, code in zip(cells, encoder.encode_inputs({"x": cells})[:, 0], strict=True):
        clipped = min(max(Fraction(cell), Fraction(low)), Fraction(high))
        exact = (clipped - Fraction(low)) / (Fraction(high) - Fraction(low)) * ONE
        assert abs(int(code) - exact) <= Fraction(1, 2) + Fraction(1, 10**6)
        assert 0 <= code <= ONE
