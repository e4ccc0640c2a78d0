"""Cases at an edge: each tells the contracts from a mutant of theirs that every other test let pass."""

import pytest
from eth_abi import encode
from eth_utils import keccak

from ape_sonar import contract_errors as errors
from ape_sonar.terms import Status
from tests.stage import percent


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

    stage.as_(miner).reclaim_fees(campaign, [last.record], miner.address)
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
    client.reclaim_fees(campaign, [waiting], miner.address)
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
