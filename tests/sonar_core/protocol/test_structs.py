"""The contracts' structs and enums in Python: field for field those of the ABI and of the sources."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak

from sonar_core.chain.abi import abi
from sonar_core.protocol.events import snake_case
from sonar_core.protocol.structs import (
    TERMS_TYPE,
    CampaignRecord,
    CampaignStart,
    CapsuleTerms,
    CurrencyOffer,
    CurrencyTerms,
    GradientRecord,
    Next,
    Rejection,
    Score,
    ScoredRecord,
    Status,
    Terms,
    campaign_id,
    rejection_details,
)

TYPES = Path(__file__).parents[3] / "contracts" / "types"
MINER = "0x" + "ab" * 20


def structs() -> dict[str, list[dict[str, Any]]]:
    """Components of every struct that a function takes or gives, by Solidity name."""
    found: dict[str, list[dict[str, Any]]] = {}

    def visit(item: dict[str, Any]) -> None:
        if item["type"].startswith("tuple"):
            name = item["internalType"].removeprefix("struct ").removesuffix("[]").split(".")[-1]
            found[name] = item["components"]
            for part in item["components"]:
                visit(part)

    for contract in ("Sonar", "CapsuleRegistry"):
        for entry in abi(contract).entries("function"):
            for item in [*entry["inputs"], *entry["outputs"]]:
                visit(item)
    return found


@pytest.mark.parametrize(
    ("name", "struct"),
    [
        ("Terms", Terms),
        ("CampaignStart", CampaignStart),
        ("Next", Next),
        ("Gradient", GradientRecord),
        ("Score", Score),
        ("ScoredGradient", ScoredRecord),
        ("Campaign", CampaignRecord),
        ("CapsuleTerms", CapsuleTerms),
        ("CurrencyTerms", CurrencyTerms),
        ("CurrencyOffer", CurrencyOffer),
    ],
)
def test_structs_have_the_contracts_fields_in_their_order(name: str, struct: Any) -> None:
    assert [field.name for field in fields(struct)] == [snake_case(part["name"]) for part in structs()[name]]


@pytest.mark.parametrize(("enum", "source"), [(Status, "Status.sol"), (Rejection, "Gradient.sol")])
def test_enums_have_the_contracts_members_in_their_order(enum: type[IntEnum], source: str) -> None:
    text = re.sub(r"///.*", "", (TYPES / source).read_text())
    body = re.search(rf"enum {enum.__name__} \{{(.*?)\}}", text, re.DOTALL)
    assert body is not None
    assert [member.name for member in enum] == [name.strip().upper() for name in body[1].split(",")]


def test_the_type_of_terms_is_the_abis() -> None:
    assert f"({','.join(part['type'] for part in structs()['Terms'])})" == TERMS_TYPE


def test_structs_come_back_from_their_tuples() -> None:
    offer = CurrencyOffer(MINER, CurrencyTerms(True, 1, 2))
    assert CurrencyOffer.from_tuple(offer.to_tuple()) == offer
    assert offer.to_tuple() == (MINER, (True, 1, 2))
    assert Next.from_tuple(Next(5, b"c" * 32).to_tuple()) == Next(5, b"c" * 32)


def test_a_struct_with_a_field_too_few_is_refused() -> None:
    with pytest.raises(TypeError):
        Score.from_tuple((1, 2, b""))


def test_digests_are_word_for_word() -> None:
    """Against the layout of `abi.encode` written out by hand: one 32-byte word a static value."""

    def word(value: int) -> bytes:
        return value.to_bytes(32, "big")

    record = GradientRecord(3, MINER, b"b" * 32, b"c" * 32, 7, 1_700_000_000, 1_700_000_100)
    core = keccak(word(int(MINER, 16)) + b"b" * 32 + b"c" * 32 + word(7) + word(1_700_000_000))
    assert record.core() == core
    assert record.digest() == keccak(word(1) + word(1_700_000_100) + core)
    assert record.as_next() == Next(1_700_000_100, core)

    score = Score(10**17, 4, b"m" * 32, b"r" * 32, b"o" * 32, b"e" * 32)
    details = keccak(core + word(10**17) + word(4) + b"m" * 32 + b"r" * 32 + b"o" * 32 + b"e" * 32 + word(9))
    assert score.details(core, 9) == details
    rejected = keccak(core + word(1) + b"o" * 32 + b"e" * 32 + word(9))
    assert rejection_details(core, Rejection.UNAVAILABLE, b"o" * 32, b"e" * 32, 9) == rejected
    assert ScoredRecord(3, 5, 6, details).digest(MINER) == keccak(
        word(2) + word(int(MINER, 16)) + word(5) + word(6) + details
    )


def test_every_field_of_the_terms_counts_in_the_id() -> None:
    values: list[Any] = [MINER] * 3 + list(range(1, 18)) + [b"x" * 32] * 4
    plain = campaign_id(1, MINER, MINER, 2, Terms(*values))
    assert plain == keccak(
        encode(["uint256", "address", "address", "uint256", TERMS_TYPE], [1, MINER, MINER, 2, tuple(values)])
    )
    seen = {plain, campaign_id(2, MINER, MINER, 2, Terms(*values)), campaign_id(1, MINER, MINER, 3, Terms(*values))}
    for place, value in enumerate(values):
        changed = {str: "0x" + "cd" * 20, int: 99, bytes: b"y" * 32}[type(value)]
        seen.add(campaign_id(1, MINER, MINER, 2, Terms(*[*values[:place], changed, *values[place + 1 :]])))
    assert len(seen) == len(values) + 3
