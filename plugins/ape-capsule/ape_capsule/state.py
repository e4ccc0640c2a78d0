"""What the Capsule must not forget between a computation and the transaction that tells of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ape_sonar.chronicle import CHRONICLE_TABLES
from ape_sonar.journal import Journal

_MIGRATIONS = (
    f"""{CHRONICLE_TABLES};
CREATE TABLE prepared (campaign BLOB NOT NULL, move TEXT NOT NULL, anchor BLOB NOT NULL, arguments TEXT NOT NULL,
                       PRIMARY KEY (campaign, move)) WITHOUT ROWID;
CREATE TABLE refusal (campaign BLOB NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL,
                      PRIMARY KEY (campaign, number)) WITHOUT ROWID
""",
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A move whose blobs are published and whose transaction may or may not be sent.

    Attributes:
        campaign: id.
        move: "open", "score", "reject", "rebase" or "deliver".
        anchor: 32 bytes of what it answers: it is of no use for anything else.
        arguments: of the transaction, bytes as hex, by name.
    """

    campaign: bytes
    move: str
    anchor: bytes
    arguments: dict[str, int | str]


class State:
    """The Capsule's journal.

    Raises:
        JournalError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path, _MIGRATIONS)

    def prepare(self, prepared: Prepared) -> None:
        """Keeps a move; it takes the place of an older one of its kind."""
        row = (prepared.campaign, prepared.move, prepared.anchor, json.dumps(prepared.arguments))
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO prepared VALUES (?, ?, ?, ?)", row)

    def prepared(self, campaign: bytes, move: str, anchor: bytes) -> Prepared | None:
        """The move that answers `anchor`, if it was prepared before."""
        row = self.journal.row(
            "SELECT arguments FROM prepared WHERE campaign = ? AND move = ? AND anchor = ?", (campaign, move, anchor)
        )
        return Prepared(campaign, move, anchor, json.loads(row["arguments"])) if row else None

    def note_refusal(self, campaign: bytes, number: int, reason: str) -> None:
        """Why a Gradient was rejected, for the Capsule's own log."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO refusal VALUES (?, ?, ?)", (campaign, number, reason))

    def refusals(self, campaign: bytes) -> dict[int, str]:
        """Reasons by Gradient."""
        rows = self.journal.rows("SELECT number, reason FROM refusal WHERE campaign = ?", (campaign,))
        return {int(row["number"]): str(row["reason"]) for row in rows}

    def transaction_of(self, campaign: bytes, event: str, **arguments: int) -> bytes:
        """Hash of the newest transaction that emitted such an event; 32 zero bytes where none is on record."""
        like = f"%{campaign.hex()}%"
        rows = self.journal.rows(
            "SELECT tx, arguments FROM event WHERE name = ? AND arguments LIKE ? ORDER BY block DESC, log_index DESC",
            (event, like),
        )
        for row in rows:
            found = json.loads(row["arguments"])
            if all(found.get(name) == value for name, value in arguments.items()):
                return bytes(row["tx"])
        return bytes(32)

    def close(self) -> None:
        """Closes the journal."""
        self.journal.close()
