"""CSV files as people have them: what the demo reads, and what it says of those that it cannot use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts._csv_table import MOST_CLASSES, TableError, read_csv_table
from scripts._datasets import DatasetError, load
from sonar_core.base.errors import one_line
from sonar_core.data.cells import check_table
from sonar_core.data.row_errors import RowError
from sonar_core.data.table_schema import TableSchema

HEADER = "age,sex,ill"
ROWS = 60


def good_row(row: int) -> str:
    return f"{20.5 + row},{'fm'[row % 2]},{'yes' if row % 3 else 'no'}"


def write(folder: Path, header: str = HEADER, row: Callable[[int], str] = good_row, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *map(row, range(ROWS))]) + "\n", encoding="utf-8")
    return path


def test_types_come_from_the_cells(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "age,count,sex,smokes,ill",
        lambda row: f"{row / 2},{row},{'fm'[row % 2]},{'True' if row % 5 else 'False'},{row % 3}",
    )
    table = read_csv_table(path)
    kinds = [(field.type, field.values) for field in TableSchema.parse({"fields": table.fields}).fields]
    assert kinds == [
        ("number", None),
        ("integer", None),
        ("string", ("f", "m")),
        ("boolean", (False, True)),
        ("integer", (0, 1, 2)),
    ]
    assert table.frame.dtypes.astype(str).tolist() == ["float64", "int64", "object", "bool", "int64"]
    assert table.remarks == []
    check_table(TableSchema.parse({"fields": table.fields}), table.frame)


def test_a_boolean_output_has_two_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "age,ill", lambda row: f"{row},{'TRUE' if row % 2 else 'FALSE'}", name="upper.CSV")
    assert load(str(path)).classes == (False, True)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "ID"])
@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_only_counts_rows_is_left_out(tmp_path: Path, name: str, start: int) -> None:
    table = read_csv_table(write(tmp_path, f"{name},{HEADER}", lambda row: f"{row + start},{good_row(row)}"))
    assert list(table.frame.columns) == ["age", "sex", "ill"]
    assert "only counts the rows" in table.remarks[0]


def test_a_first_column_that_means_something_stays(tmp_path: Path) -> None:
    table = read_csv_table(write(tmp_path, f"day,{HEADER}", lambda row: f"{row},{good_row(row)}"))
    assert list(table.frame.columns) == ["day", "age", "sex", "ill"]


def test_what_may_surprise_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "site,age,visits", lambda row: f"north,{row / 2},{row % (MOST_CLASSES + 5)}")
    assert read_csv_table(path).remarks == [
        "Column 'site' is 'north' in every row: left out.",
        "Output 'visits' has 25 different whole numbers: a number is predicted (up to 20 are read as classes).",
    ]


def cell(header: str, usual: str, wrong: str = "", at: int = 6) -> tuple[str, Callable[[int], str]]:
    """A table of one column and an Output, with one cell that differs. `{}` is the row's number."""
    return f"{header},ill", lambda row: f"{(wrong if wrong and row == at else usual).format(row)},{row % 2}"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (("a;b;c", lambda row: f"{row};1;2"), "columns are separated by semicolons: save it with commas"),
        (("a\tb", lambda row: f"{row}\t1"), "columns are separated by tabs"),
        (cell("bmi", '"{},5"'), "'bmi': '0,5' has a decimal comma: write 0.5"),
        (cell("income", '"{},234"'), "'0,234' has commas between the thousands: write 0234"),
        (cell("price", "€{}"), "'€0' holds a sign beside its number: write the number alone"),
        (cell("seen", "2020-01-{}"), "'2020-01-0' is a date: make a number of it"),
        (cell("note", "patient {} is well"), "60 different texts, such as 'patient 0 is well'; numbers, or at most 20"),
        (cell("age", "{}.5", "unknown"), "row 7 (line 8), column 'age': 'unknown' is not a number, as most"),
        (cell("age", "{}.5", "inf"), "row 7 (line 8), column 'age': 'inf' is not a finite number"),
        (cell("id_number", "8469767778871345{:03}"), "row 1 (line 2), column 'id_number': 8469767778871345000"),
        (("age,age,ill", lambda row: f"{row},{row},{row % 2}"), "column 'age': named twice in the header"),
        (("age,", lambda row: f"{row},{row % 2}"), "the last column, which is the Output, has no name"),
        (("age,,ill", lambda row: f"{row},{row},{row % 2}"), "column 2 has no name"),
        ((",ill", lambda row: f"{row * 7},{row % 2}"), "column 1 has no name"),
        (("age,ill", lambda row: f"{row},no"), "column 'ill': the Output is 'no' in every row"),
        (("site,ill", lambda row: f"north,{row % 2}"), "every Input is the same in all rows"),
        (("age,ill", lambda row: f"{row},1,2" if row == 4 else f"{row},{row % 2}"), "row 5 (line 6): 3 cells"),
        (("", lambda row: ""), "is empty"),
        (("age", str), "60 rows x 1 columns; at least 50 x 2 are needed"),
    ],
)
def test_trouble_names_the_place_and_the_way_out(
    tmp_path: Path, table: tuple[str, Callable[[int], str]], message: str
) -> None:
    path = write(tmp_path, *table)
    with pytest.raises((TableError, RowError)) as caught:
        read_csv_table(path)
    said = one_line(caught.value)
    assert said.startswith(str(path))
    assert message in said


def test_empty_cells_are_counted_by_column(tmp_path: Path) -> None:
    header = ",".join(f"c{number}" for number in range(7))
    path = write(tmp_path, header, lambda row: ",".join("NA" if row < number * 10 else "1" for number in range(7)))
    with pytest.raises(TableError) as caught:
        read_csv_table(path)
    said = one_line(caught.value)
    assert "210 cells in 6 of 7 columns are empty: 'c6' 60 (100%), 'c5' 50 (83%), 'c4' 40 (67%)" in said
    assert "and 2 more. Leave out the columns that are mostly empty, then" in said
    assert said.endswith("(0 of 60 rows are complete now)")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("größe,ill\n".encode("latin-1"), "line 1: is not UTF-8 text: save it as CSV in UTF-8"),
        ("age,ill\n1,0\n".encode("utf-16"), "is not UTF-8 text"),
        (b"PK\x03\x04\0\0", "is not UTF-8 text (a spreadsheet, or UTF-16)"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(TableError, match=message.replace("(", r"\(").replace(")", r"\)")):
        read_csv_table(path)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert next(iter(read_csv_table(path).frame.columns)) == "age"


def test_other_names_are_no_data_sets(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        load(str(tmp_path / "nowhere.csv"))
    with pytest.raises(DatasetError, match=r"choose one of .*wine.*\.csv"):
        load("whine")
