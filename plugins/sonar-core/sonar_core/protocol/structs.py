"""The contracts' structs as dataclasses, field for field, and the digests that the chain keeps of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self

from eth_abi import encode
from eth_utils import keccak

#: Solidity's `bytes32(0)`: no root, address, digest or parent.
EMPTY_BYTES32 = bytes(32)

#: Tags of the three kinds of digest (contracts/libraries/Digest.sol).
_SUBMITTED, _SCORED = 1, 2


class Status(IntEnum):
    """What a Campaign is now (contracts/types/Status.sol)."""

    NONE = 0
    REQUESTED = 1
    DECLINED = 2
    CANCELLED = 3
    OPEN = 4
    CLOSING = 5
    DELIVERED = 6
    EXPIRED = 7
    CONVICTED = 8

    def __str__(self) -> str:
        return self.name.lower()


class Rejection(IntEnum):
    """Why a Gradient was not scored."""

    MALFORMED = 0
    UNAVAILABLE = 1


class _Struct:
    """A Solidity struct: its fields in the contract's order."""

    __slots__ = ()

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]

    @classmethod
    def from_tuple(cls, values: tuple[Any, ...]) -> Self:
        return cls(*values)


@dataclass(frozen=True, slots=True)
class Terms(_Struct):
    """All that a Data Scientist promises and asks for; see `Terms` in contracts/types/Terms.sol for units."""

    capsule: str
    arbiter: str
    currency: str
    bounty: int
    capsule_fee: int
    capsule_bond: int
    compensation: int
    scoring_fee: int
    starting_accuracy: int
    target_accuracy: int
    min_improvement: int
    open_within: int
    duration: int
    notice_period: int
    scoring_window: int
    per_gradient: int
    unavailability_window: int
    delivery_window: int
    audit_window: int
    scheme: int
    spec: bytes
    validation: bytes
    validation_root: bytes
    parent: bytes


@dataclass(frozen=True, slots=True)
class CampaignStart(_Struct):
    """What the Capsule published when it opened a Campaign: addresses, roots, measured accuracy (WAD)."""

    public_key: bytes
    public_key_root: bytes
    model: bytes
    model_root: bytes
    accuracy: int


@dataclass(frozen=True, slots=True)
class Next(_Struct):
    """Due and core of the Gradient next in the queue; `Next.none()` where the queue ends."""

    due: int
    core: bytes

    @classmethod
    def none(cls) -> Self:
        return cls(0, EMPTY_BYTES32)


@dataclass(frozen=True, slots=True)
class GradientRecord(_Struct):
    """A submitted Gradient: preimage of its digest until it is scored."""

    number: int
    miner: str
    bundle: bytes
    commitment: bytes
    version: int
    submitted_at: int
    due: int

    def core(self) -> bytes:
        """Digest of all but number and due."""
        types = ["address", "bytes32", "bytes32", "uint32", "uint40"]
        return keccak(encode(types, [self.miner, self.bundle, self.commitment, self.version, self.submitted_at]))

    def digest(self) -> bytes:
        """What the chain keeps until the Gradient is scored."""
        return keccak(encode(["uint256", "uint40", "bytes32"], [_SUBMITTED, self.due, self.core()]))

    def as_next(self) -> Next:
        """What scoring the Gradient before it has to tell of it."""
        return Next(self.due, self.core())


@dataclass(frozen=True, slots=True)
class Score(_Struct):
    """What the Capsule says of a Gradient it could read."""

    accuracy: int
    step_size: int
    model: bytes
    model_root: bytes
    unsealed_bundle: bytes
    evidence: bytes

    def details(self, core: bytes, time: int) -> bytes:
        """The digest of details of a score given at `time` (the block's timestamp)."""
        types = ["bytes32", "uint64", "uint32", "bytes32", "bytes32", "bytes32", "bytes32", "uint40"]
        return keccak(encode(types, [core, *self.to_tuple(), time]))


@dataclass(frozen=True, slots=True)
class ScoredRecord(_Struct):
    """A scored or rejected Gradient: preimage of its digest until it is claimed."""

    number: int
    accuracy_before: int
    accuracy_after: int
    details: bytes

    def digest(self, miner: str) -> bytes:
        """What the chain keeps until the Gradient is claimed."""
        types = ["uint256", "address", "uint64", "uint64", "bytes32"]
        return keccak(encode(types, [_SCORED, miner, self.accuracy_before, self.accuracy_after, self.details]))


def rejection_details(core: bytes, reason: Rejection, unsealed_bundle: bytes, evidence: bytes, time: int) -> bytes:
    """The digest of details of a rejection."""
    types = ["bytes32", "uint8", "bytes32", "bytes32", "uint40"]
    return keccak(encode(types, [core, int(reason), unsealed_bundle, evidence, time]))


@dataclass(frozen=True, slots=True)
class CapsuleTerms(_Struct):
    """What a Capsule accepts: smallest scoring fee (wei), shortest windows (s), largest Model (ciphertexts)."""

    scoring_fee: int
    open_within: int
    scoring_window: int
    per_gradient: int
    delivery_window: int
    largest_model: int


@dataclass(frozen=True, slots=True)
class CurrencyTerms(_Struct):
    """What a Capsule accepts in one currency, in its smallest unit."""

    accepted: bool
    smallest_capsule_fee: int
    largest_bond: int


@dataclass(frozen=True, slots=True)
class CurrencyOffer(_Struct):
    """A currency (the zero address for the coin) with a Capsule's terms in it."""

    currency: str
    terms: CurrencyTerms

    def to_tuple(self) -> tuple[Any, ...]:
        return self.currency, self.terms.to_tuple()

    @classmethod
    def from_tuple(cls, values: tuple[Any, ...]) -> Self:
        return cls(values[0], CurrencyTerms.from_tuple(values[1]))


@dataclass(frozen=True, slots=True)
class CampaignRecord(_Struct):
    """What the chain remembers of a Campaign (contracts/types/Campaign.sol)."""

    submitted: int
    scored: int
    accuracy: int
    due: int
    ends_at: int
    version: int
    recorded: int
    capsule: str
    target_accuracy: int
    delivery_window: int
    scoring_fee: int
    min_improvement: int
    scoring_window: int
    per_gradient: int
    unavailability_window: int
    scientist: str
    starting_accuracy: int
    duration: int
    currency: str
    capsule_fee: int
    bounty: int
    capsule_bond: int
    arbiter: str
    compensation: int
    settled_at: int
    audit_window: int
    notice_period: int
    valid_below: int
    refunded: bool
    bond_collected: bool
    scoring_fees_collected: bool


_TERMS = "(address,address,address,uint128,uint96,uint128,uint96,uint96,uint64,uint64,uint64," + "uint32," * 8
TERMS_TYPE = _TERMS + "uint16,bytes32,bytes32,bytes32,bytes32)"


def campaign_id(chain_id: int, contract: str, scientist: str, nonce: int, terms: Terms) -> bytes:
    """A Campaign's id: what `ISonar.idOf` gives."""
    types = ["uint256", "address", "address", "uint256", TERMS_TYPE]
    return keccak(encode(types, [chain_id, contract, scientist, nonce, terms.to_tuple()]))
