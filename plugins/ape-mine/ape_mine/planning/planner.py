"""What a Mine would do about each open Campaign, and why: the one decision behind its loop and `ape mine plan`."""

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
    """What is done about a Campaign: it is trained for, left to the Miner's approval, or let be."""

    TRAIN = "train"
    ASK = "ask"
    DENY = "deny"
    WAIT = "wait"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be done about one Campaign.

    Attributes:
        campaign: with its confirmations; with the newest blocks while it has none.
        step: to take.
        reason: in words.
        choice: the judge's; None where it was not asked.
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
    """Decides; fetches Campaigns' specs and nothing else, and writes nothing.

    Args:
        judge, state: the Mine's.
        miner: its account.
        rested: whether a Campaign that gave trouble was left alone for long enough.
    """

    def __init__(self, judge: DatasetSelector, state: MineJournal, miner: str, rested: Callable[[bytes], bool]) -> None:
        self._judge = judge
        self._state = state
        self._miner = miner
        self._rested = rested

    def intents(self, policy: Policy, ledger: Ledger, ahead: Ledger, moment: Now) -> Iterator[Intent]:
        """One for each open Campaign, oldest first; each is decided when it is asked for, after what was done before.

        Args:
            policy: in force.
            ledger: of what has its confirmations.
            ahead: the same with the newest blocks.
            moment: now.

        Raises:
            ChainError: the chain cannot be reached.
        """
        busy = {submission.campaign for submission in self._state.unfinished()}
        for newest in ahead.live_campaigns():
            if newest.status(moment.chain_time) is Status.OPEN:
                yield self._intent(policy, ledger.campaigns.get(newest.id), newest, newest.id in busy, moment)

    def _intent(
        self, policy: Policy, confirmed: CampaignState | None, newest: CampaignState, busy: bool, moment: Now
    ) -> Intent:
        if confirmed is None or confirmed.status(moment.chain_time) is not Status.OPEN:
            return Intent(newest, PlannedAction.WAIT, "what opened it has not its confirmations yet")
        if busy:
            return Intent(confirmed, PlannedAction.WAIT, "a Gradient for it is under way")
        if not self._rested(newest.id):
            return Intent(confirmed, PlannedAction.WAIT, "it gave trouble, and is left alone for a while")
        early = reason_to_wait(newest, self._miner, confirmed.model.version)
        if early:
            return Intent(confirmed, PlannedAction.WAIT, early)
        troubles: list[Action] = []
        with isolated(newest.id, troubles.append):
            choice = self._judge.choose(policy, confirmed, newest, moment)
            return Intent(confirmed, _STEPS[choice.decision.verdict], choice.decision.reason, choice)
        return Intent(confirmed, PlannedAction.TROUBLE, troubles[0].words)
