"""The demo's screen: 80 columns, everything explained, and a word where accuracy rewards nothing."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scripts._outcome import Answers, Books, GradientOutcome, Outcome, report
from scripts._screen import WIDTH, Screen
from sonar_core.protocol.units import COIN, WAD

ETHER = 10**18
GRADIENTS = [
    GradientOutcome(0, "north", WAD // 2, WAD * 3 // 4, ETHER // 3),
    GradientOutcome(1, "noise", WAD * 3 // 4, WAD * 3 // 4, 0),
    GradientOutcome(2, "north", WAD * 3 // 4, WAD * 3 // 4, 0),
]
BOOKS = Books(
    escrowed=3 * ETHER,
    paid={"north": ETHER // 3, "noise": 0, "outsider": 0},
    refunded=ETHER - ETHER // 3,
    bond=ETHER * 3 // 2,
    fee=ETHER // 2,
)
COMMON = Answers(constant=None, rarest="ill", rarest_share=0.4, commonest_share=0.6)
OUTCOME = Outcome(
    title="patients, ether",
    bounty=ETHER,
    currency=COIN,
    starting_accuracy=WAD // 2,
    target_accuracy=WAD,
    final_accuracy=WAD * 3 // 4,
    heldout_accuracy=0.74,
    metric="accuracy",
    status="Delivered",
    books=BOOKS,
    gradients=GRADIENTS,
    stayed_out={"outsider": "its rows have no column " + "of that long name " * 6},
    answers=COMMON,
    heldout_auc=None,
)


def shown(outcome: Outcome, *, terminal: bool = False) -> str:
    """All that the screen writes of a Campaign."""
    written = io.StringIO()
    with Screen(Console(file=written, force_terminal=terminal, width=WIDTH, color_system=None)) as screen:
        screen.working("the Capsule makes the Campaign's key pair")
        screen.gradients_header()
        for number, gradient in enumerate(outcome.gradients):
            screen.working("Mine north trains on ciphertexts", done=number, total=3)
            screen.gradient(gradient, f"{gradient.reward} wei")
        screen.result(outcome)
    return written.getvalue()


def test_a_pipe_gets_plain_lines_of_80_columns() -> None:
    lines = shown(OUTCOME).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "\x1b" not in "".join(lines)
    assert not any("trains on ciphertexts" in line for line in lines), "progress is for terminals"
    said = " ".join(" ".join(lines).split())
    assert "earned 0.333333333333333333 ether: 1 of 2 Gradients made the Model better" in said
    assert "noise earned nothing: 1 Gradient, and the Model got no better on the hidden rows" in said
    assert "outsider stayed out: its rows have no column" in said
    assert "locked = paid + refunded + bond + fee: not a unit is missing" in said


def test_a_terminal_gets_the_same_lines_and_each_gradient_once() -> None:
    written = shown(OUTCOME, terminal=True)
    assert "trains on ciphertexts" in written
    for gradient in GRADIENTS:
        assert written.count(f"{gradient.reward} wei") == 1 + (gradient.reward == 0)


def test_money_that_is_missing_is_said() -> None:
    assert "MONEY IS MISSING" in shown(replace(OUTCOME, books=replace(BOOKS, fee=0)))


@pytest.mark.parametrize(
    ("answers", "warns", "constant"),
    [
        (COMMON, False, False),
        (replace(COMMON, rarest_share=0.16, commonest_share=0.84), True, False),
        (replace(COMMON, constant="well", rarest_share=0.16), True, True),
        (replace(COMMON, constant="well"), True, True),
        (None, False, False),
    ],
)
def test_rare_classes_and_constant_models_are_pointed_out(answers: Answers | None, warns: bool, constant: bool) -> None:
    said = " ".join(shown(replace(OUTCOME, answers=answers)).split())
    assert ("class_weight" in said) == warns
    assert ("gives one answer to every row, 'well'" in said) == constant


def test_the_report_has_payouts_and_keeps_the_bond_apart() -> None:
    (campaign,) = report([OUTCOME], 1.5)["campaigns"]
    assert campaign["payouts"] == {"north": str(ETHER // 3), "noise": "0", "outsider": "0"}
    assert campaign["books"]["bond"] == str(BOOKS.bond)
    assert campaign["books"]["refunded"] == str(BOOKS.refunded)
