"""The main job, from end to end: `ape run demo --dataset digits`."""

import json
import tempfile
import time
from pathlib import Path

import ape
import click
from ape.cli import ConnectedProviderCommand

from scripts._cast import divide
from scripts._chart import draw
from scripts._corpora.encoders import ENCODERS
from scripts._datasets import load
from scripts._outcome import report
from scripts._play import model_for, play
from scripts._screen import Screen
from scripts._sentiment import compare
from sonar_core.base.errors import SonarError
from sonar_core.cli.errors import cli_errors


class LedgerError(SonarError, ArithmeticError):
    """Money was made or lost: this must not happen."""


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--dataset", default="digits", show_default=True, help="digits, breast_cancer, wine, diabetes, tweets or PATH.csv"
)
@click.option("--encoder", type=click.Choice(list(ENCODERS)), help="What makes numbers of the tweets.")
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="Write everything as JSON to this file.")
@click.option("--chart", type=click.Path(path_type=Path), default=Path("build/demo.png"), show_default=True)
@cli_errors()
def cli(dataset, encoder, report_path, chart):
    """Two Campaigns on real data, with every party in this process."""
    started, screen = time.monotonic(), Screen()
    data = load(dataset, encoder)
    rows = divide(data)
    with tempfile.TemporaryDirectory(prefix="sonar-demo-") as folder:
        outcomes = play(ape.project, ape.accounts.test_accounts, ape.chain, Path(folder), data, rows, screen)
    for outcome in outcomes:
        screen.ledger(outcome)
    beside = compare(data, model_for(data), rows.pooled, rows.held_out) if data.texts else None
    if beside:
        screen.comparison(outcomes[-1], beside)
    seconds = time.monotonic() - started
    draw(outcomes, chart)
    screen.say(f"Chart: {chart}. Done in {seconds:.0f} s.")
    if report_path:
        report_path.write_text(json.dumps(report(outcomes, seconds, beside), indent=2) + "\n")
    if not all(outcome.ledger.balances for outcome in outcomes):
        raise LedgerError("escrowed is not paid + refunded + fee: report this")
