"""What refusals and events tell: every fact in its place. Each was let pass, once, where a mutant told another."""

import pytest

from sonar_core.chain import contract_errors as errors
from tests.world.contracts import COIN, percent


def test_a_due_counts_only_what_is_unscored_ahead(stage):
    campaign = stage.opened(scoring_window=3600, per_gradient=60)
    stage.submit(campaign)
    stage.score(campaign, percent(20))
    for _ in range(2):
        stage.submit(campaign)
    records = [gradient.record for gradient in stage.state(campaign).gradients.values()]
    assert [record.due - record.submitted_at for record in records] == [3600, 3600, 3660]


def test_an_unavailability_window_above_scoring_is_told_beside_it(stage):
    with pytest.raises(errors.UnavailabilityNotBelowScoringError) as refused:
        stage.create(unavailability_window=3601, scoring_window=3600)
    assert refused.value.evidence == {"unavailability": 3601, "scoring": 3600}


def test_a_parent_of_another_capsule_is_told_with_its_own(stage, second_miner):
    parent = stage.delivered(stage.opened())
    stage.announce(currencies=(COIN,), account=second_miner)
    with pytest.raises(errors.ParentUnusableError) as refused:
        stage.create(capsule=str(second_miner.address), parent=parent)
    evidence = refused.value.evidence
    assert (evidence["scientist"], evidence["capsule"]) == (stage.scientist.address, stage.capsule.address)
