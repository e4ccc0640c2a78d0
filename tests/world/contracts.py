"""Short words for what the parties do on chain, so that tests read as the story they tell."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

from eth_utils import keccak

from sonar_core.chain.contracts import SonarContracts
from sonar_core.protocol.events import GradientScored, GradientSubmitted
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import (
    CampaignStart,
    CapsuleTerms,
    CurrencyOffer,
    CurrencyTerms,
    Rejection,
    Score,
    ScoredRecord,
    Status,
    Terms,
)
from sonar_core.protocol.units import ZERO_ADDRESS, parse_duration

WAD = 10**18
ETHER = 10**18
COIN = ZERO_ADDRESS
SCORING_FEE = 10**12
#: More than any move takes.
MOST_GAS = 3_000_000


def percent(number: float) -> int:
    """An accuracy in WAD."""
    return round(number * 10**14) * 100


def blob(name: object) -> bytes:
    """A content address that stands for a blob of that name."""
    return keccak(text=str(name))


CAPSULE_TERMS = CapsuleTerms(
    scoring_fee=1, open_within=60, scoring_window=60, per_gradient=1, delivery_window=60, largest_model=10_000
)


@contextmanager
def undone(chain):
    """Reverts the chain after the block. `chain.isolate()` does not serve: it swallows exceptions."""
    before = chain.snapshot()
    try:
        yield
    finally:
        chain.restore(before)


class Unlocked:
    """An account that the node itself signs for: the one it stands for, without Ape's trace of every receipt."""

    def __init__(self, account, web3) -> None:
        self.address, self._eth = account.address, web3.eth
        # A service with a journal signs by itself, to know a transaction before it is out.
        self.prepare_transaction, self.sign_transaction = account.prepare_transaction, account.sign_transaction

    def call(self, transaction) -> SimpleNamespace:
        fields = {"from": self.address, "to": transaction.receiver, "data": transaction.data, "gas": MOST_GAS}
        if transaction.nonce is not None:
            fields["nonce"] = transaction.nonce
        sent = self._eth.send_transaction(fields | {"value": transaction.value})
        receipt = self._eth.wait_for_transaction_receipt(sent, timeout=60, poll_latency=0.02)
        return SimpleNamespace(
            failed=receipt["status"] == 0, txn_hash=sent.to_0x_hex(), block_number=receipt["blockNumber"]
        )


