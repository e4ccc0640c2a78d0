"""Deploys Sonar and its registry at the addresses that follow from their code (CREATE2), on any chain.

Any account may deploy, any number of times: a contract that exists is kept, a missing one is deployed. An interrupted
deployment is continued by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3.exceptions import Web3Exception

from sonar_core.base.errors import SonarError
from sonar_core.chain.bytecode import registry_code, sonar_code
from sonar_core.chain.deploy.code_verification import BytecodeMismatchError, require_code
from sonar_core.chain.deploy.create2 import (
    PROXY,
    PROXY_CODE,
    PROXY_PRICE,
    PROXY_SIGNER,
    PROXY_TRANSACTION,
    create2_address,
    creation_call,
)
from sonar_core.chain.errors import FundsError, readable
from sonar_core.chain.outbox import Call
from sonar_core.chain.rpc import code_at, coin_balance
from sonar_core.chain.transaction_sender import TransactionSender

#: What the proxy itself burns beside the creation: its call and the salt. Measured, rounded up.
_PROXY_GAS = 2_000


class ProxyMissingError(SonarError, RuntimeError):
    """The chain refuses the transaction that deploys the deployment proxy."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A contract of the deployment plan.

    Attributes:
        name: proxy, CapsuleRegistry or Sonar.
        address: checksummed.
        stands: whether it is there already.
        gas: that its deployment takes, about; 0 if it stands.
        price: wei to be paid beside that gas.
        creation_code: what creates it through the proxy; nothing for the proxy itself.
    """

    name: str
    address: str
    stands: bool
    gas: int
    price: int = 0
    creation_code: bytes = b""


class Deployer:
    """Deploys by Ape's provider, as an account; without an account it only looks."""

    def __init__(self, provider: Any, account: Any = None) -> None:
        self._provider, self._web3, self._account = provider, provider.web3, account
        self.registry = create2_address(registry_code())
        self.sonar = create2_address(sonar_code(self.registry))

    def plan(self) -> list[Piece]:
        """The contracts of a deployment, with the cost of those that are missing.

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
        """Current gas price, wei per unit of gas."""
        with readable():
            return int(self._web3.eth.gas_price)

    def carry_out(self, plan: list[Piece]) -> None:
        """Deploys the missing contracts, in the plan's order.

        Raises:
            FundsError: the account cannot pay for all of it; nothing was sent.
            ProxyMissingError: the chain refuses the proxy's own transaction.
            TransactionError: a transaction failed.
            NoContractError, BytecodeMismatchError: it went through, and what it should have made is not there.
        """
        self._require_funds(plan)
        for piece in plan:
            if piece.stands:
                continue
            if piece.creation_code:
                self._send(PROXY, data=creation_call(piece.creation_code))
                require_code(self._web3, piece.name, piece.address, piece.creation_code)
            else:
                self._place_proxy()

    def _piece(self, name: str, address: str, code: bytes) -> Piece:
        found = code_at(self._web3, address)
        return Piece(name, address, bool(found), 0 if found else self._gas(code), creation_code=code)

    def _gas(self, code: bytes) -> int:
        with readable():
            return int(self._web3.eth.estimate_gas({"data": "0x" + code.hex()})) + _PROXY_GAS

    def _require_funds(self, plan: list[Piece]) -> None:
        price = self.gas_price()
        cost = sum(piece.gas * price + piece.price for piece in plan)
        held = coin_balance(self._web3, str(self._account.address))
        if held < cost:
            raise FundsError(str(self._account.address), cost, held)

    def _place_proxy(self) -> None:
        missing = PROXY_PRICE - coin_balance(self._web3, PROXY_SIGNER)
        if missing > 0:
            self._send(PROXY_SIGNER, value=missing)
        try:
            self._web3.eth.wait_for_transaction_receipt(self._web3.eth.send_raw_transaction(PROXY_TRANSACTION))
        except (Web3Exception, ValueError) as error:
            raise ProxyMissingError(
                f"the chain has no deployment proxy at {PROXY} and refuses its transaction ({error}): "
                "have the chain's operator put it there"
            ) from None

    def _send(self, to: str, *, data: bytes = b"", value: int = 0) -> None:
        TransactionSender.without_journal(self._provider, self._account).send(Call(to, data, value))
