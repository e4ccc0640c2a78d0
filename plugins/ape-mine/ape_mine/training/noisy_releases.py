"""Noisy statistics that were released, and the privacy that they spent, in one ledger.

A release is drawn once per dataset version and Campaign question and then serves every Gradient: noise that is drawn
twice could be averaged away. Release and price are stored in one transaction, before anything is computed from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from ape_mine.datasets.dataset import Dataset
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import DatasetError, ReleaseCorruptError
from ape_mine.policy.document import Policy, Privacy
from ape_mine.policy.privacy_budget import UNKNOWN_RHO, Quote, Spending, quote
from sonar_core.base.database import Database
from sonar_core.service.observer import Allowance
from syft import wire
from syft.errors import SyftError
from syft.privacy import Release, RowBounds

RELEASE_TABLE = """CREATE TABLE release (
    key BLOB PRIMARY KEY, dataset TEXT NOT NULL, version BLOB NOT NULL, rho TEXT NOT NULL, data BLOB NOT NULL
)"""
#: Largest release, in bytes.
_LARGEST = 1 << 30


class NoisyReleases:
    """The releases of a Mine's datasets.

    Args:
        database: with `RELEASE_TABLE`.
        exact_gradients: counts the Gradients that were computed from exact statistics of datasets, by their names.
    """

    def __init__(self, database: Database, exact_gradients: Callable[[Sequence[str]], int]) -> None:
        self._database = database
        self._exact_gradients = exact_gradients

    def spending(self, dataset: Dataset) -> Spending:
        """Privacy that a dataset has spent so far.

        All its versions count, since a row may be in each of them, and so do all versions of every other name that ever
        held one of its versions, removed ones included.
        """
        names = (dataset.name, *dataset.kin)
        marks = ", ".join("?" * len(names))
        rows = self._database.rows(
            f"SELECT rho FROM release WHERE dataset IN ({marks}) OR version = ?",  # noqa: S608 - marks
            (*names, dataset.version),
        )
        rho = sum((Fraction(row["rho"]) for row in rows), Fraction(0))
        return Spending(rho, len(rows), self._exact_gradients(names))

    def quote(self, key: bytes, dataset: Dataset, privacy: Privacy) -> Quote:
        """Price of a Gradient that needs the release with that key. Raises as `privacy_budget.quote`."""
        found = self._database.row("SELECT 1 FROM release WHERE key = ?", (key,))
        return quote(dataset.name, privacy, self.spending(dataset), released=found is not None)

    def take(self, key: bytes, dataset: Dataset, privacy: Privacy, draw: Callable[[Fraction], Release]) -> Release:
        """The release with that key; the first call draws it and charges its price.

        Args:
            key: from `gradient_task.statistics_key`.
            dataset: whose statistics they are.
            privacy: the policy's terms.
            draw: draws a release that spends at most the given rho.

        Raises:
            BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError: the budget forbids it.
            ReleaseCorruptError: the stored release is damaged.
        """
        price = self.quote(key, dataset, privacy).price
        found = self._get(key, dataset)
        if found is None:
            drawn = draw(price)
            with self._database.transaction() as connection:
                # Checked again inside the transaction. If two processes drew, one release is kept, and both use it.
                self.quote(key, dataset, privacy)
                connection.execute(
                    "INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, ?)",
                    (key, dataset.name, dataset.version, str(drawn.rho), _to_bytes(drawn)),
                )
            found = self._get(key, dataset)
            assert found is not None  # it was just written
        return found

    def reserve(self, key: bytes, dataset: Dataset, privacy: Privacy) -> None:
        """Charges the price of a release without drawing it, in a dry run's copy of the journal. Raises as `quote`."""
        price = self.quote(key, dataset, privacy).price
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, x'')",
                (key, dataset.name, dataset.version, str(price)),
            )

    def assume_spent(self, names: Iterable[str]) -> None:
        """Charges more than any budget to datasets of these names, because the record of their spending was lost."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO release VALUES (?, ?, x'', ?, x'')",
                [(f"lost: {name}".encode(), name, str(UNKNOWN_RHO)) for name in names],
            )

    def copy_from(self, other: NoisyReleases) -> None:
        """Copies all releases of another journal, with what they spent."""
        rows = other._database.rows("SELECT key, dataset, version, rho, data FROM release")
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, ?)", map(tuple, rows))

    def _get(self, key: bytes, dataset: Dataset) -> Release | None:
        row = self._database.row("SELECT data FROM release WHERE key = ?", (key,))
        try:
            return None if row is None else _from_bytes(row["data"])
        except (SyftError, KeyError, ValueError):
            raise ReleaseCorruptError(dataset.name) from None


def allowances(datasets: DatasetStore, policy: Policy, releases: NoisyReleases) -> tuple[Allowance, ...]:
    """Remaining privacy budget of each dataset that has one; datasets that cannot be read are left out."""
    found = []
    for name, source in policy.datasets.items():
        if source.privacy is None:
            continue
        try:
            spending = releases.spending(datasets.get(name))
        except DatasetError:
            continue
        budget = source.privacy.budget
        found.append(Allowance(name, budget.epsilon, budget.epsilon_of(spending.left(budget))))
    return tuple(found)


def _to_bytes(release: Release) -> bytes:
    bounds = release.bounds
    numbers = [release.count, release.sigma, bounds.features_squared, bounds.target_squared, bounds.feature]
    numbers_array = np.array(numbers, dtype=np.int64)
    return wire.dumps_arrays({"gram": release.gram, "cross": release.cross, "numbers": numbers_array})


def _from_bytes(data: bytes) -> Release:
    arrays = wire.loads_arrays(data, limit=_LARGEST)
    count, sigma, *bounds = map(int, arrays["numbers"])
    return Release(arrays["gram"], arrays["cross"], count, RowBounds(*bounds), sigma)
