"""A small world for one Mine: a simulated chain with the contracts' rules, a Capsule's keys, rows, and a fuse.

The chain is simulated (py-evm has its own tests): it keeps nonces, a pool of waiting transactions and blocks that can
be taken back, which are what a Mine that is killed has to live with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from eth_utils.address import to_checksum_address

from sonar_core.base.database import Database
from sonar_core.chain.contract_errors import (
    ClaimsNotOpenError,
    MiningOverError,
    NothingMissedError,
    NotOpenError,
    VersionUnknownError,
    WrongGradientError,
    WrongValueError,
)
from sonar_core.chain.contracts import Receipt
from sonar_core.crypto.certificates import Key, format_keyring
from sonar_core.protocol import events as ev
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.commitments import public_key_root, tensor_root
from sonar_core.protocol.events import Event, LogPosition
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import CampaignStart, GradientRecord, Rejection, Score, ScoredRecord, Status, Terms
from sonar_core.protocol.units import ZERO_ADDRESS
from sonar_core.store.embedded import EmbeddedStore
from syft import wire
from syft.nn import LinearClassifier, Model
from syft.paillier import EncryptedTensor, PrivateContext, generate_paillier_keypair
from tests.world.killing import KilledError

SONAR, MINER, CAPSULE, SCIENTIST, RIVAL = (
    to_checksum_address("0x" + pair * 20) for pair in ("50", "a1", "ca", "5c", "71")
)
CHAIN_ID, FEE = 1337, 10**12
AGE = {"name": "age", "type": "number", "constraints": {"minimum": 0, "maximum": 128}}
DOSE = {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 2}}
ILL = {"name": "ill", "type": "boolean"}
INPUT, OUTPUT = {"fields": [AGE, DOSE]}, {"fields": [ILL]}
POLICY = """
datasets: {ward-7: {consent: own}}
allow:
  - {dataset: ward-7, output: [ill], capsules: any, bounty: '>= 0 ether', rounds: 3, patience: 2, approve: automatic}
