"""The contracts, a reference of the protocol in exact fractions, and the state rebuilt from events: equal after each step.

REFERENCE_SEEDS="5 6 7" plays other histories than CI's, REFERENCE_STEPS=1000 longer ones.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.reference.histories import WANTED
from tests.reference.three_ways import ThreeWays
from tests.stage import COIN

SEEDS = tuple(map(int, os.environ.get("REFERENCE_SEEDS", "1 2 3").split()))
STEPS = int(os.environ.get("REFERENCE_STEPS", "300"))
#: What all histories of a run must reach together, for each hundred steps.
LEAST_ACCEPTED, LEAST_ERRORS, LEAST_REFUSED = 1, 20, 40
ROLES = ("scientist", "capsule", "miner", "second_miner", "arbiter", "stranger")
PLENTY = 10**15


@dataclass
class Made:
    """What the histories of a run were made of."""

    steps: int = 0
    campaigns: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def made():
    return Made()


@pytest.fixture
def three_ways(request, stage, project, deployer, token):
    accounts = {role: request.getfixturevalue(role) for role in ROLES}
    inquirer = deployer.deploy(project.Inquirer)
    # The stranger allows what it does not have.
    for role in ("scientist", "capsule", "stranger"):
        stage.as_(accounts[role]).approve(str(token.address), PLENTY)
    allowances = {(str(accounts[role].address), str(token.address)): PLENTY for role in ("scientist", "capsule", "stranger")}
    parties = {role: str(account.address) for role, account in accounts.items()}
    return lambda seed: ThreeWays(stage, str(inquirer.address), str(token.address), parties, allowances, Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_three_ways_one_state(three_ways, made, seed):
    world = three_ways(seed)
    for step in range(STEPS):
        try:
            world.step()
        except Exception as error:
            replay = f"REFERENCE_SEEDS={seed} REFERENCE_STEPS={step + 1} ape test tests/reference --network ethereum:local:test"
            error.add_note(f"Step {step} of history {seed}. Replay: {replay}")
            raise
    made.steps += STEPS
    made.campaigns += len(world.protocol.campaigns)
    made.accepted += world.history.accepted
    made.refused += world.history.refused


def test_the_histories_went_everywhere(made):
    # Shown by `-s`: what the histories were made of.
    print(f"\nseeds {SEEDS}: {made.steps} steps, {made.campaigns} Campaigns")  # noqa: T201
    print(f"accepted {dict(made.accepted.most_common())}")  # noqa: T201
    print(f"refused {dict(made.refused.most_common())}")  # noqa: T201
    assert min(made.accepted[function] for function in WANTED) >= LEAST_ACCEPTED
    assert len(made.refused) >= LEAST_ERRORS
    assert made.refused.total() >= LEAST_REFUSED
