"""After any history the ledger, built from events alone, says of every Campaign what the contracts say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sonar_core.chain.contract_errors import ContractError
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.rewards import earned
from sonar_core.protocol.structs import CampaignRecord, Rejection, Status
from tests.world.contracts import SCORING_FEE, Stage, blob, percent, undone

pytestmark = pytest.mark.chain


class History:
    """Moves by name, each with one number to vary it; a move that the contracts refuse changes nothing."""

    def __init__(self, stage: Stage, token: Any, second_miner: Any, arbiter: Any) -> None:
        self.stage, self.arbiter = stage, arbiter
        self.miners = (stage.miner, second_miner)
        self.done: Counter[str] = Counter()
        stage.announce(currencies=("0x" + "0" * 40, token.address))
        windows = {"audit_window": 600, "arbiter": str(arbiter.address), "compensation": 333, "bounty": 997}
        self.campaigns = [
            stage.opened(percent(7), capsule_bond=1500, **windows),
            stage.opened(currency=str(token.address), capsule_bond=100, delivery_window=90_000, **windows),
            stage.create(),
        ]
        self.token = token

    def play(self, name: str, which: int, size: int) -> None:
        campaign = self.campaigns[which]
        try:
            getattr(self, name)(campaign, self.stage.state(campaign), size)
        except ContractError:
            return
        self.done[name] += 1

    # ------------------------------------------------------------------ moves

    def submit(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.submit(campaign, self.miners[size % 2])

    def score(self, campaign: bytes, state: CampaignState, size: int) -> None:
        if state.oldest_unscored is not None:
            self.stage.score(campaign, min(10**18, state.accuracy + percent(size / 8)))

    def reach(self, campaign: bytes, state: CampaignState, size: int) -> None:
        if state.oldest_unscored is not None:
            self.stage.score(campaign, state.terms.target_accuracy + size)

    def reject(self, campaign: bytes, state: CampaignState, size: int) -> None:
        if state.oldest_unscored is not None:
            self.stage.reject(campaign, Rejection(size % 2))

    def rebase(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.as_(self.stage.capsule).rebase(campaign, blob(size), blob("root"), blob("evidence"))

    def stop(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.as_(self.stage.scientist).stop(campaign)

    def wait(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.wait(size * 40)

    def wait_for_the_end(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.until(state.ends_at)

    def deliver(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.deliver(campaign)

    def expire(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self.stage.until(max(state.due_at(), state.ends_at))
        self.stage.as_(self.stage.miner).expire(campaign)

    def convict(self, campaign: bytes, state: CampaignState, size: int) -> None:
        gradient = state.gradients.get(size % (state.scored or 1))
        if gradient is not None and gradient.scored is not None:
            self.stage.as_(self.arbiter).convict(campaign, gradient.record.miner, gradient.scored)

    def answer(self, campaign: bytes, state: CampaignState, size: int) -> None:
        """The Requested Campaign gets its end."""
        moves: tuple[Callable[[], Any], ...] = (
            lambda: self.stage.open(campaign),
            lambda: self.stage.as_(self.stage.capsule).decline(campaign, "a reason"),
            lambda: self.stage.as_(self.stage.scientist).cancel(campaign),
        )
        moves[size % 3]()

    def claim(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self._until_claims_open(state)
        for miner in self.miners:
            numbers = [
                number
                for number, gradient in state.gradients.items()
                if gradient.record.miner == miner.address and state.reward(gradient) and not gradient.claimed
            ]
            if numbers:
                self.stage.claim(campaign, *numbers, account=miner)

    def reclaim(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self._until_claims_open(state)
        gradient = state.gradients.get(state.valid_below + size % 3)
        if gradient is None:
            return
        miner = next(miner for miner in self.miners if miner.address == gradient.record.miner)
        client = self.stage.as_(miner)
        if gradient.scored is None:
            client.reclaim_scoring_fees(campaign, [gradient.record], client.sender)
        else:
            client.reclaim_voided_scoring_fees(campaign, [gradient.scored], client.sender)
        if size % 2 and state.compensation_share():
            client.compensate(campaign, [gradient.record.number], client.sender)

    def collect(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self._until_claims_open(state)
        client = self.stage.as_(self.stage.capsule)
        (client.collect_bond if size % 2 else client.collect_scoring_fees)(campaign, client.sender)

    def refund(self, campaign: bytes, state: CampaignState, size: int) -> None:
        self._until_claims_open(state)
        client = self.stage.as_(self.stage.scientist)
        client.refund(campaign, client.sender)

    def _until_claims_open(self, state: CampaignState) -> None:
        if state.settled_at:
            self.stage.until(state.claims_open_at())

    # ------------------------------------------------------------------ the oracle: the contracts

    def compare(self) -> None:
        """Every view of the contracts against the ledger."""
        client, ledger, now = self.stage.as_(None), self.stage.ledger(), self.stage.now()
        assert set(ledger.campaigns) == set(self.campaigns)
        for campaign, state in ledger.campaigns.items():
            assert client.status_of(campaign) is state.status(now)
            assert client.due_of(campaign) == state.due_at()
            assert client.claims_open_at(campaign) == state.claims_open_at()
            assert client.refundable(campaign) == state.refundable()
            assert client.earned(campaign, state.accuracy) == earned(state.terms, state.accuracy)
            assert client.campaign_of(campaign) == remembered(state)
            for number in range(state.submitted + 1):
                self._compare_digest(state, number, client.digest_of(campaign, number))
        self._compare_money(ledger)

    @staticmethod
    def _compare_digest(state: CampaignState, number: int, digest: bytes) -> None:
        gradient = state.gradients.get(number)
        if gradient is None or gradient.claimed or gradient.compensated:
            assert digest == bytes(32)
        elif not gradient.reclaimed:
            miner = gradient.record.miner
            expected = gradient.scored.digest(miner) if gradient.scored else gradient.record.digest()
            assert digest == expected
        else:
            assert (digest != bytes(32)) == bool(state.compensation_share()), "a share is due, or nothing"

    def _compare_money(self, ledger: Ledger) -> None:
        held = {self.token.address: 0, "0x" + "0" * 40: 0}
        for state in ledger.campaigns.values():
            account = state.account()
            assert 0 <= account.paid <= account.escrowed
            held[state.terms.currency] += account.held
            held["0x" + "0" * 40] += account.scoring_escrowed - account.scoring_paid
        client = self.stage.as_(None)
        assert client.coin_balance(client.address) == held["0x" + "0" * 40]
        assert client.token_balance(self.token.address, client.address) == held[self.token.address]


def remembered(state: CampaignState) -> CampaignRecord:
    """The ledger's state as the contract stores it."""
    terms, convicted = state.terms, state.recorded is Status.CONVICTED
    return CampaignRecord(
        submitted=state.submitted,
        scored=state.scored,
        accuracy=state.accuracy,
        due=state.due,
        ends_at=state.ends_at,
        version=state.models[-1].version if state.models else 0,
        recorded=state.recorded,
        capsule=terms.capsule,
        target_accuracy=terms.target_accuracy,
        delivery_window=terms.delivery_window,
        scoring_fee=terms.scoring_fee,
        min_improvement=terms.min_improvement,
        scoring_window=terms.scoring_window,
        per_gradient=terms.per_gradient,
        unavailability_window=terms.unavailability_window,
        scientist=state.scientist,
        starting_accuracy=state.starting_accuracy,
        duration=terms.duration,
        currency=terms.currency,
        capsule_fee=terms.capsule_fee,
        bounty=terms.bounty,
        capsule_bond=terms.capsule_bond,
        arbiter=terms.arbiter,
        compensation=terms.compensation,
        settled_at=state.settled_at,
        audit_window=0 if convicted else terms.audit_window,
        notice_period=terms.notice_period,
        valid_below=state.valid_below,
        refunded=state.refunded,
        bond_collected=state.bond_collected,
        scoring_fees_collected=state.scoring_fees_collected,
    )


