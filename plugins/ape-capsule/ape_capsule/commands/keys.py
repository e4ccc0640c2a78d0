"""`ape capsule rotate`, `keys`, `certificates` and `forget`: the OpenPGP keys that others know the Capsule by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option
from rich.table import Table

from ape_capsule.commands.options import home_option, parse_fingerprint, passphrase_option, sonar_option, yes_option
from ape_capsule.keys.announced_certificates import KeyNeed, needs
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.maintenance.key_rotation import RotationPhase, announced_by, next_step, without
from ape_capsule.maintenance.key_rotation import forget as forget_key
from ape_capsule.maintenance.key_rotation import rotate as rotate_key
from ape_capsule.service import default_home, lock, own_campaigns
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_store
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.crypto.certificates import Certificate, format_keyring
from sonar_core.store import BlobStore


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@click.option("--user-id", help="Of the new certificate. Default: as before.")
@yes_option
@cli_errors()
def rotate(account: Any, home: Path | None, sonar: str | None, passphrase: str, user_id: str | None, yes: bool) -> None:
    """Replace the OpenPGP key by a new one, and announce it.

    The old key certifies the new one, and stays here for the Campaigns that know the Capsule by it. Stop the service
    first, and back up after it. Cut short, run it again.
    """
    place, site, store = home or default_home(), find_connection(account, sonar), configured_store()
    with lock(place):
        identity = Identity.load(place, passphrase)
        step = next_step(identity, announced_by(site.chain, store, identity))
        click.echo(_plan(step, identity, site, _needs(identity, store, site, place)))
        if not yes:
            click.confirm("Go on?", abort=True)
        identity, receipt = rotate_key(site.chain, store, place, passphrase, identity, user_id=user_id)
    click.echo(f"{identity.certificate.fingerprint} is announced as {site.chain.sender} in block {receipt.block}.")
    click.echo("Back up again: it is in no backup yet, and what is sealed to it can be opened by nothing else.")


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@json_option
@cli_errors()
def keys(account: Any, home: Path | None, sonar: str | None, passphrase: str, as_json: bool) -> None:
    """Show the OpenPGP keys, and which Campaigns need which."""
    place, site, store = home or default_home(), find_connection(account, sonar), configured_store()
    identity = Identity.load(place, passphrase)
    announced = announced_by(site.chain, store, identity)
    needed = _needs(identity, store, site, place)
    facts = [_facts(certificate, identity, announced, needed) for certificate in identity.certificates]
    if as_json:
        click.echo(json.dumps(facts))
        return
    table = Table("Certificate", "Since", "State", "Needed by")
    for fact in facts:
        state = fact["state"] + (", announced" if fact["announced"] else "")
        campaigns = ", ".join(campaign[:12] for campaign in fact["campaigns"])
        table.add_row(fact["fingerprint"], fact["created"][:10], state, campaigns or "no Campaign")
    open_console().print(table)
    for need in needed:
        if not need.is_held:
            click.echo(f"Campaign 0x{need.campaign.hex()} knows the Capsule by a certificate whose key is not here.")


@click.command()
@home_option
@passphrase_option
@cli_errors()
def certificates(home: Path | None, passphrase: str) -> None:
    """Print the OpenPGP certificates, as gpg reads them.

    The current one comes first; those of retired keys follow.
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

    `ape capsule keys` shows its FINGERPRINT, and who needs it. Stop the service first. Cut short, run it again.
    """
    key = parse_fingerprint(fingerprint)
    place, site, store = home or default_home(), find_connection(account, sonar), configured_store()
    with lock(place):
        identity = Identity.load(place, passphrase)
        announced, needed = announced_by(site.chain, store, identity), _needs(identity, store, site, place)
        rest = without(identity, key, announced=announced, needed=needed)
        if not yes:
            click.confirm(f"Nothing that was sealed to {key} can be opened here ever after. Go on?", abort=True)
        count = forget_key(place, passphrase, identity, rest, key)
    click.echo(f"The key {key} is gone; {count} files of this home are sealed to the current one instead.")
    click.echo("Backups hold it still.")


def _plan(step: RotationPhase, identity: Identity, site: Connection, needed: list[KeyNeed]) -> str:
    current = identity.certificate.fingerprint
    if step is RotationPhase.ANNOUNCE:
        return f"A rotation was cut short: {current} is here, and is announced now as {site.chain.sender}."
    return (
        f"A new key takes the place of {current}, which certifies it, and {site.chain.sender} announces it on the same "
        f"terms. New Campaigns are sealed to it. {current} stays here for the Campaigns that know the Capsule by it: "
        f"{len(needed)} are not over."
    )


def _needs(identity: Identity, store: BlobStore, site: Connection, home: Path) -> list[KeyNeed]:
    return list(needs(identity, store, own_campaigns(site, home), site.chain.timestamp()))


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
