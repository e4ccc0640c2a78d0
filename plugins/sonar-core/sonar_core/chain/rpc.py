"""What any node is asked, whatever the contract: code, balances, to take a transaction. Answers, or typed errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ape.api import AccountAPI, ProviderAPI, ReceiptAPI, TransactionAPI
from ape.exceptions import ApeException, TransactionNotFoundError
from eth_utils import to_checksum_address
from web3.exceptions import TransactionNotFound, Web3Exception

from sonar_core.chain.errors import UnconfirmedError, readable, transaction_failure, unreachable
from sonar_core.chain.gas_fees import HIGHEST_FEE, GasFees

#: Type of a transaction with the two fees of EIP-1559.
_DYNAMIC_FEES = 2
#: Replacements of one transaction before its sender is told that it waits: with each a quarter more, six times the fee.
_MOST_REPLACEMENTS = 8


def code_at(web3: Any, address: str) -> bytes:
    """The code of an address; nothing where there is none."""
    with readable():
        return bytes(web3.eth.get_code(to_checksum_address(address)))


def coin_balance(web3: Any, address: str) -> int:
    """Wei that an address holds."""
    with readable():
        return int(web3.eth.get_balance(to_checksum_address(address)))


def transaction_count(web3: Any, address: str, block: Any) -> int:
    """Transactions of an account up to a block, or "latest", or "pending" with those that wait."""
    with readable():
        return int(web3.eth.get_transaction_count(to_checksum_address(address), block))


def included(web3: Any, transactions: Sequence[str]) -> str | None:
    """Which of several transactions of one nonce is in a block, of hashes without 0x; None where none is."""
    for transaction in reversed(transactions):
        with readable(), suppress(TransactionNotFound):
            web3.eth.get_transaction_receipt(f"0x{transaction}")
            return transaction
    return None


def broadcast(
    provider: ProviderAPI,
    account: AccountAPI,
    *,
    to: str,
    data: bytes,
    value: int,
    nonce: int | None = None,
    highest_fee: int = HIGHEST_FEE,
    ask_again: Callable[[], Any] = lambda: None,
) -> ReceiptAPI:
    """Signs a transaction, sends it and waits for its block: for a command that does one thing, and keeps no journal.

    Where none comes in the time that the network's settings give it, the same transaction is sent with the same nonce
    and higher fees: of all of them a chain takes one.

    Args:
        highest_fee: most wei a unit of gas that a replacement offers.
        ask_again: called when nobody took it; raises where it finds a better reason than the node's words.

    Raises:
        UnconfirmedError: it was sent, and is in no block yet.
        FundsError, NonceError, TransactionError: nobody took it.
        ChainError: the node cannot be reached.
    """
    sender = str(account.address)

    def signed(**how: Any) -> TransactionAPI:
        return provider.network.ecosystem.create_transaction(
            sender=sender, receiver=to, data=data, value=value, chain_id=provider.chain_id, **how
        )

    transaction = signed(nonce=nonce)
    sent: list[str] = []
    while True:
        try:
            return account.call(transaction)
        except TransactionNotFoundError:
            sent.append(bytes(transaction.txn_hash).hex())
        except (ApeException, Web3Exception, ValueError) as error:
            # The nonce of a replacement is spent where an earlier one got into a block after all.
            if not sent:
                ask_again()
                held = coin_balance(provider.web3, sender)
                raise transaction_failure(error, sender, value, held) from None
            return _included(provider, sent)
        except OSError as error:
            raise unreachable(error) from None
        try:
            return _included(provider, sent)
        except UnconfirmedError:
            fees = _raised(provider, transaction, highest_fee)
            if fees is None or len(sent) > _MOST_REPLACEMENTS:
                raise
        transaction = signed(
            nonce=transaction.nonce, gas=transaction.gas_limit, max_fee=fees.most, max_priority_fee=fees.tip, type=2
        )


def _included(provider: ProviderAPI, sent: Sequence[str]) -> ReceiptAPI:
    """The receipt of the one that is in a block. Raises UnconfirmedError, ChainError."""
    found = included(provider.web3, sent)
    if found is None:
        raise UnconfirmedError(sent[-1])
    with readable():
        return provider.get_receipt(f"0x{found}")


def _raised(provider: ProviderAPI, transaction: TransactionAPI, highest: int) -> GasFees | None:
    """Fees of a replacement; None where there may be none: a chain without EIP-1559, or fees at their highest."""
    return None if transaction.nonce is None else higher_fees(provider, fees_of(transaction), highest)


def fees_of(transaction: TransactionAPI) -> GasFees | None:
    """What a prepared transaction pays; None for one without the two fees of EIP-1559."""
    if transaction.type != _DYNAMIC_FEES or transaction.max_fee is None:
        return None
    return GasFees(transaction.max_fee, transaction.max_priority_fee or 0)


def higher_fees(provider: ProviderAPI, fees: GasFees | None, highest: int) -> GasFees | None:
    """What a replacement has to pay today; None where there may be none. Raises ChainError."""
    if fees is None:
        return None
    with readable():
        asked = int(provider.gas_price)
    return fees.raised(asked, highest)
