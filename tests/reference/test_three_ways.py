"""The contracts, a reference of the protocol in exact fractions, and the state rebuilt from events: always equal.

REFERENCE_SEEDS="5 6 7" plays other histories than CI's, REFERENCE_STEPS=1000 longer ones.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest

from sonar_core.chain.abi import abi
from tests.reference.histories import WANTED
from tests.reference.three_ways import ThreeWays

SEEDS = tuple(map(int, os.environ.get("REFERENCE_SEEDS", "4 11 22").split()))
STEPS = int(os.environ.get("REFERENCE_STEPS", "200"))
#: What CI's histories are made of at least, together: how often each function goes through, how many calls are refused,
#: and by how many errors. Other histories only have to agree.
LEAST_ACCEPTED, LEAST_REFUSED, LEAST_ERRORS = 6, 140, 38
ROLES = ("scientist", "capsule", "miner", "second_miner", "arbiter", "stranger")
PLENTY = 10**15


@dataclass
class Made:
    """What the histories of a run were made of."""

    steps: int = 0
    campaigns: int = 0
    gradients: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, world: ThreeWays) -> None:
        campaigns = world.protocol.campaigns.values()
        self.steps += world.steps
        self.campaigns += len(campaigns)
        self.gradients += sum(len(campaign.gradients) for campaign in campaigns)
        self.accepted += world.history.accepted
        self.refused += world.history.refused

    def __str__(self) -> str:
        lines = [
            f"{self.steps} steps, {self.campaigns} Campaigns, {self.gradients} Gradients",
            f"accepted {self.accepted.total()}: {dict(self.accepted.most_common())}",
            f"refused {self.refused.total()} by {len(self.refused)} errors: {dict(self.refused.most_common())}",
        ]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def made():
    made = Made()
    yield made
    # Shown by `-s`.
    print(f"\nseeds {SEEDS}: {made}")  # noqa: T201


@pytest.fixture
def begin(request, stage, project, deployer, token):
    """A history of a seed, before its first step."""
    accounts = {role: request.getfixturevalue(role) for role in ROLES}
    parties = {role: str(account.address) for role, account in accounts.items()}
    inquirer = deployer.deploy(project.Inquirer)
    allowances = {}
    # The stranger allows what it does not have.
    for role in ("scientist", "capsule", "stranger"):
        stage.as_(accounts[role]).approve(str(token.address), PLENTY)
        allowances[parties[role], str(token.address)] = PLENTY
    return lambda seed: ThreeWays(stage, str(inquirer.address), str(token.address), parties, allowances, Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_three_ways_one_state(begin, made, seed):
    world = begin(seed)
    try:
        for _ in range(STEPS):
            world.step()
        world.settle()
    except Exception as error:
        command = "ape test tests/reference --network ethereum:local:test"
        error.add_note(f"Replay: REFERENCE_SEEDS={seed} REFERENCE_STEPS={STEPS} {command} (step {world.steps})")
        raise
    made.add(world)


@pytest.mark.skipif("REFERENCE_SEEDS" in os.environ or "REFERENCE_STEPS" in os.environ, reason="other histories")
def test_the_histories_went_everywhere(made):
    changing = [entry["name"] for entry in abi("Sonar").entries("function") if entry["stateMutability"] != "view"]
    assert set(WANTED) == {*changing, "announce"}
    rare = {function: made.accepted[function] for function in WANTED if made.accepted[function] < LEAST_ACCEPTED}
    assert not rare
    assert made.refused.total() >= LEAST_REFUSED
    assert len(made.refused) >= LEAST_ERRORS
