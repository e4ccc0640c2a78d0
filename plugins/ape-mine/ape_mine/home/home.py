"""A Mine's home: a folder that only its user can read, with datasets, policy, statistics and state."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ape_mine.datasets.dataset import Dataset
from ape_mine.datasets.schema_file import read_schema
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import DatasetError, HomeBusyError, HomeMissingError, PolicyError, StateLostError
from ape_mine.home.state import MineJournal
from ape_mine.policy.document import LARGEST_POLICY, Policy, Source
from ape_mine.training.statistics_cache import StatisticsCache
from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.errors import did_you_mean, one_line
from sonar_core.base.file_lock import file_lock
from sonar_core.crypto import vault
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.units import Currency

_POLICY, STATE_FILE, _LOCK, _VAULT, _DATASETS = "policy.yaml", "state.sqlite", "lock", "rows.vault", "datasets"
#: Purpose stated in the vault file.
_PURPOSE = "sonar-mine-rows/1"
_KEY_BYTES = 32


class Home:
    """The folder of a Mine, made by `create`.

    Attributes:
        folder: its path.
        datasets, statistics: its content.

    Raises:
        HomeMissingError: the folder holds no Mine.
        StateLostError: the state file is missing.
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
        """Creates the home of an account's Mine for one Sonar contract; does nothing if it exists.

        Raises:
            HomeMismatchError: the folder belongs to another account or contract.
            StateLostError: the folder holds datasets, but its state file is missing.
            JournalError, OSError: the folder cannot be used.
        """
        if (folder / _DATASETS).is_dir():
            _require_state(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with MineJournal(folder / STATE_FILE).opened() as state:
            state.bind(miner, sonar)
        return cls(folder)

    def state(self) -> MineJournal:
        """Opens the journal. Raises JournalError."""
        return MineJournal(self.folder / STATE_FILE)

    def state_copy(self) -> MineJournal:
        """A copy of the journal in memory, for a dry run. Raises JournalError."""
        return MineJournal(self.folder / STATE_FILE, in_memory=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Excludes other processes from running this Mine. Raises HomeBusyError."""
        with lock(self.folder):
            yield

    # ------------------------------------------------------------------ deletion

    def prune(self, name: str, *, keep: int = 1) -> list[int]:
        """Deletes the rows of a dataset's older versions, and their statistics. As `DatasetStore.prune`."""
        deleted = self.datasets.prune(name, keep=keep)
        if deleted:
            self.statistics.clear()
        return deleted

    def remove(self, name: str) -> None:
        """Deletes the rows of all versions of a dataset, and their statistics. Raises DatasetMissingError."""
        self.datasets.remove(name)
        self.statistics.clear()

    # ------------------------------------------------------------------ encryption

    @property
    def encrypted(self) -> bool:
        """Whether rows and statistics are stored encrypted under a passphrase."""
        return (self.folder / _VAULT).exists()

    def encrypt(self, passphrase: str, *, cost: int | None = None) -> int:
        """Encrypts all rows under a passphrase, later ones included. A repeated call completes an interrupted one.

        Args:
            passphrase: not empty; the existing one if rows are encrypted already.
            cost: scrypt's n; the vault's default if None.

        Returns:
            Number of versions that were encrypted.

        Raises:
            VaultError: the passphrase is empty, or not the existing one.
            DatasetError, OSError: a dataset cannot be read or written.
        """
        if not self.encrypted:
            key = secrets.token_bytes(_KEY_BYTES)
            vault.write(self.folder / _VAULT, key, passphrase, purpose=_PURPOSE, cost=cost or vault.COST)
        self.unlock(passphrase)
        self.statistics.delete_plain()
        return self.datasets.encrypt_all()

    def unlock(self, passphrase: str) -> None:
        """Makes encrypted rows readable through this object. Raises VaultError."""
        key = vault.read(self.folder / _VAULT, passphrase, purpose=_PURPOSE)
        self.datasets.unlock(key)
        self.statistics.unlock(key)

    def change_passphrase(self, old: str, new: str, *, cost: int | None = None) -> None:
        """Changes the passphrase of encrypted rows. Raises VaultError."""
        vault.change_passphrase(self.folder / _VAULT, old, new, purpose=_PURPOSE, cost=cost or vault.COST)

    # ------------------------------------------------------------------ policy

    def policy(self, tokens: Iterable[Currency] = ()) -> Policy:
        """The policy in force; an empty one, which allows nothing, if none was adopted. Raises PolicyError."""
        path = self.folder / _POLICY
        return _read_policy(path, tokens) if path.exists() else Policy()

    def policy_or_error(self, tokens: Iterable[Currency] = ()) -> tuple[Policy, str | None]:
        """The policy in force and None; for an invalid file, an empty policy and the error message."""
        try:
            return self.policy(tokens), None
        except PolicyError as error:
            return Policy(), one_line(error)

    def schemas(self, policy: Policy) -> dict[str, TableSchema]:
        """Schemas of a policy's datasets, by name; datasets that are missing or damaged are left out."""
        found = {}
        for name in policy.datasets:
            with suppress(DatasetError):
                found[name] = self.datasets.get(name).schema
        return found

    def policy_text(self) -> str:
        """Text of the policy in force; empty if none was adopted."""
        path = self.folder / _POLICY
        return path.read_text("utf-8") if path.exists() else ""

    def adopt(self, file: Path, tokens: Iterable[Currency] = ()) -> Policy:
        """Imports the datasets that a policy file gives paths for, then puts the policy in force.

        After an error the former policy stays in force; datasets that were imported before the error stay.

        Raises:
            PolicyError: an invalid policy, an unknown column, or a delta that is too large for a dataset's size.
            DatasetError, RowError, ColumnError, SchemaError: a dataset cannot be imported.
        """
        policy = _read_policy(file, tokens)
        for name, source in policy.datasets.items():
            if source.path is None or source.table_schema is None:
                dataset = self.datasets.get(name)
            else:
                schema = read_schema(file.parent / source.table_schema)
                dataset = self.datasets.add(name, file.parent / source.path, schema, replace=True)
            _check_fit(source, name, dataset, file)
            if source.privacy and source.privacy.delta * dataset.rows >= 1:
                why = f"datasets.{name}.privacy.delta: {source.privacy.delta:g} may disclose one of {dataset.rows} rows"
                raise PolicyError(f"{why}: choose one far below {1 / dataset.rows:.1g}", file)
        write_atomically(self.folder / _POLICY, file.read_bytes(), mode=0o600)
        return policy


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Excludes other processes from running the Mine in a folder. Raises HomeBusyError."""
    with file_lock(folder / _LOCK, busy=HomeBusyError(folder)):
        yield


def open_datasets(folder: Path) -> DatasetStore:
    """Datasets of a Mine whose state file may be missing. Raises HomeMissingError."""
    if not (folder / _DATASETS).is_dir():
        raise HomeMissingError(folder)
    return DatasetStore(folder / _DATASETS)


def _require_state(folder: Path) -> None:
    """Raises if the state file is missing. An empty one counts as missing: its record of disclosures would be empty."""
    path = folder / STATE_FILE
    if path.is_file() and path.stat().st_size:
        return
    raise StateLostError(path) if (folder / _DATASETS).is_dir() else HomeMissingError(folder)


def _check_fit(source: Source, name: str, dataset: Dataset, policy: Path) -> None:
    """Raises PolicyError if consent or renamed columns do not fit the dataset's schema."""
    objection = source.consent and source.consent.schema_objection(dataset.schema)
    if objection:
        raise PolicyError(f"datasets.{name}.consent.rows: {objection}", policy)
    for column in source.columns.values():
        if column not in dataset.schema.names:
            hint = did_you_mean(column, dataset.schema.names)
            raise PolicyError(f"datasets.{name}.columns: the dataset has no column {column!r}{hint}", policy)


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
