"""`ape mine init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_mine.commands.options import home_option, sonar_option
from ape_mine.home.home import Home
from ape_mine.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.cli.errors import cli_errors


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@cli_errors()
def init(account: Any, home: Path | None, sonar: str | None) -> None:
    """Create the home of an account's Mine. Nothing leaves it before it has a policy."""
    chain = find_connection(account, sonar).chain
    created = Home.create(home or default_home(), chain.sender, chain.address)
    click.echo(f"The home of the Mine of {chain.sender} is {created.folder}.")
    click.echo("Next: `ape mine add NAME FILE SCHEMA`, then `ape mine policy FILE`, then `ape mine run`.")
