"""`ape capsule rotate`, `keys`, `certificates` and `forget`: the OpenPGP keys that others know the Capsule by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import (
    home_option,
    parse_fingerprint,
    passphrase_option,
    sonar_option,
    yes_option,
)
from ape_capsule.home.paths import default_home, lock
from ape_capsule.keys.announced_certificates import KeyNeed, key_needs
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.maintenance.key_rotation import RotationPhase, announced_by, next_phase, without_key
from ape_capsule.maintenance.key_rotation import forget as forget_key
from ape_capsule.maintenance.key_rotation import rotate as rotate_key
from ape_capsule.service import own_campaigns
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_store
from sonar_core.cli.confirmation import Confirmation, Preview, confirmation_options
from sonar_core.cli.console import json_option, print_table
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.signing import unlock
from sonar_core.crypto.certificates import Certificate, format_keyring
from sonar_core.protocol.units import counted
from sonar_core.store import BlobStore


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@click.option("--user-id", help="Of the new certificate. Default: as before.")
@confirmation_options
@cli_errors()
def rotate(
    account: Any,
    home: Path | None,
    sonar: str | None,
    passphrase: str,
    user_id: str | None,
    confirmation: Confirmation,
) -> None:
    """Replace the OpenPGP key by a new one, and announce it.

    The old key certifies the new one, and stays here for the Campaigns that know the Capsule by it. Stop the service
    first, and back up afterwards. If the command is cut short, run it again.
    """
    folder, connection, store = home or default_home(), find_connection(account, sonar), configured_store()
    chain = connection.chain
    with lock(folder):
        identity = Identity.load(folder, passphrase)
        phase = next_phase(identity, announced_by(chain, store, identity))
        if not confirmation.ask(_preview(phase, identity, connection, _needs(identity, store, connection, folder))):
            return
        unlock(account)
        identity, receipt = rotate_key(chain, store, folder, passphrase, identity, user_id=user_id)
    click.echo(f"{identity.certificate.fingerprint} is announced as {chain.sender} in block {receipt.block}.")
    click.echo("Back up again: no backup has the new key yet, and nothing else unseals what is sealed to it.")


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@json_option
@cli_errors()
def keys(account: Any, home: Path | None, sonar: str | None, passphrase: str, as_json: bool) -> None:
    """Show the OpenPGP keys, and which Campaigns need which."""
    folder, connection, store = home or default_home(), find_connection(account, sonar), configured_store()
    identity = Identity.load(folder, passphrase)
    announced = announced_by(connection.chain, store, identity)
    needed = _needs(identity, store, connection, folder)
    facts = [_facts(certificate, identity, announced, needed) for certificate in identity.certificates]
    if as_json:
        click.echo(json.dumps(facts))
        return
    rows = [
        (
            fact["fingerprint"],
            fact["created"][:10],
            fact["state"] + (", announced" if fact["announced"] else ""),
            " ".join(fact["campaigns"]) or "no Campaign",
        )
        for fact in facts
    ]
    print_table(("Certificate", "Since", "State", "Needed by"), rows)
    for need in needed:
        if not need.is_held:
            click.echo(
                f"Campaign 0x{need.campaign.hex()} knows the Capsule by a certificate whose key is not in this home."
            )


@click.command()
@home_option
@passphrase_option
@cli_errors()
def certificates(home: Path | None, passphrase: str) -> None:
    """Print the OpenPGP certificates, as gpg reads them.

    The current one is first; those of retired keys follow.
    """
    click.echo(format_keyring(Identity.load(home or default_home(), passphrase).certificates), nl=False)


@click.command(cls=ConnectedProviderCommand)
@click.argument("fingerprint")
@account_option()
@home_option
@sonar_option
@passphrase_option
@yes_option
@cli_errors()
def forget(fingerprint: str, account: Any, home: Path | None, sonar: str | None, passphrase: str, yes: bool) -> None:
    """Remove a retired OpenPGP key that no Campaign needs.

    `ape capsule keys` shows its FINGERPRINT, and which Campaigns need it. Stop the service first. If the command is cut
    short, run it again.
    """
    key = parse_fingerprint(fingerprint)
    folder, connection, store = home or default_home(), find_connection(account, sonar), configured_store()
    with lock(folder):
        identity = Identity.load(folder, passphrase)
        announced = announced_by(connection.chain, store, identity)
        rest = without_key(identity, key, announced=announced, needed=_needs(identity, store, connection, folder))
        if not yes and not click.confirm(f"Afterwards nothing that is sealed to {key} can be unsealed here. Go on?"):
            click.echo("Nothing was removed.")
            return
        count = forget_key(folder, passphrase, identity, rest, key)
    click.echo(f"The key {key} is gone; {counted(count, 'file')} of this home were sealed to the current one first.")
    click.echo("Backups still hold it.")


def _preview(phase: RotationPhase, identity: Identity, connection: Connection, needed: list[KeyNeed]) -> Preview:
    current = identity.certificate.fingerprint
    if phase is RotationPhase.ANNOUNCE:
        rows = [("Capsule", connection.chain.sender), ("Key to announce", f"{current}, which is on disk already")]
        return Preview("Finish a key rotation that was cut short", rows)
    rows = [
        ("Capsule", connection.chain.sender),
        ("Current key", f"{current}, which certifies the new one and is retired"),
        ("New Campaigns", "are sealed to the new key; the terms stay as they are"),
        ("Unfinished Campaigns", f"{len(needed)}, which keep the key that they know"),
    ]
    return Preview("Rotate the OpenPGP key", rows, ["No backup of before has the new key: back up afterwards."])


def _needs(identity: Identity, store: BlobStore, connection: Connection, home: Path) -> list[KeyNeed]:
    return list(key_needs(identity, store, own_campaigns(connection, home), connection.chain.timestamp()))


def _facts(
    certificate: Certificate, identity: Identity, announced: Certificate, needed: list[KeyNeed]
) -> dict[str, Any]:
    fingerprint = certificate.fingerprint
    return {
        "fingerprint": fingerprint,
        "user_id": certificate.user_ids[0],
        "created": certificate.created.isoformat(),
        "state": "current" if fingerprint == identity.certificate.fingerprint else "retired",
        "announced": fingerprint == announced.fingerprint,
        "campaigns": ["0x" + need.campaign.hex() for need in needed if fingerprint in need.keys],
    }
