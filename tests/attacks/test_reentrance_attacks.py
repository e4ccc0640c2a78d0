"""Called back in the middle of a payment, Sonar refuses to be entered anywhere that money goes."""

import pytest
from eth_utils import keccak

from sonar_core.chain.abi import abi
from sonar_core.protocol.structs import CampaignStart
from tests.world.contracts import blob

START = CampaignStart(blob("key"), blob("key root"), blob("model"), blob("model root"), 0)

#: Every function that moves money, with arguments that decode.
ENTRANCES = {
    "create": lambda campaign, to, terms: (2, terms.to_tuple()),
    "open": lambda campaign, to, terms: (campaign, START.to_tuple()),
    "submitGradient": lambda campaign, to, terms: (campaign, blob("bundle"), blob("commitment"), 0),
    "refund": lambda campaign, to, terms: (campaign, to),
    "collectBond": lambda campaign, to, terms: (campaign, to),
    "collectScoringFees": lambda campaign, to, terms: (campaign, to),
    "claim": lambda campaign, to, terms: (campaign, [], to),
    "reclaimScoringFees": lambda campaign, to, terms: (campaign, [], to),
    "reclaimVoidedScoringFees": lambda campaign, to, terms: (campaign, [], to),
    "compensate": lambda campaign, to, terms: (campaign, [], to),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_no_entrance_is_open_while_a_receiver_is_paid(stage, project, attacker, entrance):
    """The guard itself answers, before any other check of the function could."""
    puppet = attacker.deploy(project.ReenteringReceiver)
    terms = stage.terms()
    campaign = stage.as_(None).id_of(puppet.address, 1, terms)
    sonar = abi("Sonar")
    create = sonar.encode_call("create", (1, terms.to_tuple()))
    puppet.act(stage.sonar, 1050, create, sender=attacker, value=1050)
    puppet.act(stage.sonar, 0, sonar.encode_call("cancel", (campaign,)), sender=attacker)
    again = sonar.encode_call(entrance, ENTRANCES[entrance](campaign, puppet.address, terms))
    puppet.aim(stage.sonar, again, sender=attacker)
    puppet.act(stage.sonar, 0, sonar.encode_call("refund", (campaign, puppet.address)), sender=attacker)
    assert not puppet.succeeded()
    assert puppet.answer() == keccak(text="ReentrancyGuardReentrantCall()")[:4]
    assert puppet.balance == 1050
