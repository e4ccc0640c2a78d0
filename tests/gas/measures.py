"""Every transaction of the protocol, once in each way that costs differently."""

from __future__ import annotations

from dataclasses import dataclass

from sonar_core.protocol.structs import CampaignStart, Rejection, Score
from tests.gas.floors import floor, traces_of
from tests.world.contracts import ETHER, SCORING_FEE, Stage, blob, percent


@dataclass(frozen=True)
class Measure:
    """Gas of a whole transaction, and the least it could be."""

    gas: int
    floor: int


class Meter:
    """Plays on a stage, and reads what each move cost."""

    def __init__(self, stage: Stage, token) -> None:
        self.stage, self.token, self.measures = stage, token, {}
        self._web3 = stage.chain.provider.web3

    def run(self) -> dict[str, Measure]:
        self._mining()
        self._ends_of_requests()
        self._failed_capsule()
        self._in_a_token()
        return self.measures

    def read(self, name: str, receipt) -> None:
        cost = self._web3.eth.get_transaction_receipt(receipt.transaction)["gasUsed"]
        self.measures[name] = Measure(cost, floor(traces_of(self._web3, receipt.transaction, self.stage.sonar.address)))

    # ------------------------------------------------------------------ a Campaign that is delivered

    def _mining(self) -> None:
        campaign = self._created("create")
        self._opened(campaign, "open")
        for name in ("submitGradient, first in the queue", "submitGradient, later", *(6 * [None])):
            self._submitted(campaign, name)
        self._scored(campaign, 10, "scoreGradient, improvement, another waits")
        self._scored(campaign, 10, "scoreGradient, no improvement, another waits")
        for accuracy in (20, 30, 40, 50, 60):
            self._scored(campaign, accuracy)
        self._scored(campaign, 70, "scoreGradient, improvement, the last")
        self._submitted(campaign)
        self._scored(campaign, 70, "scoreGradient, no improvement, the last")
        self._submitted(campaign)
        self._rejected(campaign, "rejectGradient, the last")
        self.stage.until(self.stage.state(campaign).ends_at)
        self.read("deliver", self.stage.as_(self.stage.capsule).deliver(campaign, blob("delivery"), blob("openings")))
        self.read("claim, one Gradient", self.stage.claim(campaign, 0))
        self.read("claim, five Gradients", self.stage.claim(campaign, 2, 3, 4, 5, 6))
        self.read("collectBond", self._capsule.collect_bond(campaign, self.stage.capsule.address))
        self.read("refund", self._scientist.refund(campaign, self.stage.scientist.address))

    # ------------------------------------------------------------------ other ends

    def _ends_of_requests(self) -> None:
        self.read("decline", self._capsule.decline(self._created(), "no"))
        self.read("cancel", self._scientist.cancel(self._created()))
        campaign = self._created()
        self._opened(campaign)
        self.read("stop", self._scientist.stop(campaign))

    def _failed_capsule(self) -> None:
        campaign = self._created()
        self._opened(campaign)
        for _ in range(3):
            self._submitted(campaign)
        self.stage.until(self.stage.state(campaign).due_at())
        miner = self.stage.as_(self.stage.miner)
        self.read("expire", miner.expire(campaign))
        records = [gradient.record for gradient in self.stage.state(campaign).gradients.values()]
        address = self.stage.miner.address
        self.read("reclaimScoringFees, one Gradient", miner.reclaim_scoring_fees(campaign, records[:1], address))
        self.read("reclaimScoringFees, two Gradients", miner.reclaim_scoring_fees(campaign, records[1:], address))
        self.read("compensate, one Gradient", miner.compensate(campaign, [0], address))

    def _in_a_token(self) -> None:
        self.stage.announce(currencies=(self.token.address,))
        for account in (self.stage.scientist, self.stage.capsule):
            self.stage.as_(account).approve(self.token.address, 10**12)
        campaign = self._created("create, in a token", currency=self.token.address)
        start = CampaignStart(blob("key"), blob("key root"), blob("model 0"), blob("model 0 root"), 0)
        self.read("open, in a token", self._capsule.open(campaign, start))
        for accuracy in (10, 20):
            self._submitted(campaign)
            self._scored(campaign, accuracy)
        self.stage.delivered(campaign)
        self.stage.claim(campaign, 0)
        self.read("claim in a token, one Gradient", self.stage.claim(campaign, 1))

    # ------------------------------------------------------------------ moves

    @property
    def _scientist(self):
        return self.stage.as_(self.stage.scientist)

    @property
    def _capsule(self):
        return self.stage.as_(self.stage.capsule)

    def _created(self, name: str | None = None, **changes) -> bytes:
        nonce = 10_000 + len(self.measures)
        receipt = self._scientist.create(nonce, self.stage.terms(**{"bounty": ETHER // 10**9, **changes}))
        return self._kept(name, receipt).events[0].campaign

    def _opened(self, campaign: bytes, name: str | None = None) -> None:
        start = CampaignStart(blob("key"), blob("key root"), blob("model 0"), blob("model 0 root"), 0)
        self._kept(name, self._capsule.open(campaign, start, value=1000))

    def _submitted(self, campaign: bytes, name: str | None = None) -> None:
        number = self.stage.state(campaign).submitted
        bundle, commitment = blob(f"bundle {number}"), blob(f"commitment {number}")
        miner = self.stage.as_(self.stage.miner)
        self._kept(name, miner.submit_gradient(campaign, bundle, commitment, 0, fee=SCORING_FEE))

    def _scored(self, campaign: bytes, accuracy: int, name: str | None = None) -> None:
        state = self.stage.state(campaign)
        number, better = state.oldest_unscored.record.number, self.stage.improves(state, percent(accuracy))
        model = blob(f"model of {number}") if better else bytes(32)
        digests = (model, blob(f"root of {number}"), blob(f"opened {number}"), blob(f"evidence {number}"))
        score = Score(percent(accuracy), 4, *digests)
        self._kept(
            name, self._capsule.score_gradient(campaign, state.oldest_unscored.record, score, state.next_in_queue)
        )

    def _rejected(self, campaign: bytes, name: str) -> None:
        state = self.stage.state(campaign)
        evidence = (Rejection.MALFORMED, bytes(32), blob("evidence"))
        self.read(
            name, self._capsule.reject_gradient(campaign, state.oldest_unscored.record, *evidence, state.next_in_queue)
        )

    def _kept(self, name: str | None, receipt):
        if name:
            self.read(name, receipt)
        return receipt
