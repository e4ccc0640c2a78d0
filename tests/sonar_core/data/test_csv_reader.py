"""What the reader says of files that people really have."""

from pathlib import Path

import pytest

from sonar_core.base.errors import SchemaError, SonarError
from sonar_core.data.csv_reader import CsvError, read_csv
from sonar_core.data.row_errors import ColumnError, RowError
from sonar_core.data.table_schema import TableSchema

SCHEMA = TableSchema.parse(
    {
        "fields": [
            {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}},
            {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}},
        ]
    }
)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("age;dose\n1;2\n", CsvError, "the cells are separated by ';': save the file with commas between them"),
        ("age\tdose\n1\t2\n", CsvError, r"the cells are separated by '\t'"),
        ("age,dose\n1,2\n".encode("utf-16"), CsvError, "the text is UTF-16: save the file as CSV in UTF-8"),
        ("age,dose,ä\n1,2,3\n".encode("latin-1"), CsvError, "the text is not UTF-8: save the file as CSV in UTF-8"),
        ("age,dose\n1,2\né\n".encode("latin-1"), CsvError, "the text is not UTF-8: save the file as CSV in UTF-8"),
        ("", CsvError, "the file is empty: a CSV file starts with a line of column names"),
        ('age,"dose\n1,2\n', CsvError, "the header is no line of CSV"),
        ("Age,dose\n1,2\n", ColumnError, "column 'age': missing; did you mean 'Age'? (columns: 'Age', 'dose')"),
        ("x,y\n1,2\n", ColumnError, "column 'age': missing (columns: 'x', 'y')"),
        (f"{'x,' * 11}y\n", ColumnError, "'x', ... 12 in all"),
        ("age,age,dose\n1,2,3\n", ColumnError, "column 'age': named twice in the header"),
        (
            "age,dose\n1,\n",
            RowError,
            "row 1 (line 2), column 'dose': an empty cell is not a number between 0 and 8: fill",
        ),
        ("age,dose\n1,2\n3,unknown\n", RowError, "row 2 (line 3), column 'dose': 'unknown' is not a number between"),
        ("age,dose\n1,inf\n", RowError, "row 1 (line 2), column 'dose': 'inf' is not a number between 0 and 8"),
        ('age,dose\n1,"0,5"\n', RowError, "'0,5' is not a number between 0 and 8: write decimals with a point"),
        ("age,dose\n1,2,3\n", RowError, "row 1 (line 2): 3 cells, but the header has 2"),
    ],
)
def test_errors_name_the_file_the_place_and_the_remedy(
    tmp_path: Path, content: str | bytes, error: type[SonarError], message: str
) -> None:
    path = tmp_path / "ward7.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(error) as caught:
        read_csv(path, SCHEMA)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_byte_order_mark_and_further_columns_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "ward7.csv"
    path.write_bytes("dose,note,age\n0.5,ö,30\n".encode("utf-8-sig"))
    assert read_csv(path, SCHEMA).to_dict("list") == {"age": [30], "dose": [0.5]}


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (
            {"minimum": 0, "maximum": float("inf")},
            "Table Schema: fields.0.constraints.maximum: must be a finite number",
        ),
        ({"minimum": "0", "maximum": 1}, "Table Schema: fields.0.constraints.minimum: must be a number, not a text"),
        (
            {"minimum": 0, "maximun": 1},
            "Table Schema: fields.0.constraints: unknown key 'maximun'; did you mean 'maximum'?",
        ),
    ],
)
def test_a_schema_error_names_the_rule(constraints: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        TableSchema.parse({"fields": [{"name": "dose", "type": "number", "constraints": constraints}]})
    assert str(caught.value) == message


def test_a_class_without_another_one_is_refused_in_words() -> None:
    with pytest.raises(SchemaError, match=r"fields\.0\.constraints\.enum: must have at least 2 items, not 1"):
        TableSchema.parse({"fields": [{"name": "ill", "type": "string", "constraints": {"enum": ["no"]}}]})
