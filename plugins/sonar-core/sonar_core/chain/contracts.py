"""The only module that talks to the contracts: calls, transactions, logs. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from dataclasses import dataclass
from typing import Any

from ape.api import AccountAPI, ProviderAPI, ReceiptAPI
from eth_utils import to_checksum_address
from web3.exceptions import BlockNotFound, Web3RPCError

from sonar_core.base.database import Database
from sonar_core.base.errors import FormatError
from sonar_core.chain.abi import abi
from sonar_core.chain.errors import (
    ChainError,
    FundsError,
    NoAccountError,
    NoContractError,
    NonceError,
    TransactionError,
    UnconfirmedError,
    readable,
    unreachable,
)
from sonar_core.chain.gas_fees import HIGHEST_FEE
from sonar_core.chain.outbox import Call, Outbox
from sonar_core.chain.revert_decoding import contract_error, revert_data
from sonar_core.chain.rpc import broadcast, code_at, coin_balance, transaction_count
from sonar_core.chain.transaction_sender import TransactionSender
from sonar_core.protocol.events import Event, LogPosition, build_event
from sonar_core.protocol.structs import (
    CampaignRecord,
    CampaignStart,
    CapsuleTerms,
    CurrencyOffer,
    CurrencyTerms,
    GradientRecord,
    Next,
    Rejection,
    Score,
    ScoredRecord,
    Status,
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

#: Blocks asked for at once: what public nodes answer without complaint. A node that complains is asked for less.
_LARGEST_RANGE = 2_000
#: Longest symbol of a token that is shown.
_LONGEST_SYMBOL = 32


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that went through."""

    transaction: bytes
    block: int
    timestamp: int
    events: tuple[Event, ...]


