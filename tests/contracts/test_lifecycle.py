"""A Campaign's life, function by function, on the contracts alone."""

from dataclasses import replace

import pytest

from sonar_core.chain import contract_errors as errors
from sonar_core.protocol.structs import Rejection, Status
from tests.world.contracts import CAPSULE_TERMS, ETHER, SCORING_FEE, WAD, blob, percent

CURRENCIES = ["coin", "token"]


@pytest.fixture(params=CURRENCIES)
def money(request, stage, token):
    """Terms in the chain's coin and in an ERC-20."""
    if request.param == "coin":
        return {}
    stage.announce(currencies=(token.address,))
    return {"currency": str(token.address)}


def held(stage, money):
    return stage.as_(None).token_balance(money["currency"], stage.sonar.address) if money else stage.sonar.balance


def test_the_published_payout_example(stage):
    """Bounty 1,000, target 80 %: a rise of 2 % pays 25."""
    campaign = stage.opened(accuracy=percent(10), bounty=1000, target_accuracy=percent(80))
    stage.submit(campaign)
    stage.score(campaign, percent(12))
    stage.delivered(campaign)
    claimed = stage.claim(campaign, 0).events[0]
    assert claimed.reward == 25


def test_create_puts_bounty_and_fee_in_trust(stage, money):
    campaign = stage.create(bounty=1000, capsule_fee=50, **money)
    assert stage.status(campaign) is Status.REQUESTED
    assert held(stage, money) == 1050


def test_the_id_commits_to_scientist_nonce_and_terms(stage):
    terms = stage.terms()
    client = stage.as_(stage.scientist)
    campaign = client.create(7, terms).events[0].campaign
    assert campaign == client.id_of(stage.scientist.address, 7, terms)
    with pytest.raises(errors.CampaignExistsError):
        client.create(7, terms)
    assert client.create(8, terms).events[0].campaign != campaign
    assert stage.as_(stage.miner).create(7, terms).events[0].campaign != campaign


def test_cancel_gives_everything_back(stage, money):
    campaign = stage.create(**money)
    stage.as_(stage.scientist).cancel(campaign)
    assert stage.status(campaign) is Status.CANCELLED
    stage.as_(stage.scientist).refund(campaign, stage.scientist.address)
    assert held(stage, money) == 0


def test_a_campaign_not_opened_in_time_is_cancelled_by_the_clock(stage):
    campaign = stage.create(open_within="1 hour")
    stage.wait("1 hour")
    assert stage.status(campaign) is Status.CANCELLED
    with pytest.raises(errors.OpeningTooLateError):
        stage.open(campaign)
    stage.as_(stage.scientist).refund(campaign, stage.scientist.address)
    assert stage.sonar.balance == 0


def test_decline_gives_everything_back(stage):
    campaign = stage.create()
    stage.as_(stage.capsule).decline(campaign, "the claimed accuracy does not hold")
    assert stage.state(campaign).reason == "the claimed accuracy does not hold"
    stage.as_(stage.scientist).refund(campaign, stage.scientist.address)
    assert stage.sonar.balance == 0


def test_a_reason_is_short(stage):
    campaign = stage.create()
    with pytest.raises(errors.ReasonTooLongError):
        stage.as_(stage.capsule).decline(campaign, "x" * 257)
    stage.as_(stage.capsule).decline(campaign, "x" * 256)


def test_open_posts_the_bond_and_fixes_certificate_and_start(stage, money):
    campaign = stage.opened(accuracy=percent(10), capsule_bond=777, **money)
    state = stage.state(campaign)
    assert held(stage, money) == 1050 + 777
    assert (state.accuracy, state.starting_accuracy) == (percent(10), percent(10))
    assert state.certificates == blob("certificates")
    assert stage.status(campaign) is Status.OPEN


def test_a_start_at_the_target_is_refused(stage):
    campaign = stage.create(target_accuracy=percent(80))
    with pytest.raises(errors.StartNotBelowTargetError):
        stage.open(campaign, accuracy=percent(80))


def test_the_terms_in_force_at_opening_count(stage):
    campaign = stage.create(scoring_window="1 hour")
    stage.announce(terms=replace(CAPSULE_TERMS, scoring_window=7200))
    with pytest.raises(errors.ScoringWindowBelowTermsError):
        stage.open(campaign)


