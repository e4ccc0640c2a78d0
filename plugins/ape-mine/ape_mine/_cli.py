"""`ape mine`: a Miner's commands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option
from rich.table import Table

from ape_mine.commands import datasets as data
from ape_mine.commands.doctor import doctor
from ape_mine.commands.options import home_option, sonar_option
from ape_mine.commands.plan import plan
from ape_mine.commands.rebuild import rebuild_command
from ape_mine.commands.tidy import tidy
from ape_mine.datasets.schema_file import read_schema
from ape_mine.errors import NothingToApproveError, TroubleError
from ape_mine.home.home import Home
from ape_mine.planning.status_views import CampaignView, DatasetView, PrivacyView, view_campaigns, view_datasets
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.document import Policy
from ape_mine.service import default_home, open_home, open_mine, serve
from ape_mine.training.compute_backend import ENGINES
from ape_mine.training.gradient_builder import MOST_FEATURES
from sonar_core.app.connection import find_connection
from sonar_core.base.errors import UsageError
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.service.action import Action, reporter
from sonar_core.service.observer_setup import ObserverOptions, open_watch, watch_options

_CAMPAIGN = re.compile(r"0x[0-9a-fA-F]{64}")


@click.group()
def cli() -> None:
    """Train Models on rows that never leave this machine, and be paid for it."""


cli.add_command(doctor)
cli.add_command(plan)
cli.add_command(rebuild_command)
cli.add_command(tidy)
data.register(cli)


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@cli_errors()
def init(account: Any, home: Path | None, sonar: str | None) -> None:
    """Make the home of an account's Mine. Nothing leaves it before it has a policy."""
    site = find_connection(account, sonar)
    place = Home.create(home or default_home(), site.chain.sender, site.chain.address)
    click.echo(f"The Mine of {site.chain.sender} lives in {place.folder}.")
    click.echo("Next: `ape mine add NAME FILE SCHEMA`, then `ape mine policy FILE`, then `ape mine run`.")


