"""`ape sonar list`, `show` and `watch`: Campaigns as they are now."""

from __future__ import annotations

import click
from ape.cli import ConnectedProviderCommand
from rich.console import Console
from rich.table import Table

from ape_sonar.campaign import Campaign, Gradient
from ape_sonar.client import connect_active
from ape_sonar.commands.options import campaign_option, print_json, sonar_option
from ape_sonar.formatting import format_accuracy
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import parse_address


@click.command(name="list", cls=ConnectedProviderCommand)
@click.option("--scientist", help="Only the Campaigns of this address.")
@sonar_option
@json_option
@cli_errors()
def list_command(scientist: str | None, sonar: str | None, as_json: bool) -> None:
    """List Campaigns, oldest first."""
    wanted = parse_address(scientist) if scientist else None
    campaigns = connect_active(None, sonar=sonar).campaigns()
    shown = [campaign for campaign in campaigns if wanted in (None, campaign.state.scientist)]
    if as_json:
        print_json([campaign.facts() for campaign in shown])
        return
    if not shown:
        click.echo("No Campaigns.")
    console = open_console()
    for campaign in shown:
        _print_in_short(console, campaign)


def _print_in_short(console: Console, campaign: Campaign) -> None:
    """Three lines per Campaign: 80 columns hold no table with whole ids."""
    state = campaign.state
    accuracy, target = (format_accuracy(one) for one in (campaign.accuracy, campaign.target_accuracy))
    gradients = f"{state.scored} of {state.submitted} Gradients scored"
    end = f", ends {campaign.ends_at:%Y-%m-%d %H:%M} UTC" if not campaign.has_ended else ""
    console.print(f"0x{campaign.id.hex()}", style="bold", soft_wrap=True, highlight=False)
    console.print(f"  {campaign.status}, accuracy {accuracy} of {target}, {gradients}{end}", highlight=False)
    remaining = "" if campaign.has_ended else f", {campaign.remaining_reward} still to be earned"
    console.print(f"  Bounty {campaign.bounty}{remaining}", markup=False, highlight=False)


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@sonar_option
@json_option
@cli_errors()
def show(campaign: str, sonar: str | None, as_json: bool) -> None:
    """Show one Campaign and its Gradients."""
    found = connect_active(None, sonar=sonar).campaign(campaign)
    facts, gradients = found.facts(), found.gradient_facts()
    if as_json:
        print_json({**facts, "gradients": gradients})
        return
    console = open_console()
    about = Table(show_header=False, box=None, pad_edge=False)
    about.add_column()
    about.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            about.add_row(name.replace("_", " "), value["amount"] if isinstance(value, dict) else str(value))
    console.print(about, markup=False, highlight=False)
    for gradient in found.gradients():
        console.print(describe(gradient), markup=False, highlight=False)


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@sonar_option
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two reads of the chain.")
@json_option
@cli_errors()
def watch(campaign: str, sonar: str | None, poll: float | None, as_json: bool) -> None:
    """Print each Gradient when it is scored, until the Campaign has ended."""
    found = connect_active(None, sonar=sonar).campaign(campaign)
    for gradient in found.watch(poll_interval=poll, progress=False if as_json else None):
        if as_json:
            print_json(found.gradient_facts()[gradient.number])
        else:
            click.echo(describe(gradient))
    if not as_json:
        click.echo(f"The Campaign is {found.status}.")


def describe(gradient: Gradient) -> str:
    """One line about a Gradient; the accuracy is that of the newest Model after it."""
    accuracies = f"{format_accuracy(gradient.before)} to {format_accuracy(gradient.after)}"
    return f"Gradient {gradient.number} of {gradient.miner}: {gradient.verdict}, {accuracies}, earns {gradient.reward}"
