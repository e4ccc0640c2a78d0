"""A Campaign from its file to the trained Model: `ape run campaign FILE --account alice --network ...`."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.campaign_file import read_campaign_file
from ape_sonar.client import connect_active
from ape_sonar.identity_vault import PASSPHRASE
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options


@click.command(cls=ConnectedProviderCommand)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@account_option()
@passphrase_options(PASSPHRASE, "your vault")
@cli_errors()
def cli(file, account, passphrase):
    """Create what FILE describes, follow it to its end, and open what it trained; started again, it continues."""
    arguments, parent = read_campaign_file(file)
    sonar = connect_active(account, passphrase)
    campaign = sonar.create(parent=sonar.campaign(parent) if parent else None, **arguments)
    click.echo(f"Campaign 0x{campaign.id.hex()}: Miners can earn {campaign.remaining_reward}.")
    for gradient in campaign.watch():
        click.echo(f"Gradient {gradient.number} of {gradient.miner}: {gradient.verdict}, earns {gradient.reward}")
    trained = campaign.result()
    click.echo(f"The trained Model is verified: accuracy {trained.accuracy:.4f} on your validation set.")
