"""What worked in 2017, on that contract's arithmetic: the same two attacks are played on today's Sonar elsewhere."""

import pytest

from tests.attacks.measure import Amount
from tests.world.contracts import ETHER, blob

attack = pytest.mark.attack
RICH, POOR = 50 * ETHER, ETHER // 10
#: As basis points of error.
INITIAL, ALMOST = 500, 499


@pytest.fixture
def former(project, deployer):
    return deployer.deploy(project.Sonar2017)


def address_of(name):
    """An IPFS address in two words."""
    return [blob(name), blob(f"rest of {name}")]


#: It pushes its payments, so nobody holds a claim on it.
NOTHING_CLAIMABLE = {"ledger": lambda: ()}


@attack("2017: overshoot of the target that empties another model's bounty")
def test_overshoot_empties_another_models_bounty(former, scientist, miner, attacker, stranger, play):
    """Owner and miner of a small model are one: 500 times its bounty, out of the pot that holds everybody's."""
    outcome = "ROBBED: no clamp, one pot for all"
    with play("owner and miner", [attacker, stranger], victims=[miner], outcome=outcome, **NOTHING_CLAIMABLE) as played:
        former.addModel(address_of("rich"), INITIAL, 0, sender=scientist, value=RICH)
        former.addGradient(0, address_of("honest"), sender=miner)
        former.addModel(address_of("poor"), INITIAL, ALMOST, sender=attacker, value=POOR)
        former.addGradient(1, address_of("any"), sender=stranger)
        former.evalGradient(1, 0, address_of("new"), sender=attacker)
        assert former.balance == RICH + POOR - 500 * POOR
        with pytest.raises(Exception, match=r"(?i)revert|panic|0x01|assert"):
            former.evalGradient(0, 0, address_of("trained"), sender=scientist)
        played.owed = Amount(RICH)
    assert played.profit.coin == 499 * POOR
    assert played.loss.coin == RICH


@attack("2017: the same Gradient address from a second sender")
def test_the_same_gradient_address_from_a_second_sender(former, scientist, miner, attacker, play):
    """Copied from the pool and sent first: an honest owner pays the copy, and finds no improvement in the original."""
    outcome = "ROBBED: an address belongs to nobody"
    with play("miner", [attacker], victims=[miner], outcome=outcome, **NOTHING_CLAIMABLE) as played:
        former.addModel(address_of("model"), INITIAL, 0, sender=scientist, value=RICH)
        former.addGradient(0, address_of("good"), sender=attacker)
        former.addGradient(0, address_of("good"), sender=miner)
        for gradient in (0, 1):
            former.evalGradient(gradient, 0, address_of("trained"), sender=scientist)
        played.owed = Amount(RICH)
    assert played.profit.coin == played.loss.coin == RICH