@cli.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("schema", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace the dataset of that name.")
@data.rows_passphrase
@home_option
@json_option
@cli_errors()
def add(
    name: str,
    file: Path,
    schema: Path,
    replace: bool,
    home: Path | None,
    as_json: bool,
    passphrase: str | None,
) -> None:
    """Check every row of FILE (CSV or Parquet) against SCHEMA (Table Schema) and copy it into the Mine."""
    place = open_home(home or default_home(), data.unlocking(passphrase))
    with data.wrong_rows_shown():
        dataset = place.datasets.add(name, file, read_schema(schema), replace=replace)
    with place.state().opened() as state:
        (view,) = view_datasets([dataset], Policy(), state.releases)
    if as_json:
        click.echo(json.dumps(asdict(view)))
    else:
        click.echo(f"{name}: {view.rows} rows of {', '.join(view.columns)}.")


@cli.command(cls=ConnectedProviderCommand)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@data.rows_passphrase
@home_option
@sonar_option
@cli_errors()
def policy(file: Path | None, home: Path | None, sonar: str | None, passphrase: str | None) -> None:
    """Put the policy in FILE in force, with the datasets it names; without FILE, show the one in force."""
    if file is None:
        click.echo(Home(home or default_home()).policy_text() or "No policy: nothing leaves.")
        return
    place = open_home(home or default_home(), data.unlocking(passphrase))
    adopted = place.adopt(file, find_connection(None, sonar).tokens)
    click.echo(f"In force: {len(adopted.allow)} rules for {len(adopted.datasets)} datasets.")


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@data.rows_passphrase
@home_option
@sonar_option
@click.option("--pay-to", help="Who is paid. Default: the account.")
@click.option("--most-features", type=click.IntRange(min=1), default=MOST_FEATURES, show_default=True)
@click.option("--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True, help="What computes.")
@click.option("--scheduler", help="Address of your Dask cluster, for --engine dask: tcp://host:port.")
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@click.option("--once", is_flag=True, help="Do what can be done now, and end.")
@json_option
@watch_options
@cli_errors()
def run(
    account: Any,
    home: Path | None,
    sonar: str | None,
    pay_to: str | None,
    most_features: int,
    engine: str,
    scheduler: str | None,
    poll: float | None,
    once: bool,
    as_json: bool,
    watching: ObserverOptions,
    passphrase: str | None,
) -> None:
    """Work for Campaigns as the policy allows, and take what is earned."""
    place = home or default_home()
    with (
        open_watch(watching, "mine", place, reporter(as_json)) as observer,
        open_mine(
            account,
            place,
            sonar=sonar,
            pay_to=pay_to,
            most_features=most_features,
            engine=engine,
            scheduler=scheduler,
            observer=observer,
            ask=data.unlocking(passphrase),
        ) as mine,
    ):
        if not once:
            serve(mine, observer, poll_interval=poll)
            return
        _tell_all(mine.step(), observer.acted)


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@click.option("--pay-to", help="Who is paid. Default: the account.")
@json_option
@cli_errors()
def claim(account: Any, home: Path | None, sonar: str | None, pay_to: str | None, as_json: bool) -> None:
    """Take rewards, fees and compensation that are due, and nothing else."""
    with open_mine(account, home or default_home(), sonar=sonar, pay_to=pay_to) as mine:
        actions = mine.collect()
    _tell_all(actions, reporter(as_json))
    if not actions and not as_json:
        click.echo("Nothing is due.")


@cli.command()
@click.argument("campaign")
@home_option
@cli_errors()
def approve(campaign: str, home: Path | None) -> None:
    """Approve of a CAMPAIGN that the policy leaves to you."""
    if not _CAMPAIGN.fullmatch(campaign):
        raise UsageError(f"{campaign!r:.80} is no Campaign: write its id, 0x and 64 hex digits")
    identity = bytes.fromhex(campaign[2:])
    with Home(home or default_home()).state().opened() as state:
        asked = [note for note in state.notes() if note.campaign == identity and note.verdict is PolicyVerdict.ASK]
        if not asked:
            raise NothingToApproveError(campaign)
        state.approve(identity, asked[0].dataset)
    click.echo(f"Approved: {campaign} may train on {asked[0].dataset} ({asked[0].reason}).")


@cli.command(cls=ConnectedProviderCommand)
@home_option
@json_option
@cli_errors()
def status(home: Path | None, as_json: bool) -> None:
    """Show datasets, policy and Campaigns."""
    place = Home(home or default_home())
    with place.state().opened() as state:
        owner = state.owner()
        site = find_connection(None, owner.sonar)
        event_log = EventLog(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
        now = site.chain.timestamp()
        campaigns = view_campaigns(event_log.unconfirmed_ledger(), state, owner.miner, now)
        policy, broken = place.policy_and_fault(site.tokens)
        datasets = view_datasets(place.datasets, policy, state.releases)
    if as_json:
        parts = {
            "policy_error": broken,
            "datasets": [asdict(one) for one in datasets],
            "campaigns": [asdict(one) for one in campaigns],
        }
        click.echo(json.dumps({"miner": owner.miner, "sonar": owner.sonar, **parts}))
        return
    console = open_console()
    console.print(f"Mine of {owner.miner} in {place.folder}")
    if broken:
        console.print(f"Nothing leaves: {broken}", markup=False)
    console.print(_dataset_table(datasets))
    console.print(_campaign_table(campaigns))


def _tell_all(actions: list[Action], report: Callable[[Action], None]) -> None:
    """Tells what happened, and ends with the first trouble where there was any. Raises TroubleError."""
    for action in actions:
        report(action)
    for action in actions:
        if action.kind == "trouble":
            raise TroubleError(action.campaign, action.words)


def _dataset_table(datasets: list[DatasetView]) -> Table:
    table = Table("Dataset", "Rows", "Columns", "Rules", "Privacy", title="Datasets")
    for dataset in datasets:
        told = _privacy_words(dataset.privacy)
        table.add_row(dataset.name, str(dataset.rows), ", ".join(dataset.columns), str(dataset.rules), told)
    return table


def _privacy_words(privacy: PrivacyView | None) -> str:
    if privacy is None:
        return "exact statistics"
    whole = f"{privacy.epsilon:g} at delta {privacy.delta:g}"
    if privacy.spent is None:
        return f"epsilon {whole} cannot be kept: exact statistics were used"
    return f"epsilon {privacy.spent:.3g} of {whole} spent, {privacy.left:.3g} left; {privacy.releases} releases"


def _campaign_table(campaigns: list[CampaignView]) -> Table:
    table = Table("Campaign", "Status", "PolicyVerdict", "Gradients", "Earned", "Claimed", "Reason", title="Campaigns")
    for one in campaigns:
        gradients = f"{one.improved} of {one.gradients}"
        table.add_row(one.campaign, one.status, one.verdict, gradients, str(one.earned), str(one.claimed), one.reason)
    return table
