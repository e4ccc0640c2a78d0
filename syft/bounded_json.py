"""A JSON parser with a limit on nesting depth, for untrusted input."""

from __future__ import annotations

import json
import re
from typing import Any

#: No valid document is nested as deeply. Python's recursion limit does not protect: py-evm and py_ecc raise it in every
#: process in which Ape runs, and a document made of brackets would then overflow the C stack.
_LARGEST_DEPTH = 100
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def parse_json(text: str) -> Any:
    """Parses an untrusted JSON document.

    Raises:
        ValueError: the text is not JSON, or is nested deeper than 100.

    >>> parse_json('{"a": ["["]}')
    {'a': ['[']}
    """
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _LARGEST_DEPTH:
            raise ValueError(f"nested deeper than {_LARGEST_DEPTH}")
    return json.loads(text)
