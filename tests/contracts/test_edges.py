"""Cases at an edge: each tells the contracts from a mutant of theirs that every other test let pass."""

from dataclasses import replace

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from sonar_core.chain import contract_errors as errors
from sonar_core.protocol.events import CapsuleAnnounced, TargetReached
from sonar_core.protocol.structs import CurrencyOffer, CurrencyTerms, Rejection, Status, campaign_id
from tests.world.contracts import CAPSULE_TERMS, COIN, SCORING_FEE, WAD, blob, percent


@pytest.mark.parametrize("bond", [0, 1])
def test_the_smallest_bonds_are_taken_in_a_token_that_refuses_to_move_nothing(stage, project, deployer, bond):
    token = deployer.deploy(project.NothingRefusingToken)
    for holder in (stage.scientist, stage.capsule):
        token.mint(holder, 10**6, sender=deployer)
    stage.announce(currencies=(token.address,))
    campaign = stage.opened(currency=str(token.address), capsule_bond=bond)
    assert token.balanceOf(stage.sonar) == 1050 + bond
    assert stage.status(campaign) is Status.OPEN


def test_the_word_kept_of_a_gradient_says_its_kind_and_its_preimage(stage, miner):
    """Submitted, scored, and reclaimed with a part of the bond left: what others who read the chain rely on."""
    campaign = stage.opened(accuracy=percent(10))
    for _ in range(3):
        stage.submit(campaign)
    stage.score(campaign, percent(20))
    stage.expired(campaign)
    scored, waiting, last = stage.state(campaign).gradients.values()
    look = stage.as_(None)

    types = ["uint256", "address", "uint64", "uint64", "bytes32"]
    facts = [2, miner.address, percent(10), percent(20), scored.scored.details]
    assert look.digest_of(campaign, 0) == keccak(encode(types, facts))

    assert look.digest_of(campaign, 1) == keccak(
        encode(["uint256", "uint40", "bytes32"], [1, waiting.record.due, waiting.record.core()])
    )

    stage.as_(miner).reclaim_scoring_fees(campaign, [last.record], miner.address)
    assert look.digest_of(campaign, 2) == keccak(encode(["uint256", "address"], [3, miner.address]))


@pytest.mark.parametrize(("bond", "share"), [(400, 0), (505, 5)])
def test_one_gradient_alone_is_harmed(stage, miner, scientist, bond, share):
    """Out of a bond that the spent rewards eat up, nothing; out of a larger one, the whole rest."""
    campaign = stage.opened(bounty=1000, capsule_fee=50, capsule_bond=bond, compensation=10)
    for _ in range(2):
        stage.submit(campaign)
    stage.score(campaign, percent(40))
    stage.expired(campaign)
    client, waiting = stage.as_(miner), stage.state(campaign).gradients[1].record
    client.reclaim_scoring_fees(campaign, [waiting], miner.address)
    if share:
        assert client.compensate(campaign, [1], miner.address).events[0].amount == share
    else:
        with pytest.raises(errors.WrongGradientError):
            client.compensate(campaign, [1], miner.address)
    refund = stage.as_(scientist).refund(campaign, scientist.address).events[0]
    assert refund.amount == 500 + 50 + bond - share


@pytest.mark.parametrize("harmed", [0, 2])
def test_the_rest_of_a_bond_is_divided_by_those_harmed(stage, scientist, harmed):
    """Nobody is: all of it is the Data Scientist's. Two are: each gets half of it, rounded down."""
    campaign = stage.opened(bounty=1000, capsule_fee=50, capsule_bond=505, compensation=10)
    for _ in range(1 + harmed):
        stage.submit(campaign)
    stage.score(campaign, percent(40))
    stage.expired(campaign)
    refund = stage.as_(scientist).refund(campaign, scientist.address).events[0]
    assert refund.amount == 500 + 50 + 505 - 2 * harmed


def test_a_delivery_is_due_from_a_score_that_came_after_the_end(stage):
    campaign = stage.opened(duration="1 hour", scoring_window="2 hours", delivery_window="1 hour")
    stage.wait("50 minutes")
    stage.submit(campaign)
    stage.wait("1 hour")
    stage.score(campaign, percent(20))
    due = stage.now() + 3600
    assert due > stage.state(campaign).ends_at + 3600
    assert stage.as_(None).due_of(campaign) == due
    stage.until(due - 10)
    assert stage.status(campaign) is Status.CLOSING
    stage.until(due)
    assert stage.status(campaign) is Status.EXPIRED


