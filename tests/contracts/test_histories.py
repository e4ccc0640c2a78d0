"""Random histories of several Campaigns at once: the contract equals its ledger after each step, and no wei is lost.

Each history is seeded. The ledger, rebuilt from events alone, says which moves go through and which are refused.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from random import Random

import pytest

from sonar_core.chain.contract_errors import ContractError
from sonar_core.protocol import events as ev
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import CampaignStart, Rejection, Score, Status
from tests.world.contracts import COIN, SCORING_FEE, blob, percent

#: A history is a number of rounds of so many steps with so many Campaigns; after each of them everybody is paid out.
STEPS, CAMPAIGNS, ALIVE = 35, 5, 3
#: Least number of rounds, and most of a history that has not made every kind of move yet.
ROUNDS, MOST_ROUNDS = 2, 8
#: A move is only judged where the clock cannot change its answer while it is made.
MARGIN = 45
#: Least number of moves of each kind that every history must have made, so that it says something.
FLOOR = 1
#: Every kind of move, and how often it is drawn beside others: what ends a Campaign rarely.
KINDS = {
    "create": 1,
    "cancel": 3,
    "decline": 3,
    "open": 30,
    "stop": 1.5,
    "submit": 40,
    "score": 30,
    "reject": 9,
    "rebase": 6,
    "deliver": 4,
    "expire": 1,
    "convict": 2,
    "claim": 1,
    "reclaim": 1,
    "reclaim_voided": 1,
    "compensate": 1,
    "refund": 1,
    "collect_bond": 1,
    "collect_fees": 1,
}


@dataclass
class World:
    """The stage, its ledger kept up to date from events, and the money that events say was paid."""

    stage: object
    token: str
    cast: dict
    random: Random

    def __post_init__(self):
        self.ledger = Ledger()
        self.read = self.stage.start
        self.paid = defaultdict(int)
        self.fees_paid = defaultdict(int)
        self.counts = Counter()
        self.refusals = 0
        self.compared = {}
        self.most = 0
        self.client = {name: self.stage.as_(account) for name, account in self.cast.items()}
        self.names = {str(account.address): name for name, account in self.cast.items()}

    def catch_up(self):
        head = self.client["stranger"].newest_block() + 1
        for event in self.client["stranger"].events(self.read, head):
            self.ledger.apply(event)
            if isinstance(event, ev.Claimed):
                self.paid[event.campaign] += event.reward
            elif isinstance(event, ev.Compensated | ev.BondCollected | ev.Refunded):
                self.paid[event.campaign] += event.amount
            elif isinstance(event, ev.ScoringFeeReclaimed):
                self.fees_paid[event.campaign] += event.scoring_fee
            elif isinstance(event, ev.ScoringFeesCollected):
                self.fees_paid[event.campaign] += event.amount
        self.read = head

    def missing(self):
        """Kinds of moves that were not made often enough yet."""
        return [kind for kind in KINDS if self.counts[kind] < FLOOR]

    def miner_of(self, state, number):
        return self.client[self.names[state.gradients[number].record.miner]]


def create(world):
    random, stage = world.random, world.stage
    stage.create(
        currency=random.choice([COIN, world.token]),
        arbiter=str(world.cast["arbiter"].address),
        bounty=random.randrange(200, 10**6),
        capsule_fee=random.randrange(50),
        capsule_bond=random.choice([0, 100, 10**6]),
        compensation=random.choice([0, 7, 10**5]),
        duration=random.choice([7200, 86_400]),
        audit_window=random.choice([0, 3600]),
    )


def moves(state: CampaignState, now: int, world: World):
    """Every move there is on a Campaign: kind, whether it must go through, and the call. Judged by the ledger alone."""
    stage, client, random, campaign = world.stage, world.client, world.random, state.id
    status, open_claims = state.status(now), state.claims_open(now)
    requested, running = status is Status.REQUESTED, status in (Status.OPEN, Status.CLOSING)
    scorable = running and state.oldest_unscored is not None
    back = status in (Status.DECLINED, Status.CANCELLED) or open_claims
    yield "cancel", requested, lambda: client["scientist"].cancel(campaign)
    yield "decline", requested, lambda: client["capsule"].decline(campaign, "no")
    yield "open", requested, lambda: _open(world, state)
    stops = status is Status.OPEN and now + state.terms.notice_period + MARGIN < state.ends_at
    if stops or status is not Status.OPEN:
        yield "stop", stops, lambda: client["scientist"].stop(campaign)
    version = random.randrange(len(state.models)) if state.models else 0
    role = random.choice(["miner", "second_miner"])
    yield (
        "submit",
        status is Status.OPEN,
        lambda: client[role].submit_gradient(campaign, blob(random.random()), blob("c"), version, fee=SCORING_FEE),
    )
    if scorable:
        rise = random.choice([0, percent(1), percent(7), percent(30)])
        yield "score", True, lambda: _score(world, state, min(state.accuracy + rise, 10**18))
        yield "reject", True, lambda: _reject(world, state)
    yield "rebase", running, lambda: client["capsule"].rebase(campaign, blob("m"), blob("r"), blob("e"))
    ready = status is Status.CLOSING and state.oldest_unscored is None
    yield "deliver", ready, lambda: stage.deliver(campaign)
    overdue = state.recorded is Status.OPEN and status is Status.EXPIRED
    yield "expire", overdue, lambda: client["stranger"].expire(campaign)
    refunds = back and not state.refunded and state.refundable() > 0
    yield "refund", refunds, lambda: client["scientist"].refund(campaign, world.cast["scientist"].address)
    bond = open_claims and state.recorded is Status.DELIVERED and not state.bond_collected
    bond = bond and state.terms.capsule_fee + state.terms.capsule_bond > 0
    yield "collect_bond", bond, lambda: client["capsule"].collect_bond(campaign, world.cast["capsule"].address)
    fees = open_claims and state.valid_below > 0 and not state.scoring_fees_collected
    yield (
        "collect_fees",
        fees,
        lambda: client["capsule"].collect_scoring_fees(campaign, world.cast["capsule"].address),
    )
    if not state.gradients:
        return
    number = random.choice(list(state.gradients))
    gradient, miner = state.gradients[number], world.miner_of(state, number)
    harmed = open_claims and number >= state.valid_below
    convicts = state.recorded is Status.OPEN
    convicts |= state.recorded in (Status.DELIVERED, Status.EXPIRED) and not open_claims
    if gradient.scored is not None:
        convicts &= not gradient.claimed
        owner = gradient.record.miner
        yield "convict", convicts, lambda: client["arbiter"].convict(campaign, owner, gradient.scored)
        claims = open_claims and number < state.valid_below and not gradient.claimed and state.reward(gradient) > 0
        yield "claim", claims, lambda: miner.claim(campaign, [gradient.scored], miner.sender)
        voided = harmed and not gradient.reclaimed
        yield (
            "reclaim_voided",
            voided,
            lambda: miner.reclaim_voided_scoring_fees(campaign, [gradient.scored], miner.sender),
        )
    else:
        reclaims = harmed and not gradient.reclaimed
        yield "reclaim", reclaims, lambda: miner.reclaim_scoring_fees(campaign, [gradient.record], miner.sender)
    compensates = harmed and gradient.reclaimed and not gradient.compensated and state.compensation_share() > 0
    yield "compensate", compensates, lambda: miner.compensate(campaign, [number], miner.sender)


def _open(world, state):
    terms = state.terms
    if terms.currency != COIN and terms.capsule_bond:
        world.client["capsule"].approve(terms.currency, terms.capsule_bond)
    value = terms.capsule_bond if terms.currency == COIN else 0
    accuracy = world.random.choice([0, percent(33)])
    start = CampaignStart(blob("k"), blob("kr"), blob("m0"), blob("r0"), accuracy)
    world.client["capsule"].open(state.id, start, value=value)


def _score(world, state, accuracy):
    model = blob("m") if world.stage.improves(state, accuracy) else bytes(32)
    score = Score(accuracy, 4, model, blob("r"), blob("o"), blob("e"))
    world.client["capsule"].score_gradient(state.id, state.oldest_unscored.record, score, state.next_in_queue)


def _reject(world, state):
    record, nothing = state.oldest_unscored.record, bytes(32)
    world.client["capsule"].reject_gradient(
        state.id, record, Rejection.MALFORMED, nothing, nothing, state.next_in_queue
    )


def steady(state, now):
    """Whether the clock leaves the Campaign as it is for a while."""
    later = now + MARGIN
    return state.status(now) is state.status(later) and state.claims_open(now) == state.claims_open(later)


def step(world):
    """One move that must go through, or one that must be refused, or some time."""
    random, stage = world.random, world.stage
    alive = [state for state in world.ledger.campaigns.values() if not state.settled_at]
    alive = [state for state in alive if state.status(stage.now()) not in (Status.CANCELLED, Status.DECLINED)]
    if len(alive) < ALIVE and len(world.ledger.campaigns) < world.most:
        create(world)
        world.counts["create"] += 1
        return
    waiting = [state for state in alive if state.recorded is Status.REQUESTED]
    if (
        waiting
        and not {"cancel", "decline"} & set(world.missing())
        and random.random() < 0.3
        and steady(waiting[0], stage.now())
    ):
        _open(world, waiting[0])
        world.counts["open"] += 1
        return
    state, now = random.choice(alive or list(world.ledger.campaigns.values())), stage.now()
    if random.random() < 0.2:
        state = random.choice(list(world.ledger.campaigns.values()))
    if not steady(state, now) or random.random() < 0.1:
        moments = [now + 100] * 3 + [state.ends_at, state.due_at(), state.claims_open_at()]
        stage.until(random.choice([moment for moment in moments if moment > now]) + 1)
        world.counts["time"] += 1
        return
    judged = list(moves(state, now, world))
    if random.random() < 0.15:
        kind, _, call = random.choice([move for move in judged if not move[1]])
        with pytest.raises(ContractError):
            call()
        world.refusals += 1
        return
    allowed = [move for move in judged if move[1]]
    if allowed:
        weights = [KINDS[kind] / (1 + world.counts[kind]) for kind, _, _ in allowed]
        kind, _, call = random.choices(allowed, weights)[0]
        call()
        world.counts[kind] += 1


def owed(state: CampaignState, refundable: int) -> tuple[int, int]:
    """What a Campaign still owes in its currency and in scoring fees, claim by claim."""
    terms, gradients = state.terms, state.gradients.values()
    claimable = sum(state.reward(gradient) for gradient in gradients if not gradient.claimed)
    harmed = [gradient for number, gradient in state.gradients.items() if number >= state.valid_below]
    if not state.settled_at:
        harmed = []
    claimable += sum(state.compensation_share() for gradient in harmed if not gradient.compensated)
    waiting = state.recorded is Status.OPEN or (state.recorded is Status.DELIVERED and not state.bond_collected)
    collectable = terms.capsule_fee + terms.capsule_bond if waiting else 0
    if not state.settled_at:
        return claimable + refundable + collectable, state.submitted * terms.scoring_fee
    fees = 0 if state.scoring_fees_collected else state.valid_below
    fees += sum(not gradient.reclaimed for gradient in harmed)
    return claimable + refundable + collectable, fees * terms.scoring_fee


PAYING = {"claim", "reclaim", "reclaim_voided", "compensate", "refund", "collect_bond", "collect_fees"}
#: What the contract keeps under the same name as the ledger.
KEPT = (
    "submitted",
    "scored",
    "accuracy",
    "due",
    "ends_at",
    "recorded",
    "starting_accuracy",
    "settled_at",
    "valid_below",
    "scientist",
    "refunded",
    "bond_collected",
    "scoring_fees_collected",
)


def compare_one(world, state):
    """One Campaign; what it owes in its currency and in scoring fees."""
    look, campaign, now = world.client["stranger"], state.id, world.stage.now()
    record = look.campaign_of(campaign)
    assert [getattr(record, name) for name in KEPT] == [getattr(state, name) for name in KEPT]
    assert record.version == (state.model.version if state.models else 0)
    assert look.due_of(campaign) == state.due_at()
    assert look.claims_open_at(campaign) == state.claims_open_at()
    refundable = look.refundable(campaign)
    assert refundable == state.refundable()
    if steady(state, now):
        assert look.status_of(campaign) is state.status(now)
    account, (owing, fees) = state.account(), owed(state, refundable)
    assert account.paid == world.paid[campaign]
    assert account.scoring_paid == world.fees_paid[campaign]
    assert world.paid[campaign] + owing == account.escrowed
    assert world.fees_paid[campaign] + fees == account.scoring_escrowed
    return owing, fees


def compare(world, *, everything=False):
    """The contract's own words against the ledger's, and Invariant 1 to the wei."""
    stage, look = world.stage, world.client["stranger"]
    held = Counter()
    for campaign, state in world.ledger.campaigns.items():
        # What had no event and no new status was compared already: only its debts are added up again.
        seen = state, state.status(world.stage.now())
        if everything or world.compared.get(campaign, (None,))[0] != seen:
            world.compared[campaign] = seen, compare_one(world, state)
        owing, fees = world.compared[campaign][1]
        held[state.terms.currency] += owing
        held[COIN] += fees
    assert stage.sonar.balance == held[COIN]
    assert look.token_balance(world.token, stage.sonar.address) == held[world.token]


def close(world, campaign):
    """A Campaign that still runs is brought to its delivery, unless its Capsule is late when its turn comes."""
    state, stage = world.ledger.campaign(campaign), world.stage
    if state.status(stage.now()) is Status.OPEN:
        stage.until(state.ends_at)
    while steady(state, stage.now()) and state.status(stage.now()) is Status.CLOSING:
        if state.oldest_unscored is None:
            stage.deliver(campaign)
            world.counts["deliver"] += 1
        else:
            _score(world, state, min(state.accuracy + percent(3), 10**18))
            world.counts["score"] += 1
        world.catch_up()
        state = world.ledger.campaign(campaign)


def drain(world):
    """Every Campaign is brought to an end, by its Capsule or without it, and everybody takes what is theirs."""
    stage = world.stage
    for campaign in world.ledger.campaigns:
        if world.random.random() < 0.6:
            close(world, campaign)
    stage.wait("3 days")
    for state in world.ledger.campaigns.values():
        if state.status(stage.now()) is Status.EXPIRED and state.recorded is Status.OPEN:
            world.client["stranger"].expire(state.id)
            world.counts["expire"] += 1
    stage.wait("2 hours")
    world.catch_up()
    for campaign in world.ledger.campaigns:
        pull_everything(world, campaign)


def pull_everything(world, campaign):
    """Until a Campaign owes nothing; each draw of moves looks at one of its Gradients."""
    while any(owed(state := world.ledger.campaign(campaign), state.refundable())):
        due = [move for move in moves(state, world.stage.now(), world) if move[0] in PAYING and move[1]]
        for kind, _, call in due:
            call()
            world.counts[kind] += 1
        world.catch_up()


def play_round(world):
    world.most = len(world.ledger.campaigns) + CAMPAIGNS
    for _ in range(STEPS):
        step(world)
        world.catch_up()
        compare(world)
    compare(world, everything=True)
    drain(world)
    compare(world, everything=True)
    assert world.stage.sonar.balance == 0
    assert world.client["stranger"].token_balance(world.token, world.stage.sonar.address) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_history(stage, token, scientist, capsule, miner, second_miner, arbiter, stranger, seed):
    stage.announce(currencies=(COIN, token.address))
    cast = {
        "scientist": scientist,
        "capsule": capsule,
        "miner": miner,
        "second_miner": second_miner,
        "arbiter": arbiter,
        "stranger": stranger,
    }
    world = World(stage, str(token.address), cast, Random(seed))
    for number in range(MOST_ROUNDS):
        if number >= ROUNDS and not world.missing():
            break
        play_round(world)
    assert world.ledger.campaigns == stage.ledger().campaigns
    # Shown by `-s`: what the history was made of.
    print({**world.counts, "refused": world.refusals, "Campaigns": len(world.ledger.campaigns)})  # noqa: T201
    assert world.missing() == []
    assert world.refusals >= 3
