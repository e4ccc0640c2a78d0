"""A Campaign from its file to the trained Model: `ape run campaign FILE --account alice --network ...`."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.campaign_file import read_campaign_file
from ape_sonar.client import connect_active
from ape_sonar.identity_vault import PASSPHRASE
from ape_sonar.previews import create_preview
from sonar_core.cli.confirmation import confirmation_options
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.cli.signing import unlock


@click.command(cls=ConnectedProviderCommand)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@account_option()
@passphrase_options(PASSPHRASE, "your vault")
@confirmation_options
@cli_errors()
def cli(file, account, passphrase, confirmation):
    """Create what FILE describes, follow it to its end, and open what it trained; started again, it continues."""
    request, parent = read_campaign_file(file)
    sonar = connect_active(account, passphrase)
    prepared = sonar.prepare(parent=sonar.campaign(parent) if parent else None, **request)
    if prepared.existing is None:
        prepared.require_funds()
        if not confirmation.ask(create_preview(prepared)):
            return
    unlock(account)
    campaign = prepared.create()
    click.echo(f"Campaign 0x{campaign.id.hex()}: Miners can earn {campaign.remaining_reward}.")
    for gradient in campaign.watch():
        click.echo(f"Gradient {gradient.number} of {gradient.miner}: {gradient.verdict}, earns {gradient.reward}")
    trained = campaign.result()
    click.echo(f"The trained Model is verified: accuracy {trained.accuracy:.4f} on your validation set.")
