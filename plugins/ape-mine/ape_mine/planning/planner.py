"""Decides what a Mine does about each open Campaign, for the loop and for `ape mine plan`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from ape_mine.home.state import MineJournal
from ape_mine.planning.dataset_selection import Choice, DatasetSelector
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.document import Policy
from ape_mine.policy.participation import reason_to_wait
from ape_mine.policy.profitability import Now
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import Status
from sonar_core.service.action import Action
from sonar_core.service.loop import isolated


class PlannedAction(Enum):
    """What is done about a Campaign."""

    TRAIN = "train"
    ASK = "ask"
    DENY = "deny"
    WAIT = "wait"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Intent:
    """The plan for one Campaign.

    Attributes:
        campaign: confirmed state; the state with the newest blocks while its start is unconfirmed.
        step: the planned action.
        reason: for people.
        choice: result of the dataset selection; None if none was made.
    """

    campaign: CampaignState
    step: PlannedAction
    reason: str
    choice: Choice | None = None


_STEPS = {
    PolicyVerdict.ALLOW: PlannedAction.TRAIN,
    PolicyVerdict.ASK: PlannedAction.ASK,
    PolicyVerdict.DENY: PlannedAction.DENY,
}


class Planner:
    """Plans without side effects. It fetches Campaigns' specs, and nothing else.

    Args:
        selector, state: the Mine's.
        miner: address of its account.
        may_retry: whether the back-off of a Campaign is over.
    """

    def __init__(
        self, selector: DatasetSelector, state: MineJournal, miner: str, may_retry: Callable[[bytes], bool]
    ) -> None:
        self._selector = selector
        self._state = state
        self._miner = miner
        self._may_retry = may_retry

    def intents(self, policy: Policy, ledger: Ledger, newest_ledger: Ledger, now: Now) -> Iterator[Intent]:
        """Yields the plan for each open Campaign, oldest first; each is made when it is asked for.

        Args:
            policy: in force.
            ledger: confirmed state.
            newest_ledger: state with the newest blocks.
            now: time and gas price.

        Raises:
            ChainError: the chain cannot be reached.
        """
        busy = {submission.campaign for submission in self._state.unfinished()}
        for newest in newest_ledger.live_campaigns():
            if newest.status(now.chain_time) is Status.OPEN:
                yield self._intent(policy, ledger.campaigns.get(newest.id), newest, newest.id in busy, now)

    def _intent(
        self, policy: Policy, confirmed: CampaignState | None, newest: CampaignState, busy: bool, now: Now
    ) -> Intent:
        if confirmed is None or confirmed.status(now.chain_time) is not Status.OPEN:
            return Intent(newest, PlannedAction.WAIT, "its opening is not confirmed yet")
        if busy:
            return Intent(confirmed, PlannedAction.WAIT, "a Gradient for it is under way")
        if not self._may_retry(newest.id):
            return Intent(confirmed, PlannedAction.WAIT, "the last attempt failed; back-off before the next one")
        too_early = reason_to_wait(newest, self._miner, confirmed.model.version)
        if too_early:
            return Intent(confirmed, PlannedAction.WAIT, too_early)
        troubles: list[Action] = []
        with isolated(newest.id, troubles.append):
            choice = self._selector.select(policy, confirmed, newest, now)
            return Intent(confirmed, _STEPS[choice.decision.verdict], choice.decision.reason, choice)
        return Intent(confirmed, PlannedAction.TROUBLE, troubles[0].words)
