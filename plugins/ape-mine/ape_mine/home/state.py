"""The Mine's journal: one SQLite file in its home, written before each action that others can see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row

from ape_mine.errors import REMEDY, HomeMismatchError, HomeMissingError
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.submission import Submission
from ape_mine.training.noisy_releases import RELEASE_TABLE, NoisyReleases
from sonar_core.base.database import Database
from sonar_core.chain.event_log import EVENT_LOG_TABLES
from sonar_core.chain.outbox import OUTBOX_TABLE
from sonar_core.protocol.events import Event, GradientSubmitted
from sonar_core.service.blob_retention import TIDY_TABLE
from sonar_core.store.replication_backlog import BACKLOG_TABLE

#: Each migration brings a file of the version before up to date.
_MIGRATIONS = [
    f"""{EVENT_LOG_TABLES};
CREATE TABLE identity (only INTEGER PRIMARY KEY CHECK (only = 1), miner TEXT NOT NULL, sonar TEXT NOT NULL);
CREATE TABLE submission (
    bundle BLOB PRIMARY KEY, campaign BLOB NOT NULL, version INTEGER NOT NULL, commitment BLOB NOT NULL,
    sealed BLOB NOT NULL, nonce INTEGER NOT NULL, dataset TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'published', 'dropped')), tx BLOB, release BLOB
);
CREATE TABLE approval (campaign BLOB NOT NULL, dataset TEXT NOT NULL, PRIMARY KEY (campaign, dataset));
CREATE TABLE note (campaign BLOB PRIMARY KEY, verdict TEXT, reason TEXT NOT NULL, dataset TEXT NOT NULL);
CREATE TABLE gas (tx BLOB PRIMARY KEY, wei TEXT NOT NULL);
{RELEASE_TABLE};{BACKLOG_TABLE};{TIDY_TABLE};{OUTBOX_TABLE}""",
]
#: Columns of a submission that are kept when the state file is rebuilt.
_CARRIED_OVER = ("bundle", "campaign", "version", "commitment", "nonce", "dataset", "tx", "release")


@dataclass(frozen=True, slots=True)
class Owner:
    """Owner of the journal: addresses of the Miner's account and of the Sonar contract."""

    miner: str
    sonar: str


@dataclass(frozen=True, slots=True)
class Note:
    """The Mine's latest note about a Campaign, for its Miner.

    Attributes:
        campaign: id.
        verdict: the policy's; None for trouble, that is an error that may pass.
        reason: for people.
        dataset: name of the dataset that the note is about, or empty.
    """

    campaign: bytes
    verdict: PolicyVerdict | None
    reason: str
    dataset: str


