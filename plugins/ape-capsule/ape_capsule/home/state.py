"""What the Capsule must not forget between a computation and the transaction that tells of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ape_capsule.errors import REMEDY, HomeMismatchError
from sonar_core.base.database import Database
from sonar_core.chain.event_log import EVENT_LOG_TABLES
from sonar_core.chain.outbox import OUTBOX_TABLE
from sonar_core.protocol.structs import EMPTY_BYTES32
from sonar_core.service.blob_retention import TIDY_TABLE
from sonar_core.store.replication_backlog import BACKLOG_TABLE

# Which transaction registered what is asked for each score: found by index, without a look at all that ever happened.
_CAMPAIGN, _NUMBER = "json_extract(arguments, '$.campaign.hex')", "json_extract(arguments, '$.number')"
#: The events that make a Model, and the root of its ciphertexts in whichever it is.
_MODEL_MAKERS = ("CampaignOpened", "GradientScored", "ModelRebased")
_MODEL_ROOT = """coalesce(json_extract(arguments, '$.start[3].hex'), json_extract(arguments, '$.score[3].hex'),
                          json_extract(arguments, '$.model_root.hex'))"""
_MIGRATIONS = (
    f"""{EVENT_LOG_TABLES};
CREATE TABLE prepared (campaign BLOB NOT NULL, move TEXT NOT NULL, anchor BLOB NOT NULL, arguments TEXT NOT NULL,
                       PRIMARY KEY (campaign, move, anchor)) WITHOUT ROWID;
CREATE TABLE attempt (message BLOB PRIMARY KEY, failed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE refusal (campaign BLOB NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL,
                      PRIMARY KEY (campaign, number)) WITHOUT ROWID
""",
    f"""CREATE INDEX event_of_gradient ON event ({_CAMPAIGN}, name, {_NUMBER}, block, log_index);
CREATE INDEX event_of_model ON event ({_CAMPAIGN}, {_MODEL_ROOT}, block, log_index)
""",
    f"{BACKLOG_TABLE};{TIDY_TABLE}",
    f"""{OUTBOX_TABLE};
CREATE TABLE owner (only INTEGER PRIMARY KEY CHECK (only = 1), capsule TEXT NOT NULL, sonar TEXT NOT NULL)
""",
)
#: Arguments of moves that are addresses of blobs.
_BLOBS = ("public_key", "model", "opened", "delivery")
_OLDEST_FIRST = "ORDER BY block, log_index LIMIT 1"


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

    def digest(self, name: str) -> bytes:
        """An argument that is bytes."""
        return bytes.fromhex(str(self.arguments[name]))

    def number(self, name: str) -> int:
        """An argument that is a number."""
        return int(self.arguments[name])


class CapsuleJournal:
    """The Capsule's journal.

    Args:
        path: of the file; made when missing.
        rehearsal: works on a copy in memory, which is forgotten; the file is left as it is.

    Raises:
        JournalDamagedError: no such file, or a damaged one.
        JournalError: the file cannot be used.
    """

    def __init__(self, path: Path, *, rehearsal: bool = False) -> None:
        self.journal = (Database.copy_in_memory if rehearsal else Database)(path, _MIGRATIONS, remedy=REMEDY)

    def bind(self, capsule: str, sonar: str) -> None:
        """Says whose state this is, the first time, and checks it ever after. Raises HomeMismatchError."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO owner VALUES (1, ?, ?)", (capsule, sonar))
        (kept,) = self.journal.rows("SELECT capsule, sonar FROM owner")
        for what, name, given in (("the account", "capsule", capsule), ("the Sonar contract", "sonar", sonar)):
            if kept[name] != given:
                raise HomeMismatchError(self.journal.path, what, kept[name], given)

    def close(self) -> None:
        """Closes the journal."""
        self.journal.close()

    # ------------------------------------------------------------------ moves

    def prepare(self, campaign: bytes, move: str, anchor: bytes, **arguments: bytes | int | str) -> Prepared:
        """Keeps a move, durably: from now on it is this one that is sent, however often."""
        plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in arguments.items()}
        with self.journal.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO prepared VALUES (?, ?, ?, ?)", (campaign, move, anchor, json.dumps(plain))
            )
        return Prepared(campaign, move, anchor, plain)

    def prepared(self, campaign: bytes, move: str, anchor: bytes) -> Prepared | None:
        """The move that answers `anchor`, if it was prepared before."""
        row = self.journal.row(
            "SELECT arguments FROM prepared WHERE campaign = ? AND move = ? AND anchor = ?", (campaign, move, anchor)
        )
        return Prepared(campaign, move, anchor, json.loads(row["arguments"])) if row else None

    def published(self, campaign: bytes) -> set[bytes]:
        """Addresses of all blobs that moves of a Campaign put into the store, sent or not."""
        rows = self.journal.rows("SELECT arguments FROM prepared WHERE campaign = ?", (campaign,))
        moves = [json.loads(row["arguments"]) for row in rows]
        return {bytes.fromhex(move[name]) for move in moves for name in _BLOBS if name in move} - {EMPTY_BYTES32}

    def note_refusal(self, campaign: bytes, number: int, reason: str) -> None:
        """Why a Gradient was rejected, for the Capsule's own log."""
        with self.journal.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO refusal VALUES (?, ?, ?)", (campaign, number, reason))

    def refusals(self, campaign: bytes) -> dict[int, str]:
        """Reasons by Gradient."""
        rows = self.journal.rows("SELECT number, reason FROM refusal WHERE campaign = ?", (campaign,))
        return {int(row["number"]): str(row["reason"]) for row in rows}

    def count_attempt(self, message: bytes) -> int:
        """Notes that opening a sealed message (by its address) failed once more; how often it has by now."""
        with self.journal.transaction() as connection:
            connection.execute(
                "INSERT INTO attempt VALUES (?, 1) ON CONFLICT (message) DO UPDATE SET failed = failed + 1", (message,)
            )
            row = self.journal.row("SELECT failed FROM attempt WHERE message = ?", (message,))
        return int(row["failed"]) if row else 0

    # ------------------------------------------------------------------ who registered what

    def submission_of(self, campaign: bytes, number: int) -> bytes:
        """Hash of the transaction that submitted a Gradient; zeros where no confirmed one did."""
        where = f"{_CAMPAIGN} = ? AND name = 'GradientSubmitted' AND {_NUMBER} = ?"
        return self._transaction("event_of_gradient", where, (campaign.hex(), number))

    def maker_of(self, campaign: bytes, model_root: bytes) -> bytes:
        """Hash of the transaction that made a Model count; zeros where no confirmed one did.

        A score without improvement names the root that it leaves in force: the first event with a root made it.
        """
        where = f"{_CAMPAIGN} = ? AND {_MODEL_ROOT} = ? AND name IN {_MODEL_MAKERS}"
        return self._transaction("event_of_model", where, (campaign.hex(), model_root.hex()))

    def _transaction(self, index: str, where: str, arguments: tuple[object, ...]) -> bytes:
        query = f"SELECT tx FROM event INDEXED BY {index} WHERE {where} {_OLDEST_FIRST}"  # noqa: S608  constants
        row = self.journal.row(query, arguments)
        return bytes(row["tx"]) if row else EMPTY_BYTES32