def test_gradients_queue_with_a_due_each(stage):
    campaign = stage.opened(scoring_window=3600, per_gradient=60)
    for _ in range(3):
        stage.submit(campaign)
    records = [gradient.record for gradient in stage.state(campaign).gradients.values()]
    assert [record.due - record.submitted_at for record in records] == [3600, 3660, 3720]


def test_a_later_flood_does_not_move_a_due(stage):
    campaign = stage.opened()
    stage.submit(campaign)
    due = stage.as_(None).due_of(campaign)
    for _ in range(5):
        stage.submit(campaign)
    assert stage.as_(None).due_of(campaign) == due
    stage.score(campaign, percent(20))
    assert stage.as_(None).due_of(campaign) == stage.state(campaign).gradients[1].record.due


def test_exactly_the_scoring_fee(stage):
    campaign = stage.opened(scoring_fee=SCORING_FEE)
    client = stage.as_(stage.miner)
    for value in (0, SCORING_FEE - 1, SCORING_FEE + 1):
        with pytest.raises(errors.WrongValueError) as refused:
            client.submit_gradient(campaign, blob("a"), blob("b"), 0, fee=value)
        assert refused.value.evidence == {"sent": value, "expected": SCORING_FEE}


def test_an_improvement_moves_the_head(stage):
    campaign = stage.opened(accuracy=percent(10))
    stage.submit(campaign)
    stage.score(campaign, percent(30))
    state = stage.state(campaign)
    assert state.accuracy == percent(30)
    assert state.model.version == 1
    assert state.reward(state.gradients[0]) == 250


def test_less_than_the_smallest_improvement_changes_nothing(stage):
    campaign = stage.opened(accuracy=percent(10), min_improvement=percent(1))
    stage.submit(campaign)
    stage.score(campaign, percent(10.99))
    state = stage.state(campaign)
    assert (state.accuracy, state.model.version) == (percent(10), 0)
    stage.submit(campaign)
    stage.score(campaign, percent(11))
    assert stage.state(campaign).accuracy == percent(11)


def test_the_last_step_to_the_target_always_counts(stage):
    """A target that the smallest improvement would make unreachable is reached all the same."""
    campaign = stage.opened(accuracy=percent(79.9), target_accuracy=percent(80), min_improvement=percent(5))
    stage.submit(campaign)
    stage.score(campaign, percent(80))
    assert stage.state(campaign).target_met


def test_nothing_past_the_target_is_paid(stage):
    campaign = stage.opened(accuracy=0, bounty=1000, target_accuracy=percent(50))
    stage.submit(campaign)
    stage.score(campaign, WAD)
    stage.delivered(campaign)
    assert stage.claim(campaign, 0).events[0].reward == 1000


def test_target_met_voids_the_rest_and_lets_the_capsule_deliver_at_once(stage):
    campaign = stage.opened(duration="30 days")
    stage.submit(campaign)
    stage.submit(campaign, stage.scientist)
    stage.score(campaign, percent(90))
    assert stage.status(campaign) is Status.CLOSING
    with pytest.raises(errors.MiningOverError):
        stage.submit(campaign)
    stage.deliver(campaign)
    void = stage.state(campaign).gradients[1].record
    client = stage.as_(stage.scientist)
    receipt = client.reclaim_scoring_fees(campaign, [void], stage.scientist.address)
    assert receipt.events[0].scoring_fee == SCORING_FEE


def test_what_was_submitted_before_a_stop_is_still_scored_and_paid(stage):
    campaign = stage.opened(notice_period="10 minutes")
    stage.as_(stage.scientist).stop(campaign)
    stage.submit(campaign)
    stage.wait("10 minutes")
    assert stage.status(campaign) is Status.CLOSING
    stage.score(campaign, percent(20))
    stage.deliver(campaign)
    assert stage.claim(campaign, 0).events[0].reward == 250


def test_a_stop_may_only_bring_the_end_nearer(stage):
    campaign = stage.opened(duration="20 minutes", notice_period="10 minutes")
    stage.as_(stage.scientist).stop(campaign)
    with pytest.raises(errors.EndNotNearerError):
        stage.as_(stage.scientist).stop(campaign)


