"""Fees that cover gas: held to the measured gas, and compared before they are announced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ape_capsule.commands.announce import preview_terms
from ape_capsule.maintenance import gas_costs
from ape_capsule.maintenance.gas_costs import GasCosts, round_up
from sonar_core.protocol.structs import CapsuleTerms
from sonar_core.protocol.units import COIN, Currency, Money

GWEI = 10**9
SNAPSHOT = json.loads((Path(__file__).parents[2] / "snapshots" / "gas.json").read_text())
TERMS = CapsuleTerms(
    scoring_fee=GasCosts(GWEI).scoring_fee,
    open_within=600,
    scoring_window=1_800,
    per_gradient=60,
    delivery_window=3_600,
    largest_model=10_000,
)
USDX = Currency("0x" + "11" * 20, "USDX", 6)


@pytest.mark.parametrize(
    ("name", "transaction"),
    [
        ("OPEN_GAS", "open"),
        ("SCORE_GAS", "scoreGradient, improvement, another waits"),
        ("DELIVER_GAS", "deliver"),
        ("COLLECT_GAS", "collectBond"),
    ],
)
def test_the_gas_that_fees_are_derived_from_is_what_the_transactions_take(name: str, transaction: str) -> None:
    measured, used = SNAPSHOT[transaction], getattr(gas_costs, name)
    assert measured <= used <= 1.1 * measured


def test_derived_fees_cover_twice_the_gas() -> None:
    costs = GasCosts(GWEI)
    assert 2 * costs.score <= costs.scoring_fee <= 2.2 * costs.score
    assert 2 * costs.campaign <= costs.capsule_fee <= 2.2 * costs.campaign
    assert [round_up(wei) for wei in (0, 7, 99, 101, 1_000, 1_010)] == [0, 7, 99, 110, 1_000, 1_100]


def test_terms_are_told_in_words_with_units_and_gas_beside_them() -> None:
    costs = GasCosts(GWEI)
    preview = preview_terms("0xC", "F1", TERMS, [Money(costs.capsule_fee, COIN), Money(5_000_000, USDX)], costs)
    rows = dict(preview.rows)
    assert rows["Fee per Campaign"] == "at least 0.0004 ether, or at least 5 USDX"
    assert rows["Fee per score"] == "at least 0.00012 ether"
    assert rows["Gas per score"] == "0.000057 ether"
    assert rows["Shortest windows"] == (
        "open within 10 minutes; score within 30 minutes and 1 minute per Gradient in the queue; deliver within 1 hour"
    )
    assert preview.warnings == []


def test_fees_below_their_gas_are_warned_of() -> None:
    """Terms of 0 per Campaign and 0.00001 ether per score lose money at 1 gwei."""
    terms = replace(TERMS, scoring_fee=10**13)
    preview = preview_terms("0xC", "F1", terms, [Money(0, COIN), Money(0, USDX)], GasCosts(GWEI))
    assert preview.warnings == [
        "A score earns 0.00001 ether and costs 0.000057 ether of gas.",
        "A Campaign may pay a fee of 0 ether, and costs 0.000199 ether of gas beside its scores.",
        "A Campaign may pay a fee of 0 USDX, and costs 0.000199 ether of gas beside its scores.",
    ]