"""


# ------------------------------------------------------------------ keys and Models, made once


@cache
def private_context() -> PrivateContext:
    return PrivateContext(generate_paillier_keypair(n_length=2048)[1])


@cache
def capsule_key() -> Key:
    return Key.generate("Capsule")


@cache
def scientist_key() -> Key:
    return Key.generate("Data Scientist")


def model() -> Model:
    return LinearClassifier(inputs=2, outputs=2, mu=0.05).with_initial_weights(seed=7)


def spec(**changes: Any) -> CampaignSpec:
    architecture, _ = model().to_spec()
    document = {
        "format": "sonar-campaign/1",
        "description": "Who falls ill",
        "input": {"description": "Patients", "schema": INPUT},
        "output": {"description": "Falls ill", "schema": OUTPUT},
        "model": architecture,
        "frozen": {},
        "initial": {"kind": "seeded", "seed": 7},
        "fixed_point": {"weight_exponent": 16, "weight_bound": 64, "gradient_bits": 8},
        "key_bits": 2048,
        "metric": "accuracy",
        "certificate": scientist_key().certificate.armoured(),
    }
    return CampaignSpec.parse({**document, **changes})


@cache
def encrypted_model() -> EncryptedTensor:
    weights = model().encrypt(private_context()).weights_
    assert isinstance(weights, EncryptedTensor)
    return weights


def rows(count: int = 60, seed: int = 3) -> tuple[list[tuple[float, float]], list[bool]]:
    """Rows with a rule in them, and digits enough to be recognised again."""
    generator = np.random.default_rng(seed)
    table = [(round(float(age), 9), round(float(dose), 9)) for age, dose in generator.uniform(0, (128, 2), (count, 2))]
    return table, [age / 128 + dose / 2 > 1 for age, dose in table]


def write_csv(path: Path) -> Path:
    table, answers = rows()
    lines = [f"{age},{dose},{str(ill).lower()}" for (age, dose), ill in zip(table, answers, strict=True)]
    path.write_text("age,dose,ill\n" + "\n".join(lines) + "\n")
    return path


# ------------------------------------------------------------------ being killed


@dataclass
class Fuse:
    """Burns down by one at every point where a process could be killed."""

    left: int | None = None
    burned: list[str] = field(default_factory=list)
    fired: bool = False

    def burn(self, point: str) -> None:
        self.burned.append(point)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left, self.fired = None, True
                raise KilledError(point)


# ------------------------------------------------------------------ the simulated chain


@dataclass
class _Waiting:
    sender: str
    nonce: int
    happen: Callable[[LogPosition, Ledger], list[Event]]


class SimulatedSonar:
    """Sonar's events by the contracts' rules, in memory, for any number of senders (`as_sender`)."""

    def __init__(self) -> None:
        self.chain_id, self.address = CHAIN_ID, SONAR
        self.sender = MINER
        self.fuse = Fuse()
        self.shared = _Blocks()

    def as_sender(self, sender: str) -> Self:
        twin = type(self)()
        twin.sender, twin.fuse, twin.shared = sender, Fuse(), self.shared
        return twin

    # --- what was sent before: this chain's node forgets, and is never slow

    waits: str | None = None

    def with_journal(self, journal: Database) -> Self:
        return self

    def tend(self, until: int, held: Collection[int] = ()) -> str | None:
        return self.waits

    # --- looking

    def newest_block(self) -> int:
        return len(self.shared.blocks) - 1

    def block_hash(self, number: int) -> bytes:
        return self.shared.hash_of(number)

    def events(self, start: int, stop: int) -> list[Event]:
        return [event for block in self.shared.blocks[start:stop] for event in block.events]

    def timestamp(self) -> int:
        return self.shared.now

    def gas_price(self) -> int:
        return self.shared.gas_price

    def transaction_counts(self) -> tuple[int, int]:
        mined = self.shared.nonces().get(self.sender, 0)
        return mined, mined + sum(one.sender == self.sender for one in self.shared.pool)

    def transactions_until(self, block: int) -> int:
        return sum(one.sender == self.sender for old in self.shared.blocks[: block + 1] for one in old.taken)

    def ledger(self) -> Ledger:
        return Ledger().apply_all(self.events(0, self.newest_block() + 1))

    def campaign_of(self, campaign: bytes) -> CampaignState:
        """All that is asked of it is what a Campaign's record and its state have in common."""
        return Ledger().apply_all(event for block in self.shared.blocks for event in block.events).campaign(campaign)

    # --- the Miner's transactions

    def submit_gradient(
        self, campaign: bytes, bundle: bytes, commitment: bytes, version: int, *, fee: int, nonce: int | None = None
    ) -> Receipt:
        def happen(position: LogPosition, ledger: Ledger) -> list[Event]:
            state = _open(ledger, campaign, position.timestamp)
            if fee != state.terms.scoring_fee:
                raise WrongValueError(sent=fee, expected=state.terms.scoring_fee)
            if version > state.model.version:
                raise VersionUnknownError(campaign=campaign, version=version, newest=state.model.version)
            due = position.timestamp + state.terms.scoring_window
            who = (state.submitted, self.sender, bundle, commitment, version, position.timestamp, due)
            return [ev.GradientSubmitted(position, campaign, *who)]

        return self.send("submit", happen, nonce)

    def claim(self, campaign: bytes, gradients: list[ScoredRecord], to: str) -> Receipt:
        def happen(position: LogPosition, ledger: Ledger) -> list[Event]:
            state = _claimable(ledger, campaign, position.timestamp)
            paid: list[Event] = []
            for scored in gradients:
                kept = state.gradients[scored.number]
                if kept.claimed or kept.scored != scored or kept.record.miner != self.sender:
                    raise WrongGradientError(campaign=campaign, number=scored.number, expected=bytes(32))
                paid.append(ev.Claimed(position, campaign, scored.number, self.sender, to, state.reward(kept)))
            return paid

        return self.send("claim", happen)

    def reclaim_scoring_fees(self, campaign: bytes, gradients: list[GradientRecord], to: str) -> Receipt:
        return self._reclaim(campaign, [record.number for record in gradients], to, scored=False)

    def reclaim_voided_scoring_fees(self, campaign: bytes, gradients: list[ScoredRecord], to: str) -> Receipt:
        return self._reclaim(campaign, [scored.number for scored in gradients], to, scored=True)

    def compensate(self, campaign: bytes, numbers: list[int], to: str) -> Receipt:
        def happen(position: LogPosition, ledger: Ledger) -> list[Event]:
            state = _claimable(ledger, campaign, position.timestamp)
            for number in numbers:
                if not state.gradients[number].reclaimed or state.gradients[number].compensated:
                    raise WrongGradientError(campaign=campaign, number=number, expected=bytes(32))
            return [
                ev.Compensated(position, campaign, number, self.sender, to, state.compensation_share())
                for number in numbers
            ]

        return self.send("compensate", happen)

    def expire(self, campaign: bytes) -> Receipt:
        def happen(position: LogPosition, ledger: Ledger) -> list[Event]:
            state = ledger.campaign(campaign)
            if state.recorded is not Status.OPEN or state.status(position.timestamp) is not Status.EXPIRED:
                raise NothingMissedError(campaign=campaign, status=state.recorded, due=0)
            return [ev.CampaignExpired(position, campaign, position.timestamp)]

        return self.send("expire", happen)

    def _reclaim(self, campaign: bytes, numbers: list[int], to: str, *, scored: bool) -> Receipt:
        def happen(position: LogPosition, ledger: Ledger) -> list[Event]:
            state = _claimable(ledger, campaign, position.timestamp)
            for number in numbers:
                kept = state.gradients[number]
                if kept.reclaimed or number < state.valid_below or (kept.scored is not None) != scored:
                    raise WrongGradientError(campaign=campaign, number=number, expected=bytes(32))
            fee = state.terms.scoring_fee
            return [ev.ScoringFeeReclaimed(position, campaign, number, self.sender, to, fee) for number in numbers]

        return self.send("reclaim", happen)

    def send(
        self, name: str, happen: Callable[[LogPosition, Ledger], list[Event]], nonce: int | None = None
    ) -> Receipt:
        """Simulates it, lets it wait, and puts it into a block, with a point to be killed at after each."""
        self.fuse.burn(f"before {name}")
        happen(self.shared.next_position(), self.ledger())
        self.shared.pool.append(_Waiting(self.sender, self.transaction_counts()[1] if nonce is None else nonce, happen))
        self.fuse.burn(f"{name} waits")
        events = self.shared.mine()
        self.fuse.burn(f"after {name}")
        return Receipt(bytes(32), self.newest_block(), self.shared.now, tuple(events))


