"""Deeply nested JSON crashes no process, even if py-evm and py_ecc have raised its recursion limit."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syft.bounded_json import parse_json

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\ab\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\x'), inner, max_size=3),
    max_leaves=20,
)


@given(documents)
def test_shallow_documents_are_read_as_they_are(document: object) -> None:
    assert parse_json(json.dumps(document)) == document


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"[[":', '["\\\\",'])
def test_the_depth_is_bounded(opening: str) -> None:
    with pytest.raises(ValueError, match="nested deeper than 100"):
        parse_json(opening * 101)
    with pytest.raises(json.JSONDecodeError):
        parse_json(opening * 50)


def test_brackets_in_strings_are_letters() -> None:
    assert parse_json('["' + "[" * 1000 + '"]') == ["[" * 1000]


@pytest.mark.parametrize(
    "reader",
    [
        "parse_json('[' * 10**6)",
        "loads_public_key((1 << 14).to_bytes(8, 'little') + b'[' * (1 << 14) + bytes(64))",
        "load_weights((99_999).to_bytes(8, 'little') + b'[' * 99_999)",
        "Tokenizer(b'[' * 100_000)",
        "Tokenizer(b'{\"a\":' * 100_000)",
    ],
)
def test_nothing_but_brackets_is_refused_under_py_eccs_limit(reader: str) -> None:
    program = f"""
import sys
from syft.bounded_json import parse_json
from syft.texts import Tokenizer, load_weights
from syft.wire import loads_public_key
sys.setrecursionlimit(100_000)
try:
    {reader}
except ValueError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Error\n")
