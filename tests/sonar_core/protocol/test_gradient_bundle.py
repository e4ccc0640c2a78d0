from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError
from sonar_core.protocol.gradient_bundle import Bundle, new_salt
from syft import wire

SONAR = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
MINER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
HEADER = {
    "campaign": "0x" + "ab" * 32,
    "chain": 1337,
    "contract": SONAR.lower(),
    "format": "sonar-bundle/1",
    "miner": MINER.lower(),
    "salt": "0x" + "cd" * 32,
    "version": 3,
}
BUNDLE = Bundle(1337, SONAR, b"\xab" * 32, MINER, 3, b"\xcd" * 32, b"gradient")


def packed(header: bytes, **parts: Any) -> bytes:
    parts = {"gradient": b"gradient"} | parts
    arrays = {key: np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part for key, part in parts.items()}
    return wire.dumps_arrays({"header": np.frombuffer(header, np.uint8), **arrays})


def test_the_bytes_are_those_of_the_formats() -> None:
    assert BUNDLE.to_bytes() == packed(to_canonical(HEADER))
    assert Bundle.from_bytes(packed(to_canonical(HEADER))) == BUNDLE


words = st.binary(min_size=32, max_size=32)


@settings(deadline=None)
@given(st.integers(0, 2**53 - 1), words, st.integers(0, 2**32 - 1), words, st.binary(min_size=1, max_size=200))
def test_round_trip(chain: int, campaign: bytes, version: int, salt: bytes, gradient: bytes) -> None:
    bundle = Bundle(chain, SONAR, campaign, MINER, version, salt, gradient)
    assert Bundle.from_bytes(bundle.to_bytes()) == bundle


@pytest.mark.parametrize(
    "change",
    [
        {"campaign": "0x" + "AB" * 32},
        {"campaign": "ab" * 32},
        {"campaign": "0x" + "ab" * 31},
        {"chain": -1},
        {"chain": "1337"},
        {"chain": 1.5},
        {"chain": True},
        {"chain": 2**53},
        {"contract": SONAR},
        {"format": "sonar-bundle/2"},
        {"miner": None},
        {"salt": "0x" + "cd" * 33},
        {"salt": "0x" + "cd" * 32 + "\n"},
        {"version": 2**32},
        {"version": [3]},
        {"reward": 10**15},
    ],
)
def test_headers_that_break_a_rule(change: dict[str, Any]) -> None:
    header = json.dumps(HEADER | change, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(FormatError, match="bundle header"):
        Bundle.from_bytes(packed(header))


@pytest.mark.parametrize("name", sorted(HEADER))
def test_every_part_of_the_header_is_needed(name: str) -> None:
    with pytest.raises(FormatError, match=name):
        Bundle.from_bytes(packed(to_canonical({key: part for key, part in HEADER.items() if key != name})))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        json.dumps(HEADER).encode(),
        to_canonical(HEADER) + b" ",
        to_canonical(HEADER)[:-1] + b',"version":3}',
        b"[" * 1000,
        to_canonical(HEADER | {"note": "x" * 2000}),
        b'{"a":NaN}',
        b'{"a":' + b"9" * 900 + b"}",
        b'{"a":"\\ud800"}',
    ],
)
def test_headers_that_are_not_canonical(header: bytes) -> None:
    with pytest.raises(FormatError):
        Bundle.from_bytes(packed(header))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        packed(to_canonical(HEADER), extra=b"1"),
        wire.dumps_arrays({"header": np.frombuffer(to_canonical(HEADER), np.uint8)}),
        packed(to_canonical(HEADER), gradient=np.zeros(3, np.int64)),
        packed(to_canonical(HEADER), gradient=np.zeros((3, 1), np.uint8)),
        packed(to_canonical(HEADER))[:-1],
    ],
)
def test_other_containers_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="bundle"):
        Bundle.from_bytes(data)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_junk_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        Bundle.from_bytes(data)


def test_the_commitment_is_what_solidity_would_hash() -> None:
    def word(value: int | bytes) -> bytes:
        return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")

    root = b"\x11" * 32
    preimage = b"".join(
        [
            b"sonar-gradient-1" + bytes(16),
            word(1337),
            word(bytes.fromhex(SONAR[2:])),
            b"\xab" * 32,
            word(bytes.fromhex(MINER[2:])),
            word(3),
            root,
            b"\xcd" * 32,
        ]
    )
    assert BUNDLE.commitment(root) == keccak(preimage)


def test_salts_are_fresh() -> None:
    salts = {new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {32}


def test_canonical_documents_are_objects_within_a_limit() -> None:
    assert from_canonical("note", b'{"a":1}', limit=7) == {"a": 1}
    with pytest.raises(FormatError, match="8 bytes are more than the 7 allowed"):
        from_canonical("note", b'{"a":10}', limit=7)
