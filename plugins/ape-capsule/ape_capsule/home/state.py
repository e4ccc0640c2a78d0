"""The Capsule's journal: what it must not forget between a computation and the transaction that reports it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from ape_capsule.errors import REMEDY, HomeMismatchError
from ape_capsule.home.prepared_moves import MOVE_KINDS, PreparedMove, from_json, to_json
from sonar_core.base.database import Database
from sonar_core.chain.event_log import EVENT_LOG_TABLES
from sonar_core.chain.outbox import OUTBOX_TABLE
from sonar_core.protocol.structs import EMPTY_BYTES32
from sonar_core.service.blob_retention import TIDY_TABLE
from sonar_core.store.replication_backlog import BACKLOG_TABLE

# Each score asks which transaction registered its ciphertexts. These indexes answer without a scan of all events.
_CAMPAIGN, _NUMBER = "json_extract(arguments, '$.campaign.hex')", "json_extract(arguments, '$.number')"
#: The events that register a Model, and the root of its ciphertexts in whichever event it is.
_MODEL_EVENTS = ("CampaignOpened", "GradientScored", "ModelRebased")
_MODEL_ROOT = """coalesce(json_extract(arguments, '$.start.model_root.hex'),
                          json_extract(arguments, '$.score.model_root.hex'),
                          json_extract(arguments, '$.model_root.hex'))"""
_MIGRATIONS = (
    f"""{EVENT_LOG_TABLES};
CREATE TABLE prepared (campaign BLOB NOT NULL, move TEXT NOT NULL, anchor BLOB NOT NULL, arguments TEXT NOT NULL,
                       PRIMARY KEY (campaign, move, anchor)) WITHOUT ROWID;
CREATE TABLE attempt (message BLOB PRIMARY KEY, failed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE refusal (campaign BLOB NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL,
                      PRIMARY KEY (campaign, number)) WITHOUT ROWID
""",
    f"CREATE INDEX event_of_gradient ON event ({_CAMPAIGN}, name, {_NUMBER}, block, log_index)",
    f"{BACKLOG_TABLE};{TIDY_TABLE}",
    f"""{OUTBOX_TABLE};
CREATE TABLE owner (only INTEGER PRIMARY KEY CHECK (only = 1), capsule TEXT NOT NULL, sonar TEXT NOT NULL)
""",
    # Events keep structs by field name since this version: a journal of before reads the chain once more.
    f"""DELETE FROM prepared; DELETE FROM event; DELETE FROM follower;
DROP INDEX IF EXISTS event_of_model;
CREATE INDEX event_of_model ON event ({_CAMPAIGN}, {_MODEL_ROOT}, block, log_index)
""",  # noqa: S608 - constants
)
_OLDEST_FIRST = "ORDER BY block, log_index LIMIT 1"
_Move = TypeVar("_Move", bound=PreparedMove)


class CapsuleJournal:
    """The file `state.sqlite` in a Capsule's home.

    Args:
        path: of the file; it is made if it is missing.
        rehearsal: works on a copy in memory and leaves the file as it is.

    Attributes:
        database: the file, for the tables that others keep in it (events, outbox, backlog).

    Raises:
        JournalDamagedError: `path` is no such file, or a damaged one.
        JournalError: the file cannot be used.
    """

    def __init__(self, path: Path, *, rehearsal: bool = False) -> None:
        self.database = (Database.copy_in_memory if rehearsal else Database)(path, _MIGRATIONS, remedy=REMEDY)

    def bind(self, capsule: str, sonar: str) -> None:
        """Records whose journal this is on the first call; later calls check it. Raises HomeMismatchError."""
        with self.database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO owner VALUES (1, ?, ?)", (capsule, sonar))
        (kept,) = self.database.rows("SELECT capsule, sonar FROM owner")
        for what, name, given in (("the account", "capsule", capsule), ("the Sonar contract", "sonar", sonar)):
            if kept[name] != given:
                raise HomeMismatchError(self.database.path, what, kept[name], given)

    def close(self) -> None:
        """Closes the file."""
        self.database.close()

    # ------------------------------------------------------------------ moves

    def prepare(self, campaign: bytes, anchor: bytes, move: PreparedMove) -> None:
        """Keeps a move durably: from now on this one is sent.

        Args:
            campaign: id.
            anchor: 32 bytes of what the move answers; it fits nothing else.
            move: whose blobs are published.
        """
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO prepared VALUES (?, ?, ?, ?)", (campaign, move.kind, anchor, to_json(move))
            )

    def prepared(self, campaign: bytes, anchor: bytes, kind: type[_Move]) -> _Move | None:
        """The move of a kind that was prepared for `anchor`, if any."""
        row = self.database.row(
            "SELECT arguments FROM prepared WHERE campaign = ? AND move = ? AND anchor = ?",
            (campaign, kind.kind, anchor),
        )
        return from_json(kind, row["arguments"]) if row else None

    def published(self, campaign: bytes) -> set[bytes]:
        """Addresses of all blobs that moves of a Campaign put into the store, whether they were sent or not."""
        rows = self.database.rows("SELECT move, arguments FROM prepared WHERE campaign = ?", (campaign,))
        moves = (from_json(MOVE_KINDS[row["move"]], row["arguments"]) for row in rows)
        return {address for move in moves for address in move.blobs} - {EMPTY_BYTES32}

    def note_refusal(self, campaign: bytes, number: int, reason: str) -> None:
        """Keeps why a Gradient was rejected, for the Capsule's own log."""
        with self.database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO refusal VALUES (?, ?, ?)", (campaign, number, reason))

    def refusals(self, campaign: bytes) -> dict[int, str]:
        """Reasons of the rejections, by the Gradient's number."""
        rows = self.database.rows("SELECT number, reason FROM refusal WHERE campaign = ?", (campaign,))
        return {int(row["number"]): str(row["reason"]) for row in rows}

    def count_attempt(self, message: bytes) -> int:
        """Counts one more failure to unseal a message (by its address); returns how many there were."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO attempt VALUES (?, 1) ON CONFLICT (message) DO UPDATE SET failed = failed + 1", (message,)
            )
            row = self.database.row("SELECT failed FROM attempt WHERE message = ?", (message,))
        return int(row["failed"]) if row else 0

    # ------------------------------------------------------------------ registered ciphertexts

    def submission_of(self, campaign: bytes, number: int) -> bytes:
        """Hash of the transaction that submitted a Gradient; zeros if no confirmed one did."""
        where = f"{_CAMPAIGN} = ? AND name = 'GradientSubmitted' AND {_NUMBER} = ?"
        return self._transaction("event_of_gradient", where, (campaign.hex(), number))

    def maker_of(self, campaign: bytes, model_root: bytes) -> bytes:
        """Hash of the transaction that registered a Model; zeros if no confirmed one did.

        A score without an improvement repeats the root in force, so the first event with a root registered it.
        """
        where = f"{_CAMPAIGN} = ? AND {_MODEL_ROOT} = ? AND name IN {_MODEL_EVENTS}"
        return self._transaction("event_of_model", where, (campaign.hex(), model_root.hex()))

    def _transaction(self, index: str, where: str, arguments: tuple[object, ...]) -> bytes:
        query = f"SELECT tx FROM event INDEXED BY {index} WHERE {where} {_OLDEST_FIRST}"  # noqa: S608  constants
        row = self.database.row(query, arguments)
        return bytes(row["tx"]) if row else EMPTY_BYTES32
