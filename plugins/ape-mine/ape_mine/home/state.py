"""What a Mine must not forget: one SQLite file in its home, written before each step that shows outside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
from sonar_core.service.blob_retention import TIDY_TABLE
from sonar_core.store.replication_backlog import BACKLOG_TABLE

#: The first made a home of the first version; each that follows brings one up to date.
MIGRATIONS = [
    f"""{EVENT_LOG_TABLES};
CREATE TABLE identity (only INTEGER PRIMARY KEY CHECK (only = 1), miner TEXT NOT NULL, sonar TEXT NOT NULL);
CREATE TABLE submission (
    bundle BLOB PRIMARY KEY, campaign BLOB NOT NULL, version INTEGER NOT NULL, commitment BLOB NOT NULL,
    sealed BLOB NOT NULL, nonce INTEGER NOT NULL, dataset TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'published', 'dropped')), tx BLOB
);
CREATE TABLE approval (campaign BLOB NOT NULL, dataset TEXT NOT NULL, PRIMARY KEY (campaign, dataset));
CREATE TABLE note (campaign BLOB PRIMARY KEY, verdict TEXT, reason TEXT NOT NULL, dataset TEXT NOT NULL)
""",
    f"ALTER TABLE submission ADD COLUMN release BLOB; {RELEASE_TABLE}",
    f"{BACKLOG_TABLE};{TIDY_TABLE}",
    OUTBOX_TABLE,
]

#: Of a submission, what tells how much its dataset has told, and what else is not secret.
_TOLD = ("bundle", "campaign", "version", "commitment", "nonce", "dataset", "tx", "release")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose state this is: the Miner's account, and the Sonar contract. Addresses."""

    miner: str
    sonar: str


@dataclass(frozen=True, slots=True)
class Note:
    """What the Mine last made of a Campaign, for its Miner to read.

    Attributes:
        campaign: id.
        verdict: the policy's; None where something else stood in the way.
        reason: in words.
        dataset: name of the dataset it is about, or empty.
    """

    campaign: bytes
    verdict: PolicyVerdict | None
    reason: str
    dataset: str


