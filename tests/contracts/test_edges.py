"""Cases at an edge: each tells the contracts from a mutant of theirs that every other test let pass."""

import pytest

from ape_sonar.terms import Status


@pytest.mark.parametrize("bond", [0, 1])
def test_the_smallest_bonds_are_taken_in_a_token_that_refuses_to_move_nothing(stage, project, deployer, bond):
    token = deployer.deploy(project.NothingRefusingToken)
    for holder in (stage.scientist, stage.capsule):
        token.mint(holder, 10**6, sender=deployer)
    stage.announce(currencies=(token.address,))
    campaign = stage.opened(currency=str(token.address), capsule_bond=bond)
    assert token.balanceOf(stage.sonar) == 1050 + bond
    assert stage.status(campaign) is Status.OPEN
