"""Canonical JSON (RFC 8785): one document, one sequence of bytes, so that an address names a meaning."""

from __future__ import annotations

from typing import Any

import rfc8785

from sonar_core.base.errors import FormatError
from syft.bounded_json import parse_json


def to_canonical(document: Any) -> bytes:
    """A JSON document's canonical bytes.

    Raises:
        ValueError: what JSON cannot carry between languages: beyond 2^53, not finite, surrogates.

    >>> to_canonical({"b": 2.0, "a": "x"})
    b'{"a":"x","b":2}'
    """
    return rfc8785.dumps(document)


def from_canonical(what: str, data: bytes, *, limit: int) -> dict[str, Any]:
    """Reads the canonical bytes of a JSON object; any other spelling of the same document is refused.

    Args:
        what: the kind of document, for errors.
        data: from outside, hostile.
        limit: most bytes that are looked at.

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
