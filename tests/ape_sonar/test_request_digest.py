"""Digest of a request: named fields, and nothing that differs between two equal requests."""

from __future__ import annotations

from dataclasses import field, make_dataclass, replace
from typing import Any

import numpy as np
import pytest

from ape_sonar.campaign_builder import fit_to_schemas, request_digest, write_spec
from ape_sonar.campaign_offer import CampaignOffer
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.units import WAD, ZERO_ADDRESS
from syft import LinearClassifier
from tests.world.data_scientist import INPUT, OUTPUT

OFFER = CampaignOffer(
    capsule="0x" + "11" * 20,
    currency=ZERO_ADDRESS,
    bounty=1_000,
    duration=60,
    target_accuracy=WAD,
    starting_accuracy=0,
    rows=10,
)
TARGETS = np.array([[0], [1]])


def spec(**changes: Any) -> CampaignSpec:
    chosen = {"certificate": "-----BEGIN PGP PUBLIC KEY BLOCK-----", "description": "", **changes}
    return write_spec(
        fit_to_schemas(LinearClassifier(), RowEncoder(INPUT, OUTPUT)),
        input_description="",
        output_description="",
        input_schema=INPUT,
        output_schema=OUTPUT,
        frozen_cid=None,
        initial={"kind": "zeros"},
        key_bits=2048,
        **chosen,
    )


def digest(**changes: Any) -> bytes:
    asked = {"spec": spec(), "inputs": b"rows", "targets": TARGETS, "offer": OFFER, "parent": None, "nonce": 0}
    asked.update(changes)
    return request_digest(asked.pop("spec"), asked.pop("inputs"), asked.pop("targets"), **asked)


def test_the_digest_of_a_request_stays() -> None:
    """Drafts on disk are found by it: a change makes a second Campaign of a repeated request."""
    assert digest().hex() == "628a86278ba6b0a86bbf3235f54942979ad0ef02d1abe0d488810642dfa9e5a8"


@pytest.mark.parametrize(
    "change",
    [
        {"spec": spec(description="another")},
        {"inputs": b"other rows"},
        {"targets": TARGETS[::-1]},
        {"offer": replace(OFFER, bounty=1_001)},
        {"offer": replace(OFFER, capsule_fee=0)},
        {"parent": b"p" * 32},
        {"nonce": 1},
    ],
)
def test_another_request_has_another_digest(change: dict[str, Any]) -> None:
    assert digest(**change) != digest()


def test_a_new_key_makes_no_new_request() -> None:
    assert digest(spec=spec(certificate="-----BEGIN PGP PUBLIC KEY BLOCK-----\nanother")) == digest()


def test_a_new_field_with_its_default_changes_nothing() -> None:
    later = make_dataclass(
        "Later", [("new_window", int | None, field(default=None, kw_only=True))], bases=(CampaignOffer,), frozen=True
    )
    known = {name: getattr(OFFER, name) for name in CampaignOffer.__dataclass_fields__}
    assert digest(offer=later(**known)) == digest()
    assert digest(offer=later(**known, new_window=1)) != digest()
