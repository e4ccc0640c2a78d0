"""The result of a Campaign as numbers: the demo prints, draws and reports it from here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from scripts._sentiment import Comparison
from sonar_core.protocol.units import WAD, Currency


@dataclass(frozen=True, slots=True)
class GradientOutcome:
    """One scored Gradient. Accuracies are WAD, the reward is in the currency's smallest unit."""

    number: int
    mine: str
    accuracy_before: int
    accuracy_after: int
    reward: int


@dataclass(frozen=True, slots=True)
class Books:
    """The money of one Campaign after its last payment, in the smallest unit of its currency.

    Attributes:
        escrowed: Bounty, Capsule's fee and Capsule's bond.
        paid: rewards claimed by Miners, by the name of the Mine; 0 for a Mine that earned nothing.
        refunded: to the Data Scientist, the part of the Bounty that nobody earned.
        bond: back to the Capsule.
        fee: to the Capsule, for its work.
    """

    escrowed: int
    paid: dict[str, int]
    refunded: int
    bond: int
    fee: int

    @property
    def balances(self) -> bool:
        """True if escrowed = paid + refunded + bond + fee."""
        return self.escrowed == sum(self.paid.values()) + self.refunded + self.bond + self.fee


@dataclass(frozen=True, slots=True)
class Answers:
    """A delivered classifier's answers on the rows held out, for a word of warning on rare classes.

    Attributes:
        constant: its only answer, or None if it gives different ones.
        rarest, rarest_share: the rarest class of the whole table, and its share of the rows, 0 to 1.
        commonest_share: the share of the commonest class.
    """

    constant: str | None
    rarest: str
    rarest_share: float
    commonest_share: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A Campaign at its end.

    Attributes:
        bounty: in the currency's smallest unit.
        starting_accuracy, target_accuracy, final_accuracy: WAD, on the hidden rows.
        heldout_accuracy: 0 to 1, on the rows held out.
        metric: "accuracy", or "r2" if the Output is a number.
        gradients: those that were scored, in order.
        stayed_out: reason of each Mine that submitted nothing, by its name.
        answers: of a classifier; None if the Output is a number.
        heldout_auc: area under the ROC curve on the rows held out; None unless the Input is texts.
    """

    title: str
    bounty: int
    currency: Currency
    starting_accuracy: int
    target_accuracy: int
    final_accuracy: int
    heldout_accuracy: float
    metric: str
    status: str
    books: Books
    gradients: list[GradientOutcome]
    stayed_out: dict[str, str]
    answers: Answers | None
    heldout_auc: float | None


def report(outcomes: list[Outcome], seconds: float, comparison: Comparison | None = None) -> dict[str, Any]:
    """The machine-readable report: money as decimal strings in the smallest unit, accuracies as numbers in [0, 1].

    With a comparison also `heldout_auc`, of the last Campaign's Model, beside it.
    """
    whole = {"campaigns": [_campaign(outcome) for outcome in outcomes], "seconds": round(seconds, 3)}
    return {**whole, "heldout_auc": outcomes[-1].heldout_auc, **asdict(comparison)} if comparison else whole


def _campaign(outcome: Outcome) -> dict[str, Any]:
    books = outcome.books
    return {
        "bounty": str(outcome.bounty),
        "currency": outcome.currency.symbol,
        "starting_accuracy": outcome.starting_accuracy / WAD,
        "target_accuracy": outcome.target_accuracy / WAD,
        "final_accuracy": outcome.final_accuracy / WAD,
        "heldout_accuracy": outcome.heldout_accuracy,
        **({} if outcome.heldout_auc is None else {"heldout_auc": outcome.heldout_auc}),
        "gradients": [
            {
                "mine": gradient.mine,
                "accuracy_before": gradient.accuracy_before / WAD,
                "accuracy_after": gradient.accuracy_after / WAD,
                "reward": str(gradient.reward),
            }
            for gradient in outcome.gradients
        ],
        "payouts": {mine: str(amount) for mine, amount in books.paid.items()},
        "books": {
            "escrowed": str(books.escrowed),
            "paid": str(sum(books.paid.values())),
            "refunded": str(books.refunded),
            "bond": str(books.bond),
            "fee": str(books.fee),
        },
        "status": outcome.status,
    }
