"""The Capsule with worker processes, against the contracts: Campaigns in order, and nothing lost with a worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from ape_capsule.home.paths import WARRANT_FILE
from ape_capsule.keys.warrant_log import Kind, read
from ape_capsule.loop import Capsule
from sonar_core.service.action import Action
from tests.world.capsule import World

pytestmark = pytest.mark.chain
PATIENCE = 120


def until(oracle: Capsule, scores: int) -> list[Action]:
    """Steps until so many Gradients are scored."""
    actions: list[Action] = []
    end = time.monotonic() + PATIENCE
    while sum(action.kind == "scored" for action in actions) < scores:
        assert time.monotonic() < end, actions
        actions += oracle.step()
        time.sleep(0.05)
    return actions


def test_campaigns_are_scored_side_by_side_and_a_killed_workers_gradient_again(world: World) -> None:
    campaigns = [world.create() for _ in range(2)]
    oracle = world.oracle(workers=2)
    assert [[action.kind for action in oracle.step()] for _ in campaigns] == [["opened"]] * 2
    for campaign in campaigns:
        for seed, role in ((2, "miner"), (3, "second miner")):
            world.submit_gradient(campaign, world.gradient(campaign, seed), role=role)

    running = multiprocessing.active_children()
    assert len(running) == 2
    for worker in running:  # however fast it is, it is killed before it has an answer
        os.kill(worker.pid, signal.SIGSTOP)
    assert oracle.step() == [], "both first ones are under way"
    running[0].kill()
    os.kill(running[1].pid, signal.SIGCONT)
    actions = until(oracle, scores=4)
    oracle.close()

    assert [action.kind for action in actions if action.kind != "scored"] == ["trouble"]
    told = [(action.campaign, action.words.split(":")[0]) for action in actions if action.kind == "scored"]
    for campaign in campaigns:
        assert [words for one, words in told if one == campaign] == ["Gradient 0", "Gradient 1"]
        state = world.state(campaign)
        assert (state.scored, state.accuracy > state.starting_accuracy) == (2, True)
    granted = [entry.warrant for entry in read(world.home / WARRANT_FILE) if entry.warrant.kind is Kind.GRADIENT]
    assert len({(warrant.campaign, warrant.number) for warrant in granted}) == len(granted) == 4


def test_a_capsule_that_ends_while_workers_weigh_goes_on_where_it_stood(world: World) -> None:
    campaign = world.create()
    first = world.oracle(workers=1)
    first.step()
    world.submit_gradient(campaign, world.gradient(campaign, 2))
    assert first.step() == []
    first.close()

    second = world.oracle()
    assert [action.kind for action in second.step()] == ["scored"]
    second.close()
    assert world.state(campaign).scored == 1
