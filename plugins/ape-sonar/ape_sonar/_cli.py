"""`ape sonar`: a Data Scientist's commands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from ape.cli import ConnectedProviderCommand, account_option
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ape_sonar.campaign_facts import campaign_facts, gradient_facts
from ape_sonar.campaign_file import read_campaign_file
from ape_sonar.client import PASSPHRASE, Campaign, Gradient, Sonar, open_sonar
from ape_sonar.trained_model import TrainedModel
from sonar_core.app.connection import find_connection
from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.errors import SonarError
from sonar_core.chain.deploy.code_verification import verify
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.data.csv_reader import read_csv
from sonar_core.protocol.campaign_spec import spec_schema
from sonar_core.protocol.units import from_wad, parse_address
from syft import wire

#: Columns of a table that goes into a pipe.

_campaign_option = click.option("--campaign", required=True, metavar="ID", help="The Campaign's id, or its beginning.")
_home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of keys and drafts. Default: `scientist` in Sonar's home.",
)
_sonar_option = click.option("--sonar", help="Address of the Sonar contract. Default: the one deployed from here.")
_new_file = click.Path(path_type=Path, dir_okay=False, writable=True)


class OutputExistsError(SonarError, ValueError):
    """A file that would be overwritten."""


@click.group()
def cli() -> None:
    """Create Campaigns, follow them, fetch what they trained."""


@cli.command(cls=ConnectedProviderCommand)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@account_option()
@_home_option
@_sonar_option
@json_option
@passphrase_options(PASSPHRASE, "your vault")
@cli_errors()
def create(file: Path, account: Any, home: Path | None, sonar: str | None, as_json: bool, passphrase: str) -> None:
    """Start the Campaign that FILE describes (YAML or JSON), and put its Bounty in trust.

    Repeated with the same FILE, it creates nothing twice; change its `nonce` for another Campaign of the same kind.
    """
    arguments, parent = read_campaign_file(file)
    network = open_sonar(account, passphrase, home=home, sonar=sonar)
    campaign = network.create(parent=network.campaign(parent) if parent else None, **arguments)
    if as_json:
        _print_json(_facts(network, campaign))
        return
    click.echo(f"Campaign 0x{campaign.id.hex()}")
    click.echo(
        f"Bounty {campaign.bounty}, of which {campaign.payable} is payable: from accuracy "
        f"{from_wad(campaign.state.starting_accuracy):.4f} to {campaign.target_accuracy:.4f}."
    )


@cli.command(name="list", cls=ConnectedProviderCommand)
@click.option("--scientist", help="Only the Campaigns of this address.")
@_sonar_option
@json_option
@cli_errors()
def list_command(scientist: str | None, sonar: str | None, as_json: bool) -> None:
    """List Campaigns, oldest first."""
    network = open_sonar(None, "", sonar=sonar)
    found = [_facts(network, campaign) for campaign in network.campaigns()]
    shown = [facts for facts in found if scientist is None or facts["scientist"].lower() == scientist.lower()]
    if as_json:
        _print_json(shown)
        return
    table = Table("Campaign", "Status", "Accuracy", "Target", "Bounty", "Payable", "Gradients", "Ends")
    for facts in shown:
        accuracies = (_short(facts[name]) for name in ("accuracy", "target_accuracy"))
        money = (facts[name]["amount"] for name in ("bounty", "payable"))
        gradients = f"{facts['scored']} of {facts['submitted']}"
        table.add_row(facts["campaign"][:12], facts["status"], *accuracies, *money, gradients, facts["ends_at"])
    open_console().print(table)


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@_sonar_option
@json_option
@cli_errors()
def show(campaign: str, sonar: str | None, as_json: bool) -> None:
    """Show one Campaign and its Gradients."""
    network = open_sonar(None, "", sonar=sonar)
    state = network.campaign(campaign).state
    currency = network.currency(state.terms.currency)
    facts = campaign_facts(state, network.chain.timestamp(), currency)
    gradients = [gradient_facts(state, number, currency) for number in sorted(state.gradients)]
    if as_json:
        _print_json({**facts, "gradients": gradients})
        return
    about = Table(show_header=False)
    for name, value in facts.items():
        if value is not None:
            about.add_row(name.replace("_", " "), value["amount"] if isinstance(value, dict) else str(value))
    table = Table("Gradient", "Miner", "Verdict", "Before", "After", "Reward", "Claimed")
    for one in gradients:
        accuracies = (_short(one[name]) for name in ("before", "after"))
        claimed = "yes" if one["claimed"] else "no"
        table.add_row(str(one["number"]), one["miner"], one["verdict"], *accuracies, one["reward"]["amount"], claimed)
    console = open_console()
    console.print(about)
    console.print(table)


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@_sonar_option
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@json_option
@cli_errors()
def watch(campaign: str, sonar: str | None, poll: float | None, as_json: bool) -> None:
    """Tell each Gradient when it is scored, until the Campaign has ended."""
    network = open_sonar(None, "", sonar=sonar)
    one = network.campaign(campaign)
    if as_json:
        for gradient in one.watch(poll_interval=poll):
            state = one.state
            _print_json(gradient_facts(state, gradient.number, network.currency(state.terms.currency)))
        return
    _watch_with_bar(one, poll)
    click.echo(f"The Campaign is {one.status.name.lower()}.")


def _watch_with_bar(campaign: Campaign, poll: float | None) -> None:
    """Lines of Gradients above a bar from the starting accuracy to the target."""
    start, target = from_wad(campaign.state.starting_accuracy), campaign.target_accuracy
    columns = (TextColumn("accuracy {task.fields[accuracy]}"), BarColumn(), TextColumn("of {task.fields[target]}"))
    with Progress(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("", total=float(target - start), accuracy=_short(start), target=_short(target))
        for gradient in campaign.watch(poll_interval=poll):
            bar.console.print(_line(gradient), highlight=False)
            bar.update(task, completed=float(gradient.after - start), accuracy=_short(gradient.after))


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@account_option()
@_sonar_option
@cli_errors()
def stop(campaign: str, account: Any, sonar: str | None) -> None:
    """End mining after the notice period; what was submitted before is still scored and paid."""
    one = _act(campaign, account, sonar, Campaign.stop)
    click.echo(f"Mining of Campaign 0x{one.id.hex()} ends at {one.ends_at.isoformat()}.")


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@account_option()
@_sonar_option
@cli_errors()
def cancel(campaign: str, account: Any, sonar: str | None) -> None:
    """Take a Campaign back before its Capsule answers; then `refund` it."""
    one = _act(campaign, account, sonar, Campaign.cancel)
    click.echo(f"Campaign 0x{one.id.hex()} is cancelled.")


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@account_option()
@_sonar_option
@cli_errors()
def expire(campaign: str, account: Any, sonar: str | None) -> None:
    """Record that the Capsule missed a window, so that everybody can take what is theirs."""
    one = _act(campaign, account, sonar, Campaign.expire)
    click.echo(f"Campaign 0x{one.id.hex()} is expired.")


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@account_option()
@click.option("--to", help="Who is paid. Default: the account.")
@_sonar_option
@json_option
@cli_errors()
def refund(campaign: str, account: Any, to: str | None, sonar: str | None, as_json: bool) -> None:
    """Take back what nobody earned."""
    one = open_sonar(account, "", sonar=sonar).campaign(campaign)
    amount = one.refund(parse_address(to) if to else None)
    if as_json:
        _print_json({"campaign": "0x" + one.id.hex(), "refunded": str(amount), "units": str(amount.units)})
    else:
        click.echo(f"{amount} of Campaign 0x{one.id.hex()} is back.")


@cli.command(cls=ConnectedProviderCommand)
@_campaign_option
@account_option()
@click.option("--weights", type=_new_file, help="Write the output layer's weights to this new file.")
@click.option("--predict", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A CSV file of Inputs.")
@click.option("--predictions", type=_new_file, help="Write what the Model says of them to this new CSV file.")
@_home_option
@_sonar_option
@json_option
@passphrase_options(PASSPHRASE, "your vault")
@cli_errors()
def result(
    campaign: str,
    account: Any,
    weights: Path | None,
    predict: Path | None,
    predictions: Path | None,
    home: Path | None,
    sonar: str | None,
    as_json: bool,
    passphrase: str,
) -> None:
    """Open the trained Model with the Data Scientist's key, check it, and use it."""
    if (predict is None) != (predictions is None):
        raise click.UsageError("--predict and --predictions go together")
    for path in (weights, predictions):
        if path is not None and path.exists():
            raise OutputExistsError(f"{path} is there already; it was left as it is: name another file")
    one = open_sonar(account, passphrase, home=home, sonar=sonar).campaign(campaign)
    trained = one.result()
    if weights:
        write_atomically(weights, _weights(trained), replace=False)
    if predict and predictions:
        write_atomically(predictions, _predictions(trained, predict), replace=False)
    if as_json:
        _print_json({"campaign": "0x" + one.id.hex(), "accuracy": str(trained.accuracy), "verified": True})
    else:
        click.echo(f"The trained Model is verified: accuracy {trained.accuracy:.4f} on your validation set.")


