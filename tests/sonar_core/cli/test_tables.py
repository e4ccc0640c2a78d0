"""Tables of the commands: at any width no id is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sonar_core.cli.console import print_table
from sonar_core.protocol.units import counted

CAMPAIGN = "0x" + "5a" * 32
COLUMNS = ("Campaign", "Status", "Accuracy", "Reason")
ROWS = [(CAMPAIGN, "Open", "0.8360", "the policy asks [first] for an approval"), (CAMPAIGN[::-1], "", "", "")]


def printed(width: int, rows: list[tuple[str, ...]] = ROWS) -> str:
    out = io.StringIO()
    print_table(COLUMNS, rows, title="Campaigns", console=Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_ids_and_markup_are_whole_at_any_width(width: int) -> None:
    text = printed(width)
    assert CAMPAIGN in text
    assert CAMPAIGN[::-1] in text
    assert "[first]" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_a_narrow_terminal_gets_a_record_per_row() -> None:
    lines = printed(80).splitlines()
    assert lines[0] == "Campaigns"
    assert lines[1].split() == ["Campaign", CAMPAIGN]
    assert lines[2].split() == ["Status", "Open"]


def test_a_wide_terminal_gets_a_table_whose_cells_wrap_between_words() -> None:
    lines = printed(110).splitlines()
    header = next(line for line in lines if "Campaign " in line)
    assert all(name in header for name in COLUMNS)


def test_a_table_without_rows_has_its_header() -> None:
    assert "Campaign" in printed(80, [])


def test_counts_of_one_are_singular() -> None:
    assert [counted(number, "transaction") for number in (0, 1, 2)] == [
        "0 transactions",
        "1 transaction",
        "2 transactions",
    ]