class MineJournal:
    """The Mine's journal. Any number of processes may read it; one at a time runs the Mine (`Home.lock`).

    Args:
        path: of the file; created if missing.
        in_memory: works on a copy in memory, and leaves the file unchanged.

    Attributes:
        journal: the database.
        releases: the noisy statistics in it.

    Raises:
        JournalDamagedError: the file is damaged, or no journal.
        JournalError: the file cannot be used.
    """

    def __init__(self, path: Path, *, in_memory: bool = False) -> None:
        self.journal = (Database.copy_in_memory if in_memory else Database)(path, _MIGRATIONS, remedy=REMEDY)
        self.releases = NoisyReleases(self.journal, self._exact_gradients)

    def bind(self, miner: str, sonar: str) -> None:
        """Sets the owner on the first call, and compares it on later ones. Raises HomeMismatchError."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO identity VALUES (1, ?, ?)", (miner, sonar))
        kept = self.owner()
        if kept.miner != miner:
            raise HomeMismatchError(self.journal.path.parent, "the account", kept.miner, miner)
        if kept.sonar != sonar:
            raise HomeMismatchError(self.journal.path.parent, "the Sonar contract", kept.sonar, sonar)

    def owner(self) -> Owner:
        """The owner. Raises HomeMissingError if `bind` was never called."""
        row = self.journal.row("SELECT miner, sonar FROM identity")
        if row is None:
            raise HomeMissingError(self.journal.path.parent)
        return Owner(row["miner"], row["sonar"])

    # ------------------------------------------------------------------ submissions

    def prepare(self, submission: Submission) -> None:
        """Stores a submission, before anything is sent."""
        with self.journal.transaction() as connection:
            connection.execute(
                "INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?, ?, 'prepared', NULL, ?)",
                (
                    submission.bundle,
                    submission.campaign,
                    submission.version,
                    submission.commitment,
                    submission.sealed,
                    submission.nonce,
                    submission.dataset,
                    submission.release,
                ),
            )

    def sent(self, bundle: bytes, transaction: bytes) -> None:
        """Stores the hash of a submission's transaction."""
        with self.journal.transaction() as connection:
            connection.execute("UPDATE submission SET tx = ? WHERE bundle = ?", (transaction, bundle))

    def published(self, bundle: bytes) -> None:
        """Marks a submission as published, and drops its bytes, which the store has now."""
        self._finish(bundle, "published")
        with self.journal.transaction() as connection:
            connection.execute("UPDATE submission SET sealed = x'' WHERE bundle = ?", (bundle,))

    def dropped(self, bundle: bytes) -> None:
        """Marks a submission as given up. Its bytes are kept, in case its transaction is included after all."""
        self._finish(bundle, "dropped")

    def unfinished(self) -> list[Submission]:
        """Submissions that are neither published nor given up, lowest nonce first."""
        return self._submissions("prepared")

    def given_up(self) -> list[Submission]:
        """Submissions that were given up, lowest nonce first."""
        return self._submissions("dropped")

    def restore_submissions(self, events: Iterable[Event], miner: str) -> None:
        """Stores an account's submissions, as far as events tell of them: without dataset and release."""
        own = [event for event in events if isinstance(event, GradientSubmitted) and event.miner == miner]
        with self.journal.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO submission VALUES (?, ?, ?, ?, x'', ?, '', 'published', ?, NULL)",
                [
                    (event.bundle, event.campaign, event.version, event.commitment, index, event.position.transaction)
                    for index, event in enumerate(own)
                ],
            )

    def carry_over(self, former: MineJournal) -> None:
        """Copies another journal's record of what its datasets disclosed, on any chain."""
        submissions = former.journal.rows("SELECT * FROM submission")
        with self.journal.transaction() as connection:
            self.releases.copy_from(former.releases)
            connection.executemany(
                "INSERT OR IGNORE INTO submission VALUES (?, ?, ?, ?, x'', ?, ?, 'published', ?, ?)",
                [tuple(row[name] for name in _CARRIED_OVER) for row in submissions],
            )

    def transactions(self, campaign: bytes) -> list[bytes]:
        """Known hashes of the transactions that submitted the Mine's Gradients to a Campaign."""
        rows = self.journal.rows(
            "SELECT tx FROM submission WHERE campaign = ? AND tx IS NOT NULL ORDER BY nonce, rowid", (campaign,)
        )
        return [row["tx"] for row in rows]

    def gas_paid(self, transactions: Iterable[bytes], look_up: Callable[[bytes], int]) -> int:
        """Sum of the gas costs of transactions, in wei.

        Args:
            transactions: hashes of confirmed transactions.
            look_up: cost of a transaction in wei; called once per transaction, since costs are stored.
        """
        known = {row["tx"]: int(row["wei"]) for row in self.journal.rows("SELECT tx, wei FROM gas")}
        wanted = set(transactions)
        found = {transaction: look_up(transaction) for transaction in wanted - known.keys()}
        with self.journal.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO gas VALUES (?, ?)", [(tx, str(wei)) for tx, wei in found.items()]
            )
        return sum((known | found)[transaction] for transaction in wanted)

    # ------------------------------------------------------------------ approvals and notes

    def approve(self, campaign: bytes, dataset: str) -> None:
        """Stores the Miner's approval by hand of a dataset for a Campaign."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO approval VALUES (?, ?)", (campaign, dataset))

    def approved(self, campaign: bytes, dataset: str) -> bool:
        """Whether the Miner approved of a dataset for a Campaign."""
        found = self.journal.row("SELECT 1 FROM approval WHERE campaign = ? AND dataset = ?", (campaign, dataset))
        return found is not None

    def note(self, note: Note) -> bool:
        """Stores the latest note about a Campaign. Returns True if it differs from the previous note."""
        if self.latest_note(note.campaign) == note:
            return False
        with self.journal.transaction() as connection:
            verdict = note.verdict and note.verdict.value
            values = (note.campaign, verdict, note.reason, note.dataset)
            connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?, ?)", values)
        return True

    def latest_note(self, campaign: bytes) -> Note | None:
        """The latest note about a Campaign; None if there is none."""
        return next(iter(self._notes("WHERE campaign = ?", (campaign,))), None)

    def notes(self) -> list[Note]:
        """The latest note about each Campaign."""
        return self._notes()

    def clear_trouble(self, campaign: bytes) -> None:
        """Deletes a Campaign's note of trouble, which is over."""
        with self.journal.transaction() as connection:
            connection.execute("DELETE FROM note WHERE campaign = ? AND verdict IS NULL", (campaign,))

    def close(self) -> None:
        """Closes the database."""
        self.journal.close()

    @contextmanager
    def opened(self) -> Iterator[MineJournal]:
        """Closes the database at the end of a with block."""
        try:
            yield self
        finally:
            self.close()

    def _notes(self, where: str = "", arguments: tuple[object, ...] = ()) -> list[Note]:
        rows = self.journal.rows(f"SELECT * FROM note {where} ORDER BY rowid", arguments)  # noqa: S608 - constants
        return [
            Note(row["campaign"], row["verdict"] and PolicyVerdict(row["verdict"]), row["reason"], row["dataset"])
            for row in rows
        ]

    def _exact_gradients(self, datasets: Sequence[str]) -> int:
        """Number of submissions that were computed from exact statistics of these datasets."""
        marks = ", ".join("?" * len(datasets))
        row = self.journal.row(
            f"SELECT count(*) AS count FROM submission WHERE release IS NULL AND dataset IN ({marks})",  # noqa: S608 - marks
            tuple(datasets),
        )
        assert row is not None  # an aggregate has a row
        return int(row["count"])

    def _submissions(self, state: str) -> list[Submission]:
        rows = self.journal.rows("SELECT * FROM submission WHERE state = ? ORDER BY nonce, rowid", (state,))
        return [_submission(row) for row in rows]

    def _finish(self, bundle: bytes, state: str) -> None:
        with self.journal.transaction() as connection:
            connection.execute("UPDATE submission SET state = ? WHERE bundle = ?", (state, bundle))


def _submission(row: Row) -> Submission:
    return Submission(
        campaign=row["campaign"],
        version=row["version"],
        bundle=row["bundle"],
        commitment=row["commitment"],
        sealed=row["sealed"],
        nonce=row["nonce"],
        dataset=row["dataset"],
        release=row["release"],
    )
