"""`ape capsule init`: makes the Capsule's OpenPGP identity."""

from __future__ import annotations

from pathlib import Path

import click

from ape_capsule.commands.options import home_option
from ape_capsule.home.paths import PASSPHRASE_VARIABLE, default_home
from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options


@click.command()
@home_option
@click.option("--user-id", default="Capsule <capsule@localhost>", show_default=True, help="Of the OpenPGP certificate.")
@passphrase_options(PASSPHRASE_VARIABLE, "the Capsule's vaults", confirm=True)
@cli_errors()
def init(home: Path | None, user_id: str, passphrase: str) -> None:
    """Make the Capsule's OpenPGP identity.

    All its vaults are under one passphrase. Without it nothing in them can be opened by anybody: Campaigns cannot be
    scored or delivered, and their bonds are lost.
    """
    folder = home or default_home()
    identity = Identity.create(folder, user_id, passphrase)
    click.echo(f"OpenPGP identity {identity.certificate.fingerprint} is in {folder}.")
    click.echo("Keep the passphrase: without it no Campaign can be scored or delivered, and bonds are lost.")
    click.echo("Next: `ape capsule announce`; back up with `ape capsule backup FILE` once a Campaign is open.")
