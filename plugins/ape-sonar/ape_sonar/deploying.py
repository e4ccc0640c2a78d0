"""Puts Sonar and its registry where their code says that they belong, on any chain.

The addresses follow from the code alone, so it does not matter who deploys, how often, or who was first: what stands
there is this commit's code, and what is missing is put there. Interrupted, it goes on where it stood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ape.exceptions import ApeException
from web3.exceptions import Web3Exception

from ape_sonar.bytecode import registry_code, sonar_code
from ape_sonar.chain_errors import FundsError, readable, transaction_failure
from ape_sonar.create2 import (
    PROXY,
    PROXY_CODE,
    PROXY_PRICE,
    PROXY_SIGNER,
    PROXY_TRANSACTION,
    create2_address,
    creation_call,
)
from ape_sonar.errors import SonarError
from ape_sonar.verification import BytecodeMismatchError, code_at, runtime_code

#: What the proxy itself burns beside the creation: its call and the salt. Measured, rounded up.
_PROXY_GAS = 2_000


class ProxyMissingError(SonarError, RuntimeError):
    """The chain takes no transaction that would put the deployment proxy there."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A contract, where it belongs, and what it takes to put it there.

    Attributes:
        name: proxy, CapsuleRegistry or Sonar.
        address: checksummed.
        stands: whether it is there already.
        gas: that its deployment takes, about; 0 if it stands.
        price: wei to be paid beside that gas.
    """

    name: str
    address: str
    stands: bool
    gas: int
    price: int = 0


class Deployer:
    """Deploys by Ape's provider, as an account; without an account it only looks."""

    def __init__(self, provider: Any, account: Any = None) -> None:
        self._provider, self._web3, self._account = provider, provider.web3, account
        self.registry = create2_address(registry_code())
        self.sonar = create2_address(sonar_code(self.registry))

    def plan(self) -> list[Piece]:
        """What stands, and what the rest will take.

        Raises:
            BytecodeMismatchError: another contract stands where the proxy belongs.
            ChainError: the chain cannot be reached.
        """
        found = code_at(self._web3, PROXY)
        if found and found != PROXY_CODE:
            raise BytecodeMismatchError("deployment proxy", PROXY, found, PROXY_CODE)
        proxy = Piece("proxy", PROXY, bool(found), 0 if found else 21_000, 0 if found else PROXY_PRICE)
        return [
            proxy,
            self._piece("CapsuleRegistry", self.registry, registry_code()),
            self._piece("Sonar", self.sonar, sonar_code(self.registry)),
        ]

    def gas_price(self) -> int:
        """Wei per gas that the node would pay now."""
        with readable():
            return int(self._web3.eth.gas_price)

    def carry_out(self, plan: list[Piece]) -> None:
        """Puts there what is missing, in the plan's order.

        Raises:
            FundsError: the account cannot pay for all of it; nothing was sent.
            ProxyMissingError: the chain refuses the proxy's own transaction.
            TransactionError: a transaction failed.
        """
        self._require_funds(plan)
        for piece in plan:
            if piece.stands:
                continue
            if piece.name == "proxy":
                self._place_proxy()
            else:
                code = registry_code() if piece.name == "CapsuleRegistry" else sonar_code(self.registry)
                self._send(PROXY, data=creation_call(code))
                self._require_code(piece, code)

    def block_of(self, address: str) -> int:
        """The block in which a contract appeared: by bisection, or 0 on a node that forgets old states."""
        with readable():
            low, high = 0, int(self._web3.eth.block_number)
        while low < high:
            middle = (low + high) // 2
            try:
                found = bool(self._web3.eth.get_code(address, middle))
            except (Web3Exception, ValueError):
                return 0
            low, high = (low, middle) if found else (middle + 1, high)
        return low

    def _piece(self, name: str, address: str, code: bytes) -> Piece:
        found = code_at(self._web3, address)
        return Piece(name, address, bool(found), 0 if found else self._gas(code))

    def _gas(self, code: bytes) -> int:
        with readable():
            return int(self._web3.eth.estimate_gas({"data": "0x" + code.hex()})) + _PROXY_GAS

    def _require_funds(self, plan: list[Piece]) -> None:
        price = self.gas_price()
        cost = sum(piece.gas * price + piece.price for piece in plan)
        held = int(self._account.balance)
        if held < cost:
            raise FundsError(str(self._account.address), cost, held)

    def _place_proxy(self) -> None:
        with readable():
            missing = PROXY_PRICE - int(self._web3.eth.get_balance(PROXY_SIGNER))
        if missing > 0:
            self._send(PROXY_SIGNER, value=missing)
        try:
            self._web3.eth.wait_for_transaction_receipt(self._web3.eth.send_raw_transaction(PROXY_TRANSACTION))
        except (Web3Exception, ValueError) as error:
            raise ProxyMissingError(
                f"the chain has no deployment proxy at {PROXY} and refuses its transaction ({error}): "
                "have the chain's operator put it there"
            ) from None

    def _require_code(self, piece: Piece, code: bytes) -> None:
        found, expected = code_at(self._web3, piece.address), runtime_code(self._web3, code)
        if found != expected:
            raise BytecodeMismatchError(piece.name, piece.address, found, expected)

    def _send(self, to: str, *, data: bytes = b"", value: int = 0) -> None:
        ecosystem = self._provider.network.ecosystem
        transaction = ecosystem.create_transaction(
            sender=self._account.address, receiver=to, data=data, value=value, chain_id=self._provider.chain_id
        )
        try:
            self._account.call(transaction)
        except (ApeException, Web3Exception, ValueError) as error:
            held = int(self._account.balance)
            raise transaction_failure(error, str(self._account.address), value, held) from None
