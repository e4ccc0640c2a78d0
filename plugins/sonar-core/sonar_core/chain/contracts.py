"""Transactions to the Sonar contracts, by the role that sends them. Nothing here decides anything.

`ContractReader` reads; each role is a mixin of the transactions that its party sends; `SonarContracts` has all of them.
A method without a docstring is the contracts' function of the same name; contracts/interfaces documents it. Every
transaction raises the ContractError of its refusal, and what `TransactionSender.send` raises.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ape.api import AccountAPI, ProviderAPI, ReceiptAPI
from eth_utils import to_checksum_address

from sonar_core.base.database import Database
from sonar_core.chain.abi import abi
from sonar_core.chain.contract_reader import ContractReader, to_bytes
from sonar_core.chain.errors import (
    ChainError,
    FundsError,
    NoAccountError,
    NoContractError,
    NonceError,
    TransactionError,
    UnconfirmedError,
    readable,
)
from sonar_core.chain.gas_fees import HIGHEST_FEE
from sonar_core.chain.outbox import Call, Outbox
from sonar_core.chain.rpc import transaction_count
from sonar_core.chain.transaction_sender import TransactionSender
from sonar_core.protocol.events import Event
from sonar_core.protocol.structs import (
    CampaignStart,
    CapsuleTerms,
    CurrencyOffer,
    GradientRecord,
    Next,
    Rejection,
    Score,
    ScoredRecord,
    Terms,
)
from sonar_core.protocol.units import ZERO_ADDRESS

__all__ = [
    "ChainError",
    "FundsError",
    "NoAccountError",
    "NoContractError",
    "NonceError",
    "Receipt",
    "SonarContracts",
    "TransactionError",
    "UnconfirmedError",
]

_NO_ACCOUNT = "this needs an account: give one with --account"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that went through.

    Attributes:
        transaction: hash, 32 bytes.
        block: number.
        timestamp: of the block, Unix seconds.
        events: of the two contracts, in order.
    """

    transaction: bytes
    block: int
    timestamp: int
    events: tuple[Event, ...]


class _Transactor(ContractReader):
    """Simulates, sends and awaits transactions of one account.

    Args:
        address: of the Sonar contract.
        account: signer; None to read only.
        provider: Ape's provider; the active one if left out.
        highest_fee: highest gas fee of a replacement, in wei per unit of gas.
        journal: a service's database with OUTBOX_TABLE: each transaction is written there before it is broadcast, and
            `tend` replaces it. None: the transaction is replaced while it is awaited.
    """

    def __init__(
        self,
        address: str,
        account: AccountAPI | None = None,
        provider: ProviderAPI | None = None,
        *,
        highest_fee: int = HIGHEST_FEE,
        journal: Database | None = None,
    ) -> None:
        super().__init__(address, provider)
        self.account = account
        self._highest_fee = highest_fee
        self._sender = self._make_sender(journal) if account else None

    @property
    def sender(self) -> str:
        """Address of the account. Raises NoAccountError."""
        if self.account is None:
            raise NoAccountError(_NO_ACCOUNT)
        return str(self.account.address)

    @property
    def waits(self) -> str | None:
        """Message on the pending transaction; None if the next one may be sent."""
        return self._sender.waits if self._sender else None

    def tend(self, until: int, held: Collection[int] = ()) -> str | None:
        """Looks after pending transactions, as `TransactionSender.tend`. Raises NoAccountError.

        Args:
            until: number of the last block that has its confirmations.
            held: nonces reserved for transactions that are not sent yet.
        """
        return self._require_sender().tend(self.transactions_until(until) if until >= 0 else 0, held)

    def transaction_counts(self) -> tuple[int, int]:
        """The account's transactions in blocks, and with the pending ones. Raises NoAccountError."""
        return self._transaction_count("latest"), self._transaction_count("pending")

    def transactions_until(self, block: int) -> int:
        """The account's transactions in the blocks up to this one. Raises NoAccountError."""
        return self._transaction_count(block)

    def approve(self, token: str, amount: int) -> Receipt:
        """Allows Sonar to take `amount` smallest units of the account's ERC-20 tokens."""
        return self._transact("ERC20", token, "approve", (self.address, amount), 0)

    def _transaction_count(self, block: Any) -> int:
        return transaction_count(self._provider.web3, self.sender, block)

    def _send(self, function: str, *arguments: Any, value: int = 0) -> Receipt:
        return self._transact("Sonar", self.address, function, arguments, value)

    def _transact(
        self, contract: str, address: str, function: str, arguments: Any, value: int, nonce: int | None = None
    ) -> Receipt:
        """Simulates a call, sends it as a transaction, and waits for its block.

        The simulation gives the contract's own reason on every kind of node, at no cost. If the state changes between
        it and the transaction's block, the receipt has failed, and a second simulation gives the reason.
        """
        call = Call(to_checksum_address(address), abi(contract).encode_call(function, arguments), value)
        self._require_funds(value)
        self._simulate(call)
        receipt = self._require_sender().send(call, nonce)
        if receipt.failed:
            self._simulate(call)
            raise TransactionError(f"{function}: transaction {receipt.txn_hash} failed: look at the Campaign again")
        return self._receipt(receipt)

    def _require_sender(self) -> TransactionSender:
        if self._sender is None:
            raise NoAccountError(_NO_ACCOUNT)
        return self._sender

    def _make_sender(self, journal: Database | None) -> TransactionSender:
        provider, account, fee = self._provider, self.account, self._highest_fee
        if journal is None:
            return TransactionSender.without_journal(provider, account, highest_fee=fee, simulate=self._simulate)
        outbox = Outbox(journal, self.sender)
        return TransactionSender(provider, account, outbox, highest_fee=fee, simulate=self._simulate)

    def _simulate(self, call: Call) -> None:
        """Runs the call as of now, from the account. Raises the contract's error."""
        self._eth_call({"from": self.sender, "to": call.to, "data": call.data, "value": call.value})

    def _require_funds(self, value: int) -> None:
        held = self.coin_balance(self.sender)
        if held <= value:
            raise FundsError(self.sender, value, held)

    def _receipt(self, receipt: ReceiptAPI) -> Receipt:
        with readable():
            logs = list(self._provider.web3.eth.get_transaction_receipt(receipt.txn_hash)["logs"])
        block = int(receipt.block_number)
        return Receipt(to_bytes(receipt.txn_hash), block, self._block(block)[1], tuple(self._events_of([logs])))


