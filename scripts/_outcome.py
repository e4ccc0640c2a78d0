"""What a Campaign came to, as numbers: the demo prints, draws and reports it from here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from scripts._sentiment import Comparison
from sonar_core.protocol.units import Currency

WAD = 10**18


@dataclass(frozen=True, slots=True)
class GradientOutcome:
    """One scored Gradient. Accuracies are WAD, the reward is in the currency's smallest unit."""

    number: int
    mine: str
    accuracy_before: int
    accuracy_after: int
    reward: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where a Campaign's money went, in the smallest unit of its currency.

    Attributes:
        escrowed: Bounty, Capsule's fee and Capsule's bond.
        paid: rewards claimed by Miners, by the name of the Mine.
        refunded: to the Data Scientist what nobody earned, to the Capsule its bond, by name.
        fee: the Capsule's fee.
    """

    escrowed: int
    paid: dict[str, int]
    refunded: dict[str, int]
    fee: int

    @property
    def balances(self) -> bool:
        return self.escrowed == sum(self.paid.values()) + sum(self.refunded.values()) + self.fee


@dataclass(frozen=True, slots=True)
class Outcome:
    """A Campaign at its end.

    Attributes:
        heldout_auc: area under the ROC curve on the rows held out; None where it is not asked for.
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
    ledger: Ledger
    gradients: list[GradientOutcome] = field(default_factory=list)
    heldout_auc: float | None = None


def report(outcomes: list[Outcome], seconds: float, comparison: Comparison | None = None) -> dict[str, Any]:
    """The machine-readable report: money as decimal strings in the smallest unit, accuracies as numbers in [0, 1].

    With a comparison also `heldout_auc`, of the last Campaign's Model, beside it.
    """
    whole = {"campaigns": [_campaign(outcome) for outcome in outcomes], "seconds": round(seconds, 3)}
    return {**whole, "heldout_auc": outcomes[-1].heldout_auc, **asdict(comparison)} if comparison else whole


def _campaign(outcome: Outcome) -> dict[str, Any]:
    ledger = outcome.ledger
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
        "ledger": {
            "escrowed": str(ledger.escrowed),
            "paid": str(sum(ledger.paid.values())),
            "refunded": str(sum(ledger.refunded.values())),
            "fee": str(ledger.fee),
        },
        "status": outcome.status,
    }
