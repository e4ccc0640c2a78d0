"""Selects the dataset for a Campaign: schemas first, then consent, rules and privacy budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from ape_mine.datasets.dataset import Dataset
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import BudgetExceededError, DatasetError, ExactStatisticsLeftError, SpendingUnknownError
from ape_mine.home.state import MineJournal
from ape_mine.policy.consent import Consent
from ape_mine.policy.decision import Decision, History, PolicyVerdict, Proposal, decide
from ape_mine.policy.document import Policy, Privacy
from ape_mine.policy.participation import history
from ape_mine.policy.profitability import Now, Opportunity, next_opportunity
from ape_mine.policy.schema_matching import Match, match
from ape_mine.policy.submission import Submission
from ape_mine.training.gradient_builder import GradientBuilder
from sonar_core.base.errors import one_line
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.scheme import SCHEME


def today() -> date:
    """The current day, UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Choice:
    """Result of a selection.

    Attributes:
        decision: the policy's.
        dataset, match: the dataset and its columns for the Campaign's fields; None if no dataset fits.
        opportunity: the Gradient that could be begun; None if it was not estimated.
    """

    decision: Decision
    dataset: Dataset | None = None
    match: Match | None = None
    opportunity: Opportunity | None = None


class DatasetSelector:
    """Selects datasets by Campaigns' specs, without reading Models, keys or rows.

    Args:
        datasets, builder, state: the Mine's.
        miner: address of its account.
        today: gives the day on which consent must hold.
    """

    def __init__(
        self,
        datasets: DatasetStore,
        builder: GradientBuilder,
        state: MineJournal,
        miner: str,
        *,
        today: Callable[[], date] = today,
    ) -> None:
        self._datasets = datasets
        self._builder = builder
        self._state = state
        self._miner = miner
        self._today = today

    def select(self, policy: Policy, campaign: CampaignState, newest: CampaignState, now: Now) -> Choice:
        """Selects the first dataset that the policy allows, else the first one that awaits approval by hand.

        Args:
            policy: in force.
            campaign: confirmed state.
            newest: the same Campaign with the newest blocks, for the Mine's own past in it.
            now: time and gas price.

        Returns:
            The choice; if no dataset is allowed, a denial with all reasons.

        Raises:
            StoreError, BlobError, SpecError: the spec cannot be read.
        """
        if campaign.terms.scheme != SCHEME:
            return _denied(f"its scheme is {campaign.terms.scheme}, not {SCHEME}")
        spec, opportunity = self._builder.spec(campaign), next_opportunity(newest, now)
        choices = []
        for name in policy.datasets:
            done = history(newest, self._miner, approved=self._state.approved(campaign.id, name))
            choices.append(self._decide(policy, campaign, spec, name, done, opportunity))
        for verdict in (PolicyVerdict.ALLOW, PolicyVerdict.ASK):
            for choice in choices:
                if choice.decision.verdict is verdict:
                    return replace(choice, opportunity=opportunity)
        reasons = "; ".join(choice.decision.reason for choice in choices)
        return replace(_denied(reasons or "the policy names no dataset"), opportunity=opportunity)

    def objection(self, policy: Policy, campaign: CampaignState, submission: Submission) -> str | None:
        """Reason why the policy forbids a stored submission; None if it allows it. Raises as `select`."""
        name, spec = submission.dataset, self._builder.spec(campaign)
        past = History(approved=self._state.approved(campaign.id, name))
        decision = self._decide(policy, campaign, spec, name, past, None, submission.release).decision
        return None if decision.verdict is PolicyVerdict.ALLOW else decision.reason

    def _decide(
        self,
        policy: Policy,
        campaign: CampaignState,
        spec: CampaignSpec,
        name: str,
        done: History,
        opportunity: Opportunity | None,
        release: bytes | None = None,
    ) -> Choice:
        try:
            dataset = self._datasets.get(name)
        except DatasetError as error:
            return _denied(one_line(error))
        found = match(spec.input.table, spec.output.table, dataset.schema, policy.columns(name))
        if not isinstance(found, Match):
            return _denied(f"dataset {name} does not fit: {found.reason}")
        consent = policy.consent(name)
        objection = self._consent_objection(consent, dataset, found)
        if consent is None or objection:
            return _denied(f"dataset {name}: {objection}")
        dataset, terms = dataset.only(consent.rows), campaign.terms
        proposal = Proposal(
            dataset=name,
            outputs=found.outputs,
            capsule=terms.capsule,
            scientist=campaign.scientist,
            currency=terms.currency,
            bounty=terms.bounty,
            bond=terms.capsule_bond,
            scoring_fee=terms.scoring_fee,
        )
        decision, privacy = decide(policy, proposal, done, opportunity), policy.privacy(name)
        if privacy and decision.verdict is not PolicyVerdict.DENY:
            key = release or self._builder.statistics_key(campaign, dataset, found)
            decision = self._with_price(decision, key, dataset, privacy)
        return Choice(decision, dataset, found)

    def _consent_objection(self, consent: Consent | None, dataset: Dataset, found: Match) -> str | None:
        """Reason why consent does not cover a Campaign's use of a dataset; None if it does."""
        if consent is None:
            return "no consent of the data subjects is on record: state it in the policy"
        return consent.schema_objection(dataset.schema) or consent.objection(found.outputs, self._today())

    def _with_price(self, decision: Decision, key: bytes, dataset: Dataset, privacy: Privacy) -> Decision:
        """The same decision with the price in privacy added to the reason, or a denial if the budget forbids it."""
        try:
            price = self._state.releases.quote(key, dataset, privacy)
        except (BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError) as error:
            return Decision(PolicyVerdict.DENY, one_line(error), decision.rule)
        return replace(decision, reason=f"{decision.reason}; {price}")


def _denied(reason: str) -> Choice:
    return Choice(Decision(PolicyVerdict.DENY, reason))
