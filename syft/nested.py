"""JSON from strangers."""

from __future__ import annotations

import json
import re
from typing import Any

#: Deeper than any document of ours. Python's own guard is no guard: py-evm and py_ecc raise the recursion limit of
#: every process that Ape runs in, and a document of nothing but brackets would then end it by a stack overflow.
_DEEPEST = 100
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def parse_json(text: str) -> Any:
    """Reads a JSON document that may be hostile.

    Raises:
        ValueError: not JSON, or nested deeper than 100.

    >>> parse_json('{"a": ["["]}')
    {'a': ['[']}
    """
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST}")
    return json.loads(text)
