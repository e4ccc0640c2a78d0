"""Sends a service's transactions: each is in its outbox before it is out, and one that waits holds up no look."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ape.api import AccountAPI, ProviderAPI, ReceiptAPI, TransactionAPI
from ape.exceptions import ApeException, TransactionNotFoundError
from eth_utils import to_checksum_address
from web3.exceptions import Web3Exception

from sonar_core.base.errors import one_line
from sonar_core.chain.contract_errors import ContractError
from sonar_core.chain.errors import (
    FundsError,
    NonceError,
    TransactionError,
    UnconfirmedError,
    transaction_failure,
    unreachable,
)
from sonar_core.chain.gas_fees import GasFees
from sonar_core.chain.outbox import Call, NonceAction, Outbox, SignedTransaction, next_nonce_action
from sonar_core.chain.rpc import coin_balance, fees_of, higher_fees, included, transaction_count

#: What nodes say of a transaction that they have already.
_KNOWN_WORDS = ("already known", "already imported", "known transaction")


class TransactionSender:
    """One account's transactions, one nonce after the other.

    Args:
        provider: of the node.
        account: who signs.
        outbox: what was sent, across restarts.
        highest_fee: most wei a unit of gas that is offered for what waits.
        simulate: a call as of now; raises what the contract would, or ChainError.
        clock: seconds that only grow; how long a transaction waits for its block before more is offered.

    Attributes:
        waits: what is waited for, in words; None where the next transaction may be sent.
    """

    def __init__(
        self,
        provider: ProviderAPI,
        account: AccountAPI,
        outbox: Outbox,
        *,
        highest_fee: int,
        simulate: Callable[[Call], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider, self._account, self._outbox = provider, account, outbox
        self._address = to_checksum_address(str(account.address))
        self._highest_fee, self._simulate, self._clock = highest_fee, simulate, clock
        # When something was sent before a restart is not known: its patience begins anew.
        self._started, self._offered_at = clock(), dict[int, float]()
        self._missing: int | None = None
        self.waits: str | None = None

    # ------------------------------------------------------------------ something new

    def send(self, call: Call, nonce: int | None = None) -> ReceiptAPI:
        """Writes a transaction down, sends it, and waits for its block, for one acceptance time-out at most.

        It takes the account's next nonce, whatever was sent under it before and was forgotten: of both a chain takes
        one. After it is said to be unconfirmed nothing is sent before `tend` has looked after it.

        Raises:
            UnconfirmedError: it, or another one, was sent and is in no block yet.
            FundsError, NonceError, TransactionError: nobody took it.
            ChainError: the node cannot be reached; it may have taken it.
            JournalError: it cannot be written down, and was not sent.
        """
        if self.waits is not None:
            raise TransactionError(f"nothing is sent meanwhile: {self.waits}")
        mined, with_waiting = self._counts()
        number = mined if nonce is None else nonce
        former = self._outbox.offers(number)
        if number < mined or with_waiting > number:
            raise self._unconfirmed(former[-1]) if former else self._taken(number)
        transaction, offer = self._signed(number, call, *self._terms(call, former))
        self._note(offer)
        try:
            return self._provider.send_transaction(transaction)
        except TransactionNotFoundError:
            raise self._unconfirmed(offer) from None
        except OSError as error:
            raise unreachable(error) from None
        except (ApeException, Web3Exception, ValueError) as error:
            return self._refused(offer, former, error)

    def _terms(self, call: Call, former: Sequence[SignedTransaction]) -> tuple[int | None, GasFees | None]:
        """Gas and fees, None for what Ape finds; what is sent again unchanged is the same transaction to every node."""
        if not former:
            return None, None
        last = former[-1]
        gas = last.gas if last.call == call else None
        if gas is not None and not self._overdue(last.nonce):
            return gas, last.fees
        return gas, self._higher(last) or last.fees

    def _refused(self, offer: SignedTransaction, former: Sequence[SignedTransaction], error: Exception) -> ReceiptAPI:
        """The receipt of the same call where it got in after all; else raises what its refusal means."""
        if any(word in str(error).lower() for word in _KNOWN_WORDS):
            raise self._unconfirmed(offer) from None
        included = self._included([*former, offer])
        if included is not None and included.call == offer.call:
            return self._provider.get_receipt(f"0x{included.hash.hex()}")
        if offer not in former:
            self._outbox.withdraw(offer)
        self._simulate(offer.call)
        value = offer.call.value
        failure = transaction_failure(error, self._address, value, coin_balance(self._provider.web3, self._address))
        if former and isinstance(failure, NonceError):
            failure = self._unconfirmed(former[-1])
        raise failure from None

    # ------------------------------------------------------------------ what was sent before

    def tend(self, confirmed: int, held: Collection[int] = ()) -> str | None:
        """Looks after what was sent; waits for nothing.

        What waits for longer than an acceptance time-out is sent again with higher fees; if the contract would refuse
        it by now, an empty transaction takes its nonce. A nonce that is missing below others goes to an empty one.

        Args:
            confirmed: the account's transactions in blocks that have their confirmations.
            held: nonces that are set aside for what is not sent yet.

        Returns:
            What is waited for, in words; None where the next transaction may be sent.

        Raises:
            ChainError, JournalError.
        """
        self._outbox.forget_below(confirmed)
        mined, with_waiting = self._counts()
        written = self._outbox.nonces()
        self.waits = self._stranger(written, mined) or self._look_after({*written, *held}, mined, with_waiting)
        return self.waits

    def _stranger(self, written: Sequence[int], mined: int) -> str | None:
        """Names a nonce that went to another wallet's transaction, while a reorganisation may still take that back."""
        for nonce in written:
            if nonce < mined and self._included(self._outbox.offers(nonce)) is None:
                return f"nonce {nonce} of {self._address} went to another transaction, which has no confirmations yet"
        return None

    def _look_after(self, written: Collection[int], mined: int, with_waiting: int) -> str | None:
        care, nonce = next_nonce_action(written, mined=mined, with_waiting=with_waiting)
        missing, self._missing = self._missing, None
        match care:
            case NonceAction.NONE:
                return None
            case NonceAction.WAIT:
                return f"another transaction of {self._address}, of nonce {nonce}, waits for its block"
            case NonceAction.RAISE:
                return self._raise(self._outbox.offers(nonce))
            case NonceAction.MEND:
                self._missing = nonce
                # At the second look: a node that has just lost a block may hear of its transactions again.
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
        return f"{words}: up to {fees.most} wei a unit of gas are offered now"

    def _again(self, nonce: int) -> Call:
        """The call that a nonce was for, or an empty one where there was none or the contract would refuse it."""
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
        """Sends under a nonce, and does not wait; a node that has no use for it says so, and nothing is lost."""
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

    # ------------------------------------------------------------------ how

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
        try:
            transaction = self._provider.network.ecosystem.create_transaction(
                nonce=nonce, chain_id=chain_id, required_confirmations=0, **what
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
        return signed, SignedTransaction(nonce, bytes(signed.txn_hash), call, signed.gas_limit, fees_of(signed))

    def _note(self, offer: SignedTransaction) -> None:
        self._outbox.note(offer)
        self._offered_at[offer.nonce] = self._clock()

    def _overdue(self, nonce: int) -> bool:
        patience = float(self._provider.network.transaction_acceptance_timeout)
        return self._clock() - self._offered_at.get(nonce, self._started) >= patience

    def _higher(self, offer: SignedTransaction) -> GasFees | None:
        return higher_fees(self._provider, offer.fees, self._highest_fee)

    def _included(self, offers: Sequence[SignedTransaction]) -> SignedTransaction | None:
        """The one that is in a block; None where none is."""
        found = included(self._provider.web3, [offer.hash.hex() for offer in offers])
        return next((offer for offer in offers if offer.hash.hex() == found), None)

    def _unconfirmed(self, offer: SignedTransaction) -> UnconfirmedError:
        error = UnconfirmedError(f"0x{offer.hash.hex()}")
        self.waits = one_line(error)
        return error

    def _taken(self, nonce: int) -> NonceError:
        return NonceError(
            f"nonce {nonce} of {self._address} is another transaction's: give the service its own account"
        )
