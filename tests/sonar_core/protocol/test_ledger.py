"""The ledger's own rules, without a chain: what cannot follow is refused, and old states stay what they were."""

from __future__ import annotations

import pytest

from sonar_core.base.errors import SonarError
from sonar_core.protocol import events as ev
from sonar_core.protocol.ledger import Ledger, LedgerError
from sonar_core.protocol.structs import (
    CapsuleTerms,
    CurrencyOffer,
    CurrencyTerms,
    Next,
    Rejection,
    Status,
)
from tests.world.campaign_events import (
    ALICE,
    CAMPAIGN,
    CAPSULE,
    MINER,
    ROOT,
    TERMS,
    at,
    opened,
    percent,
    scored,
    submitted,
)


def test_the_published_example() -> None:
    """Bounty 1,000, target 80 %, a rise of 2 % pays 25."""
    ledger = opened().apply_all([submitted(0, 30, 130), scored(0, percent(2), percent(4), 40, 240)])
    state = ledger.campaign(CAMPAIGN)
    assert state.reward(state.gradients[0]) == 25
    assert state.rewards_earned() == 25
    assert state.remaining_reward() == 950
    assert state.refundable() == 975


def test_status_is_the_events_and_the_clock() -> None:
    ledger = opened().apply_all([submitted(0, 30, 130), submitted(1, 31, 141)])
    state = ledger.campaign(CAMPAIGN)
    assert [state.status(now) for now in (129, 130, 1020)] == [Status.OPEN, Status.EXPIRED, Status.EXPIRED]
    assert state.oldest_unscored is not None
    assert state.next_in_queue == state.gradients[1].record.as_next() != Next.none()
    ledger.apply_all([scored(0, percent(2), percent(2), 100, 141), scored(1, percent(2), percent(2), 140, 340)])
    state = ledger.campaign(CAMPAIGN)
    assert state.oldest_unscored is None
    assert state.next_in_queue == Next.none()
    moments = {1019: Status.OPEN, 1020: Status.CLOSING, 1219: Status.CLOSING, 1220: Status.EXPIRED}
    assert {now: state.status(now) for now in moments} == moments
    assert state.claims_open_at() == 0
    ledger.apply(ev.CampaignDelivered(at(1100), CAMPAIGN, ROOT, ROOT))
    state = ledger.campaign(CAMPAIGN)
    assert state.status(10**9) is Status.DELIVERED
    assert [state.claims_open(now) for now in (1129, 1130)] == [False, True]


def test_a_met_target_ends_mining_at_that_moment() -> None:
    ledger = opened().apply_all([submitted(0, 30, 130), submitted(1, 31, 141)])
    ledger.apply_all([scored(0, percent(2), percent(90), 40, 240), ev.TargetReached(at(40), CAMPAIGN, percent(90), 1)])
    state = ledger.campaign(CAMPAIGN)
    assert state.oldest_unscored is None
    moments = {40: Status.CLOSING, 239: Status.CLOSING, 240: Status.EXPIRED}
    assert {now: state.status(now) for now in moments} == moments
    assert (state.due_at(), state.remaining_reward(), state.rewards_earned()) == (240, 0, 975)


def test_a_campaign_that_nobody_opened_is_cancelled_by_the_clock() -> None:
    ledger = Ledger()
    ledger.apply(ev.CampaignCreated(at(10), CAMPAIGN, ALICE, CAPSULE, 1, TERMS))
    state = ledger.campaign(CAMPAIGN)
    assert [state.status(now) for now in (69, 70)] == [Status.REQUESTED, Status.CANCELLED]
    assert (state.refundable(), state.due_at()) == (1050, 70)
    with pytest.raises(LedgerError, match="no Model yet"):
        _ = state.model


