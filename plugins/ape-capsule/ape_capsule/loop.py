"""The Capsule's loop: open or decline, score in order, rebase, deliver, collect.

`step` handles what is new and returns; `run` repeats it. What a move computes is published and journalled before its
transaction is sent, and which moves are due is read off the chain each time. So a Capsule that is killed anywhere and
started again goes on where it stood: no Gradient is scored twice, and none is skipped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event as Flag

from ape_capsule.errors import PredictionsMovedError
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import WarrantLog
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.moves.open_or_decline import answer
from ape_capsule.moves.rebase import deliver, is_full, make_room
from ape_capsule.moves.score_or_reject import Scorer
from ape_capsule.scoring.worker_pool import WorkerPool
from sonar_core.base.errors import SonarError, one_line
from sonar_core.chain.contract_errors import NothingToCollectError, WrongNextError
from sonar_core.chain.contracts import ChainError, SonarContracts, UnconfirmedError
from sonar_core.chain.event_follower import Batch
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol.events import CampaignCancelled, CampaignCreated, CampaignDeclined
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.service.action import Action
from sonar_core.service.blob_maintenance import BlobMaintenance
from sonar_core.service.observer import Observer, Vitals
from sonar_core.store import BlobStore
from syft.errors import SyftError

__all__ = ["Action", "Capsule"]

_log = logging.getLogger(__name__)
#: Seconds between two looks at whether it is to stop while workers weigh.
_LOOK_UP = 0.1
#: What a Capsule may still have to do something for.
_NEVER_OPEN = (Status.DECLINED, Status.CANCELLED)
_LIVE = (Status.REQUESTED, Status.OPEN, Status.CLOSING)


class Capsule:
    """One Capsule on one chain.

    Args:
        chain: as the Capsule's account.
        store: where blobs are.
        identity, keystore, warrants, state: of the Capsule's home.
        heads, evidence: its archives.
        workers: where Gradients are weighed; closed with it.
        upkeep: of its blobs.
        confirmations: blocks on top of an event before it counts.
        start_block: of the contracts' deployment.
        observer: who watches.

    Raises:
        HomeMismatchError: the state belongs to another account or Sonar.
        WrongChainError: it belongs to another chain.
    """

    def __init__(
        self,
        chain: SonarContracts,
        store: BlobStore,
        *,
        identity: Identity,
        keystore: Keystore,
        warrants: WarrantLog,
        state: CapsuleJournal,
        heads: SealedFiles,
        evidence: SealedFiles,
        workers: WorkerPool,
        upkeep: BlobMaintenance,
        confirmations: int,
        start_block: int,
        observer: Observer | None = None,
    ) -> None:
        state.bind(chain.sender, chain.address)
        self._chain, self._state, self._upkeep = chain.with_journal(state.journal), state, upkeep
        self._observer = observer or Observer()
        self._event_log = EventLog(chain, state.journal, confirmations=confirmations, start_block=start_block)
        self._desk = CapsuleContext(
            self._chain,
            store,
            identity=identity,
            keystore=keystore,
            warrants=warrants,
            state=state,
            heads=heads,
            evidence=evidence,
            workers=workers,
            observer=self._observer,
        )
        self._asked_to_end = Flag()
        self._scales = Scorer(self._desk)
        self._watched = self._own_campaigns()
        self._told: dict[bytes, str] = {}
        #: Roots of heads that cannot be rebased: found out once, at some cost.
        self._stuck: set[bytes] = set()

    def run(self, *, poll_interval: float, stop: Flag, report: Callable[[Action], None]) -> None:
        """Steps until `stop` is set, waiting `poll_interval` seconds when nothing was done."""
        self._asked_to_end = stop
        while not stop.is_set():
            self._observer.stepping()
            try:
                actions = self.step()
            except (SonarError, SyftError, OSError) as error:
                actions = [Action("trouble", None, one_line(error))]
            for action in actions:
                report(action)
            self._observer.stepped(self.vitals)
            if not any(action.moved for action in actions):
                self._pause(poll_interval, stop)

    def _pause(self, seconds: float, stop: Flag) -> None:
        """Waits so long, or until a worker has weighed something, or to be stopped."""
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            workers = self._desk.workers
            if not workers.is_busy:
                stop.wait(left)
            elif workers.wait(min(left, _LOOK_UP)):
                return

    def step(self) -> list[Action]:
        """One move for each Campaign that needs one, the most urgent first; of openings one alone.

        A key pair takes seconds, and a hundred Campaigns may be created at once: Gradients of others do not wait for
        all of theirs.

        Raises:
            ChainError: the chain cannot be reached.
        """
        self._watch(self._event_log.catch_up())
        # Before looking at what is due: what is sent already shows in the newest blocks, or would be sent again.
        waits = self._chain.tend(self._event_log.last_read_block)
        if waits:
            waiting = Action("waiting", None, waits)
            return [waiting] if self._is_news(waiting) else []
        ahead = self._event_log.unconfirmed_ledger()
        confirmed, newest = self._event_log.confirmed_ledger.campaigns, ahead.campaigns
        own = [(confirmed[campaign], newest[campaign]) for campaign in self._watched if campaign in newest]
        own.sort(key=lambda pair: pair[1].due_at())
        now, actions = self._chain.timestamp(), []
        opened = False
        for known, latest in own:
            if self._asked_to_end.is_set() or self._chain.waits:
                break
            if opened and latest.recorded is Status.REQUESTED:
                continue
            self._observer.stepping()
            done = self._serve(known, latest, now)
            opened = opened or any(action.kind == "opened" for action in done)
            actions += done
        return actions + self._upkeep.look(self._event_log.confirmed_ledger, lambda: ahead, lambda: now)

    def _watch(self, batches: list[Batch]) -> None:
        """Keeps the ids of the Capsule's own Campaigns for which something may still be to do."""
        if any(batch.rewound_to is not None for batch in batches):
            self._watched = self._own_campaigns()
        for batch in batches:
            for event in batch.events:
                if isinstance(event, CampaignCreated) and event.capsule == self._chain.sender:
                    self._watched[event.campaign] = None
                elif isinstance(event, CampaignDeclined | CampaignCancelled):
                    self._watched.pop(event.campaign, None)

    def _own_campaigns(self) -> dict[bytes, None]:
        campaigns = self._event_log.confirmed_ledger.campaigns.values()
        return dict.fromkeys(
            one.id for one in campaigns if one.terms.capsule == self._chain.sender and one.recorded not in _NEVER_OPEN
        )

    def vitals(self) -> Vitals:
        """How it stands, by what has its confirmations. Raises ChainError."""
        chain, now = self._chain, self._chain.timestamp()
        head = chain.newest_block()
        live = self._event_log.confirmed_ledger.live_campaigns()
        own = [one for one in live if one.terms.capsule == chain.sender and one.status(now) in _LIVE]
        return Vitals(
            head=head,
            block_time=chain.block_time(head),
            behind=self._event_log.blocks_behind(head),
            balance=chain.coin_balance(chain.sender),
            campaigns=len(own),
            waiting=sum(one.submitted - one.scored for one in own),
            due=min((due for one in own if (due := one.due_at())), default=None),
        )

    def close(self) -> None:
        """Ends the workers and closes the journal."""
        self._desk.workers.close()
        self._state.close()

    # ------------------------------------------------------------------ one Campaign

    def _serve(self, confirmed: CampaignState, newest: CampaignState, now: int) -> list[Action]:
        """The next move of one Campaign; its troubles stop no other."""
        try:
            actions = self._move(confirmed, newest, now)
        except ChainError:
            raise
        except UnconfirmedError as error:
            actions = [Action("waiting", newest.id, one_line(error))]
        except WrongNextError:
            return []  # somebody submitted in between: the next step looks again
        except (SonarError, SyftError, OSError) as error:
            actions = [Action("trouble", newest.id, one_line(error))]
        except Exception as error:  # a defect met in one Campaign must not cost the bonds of all others
            _log.exception("Campaign 0x%s", newest.id.hex())
            actions = [Action("trouble", newest.id, f"a defect, see the log: {type(error).__name__}")]
        return [action for action in actions if self._is_news(action)]

    def _is_news(self, action: Action) -> bool:
        """Whether to tell it: what keeps a Campaign waiting is told when it changes."""
        campaign = action.campaign or b""
        former = self._told.pop(campaign, None)
        if action.moved:
            return True
        self._told[campaign] = action.words
        return former != action.words

    def _move(self, confirmed: CampaignState, newest: CampaignState, now: int) -> list[Action]:
        status, ledger = newest.status(now), self._event_log.confirmed_ledger
        if not newest.awaits_score or status not in (Status.OPEN, Status.CLOSING):
            self._scales.let_go(newest.id)
        if status is Status.REQUESTED:
            return answer(self._desk, newest, ledger)
        if status in (Status.OPEN, Status.CLOSING):
            if status is Status.CLOSING and not newest.awaits_score:
                return deliver(self._desk, newest, ledger) if _is_confirmed(confirmed, newest) else []
            making_room = self._make_room(confirmed, newest)
            return self._judge(confirmed, newest) if making_room is None else making_room
        if newest.settled_at:
            return self._settle(newest, now)
        return []

    def _judge(self, confirmed: CampaignState, newest: CampaignState) -> list[Action]:
        """A verdict on the oldest Gradient, once its submission has its confirmations."""
        oldest = newest.oldest_unscored
        known = confirmed.gradients.get(oldest.record.number) if oldest else None
        if oldest is None or known is None or known.record != oldest.record:
            return []
        return self._scales.judge(newest, self._event_log.confirmed_ledger)

    def _make_room(self, confirmed: CampaignState, newest: CampaignState) -> list[Action] | None:
        """A rebase where the head is full, or a wait until it can be; None where nothing stands in a Gradient's way.

        Where no rebase is possible, what still fits the slots is scored all the same.
        """
        ledger = self._event_log.confirmed_ledger
        if newest.model.root in self._stuck or not is_full(self._desk, newest, ledger):
            return None
        if not _is_confirmed(confirmed, newest):
            return []
        try:
            return make_room(self._desk, newest, ledger)
        except PredictionsMovedError as error:
            self._stuck.add(newest.model.root)
            _log.warning("Campaign 0x%s: %s", newest.id.hex(), error)
            return None

    # ------------------------------------------------------------------ the end

    def _settle(self, campaign: CampaignState, now: int) -> list[Action]:
        """Takes what is the Capsule's once claims are open; then nobody can dispute a score any more."""
        if not campaign.claims_open(now):
            return []
        terms, to, chain = campaign.terms, self._chain.sender, self._chain
        bond, fees = terms.capsule_fee + terms.capsule_bond, terms.scoring_fee * campaign.valid_below
        actions = []
        if campaign.recorded is Status.DELIVERED and bond and not campaign.bond_collected:
            actions += self._collect(chain.collect_bond, campaign.id, to, f"bond and fee: {bond} smallest units")
        if fees and not campaign.scoring_fees_collected:
            actions += self._collect(chain.collect_scoring_fees, campaign.id, to, f"scoring fees: {fees} wei")
        self._desk.forget(campaign.id)
        self._watched.pop(campaign.id, None)
        return actions

    @staticmethod
    def _collect(ask: Callable[[bytes, str], object], campaign: bytes, to: str, words: str) -> list[Action]:
        try:
            ask(campaign, to)
        except NothingToCollectError:
            return []
        return [Action("collected", campaign, words)]


def _is_confirmed(confirmed: CampaignState, newest: CampaignState) -> bool:
    """Whether the head that counts has its confirmations: only then is it known which transaction registered it."""
    return bool(confirmed.models) and confirmed.model == newest.model
