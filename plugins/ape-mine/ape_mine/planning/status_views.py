"""What a Mine is and has done, for its Miner to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ape_mine.datasets.dataset import Dataset
from ape_mine.home.state import MineJournal, Note
from ape_mine.policy.document import Policy, Privacy
from ape_mine.policy.participation import own_gradients
from ape_mine.policy.payouts import Claim, due_payouts
from ape_mine.policy.privacy_budget import Spending
from ape_mine.training.noisy_releases import NoisyReleases
from sonar_core.protocol.ledger import CampaignState, Ledger


@dataclass(frozen=True, slots=True)
class PrivacyView:
    """A dataset's budget, and how much of it is gone.

    Attributes:
        epsilon, delta: of the policy.
        spent: epsilon of all that was released, at that delta; None where nothing bounds it, because Gradients were
            made from exact statistics.
        left: epsilon of what may still be released, at that delta.
        releases: of noisy statistics, so far.
    """

    epsilon: float
    delta: float
    spent: float | None
    left: float
    releases: int


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset, how many of the policy's rules speak of it, and its budget where the policy gives it one."""

    name: str
    rows: int
    columns: tuple[str, ...]
    version: str
    rules: int
    privacy: PrivacyView | None


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A Campaign that the Mine judged, or worked for.

    Attributes:
        campaign: id, "0x...".
        status: now.
        verdict: allow, ask, deny, trouble, or empty where it was not judged.
        reason: of the verdict, in words.
        gradients: how many were submitted.
        improved: how many of them improved the Model.
        currency: address of the Campaign's currency.
        earned, claimed, claimable: in its smallest units; claimable is what can be taken now.
        transactions: hashes of those that took the Gradients.
    """

    campaign: str
    status: str
    verdict: str
    reason: str
    gradients: int
    improved: int
    currency: str
    earned: int
    claimed: int
    claimable: int
    transactions: tuple[str, ...]


def view_datasets(datasets: Iterable[Dataset], policy: Policy, releases: NoisyReleases) -> list[DatasetView]:
    """All datasets of the Mine."""
    return [
        DatasetView(
            name=dataset.name,
            rows=dataset.rows,
            columns=dataset.schema.names,
            version=dataset.version.hex(),
            rules=sum(rule.dataset == dataset.name for rule in policy.allow),
            privacy=_view_privacy(policy.privacy(dataset.name), releases.spending(dataset)),
        )
        for dataset in datasets
    ]


def _view_privacy(privacy: Privacy | None, spending: Spending) -> PrivacyView | None:
    if privacy is None:
        return None
    budget = privacy.budget
    return PrivacyView(
        epsilon=budget.epsilon,
        delta=budget.delta,
        spent=None if spending.exact_gradients else budget.epsilon_of(spending.rho),
        left=budget.epsilon_of(spending.left(budget)),
        releases=spending.releases,
    )


def view_campaigns(ledger: Ledger, state: MineJournal, miner: str, now: int) -> list[CampaignView]:
    """The Campaigns that the Mine has something to say of, oldest first."""
    said = {note.campaign: note for note in state.notes()}
    return [
        _view(campaign, said.get(campaign.id), state.transactions(campaign.id), miner, now)
        for campaign in ledger.campaigns.values()
        if campaign.id in said or own_gradients(campaign, miner)
    ]


def _view(campaign: CampaignState, note: Note | None, transactions: list[bytes], miner: str, now: int) -> CampaignView:
    own = own_gradients(campaign, miner)
    due = due_payouts(campaign, miner, now)
    verdict = "" if note is None else note.verdict.value if note.verdict else "trouble"
    return CampaignView(
        campaign="0x" + campaign.id.hex(),
        status=campaign.status(now).name.capitalize(),
        verdict=verdict,
        reason=note.reason if note else "",
        gradients=len(own),
        improved=sum(gradient.rise > 0 for gradient in own),
        currency=campaign.terms.currency,
        earned=sum(campaign.reward(gradient) for gradient in own),
        claimed=sum(campaign.reward(gradient) for gradient in own if gradient.claimed),
        claimable=sum(payout.amount for payout in due if isinstance(payout, Claim)),
        transactions=tuple("0x" + transaction.hex() for transaction in transactions),
    )
