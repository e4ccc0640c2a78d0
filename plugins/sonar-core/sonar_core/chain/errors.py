"""What can go wrong between this program and a node, as typed errors of one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sonar_core.base.errors import SonarError

#: What nodes and Ape say of a transaction's number that is taken or not in turn, and of an account that is too poor.
_NONCE_WORDS = ("nonce", "already known", "replacement transaction", "already imported")
_FUNDS_WORDS = ("insufficient funds", "exceeds account balance", "enough balance", "enough to cover", "enough funds")


class ChainError(SonarError, ConnectionError):
    """The chain cannot be reached, or answered what no node may answer."""


class NoContractError(ChainError):
    """There is no code at the address, so the network is another one or was started anew."""


class TransactionError(SonarError, RuntimeError):
    """A transaction was not accepted or did not go through; says which and what to do."""


class NonceError(TransactionError):
    """The transaction's number is taken, or not in turn: another one of the same account was in between."""


class UnconfirmedError(TransactionError):
    """The transaction was sent and is in no block yet; it may still come.

    Attributes:
        transaction: its hash, as the node shows it.
    """

    def __init__(self, transaction: str) -> None:
        self.transaction = transaction
        super().__init__(f"transaction {transaction} is in no block yet: look for it before you repeat it")


class NoAccountError(SonarError, ValueError):
    """A transaction is asked for and no account was given."""


class FundsError(SonarError, ValueError):
    """The account cannot pay for what it asks.

    Attributes:
        account: address.
        needed, held: wei; `needed` is without gas.
    """

    def __init__(self, account: str, needed: int, held: int) -> None:
        self.account, self.needed, self.held = account, needed, held
        super().__init__(f"account {account} holds {held} wei where {needed} and gas are needed: fund it")


@contextmanager
def readable() -> Iterator[None]:
    """Whatever a node, or the library in front of it, answers wrongly becomes a ChainError."""
    try:
        yield
    except SonarError:
        raise
    except Exception as error:
        raise unreachable(error) from None


def unreachable(error: Exception) -> ChainError:
    """A ChainError for what kept a node's answer away.

    The message of a failed connection stays out: it holds the node's URL, and that often a key.
    """
    why = type(error).__name__ if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return ChainError(f"the node does not answer ({why}): is it running, and is the network the right one?")


def transaction_failure(error: Exception, account: str, needed: int, held: int) -> SonarError:
    """The typed error for a transaction that nobody took, from the words of Ape or of the node.

    Args:
        error: theirs.
        account: who signed.
        needed, held: wei of the account, for the evidence.
    """
    words = str(error).lower()
    if any(word in words for word in _FUNDS_WORDS):
        return FundsError(account, needed, held)
    if any(word in words for word in _NONCE_WORDS):
        return NonceError(f"another transaction of {account} was in between ({error}): look at the chain, then repeat")
    return TransactionError(f"the transaction was not accepted: {error}")
