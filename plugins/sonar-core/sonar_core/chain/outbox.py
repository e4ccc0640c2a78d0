"""Outbox of one account: every transaction is written here before it is broadcast, and kept until it is confirmed.

A chain takes one transaction per nonce. With the nonce on record, a call can be sent again (with higher gas fees, or
after a node has forgotten it) without ever becoming a second transaction beside the first.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from sqlite3 import Row

from sonar_core.base.database import Database
from sonar_core.chain.gas_fees import GasFees

#: Table of an outbox; part of its owner's migrations. Wei are text, because they exceed SQLite's integers.
OUTBOX_TABLE = """CREATE TABLE offer (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, hash BLOB NOT NULL, destination TEXT NOT NULL, data BLOB NOT NULL,
    value TEXT NOT NULL, gas INTEGER NOT NULL, most TEXT, tip TEXT, PRIMARY KEY (account, nonce, hash)
)"""


@dataclass(frozen=True, slots=True)
class Call:
    """Receiver, data and value (wei) of a transaction."""

    to: str
    data: bytes
    value: int


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction.

    Attributes:
        nonce: its number among the account's transactions.
        hash: 32 bytes.
        call: receiver, data and value.
        gas: gas limit.
        fees: gas fees; None on a chain without EIP-1559.
    """

    nonce: int
    hash: bytes
    call: Call
    gas: int
    fees: GasFees | None


class Outbox:
    """Signed transactions of one account, each kept until its nonce has its confirmations.

    Args:
        journal: its migrations include OUTBOX_TABLE.
        account: address.
    """

    def __init__(self, journal: Database, account: str) -> None:
        self._journal, self._account = journal, account

    def note(self, offer: SignedTransaction) -> None:
        """Writes a transaction durably. Raises JournalError: then it must not be sent."""
        fees = (str(offer.fees.most), str(offer.fees.tip)) if offer.fees else (None, None)
        call = offer.call
        what = (offer.nonce, offer.hash, call.to, call.data, str(call.value), offer.gas, *fees)
        with self._journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO offer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (self._account, *what))

    def withdraw(self, offer: SignedTransaction) -> None:
        """Deletes a transaction that no node took."""
        with self._journal.transaction() as connection:
            connection.execute(
                "DELETE FROM offer WHERE account = ? AND nonce = ? AND hash = ?",
                (self._account, offer.nonce, offer.hash),
            )

    def forget_below(self, nonce: int) -> None:
        """Deletes the transactions of all lower nonces."""
        if not any(kept < nonce for kept in self.nonces()):
            return
        with self._journal.transaction() as connection:
            connection.execute("DELETE FROM offer WHERE account = ? AND nonce < ?", (self._account, nonce))

    def nonces(self) -> list[int]:
        """Nonces with at least one transaction, in ascending order."""
        rows = self._journal.rows("SELECT DISTINCT nonce FROM offer WHERE account = ? ORDER BY nonce", (self._account,))
        return [int(row["nonce"]) for row in rows]

    def offers(self, nonce: int) -> list[SignedTransaction]:
        """Transactions of a nonce, oldest first."""
        rows = self._journal.rows(
            "SELECT * FROM offer WHERE account = ? AND nonce = ? ORDER BY rowid", (self._account, nonce)
        )
        return [_offer(row) for row in rows]


def _offer(row: Row) -> SignedTransaction:
    fees = None if row["most"] is None else GasFees(int(row["most"]), int(row["tip"]))
    call = Call(row["destination"], row["data"], int(row["value"]))
    return SignedTransaction(row["nonce"], row["hash"], call, row["gas"], fees)


class NonceAction(Enum):
    """The step that an account's nonces need before a new transaction is sent."""

    NONE = "none"
    WAIT = "wait"
    RAISE = "raise"
    FILL_GAP = "fill gap"


def next_nonce_action(written: Collection[int], *, mined: int, pending: int) -> tuple[NonceAction, int]:
    """The first step that is needed, and its nonce. Pure.

    Args:
        written: nonces of the outbox, and those reserved for transactions that are not sent yet.
        mined: the account's transactions in blocks.
        pending: the same, with those that follow without a gap in the node's pool.

    The outbox's next transaction is pending:

    >>> next_nonce_action([7], mined=7, pending=8)
    (<NonceAction.RAISE: 'raise'>, 7)

    The node has forgotten it. The next transaction will take its nonce:

    >>> next_nonce_action([7], mined=7, pending=7)
    (<NonceAction.NONE: 'none'>, 7)

    A gap below it would keep it pending for ever:

    >>> next_nonce_action([8], mined=7, pending=7)
    (<NonceAction.FILL_GAP: 'fill gap'>, 7)
    """
    ahead = sorted(nonce for nonce in written if nonce >= mined)
    if pending > mined:
        # A pending transaction that is not in the outbox is another wallet's.
        return (NonceAction.RAISE if ahead and ahead[0] == mined else NonceAction.WAIT), mined
    return (NonceAction.FILL_GAP if ahead and ahead[-1] > mined else NonceAction.NONE), mined