class ScientistTransactions(_Transactor):
    """Sent by a Data Scientist."""

    def create(self, nonce: int, terms: Terms) -> Receipt:
        value = terms.bounty + terms.capsule_fee if terms.currency == ZERO_ADDRESS else 0
        return self._send("create", nonce, terms.to_tuple(), value=value)

    def cancel(self, campaign: bytes) -> Receipt:
        return self._send("cancel", campaign)

    def stop(self, campaign: bytes) -> Receipt:
        return self._send("stop", campaign)

    def refund(self, campaign: bytes, to: str) -> Receipt:
        return self._send("refund", campaign, to)


class CapsuleTransactions(_Transactor):
    """Sent by a Capsule."""

    def announce(self, certificates: bytes, terms: CapsuleTerms, currencies: list[CurrencyOffer]) -> Receipt:
        offers = [offer.to_tuple() for offer in currencies]
        arguments = (certificates, terms.to_tuple(), offers)
        return self._transact("CapsuleRegistry", self.registry_address, "announce", arguments, 0)

    def open(self, campaign: bytes, start: CampaignStart, *, value: int = 0) -> Receipt:
        """`value`: the bond if it is in the chain's coin, wei."""
        return self._send("open", campaign, start.to_tuple(), value=value)

    def decline(self, campaign: bytes, reason: str) -> Receipt:
        return self._send("decline", campaign, reason)

    def score_gradient(self, campaign: bytes, gradient: GradientRecord, score: Score, following: Next) -> Receipt:
        return self._send("scoreGradient", campaign, gradient.to_tuple(), score.to_tuple(), following.to_tuple())

    def reject_gradient(
        self,
        campaign: bytes,
        gradient: GradientRecord,
        reason: Rejection,
        unsealed_bundle: bytes,
        evidence: bytes,
        following: Next,
    ) -> Receipt:
        arguments = (campaign, gradient.to_tuple(), int(reason), unsealed_bundle, evidence, following.to_tuple())
        return self._send("rejectGradient", *arguments)

    def rebase(self, campaign: bytes, model: bytes, model_root: bytes, evidence: bytes) -> Receipt:
        return self._send("rebase", campaign, model, model_root, evidence)

    def deliver(self, campaign: bytes, delivery: bytes, openings_root: bytes) -> Receipt:
        return self._send("deliver", campaign, delivery, openings_root)

    def collect_bond(self, campaign: bytes, to: str) -> Receipt:
        return self._send("collectBond", campaign, to)

    def collect_scoring_fees(self, campaign: bytes, to: str) -> Receipt:
        return self._send("collectScoringFees", campaign, to)


class MinerTransactions(_Transactor):
    """Sent by a Miner."""

    def submit_gradient(
        self, campaign: bytes, bundle: bytes, commitment: bytes, version: int, *, fee: int, nonce: int | None = None
    ) -> Receipt:
        """`nonce`: of the transaction. A repetition with the same nonce after a crash cannot submit twice."""
        arguments = (campaign, bundle, commitment, version)
        return self._transact("Sonar", self.address, "submitGradient", arguments, fee, nonce)

    def claim(self, campaign: bytes, gradients: list[ScoredRecord], to: str) -> Receipt:
        return self._send("claim", campaign, [gradient.to_tuple() for gradient in gradients], to)

    def reclaim_scoring_fees(self, campaign: bytes, gradients: list[GradientRecord], to: str) -> Receipt:
        return self._send("reclaimScoringFees", campaign, [gradient.to_tuple() for gradient in gradients], to)

    def reclaim_voided_scoring_fees(self, campaign: bytes, gradients: list[ScoredRecord], to: str) -> Receipt:
        return self._send("reclaimVoidedScoringFees", campaign, [gradient.to_tuple() for gradient in gradients], to)

    def compensate(self, campaign: bytes, numbers: list[int], to: str) -> Receipt:
        return self._send("compensate", campaign, numbers, to)


class ArbiterTransactions(_Transactor):
    """Sent by a Campaign's arbiter."""

    def convict(self, campaign: bytes, miner: str, first_false: ScoredRecord) -> Receipt:
        return self._send("convict", campaign, miner, first_false.to_tuple())


class PublicTransactions(_Transactor):
    """Sent by anyone."""

    def expire(self, campaign: bytes) -> Receipt:
        return self._send("expire", campaign)


class SonarContracts(
    ScientistTransactions, CapsuleTransactions, MinerTransactions, ArbiterTransactions, PublicTransactions
):
    """Sonar and its CapsuleRegistry on one chain, as one account in any role."""

    def as_account(self, account: AccountAPI) -> SonarContracts:
        """The same contracts, as another account."""
        return SonarContracts(self.address, account, self._provider, highest_fee=self._highest_fee)

    def with_journal(self, journal: Database) -> SonarContracts:
        """The same contracts and account, for a service with this journal."""
        return SonarContracts(
            self.address, self.account, self._provider, highest_fee=self._highest_fee, journal=journal
        )
