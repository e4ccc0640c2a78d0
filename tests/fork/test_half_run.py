"""A Foundry fork of a network where a Campaign is half run: it is taken up where it stands, and brought to its end."""

from __future__ import annotations

import json
import os

import pytest

from sonar_core.protocol.structs import Status
from tests.world.contracts import Stage, percent

pytestmark = pytest.mark.skipif(
    "SONAR_UPSTREAM" not in os.environ, reason="needs its upstream: run `make test-fork`, or tests/fork/upstream.py"
)


@pytest.fixture
def upstream():
    return json.loads(os.environ["SONAR_UPSTREAM"])


@pytest.fixture
def campaign(upstream):
    return bytes.fromhex(upstream["campaign"])


@pytest.fixture
def taken_up(upstream, project, chain, accounts):
    """The deployed Sonar, with the parties that stood on it before the fork."""
    sonar = project.Sonar.at(upstream["sonar"])
    return Stage(sonar, chain, accounts[1], accounts[2], accounts[3], start=upstream["start"])


def test_the_history_before_the_fork_rebuilds_the_state(taken_up, campaign):
    state = taken_up.state(campaign)
    assert (state.submitted, state.scored, state.accuracy) == (2, 1, percent(12))
    assert state.status(taken_up.now()) is taken_up.status(campaign) is Status.OPEN


def test_the_campaign_goes_on_to_its_end(taken_up, campaign):
    taken_up.score(campaign, percent(20))
    taken_up.delivered(campaign)
    assert taken_up.claim(campaign, 0).events[0].reward == 25
    assert taken_up.claim(campaign, 1).events[0].reward == 100
    taken_up.as_(taken_up.capsule).collect_bond(campaign, taken_up.capsule.address)
    taken_up.as_(taken_up.capsule).collect_scoring_fees(campaign, taken_up.capsule.address)
    taken_up.as_(taken_up.scientist).refund(campaign, taken_up.scientist.address)
    assert taken_up.sonar.balance == 0


def test_a_new_campaign_lives_beside_it(taken_up, campaign):
    another = taken_up.opened(accuracy=percent(10))
    taken_up.submit(another)
    taken_up.score(another, percent(90))
    taken_up.delivered(another)
    assert taken_up.claim(another, 0).events[0].reward == 875
    assert taken_up.status(campaign) in (Status.OPEN, Status.EXPIRED)


def test_the_capsule_that_stays_silent_expires(taken_up, campaign):
    taken_up.expired(campaign)
    state = taken_up.state(campaign)
    assert state.refundable() == 1000 - 25 + 50 + 25 + (1000 - 25 - 10)
