"""Drafts of Table Schemas: types are inferred, and limits are left to their author."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ape_mine._cli import cli
from ape_mine.datasets.schema_file import TO_BE_CHOSEN, draft_schema, read_schema
from ape_mine.errors import DatasetFileError
from sonar_core.base.errors import SchemaError

ROWS = "age,dose,ill,ward,text\n40,1.5,true,north,One\n50,2,false,south,Two\n,x1,True,north,Three\n"


def test_a_draft_infers_types_and_leaves_limits_open(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS.replace("x1", "1e3"))
    limits = {"minimum": TO_BE_CHOSEN, "maximum": TO_BE_CHOSEN}
    assert draft_schema(tmp_path / "rows.csv")["fields"] == [
        {"name": "age", "type": "integer", "constraints": limits},
        {"name": "dose", "type": "number", "constraints": limits},
        {"name": "ill", "type": "boolean"},
        {"name": "ward", "type": "string", "constraints": {"enum": ["north", "south"]}},
        {"name": "text", "type": "string", "constraints": {"enum": ["One", "Three", "Two"]}},
    ]


def test_many_different_texts_are_free_text(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text\n" + "".join(f"word {number}\n" for number in range(33)))
    (field,) = draft_schema(tmp_path / "rows.csv")["fields"]
    assert field == {"name": "text", "type": "string", "constraints": {"maxLength": TO_BE_CHOSEN}}


def test_a_draft_is_refused_until_its_limits_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    done = CliRunner(mix_stderr=False).invoke(cli, ["schema", str(tmp_path / "rows.csv")])
    assert done.exit_code == 0
    assert 'replace each "?"' in done.stderr
    (tmp_path / "s.json").write_text(done.stdout)
    with pytest.raises(SchemaError):
        read_schema(tmp_path / "s.json")
    document = json.loads(done.stdout)
    document["fields"][0]["constraints"] = {"minimum": 0, "maximum": 130}
    (tmp_path / "s.json").write_text(json.dumps(document))
    assert read_schema(tmp_path / "s.json").names == ("age", "dose", "ill", "ward", "text")


@pytest.mark.parametrize(("text", "words"), [("age,dose\n", "no rows"), ("", "empty"), (None, "is a folder")])
def test_a_file_without_rows_gives_no_draft(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DatasetFileError, match=words):
        draft_schema(tmp_path if text is None else tmp_path / "rows.csv")
