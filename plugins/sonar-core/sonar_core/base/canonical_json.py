"""Canonical JSON (RFC 8785): each document has exactly one sequence of bytes, and so one content address."""

from __future__ import annotations

from typing import Any

import rfc8785

from sonar_core.base.errors import FormatError
from syft.bounded_json import parse_json


def to_canonical(document: Any) -> bytes:
    """The canonical bytes of a JSON document.

    Raises:
        ValueError: a whole number beyond 2^53, a number that is not finite, or a lone surrogate.

    >>> to_canonical({"b": 2.0, "a": "x"})
    b'{"a":"x","b":2}'
    """
    return rfc8785.dumps(document)


def from_canonical(what: str, data: bytes, *, limit: int) -> dict[str, Any]:
    """Parses the canonical bytes of a JSON object; any other encoding of the same object is refused.

    Args:
        what: the kind of document, for errors.
        data: the bytes, which may be hostile.
        limit: most bytes that are accepted.

    Raises:
        FormatError: too long, not JSON, not an object, or not canonical.
    """
    if len(data) > limit:
        raise FormatError(what, f"{len(data)} bytes are more than the {limit} allowed")
    try:
        document = parse_json(data.decode("utf-8"))
        canonical = to_canonical(document)
    except ValueError:
        raise FormatError(what, "not JSON in UTF-8 with numbers that every language can read") from None
    if not isinstance(document, dict):
        raise FormatError(what, f"a JSON object is expected, not {type(document).__name__}")
    if canonical != data:
        raise FormatError(what, "not in canonical form (RFC 8785)")
    return document