def test_a_bond_of_a_capsule_that_failed_is_divided() -> None:
    """Bond 300, 25 spent: of 275 left each of three unscored Gradients gets at most 40, the Data Scientist the rest."""
    ledger = opened().apply_all([submitted(number, 30, 130 + 10 * number) for number in range(4)])
    ledger.apply_all([scored(0, percent(2), percent(4), 40, 140), ev.CampaignExpired(at(140), CAMPAIGN, 140)])
    state = ledger.campaign(CAMPAIGN)
    assert state.compensation_share() == 40
    assert state.refundable() == 1000 - 25 + 50 + 300 - 3 * 40
    assert [state.reward(state.gradients[number]) for number in range(4)] == [25, 0, 0, 0]
    ledger.apply_all(
        [
            ev.Claimed(at(200), CAMPAIGN, 0, MINER, MINER, 25),
            ev.ScoringFeeReclaimed(at(200), CAMPAIGN, 1, MINER, MINER, 7),
            ev.Compensated(at(200), CAMPAIGN, 1, MINER, MINER, 40),
            ev.ScoringFeesCollected(at(200), CAMPAIGN, CAPSULE, CAPSULE, 7),
            ev.Refunded(at(200), CAMPAIGN, ALICE, ALICE, state.refundable()),
        ]
    )
    account = ledger.campaign(CAMPAIGN).account()
    assert account.escrowed == 1000 + 50 + 300
    assert account.held == 2 * 40, "two shares are not pulled yet"
    assert (account.scoring_escrowed, account.scoring_paid) == (28, 14)


def test_a_conviction_takes_later_rewards_back() -> None:
    ledger = opened().apply_all([submitted(0, 30, 130), submitted(1, 31, 141)])
    ledger.apply_all([scored(0, percent(2), percent(4), 40, 141), scored(1, percent(4), percent(8), 50, 250)])
    ledger.apply(ev.CapsuleConvicted(at(60), CAMPAIGN, 1, percent(4)))
    state = ledger.campaign(CAMPAIGN)
    assert [state.reward(gradient) for gradient in state.gradients.values()] == [25, 0]
    assert state.accuracy == percent(4)
    assert state.claims_open_at() == 60
    assert state.compensation_share() == 40


def test_models_are_counted_by_improvements_and_rebases() -> None:
    ledger = opened().apply_all([submitted(0, 30, 130), submitted(1, 31, 141), submitted(2, 32, 152)])
    ledger.apply_all([scored(0, percent(2), percent(4), 40, 141), scored(1, percent(4), percent(4), 41, 152)])
    ledger.apply(ev.ModelRebased(at(50), CAMPAIGN, 2, b"m" * 32, ROOT, ROOT))
    rejected = ev.GradientRejected(at(60), CAMPAIGN, 2, MINER, percent(4), 260, Rejection.MALFORMED, ROOT, ROOT)
    ledger.apply(rejected)
    state = ledger.campaign(CAMPAIGN)
    assert [model.version for model in state.models] == [0, 1, 2]
    assert state.model.address == b"m" * 32
    assert state.gradients[2].rejection is Rejection.MALFORMED
    assert state.gradients[2].score is None
    assert state.gradients[2].rise == 0


def test_currencies_that_are_not_named_keep_their_terms() -> None:
    ledger, first = Ledger(), CapsuleTerms(1, 2, 3, 4, 5, 6)
    served, gone = CurrencyTerms(True, 1, 2), CurrencyTerms(False, 0, 0)
    ledger.apply(ev.CapsuleAnnounced(at(1), CAPSULE, ROOT, first, (CurrencyOffer(ALICE, served),)))
    ledger.apply(ev.CapsuleAnnounced(at(2), CAPSULE, b"x" * 32, first, (CurrencyOffer(MINER, gone),)))
    assert ledger.capsules[CAPSULE].currencies == {ALICE: served, MINER: gone}
    assert ledger.capsules[CAPSULE].certificates == b"x" * 32


@pytest.mark.parametrize(
    "event",
    [
        ev.CampaignCancelled(at(1), b"x" * 32),
        scored(5, 0, 0, 30, 130),
        ev.Claimed(at(1), CAMPAIGN, 9, MINER, MINER, 1),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_nothing_came_before_is_refused_and_changes_nothing(event: ev.Event) -> None:
    ledger = opened()
    before = ledger.copy()
    with pytest.raises(LedgerError, match="no event"):
        ledger.apply(event)
    assert ledger.campaigns == before.campaigns
    assert issubclass(LedgerError, SonarError)


def test_an_old_state_stays_what_it_was() -> None:
    """That is how a follower goes back: it keeps the ledger of before."""
    ledger = opened()
    before = ledger.copy()
    old = before.campaign(CAMPAIGN)
    ledger.apply_all([submitted(0, 30, 130), scored(0, percent(2), percent(4), 40, 240)])
    assert before.campaign(CAMPAIGN) is old
    assert (old.submitted, old.gradients) == (0, {})
    assert ledger.campaign(CAMPAIGN).submitted == 1
