"""Errors of nodes and transactions, each with a message of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sonar_core.base.errors import SonarError

#: Words of nodes and Ape for a nonce that is taken or not in turn, and for missing funds.
_NONCE_WORDS = ("nonce", "already known", "replacement transaction", "already imported")
_FUNDS_WORDS = ("insufficient funds", "exceeds account balance", "enough balance", "enough to cover", "enough funds")


class ChainError(SonarError, ConnectionError):
    """The node does not answer, or its answer is invalid."""


class NoContractError(ChainError):
    """The address has no code: the network is another one, or was started anew."""


class TransactionError(SonarError, RuntimeError):
    """A transaction was not accepted, or failed."""


class NonceError(TransactionError):
    """The nonce is taken or not in turn: another transaction of the account was sent meanwhile."""


class UnconfirmedError(TransactionError):
    """The transaction was sent and is in no block yet; it may still be included.

    Attributes:
        transaction: its hash, as the node shows it.
    """

    def __init__(self, transaction: str) -> None:
        self.transaction = transaction
        super().__init__(f"transaction {transaction} is in no block yet: look for it before you repeat it")


class NoAccountError(SonarError, ValueError):
    """A transaction needs an account, and none was given."""


class FundsError(SonarError, ValueError):
    """The account cannot pay for the transaction.

    Attributes:
        account: address.
        needed, held: wei; `needed` is without gas.
    """

    def __init__(self, account: str, needed: int, held: int) -> None:
        self.account, self.needed, self.held = account, needed, held
        super().__init__(f"account {account} holds {held} wei where {needed} and gas are needed: fund it")


@contextmanager
def readable() -> Iterator[None]:
    """Turns every error of a node, or of the library in front of it, into a ChainError."""
    try:
        yield
    except SonarError:
        raise
    except Exception as error:
        raise unreachable(error) from None


def unreachable(error: Exception) -> ChainError:
    """The ChainError for an error of a node.

    The message of a failed connection is left out: it holds the node's URL, which often holds a key.
    """
    why = type(error).__name__ if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return ChainError(f"the node does not answer ({why}): is it running, and is the network the right one?")


def transaction_failure(error: Exception, account: str, needed: int, held: int) -> SonarError:
    """The typed error for a transaction that no node took, from the message of Ape or of the node.

    Args:
        error: of Ape or of the node.
        account: address of the signer.
        needed, held: wei, for FundsError.
    """
    words = str(error).lower()
    if any(word in words for word in _FUNDS_WORDS):
        return FundsError(account, needed, held)
    if any(word in words for word in _NONCE_WORDS):
        return NonceError(f"another transaction of {account} was in between ({error}): look at the chain, then repeat")
    return TransactionError(f"the transaction was not accepted: {error}")
