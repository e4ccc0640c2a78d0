"""A Mine's home: a folder for its Miner's eyes alone, with datasets, policy, statistics and state."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ape_mine.datasets.dataset import Dataset
from ape_mine.datasets.schema_file import read_schema
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import HomeBusyError, HomeMissingError, PolicyError, StateLostError
from ape_mine.home.state import MineJournal
from ape_mine.policy.document import LARGEST_POLICY, Policy, Source
from ape_mine.training.statistics_cache import StatisticsCache
from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.errors import one_line
from sonar_core.base.file_lock import file_lock
from sonar_core.crypto import vault
from sonar_core.protocol.units import Currency

_POLICY, STATE_FILE, _LOCK, _VAULT, _DATASETS = "policy.yaml", "state.sqlite", "lock", "rows.vault", "datasets"
#: What the vault file holds.
_PURPOSE = "sonar-mine-rows/1"
_KEY_BYTES = 32


class Home:
    """The folder of a Mine that was made by `create`.

    Attributes:
        folder: where it is.
        datasets, statistics: what is in it.

    Raises:
        HomeMissingError: there is no Mine.
        StateLostError: there was one, and its state file is gone.
    """

    def __init__(self, folder: Path) -> None:
        _require_state(folder)
        self.folder = folder
        self.datasets = DatasetStore(folder / _DATASETS)
        self.statistics = StatisticsCache(folder / "statistics")
        if self.encrypted:
            self.datasets.lock()
            self.statistics.lock()

    @classmethod
    def create(cls, folder: Path, miner: str, sonar: str) -> Home:
        """Makes the home of an account's Mine for one Sonar contract; the second time nothing changes.

        Raises:
            HomeMismatchError: another Mine lives there.
            StateLostError: one lived there, and has lost its state file.
            JournalError, OSError: the folder cannot be used.
        """
        if (folder / _DATASETS).is_dir():
            _require_state(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with MineJournal(folder / STATE_FILE).opened() as state:
            state.bind(miner, sonar)
        return cls(folder)

    def state(self) -> MineJournal:
        """The journal, opened anew. Raises JournalError."""
        return MineJournal(self.folder / STATE_FILE)

    def rehearsal(self) -> MineJournal:
        """A copy of the journal in memory, for what is only tried out. Raises JournalError."""
        return MineJournal(self.folder / STATE_FILE, rehearsal=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes from working for this Mine. Raises HomeBusyError."""
        with lock(self.folder):
            yield

    # ------------------------------------------------------------------ the end of rows

    def prune(self, name: str, *, keep: int = 1) -> list[int]:
        """Deletes a dataset's older versions, and statistics of them. As `DatasetStore.prune`."""
        gone = self.datasets.prune(name, keep=keep)
        if gone:
            self.statistics.clear()
        return gone

    def remove(self, name: str) -> None:
        """Deletes all versions of a dataset, and statistics of them. Raises DatasetMissingError."""
        self.datasets.remove(name)
        self.statistics.clear()

    # ------------------------------------------------------------------ rows at rest

    @property
    def encrypted(self) -> bool:
        """Whether rows, and statistics of them, rest under a passphrase."""
        return (self.folder / _VAULT).exists()

    def encrypt(self, passphrase: str, *, cost: int | None = None) -> int:
        """Puts all rows under a passphrase, those that come later too; cut short, it goes on where it was.

        Args:
            passphrase: not empty; the one of before, where there is one.
            cost: scrypt's n; the vault's own by default.

        Returns:
            How many versions of datasets were encrypted.

        Raises:
            VaultError: the passphrase is empty, or another one than before.
            DatasetError, OSError: a dataset cannot be read or written.
        """
        if not self.encrypted:
            key = secrets.token_bytes(_KEY_BYTES)
            vault.write(self.folder / _VAULT, key, passphrase, purpose=_PURPOSE, cost=cost or vault.COST)
        self.unlock(passphrase)
        self.statistics.delete_plain()
        return self.datasets.encrypt_all()

    def unlock(self, passphrase: str) -> None:
        """Makes encrypted rows readable for as long as this object lives. Raises VaultError."""
        key = vault.read(self.folder / _VAULT, passphrase, purpose=_PURPOSE)
        self.datasets.unlock(key)
        self.statistics.unlock(key)

    def change_passphrase(self, old: str, new: str, *, cost: int | None = None) -> None:
        """Puts the rows under another passphrase. Raises VaultError."""
        vault.change_passphrase(self.folder / _VAULT, old, new, purpose=_PURPOSE, cost=cost or vault.COST)

    # ------------------------------------------------------------------ policy

    def policy(self, tokens: Iterable[Currency] = ()) -> Policy:
        """The policy in force; one that allows nothing while there is none. Raises PolicyError."""
        path = self.folder / _POLICY
        return _read_policy(path, tokens) if path.exists() else Policy()

    def policy_and_fault(self, tokens: Iterable[Currency] = ()) -> tuple[Policy, str | None]:
        """The policy in force; where the file is broken one that allows nothing, and what is wrong with it."""
        try:
            return self.policy(tokens), None
        except PolicyError as error:
            return Policy(), one_line(error)

    def policy_text(self) -> str:
        """The policy in force as it was written; empty while there is none."""
        path = self.folder / _POLICY
        return path.read_text("utf-8") if path.exists() else ""

    def adopt(self, source: Path, tokens: Iterable[Currency] = ()) -> Policy:
        """Puts a policy file in force, after the datasets it gives a path for.

        Where something is wrong the former policy stays, and so does each dataset that was not replaced before that.

        Raises:
            PolicyError: it is no policy, names a column that is not there, or a delta protects nobody in a dataset of
                that size.
            DatasetError, RowError, ColumnError, SchemaError: a dataset that cannot be used.
        """
        policy = _read_policy(source, tokens)
        for name, origin in policy.datasets.items():
            if origin.path is None or origin.table_schema is None:
                dataset = self.datasets.get(name)
            else:
                schema = read_schema(source.parent / origin.table_schema)
                dataset = self.datasets.add(name, source.parent / origin.path, schema, replace=True)
            _check_fit(origin, name, dataset, source)
            if origin.privacy and origin.privacy.delta * dataset.rows >= 1:
                why = (
                    f"datasets.{name}.privacy.delta: {origin.privacy.delta:g} would let one of {dataset.rows} rows out"
                )
                raise PolicyError(f"{why}: choose one far below {1 / dataset.rows:.1g}", source)
        write_atomically(self.folder / _POLICY, source.read_bytes(), mode=0o600)
        return policy


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keeps other processes from working for the Mine in a folder. Raises HomeBusyError."""
    with file_lock(folder / _LOCK, busy=HomeBusyError(folder)):
        yield


def open_datasets(folder: Path) -> DatasetStore:
    """The datasets of a Mine whose state file may be lost. Raises HomeMissingError."""
    if not (folder / _DATASETS).is_dir():
        raise HomeMissingError(folder)
    return DatasetStore(folder / _DATASETS)


def _require_state(folder: Path) -> None:
    """Raises where there is no state file; an empty one would be taken for a new one, in which nothing was told."""
    path = folder / STATE_FILE
    if path.is_file() and path.stat().st_size:
        return
    raise StateLostError(path) if (folder / _DATASETS).is_dir() else HomeMissingError(folder)


def _check_fit(origin: Source, name: str, dataset: Dataset, policy: Path) -> None:
    """Raises PolicyError where the policy names columns that a dataset does not have."""
    fault = origin.consent and origin.consent.schema_objection(dataset.schema)
    if fault:
        raise PolicyError(f"datasets.{name}.consent.rows: {fault}", policy)
    for column in origin.columns.values():
        if column not in dataset.schema.names:
            raise PolicyError(f"datasets.{name}.columns: the dataset has no column {column!r}", policy)


def _read_policy(path: Path, tokens: Iterable[Currency]) -> Policy:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_POLICY + 1).decode("utf-8")
        return Policy.from_yaml(text, tokens)
    except FileNotFoundError:
        raise PolicyError("no such file", path) from None
    except UnicodeDecodeError:
        raise PolicyError("not UTF-8 text", path) from None
    except PolicyError as error:
        raise PolicyError(error.why, path) from None
