"""Which dataset a Campaign would be trained on, and what the policy says to that: schemas first, then rules."""

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
    """A decision, the dataset it is about where one fits, and the Gradient that could be begun."""

    decision: Decision
    dataset: Dataset | None = None
    match: Match | None = None
    occasion: Opportunity | None = None


class DatasetSelector:
    """Judges Campaigns by their specs: no Model, no key and no row is looked at.

    Args:
        datasets, workshop, state: the Mine's.
        miner: its account.
        today: the day on which consent must hold.
    """

    def __init__(
        self,
        datasets: DatasetStore,
        workshop: GradientBuilder,
        state: MineJournal,
        miner: str,
        *,
        today: Callable[[], date] = today,
    ) -> None:
        self._datasets = datasets
        self._workshop = workshop
        self._state = state
        self._miner = miner
        self._today = today

    def choose(self, policy: Policy, campaign: CampaignState, newest: CampaignState, moment: Now) -> Choice:
        """The first dataset that the policy allows, or would after an approval; else all its objections.

        Args:
            policy: in force.
            campaign: with its confirmations.
            newest: the same Campaign with the newest blocks, for what the Mine has done so far.
            moment: when, and what gas costs then.

        Raises:
            StoreError, BlobError, SpecError: the spec cannot be had.
        """
        if campaign.terms.scheme != SCHEME:
            return _denied(f"its formats are of scheme {campaign.terms.scheme}, not {SCHEME}")
        spec, chance = self._workshop.spec(campaign), next_opportunity(newest, moment)
        choices = []
        for name in policy.datasets:
            done = history(newest, self._miner, approved=self._state.approved(campaign.id, name))
            choices.append(self._judge(policy, campaign, spec, name, done, chance))
        for verdict in (PolicyVerdict.ALLOW, PolicyVerdict.ASK):
            for choice in choices:
                if choice.decision.verdict is verdict:
                    return replace(choice, occasion=chance)
        reasons = "; ".join(choice.decision.reason for choice in choices)
        return replace(_denied(reasons or "the policy names no dataset"), occasion=chance)

    def objection(self, policy: Policy, campaign: CampaignState, submission: Submission) -> str | None:
        """Why the policy would not let a submission to a Campaign out; None if it would. Raises as `choose`."""
        name, spec = submission.dataset, self._workshop.spec(campaign)
        asked = History(approved=self._state.approved(campaign.id, name))
        decision = self._judge(policy, campaign, spec, name, asked, None, submission.release).decision
        return None if decision.verdict is PolicyVerdict.ALLOW else decision.reason

    def _judge(
        self,
        policy: Policy,
        campaign: CampaignState,
        spec: CampaignSpec,
        name: str,
        done: History,
        chance: Opportunity | None,
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
        decision, privacy = decide(policy, proposal, done, chance), policy.privacy(name)
        if privacy and decision.verdict is not PolicyVerdict.DENY:
            asked = release or self._workshop.statistics_key(campaign, dataset, found)
            decision = self._price(decision, asked, dataset, privacy)
        return Choice(decision, dataset, found)

    def _consent_objection(self, consent: Consent | None, dataset: Dataset, found: Match) -> str | None:
        """Why nobody agreed to what a Campaign asks of a dataset, in words; None if they did."""
        if consent is None:
            return "no consent of those whom its rows are about is on record: state it in the policy"
        return consent.schema_objection(dataset.schema) or consent.objection(found.outputs, self._today())

    def _price(self, decision: Decision, release: bytes, dataset: Dataset, privacy: Privacy) -> Decision:
        """The same decision with what it would tell of the dataset, or a refusal where that is too much."""
        try:
            told = self._state.releases.quote(release, dataset, privacy)
        except (BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError) as error:
            return Decision(PolicyVerdict.DENY, one_line(error), decision.rule)
        return replace(decision, reason=f"{decision.reason}; {told}")


def _denied(reason: str) -> Choice:
    return Choice(Decision(PolicyVerdict.DENY, reason))
