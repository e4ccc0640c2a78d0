"""`ape capsule rebuild`: a state file that is damaged, or of another chain, made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.maintenance.rebuild_state import rebuild
from ape_capsule.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.cli.errors import cli_errors


@click.command(name="rebuild", cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@cli_errors()
def rebuild_command(account: Any, home: Path | None, sonar: str | None) -> None:
    """Make the Capsule's state file anew from the chain, where it is damaged, or of another account or chain.

    The old file is moved aside, never deleted. Keys, warrants, heads and evidence are files of their own, and stay.
    """
    site = find_connection(account, sonar)
    done = rebuild(home or default_home(), site.chain, confirmations=site.confirmations, start_block=site.start_block)
    click.echo(f"The old file is {done.aside}, if there was one.")
    gradients = f"{done.scored} Gradients with a verdict, {done.waiting} without"
    click.echo(f"Found on chain: {done.campaigns} Campaigns of {site.chain.sender}; {gradients}.")
    for campaign in done.keyless:
        click.echo(f"No key pair of Campaign 0x{campaign.hex()} is here: restore the home from its backup.")
    click.echo("Not on chain, and lost: why Gradients were refused. Check the warrants: ape capsule log --verify")
