"""`ape sonar key`: the Data Scientist's own OpenPGP keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ape_sonar.campaign_drafts import DraftBook
from ape_sonar.commands.options import (
    home_option,
    identity_passphrase,
    new_file,
    print_json,
    require_new,
    unlock_identity,
)
from ape_sonar.identity_vault import IdentityVault, read_key
from sonar_core.app.settings import settings
from sonar_core.base.atomic_files import write_atomically
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.crypto.certificates import parse_certificate
from sonar_core.protocol.campaign_spec import CampaignSpec

#: Most bytes of a key file.
_LARGEST_KEY = 1 << 20


@click.group()
def key() -> None:
    """Import, export and show your OpenPGP keys."""


@key.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace another key. It is kept for the Campaigns created with it.")
@home_option
@identity_passphrase
@cli_errors()
def import_command(file: Path, force: bool, home: Path | None, passphrase: str | None) -> None:
    """Use the secret key in FILE, made by gpg, for new Campaigns.

    `gpg --export-secret-keys FINGERPRINT` writes such a file. The key must be able to sign and to decrypt, and must
    not be protected by a passphrase of its own (`gpg --passwd` removes it): the vault protects it.
    """
    with file.open("rb") as opened:
        own = read_key(opened.read(_LARGEST_KEY))
    identity = _open(home, passphrase, may_create=True)
    replaced = identity.add(own, replace=force)
    click.echo(f"New Campaigns are delivered to key {own.fingerprint} ({', '.join(own.certificate.user_ids)}).")
    if (expires := own.certificate.expires) is not None:
        click.echo(f"It expires on {expires:%Y-%m-%d}: open deliveries before, or extend it and import it again.")
    if replaced:
        click.echo("The key that it replaced is kept for the Campaigns that were created with it.")


@key.command()
@click.argument("file", type=new_file, required=False)
@click.option("--secret", is_flag=True, help="Write the secret key, unprotected, to FILE.")
@home_option
@identity_passphrase
@cli_errors()
def export(file: Path | None, secret: bool, home: Path | None, passphrase: str | None) -> None:
    """Print the certificate, or write the key to FILE, for `gpg --import`."""
    require_new(file)
    if secret and file is None:
        raise click.UsageError("--secret needs FILE: a secret key is not printed")
    identity = _open(home, passphrase)
    if file is None:
        click.echo(identity.current_certificate().armoured(), nl=False)
        return
    data = identity.export_secret() if secret else identity.current_certificate().armoured().encode()
    write_atomically(file, data, mode=0o600 if secret else 0o644, replace=False)
    click.echo(f"Wrote {file}.")
    if secret:
        click.echo("It holds the secret key without any protection: delete it when gpg has imported it.")


@key.command()
@home_option
@json_option
@identity_passphrase
@cli_errors()
def show(home: Path | None, as_json: bool, passphrase: str | None) -> None:
    """Show your keys and the Campaigns that use them."""
    identity = _open(home, passphrase)
    used = _campaigns_by_key(DraftBook(identity.path.parent / "drafts"))
    facts: list[dict[str, Any]] = [
        {
            "fingerprint": one.fingerprint,
            "user_ids": list(one.user_ids),
            "created": one.created.isoformat(),
            "expires": one.expires.isoformat() if one.expires else None,
            "current": one.current,
            "campaigns": used.get(one.fingerprint, []),
        }
        for one in identity.facts()
    ]
    if as_json:
        print_json(facts)
        return
    for one in facts:
        click.echo(f"{one['fingerprint']}{' (for new Campaigns)' if one['current'] else ''}")
        click.echo(f"  {', '.join(one['user_ids'])}, expires {one['expires'] or 'never'}")
        for campaign in one["campaigns"]:
            click.echo(f"  Campaign {campaign}")


def _open(home: Path | None, passphrase: str | None, *, may_create: bool = False) -> IdentityVault:
    identity = IdentityVault(home or settings().home / "scientist", "")
    if not may_create:
        identity.require()
    unlock_identity(identity, passphrase, may_create=may_create)
    return identity


def _campaigns_by_key(drafts: DraftBook) -> dict[str, list[str]]:
    """Ids of this home's Campaigns by the fingerprint of the key that they are delivered to."""
    found: dict[str, list[Any]] = {}
    for draft in drafts:
        spec = CampaignSpec.from_bytes(drafts.part(draft.campaign, "spec.json"))
        fingerprint = parse_certificate(spec.certificate.encode()).fingerprint
        found.setdefault(fingerprint, []).append(f"0x{draft.campaign.hex()}")
    return found
