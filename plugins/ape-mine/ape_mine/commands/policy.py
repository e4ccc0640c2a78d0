"""`ape mine policy`."""

from __future__ import annotations

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from ape_mine.commands.options import home_option, rows_passphrase, sonar_option, unlocking
from ape_mine.home.home import Home
from ape_mine.planning.dataset_selection import today
from ape_mine.policy.idle_rules import idle_parts
from ape_mine.service import default_home, open_home
from sonar_core.app.connection import find_connection
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import counted


@click.command(cls=ConnectedProviderCommand)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@rows_passphrase
@home_option
@sonar_option
@cli_errors()
def policy(file: Path | None, home: Path | None, sonar: str | None, passphrase: str | None) -> None:
    """Put the policy in FILE in force. The datasets that it gives paths for are imported; without FILE it is shown."""
    if file is None:
        click.echo(Home(home or default_home()).policy_text() or "No policy: nothing leaves.")
        return
    opened = open_home(home or default_home(), unlocking(passphrase))
    adopted = opened.adopt(file, find_connection(None, sonar).tokens)
    click.echo(f"In force: {counted(len(adopted.allow), 'rule')} for {counted(len(adopted.datasets), 'dataset')}.")
    for message in idle_parts(adopted, opened.schemas(adopted), today()):
        click.echo(f"Warning: {message}.", err=True)
