"""The Capsule's loop: open or decline, score in order, rebase, deliver, collect.

`step` does what is due and returns; `run` repeats it. What a move computes is published and journalled before its
transaction is sent, and which moves are due is read off the chain each time. So a Capsule that is killed anywhere and
started again goes on where it stood: no Gradient is scored twice, and none is skipped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event as Flag

from ape_capsule.errors import PredictionsMovedError
from ape_capsule.moves.collect import collect
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.moves.deliver import deliver
from ape_capsule.moves.open_or_decline import answer
from ape_capsule.moves.rebase import is_full, rebase
from ape_capsule.moves.score_or_reject import Scorer
from sonar_core.chain.contract_errors import WrongNextError
from sonar_core.chain.event_follower import Batch
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol.events import CampaignCancelled, CampaignCreated, CampaignDeclined
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.service.action import Action
from sonar_core.service.blob_maintenance import BlobMaintenance
from sonar_core.service.loop import isolated, run_service
from sonar_core.service.observer import Vitals

_log = logging.getLogger(__name__)
#: Seconds between two checks of the stop flag while workers score.
_STOP_CHECK = 0.1
#: Campaigns of these states never need their Capsule again.
_NEVER_OPEN = (Status.DECLINED, Status.CANCELLED)
#: Campaigns of these states need a move of their Capsule before a deadline.
_UNSETTLED = (Status.REQUESTED, Status.OPEN, Status.CLOSING)


class Capsule:
    """One Capsule on one chain.

    Args:
        context: its tools.
        events: everything that happened on chain.
        maintenance: of its blobs.
    """

    def __init__(self, context: CapsuleContext, events: EventLog, maintenance: BlobMaintenance) -> None:
        self._context, self._events, self._maintenance = context, events, maintenance
        self._chain, self._observer, self._scorer = context.chain, context.observer, Scorer(context)
        self._stop = Flag()
        self._watched = self._own_campaigns()
        #: The last message about a Campaign that waits or is in trouble; a repeated one is not reported.
        self._reported: dict[bytes, str] = {}
        #: Roots of Models that cannot be rebased; each was found out once, at some cost.
        self._stuck: set[bytes] = set()

    def run(self, *, poll_interval: float, stop: Flag, report: Callable[[Action], None]) -> None:
        """Takes turns until `stop` is set; after an idle one it waits for `poll_interval` seconds or for a worker."""
        self._stop = stop
        run_service(
            self, poll_interval=poll_interval, stop=stop, report=report, observer=self._observer, wait=self._pause
        )

    def _pause(self, seconds: float, stop: Flag) -> None:
        """Waits so long, or until a worker has a result, or until `stop` is set."""
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            workers = self._context.workers
            if not workers.is_busy:
                stop.wait(left)
            elif workers.wait(min(left, _STOP_CHECK)):
                return

    def step(self) -> list[Action]:
        """One move per Campaign that needs one, the most urgent first, but at most one opening.

        A key pair takes seconds, and a hundred Campaigns may be created at once: Gradients of open Campaigns do not
        wait for all of those.

        Raises:
            ChainError: the chain cannot be reached.
        """
        self._watch(self._events.catch_up())
        # First, so that what is sent already shows in the newest blocks and is not sent again.
        waits = self._chain.tend(self._events.last_read_block)
        if waits:
            waiting = Action("waiting", None, waits)
            return [waiting] if self._is_news(waiting) else []
        ahead = self._events.unconfirmed_ledger()
        confirmed, newest = self._events.confirmed_ledger.campaigns, ahead.campaigns
        own = [(confirmed[campaign], newest[campaign]) for campaign in self._watched if campaign in newest]
        own.sort(key=lambda pair: pair[1].due_at())
        now, actions = self._chain.timestamp(), []
        opened = False
        for known, latest in own:
            if self._stop.is_set() or self._chain.waits:
                break
            if opened and latest.recorded is Status.REQUESTED:
                continue
            self._observer.stepping()
            done = self._serve(known, latest, now)
            opened = opened or any(action.kind == "opened" for action in done)
            actions += done
        return actions + self._maintenance.look(self._events.confirmed_ledger, lambda: ahead, lambda: now)

    def _watch(self, batches: list[Batch]) -> None:
        """Keeps the ids of the Capsule's own Campaigns that may still need a move."""
        if any(batch.rewound_to is not None for batch in batches):
            self._watched = self._own_campaigns()
        for batch in batches:
            for event in batch.events:
                if isinstance(event, CampaignCreated) and event.capsule == self._chain.sender:
                    self._watched[event.campaign] = None
                elif isinstance(event, CampaignDeclined | CampaignCancelled):
                    self._watched.pop(event.campaign, None)

    def _own_campaigns(self) -> dict[bytes, None]:
        campaigns = self._events.confirmed_ledger.campaigns.values()
        return dict.fromkeys(
            one.id for one in campaigns if one.terms.capsule == self._chain.sender and one.recorded not in _NEVER_OPEN
        )

    def vitals(self) -> Vitals:
        """The service's state by confirmed events. Raises ChainError."""
        chain, now = self._chain, self._chain.timestamp()
        head = chain.newest_block()
        live = self._events.confirmed_ledger.live_campaigns()
        own = [one for one in live if one.terms.capsule == chain.sender and one.status(now) in _UNSETTLED]
        return Vitals(
            head=head,
            block_time=chain.block_time(head),
            behind=self._events.blocks_behind(head),
            balance=chain.coin_balance(chain.sender),
            campaigns=len(own),
            waiting=sum(one.submitted - one.scored for one in own),
            due=min((due for one in own if (due := one.due_at())), default=None),
        )

    def close(self) -> None:
        """Ends the workers and closes the journal."""
        self._context.workers.close()
        self._context.journal.close()

    # ------------------------------------------------------------------ one Campaign

    def _serve(self, confirmed: CampaignState, newest: CampaignState, now: int) -> list[Action]:
        """The next move of one Campaign; its trouble stops no other Campaign."""
        actions: list[Action] = []
        with isolated(newest.id, actions.append):
            try:
                actions += self._move(confirmed, newest, now)
            except WrongNextError:
                return []  # another Gradient was submitted meanwhile: the next turn reads it
        return [action for action in actions if self._is_news(action)]

    def _is_news(self, action: Action) -> bool:
        """Whether an Action is reported: a Campaign that waits or is in trouble is reported if its message changes."""
        campaign = action.campaign or b""
        former = self._reported.pop(campaign, None)
        if action.moved:
            return True
        self._reported[campaign] = action.words
        return former != action.words

    def _move(self, confirmed: CampaignState, newest: CampaignState, now: int) -> list[Action]:
        status, ledger = newest.status(now), self._events.confirmed_ledger
        if not newest.awaits_score or status not in (Status.OPEN, Status.CLOSING):
            self._scorer.discard(newest.id)
        if status is Status.REQUESTED:
            return answer(self._context, newest, ledger)
        if status in (Status.OPEN, Status.CLOSING):
            if status is Status.CLOSING and not newest.awaits_score:
                return deliver(self._context, newest, ledger) if _is_confirmed(confirmed, newest) else []
            rebasing = self._rebase(confirmed, newest)
            return self._score(confirmed, newest) if rebasing is None else rebasing
        if newest.settled_at:
            return self._settle(newest, now)
        return []

    def _score(self, confirmed: CampaignState, newest: CampaignState) -> list[Action]:
        """Scores or rejects the oldest Gradient, once its submission has its confirmations."""
        oldest = newest.oldest_unscored
        known = confirmed.gradients.get(oldest.record.number) if oldest else None
        if oldest is None or known is None or known.record != oldest.record:
            return []
        return self._scorer.advance(newest, self._events.confirmed_ledger)

    def _rebase(self, confirmed: CampaignState, newest: CampaignState) -> list[Action] | None:
        """Rebases a full Model, or waits until it can be; None if the next Gradient can be scored.

        If no rebase is possible, Gradients that still fit the slots are scored all the same.
        """
        ledger = self._events.confirmed_ledger
        if newest.model.root in self._stuck or not is_full(self._context, newest, ledger):
            return None
        if not _is_confirmed(confirmed, newest):
            return []
        try:
            return rebase(self._context, newest, ledger)
        except PredictionsMovedError as error:
            self._stuck.add(newest.model.root)
            _log.warning("Campaign 0x%s: %s", newest.id.hex(), error)
            return None

    def _settle(self, campaign: CampaignState, now: int) -> list[Action]:
        """Takes what the Campaign owes once claims are open; from then on nobody can dispute a score."""
        if not campaign.claims_open(now):
            return []
        actions = collect(self._context, campaign)
        self._context.forget(campaign.id)
        self._watched.pop(campaign.id, None)
        return actions


def _is_confirmed(confirmed: CampaignState, newest: CampaignState) -> bool:
    """Whether the newest Model has its confirmations: only then is it known which transaction registered it."""
    return bool(confirmed.models) and confirmed.model == newest.model
