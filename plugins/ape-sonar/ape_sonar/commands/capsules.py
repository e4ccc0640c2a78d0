"""`ape sonar capsules`: the directory of Capsules."""

from __future__ import annotations

import click
from ape.cli import ConnectedProviderCommand
from rich.console import Console

from ape_sonar.capsule_directory import CapsuleListing
from ape_sonar.client import connect_active
from ape_sonar.commands.options import print_json, sonar_option
from ape_sonar.formatting import format_duration
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import Money


@click.command(cls=ConnectedProviderCommand)
@sonar_option
@json_option
@cli_errors()
def capsules(sonar: str | None, as_json: bool) -> None:
    """List the announced Capsules with their terms."""
    listings = connect_active(None, sonar=sonar).capsules()
    if as_json:
        print_json([listing.as_json() for listing in listings])
        return
    if not listings:
        click.echo("No Capsule has announced itself.")
    console = open_console()
    for listing in listings:
        _print(console, listing)


def _print(console: Console, listing: CapsuleListing) -> None:
    terms = listing.terms
    lines = [
        f"Fee at least {_amounts(listing.fees())}; bond at most {_amounts(listing.bonds())}",
        f"Scoring fee at least {listing.scoring_fee} per Gradient",
        f"Needs {format_duration(terms.open_within)} to open, {format_duration(terms.scoring_window)} to score "
        f"(and {format_duration(terms.per_gradient)} per Gradient in the queue), "
        f"{format_duration(terms.delivery_window)} to deliver",
        f"Campaigns: {listing.campaigns} in all, {listing.open} open, {listing.delivered} delivered, "
        f"{listing.expired} expired",
    ]
    console.print(f"{listing.address}{f' ({listing.name})' if listing.name else ''}", style="bold", markup=False)
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False)


def _amounts(amounts: list[Money]) -> str:
    return " or ".join(map(str, amounts)) or "no currency"
