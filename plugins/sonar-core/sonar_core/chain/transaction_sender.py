"""Sends one account's transactions: writes each to an outbox, broadcasts it, waits for its block, raises its gas fees.

A service keeps its outbox in its journal, waits for a transaction once, and lets `tend` replace it later, so that a
pending transaction never blocks the service loop. A command has no journal: `send` itself replaces the transaction
until it is in a block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ape.api import AccountAPI, ProviderAPI, ReceiptAPI, TransactionAPI
from ape.exceptions import ApeException, TransactionNotFoundError
from eth_utils import to_checksum_address
from web3.exceptions import Web3Exception

from sonar_core.base.database import IN_MEMORY, Database
from sonar_core.base.errors import one_line
from sonar_core.chain.contract_errors import ContractError
from sonar_core.chain.errors import (
    FundsError,
    NonceError,
    TransactionError,
    UnconfirmedError,
    readable,
    transaction_failure,
    unreachable,
)
from sonar_core.chain.gas_fees import HIGHEST_FEE, GasFees
from sonar_core.chain.outbox import OUTBOX_TABLE, Call, NonceAction, Outbox, SignedTransaction, next_nonce_action
from sonar_core.chain.rpc import coin_balance, included, transaction_count

#: Words of nodes for a transaction that they have already.
_KNOWN_WORDS = ("already known", "already imported", "known transaction")
#: Type of a transaction with the two fees of EIP-1559.
_DYNAMIC_FEES = 2
#: Replacements of a command's transaction: each offers a quarter more, all together six times the first fee.
_REPLACEMENTS = 8


class TransactionSender:
    """One account's transactions, one nonce after the other.

    Args:
        provider: of the node.
        account: signer.
        outbox: transactions that were sent and are not confirmed yet, across restarts.
        highest_fee: highest gas fee that a replacement may offer, in wei per unit of gas.
        simulate: runs a call as of now; raises the contract's error, or ChainError.
        replacements: how often `send` replaces a transaction that is in no block in time; 0 leaves that to `tend`.
        clock: monotonic seconds, for the age of a transaction.

    Attributes:
        waits: message on the pending transaction; None if the next one may be sent.
    """

    def __init__(
        self,
        provider: ProviderAPI,
        account: AccountAPI,
        outbox: Outbox,
        *,
        highest_fee: int,
        simulate: Callable[[Call], object],
        replacements: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider, self._account, self._outbox = provider, account, outbox
        self._address = to_checksum_address(str(account.address))
        self._highest_fee, self._simulate, self._clock = highest_fee, simulate, clock
        self._replacements = replacements
        # The age of a transaction sent before a restart is unknown: it counts from now.
        self._started, self._offered_at = clock(), dict[int, float]()
        self._missing: int | None = None
        self.waits: str | None = None

    @classmethod
    def without_journal(
        cls,
        provider: ProviderAPI,
        account: AccountAPI,
        *,
        highest_fee: int = HIGHEST_FEE,
        simulate: Callable[[Call], object] = lambda call: None,
    ) -> TransactionSender:
        """The sender of a command: its outbox is in memory, and `send` replaces what waits too long."""
        outbox = Outbox(Database(IN_MEMORY, [OUTBOX_TABLE]), str(account.address))
        return cls(provider, account, outbox, highest_fee=highest_fee, simulate=simulate, replacements=_REPLACEMENTS)

    # ------------------------------------------------------------------ send

    def send(self, call: Call, nonce: int | None = None) -> ReceiptAPI:
        """Writes a transaction to the outbox, broadcasts it, and waits for its block.

        Each wait lasts for the network's acceptance time-out. The transaction takes the account's next nonce, also if
        the node has forgotten an earlier transaction with it: a chain takes one of both. A service that got
        UnconfirmedError sends nothing before `tend` has run.

        Raises:
            UnconfirmedError: it, or an earlier one with the nonce, was sent and is in no block yet.
            FundsError, NonceError, TransactionError: no node took it.
            ChainError: the node cannot be reached; it may have taken it.
            JournalError: it could not be written down, and was not sent.
        """
        if self.waits is not None and not self._replacements:
            raise TransactionError(f"nothing is sent meanwhile: {self.waits}")
        mined, pending = self._counts()
        number = mined if nonce is None else nonce
        offers = self._outbox.offers(number)
        if number < mined or pending > number:
            raise self._unconfirmed(offers[-1]) if offers else self._taken(number)
        receipt = self._send_and_wait(number, call, offers)
        if self._replacements:
            # Nobody tends a command's outbox.
            self._outbox.forget_below(number + 1)
        return receipt

    def _send_and_wait(self, number: int, call: Call, offers: list[SignedTransaction]) -> ReceiptAPI:
        gas, fees = self._terms(call, offers)
        for left in range(self._replacements, -1, -1):
            try:
                transaction, offer = self._signed(number, call, gas, fees)
            except NonceError:
                # An earlier one got into a block while this one was made.
                if receipt := self._receipt_of(offers, call):
                    return receipt
                raise
            self._note(offer)
            try:
                return self._provider.send_transaction(transaction)
            except TransactionNotFoundError:
                pass
            except OSError as error:
                raise unreachable(error) from None
            except (ApeException, Web3Exception, ValueError) as error:
                return self._refused(offer, offers, error)
            offers = [*offers, offer]
            if receipt := self._receipt_of(offers, call):
                return receipt
            gas, fees = offer.gas, self._higher(offer) if left else None
            if fees is None:
                break
        raise self._unconfirmed(offers[-1])

    def _terms(self, call: Call, offers: Sequence[SignedTransaction]) -> tuple[int | None, GasFees | None]:
        """Gas limit and fees, None if Ape finds them. Unchanged ones make the same transaction, with the same hash."""
        if not offers:
            return None, None
        last = offers[-1]
        gas = last.gas if last.call == call else None
        if gas is not None and not self._overdue(last.nonce):
            return gas, last.fees
        return gas, self._higher(last) or last.fees

    def _refused(self, offer: SignedTransaction, former: Sequence[SignedTransaction], error: Exception) -> ReceiptAPI:
        """The receipt of the same call if it is in a block after all; else raises the meaning of the refusal."""
        if any(word in str(error).lower() for word in _KNOWN_WORDS):
            raise self._unconfirmed(offer) from None
        if receipt := self._receipt_of([*former, offer], offer.call):
            return receipt
        if offer not in former:
            self._outbox.withdraw(offer)
        self._simulate(offer.call)
        value = offer.call.value
        failure = transaction_failure(error, self._address, value, coin_balance(self._provider.web3, self._address))
        if former and isinstance(failure, NonceError):
            failure = self._unconfirmed(former[-1])
        raise failure from None

    def _receipt_of(self, offers: Sequence[SignedTransaction], call: Call) -> ReceiptAPI | None:
        """The receipt of the transaction that is in a block, if it makes this call."""
        found = self._included(offers)
        if found is None or found.call != call:
            return None
        with readable():
            return self._provider.get_receipt(f"0x{found.hash.hex()}")

    # ------------------------------------------------------------------ tend

    def tend(self, confirmed: int, held: Collection[int] = ()) -> str | None:
        """Looks after the transactions in the outbox. Does not wait.

        A transaction that is pending for longer than the acceptance time-out is replaced with higher fees; if the
        contract would refuse it by now, an empty transaction takes its nonce. So does one for a nonce that is missing
        below others.

        Args:
            confirmed: the account's transactions in blocks that have their confirmations.
            held: nonces reserved for transactions that are not sent yet.

        Returns:
            A message on the pending transaction; None if the next one may be sent.

        Raises:
            ChainError, JournalError.
        """
        self._outbox.forget_below(confirmed)
        mined, pending = self._counts()
        written = self._outbox.nonces()
        self.waits = self._stranger(written, mined) or self._look_after({*written, *held}, mined, pending)
        return self.waits

    def _stranger(self, written: Sequence[int], mined: int) -> str | None:
        """Message on a nonce that another wallet's transaction took, until that transaction has its confirmations."""
        for nonce in written:
            if nonce < mined and self._included(self._outbox.offers(nonce)) is None:
                return f"nonce {nonce} of {self._address} went to another transaction, which has no confirmations yet"
        return None

    def _look_after(self, written: Collection[int], mined: int, pending: int) -> str | None:
        action, nonce = next_nonce_action(written, mined=mined, pending=pending)
        missing, self._missing = self._missing, None
        match action:
            case NonceAction.NONE:
                return None
            case NonceAction.WAIT:
                return f"another transaction of {self._address}, of nonce {nonce}, waits for its block"
            case NonceAction.RAISE:
                return self._raise(self._outbox.offers(nonce))
            case NonceAction.FILL_GAP:
                self._missing = nonce
                # On the second call only: a node that has just lost a block may hear of its transactions again.
                if missing == nonce:
                    self._post(nonce, self._again(nonce), None)
                return f"nonce {nonce} of {self._address} is missing below others: an empty transaction takes it"

    def _raise(self, offers: Sequence[SignedTransaction]) -> str:
        if not offers:
            return "a transaction that is not written down waits for its block"
        last = offers[-1]
        words = f"transaction 0x{last.hash.hex()} of nonce {last.nonce} waits for its block"
        if not self._overdue(last.nonce):
            return words
        fees = self._higher(last)
        if fees is None:
            return f"{words}, and no higher fee may be offered for it: see highest_fee"
        try:
            self._post(last.nonce, self._again(last.nonce), fees)
        except FundsError as error:
            return f"{words}: {one_line(error)}"
        return f"{words}: up to {fees.most} wei per unit of gas are offered now"

    def _again(self, nonce: int) -> Call:
        """The last call of a nonce; an empty one if the nonce has none, or the contract would refuse it."""
        offers = self._outbox.offers(nonce)
        empty = Call(self._address, b"", 0)
        if not offers:
            return empty
        try:
            self._simulate(offers[-1].call)
        except ContractError:
            return empty
        return offers[-1].call

    def _post(self, nonce: int, call: Call, fees: GasFees | None) -> None:
        """Broadcasts without waiting. A node that refuses it changes nothing."""
        former = self._outbox.offers(nonce)
        gas = former[-1].gas if former and former[-1].call == call else None
        transaction, offer = self._signed(nonce, call, gas, fees or (former[-1].fees if former else None))
        self._note(offer)
        try:
            self._provider.web3.eth.send_raw_transaction(transaction.serialize_transaction())
        except OSError as error:
            raise unreachable(error) from None
        except (Web3Exception, ValueError) as error:
            if offer not in former and not any(word in str(error).lower() for word in _KNOWN_WORDS):
                self._outbox.withdraw(offer)

    # ------------------------------------------------------------------ parts

    def _counts(self) -> tuple[int, int]:
        web3, address = self._provider.web3, self._address
        return transaction_count(web3, address, "latest"), transaction_count(web3, address, "pending")

    def _signed(
        self, nonce: int, call: Call, gas: int | None, fees: GasFees | None
    ) -> tuple[TransactionAPI, SignedTransaction]:
        what: dict[str, Any] = {"sender": self._address, "receiver": call.to, "data": call.data, "value": call.value}
        if gas is not None:
            what["gas"] = gas
        if fees is not None:
            what |= {"max_fee": fees.most, "max_priority_fee": fees.tip, "type": 2}
        chain_id = self._provider.chain_id
        # A service counts confirmations itself; a command waits for as many as the network asks for.
        confirmations = None if self._replacements else 0
        try:
            transaction = self._provider.network.ecosystem.create_transaction(
                nonce=nonce, chain_id=chain_id, required_confirmations=confirmations, **what
            )
            signed = self._account.sign_transaction(self._account.prepare_transaction(transaction))
        except OSError as error:
            raise unreachable(error) from None
        except (ApeException, Web3Exception, ValueError) as error:
            self._simulate(call)
            held = coin_balance(self._provider.web3, self._address)
            raise transaction_failure(error, self._address, call.value, held) from None
        if signed is None:
            raise TransactionError(f"{self._address} does not sign: unlock its account")
        return signed, SignedTransaction(nonce, bytes(signed.txn_hash), call, signed.gas_limit, _fees_of(signed))

    def _note(self, offer: SignedTransaction) -> None:
        self._outbox.note(offer)
        self._offered_at[offer.nonce] = self._clock()

    def _overdue(self, nonce: int) -> bool:
        patience = float(self._provider.network.transaction_acceptance_timeout)
        return self._clock() - self._offered_at.get(nonce, self._started) >= patience

    def _higher(self, offer: SignedTransaction) -> GasFees | None:
        """Fees of a replacement; None without EIP-1559, or if they would exceed the highest. Raises ChainError."""
        if offer.fees is None:
            return None
        with readable():
            asked = int(self._provider.gas_price)
        return offer.fees.raised(asked, self._highest_fee)

    def _included(self, offers: Sequence[SignedTransaction]) -> SignedTransaction | None:
        """The one that is in a block, or None."""
        found = included(self._provider.web3, [offer.hash.hex() for offer in offers])
        return next((offer for offer in offers if offer.hash.hex() == found), None)

    def _unconfirmed(self, offer: SignedTransaction) -> UnconfirmedError:
        error = UnconfirmedError(f"0x{offer.hash.hex()}")
        self.waits = one_line(error)
        return error

    def _taken(self, nonce: int) -> NonceError:
        return NonceError(
            f"another transaction of {self._address} has nonce {nonce}: look at the chain, then repeat; "
            "a service needs its own account"
        )


def _fees_of(transaction: TransactionAPI) -> GasFees | None:
    """Fees of a prepared transaction; None without EIP-1559."""
    if transaction.type != _DYNAMIC_FEES or transaction.max_fee is None:
        return None
    return GasFees(transaction.max_fee, transaction.max_priority_fee or 0)