def test_an_announcement_is_told_whole(stage, token, stranger):
    terms = replace(CAPSULE_TERMS, scoring_fee=2, per_gradient=3)
    offers = [CurrencyOffer(COIN, CurrencyTerms(True, 4, 5)), CurrencyOffer(token.address, CurrencyTerms(False, 6, 7))]
    (told,) = stage.as_(stranger).announce(blob("ring"), terms, offers).events
    assert isinstance(told, CapsuleAnnounced)
    assert (told.capsule, told.certificates) == (stranger.address, blob("ring"))
    assert (told.terms, list(told.currencies)) == (terms, offers)


def test_a_currency_that_is_not_accepted_is_named_beside_its_capsule(stage, token):
    with pytest.raises(errors.CurrencyNotAcceptedError) as refused:
        stage.create(currency=token.address)
    assert refused.value.evidence == {"capsule": stage.capsule.address, "currency": token.address}


def test_what_is_pulled_may_go_to_another_address_and_both_are_told(stage, miner, stranger, arbiter):
    """Of a Campaign that was delivered, and of one whose Capsule was convicted of its second score."""
    delivered = stage.opened(bounty=1000, capsule_fee=50, capsule_bond=600)
    for accuracy in (20, 40):
        stage.submit(delivered)
        stage.score(delivered, percent(accuracy))
    stage.delivered(delivered)
    convicted = stage.opened(arbiter=str(arbiter.address), bounty=1000, capsule_fee=50, capsule_bond=600)
    for accuracy in (20, 40, 60):
        stage.submit(convicted)
        stage.score(convicted, percent(accuracy))
    for _ in range(2):
        stage.submit(convicted)
    sound, false, *voided = stage.state(convicted).gradients.values()
    stage.as_(arbiter).convict(convicted, miner.address, false.scored)

    to, had = stranger.address, stranger.balance
    scientist, capsule, by_miner = (stage.as_(account) for account in (stage.scientist, stage.capsule, miner))
    (refunded,) = scientist.refund(delivered, to).events
    assert (refunded.scientist, refunded.to, refunded.amount) == (scientist.sender, to, 500)
    (bond,) = capsule.collect_bond(delivered, to).events
    assert (bond.capsule, bond.to, bond.amount) == (capsule.sender, to, 650)
    (fees,) = capsule.collect_scoring_fees(delivered, to).events
    assert (fees.capsule, fees.to, fees.amount) == (capsule.sender, to, 2 * SCORING_FEE)
    claims = stage.claim(delivered, 0, 1, to=stranger).events
    assert [(each.number, each.miner, each.to, each.reward) for each in claims] == [
        (number, by_miner.sender, to, 250) for number in (0, 1)
    ]

    fees_back = [
        *by_miner.reclaim_voided_scoring_fees(convicted, [false.scored, voided[0].scored], to).events,
        *by_miner.reclaim_scoring_fees(convicted, [gradient.record for gradient in voided[1:]], to).events,
    ]
    assert [(each.number, each.miner, each.to, each.scoring_fee) for each in fees_back] == [
        (number, by_miner.sender, to, SCORING_FEE) for number in (1, 2, 3, 4)
    ]
    shares = by_miner.compensate(convicted, [1, 2, 3, 4], to).events
    assert [(each.number, each.miner, each.to, each.amount) for each in shares] == [
        (number, by_miner.sender, to, 10) for number in (1, 2, 3, 4)
    ]
    assert stranger.balance - had == 500 + 650 + 2 * SCORING_FEE + 2 * 250 + 4 * (SCORING_FEE + 10)
    for number in (3, 4):
        with pytest.raises(errors.GradientVoidError) as void:
            by_miner.claim(convicted, [replace(sound.scored, number=number)], to)
        assert (void.value.evidence["number"], void.value.evidence["valid_below"]) == (number, 1)


def test_nothing_is_not_paid(stage):
    """All of the Bounty was earned; no Gradient was scored; neither fee nor bond was asked for."""
    earned = stage.opened(capsule_fee=0, capsule_bond=0)
    stage.submit(earned)
    stage.score(earned, percent(80))
    stage.delivered(earned)
    with pytest.raises(errors.NothingToRefundError):
        stage.as_(stage.scientist).refund(earned, stage.scientist.address)
    capsule = stage.as_(stage.capsule)
    with pytest.raises(errors.NothingToCollectError):
        capsule.collect_bond(earned, capsule.sender)
    idle = stage.delivered(stage.opened())
    with pytest.raises(errors.NothingToCollectError):
        capsule.collect_scoring_fees(idle, capsule.sender)


