"""The event-listening miner: `ape run mine --account miner --network ...` works for Campaigns until it is stopped."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_mine.service import default_home, open_mine, serve
from sonar_core.cli.errors import cli_errors
from sonar_core.service.action import reporter
from sonar_core.service.observer_setup import open_watch, watch_options


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--home", type=click.Path(path_type=Path), envvar="SONAR_MINE_HOME", help="The Mine's folder.")
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@watch_options
@cli_errors()
def cli(account, home, poll, watching):
    place = home or default_home()
    with (
        open_watch(watching, "mine", place, reporter(as_json=False)) as observer,
        open_mine(account, place, observer=observer) as mine,
    ):
        serve(mine, observer, poll_interval=poll)
