"""The contracts on their node: calls by the ABI alone, without Ape's receipts and traces, and many looks at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

from sonar_core.chain.abi import abi
from sonar_core.chain.contract_errors import ContractError
from sonar_core.chain.revert_decoding import contract_error, revert_data
from sonar_core.protocol.events import Event
from tests.reference.message import Call
from tests.world.contracts import MOST_GAS, Stage


@dataclass(frozen=True)
class Mined:
    """A transaction that went through: its block's time, what its sender paid for gas (wei), and its events."""

    now: int
    gas: int
    events: list[Event]


class Node:
    """Sonar on a node that signs for all parties itself."""

    def __init__(self, stage: Stage, inquirer: str) -> None:
        self._look, self._eth = stage.as_(None), stage.chain.provider.web3.eth
        self._inquirer, self._asker = inquirer, str(stage.scientist.address)
        self.now = stage.now()

    def refusal(self, call: Call) -> str:
        """The name of the error that a call would meet at the newest block's time; "" where it would go through."""
        try:
            self._eth.call(self._fields(call), ccip_read_enabled=False)
        except Exception as error:
            # Each kind of node has errors of its own; what is no refusal is raised again.
            data = revert_data(error)
            if data is None:
                raise
            return _name(contract_error(data))
        return ""

    def send(self, call: Call) -> Mined:
        """Mines a call that must go through."""
        receipt = self._eth.wait_for_transaction_receipt(self._eth.send_transaction(self._fields(call)))
        assert receipt["status"] == 1, f"{call} was refused: {self.refusal(call) or 'not any more'}"
        block = receipt["blockNumber"]
        self.now = self._eth.get_block(block)["timestamp"]
        return Mined(self.now, receipt["gasUsed"] * receipt["effectiveGasPrice"], self._look.events(block, block + 1))

    def ask(self, questions: list[tuple[Any, ...]]) -> list[Any]:
        """Answers of Sonar's views, each asked as (function, arguments...)."""
        asked = [abi("Sonar").encode_call(function, arguments) for function, *arguments in questions]
        data = _encoded("ask(address,bytes[])", self._look.address, asked)
        (answers,) = decode(["bytes[]"], self._inquire(data))
        views = [function for function, *_ in questions]
        return [abi("Sonar").decode_result(view, answer) for view, answer in zip(views, answers, strict=True)]

    def holdings(self, token: str, holders: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What each has in the chain's coin, and in the ERC-20."""
        data = _encoded("holdings(address,address[])", token, holders)
        coins, tokens = decode(["uint256[]"] * 2, self._inquire(data))
        return coins, tokens

    def _inquire(self, data: bytes) -> bytes:
        # Without a sender each look would first ask for all accounts.
        return self._eth.call({"from": self._asker, "to": self._inquirer, "data": data})

    def _fields(self, call: Call) -> dict[str, Any]:
        contract = "CapsuleRegistry" if call.function == "announce" else "Sonar"
        to = self._look.registry_address if contract == "CapsuleRegistry" else self._look.address
        data = abi(contract).encode_call(call.function, tuple(_plain(argument) for argument in call.arguments))
        return {
            "from": call.sender,
            "to": to_checksum_address(to),
            "data": data,
            "value": call.value,
            "gas": MOST_GAS,
        }


def told(event: Event) -> tuple[Any, ...]:
    """An event as the reference tells it: its name, and its values in the interface's order."""
    values = [getattr(event, field.name) for field in fields(event) if field.name != "position"]
    return type(event).__name__, *values


def _name(error: ContractError) -> str:
    return type(error).__name__.removesuffix("Error")


def _plain(argument: Any) -> Any:
    """Structs as tuples."""
    if isinstance(argument, list):
        return [_plain(item) for item in argument]
    return argument.to_tuple() if hasattr(argument, "to_tuple") else argument


def _encoded(signature: str, *arguments: Any) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + encode(types, arguments)