@dataclass
class _Block:
    salt: int
    events: list[Event]
    taken: list[_Waiting]


@dataclass
class _Blocks:
    blocks: list[_Block] = field(default_factory=lambda: [_Block(0, [], [])])
    pool: list[_Waiting] = field(default_factory=list)
    now: int = 1_000
    gas_price: int = 1
    salts: int = 0

    def hash_of(self, number: int) -> bytes:
        return hashlib.sha256(repr([block.salt for block in self.blocks[: number + 1]]).encode()).digest()

    def nonces(self) -> dict[str, int]:
        taken = [one for block in self.blocks for one in block.taken]
        return {one.sender: max(other.nonce for other in taken if other.sender == one.sender) + 1 for one in taken}

    def next_position(self) -> LogPosition:
        return LogPosition(len(self.blocks), bytes(32), 0, bytes(32), self.now)

    def mine(self) -> list[Event]:
        """A block of all that waits and has its turn; what the contracts refuse uses its nonce up all the same."""
        self.salts += 1
        block, position = _Block(self.salts, [], []), self.next_position()
        for waiting in sorted(self.pool, key=lambda one: one.nonce):
            if waiting.nonce == self.nonces().get(waiting.sender, 0) + sum(
                one.sender == waiting.sender for one in block.taken
            ):
                block.taken.append(waiting)
                ledger = Ledger().apply_all(event for old in [*self.blocks, block] for event in old.events)
                try:
                    happened = waiting.happen(position, ledger)
                except Exception:
                    happened = []
                for event in happened:
                    block.events.append(replace(event, position=replace(position, log_index=len(block.events))))
        self.pool = [
            one for one in self.pool if one not in block.taken and one.nonce >= self.nonces().get(one.sender, 0)
        ]
        self.blocks.append(block)
        return block.events

    def take_back(self, count: int) -> None:
        """A reorganisation: the last blocks go away, and what was in them waits again."""
        for block in self.blocks[-count:]:
            self.pool += block.taken
        del self.blocks[-count:]


def _open(ledger: Ledger, campaign: bytes, now: int) -> CampaignState:
    state = ledger.campaign(campaign)
    if state.status(now) is Status.CLOSING:
        raise MiningOverError(campaign=campaign, ended_at=state.ends_at)
    if state.status(now) is not Status.OPEN:
        raise NotOpenError(campaign=campaign, status=state.status(now))
    return state


def _claimable(ledger: Ledger, campaign: bytes, now: int) -> CampaignState:
    state = ledger.campaign(campaign)
    if not state.claims_open(now):
        raise ClaimsNotOpenError(campaign=campaign, claims_open_at=state.claims_open_at())
    return state


# ------------------------------------------------------------------ the other parties