class Stage:
    """One Sonar, one announced Capsule, and the parties' moves.

    Each move gives what a test needs next; the state is always rebuilt from events (`state`).
    """

    def __init__(self, sonar, chain, scientist, capsule, miner, *, start: int | None = None) -> None:
        """`start`: block from which a Sonar stands that others have used before; its Capsule announced itself then."""
        self.sonar, self.chain = sonar, chain
        self.scientist, self.capsule, self.miner = scientist, capsule, miner
        self.start = chain.blocks.head.number if start is None else start
        self._clients: dict[str | None, SonarContracts] = {}
        self._read, self._read_hash, self._ledger = self.start, b"", Ledger()
        # Nonces that whoever was here before has not used.
        self._count = 0 if start is None else 1_000
        if start is None:
            self.announce()

    def as_(self, account) -> SonarContracts:
        """The chain client of an account; None only looks."""
        address = account and str(account.address)
        if address not in self._clients:
            signer = account and Unlocked(account, self.chain.provider.web3)
            self._clients[address] = SonarContracts(self.sonar.address, signer)
        return self._clients[address]

    def announce(self, *, currencies=(COIN,), terms: CapsuleTerms = CAPSULE_TERMS, account=None) -> None:
        offers = [CurrencyOffer(str(currency), CurrencyTerms(True, 0, 10**30)) for currency in currencies]
        self.as_(account or self.capsule).announce(blob("certificates"), terms, offers)

    def terms(self, **changes) -> Terms:
        """Ordinary terms; durations may be given in words ("2 hours")."""
        ordinary = Terms(
            capsule=str(self.capsule.address),
            arbiter=ZERO_ADDRESS,
            currency=COIN,
            bounty=1000,
            capsule_fee=50,
            capsule_bond=1000,
            compensation=10,
            scoring_fee=SCORING_FEE,
            starting_accuracy=0,
            target_accuracy=percent(80),
            min_improvement=percent(0.5),
            open_within=3600,
            duration=86_400,
            notice_period=600,
            scoring_window=3600,
            per_gradient=60,
            unavailability_window=1800,
            delivery_window=7200,
            audit_window=0,
            scheme=1,
            spec=blob("spec"),
            validation=blob("validation"),
            validation_root=blob("validation root"),
            parent=bytes(32),
        )
        plain = {
            key: parse_duration(value) if isinstance(value, str) and " " in value else value
            for key, value in changes.items()
        }
        return replace(ordinary, **plain)

    # ------------------------------------------------------------------ moves

    def create(self, account=None, **changes) -> bytes:
        """A Requested Campaign."""
        terms = self.terms(**changes)
        client = self.as_(account or self.scientist)
        if terms.currency != COIN:
            client.approve(terms.currency, terms.bounty + terms.capsule_fee)
        self._count += 1
        return client.create(self._count, terms).events[0].campaign

    def open(self, campaign: bytes, accuracy: int = 0) -> bytes:
        terms = self.state(campaign).terms
        client = self.as_(self.capsule)
        if terms.currency != COIN and terms.capsule_bond:
            client.approve(terms.currency, terms.capsule_bond)
        value = terms.capsule_bond if terms.currency == COIN else 0
        start = CampaignStart(blob("key"), blob("key root"), blob("model 0"), blob("model 0 root"), accuracy)
        client.open(campaign, start, value=value)
        return campaign

    def opened(self, accuracy: int = 0, **changes) -> bytes:
        """An Open Campaign."""
        return self.open(self.create(**changes), accuracy)

    def submit(self, campaign: bytes, account=None, *, bundle: object = None, version: int = 0) -> int:
        """Submits a Gradient. Returns its number."""
        self._count += 1
        name = bundle or f"bundle {self._count}"
        client = self.as_(account or self.miner)
        fee = self.state(campaign).terms.scoring_fee
        receipt = client.submit_gradient(campaign, blob(name), blob(f"commitment {name}"), version, fee=fee)
        return next(event.number for event in receipt.events if isinstance(event, GradientSubmitted))

    def score(self, campaign: bytes, accuracy: int) -> ScoredRecord:
        """Scores the oldest Gradient. Returns the record that claims its reward."""
        state = self.state(campaign)
        gradient = state.oldest_unscored
        assert gradient is not None, "no Gradient waits"
        improved = self.improves(state, accuracy)
        number = gradient.record.number
        score = Score(
            accuracy=accuracy,
            step_size=4,
            model=blob(f"model of {number}") if improved else bytes(32),
            model_root=blob(f"root of {number}"),
            unsealed_bundle=blob(f"opened {number}"),
            evidence=blob(f"evidence {number}"),
        )
        receipt = self.as_(self.capsule).score_gradient(campaign, gradient.record, score, state.next_in_queue)
        assert any(isinstance(event, GradientScored) for event in receipt.events)
        scored = self.state(campaign).gradients[number].scored
        assert scored is not None
        return scored

    @staticmethod
    def improves(state: CampaignState, accuracy: int) -> bool:
        missing = state.terms.target_accuracy - state.accuracy
        return accuracy >= state.accuracy + min(missing, state.terms.min_improvement)

    def reject(self, campaign: bytes, reason: Rejection = Rejection.MALFORMED) -> None:
        state = self.state(campaign)
        assert state.oldest_unscored is not None
        self.as_(self.capsule).reject_gradient(
            campaign, state.oldest_unscored.record, reason, bytes(32), blob("evidence"), state.next_in_queue
        )

    def deliver(self, campaign: bytes) -> None:
        self.as_(self.capsule).deliver(campaign, blob("delivery"), blob("openings"))

    def delivered(self, campaign: bytes) -> bytes:
        """Ends mining and delivers the Model."""
        if self.status(campaign) is Status.OPEN:
            self.until(self.state(campaign).ends_at)
        self.deliver(campaign)
        return campaign

    def expired(self, campaign: bytes) -> bytes:
        """Lets the Capsule miss its window, and records it."""
        self.until(max(self.state(campaign).due_at(), self.state(campaign).ends_at))
        self.as_(self.miner).expire(campaign)
        return campaign

    def claim(self, campaign: bytes, *numbers: int, account=None, to=None):
        account = account or self.miner
        gradients = [self.state(campaign).gradients[number].scored for number in numbers]
        return self.as_(account).claim(campaign, gradients, str((to or account).address))

    # ------------------------------------------------------------------ looking

    def ledger(self) -> Ledger:
        """The ledger from all events at once."""
        client = self.as_(None)
        return Ledger().apply_all(client.events(self.start, client.newest_block() + 1))

    def state(self, campaign: bytes) -> CampaignState:
        """From events alone, of which only new ones are read while the chain only grew."""
        client, head = self.as_(None), self.as_(None).newest_block()
        grown = self._read == self.start or (
            head >= self._read - 1 and client.block_hash(self._read - 1) == self._read_hash
        )
        if not grown:
            self._read, self._ledger = self.start, Ledger()
        self._ledger.apply_all(client.events(self._read, head + 1))
        self._read, self._read_hash = head + 1, client.block_hash(head)
        return self._ledger.campaign(campaign)

    def status(self, campaign: bytes) -> Status:
        return self.as_(None).status_of(campaign)

    def now(self) -> int:
        return self.chain.blocks.head.timestamp

    def wait(self, time: int | str) -> None:
        """Lets time pass: seconds, or words ("2 hours")."""
        self.until(self.now() + (parse_duration(time) if isinstance(time, str) else time))

    def until(self, moment: int) -> None:
        """Lets time pass up to a moment, so that the newest block has it."""
        if moment > self.now():
            self.chain.mine(timestamp=moment)
