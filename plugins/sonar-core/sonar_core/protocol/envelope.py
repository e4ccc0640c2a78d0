"""Envelopes: a canonical JSON header and one payload, as two byte arrays. Used by bundles and deliveries."""

from __future__ import annotations

from typing import Annotated, TypeVar

import numpy as np
from pydantic import Field, ValidationError

from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError
from sonar_core.base.strict_model import StrictModel, explain
from syft import wire
from syft.errors import WireError

_LARGEST_HEADER = 1_024

Hex20 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{40}$")]
Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Version = Annotated[int, Field(ge=0, lt=2**32)]

Header = TypeVar("Header", bound=StrictModel)


def pack_envelope(header: StrictModel, name: str, payload: bytes) -> bytes:
    """Packs a header and a payload under `name`."""
    parts = {"header": to_canonical(header.model_dump()), name: payload}
    return wire.dumps_arrays({key: np.frombuffer(part, dtype=np.uint8) for key, part in parts.items()})


def unpack_envelope(what: str, data: bytes, kind: type[Header], name: str) -> tuple[Header, bytes]:
    """Unpacks an envelope and checks its header against a model.

    Raises:
        FormatError: not an envelope, other parts than header and payload, or an invalid header.
    """
    try:
        arrays = wire.loads_arrays(data)
    except WireError as error:
        raise FormatError(what, str(error)) from None
    if set(arrays) != {"header", name}:
        raise FormatError(what, f"the parts 'header' and {name!r} are expected, and no others")
    for key, array in arrays.items():
        if array.dtype != np.uint8 or array.ndim != 1:
            raise FormatError(what, f"the part {key!r} must be a row of bytes")
    document = from_canonical(f"{what} header", arrays["header"].tobytes(), limit=_LARGEST_HEADER)
    try:
        return kind.model_validate(document), arrays[name].tobytes()
    except ValidationError as error:
        raise FormatError(f"{what} header", explain(error)) from None
