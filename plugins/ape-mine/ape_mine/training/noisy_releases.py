"""Noisy statistics that were released, and what they have spent: the ledger and the noise itself, in one place.

A release is drawn once for a dataset's version and a Campaign's question, and serves every Gradient after that: noise
drawn twice could be averaged away. It is in the journal before anything is computed from it, in the same transaction as
its price, so that no crash leaves one without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np

from ape_mine.datasets.store import Dataset
from ape_mine.errors import ReleaseCorruptError
from ape_mine.policy.document import Privacy
from ape_mine.policy.privacy_budget import UNKNOWN_RHO, Quote, Spending, quote
from sonar_core.base.database import Database
from syft import wire
from syft.errors import SyftError
from syft.privacy import Release, RowBounds

RELEASE_TABLE = """CREATE TABLE release (
    key BLOB PRIMARY KEY, dataset TEXT NOT NULL, version BLOB NOT NULL, rho TEXT NOT NULL, data BLOB NOT NULL
)"""
#: Most bytes of a release.
_LARGEST = 1 << 30


class NoisyReleases:
    """The releases of a Mine's datasets.

    Args:
        journal: the Mine's, with `RELEASE_TABLE` and its submissions.
    """

    def __init__(self, journal: Database) -> None:
        self._journal = journal

    def spending(self, dataset: Dataset) -> Spending:
        """What a dataset has told so far.

        Every version of it counts, since a row may have been in all of them; so do all versions of every other name
        that ever held one of its versions, removed ones included.
        """
        names = (dataset.name, *dataset.kin)
        marks = ", ".join("?" * len(names))
        rows = self._journal.rows(
            f"SELECT rho FROM release WHERE dataset IN ({marks}) OR version = ?",  # noqa: S608 - marks
            (*names, dataset.version),
        )
        exact = self._journal.rows(
            f"SELECT 1 FROM submission WHERE dataset IN ({marks}) AND release IS NULL",  # noqa: S608 - marks
            names,
        )
        return Spending(sum((Fraction(row["rho"]) for row in rows), Fraction(0)), len(rows), len(exact))

    def quote(self, key: bytes, dataset: Dataset, privacy: Privacy) -> Quote:
        """Price of a Gradient that needs the release of that key. Raises as `privacy_budget.quote`."""
        found = self._journal.row("SELECT 1 FROM release WHERE key = ?", (key,))
        return quote(dataset.name, privacy, self.spending(dataset), released=found is not None)

    def take(self, key: bytes, dataset: Dataset, privacy: Privacy, draw: Callable[[Fraction], Release]) -> Release:
        """The release of that key, which is drawn and paid for if this is the first time.

        Args:
            key: of `task.statistics_key`.
            dataset: that it is of.
            privacy: the policy's terms.
            draw: makes a release that spends at most so much rho.

        Raises:
            BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError: the policy does not allow it.
            ReleaseCorruptError: it is there, but damaged.
        """
        price = self.quote(key, dataset, privacy).price
        found = self._get(key, dataset)
        if found is None:
            drawn = draw(price)
            with self._journal.transaction() as connection:
                # Again, now that nobody else can spend: of two that drew, one is kept, and both use it.
                self.quote(key, dataset, privacy)
                connection.execute(
                    "INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, ?)",
                    (key, dataset.name, dataset.version, str(drawn.rho), _to_bytes(drawn)),
                )
            found = self._get(key, dataset)
            assert found is not None  # it was just written
        return found

    def reserve(self, key: bytes, dataset: Dataset, privacy: Privacy) -> None:
        """Books the price of a release that is not drawn: for a rehearsal's copy of the journal. Raises as `quote`."""
        price = self.quote(key, dataset, privacy).price
        with self._journal.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, x'')",
                (key, dataset.name, dataset.version, str(price)),
            )

    def assume_spent(self, names: Iterable[str]) -> None:
        """Books all that datasets of these names could tell: what they told was lost."""
        with self._journal.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO release VALUES (?, ?, x'', ?, x'')",
                [(f"lost: {name}".encode(), name, str(UNKNOWN_RHO)) for name in names],
            )

    def _get(self, key: bytes, dataset: Dataset) -> Release | None:
        row = self._journal.row("SELECT data FROM release WHERE key = ?", (key,))
        try:
            return None if row is None else _from_bytes(row["data"])
        except (SyftError, KeyError, ValueError):
            raise ReleaseCorruptError(dataset.name) from None


def _to_bytes(release: Release) -> bytes:
    bounds = release.bounds
    numbers = [release.count, release.sigma, bounds.features_squared, bounds.target_squared, bounds.feature]
    numbers_array = np.array(numbers, dtype=np.int64)
    return wire.dumps_arrays({"gram": release.gram, "cross": release.cross, "numbers": numbers_array})


def _from_bytes(data: bytes) -> Release:
    arrays = wire.loads_arrays(data, limit=_LARGEST)
    count, sigma, *bounds = map(int, arrays["numbers"])
    return Release(arrays["gram"], arrays["cross"], count, RowBounds(*bounds), sigma)
