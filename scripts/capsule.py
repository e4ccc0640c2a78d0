"""The key oracle: `ape run capsule --account capsule --network ...` serves its Campaigns until it is stopped."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.service import default_home, open_oracle, serve
from ape_sonar.errors import cli_errors


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--home", type=click.Path(path_type=Path), envvar="SONAR_CAPSULE_HOME", help="The Capsule's folder.")
@click.option("--passphrase", envvar="SONAR_CAPSULE_PASSPHRASE", prompt=True, hide_input=True, help="Of its vaults.")
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@cli_errors()
def cli(account, home, passphrase, poll):
    with open_oracle(account, home or default_home(), passphrase) as oracle:
        serve(oracle, lambda action: click.echo(f"{action.kind}: {action.words}"), poll_interval=poll)