def test_an_unavailable_gradient_is_rejected_only_after_its_window(stage):
    campaign = stage.opened(unavailability_window="30 minutes")
    stage.submit(campaign)
    with pytest.raises(errors.UnavailableTooEarlyError):
        stage.reject(campaign, Rejection.UNAVAILABLE)
    stage.wait("30 minutes")
    stage.reject(campaign, Rejection.UNAVAILABLE)
    state = stage.state(campaign)
    assert state.gradients[0].rejection is Rejection.UNAVAILABLE
    assert state.gradients[0].rise == 0


def test_rebase_makes_a_new_version_of_the_same_accuracy(stage):
    campaign = stage.opened(accuracy=percent(10))
    stage.as_(stage.capsule).rebase(campaign, blob("finer"), blob("finer root"), blob("evidence"))
    state = stage.state(campaign)
    assert (state.model.version, state.accuracy) == (1, percent(10))
    assert stage.submit(campaign, version=1) == 0
    with pytest.raises(errors.VersionUnknownError):
        stage.submit(campaign, version=2)


def test_delivery_opens_claims_when_the_audit_window_is_over(stage, arbiter):
    campaign = stage.opened(arbiter=str(arbiter.address), audit_window="1 day", capsule_bond=1000, capsule_fee=50)
    stage.submit(campaign)
    stage.score(campaign, percent(40))
    stage.delivered(campaign)
    for early in (
        lambda: stage.claim(campaign, 0),
        lambda: stage.as_(stage.capsule).collect_bond(campaign, stage.capsule.address),
        lambda: stage.as_(stage.capsule).collect_scoring_fees(campaign, stage.capsule.address),
        lambda: stage.as_(stage.scientist).refund(campaign, stage.scientist.address),
    ):
        with pytest.raises(errors.ClaimsNotOpenError):
            early()
    stage.wait("1 day")
    assert stage.claim(campaign, 0).events[0].reward == 500
    assert stage.as_(stage.capsule).collect_bond(campaign, stage.capsule.address).events[0].amount == 1050
    fees = stage.as_(stage.capsule).collect_scoring_fees(campaign, stage.capsule.address).events[0]
    assert fees.amount == SCORING_FEE
    assert stage.as_(stage.scientist).refund(campaign, stage.scientist.address).events[0].amount == 500
    assert stage.sonar.balance == 0


def test_many_claims_in_one_call_and_to_another_address(stage, stranger):
    campaign = stage.opened(bounty=10 * ETHER)
    for accuracy in (10, 20, 30):
        stage.submit(campaign)
        stage.score(campaign, percent(accuracy))
    stage.delivered(campaign)
    before = stranger.balance
    stage.claim(campaign, 0, 1, 2, to=stranger)
    assert stranger.balance - before == 10 * ETHER * 30 // 80


def test_a_gradient_that_earned_nothing_is_not_claimed(stage):
    campaign = stage.opened()
    stage.submit(campaign)
    stage.reject(campaign)
    stage.delivered(campaign)
    with pytest.raises(errors.NothingEarnedError):
        stage.claim(campaign, 0)


def test_expiry_divides_the_bond_as_promised(stage, miner, second_miner):
    """First the Data Scientist is made whole, then each unscored Gradient gets its share, at most the compensation."""
    campaign = stage.opened(bounty=1000, capsule_fee=50, capsule_bond=1000, compensation=100)
    stage.submit(campaign, miner)
    stage.score(campaign, percent(40))
    stage.submit(campaign, miner)
    stage.submit(campaign, second_miner)
    stage.expired(campaign)

    assert stage.claim(campaign, 0, account=miner).events[0].reward == 500
    state = stage.state(campaign)
    assert state.compensation_share() == 100
    for number, account in ((1, miner), (2, second_miner)):
        client = stage.as_(account)
        client.reclaim_scoring_fees(campaign, [state.gradients[number].record], account.address)
        assert client.compensate(campaign, [number], account.address).events[0].amount == 100
    refund = stage.as_(stage.scientist).refund(campaign, stage.scientist.address).events[0]
    assert refund.amount == (1000 - 500) + 50 + 500 + (500 - 200)
    stage.as_(stage.capsule).collect_scoring_fees(campaign, stage.capsule.address)
    with pytest.raises(errors.NothingToCollectError):
        stage.as_(stage.capsule).collect_bond(campaign, stage.capsule.address)
    assert stage.sonar.balance == 0


