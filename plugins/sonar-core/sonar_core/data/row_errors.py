"""Errors of tables, one per cell or row, and a collector: a Miner corrects a file once, not once per wrong row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sonar_core.base.errors import SonarError

#: Errors that are kept in full; the rest are counted.
MOST_ERRORS = 100
#: Columns that a message names, those with the most errors first.
_MOST_COLUMNS = 5


class RowError(SonarError, ValueError):
    """A cell, or a whole row, of a table that breaks its Table Schema.

    Attributes:
        row: data row, counted from 1.
        column: name of the column, or None if the whole row is wrong.
        line: line of the file that the row ends on, counted from 1, if known.
        source: the file, if known.
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
    """All cells and rows of a table that break its Table Schema; its own attributes are those of the first error.

    Attributes:
        errors: the first ones, by row.
        total: number of all errors.
        columns: number of all errors by column; errors of whole rows are left out.
    """

    def __init__(self, errors: Sequence[RowError], total: int, columns: Mapping[str, int]) -> None:
        first = errors[0]
        counts = f"; by column: {_most_wrong(columns)}" if columns else ""
        more = f" (and {total - 1:,} more{counts})" if total > 1 else ""
        super().__init__(first.row, first.column, first.why + more, line=first.line, source=first.source)
        self.errors, self.total, self.columns = tuple(errors), total, dict(columns)


class ColumnError(SonarError, LookupError):
    """A table without a column that its Table Schema, or a Campaign, needs."""

    def __init__(self, column: str, why: str, *, source: str | None = None) -> None:
        self.column, self.why, self.source = column, why, source
        super().__init__((f"{source}, " if source else "") + f"column {column!r}: {why}")


class RowErrorCollector:
    """Collects row errors in bounded memory.

    Args:
        most: number of errors that are kept in full.

    Attributes:
        errors: the first `most` errors, by row.
        total: number of all errors.
        rows: number of rows with an error.
        columns: number of all errors by column.

    >>> collector = RowErrorCollector(most=1)
    >>> collector.add([RowError(2, "age", "-1 is not a whole number"), RowError(2, "dose", "an empty cell")])
    >>> len(collector.errors), collector.total, collector.rows, collector.columns["dose"]
    (1, 2, 1, 1)
    """

    def __init__(self, most: int = MOST_ERRORS) -> None:
        self._most = most
        self.errors: list[RowError] = []
        self.total = 0
        self.rows = 0
        self.columns: Counter[str] = Counter()

    def add(self, errors: list[RowError]) -> None:
        """Adds errors; all of one row come in one call."""
        self.errors = sorted([*self.errors, *errors], key=lambda error: error.row)[: self._most]
        self.total += len(errors)
        self.columns.update(error.column for error in errors if error.column is not None)
        self.rows += len({error.row for error in errors})

    def raise_any(self) -> None:
        """Raises WrongRowsError if there are errors."""
        if self.errors:
            raise WrongRowsError(self.errors, self.total, self.columns)


def _most_wrong(columns: Mapping[str, int]) -> str:
    """The columns with the most errors, with their numbers.

    >>> _most_wrong({"age": 3, "creatinine": 1350})
    "'creatinine' 1,350, 'age' 3"
    """
    ranked = Counter(columns).most_common()
    named = ", ".join(f"{column!r} {number:,}" for column, number in ranked[:_MOST_COLUMNS])
    return named + (f", and {len(ranked) - _MOST_COLUMNS} columns more" if len(ranked) > _MOST_COLUMNS else "")
