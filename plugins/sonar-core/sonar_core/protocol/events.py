"""The contracts' events as dataclasses, built from decoded logs."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from sonar_core.protocol.structs import CampaignStart, CapsuleTerms, CurrencyOffer, Rejection, Score, Terms


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Position of a log on the chain; timestamp in Unix time."""

    block: int
    block_hash: bytes
    log_index: int
    transaction: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Event:
    """One state change, with its position; all other fields are those of contracts/interfaces/ISonar.sol."""

    position: LogPosition


@dataclass(frozen=True, slots=True)
class CampaignEvent(Event):
    """A state change of one Campaign."""

    campaign: bytes


@dataclass(frozen=True, slots=True)
class CampaignCreated(CampaignEvent):
    scientist: str
    capsule: str
    nonce: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class CampaignCancelled(CampaignEvent):
    pass


@dataclass(frozen=True, slots=True)
class CampaignDeclined(CampaignEvent):
    reason: str


@dataclass(frozen=True, slots=True)
class CampaignOpened(CampaignEvent):
    start: CampaignStart
    certificates: bytes
    ends_at: int


@dataclass(frozen=True, slots=True)
class CampaignStopped(CampaignEvent):
    ends_at: int


@dataclass(frozen=True, slots=True)
class GradientSubmitted(CampaignEvent):
    number: int
    miner: str
    bundle: bytes
    commitment: bytes
    version: int
    submitted_at: int
    due: int


@dataclass(frozen=True, slots=True)
class GradientScored(CampaignEvent):
    number: int
    miner: str
    accuracy_before: int
    accuracy_after: int
    version: int
    due: int
    score: Score


@dataclass(frozen=True, slots=True)
class GradientRejected(CampaignEvent):
    number: int
    miner: str
    accuracy: int
    due: int
    reason: Rejection
    unsealed_bundle: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class ModelRebased(CampaignEvent):
    version: int
    model: bytes
    model_root: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class TargetReached(CampaignEvent):
    accuracy: int
    voided: int


@dataclass(frozen=True, slots=True)
class CampaignDelivered(CampaignEvent):
    delivery: bytes
    openings_root: bytes


@dataclass(frozen=True, slots=True)
class CampaignExpired(CampaignEvent):
    missed_at: int


@dataclass(frozen=True, slots=True)
class CapsuleConvicted(CampaignEvent):
    number: int
    accuracy: int


@dataclass(frozen=True, slots=True)
class Claimed(CampaignEvent):
    number: int
    miner: str
    to: str
    reward: int


@dataclass(frozen=True, slots=True)
class ScoringFeeReclaimed(CampaignEvent):
    number: int
    miner: str
    to: str
    scoring_fee: int


@dataclass(frozen=True, slots=True)
class Compensated(CampaignEvent):
    number: int
    miner: str
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class BondCollected(CampaignEvent):
    capsule: str
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class ScoringFeesCollected(CampaignEvent):
    capsule: str
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class Refunded(CampaignEvent):
    scientist: str
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class CapsuleAnnounced(Event):
    capsule: str
    certificates: bytes
    terms: CapsuleTerms
    currencies: tuple[CurrencyOffer, ...]


class _Decoding:
    classes: ClassVar[dict[str, type[Event]]] = {
        event.__name__: event
        for event in (
            *CampaignEvent.__subclasses__(),
            CapsuleAnnounced,
        )
    }
    structs: ClassVar[dict[str, Any]] = {
        "terms": Terms.from_tuple,
        "start": CampaignStart.from_tuple,
        "score": Score.from_tuple,
        "reason": lambda value: value if isinstance(value, str) else Rejection(value),
        "currencies": lambda offers: tuple(CurrencyOffer.from_tuple(offer) for offer in offers),
    }


def snake_case(name: str) -> str:
    """Solidity's camelCase as snake_case.

    >>> snake_case("submittedAt")
    'submitted_at'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def build_event(name: str, arguments: dict[str, Any], position: LogPosition) -> Event:
    """Builds an event from decoded arguments by their Solidity names.

    Raises:
        KeyError: the event is unknown.
    """
    event_class = _Decoding.classes[name]
    values = {snake_case(key): value for key, value in arguments.items()}
    known = {field.name for field in dataclasses.fields(event_class)} - {"position"}
    built = {key: _build(event_class, key, values[key]) for key in known}
    return event_class(position=position, **built)


def _build(event_class: type[Event], key: str, value: Any) -> Any:
    if event_class is CapsuleAnnounced and key == "terms":
        return CapsuleTerms.from_tuple(value)
    convert = _Decoding.structs.get(key)
    return convert(value) if convert else value
