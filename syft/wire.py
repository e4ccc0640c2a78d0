"""Bytes of keys, tensors, openings and arrays: safetensors under a strict, canonical header; no pickle anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from syft.paillier.contexts import PublicContext
from syft.paillier.openings import Openings
from syft.paillier.tensor import Context, EncryptedTensor


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder is willing to read.

    Attributes:
        total_bytes: largest message.
        header_bytes: largest header.
        arrays: most arrays in one message.
        dimensions: most dimensions of an array.
    """

    total_bytes: int = 1 << 28
    header_bytes: int = 1 << 16
    arrays: int = 64
    dimensions: int = 4


def public_key_to_bytes(context: PublicContext) -> bytes:
    """n and the re-randomiser's h."""


def public_key_from_bytes(data: bytes, *, n_length: int | None = None, limits: Limits = Limits()) -> PublicContext:
    """Reads a stranger's key. Raises WireError, KeyInvalidError."""


def tensor_to_bytes(tensor: EncryptedTensor) -> bytes:
    """An encrypted tensor, without its key."""


def tensor_from_bytes(data: bytes, context: Context, *, limits: Limits = Limits()) -> EncryptedTensor:
    """Reads a stranger's tensor and checks every ciphertext. Raises WireError, CiphertextInvalidError."""


def openings_to_bytes(openings: Openings, context: Context) -> bytes:
    """Openings of one tensor."""


def openings_from_bytes(data: bytes, context: Context, *, limits: Limits = Limits()) -> Openings:
    """Reads a stranger's openings; `verify_openings` has to follow. Raises WireError."""


def arrays_to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named integer arrays: frozen layers, weights, bundles."""


def arrays_from_bytes(data: bytes, *, limits: Limits = Limits()) -> dict[str, NDArray[Any]]:
    """Reads named integer arrays from a stranger. Raises WireError."""
