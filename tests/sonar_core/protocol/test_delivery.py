from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonar_core.base.canonical_json import to_canonical
from sonar_core.base.errors import FormatError
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.units import WAD
from syft import wire

MODEL = b"\x42" * 32
HEADER = {
    "accuracy": str(97 * 10**16),
    "campaign": "0x" + "ab" * 32,
    "format": "sonar-delivery/1",
    "model": to_cid(MODEL),
    "version": 7,
}
DELIVERY = Delivery(b"\xab" * 32, 7, MODEL, 97 * 10**16, b"openings")


def packed(header: bytes) -> bytes:
    parts = {"header": header, "openings": b"openings"}
    return wire.dumps_arrays({key: np.frombuffer(part, np.uint8) for key, part in parts.items()})


def test_the_bytes_are_those_of_the_formats() -> None:
    assert DELIVERY.to_bytes() == packed(to_canonical(HEADER))
    assert Delivery.from_bytes(packed(to_canonical(HEADER))) == DELIVERY


words = st.binary(min_size=32, max_size=32)


@settings(deadline=None)
@given(words, st.integers(0, 2**32 - 1), words, st.integers(0, WAD), st.binary(min_size=1, max_size=99))
def test_round_trip(campaign: bytes, version: int, model: bytes, accuracy: int, openings: bytes) -> None:
    delivery = Delivery(campaign, version, model, accuracy, openings)
    assert Delivery.from_bytes(delivery.to_bytes()) == delivery


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": str(WAD + 1)},
        {"accuracy": 10**15},
        {"accuracy": "0.97"},
        {"accuracy": "-1"},
        {"accuracy": "01"},
        {"accuracy": "٣"},
        {"campaign": "0x"},
        {"format": "sonar-bundle/1"},
        {"model": to_cid(MODEL)[:-1]},
        {"model": "Qn" + to_cid(MODEL)[2:]},
        {"model": "Qm" + "0" * 44},
        {"model": "0x" + "42" * 32},
        {"version": "7"},
        {"note": ""},
    ],
)
def test_headers_that_break_a_rule(change: dict[str, Any]) -> None:
    header = json.dumps(HEADER | change, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(FormatError, match="delivery header"):
        Delivery.from_bytes(packed(header))


def test_a_bundle_is_no_delivery() -> None:
    parts = {"header": to_canonical(HEADER), "gradient": b"gradient"}
    data = wire.dumps_arrays({key: np.frombuffer(part, np.uint8) for key, part in parts.items()})
    with pytest.raises(FormatError, match="'openings'"):
        Delivery.from_bytes(data)
