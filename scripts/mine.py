"""The event-listening miner: `ape run mine --account miner --network ...` works for Campaigns until it is stopped."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_mine.service import default_home, open_mine, serve
from ape_sonar.errors import cli_errors


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--home", type=click.Path(path_type=Path), envvar="SONAR_MINE_HOME", help="The Mine's folder.")
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@cli_errors()
def cli(account, home, poll):
    with open_mine(account, home or default_home()) as mine:
        serve(mine, lambda action: click.echo(f"{action.kind}: {action.words}"), poll_interval=poll)
