"""Runs a command next to a network of its own that already holds a deployed Sonar and a half-run Campaign.

    upstream.py -- ape test tests/fork --network ethereum:sepolia-fork:foundry

The network is anvil under Sepolia's chain id, on a free port of the loopback interface. The command finds it through
SEPOLIA_RPC, and what stands on it through SONAR_UPSTREAM (JSON).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import ape  # noqa: E402

from scripts._processes import anvil  # noqa: E402
from tests.world.contracts import Stage, percent  # noqa: E402

_SEPOLIA = 11155111


def half_run_campaign() -> dict[str, object]:
    """One Gradient scored, one waiting: what a migration, or a new client, finds on a real network."""
    accounts, project = ape.accounts.test_accounts, ape.Project(ROOT)
    deployer, scientist, capsule, miner = (accounts[place] for place in range(4))
    start = ape.chain.blocks.head.number
    registry = deployer.deploy(project.CapsuleRegistry)
    sonar = deployer.deploy(project.Sonar, registry)
    stage = Stage(sonar, ape.chain, scientist, capsule, miner)
    campaign = stage.opened(accuracy=percent(10), bounty=1000)
    stage.submit(campaign)
    stage.score(campaign, percent(12))
    stage.submit(campaign)
    return {"sonar": sonar.address, "start": start, "campaign": campaign.hex()}


def main(command: list[str]) -> int:
    # Blocks come by themselves: a public network's transactions wait for more than their own block.
    pace = ("--block-time", "0.2")
    with open(os.devnull, "wb") as nothing, anvil(nothing, chain_id=_SEPOLIA, options=pace) as url:
        os.environ["SEPOLIA_RPC"] = url
        os.chdir(ROOT)
        with ape.networks.parse_network_choice("ethereum:sepolia:node"):
            os.environ["SONAR_UPSTREAM"] = json.dumps(half_run_campaign())
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        sys.exit("usage: upstream.py -- COMMAND ...")
    sys.exit(main(sys.argv[2:]))
