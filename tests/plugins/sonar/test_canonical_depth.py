"""Nested documents end no process, however high py-evm has set its recursion limit."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ape_sonar.canonical import parse_json

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
        "from_canonical('bundle', b'[' * 10**6, limit=10**6)",
        "from_canonical('bundle', b'{\"a\":' * 10**5, limit=10**6)",
        "loads_public_key((1 << 14).to_bytes(8, 'little') + b'[' * (1 << 14) + bytes(64))",
    ],
)
def test_hostile_bytes_are_refused_under_py_evms_limit(reader: str) -> None:
    program = f"""
import sys
import eth
from ape_sonar.canonical import from_canonical
from syft.wire import loads_public_key
assert sys.getrecursionlimit() >= 10_000
try:
    {reader}
except ValueError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Error\n")