class SonarContracts:
    """Sonar and its CapsuleRegistry on one chain, as one account.

    Args:
        address: of the Sonar contract.
        account: who signs transactions; None to look only.
        provider: Ape's provider; the active one if left out.
        highest_fee: most wei a unit of gas that is offered for a transaction that waits too long for its block.

    Attributes:
        address, registry_address: contracts.
        chain_id: of the chain.
    """

    def __init__(
        self,
        address: str,
        account: AccountAPI | None = None,
        provider: ProviderAPI | None = None,
        *,
        highest_fee: int = HIGHEST_FEE,
    ) -> None:
        self.address = to_checksum_address(address)
        self.account = account
        self._highest_fee = highest_fee
        self._provider = provider or _active_provider()
        self._sender: TransactionSender | None = None
        self.chain_id = self._provider.chain_id
        self.registry_address: str = self._call("Sonar", self.address, "registry")

    @property
    def sender(self) -> str:
        """Address of the account. Raises NoAccountError."""
        if self.account is None:
            raise NoAccountError("this needs an account: give one with --account")
        return str(self.account.address)

    def as_account(self, account: AccountAPI) -> SonarContracts:
        """The same contracts, as another account."""
        return SonarContracts(self.address, account, self._provider, highest_fee=self._highest_fee)

    def with_outbox(self, journal: Database) -> SonarContracts:
        """The same, for a service: each transaction is in the journal before it is out, and `tend` looks after it.

        Without it a transaction that waits is replaced until it is in a block; with it each look waits once at most.

        Raises:
            NoAccountError.
        """
        twin, sender = copy(self), self.sender
        twin._sender = TransactionSender(
            self._provider,
            self.account,
            Outbox(journal, sender),
            highest_fee=self._highest_fee,
            simulate=self._simulate,
        )
        return twin

    # ------------------------------------------------------------------ what was sent before

    @property
    def waits(self) -> str | None:
        """What the next transaction waits for, as `tend` or a transaction since then found it; None for nothing."""
        return self._sender.waits if self._sender else None

    def tend(self, until: int, held: Collection[int] = ()) -> str | None:
        """Looks after what a service has sent, as `TransactionSender.tend`.

        Args:
            until: the last block that has its confirmations.
            held: nonces that are set aside for what is not sent yet.
        """
        if self._sender is None:
            return None
        return self._sender.tend(self.transactions_until(until) if until >= 0 else 0, held)

    # ------------------------------------------------------------------ the chain

    def newest_block(self) -> int:
        """Number of the newest block."""
        with readable():
            return int(self._provider.web3.eth.block_number)

    def block_hash(self, number: int) -> bytes:
        """Hash of a block. Raises ChainError when there is no such block."""
        return self._block(number)[0]

    def block_time(self, number: int) -> int:
        """Time of a block, Unix seconds. Raises ChainError when there is no such block."""
        return self._block(number)[1]

    def timestamp(self) -> int:
        """Time that a transaction would see now: that of the pending block, never before the newest one's."""
        with readable():
            blocks = self._provider.web3.eth
            newest = int(blocks.get_block("latest")["timestamp"])
            try:
                return max(newest, int(blocks.get_block("pending")["timestamp"]))
            except BlockNotFound:
                return newest

    def coin_balance(self, account: str) -> int:
        """Wei of an account."""
        return coin_balance(self._provider.web3, account)

    def transaction_counts(self) -> tuple[int, int]:
        """Transactions of the account that are in blocks, and with those that wait. Raises NoAccountError."""
        return self._transaction_count("latest"), self._transaction_count("pending")

    def transactions_until(self, block: int) -> int:
        """Transactions of the account in the blocks up to this one. Raises NoAccountError."""
        return self._transaction_count(block)

    def code(self, address: str) -> bytes:
        """Bytecode at an address."""
        return code_at(self._provider.web3, address)

    def gas_price(self) -> int:
        """Wei a unit of gas costs now."""
        with readable():
            return int(self._provider.gas_price)

    def events(self, start: int, stop: int) -> list[Event]:
        """The contracts' events in blocks start <= block < stop, in order of block and log index.

        Raises:
            ChainError: the node does not answer, or was reorganised meanwhile.
            FormatError: it answered what is no log of these contracts.
        """
        ranges = range(start, stop, _LARGEST_RANGE)
        answers = [one for first in ranges for one in self._logs_between(first, min(first + _LARGEST_RANGE, stop))]
        return self._events_of(answers)

    # ------------------------------------------------------------------ Data Scientist

    def create(self, nonce: int, terms: Terms) -> Receipt:
        value = terms.bounty + terms.capsule_fee if terms.currency == ZERO_ADDRESS else 0
        return self._send("create", nonce, terms.to_tuple(), value=value)

    def cancel(self, campaign: bytes) -> Receipt:
        return self._send("cancel", campaign)

    def stop(self, campaign: bytes) -> Receipt:
        return self._send("stop", campaign)

    def refund(self, campaign: bytes, to: str) -> Receipt:
        return self._send("refund", campaign, to)

    # ------------------------------------------------------------------ Capsule

    def announce(self, certificates: bytes, terms: CapsuleTerms, currencies: list[CurrencyOffer]) -> Receipt:
        offers = [offer.to_tuple() for offer in currencies]
        arguments = (certificates, terms.to_tuple(), offers)
        return self._transact("CapsuleRegistry", self.registry_address, "announce", arguments, 0)

    def open(self, campaign: bytes, start: CampaignStart, *, value: int = 0) -> Receipt:
        """`value`: the bond, where it is in the chain's coin."""
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

    # ------------------------------------------------------------------ Miner

    def submit_gradient(
        self, campaign: bytes, bundle: bytes, commitment: bytes, version: int, *, fee: int, nonce: int | None = None
    ) -> Receipt:
        """`nonce`: of the transaction; who repeats it after a crash cannot submit twice."""
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

    # ------------------------------------------------------------------ anyone and arbiter

    def expire(self, campaign: bytes) -> Receipt:
        return self._send("expire", campaign)

    def convict(self, campaign: bytes, miner: str, first_false: ScoredRecord) -> Receipt:
        return self._send("convict", campaign, miner, first_false.to_tuple())

    # ------------------------------------------------------------------ views

    def id_of(self, scientist: str, nonce: int, terms: Terms) -> bytes:
        return bytes(self._view("idOf", scientist, nonce, terms.to_tuple()))

    def status_of(self, campaign: bytes) -> Status:
        status = int(self._view("statusOf", campaign))
        if status not in set(Status):
            raise FormatError("result of statusOf", f"there is no status {status}: the contract is another Sonar's")
        return Status(status)

    def campaign_of(self, campaign: bytes) -> CampaignRecord:
        return CampaignRecord.from_tuple(self._view("campaignOf", campaign))

    def due_of(self, campaign: bytes) -> int:
        return int(self._view("dueOf", campaign))

    def digest_of(self, campaign: bytes, number: int) -> bytes:
        return bytes(self._view("digestOf", campaign, number))

    def earned(self, campaign: bytes, accuracy: int) -> int:
        return int(self._view("earned", campaign, accuracy))

    def claims_open_at(self, campaign: bytes) -> int:
        return int(self._view("claimsOpenAt", campaign))

    def refundable(self, campaign: bytes) -> int:
        return int(self._view("refundable", campaign))

    def certificates_of(self, capsule: str) -> bytes:
        return bytes(self._call("CapsuleRegistry", self.registry_address, "certificatesOf", capsule))

    def capsule_terms(self, capsule: str) -> CapsuleTerms:
        return CapsuleTerms.from_tuple(self._call("CapsuleRegistry", self.registry_address, "termsOf", capsule))

    def currency_terms(self, capsule: str, currency: str) -> CurrencyTerms:
        answer = self._call("CapsuleRegistry", self.registry_address, "currencyTermsOf", capsule, currency)
        return CurrencyTerms.from_tuple(answer)

    # ------------------------------------------------------------------ ERC-20

    def token_balance(self, token: str, account: str) -> int:
        return int(self._call("ERC20", token, "balanceOf", account))

    def token_allowance(self, token: str, owner: str, spender: str) -> int:
        return int(self._call("ERC20", token, "allowance", owner, spender))

    def token_decimals(self, token: str) -> int:
        return int(self._call("ERC20", token, "decimals"))

    def token_symbol(self, token: str) -> str:
        symbol = str(self._call("ERC20", token, "symbol"))
        if len(symbol) > _LONGEST_SYMBOL or not symbol.isprintable():
            raise FormatError(f"symbol of the token {token}", "it is no short word: use another token")
        return symbol

    def approve(self, token: str, amount: int) -> Receipt:
        """Lets Sonar take `amount` smallest units of the account's tokens."""
        return self._transact("ERC20", token, "approve", (self.address, amount), 0)

    # ------------------------------------------------------------------ how

    def _transaction_count(self, block: Any) -> int:
        return transaction_count(self._provider.web3, self.sender, block)

    def _view(self, function: str, *arguments: Any) -> Any:
        return self._call("Sonar", self.address, function, *arguments)

    def _send(self, function: str, *arguments: Any, value: int = 0) -> Receipt:
        return self._transact("Sonar", self.address, function, arguments, value)

    def _call(self, contract: str, address: str, function: str, *arguments: Any) -> Any:
        data = abi(contract).encode_call(function, arguments)
        answer = self._eth_call({"to": to_checksum_address(address), "data": data})
        if not answer and not self.code(address):
            raise NoContractError(
                f"there is no contract {contract} at {address} on chain {self.chain_id}: check the network"
            )
        return abi(contract).decode_result(function, answer)

    def _transact(
        self, contract: str, address: str, function: str, arguments: Any, value: int, nonce: int | None = None
    ) -> Receipt:
        """Sends a transaction whose simulation went through, and waits for it.

        The simulation gives the contract's own reason on every kind of node, at no cost. What changes between it and
        the transaction's block shows as a receipt that failed: then it is asked for the reason again.
        """
        call = Call(to_checksum_address(address), abi(contract).encode_call(function, arguments), value)
        self._require_funds(value)
        self._simulate(call)
        receipt = self._sender.send(call, nonce) if self._sender else self._broadcast(call, nonce)
        if receipt.failed:
            self._simulate(call)
            raise TransactionError(f"{function}: transaction {receipt.txn_hash} failed: look at the Campaign again")
        return self._receipt(receipt)

    def _broadcast(self, call: Call, nonce: int | None) -> ReceiptAPI:
        return broadcast(
            self._provider,
            self.account,
            to=call.to,
            data=call.data,
            value=call.value,
            nonce=nonce,
            highest_fee=self._highest_fee,
            ask_again=lambda: self._simulate(call),
        )

    def _simulate(self, call: Call) -> None:
        """The call as of now, from the account. Raises what the contract would."""
        self._eth_call({"from": self.sender, "to": call.to, "data": call.data, "value": call.value})

    def _require_funds(self, value: int) -> None:
        held = self.coin_balance(self.sender)
        if held <= value:
            raise FundsError(self.sender, value, held)

    def _receipt(self, receipt: ReceiptAPI) -> Receipt:
        with readable():
            logs = list(self._provider.web3.eth.get_transaction_receipt(receipt.txn_hash)["logs"])
        block = int(receipt.block_number)
        return Receipt(_bytes(receipt.txn_hash), block, self._block(block)[1], tuple(self._events_of([logs])))

    def _eth_call(self, call: dict[str, Any]) -> bytes:
        try:
            # A contract may ask to be looked up at a URL of its choice (EIP-3668): none of it is followed.
            return bytes(self._provider.web3.eth.call(call, ccip_read_enabled=False))
        except Exception as error:
            data = revert_data(error)
            raise (unreachable(error) if data is None else contract_error(data)) from None

    def _logs_between(self, start: int, stop: int) -> list[list[Any]]:
        """Answers with the logs in start <= block < stop, asked for by halves where the node calls that too much."""
        query = {"fromBlock": start, "toBlock": stop - 1, "address": [self.address, self.registry_address]}
        with readable():
            try:
                return [list(self._provider.web3.eth.get_logs(query))]
            except Web3RPCError:
                if stop - start == 1:
                    raise
        middle = (start + stop) // 2
        return self._logs_between(start, middle) + self._logs_between(middle, stop)

    def _events_of(self, answers: list[list[Any]]) -> list[Event]:
        """The events of answers with logs in any order, each once however often the node gives it.

        An answer is of one chain: where its newest block stands, all before it do, and need not be asked for if the
        node says with the logs when they were made.
        """
        newest = {max(int(log["blockNumber"]) for log in answer) for answer in answers if answer}
        by_position = {(log["blockNumber"], log["logIndex"]): log for answer in answers for log in answer}
        blocks: dict[int, tuple[bytes, int]] = {}
        found = (self._event(by_position[position], blocks, newest) for position in sorted(by_position))
        return [event for event in found if event is not None]

    def _event(self, log: Any, blocks: dict[int, tuple[bytes, int]], newest: set[int]) -> Event | None:
        """The event of a log, or None for one of another contract; `blocks` are those known already."""
        contract = {self.address: "Sonar", self.registry_address: "CapsuleRegistry"}.get(log["address"])
        if contract is None:
            return None
        decoded = abi(contract).decode_log([bytes(topic) for topic in log["topics"]], _bytes(log["data"]))
        if decoded is None:
            return None
        number = int(log["blockNumber"])
        if number not in blocks:
            blocks[number] = (None if number in newest else _stated_block(log)) or self._block(number)
        block_hash, time = blocks[number]
        if block_hash != bytes(log["blockHash"]):
            raise ChainError(f"block {number} was reorganised while it was read: read it again")
        position = LogPosition(number, block_hash, int(log["logIndex"]), bytes(log["transactionHash"]), time)
        try:
            return build_event(*decoded, position)
        except (ValueError, TypeError) as error:
            raise FormatError(f"event {decoded[0]}", f"{error}: the contract is another Sonar's") from None

    def _block(self, number: int) -> tuple[bytes, int]:
        with readable():
            block = self._provider.web3.eth.get_block(number)
        return bytes(block["hash"]), int(block["timestamp"])


def _stated_block(log: Any) -> tuple[bytes, int] | None:
    """Hash and time of a log's block, where the node gives the time as well."""
    time = log.get("blockTimestamp")
    if time is None:
        return None
    with readable():
        return bytes(log["blockHash"]), int(time, 16) if isinstance(time, str) else int(time)


def _active_provider() -> ProviderAPI:
    from ape.utils.basemodel import ManagerAccessMixin

    return ManagerAccessMixin.provider


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)
