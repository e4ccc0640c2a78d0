"""The contracts' structs as dataclasses, field for field, and the digests of them on chain."""

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
    """Status of a Campaign (contracts/types/Status.sol)."""

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
    """Reason for rejecting a Gradient."""

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
    """Terms of a Campaign; contracts/types/Terms.sol gives the units."""

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
    """The Capsule's publication at the start of a Campaign: addresses, roots, measured accuracy (WAD)."""

    public_key: bytes
    public_key_root: bytes
    model: bytes
    model_root: bytes
    accuracy: int


@dataclass(frozen=True, slots=True)
class Next(_Struct):
    """Due time and core of the next Gradient in the queue; `Next.none()` if the queue is empty."""

    due: int
    core: bytes

    @classmethod
    def none(cls) -> Self:
        return cls(0, EMPTY_BYTES32)


@dataclass(frozen=True, slots=True)
class GradientRecord(_Struct):
    """A submitted Gradient: the preimage of its digest until it is scored."""

    number: int
    miner: str
    bundle: bytes
    commitment: bytes
    version: int
    submitted_at: int
    due: int

    def core(self) -> bytes:
        """Digest of all fields but number and due time."""
        types = ["address", "bytes32", "bytes32", "uint32", "uint40"]
        return keccak(encode(types, [self.miner, self.bundle, self.commitment, self.version, self.submitted_at]))

    def digest(self) -> bytes:
        """The digest on chain until the Gradient is scored."""
        return keccak(encode(["uint256", "uint40", "bytes32"], [_SUBMITTED, self.due, self.core()]))

    def as_next(self) -> Next:
        """The argument for this Gradient when the one before it is scored."""
        return Next(self.due, self.core())


@dataclass(frozen=True, slots=True)
class Score(_Struct):
    """The Capsule's score of a Gradient."""

    accuracy: int
    step_size: int
    model: bytes
    model_root: bytes
    unsealed_bundle: bytes
    evidence: bytes

    def details(self, core: bytes, time: int) -> bytes:
        """Digest of a score at `time`, the block's timestamp."""
        types = ["bytes32", "uint64", "uint32", "bytes32", "bytes32", "bytes32", "bytes32", "uint40"]
        return keccak(encode(types, [core, *self.to_tuple(), time]))


@dataclass(frozen=True, slots=True)
class ScoredRecord(_Struct):
    """A scored or rejected Gradient: the preimage of its digest until it is claimed."""

    number: int
    accuracy_before: int
    accuracy_after: int
    details: bytes

    def digest(self, miner: str) -> bytes:
        """The digest on chain until the Gradient is claimed."""
        types = ["uint256", "address", "uint64", "uint64", "bytes32"]
        return keccak(encode(types, [_SCORED, miner, self.accuracy_before, self.accuracy_after, self.details]))


def rejection_details(core: bytes, reason: Rejection, unsealed_bundle: bytes, evidence: bytes, time: int) -> bytes:
    """Digest of a rejection at `time`, the block's timestamp."""
    types = ["bytes32", "uint8", "bytes32", "bytes32", "uint40"]
    return keccak(encode(types, [core, int(reason), unsealed_bundle, evidence, time]))


@dataclass(frozen=True, slots=True)
class CapsuleTerms(_Struct):
    """Terms of a Capsule: smallest scoring fee (wei), shortest windows (s), largest Model (ciphertexts)."""

    scoring_fee: int
    open_within: int
    scoring_window: int
    per_gradient: int
    delivery_window: int
    largest_model: int


@dataclass(frozen=True, slots=True)
class CurrencyTerms(_Struct):
    """Terms of a Capsule in one currency, in smallest units."""

    accepted: bool
    smallest_capsule_fee: int
    largest_bond: int


@dataclass(frozen=True, slots=True)
class CurrencyOffer(_Struct):
    """A currency (the zero address for the coin) and a Capsule's terms in it."""

    currency: str
    terms: CurrencyTerms

    def to_tuple(self) -> tuple[Any, ...]:
        return self.currency, self.terms.to_tuple()

    @classmethod
    def from_tuple(cls, values: tuple[Any, ...]) -> Self:
        return cls(values[0], CurrencyTerms.from_tuple(values[1]))


@dataclass(frozen=True, slots=True)
class CampaignRecord(_Struct):
    """The record of a Campaign on chain (contracts/types/Campaign.sol)."""

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
    """Id of a Campaign: the value of `ISonar.idOf`."""
    types = ["uint256", "address", "address", "uint256", TERMS_TYPE]
    return keccak(encode(types, [chain_id, contract, scientist, nonce, terms.to_tuple()]))