@cli.command(name="verify", cls=ConnectedProviderCommand)
@_sonar_option
@json_option
@cli_errors()
def verify_command(provider: Any, sonar: str | None, as_json: bool) -> None:
    """Compare the contracts' code on chain with the code of this commit, byte for byte."""
    chain = find_connection(None, sonar).chain
    found = verify(provider.web3, chain.address, chain.registry_address)
    if as_json:
        _print_json({"verified": True, **asdict(found)})
        return
    click.echo(f"Sonar {found.sonar}: all {found.sonar_bytes} bytes are this commit's.")
    click.echo(f"CapsuleRegistry {found.registry}: all {found.registry_bytes} bytes are this commit's.")


@cli.command(name="spec-schema")
def spec_schema_command() -> None:
    """Print the JSON Schema of a Campaign spec."""
    _print_json(spec_schema())


def _act(campaign: str, account: Any, sonar: str | None, action: Callable[[Campaign], None]) -> Campaign:
    one = open_sonar(account, "", sonar=sonar).campaign(campaign)
    action(one)
    return one


def _facts(network: Sonar, campaign: Campaign) -> dict[str, Any]:
    state = campaign.state
    return campaign_facts(state, network.chain.timestamp(), network.currency(state.terms.currency))


def _weights(trained: TrainedModel) -> bytes:
    """Named arrays, as the formats have initial weights: another Campaign can start from them."""
    model = trained.model
    fresh = model.weights_.requantise(model.fixed_point.weight_exponent)  # type: ignore[union-attr]
    return wire.dumps_arrays({"weights": fresh.values.astype(np.int64)})


def _predictions(trained: TrainedModel, inputs: Path) -> bytes:
    answers = trained.predict(read_csv(inputs, trained.encoder.input))
    text = io.StringIO(newline="")
    rows = answers.reshape(len(answers), -1).tolist()
    csv.writer(text).writerows([trained.encoder.output.names, *rows])
    return text.getvalue().encode()


def _line(gradient: Gradient) -> str:
    accuracies = f"{_short(gradient.before)} to {_short(gradient.after)}"
    return f"Gradient {gradient.number} of {gradient.miner}: {gradient.verdict}, {accuracies}, earns {gradient.reward}"


def _short(accuracy: Any) -> str:
    return "" if accuracy is None else f"{float(accuracy):.4f}"


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document))
