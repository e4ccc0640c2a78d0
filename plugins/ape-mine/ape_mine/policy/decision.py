"""Whether the policy allows a Gradient: a Campaign's facts in, a verdict with its reason out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from ape_mine.policy.document import Limit, Policy, Rates, Rule
from ape_mine.policy.profitability import Opportunity
from ape_mine.policy.time_windows import TimeWindows
from sonar_core.protocol.units import COIN, format_money


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a Campaign asks of one dataset.

    Attributes:
        dataset: name of the dataset that fits.
        outputs: columns of the dataset that the Model would predict.
        capsule, scientist: addresses, checksummed (EIP-55).
        currency: address of the ERC-20; the zero address for the chain's coin.
        bounty, bond: in smallest units of the currency.
        scoring_fee: in wei.
    """

    dataset: str
    outputs: tuple[str, ...]
    capsule: str
    scientist: str
    currency: str
    bounty: int
    bond: int
    scoring_fee: int


@dataclass(frozen=True, slots=True)
class History:
    """The Mine's own past in a Campaign.

    Attributes:
        rounds: number of Gradients submitted.
        fruitless: number of Gradients without improvement since the last one that improved the Model.
        approved: whether the Miner approved of the Campaign by hand.
    """

    rounds: int = 0
    fruitless: int = 0
    approved: bool = False


class PolicyVerdict(Enum):
    """Answer of the policy. ASK: allowed as soon as the Miner approves by hand."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the reason for it.

    Attributes:
        verdict: the answer.
        reason: for people.
        rule: number of the rule that decided, counted from 1; None if no single rule did.
    """

    verdict: PolicyVerdict
    reason: str
    rule: int | None = None


def decide(policy: Policy, proposal: Proposal, history: History, opportunity: Opportunity | None) -> Decision:
    """Decides whether a Gradient may be computed and submitted.

    Args:
        policy: in force.
        proposal: what the Campaign asks.
        history: the Mine's own past in the Campaign.
        opportunity: the Gradient to begin. None for one that was begun before: its hours and its worth are not
            checked again.
    """
    rates: Rates = {COIN.address: Fraction(1), **policy.rates}
    allowed: list[tuple[int, Rule]] = []
    objections: list[str] = []
    for number, rule in enumerate(policy.allow, start=1):
        if rule.dataset != proposal.dataset:
            continue
        objection = _objection(rule, proposal, history, opportunity, rates)
        if objection is None:
            allowed.append((number, rule))
        else:
            objections.append(f"rule {number}: {objection}")
    for number, rule in allowed:
        if rule.approve == "automatic" or history.approved:
            how = "" if rule.approve == "automatic" else ", approved by hand"
            reason = f"rule {number} allows predicting {' and '.join(proposal.outputs)} from {proposal.dataset}{how}"
            return Decision(PolicyVerdict.ALLOW, reason, number)
    if allowed:
        number = allowed[0][0]
        return Decision(PolicyVerdict.ASK, f"rule {number} allows it, but asks for approval by hand", number)
    return Decision(PolicyVerdict.DENY, "; ".join(objections) or f"no rule is for the dataset {proposal.dataset}")


def _objection(
    rule: Rule, proposal: Proposal, history: History, opportunity: Opportunity | None, rates: Rates
) -> str | None:
    """The first reason why a rule does not allow it; None if the rule does."""
    objections = (
        _output_objection(rule, proposal),
        _party_objection(rule, proposal),
        _money_objection(rule, proposal),
        _history_objection(rule, history),
        _hours_objection(rule, opportunity),
        _worth_objection(rule, opportunity, rates.get(proposal.currency.lower())),
    )
    return next((objection for objection in objections if objection), None)


def _output_objection(rule: Rule, proposal: Proposal) -> str | None:
    others = [output for output in proposal.outputs if output not in rule.output]
    if not others:
        return None
    return f"it may be used to predict {' or '.join(rule.output)}, not {others[0]}"


def _party_objection(rule: Rule, proposal: Proposal) -> str | None:
    if rule.capsules != "any" and proposal.capsule not in rule.capsules:
        return f"the Capsule {proposal.capsule} is not among those named"
    if rule.scientists != "any" and proposal.scientist not in rule.scientists:
        return f"the Data Scientist {proposal.scientist} is not among those named"
    return None


def _money_objection(rule: Rule, proposal: Proposal) -> str | None:
    for what, units, limits in (("Bounty", proposal.bounty, rule.bounty), ("bond", proposal.bond, rule.bond)):
        limit = _in_currency(limits, proposal.currency)
        if limits is not None and limit is None:
            return f"no smallest {what} is stated for the currency {proposal.currency}"
        if limit is not None and units < limit.units:
            return f"the {what} of {format_money(units, limit.currency)} is below {limit}"
    if proposal.scoring_fee > rule.scoring_fee.units:
        return f"the scoring fee of {format_money(proposal.scoring_fee)} is above {rule.scoring_fee}"
    return None


def _history_objection(rule: Rule, history: History) -> str | None:
    if history.rounds >= rule.rounds:
        return f"{history.rounds} of at most {rule.rounds} Gradients were submitted"
    if history.fruitless >= rule.patience:
        return f"the last {history.fruitless} Gradients brought no improvement"
    return None


def _hours_objection(rule: Rule, opportunity: Opportunity | None) -> str | None:
    windows: tuple[TimeWindows, ...] = rule.hours or ()
    if opportunity is None or not windows or any(window.include(opportunity.clock) for window in windows):
        return None
    return f"its hours are {' and '.join(map(str, windows))}"


def _worth_objection(rule: Rule, opportunity: Opportunity | None, rate: Fraction | None) -> str | None:
    """Names no amount: the gas price changes with each block, and each change would be reported as news."""
    if opportunity is None or rule.worth is None:
        return None
    if rate is None:
        return "no rate is stated that prices its currency against gas"
    if opportunity.reward * rate < rule.worth * opportunity.cost:
        return f"the expected reward is below {float(rule.worth):g} times the cost of gas and scoring fee"
    return None


def _in_currency(limits: tuple[Limit, ...] | None, currency: str) -> Limit | None:
    return next((limit for limit in limits or () if limit.currency.address.lower() == currency.lower()), None)
