"""Views of a Mine's datasets, Campaigns and money, for its Miner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ape_mine.datasets.dataset import Dataset
from ape_mine.home.state import MineJournal, Note
from ape_mine.policy.document import Policy, Privacy
from ape_mine.policy.participation import own_gradients
from ape_mine.policy.payouts import Claim, due_payouts
from ape_mine.policy.privacy_budget import Spending
from ape_mine.training.noisy_releases import NoisyReleases
from sonar_core.protocol.events import Claimed, Compensated, Event, GradientSubmitted, ScoringFeeReclaimed
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.units import COIN, Currency, currency_at, format_money


@dataclass(frozen=True, slots=True)
class PrivacyView:
    """A dataset's privacy budget.

    Attributes:
        epsilon, delta: of the policy.
        spent: epsilon of all releases so far, at that delta; None if Gradients from exact statistics exceed any bound.
        left: epsilon that may still be spent, at that delta.
        releases: number of releases of noisy statistics.
    """

    epsilon: float
    delta: float
    spent: float | None
    left: float
    releases: int


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset, the number of rules for it, and its privacy budget, if the policy sets one."""

    name: str
    rows: int
    columns: tuple[str, ...]
    version: str
    rules: int
    privacy: PrivacyView | None


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A Campaign that the Mine has a note about, or submitted to.

    Attributes:
        campaign: id, "0x...".
        status: current status.
        verdict: allow, ask, deny, trouble, or empty without a note.
        reason: for the verdict.
        gradients: number of the Mine's Gradients.
        improved: number of those that improved the Model.
        currency: address of the Campaign's currency.
        earned, claimed, claimable: in its smallest units; claimable can be taken now.
        earned_words, claimed_words: with their currency, for people.
        transactions: hashes of the submissions' transactions.
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
    earned_words: str
    claimed_words: str
    transactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MoneyView:
    """The Miner's money in one currency, over all Campaigns, in smallest units.

    Attributes:
        currency: address.
        earned: rewards of all Gradients that are scored and valid, and compensation.
        claimed: the part of it that was paid.
        fees: scoring fees paid, less those that were reclaimed.
        gas: cost of the Mine's confirmed transactions that emitted an event.
        net: earned, less fees and gas.
        words: one line for people.
    """

    currency: str
    earned: int
    claimed: int
    fees: int
    gas: int
    net: int
    words: str


def view_datasets(datasets: Iterable[Dataset], policy: Policy, releases: NoisyReleases) -> list[DatasetView]:
    """Views of datasets."""
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


def view_campaigns(
    ledger: Ledger, state: MineJournal, miner: str, now: int, tokens: Sequence[Currency] = ()
) -> list[CampaignView]:
    """Views of the Campaigns that the Mine has a note about, or submitted to, oldest first.

    Args:
        ledger: with the newest blocks.
        state: the Mine's.
        miner: address of its account.
        now: the chain's time, Unix seconds.
        tokens: ERC-20s with known symbols.
    """
    notes = {note.campaign: note for note in state.notes()}
    return [
        _view(campaign, notes.get(campaign.id), state.transactions(campaign.id), miner, now, tokens)
        for campaign in ledger.campaigns.values()
        if campaign.id in notes or own_gradients(campaign, miner)
    ]


def _view(
    campaign: CampaignState,
    note: Note | None,
    transactions: list[bytes],
    miner: str,
    now: int,
    tokens: Sequence[Currency],
) -> CampaignView:
    own, currency = own_gradients(campaign, miner), currency_at(campaign.terms.currency, tokens)
    due = due_payouts(campaign, miner, now)
    earned = sum(campaign.reward(gradient) for gradient in own)
    claimed = sum(campaign.reward(gradient) for gradient in own if gradient.claimed)
    return CampaignView(
        campaign="0x" + campaign.id.hex(),
        status=campaign.status(now).name.capitalize(),
        verdict="" if note is None else note.verdict.value if note.verdict else "trouble",
        reason=note.reason if note else "",
        gradients=len(own),
        improved=sum(gradient.rise > 0 for gradient in own),
        currency=campaign.terms.currency,
        earned=earned,
        claimed=claimed,
        claimable=sum(payout.amount for payout in due if isinstance(payout, Claim)),
        earned_words=format_money(earned, currency),
        claimed_words=format_money(claimed, currency),
        transactions=tuple("0x" + transaction.hex() for transaction in transactions),
    )


def own_transactions(events: Iterable[Event], miner: str) -> list[bytes]:
    """Hashes of an account's transactions as a Miner, as far as their events name the account."""
    kinds = GradientSubmitted | Claimed | ScoringFeeReclaimed | Compensated
    own = (event for event in events if isinstance(event, kinds) and event.miner == miner)
    return list(dict.fromkeys(event.position.transaction for event in own))


def view_money(ledger: Ledger, miner: str, gas: int, tokens: Sequence[Currency] = ()) -> list[MoneyView]:
    """Earnings and costs by currency, the coin first. Arguments as for `view_campaigns`; `gas`: in wei."""
    earned: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    fees = 0
    for campaign in ledger.campaigns_of_miner(miner):
        currency = campaign.terms.currency
        for gradient in own_gradients(campaign, miner):
            reward, share = campaign.reward(gradient), campaign.compensation_share() if gradient.compensated else 0
            earned[currency] += reward + share
            claimed[currency] += (reward if gradient.claimed else 0) + share
            fees += 0 if gradient.reclaimed else campaign.terms.scoring_fee
    others = sorted(address for address in earned if address != COIN.address)
    return [
        _view_money(currency_at(address, tokens), earned[address], claimed[address], *costs)
        for address, costs in [(COIN.address, (fees, gas)), *((other, (0, 0)) for other in others)]
    ]


def _view_money(currency: Currency, earned: int, claimed: int, fees: int, gas: int) -> MoneyView:
    def words(units: int) -> str:
        return format_money(units, currency)

    costs = f"; spent {words(fees)} on scoring fees and {words(gas)} on gas" if fees or gas else ""
    net = earned - fees - gas
    line = f"Earned {words(earned)}, of which {words(claimed)} was claimed{costs}; net {words(net)}."
    return MoneyView(currency.address, earned, claimed, fees, gas, net, line)
