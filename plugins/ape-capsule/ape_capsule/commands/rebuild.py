"""`ape capsule rebuild`: replaces a state file that is damaged, or of another chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.home.paths import default_home
from ape_capsule.maintenance.rebuild_state import rebuild as rebuild_state
from sonar_core.app.connection import find_connection
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import counted


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@cli_errors()
def rebuild(account: Any, home: Path | None, sonar: str | None) -> None:
    """Rebuild the state file from the chain.

    For a file that is damaged, or of another account or chain. The old file is moved aside, never deleted. Keys,
    warrants, weights and evidence are files of their own, and stay.
    """
    connection = find_connection(account, sonar)
    done = rebuild_state(home or default_home(), connection)
    if done.aside.exists():
        click.echo(f"The old file is {done.aside}.")
    found = f"{counted(done.campaigns, 'Campaign')}; Gradients: {done.scored} scored, {done.waiting} waiting"
    click.echo(f"Found on chain for {connection.chain.sender}: {found}.")
    for campaign in done.keyless:
        click.echo(f"The key pair of Campaign 0x{campaign.hex()} is not here: restore the home from its backup.")
    click.echo("Lost, since it is not on chain: why Gradients were rejected.")
    click.echo("Check the warrants with `ape capsule log --verify`.")
