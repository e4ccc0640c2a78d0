"""The wrong rows of a table, gathered instead of stopped at: a Miner mends a file once, not once a row."""

from __future__ import annotations

from collections.abc import Sequence

from sonar_core.base.errors import SonarError

#: Faults that are kept in full; the rest are counted.
MOST_FAULTS = 100


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


class RowErrorCollector:
    """Collects what is wrong with rows, in bounded memory.

    Args:
        most: of the errors that are kept.

    Attributes:
        errors: the first `most` errors, by row.
        total: how many there were.
        rows: how many rows had one or more.

    >>> faults = RowErrorCollector(most=1)
    >>> faults.note([RowError(2, "age", "-1 is not a whole number"), RowError(2, "dose", "an empty cell")])
    >>> len(faults.errors), faults.total, faults.rows
    (1, 2, 1)
    """

    def __init__(self, most: int = MOST_FAULTS) -> None:
        self._most = most
        self.errors: list[RowError] = []
        self.total = 0
        self.rows = 0

    def note(self, errors: list[RowError]) -> None:
        """Adds errors, each row's in one call."""
        self.errors = sorted([*self.errors, *errors], key=lambda error: error.row)[: self._most]
        self.total += len(errors)
        self.rows += len({error.row for error in errors})

    def raise_any(self) -> None:
        """Raises WrongRowsError if there is anything to tell."""
        if self.errors:
            raise WrongRowsError(self.errors, self.total)
