"""`ape capsule destroy`: destroys the key pair of a Campaign that is over, and states so in public."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, parse_campaign, passphrase_option, sonar_option, yes_option
from ape_capsule.errors import KeyInUseError, RingNotHeldError
from ape_capsule.home.paths import KEYS_FOLDER, STATEMENTS_FOLDER, default_home, lock
from ape_capsule.keys.announced_certificates import our_certificate_in
from ape_capsule.keys.destruction_statement import DestructionStatement, publish_statement
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import destroy_key
from ape_capsule.service import read_ledger
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_store
from sonar_core.cli.errors import cli_errors
from sonar_core.crypto.certificates import Certificate
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import EMPTY_BYTES32
from sonar_core.service.blob_retention import over_since


@click.command(cls=ConnectedProviderCommand)
@click.argument("name", metavar="CAMPAIGN")
@account_option()
@home_option
@sonar_option
@passphrase_option
@yes_option
@cli_errors()
def destroy(name: str, account: Any, home: Path | None, sonar: str | None, passphrase: str, yes: bool) -> None:
    """Destroy the key pair of a CAMPAIGN that is over.

    The Campaign is settled and its audit window is over. Afterwards nothing of it can be decrypted, and a signed
    statement says so. If the command is cut short, run it again.
    """
    identifier, folder, connection = parse_campaign(name), home or default_home(), find_connection(account, sonar)
    with lock(folder):
        identity = Identity.load(folder, passphrase)
        campaign = _finished(identifier, folder, connection)
        signer = _signer(identity, campaign)
        if not yes and not click.confirm(f"Afterwards nothing of {name} can be decrypted. Go on?"):
            click.echo("Nothing was destroyed.")
            return
        destroy_key(folder / KEYS_FOLDER, identifier)
        destruction = _destruction(campaign, connection)
        statement, signature = publish_statement(folder / STATEMENTS_FOLDER, destruction, identity, signer)
    click.echo(f"The key pair of {name} is gone.")
    click.echo(f"{statement} states so, signed by {signature.name} beside it: publish both.")


def _finished(identifier: bytes, home: Path, connection: Connection) -> CampaignState:
    """A Campaign whose key pair nobody needs any more. Raises KeyInUseError, LedgerError."""
    campaign = read_ledger(connection, home).campaign(identifier)
    now = connection.chain.timestamp()
    if over_since(campaign, now) is None:
        raise KeyInUseError(identifier, campaign.status(now).name.capitalize())
    return campaign


def _signer(identity: Identity, campaign: CampaignState) -> Certificate:
    """The certificate by which the Campaign knows the Capsule; the current one if its key is forgotten."""
    if campaign.start is None:
        return identity.certificate
    try:
        return our_certificate_in(identity, configured_store(), campaign.certificates)
    except RingNotHeldError:
        return identity.certificate


def _destruction(campaign: CampaignState, connection: Connection) -> DestructionStatement:
    root = campaign.start.public_key_root if campaign.start else EMPTY_BYTES32
    return DestructionStatement(
        chain_id=connection.chain.chain_id,
        contract=connection.chain.address,
        capsule=campaign.terms.capsule,
        campaign="0x" + campaign.id.hex(),
        public_key_root="0x" + root.hex(),
        destroyed_at=int(time.time()),
    )
