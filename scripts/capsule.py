"""The key oracle: `ape run capsule --account capsule --network ...` serves its Campaigns until it is stopped."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.service import PASSPHRASE, default_home, open_oracle, serve
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.service.action import reporter
from sonar_core.service.observer_setup import open_watch, watch_options


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--home", type=click.Path(path_type=Path), envvar="SONAR_CAPSULE_HOME", help="The Capsule's folder.")
@passphrase_options(PASSPHRASE, "the Capsule's vaults")
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@watch_options
@cli_errors()
def cli(account, home, passphrase, poll, watching):
    place = home or default_home()
    with (
        open_watch(watching, "capsule", place, reporter(as_json=False)) as observer,
        open_oracle(account, place, passphrase, observer) as oracle,
    ):
        serve(oracle, observer, poll_interval=poll)
