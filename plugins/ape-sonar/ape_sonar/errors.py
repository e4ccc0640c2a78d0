"""The root of every error of Sonar's packages, and how a command line tells one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

#: Longest error line shown; a hostile blob must not fill a terminal.
_LONGEST_LINE = 500


class SonarError(Exception):
    """Root of everything that ape_sonar, ape_capsule and ape_mine raise on purpose.

    The message says what was wrong, where, and what to do, in one line.
    """


class UsageError(SonarError, ValueError):
    """An argument of the caller's that cannot be used."""


class FormatError(SonarError, ValueError):
    """Bytes from outside that break a rule of docs/formats.md.

    Attributes:
        what: the kind of blob or file ("Campaign spec", "bundle", ...).
        why: the rule that is broken, and where.
    """

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what}: {why}")


class SpecError(FormatError):
    """A Campaign spec that nobody can train."""

    def __init__(self, why: str) -> None:
        super().__init__("Campaign spec", why)


class SchemaError(FormatError):
    """A Table Schema outside of the accepted subset."""

    def __init__(self, why: str) -> None:
        super().__init__("Table Schema", why)


class RowError(SonarError, ValueError):
    """A cell, or a whole row, of a table that does not keep its Table Schema.

    Attributes:
        row: data row, counted from 1.
        column: name of the column, or None where the whole row is wrong.
        line: line of the file the row ends on, counted from 1, where known.
        source: the file, where known.
    """

    def __init__(
        self, row: int, column: str | None, why: str, *, line: int | None = None, source: str | None = None
    ) -> None:
        self.row, self.column, self.why = row, column, why
        self.line, self.source = line, source
        where = f"{source}, " if source else ""
        at = f"row {row}" + (f" (line {line})" if line else "") + (f", column {column!r}" if column else "")
        super().__init__(f"{where}{at}: {why}")


class WrongRowsError(RowError):
    """All the cells and rows of a table that do not keep its Table Schema; as a RowError it is the first of them.

    Attributes:
        errors: the first ones, in the order in which they were found.
        total: how many there are, those beyond `errors` included.
    """

    def __init__(self, errors: Sequence[RowError], total: int) -> None:
        first = errors[0]
        more = f" (and {total - 1} more)" if total > 1 else ""
        super().__init__(first.row, first.column, first.why + more, line=first.line, source=first.source)
        self.errors, self.total = tuple(errors), total


class ColumnError(SonarError, LookupError):
    """A table without a column that its Table Schema, or a Campaign, needs."""

    def __init__(self, column: str, why: str, *, source: str | None = None) -> None:
        self.column, self.why, self.source = column, why, source
        super().__init__((f"{source}, " if source else "") + f"column {column!r}: {why}")


def one_line(error: BaseException) -> str:
    r"""The error's message on one printable line of at most 500 characters.

    >>> one_line(ValueError("first\n  second"))
    'first second'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _LONGEST_LINE else shown[: _LONGEST_LINE - 3] + "..."


@contextmanager
def cli_errors() -> Iterator[None]:
    """Ends a command with one line on standard error and exit status 1. A context manager and a decorator.

    What is told so: Sonar's and syft's errors, Ape's own (an unknown network, an account without funds) and
    the operating system's (a file that is not there). Anything else is a defect and keeps its traceback.
    """
    from ape.exceptions import ApeException

    from syft.errors import SyftError

    try:
        yield
    except (SonarError, SyftError, ApeException, OSError) as error:
        click.echo(f"error: {one_line(error)}", err=True)
        sys.exit(1)