class MineJournal:
    """The Mine's journal. Any number of processes may read it; one at a time works (`Home.lock`).

    Args:
        path: of the file; made when missing.
        rehearsal: works on a copy in memory, which is forgotten; the file is left as it is.

    Attributes:
        journal: the file.
        releases: the noisy statistics in it.

    Raises:
        JournalDamagedError: not such a file, or a damaged one.
        JournalError: it cannot be used.
    """

    def __init__(self, path: Path, *, rehearsal: bool = False) -> None:
        self.journal = (Database.copy_in_memory if rehearsal else Database)(path, MIGRATIONS, remedy=REMEDY)
        self.releases = NoisyReleases(self.journal, self._exact_gradients)

    def bind(self, miner: str, sonar: str) -> None:
        """Says whose state this is, the first time, and checks it ever after. Raises HomeMismatchError."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO identity VALUES (1, ?, ?)", (miner, sonar))
        kept = self.owner()
        if kept.miner != miner:
            raise HomeMismatchError(self.journal.path.parent, "the account", kept.miner, miner)
        if kept.sonar != sonar:
            raise HomeMismatchError(self.journal.path.parent, "the Sonar contract", kept.sonar, sonar)

    def owner(self) -> Owner:
        """Whose state this is. Raises HomeMissingError where `bind` was never called."""
        row = self.journal.row("SELECT miner, sonar FROM identity")
        if row is None:
            raise HomeMissingError(self.journal.path.parent)
        return Owner(row["miner"], row["sonar"])

    # ------------------------------------------------------------------ submissions

    def prepare(self, submission: Submission) -> None:
        """Writes a submission down, before anything is sent."""
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
        """Notes the hash of the transaction that took a submission."""
        with self.journal.transaction() as connection:
            connection.execute("UPDATE submission SET tx = ? WHERE bundle = ?", (transaction, bundle))

    def published(self, bundle: bytes) -> None:
        """Notes that the blob is out; its bytes are the store's matter from now on."""
        self._finish(bundle, "published")
        with self.journal.transaction() as connection:
            connection.execute("UPDATE submission SET sealed = x'' WHERE bundle = ?", (bundle,))

    def dropped(self, bundle: bytes) -> None:
        """Notes that the transaction will not be; should it stand on chain one day, the blob is still there."""
        self._finish(bundle, "dropped")

    def unfinished(self) -> list[Submission]:
        """Submissions that are neither published nor dropped, oldest nonce first."""
        rows = self.journal.rows("SELECT * FROM submission WHERE state = 'prepared' ORDER BY nonce, rowid")
        return [_submission(row) for row in rows]

    def dropped_ones(self) -> list[Submission]:
        """Submissions that were given up."""
        rows = self.journal.rows("SELECT * FROM submission WHERE state = 'dropped' ORDER BY nonce, rowid")
        return [_submission(row) for row in rows]

    def find_submissions(self, miner: str) -> None:
        """Writes down which transactions submitted an account's Gradients, off the events that were read."""
        rows = self.journal.rows("SELECT * FROM event WHERE name = 'GradientSubmitted' ORDER BY block, log_index")
        told = [(row["tx"], json.loads(row["arguments"])) for row in rows]
        own = [(transaction, said) for transaction, said in told if said["miner"] == miner]
        with self.journal.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO submission VALUES (?, ?, ?, ?, x'', ?, '', 'published', ?, NULL)",
                [
                    (
                        *map(_hex, (said["bundle"], said["campaign"])),
                        said["version"],
                        _hex(said["commitment"]),
                        place,
                        tx,
                    )
                    for place, (tx, said) in enumerate(own)
                ],
            )

    def carry_over(self, former: MineJournal) -> None:
        """Takes over what another state file knows of what its datasets have told, on whichever chain that was."""
        told = former.journal.rows("SELECT * FROM submission")
        with self.journal.transaction() as connection:
            self.releases.copy_from(former.releases)
            connection.executemany(
                "INSERT OR IGNORE INTO submission VALUES (?, ?, ?, ?, x'', ?, ?, 'published', ?, ?)",
                [tuple(row[name] for name in _TOLD) for row in told],
            )

    def transactions(self, campaign: bytes) -> list[bytes]:
        """Hashes of the transactions that took the Mine's submissions to a Campaign, as far as they are known."""
        rows = self.journal.rows(
            "SELECT tx FROM submission WHERE campaign = ? AND tx IS NOT NULL ORDER BY nonce, rowid", (campaign,)
        )
        return [row["tx"] for row in rows]

    # ------------------------------------------------------------------ the Miner's own words, and for the Miner

    def approve(self, campaign: bytes, dataset: str) -> None:
        """The Miner approves by hand of training on a dataset for a Campaign."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO approval VALUES (?, ?)", (campaign, dataset))

    def approved(self, campaign: bytes, dataset: str) -> bool:
        """Whether the Miner did."""
        found = self.journal.row("SELECT 1 FROM approval WHERE campaign = ? AND dataset = ?", (campaign, dataset))
        return found is not None

    def note(self, note: Note) -> bool:
        """Keeps the newest word on a Campaign; whether it is another one than before."""
        if self._notes("WHERE campaign = ?", (note.campaign,)) == [note]:
            return False
        with self.journal.transaction() as connection:
            verdict = note.verdict and note.verdict.value
            values = (note.campaign, verdict, note.reason, note.dataset)
            connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?, ?)", values)
        return True

    def notes(self) -> list[Note]:
        """The newest word on each Campaign."""
        return self._notes()

    def close(self) -> None:
        """Closes the file."""
        self.journal.close()

    @contextmanager
    def opened(self) -> Iterator[MineJournal]:
        """Closes the file at the end of a block."""
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

    def _finish(self, bundle: bytes, state: str) -> None:
        with self.journal.transaction() as connection:
            connection.execute("UPDATE submission SET state = ? WHERE bundle = ?", (state, bundle))


def _hex(argument: dict[str, str]) -> bytes:
    return bytes.fromhex(argument["hex"])


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
