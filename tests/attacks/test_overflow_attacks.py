"""Attacks with numbers at the end of their range."""

from sonar_core.chain.abi import abi
from sonar_core.protocol.structs import Status
from tests.world.contracts import SCORING_FEE, blob


def test_a_flood_does_not_wrap_a_due_round_into_the_past(stage, project, attacker):
    """With the longest windows there are, the 256th Gradient would be due after the end of 40 bits."""
    longest, last = 2**32 - 1, 2**40 - 1
    campaign = stage.opened(scoring_window=longest, per_gradient=longest)
    flood = attacker.deploy(project.Flood)
    submit = abi("Sonar").encode_call("submitGradient", (campaign, blob("b"), blob("c"), 0))
    before = 254
    flood.actOften(stage.sonar, SCORING_FEE, submit, before, sender=attacker, value=before * SCORING_FEE)
    for _ in range(3):
        stage.submit(campaign, attacker)
    gradients = stage.state(campaign).gradients.values()
    exactly = [gradient.record.submitted_at + (1 + gradient.record.number) * longest for gradient in gradients]
    assert exactly[-1] > last > exactly[0]
    assert [gradient.record.due for gradient in gradients] == [min(due, last) for due in exactly]
    assert stage.status(campaign) is Status.OPEN
