"""The main job, from end to end: `ape run demo --dataset digits`."""

import json
import tempfile
import time
from pathlib import Path

import ape
import click
from ape.cli import ConnectedProviderCommand

from ape_sonar.errors import SonarError, cli_errors
from scripts._chart import draw
from scripts._datasets import load
from scripts._outcome import report
from scripts._play import play
from scripts._screen import Screen


class LedgerError(SonarError, ArithmeticError):
    """Money was made or lost: this must not happen."""


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--dataset", default="digits", show_default=True, help="digits, breast_cancer, wine, diabetes or PATH.csv"
)
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="Write everything as JSON to this file.")
@click.option("--chart", type=click.Path(path_type=Path), default=Path("build/demo.png"), show_default=True)
@cli_errors()
def cli(dataset, report_path, chart):
    """Two Campaigns on real data, with every party in this process."""
    started, screen = time.monotonic(), Screen()
    data = load(dataset)
    with tempfile.TemporaryDirectory(prefix="sonar-demo-") as folder:
        outcomes = play(ape.project, ape.accounts.test_accounts, ape.chain, Path(folder), data, screen)
    seconds = time.monotonic() - started
    for outcome in outcomes:
        screen.ledger(outcome)
    draw(outcomes, chart)
    screen.say(f"Chart: {chart}. Done in {seconds:.0f} s.")
    if report_path:
        report_path.write_text(json.dumps(report(outcomes, seconds), indent=2) + "\n")
    if not all(outcome.ledger.balances for outcome in outcomes):
        raise LedgerError("escrowed is not paid + refunded + fee: report this")
