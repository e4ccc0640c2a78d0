"""Attacks on the money: nobody takes more than is theirs, or keeps others from taking it."""

from dataclasses import replace

import pytest
from eth_utils import keccak

from ape_sonar import contract_errors as errors
from ape_sonar.abi import abi
from ape_sonar.terms import Status
from tests.stage import ETHER, SCORING_FEE, WAD, percent

BOUNTY = 10 * ETHER


def test_overshoot_of_the_target(stage, attacker, profit):
    """Far past the target earns what the target earns."""
    with profit(attacker) as gain:
        campaign = stage.opened(bounty=BOUNTY, target_accuracy=percent(50))
        stage.submit(campaign, attacker)
        stage.score(campaign, WAD)
        stage.delivered(campaign)
        stage.claim(campaign, 0, account=attacker)
    honest = BOUNTY - SCORING_FEE
    assert gain.coin - honest <= 0


def test_splitting_over_addresses(stage, attacker, second_miner, profit):
    """The same rise in many small steps by two addresses earns no unit more."""
    campaign = stage.opened(bounty=BOUNTY, min_improvement=percent(1))
    with profit(attacker, second_miner) as gain:
        for number, accuracy in enumerate((7, 11, 29, 40)):
            account = (attacker, second_miner)[number % 2]
            stage.submit(campaign, account)
            stage.score(campaign, percent(accuracy))
        stage.delivered(campaign)
        for number in range(4):
            stage.claim(campaign, number, account=(attacker, second_miner)[number % 2])
    in_one_step = BOUNTY // 2 - SCORING_FEE
    assert gain.coin - in_one_step <= 0


def test_draining_another_campaign(stage, attacker, profit):
    """A claim of one Campaign is worth nothing in another one, though that one is rich."""
    rich = stage.opened(bounty=BOUNTY)
    stage.delivered(rich)
    own = stage.opened(bounty=1000)
    stage.submit(own, attacker)
    scored = stage.score(own, percent(80))
    stage.deliver(own)
    held = stage.state(rich).refundable() + stage.state(rich).terms.capsule_bond + 50
    with profit(attacker) as gain:
        with pytest.raises(errors.GradientVoidError):
            stage.as_(attacker).claim(rich, [scored], attacker.address)
        stage.as_(attacker).claim(own, [scored], attacker.address)
    assert gain.coin - 1000 <= 0
    assert stage.sonar.balance >= held


def test_a_campaign_played_by_one_alone_takes_nobodys_money(stage, attacker, profit):
    """Data Scientist, Capsule and Miner in one: they get back what they put in, and a rich neighbour stays whole."""
    rich = stage.opened(bounty=BOUNTY)
    held = stage.sonar.balance
    stage.announce(account=attacker)
    honest_capsule = stage.capsule
    with profit(attacker) as gain:
        campaign = stage.create(account=attacker, capsule=str(attacker.address), compensation=10**6)
        stage.capsule = attacker
        stage.open(campaign)
        for _ in range(3):
            stage.submit(campaign, attacker)
        scored = stage.score(campaign, percent(40))
        stage.expired(campaign)
        client, state = stage.as_(attacker), stage.state(campaign)
        client.claim(campaign, [scored], attacker.address)
        client.reclaim_fees(campaign, [state.gradients[1].record, state.gradients[2].record], attacker.address)
        client.compensate(campaign, [1, 2], attacker.address)
        client.collect_scoring_fees(campaign, attacker.address)
        client.refund(campaign, attacker.address)
    stage.capsule = honest_capsule
    assert gain.coin <= 0
    assert stage.sonar.balance == held
    assert stage.state(rich).refundable() == BOUNTY


def test_claims_twice(stage, attacker, profit):
    campaign = stage.opened(bounty=BOUNTY)
    stage.submit(campaign, attacker)
    scored = stage.score(campaign, percent(40))
    stage.delivered(campaign)
    with profit(attacker) as gain:
        with pytest.raises(errors.WrongGradientError):
            stage.as_(attacker).claim(campaign, [scored, scored], attacker.address)
        stage.as_(attacker).claim(campaign, [scored], attacker.address)
        with pytest.raises(errors.WrongGradientError):
            stage.as_(attacker).claim(campaign, [scored], attacker.address)
    assert gain.coin - BOUNTY // 2 <= 0


