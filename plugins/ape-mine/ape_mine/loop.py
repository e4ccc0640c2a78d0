"""The Mine's loop: look at the chain, finish what is under way, take what is earned, and train where the policy allows.

`step` handles what is new and returns; `run` repeats it. Killed anywhere and started again, it neither submits twice
nor forgets a claim: what it means to send is in its journal first, and what was sent it reads off the chain.
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
from ape_mine.planning.dataset_selection import Choice, DatasetSelector
from ape_mine.planning.planner import Intent, PlannedAction, Planner
from ape_mine.policy.backoff import Backoff
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.document import Policy
from ape_mine.policy.participation import own_gradients
from ape_mine.policy.payouts import Claim, Compensate, Expire, Payout, ReclaimFees, ReclaimVoidedFees, due_payouts
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
from sonar_core.protocol.units import Currency
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
        chain: as the Miner's account.
        store: where blobs are.
        home: of this account's Mine.
        confirmations: blocks on top of an event before it counts.
        start_block: of the contracts' deployment.
        tokens: the ERC-20s that the policy may name.
        pay_to: who is paid; the Miner's account by default.
        most_features: of the largest Model that is trained.
        executor: computes statistics and matrix products; None computes them in this process.
        clock: seconds that only grow; for how long a Campaign that gave trouble is left alone.
        wall: the machine's clock, for the policy's hours.
        observer: who watches.
        cache: copies of blobs on this machine, which are tidied as well.
        tidy_after: seconds after which blobs of Campaigns that are over go; None: never.

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
        self._workshop = GradientBuilder(
            store, home.statistics, self._state.releases, most_features=most_features, executor=executor
        )
        self._judge = DatasetSelector(home.datasets, self._workshop, self._state, self._miner)
        self._rests, self._wall = Backoff(clock), wall
        self._paid_out: set[bytes] = set()
        self._planner = Planner(self._judge, self._state, self._miner, self._rests.is_over)
        tidier = Tidier(self._state.journal, store, cache, mine_holding(chain.sender))
        self._upkeep = BlobMaintenance(store, tidier, tidy_after)
        self._asked_to_end = Flag()

    def run(self, *, poll_interval: float, stop: Flag, report: Callable[[Action], None]) -> None:
        """Repeats `step` until `stop` is set, as `run_service`."""
        self._asked_to_end = stop
        run_service(self, poll_interval=poll_interval, stop=stop, report=report, observer=self._observer)

    def step(self) -> list[Action]:
        """Does all that can be done now, and tells of it.

        Raises:
            ChainError: the chain cannot be reached.
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
        return actions + self._upkeep.look(
            self._event_log.confirmed_ledger, self._event_log.unconfirmed_ledger, self._chain.timestamp
        )

    def collect(self) -> list[Action]:
        """Takes what is due and does nothing else. Raises ChainError."""
        self._catch_up()
        actions = self._tend()
        return actions + self._take_payouts() if self._account_is_quiet() else actions

    def vitals(self) -> Vitals:
        """How it stands, by what has its confirmations. Raises ChainError, JournalError."""
        chain, now = self._chain, self._chain.timestamp()
        head = chain.newest_block()
        live = [
            one
            for one in self._event_log.confirmed_ledger.live_campaigns()
            if one.status(now) in (Status.OPEN, Status.CLOSING)
        ]
        own = [gradient for campaign in live for gradient in own_gradients(campaign, self._miner)]
        policy, _ = self._home.policy_and_fault(self._tokens)
        return Vitals(
            head=head,
            block_time=chain.block_time(head),
            behind=self._event_log.blocks_behind(head),
            balance=chain.coin_balance(self._miner),
            campaigns=len(live),
            waiting=sum(gradient.scored is None for gradient in own),
            allowances=allowances(self._home.datasets, policy, self._state.releases),
        )

    def close(self) -> None:
        """Closes the journal."""
        self._state.close()

    def _policy_in_force(self) -> tuple[Policy, list[Action]]:
        policy, broken = self._home.policy_and_fault(self._tokens)
        return policy, [Action("trouble", None, broken)] if broken else []

    # ------------------------------------------------------------------ what is under way

    def _tend(self) -> list[Action]:
        """Looks after what was sent before, and tells what it waits for."""
        held = [submission.nonce for submission in self._state.unfinished()]
        waits = self._chain.tend(self._event_log.last_read_block, held)
        return [Action("waiting", None, waits)] if waits else []

    def _finish_submissions(self, policy: Policy) -> list[Action]:
        # Counted before looking: what gets into a block in between is found, not missed.
        confirmed_nonces = self._chain.transactions_until(self._event_log.last_read_block)
        counts = NonceCounts(confirmed_nonces, self._chain.transaction_counts()[1])
        ahead = self._event_log.unconfirmed_ledger()
        actions = []
        for submission in self._state.unfinished():
            confirmed = self._stands(self._event_log.confirmed_ledger, submission)
            included = self._stands(ahead, submission)
            match next_step(submission, confirmed=confirmed, included=included, counts=counts):
                case NextStep.PUBLISH:
                    actions += self._publish(policy, submission)
                case NextStep.SEND:
                    actions += self._send_again(policy, submission)
                case NextStep.DROP:
                    actions += self._give_up(ahead, submission)
        for submission in self._state.dropped_ones():
            if self._stands(self._event_log.confirmed_ledger, submission):
                actions += self._publish(policy, submission)
        return actions

    def _stands(self, ledger: Ledger, submission: Submission) -> bool:
        """Whether a submission is among its Campaign's Gradients: this account's, whoever copied its address."""
        campaign = ledger.campaigns.get(submission.campaign)
        own = own_gradients(campaign, self._miner) if campaign else []
        return any(state.record.bundle == submission.bundle for state in own)

    def _objection(self, policy: Policy, submission: Submission) -> str | None:
        """Why the policy of today would not let a submission out; None if it would."""
        campaign = self._event_log.confirmed_ledger.campaign(submission.campaign)
        return self._judge.objection(policy, campaign, submission)

    def _publish(self, policy: Policy, submission: Submission) -> list[Action]:
        actions: list[Action] = []
        with isolated(submission.campaign, self._noting(actions)):
            objection = self._objection(policy, submission)
            if objection:
                return self._keep(
                    Note(submission.campaign, PolicyVerdict.DENY, f"withheld: {objection}", submission.dataset)
                )
            self._store.put(submission.sealed)
            self._state.published(submission.bundle)
            words = f"the Gradient of Model {submission.version} is out"
            actions.append(Action("published", submission.campaign, words))
        return actions

    def _send_again(self, policy: Policy, submission: Submission) -> list[Action]:
        """Sends what was written down before a crash, if the policy still allows it."""
        actions: list[Action] = []
        with isolated(submission.campaign, self._noting(actions)):
            objection = self._objection(policy, submission)
            actions += [self._drop(submission, objection)] if objection else self._send(submission)
        return actions

    def _send(self, submission: Submission) -> list[Action]:
        fee = self._event_log.confirmed_ledger.campaign(submission.campaign).terms.scoring_fee
        actions: list[Action] = []
        with isolated(submission.campaign, self._noting(actions)):
            try:
                receipt = self._chain.submit_gradient(
                    submission.campaign,
                    submission.bundle,
                    submission.commitment,
                    submission.version,
                    fee=fee,
                    nonce=submission.nonce,
                )
            except ContractError as error:
                self._rests.start(submission.campaign)
                return [self._drop(submission, one_line(error))]
            self._state.sent(submission.bundle, receipt.transaction)
            words = f"a Gradient of Model {submission.version}, from {submission.dataset}"
            actions.append(Action("submitted", submission.campaign, words))
        return actions

    def _give_up(self, ahead: Ledger, submission: Submission) -> list[Action]:
        actions: list[Action] = []
        with isolated(submission.campaign, self._noting(actions)):
            self._require_all_logs(ahead.campaign(submission.campaign))
            actions.append(self._drop(submission, "its transaction was not taken"))
        return actions

    def _require_all_logs(self, newest: CampaignState) -> None:
        """Raises LogsMissingError unless the node told of every Gradient: its own may be one that it left out."""
        counted = self._chain.campaign_of(newest.id).submitted
        if counted > newest.submitted:
            raise LogsMissingError(newest.id, newest.submitted, counted)

    def _drop(self, submission: Submission, why: str) -> Action:
        self._state.dropped(submission.bundle)
        return Action("dropped", submission.campaign, f"the Gradient of Model {submission.version}: {why}")

    def _account_is_quiet(self) -> bool:
        """Whether no transaction of the account waits for a block: then the next nonce is known for certain."""
        in_blocks, with_waiting = self._chain.transaction_counts()
        return in_blocks == with_waiting

    # ------------------------------------------------------------------ what is earned

    def _take_payouts(self) -> list[Action]:
        now, actions = self._chain.timestamp(), []
        for campaign in self._event_log.unconfirmed_ledger().campaigns_of_miner(self._miner):
            if campaign.id not in self._paid_out:
                payouts = due_payouts(campaign, self._miner, now)
                actions += [action for payout in payouts for action in self._take(campaign.id, payout)]
                if not payouts:
                    self._leave_if_paid_out(campaign.id, now)
        return actions

    def _leave_if_paid_out(self, campaign: bytes, now: int) -> None:
        """Does not look at a Campaign again of which, with its confirmations, nothing will ever be due."""
        confirmed = self._event_log.confirmed_ledger.campaigns.get(campaign)
        if confirmed and confirmed.claims_open(now) and not due_payouts(confirmed, self._miner, now):
            self._paid_out.add(campaign)

    def _catch_up(self) -> None:
        if any(batch.rewound_to is not None for batch in self._event_log.catch_up()):
            self._paid_out.clear()

    def _take(self, campaign: bytes, payout: Payout) -> list[Action]:
        if self._chain.waits:
            return []
        actions: list[Action] = []
        with isolated(campaign, self._noting(actions)):
            actions.append(self._pay_out(campaign, payout))
        return actions

    def _pay_out(self, campaign: bytes, payout: Payout) -> Action:
        chain, to = self._chain, self._pay_to
        match payout:
            case Expire():
                chain.expire(campaign)
                return Action("expired", campaign, "its Capsule missed a window")
            case Claim(gradients, amount):
                chain.claim(campaign, list(gradients), to)
                return Action("claimed", campaign, f"{amount} smallest units for {len(gradients)} Gradients")
            case ReclaimFees(records, amount):
                chain.reclaim_scoring_fees(campaign, list(records), to)
                return Action("reclaimed", campaign, f"{amount} wei of fees for {len(records)} unscored Gradients")
            case ReclaimVoidedFees(gradients, amount):
                chain.reclaim_voided_scoring_fees(campaign, list(gradients), to)
                return Action("reclaimed", campaign, f"{amount} wei of fees for {len(gradients)} void Gradients")
            case Compensate(numbers, amount):
                chain.compensate(campaign, list(numbers), to)
                return Action("compensated", campaign, f"{amount} smallest units for {len(numbers)} Gradients")

    # ------------------------------------------------------------------ what may be trained

    def _train_everywhere(self, policy: Policy) -> list[Action]:
        moment = Now(self._chain.timestamp(), self._wall(), self._chain.gas_price())
        ahead, actions = self._event_log.unconfirmed_ledger(), []
        for intent in self._planner.intents(policy, self._event_log.confirmed_ledger, ahead, moment):
            if self._asked_to_end.is_set() or self._chain.waits:
                break
            self._observer.stepping()
            actions += self._act(policy, intent, ahead.campaign(intent.campaign.id))
        return actions

    def _act(self, policy: Policy, intent: Intent, newest: CampaignState) -> list[Action]:
        """Does what is planned for one Campaign; one that gives trouble stops no other."""
        campaign, choice = intent.campaign, intent.choice
        if intent.step is PlannedAction.TROUBLE:
            self._rests.start(campaign.id)
            return self._keep_trouble(campaign.id, intent.reason)
        if choice is None:
            return []
        actions, troubles = self._note(campaign, choice), list[Action]()
        with isolated(campaign.id, self._noting(troubles)):
            if intent.step is PlannedAction.TRAIN and choice.dataset and choice.match:
                self._require_all_logs(newest)
                actions += self._send(self._prepare(policy, campaign, choice.dataset, choice.match))
            self._rests.reset(campaign.id)
            return actions
        self._rests.start(campaign.id)
        return troubles

    def _prepare(self, policy: Policy, campaign: CampaignState, dataset: Dataset, match: Match) -> Submission:
        """A sealed Gradient with its nonce, in the journal before anything of it shows outside."""
        with self._observer.timing("train"):
            made = self._workshop.build(
                campaign,
                dataset,
                match,
                policy.privacy(dataset.name),
                own_mu=policy.own_mu(dataset.name),
                chain_id=self._chain.chain_id,
                contract=self._chain.address,
                miner=self._miner,
            )
        in_blocks, with_waiting = self._chain.transaction_counts()
        if in_blocks != with_waiting:
            raise AccountBusyError(self._miner)
        submission = Submission(
            campaign=campaign.id,
            version=made.version,
            bundle=self._store.address_of(made.sealed),
            commitment=made.commitment,
            sealed=made.sealed,
            nonce=in_blocks,
            dataset=dataset.name,
            release=made.release,
        )
        self._state.prepare(submission)
        return submission

    def _note(self, campaign: CampaignState, choice: Choice) -> list[Action]:
        name = choice.dataset.name if choice.dataset else ""
        return self._keep(Note(campaign.id, choice.decision.verdict, choice.decision.reason, name))

    def _keep(self, note: Note) -> list[Action]:
        """Notes a verdict, and tells it if it is news."""
        verdict = note.verdict.value if note.verdict else ""
        return [Action("noted", note.campaign, f"{verdict}: {note.reason}")] if self._state.note(note) else []

    def _noting(self, actions: list[Action]) -> Callable[[Action], None]:
        """For `isolated`: collects the Action, and notes trouble with a Campaign in the journal."""

        def report(action: Action) -> None:
            if action.campaign and action.kind == "trouble":
                actions.extend(self._keep_trouble(action.campaign, action.words))
            else:
                actions.append(action)

        return report

    def _keep_trouble(self, campaign: bytes, words: str) -> list[Action]:
        """Notes what stood in the way, and tells it every time."""
        self._state.note(Note(campaign, None, words, ""))
        return [Action("trouble", campaign, words)]