def test_the_least_of_everything_is_paid(stage, miner):
    """A Bounty of 2 of which 1 is earned, a bond and a scoring fee of 1."""
    campaign = stage.opened(
        bounty=2, capsule_fee=0, capsule_bond=1, scoring_fee=1, target_accuracy=2, min_improvement=1
    )
    stage.submit(campaign)
    stage.score(campaign, 1)
    stage.delivered(campaign)
    assert stage.claim(campaign, 0).events[0].reward == 1
    assert stage.as_(stage.scientist).refund(campaign, stage.scientist.address).events[0].amount == 1
    capsule = stage.as_(stage.capsule)
    assert capsule.collect_bond(campaign, capsule.sender).events[0].amount == 1
    assert capsule.collect_scoring_fees(campaign, capsule.sender).events[0].amount == 1
    assert stage.sonar.balance == 0


@pytest.mark.parametrize(
    "terms",
    [
        {"target_accuracy": WAD},
        {"target_accuracy": 1, "min_improvement": 1, "bounty": 1},
        {"min_improvement": percent(80)},
        {"unavailability_window": 3599, "scoring_window": 3600},
        {"starting_accuracy": percent(80) - 1},
    ],
)
def test_terms_at_their_bounds_are_sound(stage, terms):
    campaign = stage.create(**terms)
    record = stage.as_(None).campaign_of(campaign)
    assert (record.recorded, record.starting_accuracy) == (Status.REQUESTED, terms.get("starting_accuracy", 0))


def test_every_content_address_is_told_in_its_place(stage):
    campaign = stage.opened()
    capsule = stage.as_(stage.capsule)
    (rebased,) = capsule.rebase(campaign, blob("m"), blob("mr"), blob("e")).events
    assert (rebased.model, rebased.model_root, rebased.evidence) == (blob("m"), blob("mr"), blob("e"))
    for _ in range(3):
        stage.submit(campaign)
    state = stage.state(campaign)
    record, arguments = state.gradients[0].record, (Rejection.MALFORMED, blob("opened"), blob("why"))
    (rejected,) = capsule.reject_gradient(campaign, record, *arguments, state.next_in_queue).events
    assert (rejected.reason, rejected.unsealed_bundle, rejected.evidence) == arguments
    types = ["bytes32", "uint8", "bytes32", "bytes32", "uint40"]
    details = keccak(encode(types, [record.core(), *arguments, stage.now()]))
    facts = [2, record.miner, 0, 0, details]
    word = keccak(encode(["uint256", "address", "uint64", "uint64", "bytes32"], facts))
    assert stage.as_(None).digest_of(campaign, 0) == word
    stage.score(campaign, percent(90))
    (reached,) = (
        event for event in capsule.events(stage.start, capsule.newest_block() + 1) if isinstance(event, TargetReached)
    )
    assert (reached.accuracy, reached.voided) == (percent(90), 1)
    (delivered,) = capsule.deliver(campaign, blob("delivery"), blob("openings")).events
    assert (delivered.delivery, delivered.openings_root) == (blob("delivery"), blob("openings"))


def test_views_before_and_after(stage, arbiter):
    """What is refundable and when claims open: while it runs, once settled, once convicted, once refunded."""
    look = stage.as_(None)
    campaign = stage.opened(arbiter=str(arbiter.address), audit_window="1 day", capsule_fee=50)
    stage.submit(campaign)
    scored = stage.score(campaign, percent(20))
    assert (look.refundable(campaign), look.claims_open_at(campaign)) == (750, 0)
    stage.delivered(campaign)
    assert (look.refundable(campaign), look.claims_open_at(campaign)) == (750, stage.now() + 86_400)
    stage.as_(arbiter).convict(campaign, stage.miner.address, scored)
    assert (look.refundable(campaign), look.claims_open_at(campaign)) == (1000 + 50 + 990, stage.now())
    stage.as_(stage.scientist).refund(campaign, stage.scientist.address)
    assert look.refundable(campaign) == 0


def test_an_id_is_the_hash_of_chain_contract_scientist_nonce_and_terms(stage):
    look, terms = stage.as_(None), stage.terms()
    ours = campaign_id(look.chain_id, look.address, stage.scientist.address, 7, terms)
    assert look.id_of(stage.scientist.address, 7, terms) == ours


