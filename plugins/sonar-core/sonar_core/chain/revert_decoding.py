"""Revert data of a call as an exception, the same for every kind of node.

The deployer of a token or of a receiver chooses its revert data. So the data is not trusted, and never taken for a node
that is down: one hostile contract would otherwise stop the work on every Campaign.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError
from web3.exceptions import ContractLogicError, Web3RPCError

from sonar_core.chain.abi import CONTRACTS, abi
from sonar_core.chain.contract_errors import ContractError, PanicError, RefusedError, build_contract_error

#: Solidity's own errors: a message, or a panic code.
_ERROR_STRING, _PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")
#: Messages of nodes for a failure of the code itself, which has no data.
_FAILED_CODE = re.compile(
    r"revert|out ?of ?gas|gas required|opcode|invalid jump|stack (under|over)flow|evm error", re.IGNORECASE
)
#: What py-evm's tester puts before what it reverted with.
_TESTER_PREFIX = "execution reverted: "
_LONGEST_REASON = 200


def revert_data(error: Exception) -> bytes | None:
    """Revert data of a call; None if the error is the node's own, not the contract's.

    Args:
        error: of web3, over HTTP or in front of py-evm's tester.
    """
    data = getattr(error, "data", None)
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str):
        return _from_hex(data.removeprefix("Reverted "))
    if type(error).__name__ == "TransactionFailed":
        return _from_tester(str(error).removeprefix(_TESTER_PREFIX))
    # web3 reads Solidity's own errors in passing, and stumbles over those that are not well formed.
    stumbled = isinstance(error, ContractLogicError | DecodingError | KeyError | UnicodeError)
    if stumbled or (isinstance(error, Web3RPCError) and _FAILED_CODE.search(str(error))):
        return b""
    return None


def contract_error(data: bytes) -> ContractError:
    """The exception for revert data: of a custom error of the contracts, of Solidity's own, or of what nobody knows."""
    for contract in CONTRACTS:
        known = abi(contract).decode_error(data)
        if known is not None:
            return build_contract_error(*known)
    if data[:4] == _ERROR_STRING:
        return RefusedError(reason=_text(data[4:]))
    if data[:4] == _PANIC:
        return PanicError(code=int.from_bytes(data[4:36], "big"))
    return ContractError()


def _from_hex(data: str) -> bytes:
    try:
        return bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        return b""


def _from_tester(shown: str) -> bytes:
    """The tester shows bytes as Python writes them, and a reason as itself."""
    try:
        value: Any = ast.literal_eval(shown)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = shown
    return value if isinstance(value, bytes) else _ERROR_STRING + encode(["string"], [shown])


def _text(data: bytes) -> str:
    try:
        return str(decode(["string"], data)[0])[:_LONGEST_REASON]
    except (DecodingError, OverflowError, UnicodeError):
        return "(an unreadable reason)"
