"""Events and the ABI: each has its class, comes out of its log as it went in, and a hostile log is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
from eth_abi import encode
from eth_abi.tools import get_abi_strategy
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from sonar_core.base.errors import FormatError, UsageError
from sonar_core.chain.abi import Abi, abi, canonical_type
from sonar_core.protocol.events import CampaignEvent, CapsuleAnnounced, Event, LogPosition, build_event, snake_case
from sonar_core.protocol.structs import Rejection

POSITION = LogPosition(1, b"h" * 32, 0, b"t" * 32, 2)


def signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(canonical_type(item) for item in entry['inputs'])})"


ENTRIES = [
    (contract, keccak(text=signature(entry)), entry)
    for contract in ("Sonar", "CapsuleRegistry")
    for entry in abi(contract).entries("event")
]
NAMES = [entry["name"] for _, _, entry in ENTRIES]


def plain(value: Any) -> Any:
    """A decoded value as eth_abi takes and gives it, addresses in lower case."""
    if hasattr(value, "to_tuple"):
        value = value.to_tuple()
    if isinstance(value, tuple | list):
        return tuple(plain(part) for part in value)
    return value.lower() if isinstance(value, str) else value


def drawn(data: st.DataObject, item: dict[str, Any]) -> Any:
    if item["name"] == "reason" and item["type"] == "uint8":
        return data.draw(st.sampled_from([0, 1]))
    if item["type"] == "string":
        return data.draw(st.text(alphabet="abcxyz ", max_size=40))
    return data.draw(get_abi_strategy(canonical_type(item)))


@pytest.mark.parametrize("entry", [entry for _, _, entry in ENTRIES], ids=NAMES)
def test_every_event_of_the_abi_has_a_class_with_its_arguments(entry: dict[str, Any]) -> None:
    classes = {event.__name__: event for event in (*CampaignEvent.__subclasses__(), CapsuleAnnounced)}
    named = {field.name for field in fields(classes[entry["name"]])} - {"position"}
    assert named == {snake_case(item["name"]) for item in entry["inputs"]}


def test_there_is_no_class_without_an_event() -> None:
    assert {event.__name__ for event in CampaignEvent.__subclasses__()} | {"CapsuleAnnounced"} == set(NAMES)


@pytest.mark.parametrize(("contract", "topic", "entry"), ENTRIES, ids=NAMES)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_a_log_becomes_the_event_that_was_emitted(
    contract: str, topic: bytes, entry: dict[str, Any], data: st.DataObject
) -> None:
    values = {item["name"]: drawn(data, item) for item in entry["inputs"]}
    indexed = [item for item in entry["inputs"] if item["indexed"]]
    rest = [item for item in entry["inputs"] if not item["indexed"]]
    topics = [topic, *(encode([canonical_type(item)], [values[item["name"]]]) for item in indexed)]
    body = encode([canonical_type(item) for item in rest], [values[item["name"]] for item in rest])

    decoded = abi(contract).decode_log(topics, body)

    assert decoded is not None
    event = build_event(*decoded, POSITION)
    assert type(event).__name__ == entry["name"]
    assert event.position is POSITION
    for name, value in values.items():
        assert plain(getattr(event, snake_case(name))) == plain(value), name


@pytest.mark.parametrize(("contract", "topic", "entry"), ENTRIES, ids=NAMES)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_any_bytes_under_a_known_topic_are_an_event_or_a_typed_error(
    contract: str, topic: bytes, entry: dict[str, Any], data: st.DataObject
) -> None:
    words = st.binary(min_size=32, max_size=32) | st.integers(0, 300).map(lambda number: number.to_bytes(32, "big"))
    topics = [topic, *data.draw(st.lists(words, max_size=4))]
    body = b"".join(data.draw(st.lists(words, max_size=12))) + data.draw(st.binary(max_size=31))
    with suppress(FormatError):
        decoded = abi(contract).decode_log(topics, body)
        assert decoded is not None
        assert decoded[0] == entry["name"]


def test_another_contracts_event_is_none_of_ours() -> None:
    assert abi("Sonar").decode_log([b"\1" * 32], b"") is None
    assert abi("Sonar").decode_log([], b"") is None


def test_a_log_of_too_few_topics_says_so() -> None:
    topic = next(topic for _, topic, entry in ENTRIES if entry["name"] == "Claimed")
    with pytest.raises(FormatError, match="1 topics where 4 belong"):
        abi("Sonar").decode_log([topic], bytes(64))


def test_an_array_longer_than_its_log_costs_no_memory() -> None:
    topic, entry = next((topic, entry) for _, topic, entry in ENTRIES if entry["name"] == "CapsuleAnnounced")
    head = bytes(32) * 7 + (256).to_bytes(32, "big") + (2**255).to_bytes(32, "big")
    with pytest.raises(FormatError, match=entry["name"]):
        abi("CapsuleRegistry").decode_log([topic, bytes(32)], head)


def test_a_reason_that_no_enum_knows_is_refused() -> None:
    arguments = {
        "campaign": b"c" * 32,
        "number": 0,
        "miner": "0x",
        "accuracy": 0,
        "due": 0,
        "unsealed_bundle": b"",
        "evidence": b"",
    }
    event: Event = build_event("GradientRejected", {**arguments, "reason": 1}, POSITION)
    assert event.reason is Rejection.UNAVAILABLE  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="2 is not a valid Rejection"):
        build_event("GradientRejected", {**arguments, "reason": 2}, POSITION)


def test_the_abi_gives_calls_and_results_back() -> None:
    book = Abi("ERC20")
    data = book.encode_call("balanceOf", ("0x" + "11" * 20,))
    assert data.hex() == "70a08231" + "00" * 12 + "11" * 20
    assert book.decode_result("balanceOf", (7).to_bytes(32, "big")) == 7
    with pytest.raises(FormatError, match="result of balanceOf"):
        book.decode_result("balanceOf", b"\1")


def test_an_argument_that_does_not_fit_is_the_callers_mistake() -> None:
    for arguments in ((2**256,), ("0x11",), ()):
        with pytest.raises(UsageError, match=r"^balanceOf: "):
            abi("ERC20").encode_call("balanceOf", arguments)