@pytest.mark.parametrize(
    "forged",
    [{"before": 0}, {"afterwards": percent(80)}, {"details": bytes(32)}, {"number": 0}],
    ids=["before", "afterwards", "details", "number"],
)
def test_claims_with_a_forged_preimage(stage, attacker, miner, profit, forged):
    campaign = stage.opened(bounty=BOUNTY)
    stage.submit(campaign, miner)
    stage.score(campaign, percent(10))
    stage.submit(campaign, attacker)
    scored = stage.score(campaign, percent(20))
    stage.delivered(campaign)
    with profit(attacker) as gain, pytest.raises(errors.WrongGradientError):
        stage.as_(attacker).claim(campaign, [replace(scored, **forged)], attacker.address)
    assert gain.coin <= 0


def test_claims_before_the_audit_window_ends(stage, arbiter, attacker, profit):
    """A bribed Capsule's Miner takes nothing before the arbiter has spoken, and nothing after."""
    campaign = stage.opened(bounty=BOUNTY, arbiter=str(arbiter.address), audit_window="1 day")
    with profit(attacker) as gain:
        stage.submit(campaign, attacker)
        false = stage.score(campaign, percent(80))
        stage.deliver(campaign)
        with pytest.raises(errors.ClaimsNotOpenError):
            stage.as_(attacker).claim(campaign, [false], attacker.address)
        stage.as_(arbiter).convict(campaign, attacker.address, false)
        with pytest.raises(errors.GradientVoidError):
            stage.as_(attacker).claim(campaign, [false], attacker.address)
        stage.as_(attacker).reclaim_voided_fees(campaign, [false], attacker.address)
    assert gain.coin <= 0


def test_a_re_entering_receiver(stage, project, attacker, profit):
    """Called back in the middle of its refund, Sonar refuses to be entered."""
    stage.opened(bounty=BOUNTY)
    puppet = attacker.deploy(project.ReenteringReceiver)
    with profit(attacker, puppet) as gain:
        terms = stage.terms()
        campaign = stage.as_(None).id_of(puppet.address, 1, terms)
        create = abi("Sonar").encode_call("create", (1, terms.to_tuple()))
        puppet.act(stage.sonar, 1050, create, sender=attacker, value=1050)
        puppet.act(stage.sonar, 0, abi("Sonar").encode_call("cancel", (campaign,)), sender=attacker)
        again = abi("Sonar").encode_call("refund", (campaign, puppet.address))
        puppet.aim(stage.sonar, again, sender=attacker)
        puppet.act(stage.sonar, 0, again, sender=attacker)
    assert not puppet.succeeded()
    assert puppet.answer() == keccak(text="ReentrancyGuardReentrantCall()")[:4]
    assert puppet.balance == 1050
    assert gain.coin <= 0


def test_a_re_entering_token(stage, project, attacker, profit):
    token = attacker.deploy(project.ReenteringToken)
    for holder in (stage.scientist, stage.capsule):
        token.mint(holder, 10**6, sender=attacker)
    stage.announce(currencies=(token.address,))
    stage.opened(bounty=BOUNTY)
    held = stage.sonar.balance
    campaign = stage.opened(currency=str(token.address))
    stage.submit(campaign, attacker)
    scored = stage.score(campaign, percent(40))
    stage.delivered(campaign)
    again = abi("Sonar").encode_call("claim", (campaign, [scored.to_tuple()], attacker.address))
    token.aim(stage.sonar, again, sender=attacker)
    with profit(attacker) as gain:
        stage.as_(attacker).claim(campaign, [scored], attacker.address)
    assert not token.succeeded()
    assert token.balanceOf(attacker) == 500
    assert gain.coin <= 0
    assert stage.sonar.balance - held == SCORING_FEE


