"""The warrant log against the chain: agreement, and each way to disagree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ape_capsule.keys.warrant_audit import audit
from ape_capsule.keys.warrant_log import Kind, Warrant
from sonar_core.protocol import events as ev
from sonar_core.protocol.structs import CampaignStart, Rejection, Score

CAPSULE, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
ONE, TWO = b"\1" * 32, b"\2" * 32
NONE = bytes(32)


def tx(number: int) -> bytes:
    return number.to_bytes(32, "big")


def root(number: int) -> bytes:
    return b"\xaa" + number.to_bytes(31, "big")


def position(transaction: int) -> ev.LogPosition:
    return ev.LogPosition(transaction, NONE, 0, tx(transaction), 0)


def created(at: int, campaign: bytes = ONE, capsule: str = CAPSULE) -> ev.Event:
    terms: Any = None
    return ev.CampaignCreated(position(at), campaign, OTHER, capsule, 1, terms)


def opened(at: int, campaign: bytes = ONE) -> ev.Event:
    return ev.CampaignOpened(position(at), campaign, CampaignStart(NONE, NONE, NONE, root(0), 0), NONE, 0)


def submitted(at: int, number: int, campaign: bytes = ONE) -> ev.Event:
    return ev.GradientSubmitted(position(at), campaign, number, OTHER, NONE, NONE, 0, 0, 0)


def scored(at: int, number: int, head: int, version: int) -> ev.Event:
    return ev.GradientScored(
        position(at), ONE, number, OTHER, 0, 0, version, 0, Score(0, 0, NONE, root(head), NONE, NONE)
    )


def rejected(at: int, number: int, seen: bytes) -> ev.Event:
    return ev.GradientRejected(position(at), ONE, number, OTHER, 0, 0, Rejection.MALFORMED, seen, NONE)


def gradient(number: int, at: int, campaign: bytes = ONE) -> Warrant:
    return Warrant(campaign, Kind.GRADIENT, number, root(100 + number), tx(at))


def model(version: int, head: int, at: int) -> Warrant:
    return Warrant(ONE, Kind.MODEL, version, root(head), tx(at))


HISTORY = [
    created(1),
    created(2, TWO, OTHER),
    opened(3),
    submitted(4, 0),
    submitted(5, 1),
    submitted(6, 2),
    scored(7, 0, head=1, version=1),
    scored(8, 1, head=1, version=1),  # without improvement: the head of before stays
    rejected(9, 2, NONE),
    ev.ModelRebased(position(10), ONE, 2, NONE, root(2), NONE),
    submitted(11, 3),
    rejected(12, 3, b"\5" * 32),
    ev.CampaignDelivered(position(13), ONE, NONE, NONE),
]
LOG = [gradient(0, 4), gradient(1, 5), model(1, 1, 7), gradient(3, 11), model(2, 2, 10)]


def words(log: list[Warrant]) -> list[str]:
    return [f"{flaw.what}: {flaw.why}" for flaw in audit(log, HISTORY, CAPSULE)]


def test_an_honest_log_agrees() -> None:
    assert words(LOG) == []


@pytest.mark.parametrize("lost", LOG, ids=str)
def test_every_line_that_is_cut_out_shows(lost: Warrant) -> None:
    (told,) = words([one for one in LOG if one != lost])
    assert told == f"{lost}: it was decrypted, and the log has no warrant for it"


def test_a_decryption_that_nothing_registered_shows() -> None:
    (told,) = words([*LOG, gradient(4, 14)])
    assert told == "gradient 4: the chain has registered no such ciphertexts"
    (told,) = words([*LOG, model(2, 7, 10)])
    assert told == "model 2: the chain has registered no such ciphertexts"


def test_a_gradient_that_was_opened_but_rejected_unopened_is_no_flaw() -> None:
    assert words([*LOG[:2], gradient(2, 6), *LOG[2:]]) == []


def test_a_warrant_with_another_transaction_shows_twice() -> None:
    told = words([replace(LOG[0], transaction=tx(99)), *LOG[1:]])
    assert [line.split(":")[0] for line in told] == ["gradient 0", "gradient 0"]
    assert f"another transaction than 0x{tx(4).hex()}" in told[1]


@pytest.mark.parametrize("campaign", [TWO, b"\3" * 32])
def test_others_campaigns_are_none_of_its(campaign: bytes) -> None:
    (told,) = words([*LOG, gradient(0, 4, campaign)])
    assert told == "gradient 0: the chain has no such Campaign of this Capsule"


def test_what_a_reorganisation_took_back_is_excused_and_what_came_anew_is_not() -> None:
    before = gradient(0, 77)
    rewound = Warrant(ONE, Kind.REWOUND, 3, NONE, NONE)
    assert words([before, rewound, *LOG]) == []
    assert words([rewound, before, *LOG]) == [
        f"gradient 0: its warrant names another transaction than 0x{tx(4).hex()}, which registered it"
    ]
