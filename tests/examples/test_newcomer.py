"""A newcomer's first hour: every command of the tutorials, taken from the pages, on a chain of `make chain`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml

from scripts._local_chain import SYMBOL
from scripts._processes import CHAIN_ID, until
from tests.examples.newcomer import PAGES, Newcomer

#: Real services, each of which starts in seconds and works for minutes.
pytestmark = pytest.mark.timeout(1_800)

MOST_COMMANDS = 4


def held(chain: Path) -> Callable[[], tuple[int, int]]:
    """Reads how many wei, and how many smallest units of the token, the Sonar contract holds."""
    deployment = json.loads((chain / "homes" / "alice" / "deployments" / f"{CHAIN_ID}.json").read_text())
    token = yaml.safe_load((chain / "ape" / "ape-config.yaml").read_text())["sonar"]["tokens"][CHAIN_ID][SYMBOL]
    url = re.search(r"DEVNET_RPC='(.*)'", (chain / "environment").read_text())
    assert url
    balance_of = "0x70a08231" + deployment["sonar"][2:].lower().rjust(64, "0")
    reads = (("eth_getBalance", deployment["sonar"]), ("eth_call", {"to": token, "data": balance_of}))

    def read() -> tuple[int, int]:
        wei, units = (int(requests.post(url[1], json=_request(*one), timeout=20).json()["result"], 16) for one in reads)
        return wei, units

    return read


def _request(method: str, parameter: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": [parameter, "latest"]}


def test_every_command_of_the_tutorials_works_and_no_money_is_left(newcomer: Newcomer) -> None:
    newcomer.follow("run-a-mine.md")
    newcomer.follow("first-campaign.md")
    assert set(newcomer.commands) == {"carol, bash", "bob, bash", "dora, bash", "alice, bash", "alice, python"}
    assert max(newcomer.commands.values()) <= MOST_COMMANDS
    answers = (newcomer.folder / "answers.csv").read_text().splitlines()
    assert answers[0] == "cultivar"
    assert len(answers) == 1 + 20
    assert set(answers[1:]) <= {"class_0", "class_1", "class_2"}
    assert "USDX came back" in newcomer.outputs[f"python {newcomer.folder / 'campaign.py'}"]
    # Capsule and Mines take by themselves what is theirs.
    read = held(newcomer.chain)
    until(lambda: read() == (0, 0), "the contract holds nothing", seconds=300)
    newcomer.stop()


def test_every_page_is_played() -> None:
    assert sorted(page.name for page in PAGES.glob("*.md")) == [
        "first-campaign.md",
        "run-a-capsule.md",
        "run-a-mine.md",
    ]
