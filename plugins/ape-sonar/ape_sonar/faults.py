"""The wrong rows of a table, gathered instead of stopped at: a Miner mends a file once, not once a row."""

from __future__ import annotations

from ape_sonar.errors import RowError, WrongRowsError

#: Faults that are kept in full; the rest are counted.
MOST_FAULTS = 100


class Faults:
    """Collects what is wrong with rows, in bounded memory.

    Args:
        most: of the errors that are kept.

    Attributes:
        errors: the first `most` errors, by row.
        total: how many there were.
        rows: how many rows had one or more.

    >>> faults = Faults(most=1)
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
