"""Audit of a finished Campaign by its events: every Gradient has one verdict, and no money is missing."""

from __future__ import annotations

from dataclasses import dataclass

from ape_sonar import Sonar
from scripts._processes import LiveError
from sonar_core.protocol import events as ev
from sonar_core.protocol.ledger import Ledger
from sonar_core.protocol.units import COIN, format_money


@dataclass(frozen=True, slots=True)
class Books:
    """A Campaign's money by its events, in wei, and the number of Gradients with a verdict."""

    scored: int
    escrowed: int
    paid: int
    refunded: int
    bond: int
    fee: int
    scoring_fees: int

    def words(self) -> str:
        """The balance as a sentence."""
        amounts = (self.escrowed, self.paid, self.refunded, self.bond, self.fee, self.scoring_fees)
        escrowed, paid, refunded, bond, fee, scoring = (format_money(amount, COIN) for amount in amounts)
        return (
            f"Escrowed {escrowed} = paid to Miners {paid} + refunded {refunded} + the Capsule's bond, given back, "
            f"{bond} + its fee {fee}. Scoring fees {scoring}, all taken. The contract holds 0."
        )


def audit(scientist: Sonar, campaign: bytes, held: int) -> Books:
    """Sums a Campaign's books from single events, independently of `Ledger`.

    Args:
        scientist: PySonar, for reading the chain.
        campaign: id of a Campaign that is over, after all payments.
        held: wei that the contract holds.

    Raises:
        LiveError: a Gradient has two verdicts, or none although the target is not met; or money is missing.
    """
    chain = scientist.chain
    events = [one for one in chain.events(0, chain.newest_block() + 1) if getattr(one, "campaign", None) == campaign]
    state = Ledger().apply_all(events).campaign(campaign)
    verdicts = [one.number for one in events if isinstance(one, ev.GradientScored | ev.GradientRejected)]
    if verdicts != list(range(len(verdicts))) or (len(verdicts) != state.submitted and not state.target_met):
        raise LiveError(f"verdicts on Gradients {verdicts}, of {state.submitted} that were submitted")

    def taken(kind: type[ev.Event], field: str = "amount") -> int:
        return sum(getattr(one, field) for one in events if isinstance(one, kind))

    terms, collected = state.terms, taken(ev.BondCollected)
    books = Books(
        scored=len(verdicts),
        escrowed=terms.bounty + terms.capsule_fee + terms.capsule_bond,
        paid=taken(ev.Claimed, "reward") + taken(ev.Compensated),
        refunded=taken(ev.Refunded),
        bond=collected - terms.capsule_fee,
        fee=terms.capsule_fee,
        scoring_fees=taken(ev.ScoringFeesCollected) + taken(ev.ScoringFeeReclaimed, "scoring_fee"),
    )
    if books.escrowed != books.paid + books.refunded + books.bond + books.fee:
        raise LiveError(f"the money does not add up: {books}")
    if books.scoring_fees != state.submitted * terms.scoring_fee or held:
        raise LiveError(f"scoring fees or a rest are still held ({held} wei): {books}")
    return books