class World:
    """A chain, a store, and the moves of Data Scientist and Capsule."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sonar = SimulatedSonar()
        self.others = self.sonar.as_sender(CAPSULE)
        self.store = EmbeddedStore(folder / "blobs")
        self.rival = self.sonar.as_sender(RIVAL)
        self._count = 0

    def state(self, campaign: bytes) -> CampaignState:
        return self.sonar.ledger().campaign(campaign)

    def waiting(self, sender: str) -> _Waiting:
        """A transaction of somebody's that has nothing to do with Sonar."""
        return _Waiting(sender, self.sonar.as_sender(sender).transaction_counts()[1], lambda position, ledger: [])

    def emit(self, *makes: Callable[[LogPosition], Event]) -> None:
        self.others.send("others", lambda position, ledger: [make(position) for make in makes])

    def open_campaign(self, **changes: Any) -> bytes:
        """An Open Campaign with real blobs: spec, key, encrypted Model, ring of certificates."""
        self._count += 1
        campaign = hashlib.sha256(b"campaign %d" % self._count).digest()
        context, weights = private_context(), encrypted_model()
        start = CampaignStart(
            self.store.put(wire.dumps_public_key(context)),
            public_key_root(context),
            self.store.put(wire.dumps_tensor(weights)),
            tensor_root(weights),
            changes.pop("accuracy", 0),
        )
        ring = self.store.put(format_keyring([capsule_key().certificate]))
        terms = replace(self.terms(), **changes)
        self.emit(lambda position: ev.CampaignCreated(position, campaign, SCIENTIST, CAPSULE, self._count, terms))
        ends_at = self.sonar.shared.now + terms.duration
        self.emit(lambda position: ev.CampaignOpened(position, campaign, start, ring, ends_at))
        return campaign

    def terms(self) -> Terms:
        windows = {"open_within": 100, "duration": 1000, "notice_period": 10, "scoring_window": 300, "per_gradient": 10}
        windows |= {"unavailability_window": 100, "delivery_window": 400, "audit_window": 0}
        return Terms(
            capsule=CAPSULE,
            arbiter=ZERO_ADDRESS,
            currency=ZERO_ADDRESS,
            bounty=1000,
            capsule_fee=50,
            capsule_bond=1000,
            compensation=10,
            scoring_fee=FEE,
            starting_accuracy=0,
            target_accuracy=8 * 10**17,
            min_improvement=10**15,
            **windows,
            scheme=1,
            spec=self.store.put(spec().to_bytes()),
            validation=bytes(32),
            validation_root=bytes(32),
            parent=bytes(32),
        )

    def score(self, campaign: bytes, accuracy: int, weights: EncryptedTensor | None = None) -> None:
        """The oldest Gradient scored; an improvement makes a new version, of the same weights if none are given."""
        state = self.state(campaign)
        assert state.oldest_unscored is not None
        record, better = state.oldest_unscored.record, accuracy > state.accuracy
        address, root = bytes(32), state.model.root
        if better:
            newer = weights or encrypted_model().rerandomise()
            address, root = self.store.put(wire.dumps_tensor(newer)), tensor_root(newer)
        score = Score(accuracy, 4, address, root, bytes(32), bytes(32))
        after, version = max(accuracy, state.accuracy), state.model.version + better
        said = (record.number, record.miner, state.accuracy, after, version, state.due + 10, score)
        self.emit(lambda position: ev.GradientScored(position, campaign, *said))

    def reject(self, campaign: bytes) -> None:
        state = self.state(campaign)
        assert state.oldest_unscored is not None
        record = state.oldest_unscored.record
        said = (record.number, record.miner, state.accuracy, state.due + 10, Rejection.MALFORMED, bytes(32), bytes(32))
        self.emit(lambda position: ev.GradientRejected(position, campaign, *said))

    def rebase(self, campaign: bytes) -> None:
        state, newer = self.state(campaign), encrypted_model().rerandomise()
        address, root = self.store.put(wire.dumps_tensor(newer)), tensor_root(newer)
        self.emit(
            lambda position: ev.ModelRebased(position, campaign, state.model.version + 1, address, root, bytes(32))
        )

    def deliver(self, campaign: bytes) -> None:
        self.sonar.shared.now = max(self.sonar.shared.now, self.state(campaign).ends_at)
        self.emit(lambda position: ev.CampaignDelivered(position, campaign, bytes(32), bytes(32)))

    def convict(self, campaign: bytes, number: int) -> None:
        accuracy = self.state(campaign).gradients[number].scored
        assert accuracy is not None
        self.emit(lambda position: ev.CapsuleConvicted(position, campaign, number, accuracy.accuracy_before))

    def wait(self, seconds: int) -> None:
        self.sonar.shared.now += seconds
        self.sonar.shared.mine()
