"""Reads the Sonar contracts and their chain: views, balances, blocks, events. Sends nothing, decides nothing.

A method without a docstring is the contracts' view of the same name; contracts/interfaces documents it.
"""

from __future__ import annotations

from typing import Any

from ape.api import ProviderAPI
from eth_utils import to_checksum_address
from hexbytes import HexBytes
from web3.exceptions import BlockNotFound, Web3RPCError

from sonar_core.base.errors import FormatError
from sonar_core.chain.abi import abi
from sonar_core.chain.errors import ChainError, NoContractError, readable, unreachable
from sonar_core.chain.revert_decoding import contract_error, revert_data
from sonar_core.chain.rpc import code_at, coin_balance
from sonar_core.protocol.events import Event, LogPosition, build_event
from sonar_core.protocol.structs import CampaignRecord, CapsuleTerms, CurrencyTerms, Status, Terms

#: Blocks per query: a range that public nodes answer. A query that a node refuses is halved.
_LARGEST_RANGE = 2_000
#: Longest symbol of a token that is shown, in characters.
_LONGEST_SYMBOL = 32


class ContractReader:
    """Sonar and its CapsuleRegistry on one chain.

    Args:
        address: of the Sonar contract.
        provider: Ape's provider; the active one if left out.

    Attributes:
        address, registry_address: checksummed addresses of the two contracts.
        chain_id: EIP-155 id of the chain.

    Raises:
        NoContractError: the address has no code.
        ChainError: the node does not answer.
    """

    def __init__(self, address: str, provider: ProviderAPI | None = None) -> None:
        self.address = to_checksum_address(address)
        self._provider = provider or _active_provider()
        self.chain_id = self._provider.chain_id
        self.registry_address: str = self._call("Sonar", self.address, "registry")

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
        """Time that a transaction would see now: that of the pending block, and at least the newest block's."""
        with readable():
            blocks = self._provider.web3.eth
            newest = int(blocks.get_block("latest")["timestamp"])
            try:
                return max(newest, int(blocks.get_block("pending")["timestamp"]))
            except BlockNotFound:
                return newest

    def coin_balance(self, account: str) -> int:
        """Balance of an account, wei."""
        return coin_balance(self._provider.web3, account)

    def gas_paid(self, transaction: bytes) -> int:
        """Gas cost of a transaction that is in a block, in wei. Raises ChainError."""
        with readable():
            receipt = self._provider.web3.eth.get_transaction_receipt(HexBytes(transaction))
        return int(receipt["gasUsed"]) * int(receipt["effectiveGasPrice"])

    def code(self, address: str) -> bytes:
        """Bytecode at an address."""
        return code_at(self._provider.web3, address)

    def gas_price(self) -> int:
        """Current gas price, wei per unit of gas."""
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

    # ------------------------------------------------------------------ parts

    def _view(self, function: str, *arguments: Any) -> Any:
        return self._call("Sonar", self.address, function, *arguments)

    def _call(self, contract: str, address: str, function: str, *arguments: Any) -> Any:
        data = abi(contract).encode_call(function, arguments)
        answer = self._eth_call({"to": to_checksum_address(address), "data": data})
        if not answer and not self.code(address):
            raise NoContractError(
                f"there is no contract {contract} at {address} on chain {self.chain_id}: check the network"
            )
        return abi(contract).decode_result(function, answer)

    def _eth_call(self, call: dict[str, Any]) -> bytes:
        try:
            # EIP-3668 lets a contract redirect the caller to a URL of its choice; it is not followed.
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
        decoded = abi(contract).decode_log([bytes(topic) for topic in log["topics"]], to_bytes(log["data"]))
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


def to_bytes(value: Any) -> bytes:
    """Bytes of a node's answer, which is hex text with 0x or bytes."""
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)
