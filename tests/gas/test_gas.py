"""What using the contracts costs: held to the targets, to the snapshot, and to the contract of 2017.

`make gas` prints the table and makes its figures the snapshot.
"""

from __future__ import annotations

import os

import pytest
from rich.table import Table

from ape_sonar.screen import open_console
from ape_sonar.terms import Score
from tests.gas import snapshot
from tests.gas.crowd import Crowd
from tests.gas.measures import Measure, Meter
from tests.stage import SCORING_FEE, blob

#: Whole transactions, in the chain's coin.
TARGETS = {
    "create": 260_000,
    "submitGradient, first in the queue": 60_000,
    "submitGradient, later": 60_000,
    "scoreGradient, improvement, another waits": 58_000,
    "scoreGradient, improvement, the last": 58_000,
    "claim, one Gradient": 48_000,
    "claim, each further Gradient": 12_000,
}
_CROWDS = (1, 100, 1_000)

pytestmark = pytest.mark.chain


@pytest.fixture(autouse=True)
def foundry(chain):
    if chain.provider.name != "foundry":
        pytest.skip("gas is measured on Foundry, whose node traces what a transaction changed")


@pytest.fixture
def measures(stage, token, capsys) -> dict[str, Measure]:
    measured = Meter(stage, token).run()
    one, five = measured["claim, one Gradient"], measured["claim, five Gradients"]
    further = Measure((five.gas - one.gas) // 4, (five.floor - one.floor) // 4)
    measured["claim, each further Gradient"] = further
    with capsys.disabled():
        _show(measured)
    return measured


def test_every_transaction_is_within_its_target_and_as_cheap_as_it_was(measures) -> None:
    gas = {name: measure.gas for name, measure in measures.items()}
    assert all(gas[name] <= most for name, most in TARGETS.items()), gas
    assert all(measure.floor <= measure.gas for measure in measures.values()), "a floor above the cost is no floor"
    if os.environ.get("GAS_SNAPSHOT") == "write":
        snapshot.write(gas)
    assert snapshot.rises(snapshot.read(), gas) == []


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
    waiting = stage.sonar.campaignOf(campaign).submitted - stage.sonar.campaignOf(campaign).scored
    assert waiting >= _CROWDS[-1]
    with capsys.disabled():
        _show_growth(costs)
    for name in costs[1]:
        least, most = (choose(cost[name] for cost in costs.values()) for choose in (min, max))
        assert most <= least * 1.005, costs


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


def _show_growth(costs: dict[int, dict[str, int]]) -> None:
    table = Table("Beside as many Campaigns, Gradients and Miners", *(f"{count:,}" for count in costs))
    for name in costs[1]:
        table.add_row(name, *(f"{cost[name]:,}" for cost in costs.values()))
    open_console().print(table)


def _show(measures: dict[str, Measure]) -> None:
    table = Table("Transaction", "Gas", "Floor", "Above it", "Target")
    for name, measure in measures.items():
        target = f"{TARGETS[name]:,}" if name in TARGETS else ""
        above = f"{measure.gas / measure.floor - 1:.0%}"
        table.add_row(name, f"{measure.gas:,}", f"{measure.floor:,}", above, target)
    open_console().print(table)
