"""Published weights in safetensors, a format that holds named numbers and no code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from syft.bounded_json import parse_json
from syft.errors import WeightsError

#: Largest size of the header in bytes, which also bounds its nesting.
LARGEST_HEADER = 1 << 18
MOST_TENSORS = 1 << 12
MOST_DIMENSIONS = 2
#: safetensors' names of the types that are loaded, and of those that are ignored.
_FLOATS = ("F16", "F32")
_IGNORED = ("U8", "I8", "I16", "I32", "I64", "BOOL")


def load_weights(data: bytes) -> dict[str, NDArray[Any]]:
    """The float16 and float32 tensors of an untrusted safetensors blob, by name; integer tensors are ignored.

    Memory is proportional to the blob's length, which the caller must limit before fetching it.

    Raises:
        WeightsError: the blob is malformed, or has a tensor of another type, of more than two dimensions, or with a
            number that is not finite.
    """
    if len(data) < 8 or (length := int.from_bytes(data[:8], "little")) > min(LARGEST_HEADER, len(data) - 8):
        raise WeightsError(f"not a safetensors blob, or its header exceeds {LARGEST_HEADER} bytes")
    try:
        header = parse_json(data[8 : 8 + length].decode("utf-8"))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        kinds = {name: (entry["dtype"], len(entry["shape"])) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WeightsError("not a safetensors blob: its header is no table of tensors") from None
    if not 1 <= len(kinds) <= MOST_TENSORS:
        raise WeightsError(f"{len(kinds)} tensors: 1 to {MOST_TENSORS} are supported")
    for name, (kind, dimensions) in kinds.items():
        if kind not in _FLOATS + _IGNORED or dimensions > MOST_DIMENSIONS:
            raise WeightsError(
                f"tensor {name!r:.80} has type {str(kind)[:16]} and {dimensions} dimensions: {' and '.join(_FLOATS)} "
                f"of at most {MOST_DIMENSIONS} are supported"
            )
    try:
        tensors: dict[str, NDArray[Any]] = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"not a safetensors blob: {str(error)[:120]}") from None
    return {name: _finite(name, tensors[name]) for name, (kind, _) in kinds.items() if kind in _FLOATS}


def _finite(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(tensor).all():
        raise WeightsError(f"tensor {name!r:.80} has a number that is not finite")
    return tensor
