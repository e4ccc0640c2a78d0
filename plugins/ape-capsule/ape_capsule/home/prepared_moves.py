"""Prepared moves: the arguments of one transaction each, whose blobs are published already.

A move is journalled before its transaction is sent. From then on this very move is sent, however often the process
starts again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, ClassVar, TypeVar, get_type_hints

from sonar_core.protocol.structs import EMPTY_BYTES32, CampaignStart, Rejection, Score


@dataclass(frozen=True, slots=True)
class PreparedStart:
    """Arguments of `open`.

    Attributes:
        start: addresses and roots of the public key and of Model 0, and the measured accuracy.
    """

    kind: ClassVar[str] = "open"
    start: CampaignStart

    @property
    def blobs(self) -> set[bytes]:
        """Addresses of the blobs that the move published."""
        return {self.start.public_key, self.start.model}


@dataclass(frozen=True, slots=True)
class PreparedScore:
    """Arguments of `scoreGradient`.

    Attributes:
        score: the accuracy, the step size, the new Model (zeros without an improvement) and the evidence root.
    """

    kind: ClassVar[str] = "score"
    score: Score

    @property
    def blobs(self) -> set[bytes]:
        """Addresses of the blobs that the move published; zeros stand for none."""
        return {self.score.model, self.score.unsealed_bundle}


@dataclass(frozen=True, slots=True)
class PreparedRejection:
    """Arguments of `rejectGradient`.

    Attributes:
        reason: malformed or unavailable.
        message: what is wrong with the Gradient, for the Capsule's own log.
        unsealed_bundle: address of the Gradient's ciphertexts; zeros if they were not decrypted.
        evidence: evidence root; zeros likewise.
    """

    kind: ClassVar[str] = "reject"
    reason: Rejection
    message: str
    unsealed_bundle: bytes = EMPTY_BYTES32
    evidence: bytes = EMPTY_BYTES32

    @property
    def blobs(self) -> set[bytes]:
        """Addresses of the blobs that the move published; zeros stand for none."""
        return {self.unsealed_bundle}


@dataclass(frozen=True, slots=True)
class PreparedRebase:
    """Arguments of `rebase`.

    Attributes:
        model, model_root: address and Merkle root of the same weights at a smaller scale.
        evidence: evidence root.
    """

    kind: ClassVar[str] = "rebase"
    model: bytes
    model_root: bytes
    evidence: bytes

    @property
    def blobs(self) -> set[bytes]:
        """Addresses of the blobs that the move published."""
        return {self.model}


@dataclass(frozen=True, slots=True)
class PreparedDelivery:
    """Arguments of `deliver`.

    Attributes:
        delivery: address of the delivery, sealed to the Data Scientist.
        openings_root: Merkle root of the openings in it.
    """

    kind: ClassVar[str] = "deliver"
    delivery: bytes
    openings_root: bytes

    @property
    def blobs(self) -> set[bytes]:
        """Addresses of the blobs that the move published."""
        return {self.delivery}


PreparedMove = PreparedStart | PreparedScore | PreparedRejection | PreparedRebase | PreparedDelivery
MOVE_KINDS: dict[str, type[PreparedMove]] = {
    move.kind: move for move in (PreparedStart, PreparedScore, PreparedRejection, PreparedRebase, PreparedDelivery)
}
_Move = TypeVar("_Move", bound=PreparedMove)


def to_json(move: PreparedMove) -> str:
    """The move as JSON: fields by name, bytes in hex, structs as objects."""
    return json.dumps(asdict(move), default=bytes.hex)


def from_json(kind: type[_Move], text: str) -> _Move:
    """Reads what `to_json` wrote. Raises ValueError, LookupError or TypeError if it is something else."""
    move: _Move = _build(kind, json.loads(text))
    return move


def _build(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        types = get_type_hints(kind)
        return kind(**{name: _build(types[name], part) for name, part in value.items()})
    return bytes.fromhex(value) if kind is bytes else kind(value)
