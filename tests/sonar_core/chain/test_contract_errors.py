"""Every custom error of the contracts is an exception that names the Campaign, what was wrong and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError, Web3RPCError

from sonar_core.base.errors import SonarError
from sonar_core.chain import contract_errors as errors
from sonar_core.chain.abi import CONTRACTS, abi, canonical_type
from sonar_core.chain.revert_decoding import contract_error, revert_data
from sonar_core.protocol.events import snake_case
from sonar_core.protocol.structs import Status

CAMPAIGN = bytes(range(32))
#: Named as py-evm's tester names it, whose import would raise the recursion limit of the whole test run.
TransactionFailed = type("TransactionFailed", (Exception,), {})
EXAMPLES: dict[str, Any] = {"address": "0x" + "11" * 20, "bytes32": CAMPAIGN, "uint256": 10**17, "uint8": 5}


def signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(canonical_type(item) for item in entry['inputs'])})"


ENTRIES = [
    (keccak(text=signature(entry))[:4], entry) for contract in CONTRACTS for entry in abi(contract).entries("error")
]
NAMES = [entry["name"] for _, entry in ENTRIES]
MESSAGE = bytes.fromhex("08c379a0") + encode(["string"], ["no money"])


@pytest.mark.parametrize(("selector", "entry"), ENTRIES, ids=NAMES)
def test_every_error_has_a_class_evidence_and_advice(selector: bytes, entry: dict[str, Any]) -> None:
    values = [EXAMPLES[item["type"]] for item in entry["inputs"]]
    data = selector + encode([canonical_type(item) for item in entry["inputs"]], values)

    error = contract_error(data)

    assert type(error).__name__ == entry["name"] + "Error"
    assert isinstance(error, SonarError)
    assert isinstance(error, RuntimeError)
    for item, value in zip(entry["inputs"], values, strict=True):
        name = snake_case(item["name"])
        assert error.evidence[name] == getattr(error, name) == value
    assert error.why != errors.ContractError.why
    assert error.advice != errors.ContractError.advice
    assert str(error).endswith(": " + error.advice)
    names_one = any(item["name"] == "campaign" for item in entry["inputs"])
    assert error.campaign == (CAMPAIGN if names_one else None)
    assert str(error).startswith(f"Campaign 0x{CAMPAIGN.hex()}: ") is names_one


def test_there_is_no_class_without_an_error() -> None:
    assert set(errors.BY_NAME) == set(NAMES)


def test_evidence_is_told_as_people_read_it() -> None:
    late = errors.build_contract_error("OpeningTooLate", {"campaign": CAMPAIGN, "openBefore": 1_700_000_000})
    assert "ended at 2023-11-14 22:13:20 UTC" in str(late)
    never = errors.build_contract_error("ClaimsNotOpen", {"campaign": CAMPAIGN, "claimsOpenAt": 2**256 - 1})
    assert f"claims open at {2**256 - 1}" in str(never)
    start = errors.build_contract_error("StartNotBelowTarget", {"start": 8 * 10**17, "target": 10**18})
    assert "a start of 80.000000% is not below the target of 100.000000%" in str(start)
    beyond = errors.build_contract_error("AccuracyOutOfRange", {"accuracy": 2**255})
    assert str(2**255) in str(beyond)


def test_statuses_are_names_and_unknown_ones_stay_numbers() -> None:
    known = errors.build_contract_error("NotOpen", {"campaign": CAMPAIGN, "status": 5})
    assert known.status is Status.CLOSING
    assert "it is Closing" in str(known)
    assert errors.build_contract_error("NotOpen", {"campaign": CAMPAIGN, "status": 77}).status == 77


def test_an_error_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="no evidence 'number'"):
        _ = errors.NotOpenError(campaign=CAMPAIGN, status=Status.OPEN).number


def test_an_error_of_no_known_name_is_a_plain_one() -> None:
    error = contract_error(bytes.fromhex("deadbeef") + bytes(32))
    assert type(error) is errors.ContractError
    assert "without a reason" in str(error)


def test_solidity_own_errors() -> None:
    refused = contract_error(MESSAGE)
    assert isinstance(refused, errors.RefusedError)
    assert "no money" in str(refused)
    panic = contract_error(bytes.fromhex("4e487b71") + (0x11).to_bytes(32, "big"))
    assert isinstance(panic, errors.PanicError)
    assert panic.code == 17
    long = contract_error(bytes.fromhex("08c379a0") + encode(["string"], ["x" * 10**5]))
    assert len(str(long)) < 400


@given(st.binary(max_size=200), st.sampled_from([selector for selector, _ in ENTRIES] + [MESSAGE[:4], b""]))
def test_whatever_a_contract_reverts_with_is_a_contract_error(rest: bytes, selector: bytes) -> None:
    error = contract_error(selector + rest)
    assert isinstance(error, errors.ContractError)
    assert str(error)


@pytest.mark.parametrize(
    ("error", "data"),
    [
        (ContractCustomError("0xdeadbeef", data="0xdeadbeef"), b"\xde\xad\xbe\xef"),
        (ContractLogicError("execution reverted", data="Reverted 0xdeadbeef"), b"\xde\xad\xbe\xef"),
        (ContractLogicError("reverted", data={"data": "0x0102", "message": "reverted"}), b"\1\2"),  # type: ignore[arg-type]
        (ContractLogicError("execution reverted", data="0x"), b""),
        (ContractLogicError("execution reverted"), b""),
        (ContractLogicError("execution reverted", data="0xnot hex"), b""),
        (ContractPanicError("Panic error 0x11", data="0x4e487b71"), b"\x4e\x48\x7b\x71"),
        (TransactionFailed("execution reverted: b'\\xde\\xad\\xbe\\xef'"), b"\xde\xad\xbe\xef"),
        (TransactionFailed("execution reverted: no money"), MESSAGE),
        (Web3RPCError("{'code': -32603, 'message': 'EVM error OutOfGas'}"), b""),
        (Web3RPCError("{'code': -32000, 'message': 'gas required exceeds allowance (30000000)'}"), b""),
        (KeyError("99"), b""),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), b""),
        (Web3RPCError("{'code': -32005, 'message': 'daily request count exceeded'}"), None),
        (ConnectionError("refused"), None),
        (TimeoutError(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_revert_data_of_every_kind_of_node(error: Exception, data: bytes | None) -> None:
    assert revert_data(error) == data


def test_a_campaign_without_a_deadline_is_not_due_in_1970() -> None:
    without, with_one = (
        str(errors.NothingMissedError(campaign=CAMPAIGN, status=Status.DELIVERED, due=due)) for due in (0, 86_400)
    )
    assert "it is Delivered and nothing is overdue: wait" in without
    assert "nothing is overdue (due at 1970-01-02 00:00:00 UTC): wait" in with_one