def test_a_reverting_receiver_harms_itself_alone(stage, project, attacker, miner):
    """Whoever cannot be paid keeps nobody else from being paid, and may name another address."""
    puppet = attacker.deploy(project.RevertingReceiver)
    campaign = stage.opened()
    for account in (attacker, miner):
        stage.submit(campaign, account)
        stage.score(campaign, stage.state(campaign).accuracy + percent(20))
    stage.delivered(campaign)
    with pytest.raises(errors.ContractError):
        stage.claim(campaign, 0, account=attacker, to=puppet)
    assert stage.claim(campaign, 1, account=miner).events[0].reward == 250
    assert stage.claim(campaign, 0, account=attacker).events[0].reward == 250


def test_a_fee_on_transfer_or_false_returning_token(stage, project, attacker):
    """Neither gets money in trust that is not there."""
    for contract, refusal in (
        (project.FeeOnTransferToken, errors.WrongAmountReceivedError),
        (project.FalseToken, errors.SafeERC20FailedOperationError),
    ):
        token = attacker.deploy(contract)
        token.mint(stage.scientist, 10**6, sender=attacker)
        stage.announce(currencies=(token.address,))
        with pytest.raises(refusal):
            stage.create(currency=str(token.address))
        assert token.balanceOf(stage.sonar) == 0


def test_a_silent_token_works(stage, project, attacker):
    token = attacker.deploy(project.SilentToken)
    for holder in (stage.scientist, stage.capsule):
        token.mint(holder, 10**6, sender=attacker)
    stage.announce(currencies=(token.address,))
    campaign = stage.opened(currency=str(token.address))
    stage.submit(campaign)
    stage.score(campaign, percent(80))
    stage.deliver(campaign)
    stage.claim(campaign, 0)
    assert token.balanceOf(stage.miner) == 1000


def test_a_freezing_token_stops_one_payment_alone(stage, project, attacker, miner, stranger):
    token = attacker.deploy(project.FreezingToken)
    for holder in (stage.scientist, stage.capsule):
        token.mint(holder, 10**6, sender=attacker)
    stage.announce(currencies=(token.address,))
    campaign = stage.opened(currency=str(token.address))
    stage.submit(campaign, miner)
    stage.score(campaign, percent(40))
    stage.delivered(campaign)
    token.freeze(miner, sender=attacker)
    with pytest.raises(errors.ContractError):
        stage.claim(campaign, 0, account=miner)
    stage.as_(stage.scientist).refund(campaign, stage.scientist.address)
    stage.as_(stage.capsule).collect_bond(campaign, stage.capsule.address)
    stage.claim(campaign, 0, account=miner, to=stranger)
    assert (token.balanceOf(stranger), token.balanceOf(stage.sonar)) == (500, 0)


def test_a_rebasing_token_harms_its_own_campaigns_alone(stage, project, attacker, token):
    bad = attacker.deploy(project.RebasingToken)
    for holder in (stage.scientist, stage.capsule):
        bad.mint(holder, 10**6, sender=attacker)
    stage.announce(currencies=(bad.address, token.address))
    shrinking = stage.opened(currency=str(bad.address))
    solid = stage.opened(currency=str(token.address))
    bad.rebase(50, sender=attacker)
    assert bad.balanceOf(stage.sonar) < 2050
    for campaign in (shrinking, solid):
        stage.delivered(campaign)
    stage.as_(stage.scientist).refund(solid, stage.scientist.address)
    stage.as_(stage.capsule).collect_bond(solid, stage.capsule.address)
    assert token.balanceOf(stage.sonar) == 0
    assert stage.status(shrinking) is Status.DELIVERED


def test_dust_rewards(stage):
    """No improvement that counts is worth less than one smallest unit."""
    with pytest.raises(errors.MinImprovementWorthlessError):
        stage.create(bounty=159, min_improvement=percent(0.5))
    campaign = stage.opened(bounty=160, min_improvement=percent(0.5))
    stage.submit(campaign)
    stage.score(campaign, percent(0.5))
    stage.delivered(campaign)
    assert stage.claim(campaign, 0).events[0].reward == 1