def test_a_parent_that_does_not_fit_is_told_with_its_two_parties(stage, second_miner):
    parent = stage.delivered(stage.opened())
    with pytest.raises(errors.ParentUnusableError) as refused:
        stage.create(account=second_miner, parent=parent)
    evidence = refused.value.evidence
    assert (evidence["scientist"], evidence["capsule"]) == (stage.scientist.address, stage.capsule.address)


def test_a_sonar_stands_on_a_registry(project, deployer):
    with ape.reverts(project.Sonar.ZeroAddress):
        deployer.deploy(project.Sonar, COIN)


def test_a_conviction_names_a_gradient_that_was_scored(stage, arbiter):
    campaign = stage.opened(arbiter=str(arbiter.address))
    stage.submit(campaign)
    scored = stage.score(campaign, percent(20))
    with pytest.raises(errors.NotNextInOrderError) as refused:
        stage.as_(arbiter).convict(campaign, stage.miner.address, replace(scored, number=7))
    assert (refused.value.evidence["number"], refused.value.evidence["expected"]) == (7, 1)


def test_an_instant_belongs_to_what_begins_at_it(stage, arbiter):
    """Asked of the newest block, whose time is known to the second."""
    sonar = stage.sonar
    requested = stage.create(open_within="1 hour")
    stage.until(stage.as_(None).due_of(requested))
    with ape.reverts(sonar.OpeningTooLate):
        sonar.cancel.call(requested, sender=stage.scientist)

    campaign = stage.opened(
        arbiter=str(arbiter.address),
        audit_window="1 hour",
        duration="30 minutes",
        notice_period="10 minutes",
        unavailability_window="10 minutes",
    )
    stage.submit(campaign)
    scored = stage.score(campaign, percent(20))
    stage.submit(campaign)
    record = stage.state(campaign).gradients[1].record
    stage.until(record.submitted_at + 600)
    arguments = (record.to_tuple(), int(Rejection.UNAVAILABLE), bytes(32), bytes(32), (0, bytes(32)))
    sonar.rejectGradient.call(campaign, *arguments, sender=stage.capsule)
    stage.until(stage.state(campaign).ends_at - 600)
    with ape.reverts(sonar.EndNotNearer):
        sonar.stop.call(campaign, sender=stage.scientist)
    stage.reject(campaign)
    stage.delivered(campaign)
    stage.until(stage.as_(None).claims_open_at(campaign))
    with ape.reverts(sonar.ConvictionTooLate):
        sonar.convict.call(campaign, stage.miner, scored.to_tuple(), sender=arbiter)
    sonar.claim.call(campaign, [scored.to_tuple()], stage.miner, sender=stage.miner)


def test_a_gradient_that_a_met_target_made_void_has_no_part_of_a_delivered_bond(stage, miner):
    campaign = stage.opened(bounty=1000, capsule_bond=5000, compensation=10)
    for _ in range(2):
        stage.submit(campaign)
    stage.score(campaign, percent(80))
    stage.deliver(campaign)
    client = stage.as_(miner)
    client.reclaim_scoring_fees(campaign, [stage.state(campaign).gradients[1].record], miner.address)
    with pytest.raises(errors.WrongGradientError):
        client.compensate(campaign, [1], miner.address)
    assert stage.as_(stage.capsule).collect_bond(campaign, stage.capsule.address).events[0].amount == 5050


def test_a_start_above_the_target_is_told_beside_it(stage):
    with pytest.raises(errors.StartNotBelowTargetError) as claimed:
        stage.create(starting_accuracy=percent(81))
    with pytest.raises(errors.StartNotBelowTargetError) as measured:
        stage.opened(accuracy=percent(81))
    for refused in (claimed, measured):
        assert refused.value.evidence == {"start": percent(81), "target": percent(80)}


def test_neither_a_rebase_nor_a_delivery_is_without_its_content(stage):
    campaign = stage.opened()
    capsule = stage.as_(stage.capsule)
    with pytest.raises(errors.NoContentError):
        capsule.rebase(campaign, bytes(32), blob("model root"), blob("evidence"))
    stage.until(stage.state(campaign).ends_at)
    with pytest.raises(errors.NoContentError):
        capsule.deliver(campaign, bytes(32), blob("openings"))


def test_a_creation_names_both_parties(stage):
    terms, client = stage.terms(), stage.as_(stage.scientist)
    (created,) = client.create(7, terms).events
    assert (created.scientist, created.capsule) == (client.sender, stage.capsule.address)
    assert (created.nonce, created.terms) == (7, terms)
