"""The Mine's loop: read the chain, finish submissions, take payouts, and train where the policy allows.

`step` handles what is new and returns; `run` repeats it. A Mine that is killed at any point and restarted neither
submits twice nor forgets a claim: what it is about to send is in its journal first, and what was sent is on the chain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from threading import Event as Flag

from ape_mine.datasets.dataset import Dataset
from ape_mine.errors import AccountBusyError, LogsMissingError
from ape_mine.home.home import Home
from ape_mine.home.published_blobs import mine_holding
from ape_mine.home.state import Note
from ape_mine.planning.dataset_selection import DatasetSelector
from ape_mine.planning.planner import Intent, PlannedAction, Planner
from ape_mine.policy.backoff import Backoff
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.document import Policy
from ape_mine.policy.participation import own_gradients
from ape_mine.policy.payouts import (
    Claim,
    Compensate,
    Expire,
    Payout,
    ReclaimFees,
    ReclaimVoidedFees,
    describe,
    due_payouts,
)
from ape_mine.policy.profitability import Now
from ape_mine.policy.schema_matching import Match
from ape_mine.policy.submission import NextStep, NonceCounts, Submission, next_step
from ape_mine.training.gradient_builder import MOST_FEATURES, GradientBuilder
from ape_mine.training.noisy_releases import allowances
from sonar_core.base.errors import one_line
from sonar_core.chain.contract_errors import ContractError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import Currency, currency_at
from sonar_core.service.action import Action
from sonar_core.service.blob_maintenance import BlobMaintenance
from sonar_core.service.blob_retention import Tidier
from sonar_core.service.loop import isolated, run_service
from sonar_core.service.observer import Observer, Vitals
from sonar_core.store import BlobStore
from sonar_core.store.cache import BlobCache
from syft import TaskExecutor


class Mine:
    """One Miner's Mine on one chain.

    Args:
        chain: the contracts, as the Miner's account.
        store: of blobs.
        home: of this account's Mine.
        confirmations: blocks on top of an event's block before the event counts.
        start_block: block of the contracts' deployment.
        tokens: ERC-20s that the policy may name.
        pay_to: address that is paid; default: the Miner's account.
        most_features: limit of a Model's features.
        executor: computes statistics and matrix products; None computes them in this process.
        clock: monotonic, in seconds, for the back-off.
        wall: the machine's clock, for the policy's hours.
        observer: receives logs and metrics.
        cache: of blobs on this machine, for deletion.
        tidy_after: seconds after a Campaign's end until its blobs are deleted; None for never.

    Raises:
        HomeMismatchError: the home belongs to another account or Sonar.
        WrongChainError: the home belongs to another chain.
    """

    def __init__(
        self,
        chain: SonarContracts,
        store: BlobStore,
        home: Home,
        *,
        confirmations: int,
        start_block: int,
        tokens: Iterable[Currency] = (),
        pay_to: str | None = None,
        most_features: int = MOST_FEATURES,
        executor: TaskExecutor | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        observer: Observer | None = None,
        cache: BlobCache | None = None,
        tidy_after: float | None = None,
    ) -> None:
        self._store, self._home = store, home
        self._observer = observer or Observer()
        self._tokens = tuple(tokens)
        self._miner = chain.sender
        self._pay_to = pay_to or chain.sender
        self._state = home.state()
        self._state.bind(chain.sender, chain.address)
        self._chain = chain.with_journal(self._state.journal)
        self._event_log = EventLog(chain, self._state.journal, confirmations=confirmations, start_block=start_block)
        self._builder = GradientBuilder(
            store, home.statistics, self._state.releases, most_features=most_features, executor=executor
        )
        self._selector = DatasetSelector(home.datasets, self._builder, self._state, self._miner)
        self._backoff, self._wall = Backoff(clock), wall
        #: Campaigns from which no payout can become due any more.
        self._paid_out: set[bytes] = set()
        self._planner = Planner(self._selector, self._state, self._miner, self._backoff.is_over)
        tidier = Tidier(self._state.journal, store, cache, mine_holding(chain.sender))
        self._maintenance = BlobMaintenance(store, tidier, tidy_after)
        self._stop = Flag()

    def run(self, *, poll_interval: float, stop: Flag, report: Callable[[Action], None]) -> None:
        """Repeats `step` until `stop` is set, as `run_service`."""
        self._stop = stop
        run_service(self, poll_interval=poll_interval, stop=stop, report=report, observer=self._observer)

    def step(self) -> list[Action]:
        """Does all that can be done now, and returns what was done.

        Raises:
            ChainError: the node cannot be reached.
        """
        self._catch_up()
        policy, actions = self._policy_in_force()
        actions += self._tend()
        actions += self._finish_submissions(policy)
        if self._account_is_quiet():
            actions += self._take_payouts()
            actions += self._train_everywhere(policy)
        if any(action.kind == "submitted" for action in actions):
            self._catch_up()
            actions += self._finish_submissions(policy)
        return actions + self._maintenance.look(
            self._event_log.confirmed_ledger, self._event_log.unconfirmed_ledger, self._chain.timestamp
        )

    def collect(self) -> list[Action]:
        """Takes due payouts, and nothing else. Raises ChainError."""
        self._catch_up()
        actions = self._tend()
        return actions + self._take_payouts() if self._account_is_quiet() else actions

    def vitals(self) -> Vitals:
        """State of the Mine for metrics and health checks, by confirmed events. Raises ChainError, JournalError."""
        chain, now = self._chain, self._chain.timestamp()
        newest_block = chain.newest_block()
        live = [
            one
            for one in self._event_log.confirmed_ledger.live_campaigns()
            if one.status(now) in (Status.OPEN, Status.CLOSING)
        ]
        own = [gradient for campaign in live for gradient in own_gradients(campaign, self._miner)]
        policy, _ = self._home.policy_or_error(self._tokens)
        return Vitals(
            head=newest_block,
            block_time=chain.block_time(newest_block),
            behind=self._event_log.blocks_behind(newest_block),
            balance=chain.coin_balance(self._miner),
            campaigns=len(live),
            waiting=sum(gradient.scored is None for gradient in own),
            allowances=allowances(self._home.datasets, policy, self._state.releases),
        )

    def close(self) -> None:
        """Closes the journal."""
        self._state.close()

    def _policy_in_force(self) -> tuple[Policy, list[Action]]:
        policy, error = self._home.policy_or_error(self._tokens)
        return policy, [Action("trouble", None, error)] if error else []

    # ------------------------------------------------------------------ submissions

    def _tend(self) -> list[Action]:
        """Replaces stuck transactions, and reports what they wait for."""
        held = [submission.nonce for submission in self._state.unfinished()]
        waits = self._chain.tend(self._event_log.last_read_block, held)
        return [Action("waiting", None, waits)] if waits else []

    def _finish_submissions(self, policy: Policy) -> list[Action]:
        # Counted before the ledger is read, so that a transaction included in between is found, not missed.
        confirmed_nonces = self._chain.transactions_until(self._event_log.last_read_block)
        counts = NonceCounts(confirmed_nonces, self._chain.transaction_counts()[1])
        newest = self._event_log.unconfirmed_ledger()
        actions: list[Action] = []
        for submission in self._state.unfinished():
            confirmed = self._is_in(self._event_log.confirmed_ledger, submission)
            included = self._is_in(newest, submission)
            match next_step(submission, confirmed=confirmed, included=included, counts=counts):
                case NextStep.PUBLISH:
                    actions += self._publish(policy, submission)
                case NextStep.SEND:
                    actions += self._send_again(policy, submission)
                case NextStep.DROP:
                    actions += self._give_up(newest, submission)
        for submission in self._state.given_up():
            if self._is_in(self._event_log.confirmed_ledger, submission):
                actions += self._publish(policy, submission)
        return actions

    def _is_in(self, ledger: Ledger, submission: Submission) -> bool:
        """Whether a submission is among this account's Gradients; a copy by another account does not count."""
        campaign = ledger.campaigns.get(submission.campaign)
        own = own_gradients(campaign, self._miner) if campaign else []
        return any(state.record.bundle == submission.bundle for state in own)

    def _objection(self, policy: Policy, submission: Submission) -> str | None:
        """Reason why the policy now in force forbids a stored submission; None if it allows it."""
        campaign = self._event_log.confirmed_ledger.campaign(submission.campaign)
        return self._selector.objection(policy, campaign, submission)

    def _publish(self, policy: Policy, submission: Submission) -> list[Action]:
        campaign = submission.campaign
        actions: list[Action] = []
        with isolated(campaign, self._reporting(actions)):
            objection = self._objection(policy, submission)
            if objection:
                return self._note(Note(campaign, PolicyVerdict.DENY, f"withheld: {objection}", submission.dataset))
            self._store.put(submission.sealed)
            self._state.published(submission.bundle)
            self._note_progress(submission, "published")
            actions.append(Action("published", campaign, f"the Gradient of Model {submission.version}"))
        return actions

    def _send_again(self, policy: Policy, submission: Submission) -> list[Action]:
        """Sends a submission that was stored before a crash, if the policy still allows it."""
        actions: list[Action] = []
        objection = None
        with isolated(submission.campaign, self._reporting(actions)):
            objection = self._objection(policy, submission)
        if actions:
            return actions
        return [self._drop(submission, objection)] if objection else self._send(submission)

    def _send(self, submission: Submission) -> list[Action]:
        campaign = submission.campaign
        actions: list[Action] = []
        fee = self._event_log.confirmed_ledger.campaign(campaign).terms.scoring_fee
        with isolated(campaign, self._reporting(actions)):
            try:
                receipt = self._chain.submit_gradient(
                    campaign,
                    submission.bundle,
                    submission.commitment,
                    submission.version,
                    fee=fee,
                    nonce=submission.nonce,
                )
            except ContractError as error:
                self._backoff.start(campaign)
                return [self._drop(submission, one_line(error))]
            self._state.sent(submission.bundle, receipt.transaction)
            self._note_progress(submission, "submitted")
            words = f"a Gradient of Model {submission.version}, from {submission.dataset}"
            actions.append(Action("submitted", campaign, words))
        return actions

    def _give_up(self, newest: Ledger, submission: Submission) -> list[Action]:
        actions: list[Action] = []
        with isolated(submission.campaign, self._reporting(actions)):
            self._require_all_logs(newest.campaign(submission.campaign))
            actions.append(self._drop(submission, "its transaction was not included"))
        return actions

    def _require_all_logs(self, newest: CampaignState) -> None:
        """Raises LogsMissingError if the node returned fewer Gradients than the contract counts."""
        counted = self._chain.campaign_of(newest.id).submitted
        if counted > newest.submitted:
            raise LogsMissingError(newest.id, newest.submitted, counted)

    def _drop(self, submission: Submission, why: str) -> Action:
        self._state.dropped(submission.bundle)
        return Action("dropped", submission.campaign, f"the Gradient of Model {submission.version}: {why}")

    def _account_is_quiet(self) -> bool:
        """Whether no transaction of the account is pending, so that the next nonce is certain."""
        included, with_pending = self._chain.transaction_counts()
        return included == with_pending

    # ------------------------------------------------------------------ payouts

    def _take_payouts(self) -> list[Action]:
        now = self._chain.timestamp()
        actions: list[Action] = []
        for campaign in self._event_log.unconfirmed_ledger().campaigns_of_miner(self._miner):
            if campaign.id not in self._paid_out:
                payouts = due_payouts(campaign, self._miner, now)
                actions += [action for payout in payouts for action in self._take(campaign, payout)]
                if not payouts:
                    self._leave_if_paid_out(campaign.id, now)
        return actions

    def _leave_if_paid_out(self, campaign: bytes, now: int) -> None:
        """Skips a Campaign from now on if, by confirmed events, no payout can become due any more."""
        confirmed = self._event_log.confirmed_ledger.campaigns.get(campaign)
        if confirmed and confirmed.claims_open(now) and not due_payouts(confirmed, self._miner, now):
            self._paid_out.add(campaign)

    def _catch_up(self) -> None:
        if any(batch.rewound_to is not None for batch in self._event_log.catch_up()):
            self._paid_out.clear()

    def _take(self, campaign: CampaignState, payout: Payout) -> list[Action]:
        actions: list[Action] = []
        if not self._chain.waits:
            with isolated(campaign.id, self._reporting(actions)):
                actions.append(self._pay_out(campaign, payout))
                self._state.clear_trouble(campaign.id)
        return actions

    def _pay_out(self, campaign: CampaignState, payout: Payout) -> Action:
        chain, to = self._chain, self._pay_to
        match payout:
            case Expire():
                chain.expire(campaign.id)
            case Claim(gradients):
                chain.claim(campaign.id, list(gradients), to)
            case ReclaimFees(records):
                chain.reclaim_scoring_fees(campaign.id, list(records), to)
            case ReclaimVoidedFees(gradients):
                chain.reclaim_voided_scoring_fees(campaign.id, list(gradients), to)
            case Compensate(numbers):
                chain.compensate(campaign.id, list(numbers), to)
        kind, words = describe(payout, currency_at(campaign.terms.currency, self._tokens))
        return Action(kind, campaign.id, words)

    # ------------------------------------------------------------------ training

    def _train_everywhere(self, policy: Policy) -> list[Action]:
        now = Now(self._chain.timestamp(), self._wall(), self._chain.gas_price())
        newest = self._event_log.unconfirmed_ledger()
        actions: list[Action] = []
        for intent in self._planner.intents(policy, self._event_log.confirmed_ledger, newest, now):
            if self._stop.is_set() or self._chain.waits:
                break
            self._observer.stepping()
            actions += self._act(policy, intent, newest.campaign(intent.campaign.id))
        return actions

    def _act(self, policy: Policy, intent: Intent, newest: CampaignState) -> list[Action]:
        """Carries out the plan for one Campaign. An error affects no other Campaign."""
        campaign, choice = intent.campaign, intent.choice
        if intent.step is PlannedAction.TROUBLE:
            self._backoff.start(campaign.id)
            return [self._trouble(campaign.id, intent.reason)]
        if choice is None:
            return []
        dataset = choice.dataset.name if choice.dataset else ""
        noted = self._note(Note(campaign.id, choice.decision.verdict, choice.decision.reason, dataset))
        actions: list[Action] = []
        with isolated(campaign.id, self._reporting(actions)):
            if intent.step is PlannedAction.TRAIN and choice.dataset and choice.match:
                self._require_all_logs(newest)
                actions += self._send(self._prepare(policy, campaign, choice.dataset, choice.match))
            self._backoff.reset(campaign.id)
            return noted + actions
        self._backoff.start(campaign.id)
        return actions  # trouble outweighs the verdict, which each retry would report anew

    def _prepare(self, policy: Policy, campaign: CampaignState, dataset: Dataset, match: Match) -> Submission:
        """Builds a Gradient, and stores it with its nonce before anything is sent."""
        with self._observer.timing("train"):
            made = self._builder.build(
                campaign,
                dataset,
                match,
                policy.privacy(dataset.name),
                own_mu=policy.own_mu(dataset.name),
                chain_id=self._chain.chain_id,
                contract=self._chain.address,
                miner=self._miner,
            )
        included, with_pending = self._chain.transaction_counts()
        if included != with_pending:
            raise AccountBusyError(self._miner)
        submission = Submission(
            campaign=campaign.id,
            version=made.version,
            bundle=self._store.address_of(made.sealed),
            commitment=made.commitment,
            sealed=made.sealed,
            nonce=included,
            dataset=dataset.name,
            release=made.release,
        )
        self._state.prepare(submission)
        return submission

    # ------------------------------------------------------------------ notes and failures

    def _note(self, note: Note) -> list[Action]:
        """Stores a verdict, and reports it if it is new."""
        verdict = note.verdict.value if note.verdict else ""
        return [Action("noted", note.campaign, f"{verdict}: {note.reason}")] if self._state.note(note) else []

    def _note_progress(self, submission: Submission, done: str) -> None:
        """Replaces a note of trouble or denial, which is over, once a submission went through."""
        note = self._state.latest_note(submission.campaign)
        if note is None or note.verdict is not PolicyVerdict.ALLOW:
            reason = f"a Gradient of Model {submission.version} was {done}"
            self._state.note(Note(submission.campaign, PolicyVerdict.ALLOW, reason, submission.dataset))

    def _trouble(self, campaign: bytes, message: str) -> Action:
        """Stores what prevented an action, and reports it each time."""
        self._state.note(Note(campaign, None, message, ""))
        return Action("trouble", campaign, message)

    def _reporting(self, actions: list[Action]) -> Callable[[Action], None]:
        """For `isolated`: appends an action, and stores trouble in the journal."""

        def report(action: Action) -> None:
            if action.campaign and action.kind == "trouble":
                self._state.note(Note(action.campaign, None, action.words, ""))
            actions.append(action)

        return report
