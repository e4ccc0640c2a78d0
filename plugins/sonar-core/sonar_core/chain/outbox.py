"""What an account's service has sent, in its journal before it is out: a restart knows what waits, and what it offered.

A chain takes one transaction of a nonce. So what is written down here by nonce is all that it takes to send the same
step again, with higher fees or after a node has forgotten it, and never as a second transaction beside the first.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from sqlite3 import Row

from sonar_core.base.database import Database
from sonar_core.chain.gas_fees import GasFees

#: What a journal needs for an outbox; goes into its owner's migrations. Wei are text: they outgrow SQLite's integers.
OUTBOX_TABLE = """CREATE TABLE offer (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, hash BLOB NOT NULL, destination TEXT NOT NULL, data BLOB NOT NULL,
    value TEXT NOT NULL, gas INTEGER NOT NULL, most TEXT, tip TEXT, PRIMARY KEY (account, nonce, hash)
)"""


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does: its receiver, its data, and the wei that go with it."""

    to: str
    data: bytes
    value: int


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """One transaction, signed: of all those with one nonce a chain takes one.

    Attributes:
        nonce: its number.
        hash: 32 bytes.
        call: what it does.
        gas: its limit.
        fees: what it pays; None on a chain without EIP-1559.
    """

    nonce: int
    hash: bytes
    call: Call
    gas: int
    fees: GasFees | None


class Outbox:
    """The offers of one account, each kept until its nonce has its confirmations.

    Args:
        journal: its migrations include OUTBOX_TABLE.
        account: address.
    """

    def __init__(self, journal: Database, account: str) -> None:
        self._journal, self._account = journal, account

    def note(self, offer: SignedTransaction) -> None:
        """Writes an offer down, durably. Raises JournalError: then it must not be sent."""
        fees = (str(offer.fees.most), str(offer.fees.tip)) if offer.fees else (None, None)
        call = offer.call
        what = (offer.nonce, offer.hash, call.to, call.data, str(call.value), offer.gas, *fees)
        with self._journal.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO offer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (self._account, *what))

    def withdraw(self, offer: SignedTransaction) -> None:
        """Forgets an offer that no node took."""
        with self._journal.transaction() as connection:
            connection.execute(
                "DELETE FROM offer WHERE account = ? AND nonce = ? AND hash = ?",
                (self._account, offer.nonce, offer.hash),
            )

    def forget_below(self, nonce: int) -> None:
        """Forgets the offers of nonces that have their confirmations."""
        if not any(kept < nonce for kept in self.nonces()):
            return
        with self._journal.transaction() as connection:
            connection.execute("DELETE FROM offer WHERE account = ? AND nonce < ?", (self._account, nonce))

    def nonces(self) -> list[int]:
        """Nonces of which something is kept, in order."""
        rows = self._journal.rows("SELECT DISTINCT nonce FROM offer WHERE account = ? ORDER BY nonce", (self._account,))
        return [int(row["nonce"]) for row in rows]

    def offers(self, nonce: int) -> list[SignedTransaction]:
        """All that was offered under a nonce, the first one first."""
        rows = self._journal.rows(
            "SELECT * FROM offer WHERE account = ? AND nonce = ? ORDER BY rowid", (self._account, nonce)
        )
        return [_offer(row) for row in rows]


def _offer(row: Row) -> SignedTransaction:
    fees = None if row["most"] is None else GasFees(int(row["most"]), int(row["tip"]))
    call = Call(row["destination"], row["data"], int(row["value"]))
    return SignedTransaction(row["nonce"], row["hash"], call, row["gas"], fees)


class NonceAction(Enum):
    """What an account's nonces need before anything new is sent."""

    NONE = "none"
    WAIT = "wait"
    RAISE = "raise"
    MEND = "mend"


def next_nonce_action(written: Collection[int], *, mined: int, with_waiting: int) -> tuple[NonceAction, int]:
    """What is to be done first, and about which nonce. Pure.

    Args:
        written: nonces of which something was, or will be, sent.
        mined: the account's transactions in blocks.
        with_waiting: those that wait in the node's pool in an unbroken row counted too.

    >>> next_nonce_action([7], mined=7, with_waiting=8)
    (<NonceAction.RAISE: 'raise'>, 7)

    A nonce that the node has forgotten needs nothing: what is sent next takes it, and so do all that once had it.

    >>> next_nonce_action([7], mined=7, with_waiting=7)
    (<NonceAction.NONE: 'none'>, 7)

    With a gap below it, it would wait for ever.

    >>> next_nonce_action([8], mined=7, with_waiting=7)
    (<NonceAction.MEND: 'mend'>, 7)
    """
    ahead = sorted(nonce for nonce in written if nonce >= mined)
    if with_waiting > mined:
        # One that is not written down is of another wallet: that one's own affair.
        return (NonceAction.RAISE if ahead and ahead[0] == mined else NonceAction.WAIT), mined
    return (NonceAction.MEND if ahead and ahead[-1] > mined else NonceAction.NONE), mined
