"""The main job, from end to end: `ape run demo --dataset digits`."""

import json
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import ape
import click
from ape.cli import ConnectedProviderCommand

from scripts._ape_log import ape_log_in
from scripts._chart import draw
from scripts._corpora.encoders import ENCODERS
from scripts._datasets import Dataset, load
from scripts._demo import Market, model_for, play, set_up
from scripts._outcome import report
from scripts._parties import Rows, divide, other
from scripts._screen import Screen
from scripts._sentiment import compare
from sonar_core.base.errors import SonarError
from sonar_core.cli.errors import cli_errors

LOG = Path("build/demo.log")


class MoneyLostError(SonarError, ArithmeticError):
    """Money was made or lost: a defect of the contracts or of this program."""


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--dataset", default="digits", show_default=True, help="digits, breast_cancer, wine, diabetes, tweets or PATH.csv"
)
@click.option("--encoder", type=click.Choice(list(ENCODERS)), help="Turns the tweets into numbers.")
@click.option("--target", type=click.FloatRange(0, 1, min_open=True), help="Accuracy up to which a Campaign pays.")
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh the rows of rare classes more.")
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="Write everything as JSON to this file.")
@click.option("--chart", type=click.Path(path_type=Path), default=Path("build/demo.png"), show_default=True)
@click.option("--verbose", is_flag=True, help=f"Show each transaction and compiled file, which {LOG} has otherwise.")
@cli_errors()
def cli(dataset, encoder, target, class_weight, report_path, chart, verbose):
    """Two Campaigns on real data, with every party in this process."""
    started = time.monotonic()
    data = load(dataset, encoder)
    data = data if target is None else replace(data, target=target)
    rows, model = divide(data), model_for(data, class_weight)
    with (
        tempfile.TemporaryDirectory(prefix="sonar-demo-") as folder,
        nullcontext() if verbose else ape_log_in(LOG),
        Screen() as screen,
    ):
        screen.working("contracts are compiled and deployed, parties set up")
        market = set_up(ape.project, ape.accounts.test_accounts, ape.chain, Path(folder), data, rows)
        _introduce(screen, data, rows, market)
        outcomes = play(market, data, rows, screen, model=model)
        beside = compare(data, model, rows.pooled, rows.held_out) if data.texts else None
        if beside:
            screen.comparison(outcomes[-1], beside)
        seconds = time.monotonic() - started
        draw(outcomes, chart)
        screen.say(f"Chart: {chart}. Done in {seconds:.0f} s." + ("" if verbose else f" Transactions: {LOG}."))
    if report_path:
        report_path.write_text(json.dumps(report(outcomes, seconds, beside), indent=2) + "\n")
    if not all(outcome.books.balances for outcome in outcomes):
        raise MoneyLostError("escrowed is not paid + refunded + bond + fee: report this")


def _introduce(screen: Screen, data: Dataset, rows: Rows, market: Market) -> None:
    """Explains the terms that a first-time reader does not know, with this data's numbers."""
    screen.say("A Model is bought and trained on rows that its buyer never sees.", bold=True)
    kind = f"{len(data.classes)} classes" if data.classes else "a number"
    columns, mines = len(data.input_schema["fields"]), rows.mines
    screen.item("data", f"{data.description}: {len(data.frame)} rows; from {columns} columns, {data.output!r} ({kind})")
    for remark in data.remarks:
        screen.item("", remark)
    screen.item(
        "hidden", f"{len(rows.validation)} rows of the Data Scientist, sealed to the Capsule: it scores on them"
    )
    screen.item("held out", f"{len(rows.held_out)} rows that no party has: the last test of the Model")
    screen.item("Capsule", "holds the keys, scores each Gradient (a Mine's encrypted step), delivers the Model")
    screen.item(
        "Mines",
        f"north has {len(mines['north'])} rows, south {len(mines['south'])}, noise {len(mines['noise'])} with shuffled "
        f"answers, outsider the rows of {other(data).name}, which is other data",
    )
    token = market.token
    screen.item(token.symbol, f"a token made for this demo, worth nothing: an ERC-20 with {token.decimals} decimals")
    screen.say()