def test_conviction_ends_at_the_last_sound_score(stage, arbiter, miner, second_miner):
    campaign = stage.opened(arbiter=str(arbiter.address), audit_window="1 day", bounty=1000, compensation=10)
    stage.submit(campaign, miner)
    stage.score(campaign, percent(20))
    stage.submit(campaign, second_miner)
    stage.score(campaign, percent(60))
    stage.submit(campaign, miner)
    stage.score(campaign, percent(61))
    stage.delivered(campaign)
    false = stage.state(campaign).gradients[1].scored
    stage.as_(arbiter).convict(campaign, second_miner.address, false)

    state = stage.state(campaign)
    assert stage.status(campaign) is Status.CONVICTED
    assert (state.accuracy, state.valid_below) == (percent(20), 1)
    assert stage.claim(campaign, 0, account=miner).events[0].reward == 250
    with pytest.raises(errors.GradientVoidError):
        stage.claim(campaign, 2, account=miner)
    client = stage.as_(miner)
    client.reclaim_voided_scoring_fees(campaign, [state.gradients[2].scored], miner.address)
    assert client.compensate(campaign, [2], miner.address).events[0].amount == 10
    with pytest.raises(errors.GradientValidError):
        client.reclaim_scoring_fees(campaign, [state.gradients[0].record], miner.address)


def test_a_conviction_comes_before_claims_open_or_not_at_all(stage, arbiter):
    campaign = stage.opened(arbiter=str(arbiter.address), audit_window="1 hour")
    stage.submit(campaign)
    scored = stage.score(campaign, percent(20))
    stage.delivered(campaign)
    stage.wait("1 hour")
    with pytest.raises(errors.ConvictionTooLateError):
        stage.as_(arbiter).convict(campaign, stage.miner.address, scored)


def test_a_false_score_does_not_escape_by_silence(stage, arbiter):
    campaign = stage.opened(arbiter=str(arbiter.address), audit_window="1 hour")
    stage.submit(campaign)
    scored = stage.score(campaign, percent(20))
    stage.expired(campaign)
    stage.as_(arbiter).convict(campaign, stage.miner.address, scored)
    assert stage.status(campaign) is Status.CONVICTED


def test_a_parent_is_a_delivered_campaign_of_the_same_two(stage, second_miner):
    parent = stage.opened()
    with pytest.raises(errors.ParentUnusableError):
        stage.create(parent=parent)
    stage.delivered(parent)
    assert stage.status(stage.create(parent=parent)) is Status.REQUESTED
    with pytest.raises(errors.ParentUnusableError):
        stage.create(account=second_miner, parent=parent)


def test_contracts_may_be_every_party(stage, project, deployer, chain):
    """No party is asked whether it has code: a committee of two out of three is the Capsule."""
    members = [deployer, stage.scientist, stage.miner]
    committee = deployer.deploy(project.Committee, [member.address for member in members], 2)
    deployer.transfer(committee, 10**6)

    def together(target, method, *arguments, value=0):
        data = method.encode_input(*arguments)
        for member in members[:2]:
            committee.propose(target, value, data, sender=member)

    registry = project.CapsuleRegistry.at(stage.sonar.registry())
    zero = "0x" + "00" * 20
    together(registry, registry.announce, blob("ring"), (1, 60, 60, 1, 60, 1000), [(zero, (True, 0, 10**30))])
    campaign = stage.create(capsule=str(committee.address), capsule_bond=1000)
    start = (blob("key"), blob("key root"), blob("model"), blob("model root"), 0)
    together(stage.sonar, stage.sonar.open, campaign, start, value=1000)
    stage.submit(campaign)
    record = stage.state(campaign).gradients[0].record
    score = (percent(90), 4, blob("m"), blob("r"), blob("o"), blob("e"))
    together(stage.sonar, stage.sonar.scoreGradient, campaign, record.to_tuple(), score, (0, bytes(32)))
    together(stage.sonar, stage.sonar.deliver, campaign, blob("delivery"), blob("openings"))
    assert stage.status(campaign) is Status.DELIVERED
    assert stage.claim(campaign, 0).events[0].reward == 1000
