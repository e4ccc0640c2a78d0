"""Output of the commands: for people, as tables that cut nothing, and for machines, as JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import click
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

#: Columns of a pipe.
_PIPE_WIDTH = 200
#: Columns that a table's frame takes: per column, and once.
_FRAME_PER_COLUMN, _FRAME = 3, 1


def open_console() -> Console:
    """Standard output, as wide as the terminal; a pipe gets whole lines."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", console: Console | None = None
) -> None:
    """Prints a table in which no word is cut, so that ids can be copied.

    Cells wrap between words. If the terminal is too narrow even for that, each row becomes a record of its own: a line
    per column, with its name.

    Args:
        columns: names.
        rows: cells, as many per row as columns.
        title: above the table.
        console: standard output if left out.
    """
    console = console or open_console()
    longest = [max(map(_longest_word, cells)) for cells in zip(columns, *rows, strict=True)]
    if sum(longest) + _FRAME_PER_COLUMN * len(columns) + _FRAME <= console.width:
        table = Table(title=title or None)
        for name, least in zip(columns, longest, strict=True):
            table.add_column(escape(name), min_width=least)
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
        return
    if title:
        console.print(title, style="bold", markup=False)
    for row in rows:
        record = Table(show_header=False, box=None, pad_edge=False)
        record.add_column(style="bold")
        record.add_column(overflow="fold")
        for name, cell in zip(columns, row, strict=True):
            record.add_row(escape(name), escape(cell))
        console.print(record)
        console.print()


def _longest_word(cell: str) -> int:
    return max(map(cell_len, cell.split()), default=0)


class _StandardError(logging.Handler):
    def __init__(self, like: logging.Handler) -> None:
        super().__init__(like.level)
        self.setFormatter(like.formatter)

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def _log_elsewhere(context: click.Context, _: click.Parameter, as_json: bool) -> bool:
    """Until the command ends, what Ape logs goes to standard error: it would stand among the JSON, warnings too."""
    logger = logging.getLogger("ape")
    before = list(logger.handlers)
    if as_json:
        logger.handlers = [_StandardError(before[0])]
        context.call_on_close(lambda: setattr(logger, "handlers", before))
    return as_json


#: `--json`, of all commands that have it.
json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_log_elsewhere, help="JSON for machines, and nothing else."
)