def moves(names: list[str], most: int) -> st.SearchStrategy[list[tuple[str, int, int]]]:
    return st.lists(st.tuples(st.sampled_from(names), st.integers(0, 2), st.integers(0, 40)), max_size=most)


MINING = ["submit", "submit", "submit", "score", "score", "reject", "rebase", "stop", "wait", "answer"]
ENDING = ["reach", "wait_for_the_end", "deliver", "expire", "convict"]
PAYING = ["claim", "reclaim", "reclaim", "collect", "refund"]


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mining=moves(MINING, 14), ending=moves(ENDING, 4), paying=moves(PAYING, 8))
def test_the_ledger_is_the_contracts(
    stage: Stage,
    token: Any,
    second_miner: Any,
    arbiter: Any,
    chain: Any,
    mining: list[tuple[str, int, int]],
    ending: list[tuple[str, int, int]],
    paying: list[tuple[str, int, int]],
) -> None:
    with undone(chain):
        history = History(stage, token, second_miner, arbiter)
        for phase in (mining, ending, paying):
            for move in phase:
                history.play(*move)
            history.compare()


def settle(history: History, end: str) -> None:
    """One history by hand: every kind of move succeeds in it."""
    first = history.campaigns[0]
    for name, size in (("submit", 0), ("submit", 1), ("score", 16), ("score", 16), ("rebase", 1), ("submit", 0)):
        history.play(name, 0, size)
        history.compare()
    if end == "deliver":
        history.play("reject", 0, 0)
        history.play("stop", 0, 0)
        history.play("wait_for_the_end", 0, 0)
    history.play(end, 0, 1)
    history.compare()
    for name, size in (("claim", 0), ("reclaim", 1), ("reclaim", 0), ("collect", 1), ("collect", 0), ("refund", 0)):
        history.play(name, 0, size)
        history.compare()
    assert history.stage.state(first).refunded


@pytest.mark.parametrize("end", ["deliver", "expire", "convict"])
def test_every_end_pays_everything_out(stage: Stage, token: Any, second_miner: Any, arbiter: Any, end: str) -> None:
    history = History(stage, token, second_miner, arbiter)
    settle(history, end)
    state = history.stage.state(history.campaigns[0])
    assert history.done[end] == 1
    assert history.done["score"] == 2
    unpulled = sum(
        not gradient.compensated for number, gradient in state.gradients.items() if number >= state.valid_below
    )
    assert state.account().held == unpulled * state.compensation_share()
    assert state.account().scoring_paid <= 3 * SCORING_FEE


def test_a_met_target_voids_what_is_unscored(stage: Stage, token: Any, second_miner: Any, arbiter: Any) -> None:
    history = History(stage, token, second_miner, arbiter)
    for name, size in (("submit", 0), ("submit", 1), ("reach", 5), ("deliver", 0), ("claim", 0), ("reclaim", 0)):
        history.play(name, 0, size)
        history.compare()
        assert history.done[name], name
    state = history.stage.state(history.campaigns[0])
    assert (
        state.reward(state.gradients[0])
        == state.rewards_earned()
        == state.terms.bounty - earned(state.terms, percent(7))
    )
    assert state.gradients[1].reclaimed
