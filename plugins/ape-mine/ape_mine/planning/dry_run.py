"""Dry run of the planner: what the Mine would do now.

It runs on a copy of the journal in memory, in which the read events, and the privacy that a planned Gradient would
spend, are stored and then discarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ape_mine.home.home import Home
from ape_mine.home.state import MineJournal
from ape_mine.planning.dataset_selection import DatasetSelector
from ape_mine.planning.planner import Intent, PlannedAction, Planner
from ape_mine.policy.document import Policy
from ape_mine.policy.profitability import Now
from ape_mine.training.gradient_builder import GradientBuilder
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol.units import Currency, currency_at, format_money
from sonar_core.store import BlobStore


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan for one open Campaign.

    Attributes:
        campaign: id, "0x...".
        step: train, ask, deny, wait or trouble.
        reason: for people.
        dataset: name of the dataset that it would be trained on, or empty.
        rule: number of the rule that decides, or None.
        version: of the Model that would be trained; None while unconfirmed.
        currency: address of the Campaign's currency.
        reward: expected reward of one Gradient, in smallest units of the currency; None without an estimate.
        cost: gas and scoring fee of the Gradient, in wei; None likewise.
        reward_words, cost_words: both with their currencies, for people; empty for a Campaign that is denied.
    """

    campaign: str
    step: str
    reason: str
    dataset: str
    rule: int | None
    version: int | None
    currency: str
    reward: int | None
    cost: int | None
    reward_words: str
    cost_words: str


def dry_run(
    home: Home,
    state: MineJournal,
    chain: SonarContracts,
    store: BlobStore,
    policy: Policy,
    *,
    confirmations: int,
    start_block: int,
    clock: datetime,
) -> Iterator[Intent]:
    """Yields the plan for each open Campaign, oldest first.

    Args:
        home: of the Mine.
        state: a copy of its journal (`Home.state_copy`).
        chain, store: read only.
        policy: in force.
        confirmations, start_block: as for `Mine`.
        clock: time of the plan, on the machine's clock.

    Raises:
        ChainError: the chain cannot be reached.
    """
    miner = state.owner().miner
    event_log = EventLog(chain, state.journal, confirmations=confirmations, start_block=start_block)
    event_log.catch_up()
    builder = GradientBuilder(store, home.statistics, state.releases)
    selector = DatasetSelector(home.datasets, builder, state, miner)
    planner = Planner(selector, state, miner, may_retry=lambda campaign: True)
    now = Now(chain.timestamp(), clock, chain.gas_price())
    for intent in planner.intents(policy, event_log.confirmed_ledger, event_log.unconfirmed_ledger(), now):
        yield intent
        _reserve(intent, policy, builder, state)


def _reserve(intent: Intent, policy: Policy, builder: GradientBuilder, state: MineJournal) -> None:
    """Charges the privacy that a planned Gradient would spend, so that later plans see what is left."""
    choice = intent.choice if intent.step is PlannedAction.TRAIN else None
    if choice is None or choice.dataset is None or choice.match is None:
        return
    privacy = policy.privacy(choice.dataset.name)
    if privacy:
        key = builder.statistics_key(intent.campaign, choice.dataset, choice.match)
        state.releases.reserve(key, choice.dataset, privacy)


def view_plan(intents: Iterable[Intent], tokens: Iterable[Currency]) -> list[PlanView]:
    """The plans for display. `tokens`: ERC-20s with known symbols."""
    known = tuple(tokens)
    return [_view(intent, known) for intent in intents]


def _view(intent: Intent, tokens: tuple[Currency, ...]) -> PlanView:
    campaign, choice = intent.campaign, intent.choice
    opportunity, address = choice.opportunity if choice else None, campaign.terms.currency
    shown = opportunity if intent.step is not PlannedAction.DENY else None
    return PlanView(
        campaign="0x" + campaign.id.hex(),
        step=intent.step.value,
        reason=intent.reason,
        dataset=choice.dataset.name if choice and choice.dataset else "",
        rule=choice.decision.rule if choice else None,
        version=campaign.model.version if choice else None,
        currency=address,
        reward=opportunity.reward if opportunity else None,
        cost=opportunity.cost if opportunity else None,
        reward_words=format_money(shown.reward, currency_at(address, tokens)) if shown else "",
        cost_words=format_money(shown.cost) if shown else "",
    )
