"""Questions to a node that concern no particular contract. All raise ChainError if it does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from eth_utils import to_checksum_address
from web3.exceptions import TransactionNotFound, Web3Exception

from sonar_core.chain.errors import readable


def code_at(web3: Any, address: str) -> bytes:
    """Bytecode at an address; empty without a contract."""
    with readable():
        return bytes(web3.eth.get_code(to_checksum_address(address)))


def coin_balance(web3: Any, address: str) -> int:
    """Balance of an address, wei."""
    with readable():
        return int(web3.eth.get_balance(to_checksum_address(address)))


def transaction_count(web3: Any, address: str, block: Any) -> int:
    """Transactions of an account up to a block number, or to "latest", or to "pending" (those in the pool included)."""
    with readable():
        return int(web3.eth.get_transaction_count(to_checksum_address(address), block))


def included(web3: Any, transactions: Sequence[str]) -> str | None:
    """The one of several transaction hashes (without 0x) that is in a block, newest first; None if none is."""
    for transaction in reversed(transactions):
        with readable(), suppress(TransactionNotFound):
            web3.eth.get_transaction_receipt(f"0x{transaction}")
            return transaction
    return None


def first_block_with_code(web3: Any, address: str) -> int:
    """The block in which a contract was deployed, by bisection; 0 if the node does not keep old states.

    It takes about log2(blocks) questions.
    """
    with readable():
        low, high = 0, int(web3.eth.block_number)
    while low < high:
        middle = (low + high) // 2
        try:
            found = bool(web3.eth.get_code(to_checksum_address(address), middle))
        except (Web3Exception, ValueError):
            return 0
        low, high = (low, middle) if found else (middle + 1, high)
    return low
