"""Thousands of Campaigns, and of Gradients from as many Miners, on a node that plays everybody's part."""

from __future__ import annotations

from eth_utils import keccak, to_checksum_address

from sonar_core.chain.abi import abi
from tests.world.contracts import SCORING_FEE, Stage, blob

_AT_ONCE = 250
_GAS = 400_000
#: Full blocks make gas dear.
_RICH, _PRICE = 10**30, 10**15


class Crowd:
    """Strangers, each with an account of their own; Foundry's node signs for everybody."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._count = stage, 0
        self._node = stage.chain.provider.web3.provider
        self._node.make_request("anvil_autoImpersonateAccount", [True])

    def create(self, count: int) -> None:
        """Campaigns of as many Data Scientists."""
        terms = self._stage.terms()
        data = abi("Sonar").encode_call("create", (1, terms.to_tuple()))
        self._send([(data, terms.bounty + terms.capsule_fee)] * count)

    def submit(self, campaign: bytes, count: int) -> None:
        """Gradients of as many Miners."""
        names = range(self._count, self._count + count)
        arguments = ((campaign, blob(f"bundle {name}"), blob(f"commitment {name}"), 0) for name in names)
        self._send([(abi("Sonar").encode_call("submitGradient", one), SCORING_FEE) for one in arguments])

    def _send(self, calls: list[tuple[bytes, int]]) -> None:
        # Blocks full of transactions: one for each would take minutes.
        self._node.make_request("evm_setAutomine", [False])
        for start in range(0, len(calls), _AT_ONCE):
            some = calls[start : start + _AT_ONCE]
            accounts = [self._newcomer() for _ in some]
            # One after the other: a batch's requests are served side by side.
            self._ask([("anvil_setBalance", [account, hex(_RICH)]) for account in accounts])
            self._ask([self._call(account, *call) for account, call in zip(accounts, some, strict=True)])
            while int(self._node.make_request("txpool_status", [])["result"]["pending"], 16):
                self._node.make_request("evm_mine", [])
        self._node.make_request("evm_setAutomine", [True])

    def _ask(self, requests: list[tuple[str, list[object]]]) -> None:
        for answer in self._node.make_batch_request(requests):
            assert "error" not in answer, answer

    def _newcomer(self) -> str:
        self._count += 1
        return to_checksum_address(keccak(text=f"stranger {self._count}")[12:])

    def _call(self, account: str, data: bytes, value: int) -> tuple[str, list[object]]:
        call = {"from": account, "to": self._stage.sonar.address, "data": "0x" + bytes(data).hex()}
        prices = {"value": hex(value), "gas": hex(_GAS), "gasPrice": hex(_PRICE)}
        return "eth_sendTransaction", [call | prices]
