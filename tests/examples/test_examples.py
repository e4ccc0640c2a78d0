"""The example program and the notebooks, executed as they are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from scripts._processes import ROOT
from tests.examples.newcomer import Newcomer

#: Real services, each of which starts in seconds and works for minutes.
pytestmark = pytest.mark.timeout(1_800)

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def test_a_market_in_one_process() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "market.py"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 ether waits" in done.stdout
    assert "Left in the contract: 0 wei." in done.stdout
    assert "Confirmed" not in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) > 3
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


async def executed(path: Path, environment: dict[str, str]) -> list[Any]:
    """The outputs of a notebook, each cell run in a kernel of its own process."""
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    await client.async_execute(env=environment)
    return [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_notebooks_buy_and_train_a_model(newcomer: Newcomer) -> None:
    """The Data Scientist's and the Miner's side by side: each needs what the other one does."""

    async def both() -> list[list[Any]]:
        parties = {"data_scientist": "alice", "miner": "erin"}
        runs = (executed(EXAMPLES / f"{name}.ipynb", newcomer.environment(who)) for name, who in parties.items())
        return await asyncio.gather(*runs)

    for outputs in asyncio.run(both()):
        assert any("image/png" in output.get("data", {}) for output in outputs), "a plot"
        pages = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
        assert any("Campaign" in page and "0x" in page for page in pages), "a Campaign as a table"


def test_every_notebook_is_executed() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["data_scientist", "miner"]
