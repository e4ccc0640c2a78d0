"""`ape capsule backup`, `restore` and `destroy`: what is kept of the keys, and what is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, parse_campaign, passphrase_option, sonar_option, yes_option
from ape_capsule.errors import KeyInUseError, RingNotHeldError
from ape_capsule.keys.announced_certificates import held_in
from ape_capsule.keys.destruction_statement import DestructionStatement, publish_statement
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import destroy_key
from ape_capsule.maintenance.backup import BackupContents, back_up
from ape_capsule.maintenance.backup import restore as restore_home
from ape_capsule.service import KEYS_FOLDER, STATEMENTS_FOLDER, default_home, lock, read_ledger
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_store
from sonar_core.cli.errors import cli_errors
from sonar_core.crypto.certificates import Certificate
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import EMPTY_BYTES32
from sonar_core.service.blob_retention import over_since


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@passphrase_option
@cli_errors()
def backup(file: Path, home: Path | None, passphrase: str) -> None:
    """Write all that the Capsule needs into FILE.

    It is under the passphrase of the vaults. The Capsule may be serving meanwhile.
    """
    click.echo(f"{_told(back_up(home or default_home(), file, passphrase))} are in {file}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@passphrase_option
@cli_errors()
def restore(file: Path, home: Path | None, passphrase: str) -> None:
    """Put a backup back as a home that is not there yet."""
    place = home or default_home()
    click.echo(f"{_told(restore_home(file, place, passphrase))} are back in {place}.")
    click.echo("What came after the backup is not in it: key pairs of Campaigns opened since, and warrants.")
    click.echo(
        "`ape capsule doctor` finds the first, `ape capsule log --verify` the second. Run only one home of the two."
    )


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

    It is settled, and its audit window over. Nothing of it can be decrypted ever after, and a signed statement says
    so. Cut short, run it again.
    """
    identity, place, site = parse_campaign(name), home or default_home(), find_connection(account, sonar)
    with lock(place):
        capsule = Identity.load(place, passphrase)
        campaign = _finished(identity, place, site)
        signer = _signer(capsule, campaign)
        if not yes:
            click.confirm(f"Nothing of {name} can be decrypted ever after. Go on?", abort=True)
        destroy_key(place / KEYS_FOLDER, identity)
        destruction = _destruction(campaign, site)
        statement, signature = publish_statement(place / STATEMENTS_FOLDER, destruction, capsule, signer)
    click.echo(f"The key pair of {name} is gone.")
    click.echo(f"{statement} says so, and {signature.name} beside it that you do: publish both.")


def _finished(identity: bytes, home: Path, site: Connection) -> CampaignState:
    """A Campaign that nobody needs a key pair of any more. Raises KeyInUseError, LedgerError."""
    campaign = read_ledger(site, home).campaign(identity)
    now = site.chain.timestamp()
    if over_since(campaign, now) is None:
        raise KeyInUseError(identity, campaign.status(now).name.capitalize())
    return campaign


def _signer(identity: Identity, campaign: CampaignState) -> Certificate:
    """The certificate that the Campaign knows the Capsule by; where its key is forgotten, the current one."""
    if campaign.start is None:
        return identity.certificate
    try:
        return held_in(identity, configured_store(), campaign.certificates)
    except RingNotHeldError:
        return identity.certificate


def _destruction(campaign: CampaignState, site: Connection) -> DestructionStatement:
    root = campaign.start.public_key_root if campaign.start else EMPTY_BYTES32
    return DestructionStatement(
        chain_id=site.chain.chain_id,
        contract=site.chain.address,
        capsule=campaign.terms.capsule,
        campaign="0x" + campaign.id.hex(),
        public_key_root="0x" + root.hex(),
        destroyed_at=int(time.time()),
    )


def _told(contents: BackupContents) -> str:
    parts = f"{contents.files} files, {contents.keys} key pairs and {contents.warrants} lines of the warrant log"
    return f"{parts} of identity {contents.fingerprint}"
