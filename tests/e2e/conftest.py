"""The demo on a small data set, run once per session for all tests of its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts._datasets import Dataset, load
from scripts._demo import Market, play, set_up
from scripts._outcome import Outcome
from scripts._parties import Rows, divide
from scripts._screen import Screen


@dataclass(frozen=True)
class Played:
    """The demo after the last payment."""

    dataset: Dataset
    rows: Rows
    market: Market
    outcomes: list[Outcome]
    folder: Path
    first_block: int
    screen: str


@pytest.fixture(scope="session")
def played(project: Any, accounts: Any, chain: Any, tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("play")
    dataset = load("wine")
    rows, first_block = divide(dataset), chain.blocks.head.number
    market = set_up(project, [accounts[place] for place in range(10)], chain, folder, dataset, rows)
    console = Console(record=True)
    outcomes = play(market, dataset, rows, Screen(console))
    return Played(dataset, rows, market, outcomes, folder, first_block, console.export_text())
