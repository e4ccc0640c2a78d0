"""Attacks on the money: nobody takes more than is theirs, or keeps others from taking it."""

from dataclasses import replace

import pytest
from eth_utils import keccak

from sonar_core.chain import contract_errors as errors
from sonar_core.chain.abi import abi
from sonar_core.protocol.structs import Status
from tests.attacks.measure import Amount
from tests.world.contracts import ETHER, SCORING_FEE, WAD, percent

attack = pytest.mark.attack
BOUNTY = 10 * ETHER


@pytest.fixture
def as_capsule(stage, attacker):
    """The attacker is its own Campaigns' Capsule; the honest one's Campaigns stay as they are."""
    stage.announce(account=attacker)
    stage.capsule = attacker
    return stage


@pytest.fixture
def minted(stage, attacker):
    """Deploys a token of the attacker's making, which all parties hold and the Capsule takes."""

    def deploy(contract):
        token = attacker.deploy(contract)
        for holder in (stage.scientist, stage.capsule):
            token.mint(holder, 10**6, sender=attacker)
        stage.announce(currencies=(token.address,))
        return token

    return deploy


# ---------------------------------------------------------------------- rewards


@attack("overshoot of the target")
def test_overshoot_of_the_target(stage, attacker, stranger, scientist, play, request):
    """All parties of a small Campaign are one: a score far past the target takes nothing of a rich neighbour."""
    rich = stage.opened(bounty=50 * ETHER)
    stage = request.getfixturevalue("as_capsule")
    outcome = "nothing past the target is paid"
    with play("all parties of one Campaign", [attacker, stranger], victims=[scientist], outcome=outcome):
        terms = {"target_accuracy": percent(0.2), "min_improvement": percent(0.1), "capsule_fee": 0}
        small = stage.create(attacker, capsule=str(attacker.address), bounty=ETHER // 10, **terms)
        stage.open(small)
        stage.submit(small, stranger)
        stage.score(small, WAD)
        stage.deliver(small)
        stage.claim(small, 0, account=stranger)
    assert stage.as_(None).refundable(rich) == 50 * ETHER


@attack("splitting over addresses")
def test_splitting_over_addresses(stage, attacker, second_miner, scientist, play):
    """The same rise in many small steps by two addresses earns no unit more."""
    with play(
        "Miner", [attacker, second_miner], victims=[scientist], outcome="as much as in one step, less the fees"
    ) as played:
        campaign = stage.opened(bounty=BOUNTY, min_improvement=percent(1))
        for number, accuracy in enumerate((7, 11, 29, 40)):
            stage.submit(campaign, (attacker, second_miner)[number % 2])
            stage.score(campaign, percent(accuracy))
        stage.delivered(campaign)
        for number in range(4):
            stage.claim(campaign, number, account=(attacker, second_miner)[number % 2])
        played.honest = Amount(BOUNTY // 2 - SCORING_FEE)
        played.owed = Amount(-BOUNTY // 2 - 50)


@attack("draining another Campaign")
def test_draining_another_campaign(stage, attacker, scientist, play):
    """A claim of one Campaign is worth nothing in another one, though that one is rich."""
    rich = stage.opened(bounty=BOUNTY)
    stage.delivered(rich)
    with play("Miner", [attacker], victims=[scientist], outcome="GradientVoid") as played:
        own = stage.opened(bounty=1000)
        stage.submit(own, attacker)
        scored = stage.score(own, percent(80))
        stage.deliver(own)
        with pytest.raises(errors.GradientVoidError):
            stage.as_(attacker).claim(rich, [scored], attacker.address)
        stage.as_(attacker).claim(own, [scored], attacker.address)
        played.honest = Amount(1000 - SCORING_FEE)
        played.owed = Amount(-1050)


@attack("draining another Campaign, as all its parties at once")
def test_a_campaign_played_by_one_alone_takes_nobodys_money(stage, attacker, scientist, play, request):
    """Data Scientist, Capsule and Miner in one: they get back what they put in, and a rich neighbour stays whole."""
    rich = stage.opened(bounty=BOUNTY)
    held = stage.sonar.balance
    stage = request.getfixturevalue("as_capsule")
    with play("all parties of one Campaign", [attacker], victims=[scientist], outcome="each gets its own back"):
        campaign = stage.open(stage.create(attacker, capsule=str(attacker.address), compensation=10**6))
        for _ in range(3):
            stage.submit(campaign, attacker)
        scored = stage.score(campaign, percent(40))
        stage.expired(campaign)
        client, state = stage.as_(attacker), stage.state(campaign)
        client.claim(campaign, [scored], attacker.address)
        client.reclaim_scoring_fees(campaign, [state.gradients[1].record, state.gradients[2].record], attacker.address)
        client.compensate(campaign, [1, 2], attacker.address)
        client.collect_scoring_fees(campaign, attacker.address)
        client.refund(campaign, attacker.address)
    assert stage.sonar.balance == held
    assert stage.state(rich).refundable() == BOUNTY


@attack("dust rewards")
def test_dust_rewards(stage, scientist, miner, play):
    """No improvement that counts is worth less than one smallest unit."""
    with play(
        "Data Scientist", [scientist], victims=[miner], outcome="MinImprovementWorthless; the least is 1 unit"
    ) as played:
        with pytest.raises(errors.MinImprovementWorthlessError):
            stage.create(bounty=159, min_improvement=percent(0.5))
        campaign = stage.opened(bounty=160, min_improvement=percent(0.5))
        stage.submit(campaign)
        stage.score(campaign, percent(0.5))
        stage.delivered(campaign)
        assert stage.claim(campaign, 0).events[0].reward == 1
        played.honest = Amount(-1 - 50)
        played.owed = Amount(1 - SCORING_FEE)


@attack("validation overfitting by many small probes")
def test_many_small_probes_earn_nothing(stage, attacker, scientist, play):
    """Rises below the smallest that counts do not add up, and each costs a fee."""
    with play("Miner", [attacker], victims=[scientist], outcome="below minImprovement nothing counts") as played:
        campaign = stage.opened(min_improvement=percent(1))
        for tenths in range(1, 10):
            stage.submit(campaign, attacker)
            stage.score(campaign, percent(tenths / 10))
        stage.delivered(campaign)
        played.owed = Amount(-50)
    assert stage.state(campaign).accuracy == 0
    assert played.profit.coin == -9 * SCORING_FEE


# ---------------------------------------------------------------------- claims


@attack("claims twice")
def test_claims_twice(stage, attacker, scientist, play):
    with play("Miner", [attacker], victims=[scientist], outcome="WrongGradient: the digest is gone") as played:
        campaign = stage.opened(bounty=BOUNTY)
        stage.submit(campaign, attacker)
        scored = stage.score(campaign, percent(40))
        stage.delivered(campaign)
        with pytest.raises(errors.WrongGradientError):
            stage.as_(attacker).claim(campaign, [scored, scored], attacker.address)
        stage.as_(attacker).claim(campaign, [scored], attacker.address)
        with pytest.raises(errors.WrongGradientError):
            stage.as_(attacker).claim(campaign, [scored], attacker.address)
        played.honest = Amount(BOUNTY // 2 - SCORING_FEE)
        played.owed = Amount(-BOUNTY // 2 - 50)


@attack("claims with a forged preimage")
def test_claims_with_a_forged_preimage(stage, attacker, miner, play):
    """Whatever word of it is forged, and another Miner's as it stands."""
    with play("Miner", [attacker], victims=[miner], outcome="WrongGradient") as played:
        campaign = stage.opened(bounty=BOUNTY)
        stage.submit(campaign, miner)
        stage.score(campaign, percent(10))
        stage.submit(campaign, attacker)
        scored = stage.score(campaign, percent(20))
        stage.delivered(campaign)
        others = stage.state(campaign).gradients[0].scored
        forgeries = [{"accuracy_before": 0}, {"accuracy_after": percent(80)}, {"details": bytes(32)}, {"number": 0}]
        for forged in (*(replace(scored, **change) for change in forgeries), others):
            with pytest.raises(errors.WrongGradientError):
                stage.as_(attacker).claim(campaign, [forged], attacker.address)
        stage.claim(campaign, 0)
        played.honest = Amount(BOUNTY // 8 - SCORING_FEE)
        played.owed = Amount(BOUNTY // 8 - SCORING_FEE)


@attack("claims before the audit window ends")
def test_claims_before_the_audit_window_ends(stage, arbiter, attacker, capsule, scientist, play):
    """A bribed Capsule's Miner takes nothing before the arbiter has spoken, and nothing after."""
    with play("Miner and Capsule", [attacker, capsule], victims=[scientist], outcome="ClaimsNotOpen, then convicted"):
        campaign = stage.opened(bounty=BOUNTY, arbiter=str(arbiter.address), audit_window="1 day")
        stage.submit(campaign, attacker)
        false = stage.score(campaign, percent(80))
        stage.deliver(campaign)
        with pytest.raises(errors.ClaimsNotOpenError):
            stage.as_(attacker).claim(campaign, [false], attacker.address)
        stage.as_(arbiter).convict(campaign, attacker.address, false)
        with pytest.raises(errors.GradientVoidError):
            stage.as_(attacker).claim(campaign, [false], attacker.address)
        stage.as_(attacker).reclaim_voided_scoring_fees(campaign, [false], attacker.address)


# ---------------------------------------------------------------------- receivers


@attack("a reverting receiver")
def test_a_reverting_receiver_harms_itself_alone(stage, project, attacker, miner, play):
    """Whoever cannot be paid keeps nobody else from being paid, and may name another address."""
    puppet = attacker.deploy(project.RevertingReceiver)
    with play("Miner", [attacker, puppet], victims=[miner], outcome="others are paid all the same") as played:
        campaign = stage.opened()
        for account in (attacker, miner):
            stage.submit(campaign, account)
            stage.score(campaign, stage.state(campaign).accuracy + percent(20))
        stage.delivered(campaign)
        with pytest.raises(errors.ContractError):
            stage.claim(campaign, 0, account=attacker, to=puppet)
        stage.claim(campaign, 1, account=miner)
        stage.claim(campaign, 0, account=attacker)
        played.honest = played.owed = Amount(250 - SCORING_FEE)


@attack("a re-entering receiver")
def test_a_re_entering_receiver(stage, project, attacker, scientist, play):
    """Called back in the middle of its refund, Sonar refuses to be entered."""
    stage.opened(bounty=BOUNTY)
    puppet = attacker.deploy(project.ReenteringReceiver)
    with play(
        "Data Scientist", [attacker, puppet], victims=[scientist], outcome="ReentrancyGuardReentrantCall"
    ) as played:
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
    assert played.profit == Amount()


# ---------------------------------------------------------------------- tokens


@attack("a re-entering token")
def test_a_re_entering_token(stage, project, attacker, scientist, minted, play):
    stage.opened(bounty=BOUNTY)
    token = minted(project.ReenteringToken)
    with play("Miner", [attacker], victims=[scientist], outcome="the call back fails", money=token) as played:
        campaign = stage.opened(currency=str(token.address))
        stage.submit(campaign, attacker)
        scored = stage.score(campaign, percent(40))
        stage.delivered(campaign)
        again = abi("Sonar").encode_call("claim", (campaign, [scored.to_tuple()], attacker.address))
        token.aim(stage.sonar, again, sender=attacker)
        stage.as_(attacker).claim(campaign, [scored], attacker.address)
        played.honest = Amount(-SCORING_FEE, 500)
        played.owed = Amount(token=-550)
    assert not token.succeeded()


def _refused_currency(stage, token, refusal):
    with pytest.raises(refusal):
        stage.create(currency=str(token.address))
    assert token.balanceOf(stage.sonar) == 0


@attack("a fee-on-transfer token")
def test_a_fee_on_transfer_token(stage, project, scientist, capsule, minted, play):
    """No money is in trust that is not there: others of the same token would have to pay for it."""
    token = minted(project.FeeOnTransferToken)
    outcome = "WrongAmountReceived"
    with play("Data Scientist", [scientist], victims=[capsule], outcome=outcome, money=token):
        _refused_currency(stage, token, errors.WrongAmountReceivedError)


@attack("a false-returning token")
def test_a_false_returning_token(stage, project, scientist, capsule, minted, play):
    token = minted(project.FalseToken)
    outcome = "SafeERC20FailedOperation"
    with play("Data Scientist", [scientist], victims=[capsule], outcome=outcome, money=token):
        _refused_currency(stage, token, errors.SafeERC20FailedOperationError)


@attack("a freezing token")
def test_a_freezing_token_stops_one_payment_alone(stage, project, attacker, miner, stranger, minted, play):
    """The Miner whom the token's issuer freezes names another address; nobody else notices."""
    token = minted(project.FreezingToken)
    victims = [miner, stranger]
    with play("token's issuer", [attacker], victims=victims, outcome="paid to another address", money=token) as played:
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
        played.owed = Amount(-SCORING_FEE, 500)
    assert token.balanceOf(stage.sonar) == 0


@attack("a rebasing token")
def test_a_rebasing_token_harms_its_own_campaigns_alone(
    stage, project, attacker, token, minted, scientist, campaigns, play
):
    bad = minted(project.RebasingToken)
    stage.announce(currencies=(token.address,))
    others = {"ledger": lambda: [one for one in campaigns() if one.terms.currency != bad.address]}
    outcome = "other currencies' Campaigns hold"
    with play("token's issuer", [attacker], victims=[scientist], outcome=outcome, **others) as played:
        shrinking = stage.opened(currency=str(bad.address))
        solid = stage.opened(currency=str(token.address))
        bad.rebase(50, sender=attacker)
        assert bad.balanceOf(stage.sonar) < 2050
        for campaign in (shrinking, solid):
            stage.delivered(campaign)
        stage.as_(scientist).refund(solid, scientist.address)
        stage.as_(stage.capsule).collect_bond(solid, stage.capsule.address)
        played.owed = Amount(token=-50)
    assert token.balanceOf(stage.sonar) == 0
    assert stage.status(shrinking) is Status.DELIVERED


def test_a_silent_token_works(stage, project, minted):
    token = minted(project.SilentToken)
    campaign = stage.opened(currency=str(token.address))
    stage.submit(campaign)
    stage.score(campaign, percent(80))
    stage.deliver(campaign)
    stage.claim(campaign, 0)
    assert token.balanceOf(stage.miner) == 1000
