"""`ape capsule backup`, `restore` and `destroy`: what is kept of the keys, and what is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.chronicle import Chronicle
from ape_sonar.errors import cli_errors
from ape_sonar.site import Site, find_site
from ape_sonar.terms import Status

from ..backup import Contents, back_up
from ..backup import restore as restore_home
from ..errors import KeyInUseError
from ..identity import Identity
from ..keystore import destroy_key
from ..service import KEYS_FOLDER, STATE_FILE, STATEMENTS_FOLDER, default_home, lock
from ..state import State
from ..statements import Destruction, publish_statement
from .options import home_option, parse_campaign, passphrase_option, sonar_option

_NEVER_OPEN = (Status.DECLINED, Status.CANCELLED)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@passphrase_option
@cli_errors()
def backup(file: Path, home: Path | None, passphrase: str) -> None:
    """Write all that the Capsule needs to go on into FILE, under its passphrase; it may be serving meanwhile."""
    click.echo(f"{_told(back_up(home or default_home(), file, passphrase))} are in {file}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@passphrase_option
@cli_errors()
def restore(file: Path, home: Path | None, passphrase: str) -> None:
    """Put the backup in FILE back as a home that is not there yet."""
    place = home or default_home()
    click.echo(f"{_told(restore_home(file, place, passphrase))} are back in {place}.")
    click.echo("What came after the backup is not in it: key pairs of Campaigns opened since, and warrants.")
    click.echo(
        "`ape capsule doctor` finds the first, `ape capsule log --verify` the second. Run only one home of the two."
    )


@click.command(cls=ConnectedProviderCommand)
@click.argument("campaign")
@account_option()
@home_option
@sonar_option
@passphrase_option
@cli_errors()
def destroy(campaign: str, account: Any, home: Path | None, sonar: str | None, passphrase: str) -> None:
    """Destroy the key pair of a CAMPAIGN that is settled, and sign that it is gone.

    Nothing of the Campaign can be decrypted ever after. Cut short, run it again.
    """
    identity, place, site = parse_campaign(campaign), home or default_home(), find_site(account, sonar)
    with lock(place):
        signer = Identity.load(place, passphrase)
        destruction = _destruction(identity, place, site)
        destroy_key(place / KEYS_FOLDER, identity)
        statement, signature = publish_statement(place / STATEMENTS_FOLDER, destruction, signer)
    click.echo(f"The key pair of {campaign} is gone.")
    click.echo(f"{statement} says so, and {signature.name} beside it that you do: publish both.")


def _destruction(identity: bytes, home: Path, site: Site) -> Destruction:
    """What is to be said of a Campaign's key pair. Raises KeyInUseError while it is needed."""
    state = State(home / STATE_FILE)
    try:
        chronicle = Chronicle(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
        campaign = chronicle.ahead().campaign(identity)
    finally:
        state.close()
    now = site.chain.timestamp()
    status = campaign.status(now)
    # Until claims open an arbiter may ask for what only the key can show.
    if status not in _NEVER_OPEN and not campaign.claims_open(now):
        raise KeyInUseError(identity, status.name.capitalize())
    root = campaign.opening.public_key_root if campaign.opening else bytes(32)
    return Destruction(
        chain_id=site.chain.chain_id,
        contract=site.chain.address,
        capsule=campaign.terms.capsule,
        campaign="0x" + identity.hex(),
        public_key_root="0x" + root.hex(),
        destroyed_at=int(time.time()),
    )


def _told(contents: Contents) -> str:
    parts = f"{contents.files} files, {contents.keys} key pairs and {contents.warrants} lines of the warrant log"
    return f"{parts} of identity {contents.fingerprint}"
