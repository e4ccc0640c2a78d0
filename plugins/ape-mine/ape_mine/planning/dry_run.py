"""What the Mine would do if it looked at the chain now, found out without doing any of it.

The rehearsal is the loop's own decision on a copy of its journal in memory: what is followed, and what a planned
Gradient would spend of a dataset's privacy, is written there and forgotten.
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
from sonar_core.protocol.units import COIN, Currency, format_money
from sonar_core.store import BlobStore


@dataclass(frozen=True, slots=True)
class PlanView:
    """What the Mine would do about one open Campaign.

    Attributes:
        campaign: id, "0x...".
        step: train, ask, deny, wait or trouble.
        reason: in words.
        dataset: name of the one it would be trained on; empty where there is none.
        rule: number of the policy's rule that decides; None where none does.
        version: of the Model that would be worked on; None while it has not its confirmations.
        currency: address of the Campaign's currency.
        reward: that may be expected of one Gradient, in its smallest units; None where nothing was reckoned.
        cost: of its gas and scoring fee, in wei; None likewise.
        reward_words, cost_words: the same for people.
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


def rehearse(
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
    """What would be done about each open Campaign, oldest first.

    Args:
        home: of the Mine.
        state: a rehearsal's copy of its journal (`Home.rehearsal`).
        chain, store: to look at.
        policy: in force.
        confirmations, start_block: as for the Mine.
        clock: the moment that is rehearsed, on the machine's clock.

    Raises:
        ChainError: the chain cannot be reached.
    """
    miner = state.owner().miner
    event_log = EventLog(chain, state.journal, confirmations=confirmations, start_block=start_block)
    event_log.catch_up()
    workshop = GradientBuilder(store, home.statistics, state.releases)
    planner = Planner(
        DatasetSelector(home.datasets, workshop, state, miner), state, miner, rested=lambda campaign: True
    )
    moment = Now(chain.timestamp(), clock, chain.gas_price())
    for intent in planner.intents(policy, event_log.confirmed_ledger, event_log.unconfirmed_ledger(), moment):
        yield intent
        _book(intent, policy, workshop, state)


def _book(intent: Intent, policy: Policy, workshop: GradientBuilder, state: MineJournal) -> None:
    """What a planned Gradient would spend is gone for those that come after it."""
    choice = intent.choice if intent.step is PlannedAction.TRAIN else None
    if choice is None or choice.dataset is None or choice.match is None:
        return
    privacy = policy.privacy(choice.dataset.name)
    if privacy:
        asked = workshop.statistics_key(intent.campaign, choice.dataset, choice.match)
        state.releases.reserve(asked, choice.dataset, privacy)


def view_plan(intents: Iterable[Intent], tokens: Iterable[Currency]) -> list[PlanView]:
    """The plan as it is shown."""
    known = {currency.address: currency for currency in (COIN, *tokens)}
    return [_view(intent, known) for intent in intents]


def _view(intent: Intent, known: dict[str, Currency]) -> PlanView:
    campaign, choice = intent.campaign, intent.choice
    chance, address = choice.occasion if choice else None, campaign.terms.currency
    currency = known.get(address) or Currency(address, f"smallest units of {address}", 0)
    return PlanView(
        campaign="0x" + campaign.id.hex(),
        step=intent.step.value,
        reason=intent.reason,
        dataset=choice.dataset.name if choice and choice.dataset else "",
        rule=choice.decision.rule if choice else None,
        version=campaign.model.version if choice else None,
        currency=address,
        reward=chance.reward if chance else None,
        cost=chance.cost if chance else None,
        reward_words=format_money(chance.reward, currency) if chance else "",
        cost_words=format_money(chance.cost) if chance else "",
    )
