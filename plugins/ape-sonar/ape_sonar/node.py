"""What any node is asked, whatever the contract: code, balances, to take a transaction. Answers, or typed errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ape.api import AccountAPI, ProviderAPI, ReceiptAPI
from ape.exceptions import ApeException, TransactionNotFoundError
from eth_utils import to_checksum_address
from web3.exceptions import Web3Exception

from ape_sonar.chain_errors import UnconfirmedError, readable, transaction_failure, unreachable


def code_at(web3: Any, address: str) -> bytes:
    """The code of an address; nothing where there is none."""
    with readable():
        return bytes(web3.eth.get_code(to_checksum_address(address)))


def coin_balance(web3: Any, address: str) -> int:
    """Wei that an address holds."""
    with readable():
        return int(web3.eth.get_balance(to_checksum_address(address)))


def broadcast(
    provider: ProviderAPI,
    account: AccountAPI,
    *,
    to: str,
    data: bytes,
    value: int,
    nonce: int | None = None,
    ask_again: Callable[[], Any] = lambda: None,
) -> ReceiptAPI:
    """Signs a transaction, sends it and waits for its block.

    Args:
        ask_again: called when nobody took it; raises where it finds a better reason than the node's words.

    Raises:
        UnconfirmedError: it was sent, and is in no block yet.
        FundsError, NonceError, TransactionError: nobody took it.
        ChainError: the node cannot be reached.
    """
    sender = str(account.address)
    transaction = provider.network.ecosystem.create_transaction(
        sender=sender, receiver=to, data=data, value=value, chain_id=provider.chain_id, nonce=nonce
    )
    try:
        return account.call(transaction)
    except TransactionNotFoundError:
        raise UnconfirmedError(bytes(transaction.txn_hash).hex()) from None
    except (ApeException, Web3Exception, ValueError) as error:
        ask_again()
        held = coin_balance(provider.web3, sender)
        raise transaction_failure(error, sender, value, held) from None
    except OSError as error:
        raise unreachable(error) from None
