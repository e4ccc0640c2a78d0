"""Whether a transaction costs more where many others use Sonar: it does not.

On a node of its own: Ape's Foundry node keeps every step of every transaction, and 20,000 of them are too many for it.
"""

from __future__ import annotations

import os

import pytest
from eth_utils import keccak
from rich.table import Table

from scripts._processes import anvil
from sonar_core.cli.console import open_console
from sonar_core.protocol.structs import Score
from tests.gas.crowd import Crowd
from tests.world.contracts import SCORING_FEE, Stage, blob

_CROWDS = (1, 100, 10_000)
#: Calldata's bytes, zero or not, differ a little from one call to the next.
_SAME = 1.005


@pytest.fixture
def stage(networks, accounts, chain, project):
    """As everywhere, on a node that keeps no traces."""
    with (
        open(os.devnull, "wb") as nothing,
        anvil(nothing) as url,
        networks.parse_network_choice(f"ethereum:devnet:{url}"),
    ):
        deployer, scientist, capsule, miner = (accounts[place] for place in range(4))
        registry = deployer.deploy(project.CapsuleRegistry)
        yield Stage(deployer.deploy(project.Sonar, registry), chain, scientist, capsule, miner)


def test_the_cost_grows_with_nothing(stage, capsys) -> None:
    crowd, costs = Crowd(stage), {}
    campaign, before = stage.opened(), 0
    for _ in range(len(_CROWDS) + 1):
        stage.submit(campaign)
    queue = [stage.state(campaign).gradients[number].record for number in range(len(_CROWDS) + 1)]
    for place, count in enumerate(_CROWDS):
        crowd.create(count - before)
        crowd.submit(campaign, count - before)
        costs[count], before = _costs(stage, campaign, count, *queue[place : place + 2]), count
    _require_crowd(stage, campaign, _CROWDS[-1])
    with capsys.disabled():
        _show(costs)
    for name in costs[1]:
        least, most = (choose(cost[name] for cost in costs.values()) for choose in (min, max))
        assert most <= least * _SAME, costs


def _require_crowd(stage, campaign: bytes, count: int) -> None:
    """The chain holds the Gradients and the Campaigns, or the figures say nothing."""
    queue = stage.sonar.campaignOf(campaign)
    assert queue.submitted - queue.scored >= count
    created = keccak(text=stage.sonar.CampaignCreated.abi.selector).hex()
    logs = {"address": stage.sonar.address, "fromBlock": 0, "topics": ["0x" + created]}
    assert len(stage.chain.provider.web3.eth.get_logs(logs)) >= count


def _costs(stage, campaign, count, oldest, following) -> dict[str, int]:
    miner, capsule, scientist = (stage.as_(account) for account in (stage.miner, stage.capsule, stage.scientist))
    poor = Score(0, 4, bytes(32), blob(f"root {count}"), blob(f"opened {count}"), blob(f"evidence {count}"))
    receipts = {
        "submitGradient": miner.submit_gradient(campaign, blob(f"b{count}"), blob(f"c{count}"), 0, fee=SCORING_FEE),
        "scoreGradient": capsule.score_gradient(campaign, oldest, poor, following.as_next()),
        "create": scientist.create(20_000 + count, stage.terms()),
    }
    return {name: _gas(stage, receipt.transaction) for name, receipt in receipts.items()}


def _gas(stage, transaction) -> int:
    return stage.chain.provider.web3.eth.get_transaction_receipt(transaction)["gasUsed"]


def _show(costs: dict[int, dict[str, int]]) -> None:
    table = Table("Beside as many Campaigns, Gradients and Miners", *(f"{count:,}" for count in costs))
    for name in costs[1]:
        table.add_row(name, *(f"{cost[name]:,}" for cost in costs.values()))
    open_console().print(table)
