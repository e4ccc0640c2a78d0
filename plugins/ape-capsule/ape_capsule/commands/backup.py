"""`ape capsule backup` and `ape capsule restore`: the home in one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from ape_capsule.commands.options import home_option, passphrase_option
from ape_capsule.home.paths import default_home
from ape_capsule.maintenance.backup import BackupContents, back_up
from ape_capsule.maintenance.backup import restore as restore_home
from sonar_core.cli.errors import cli_errors


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@passphrase_option
@cli_errors()
def backup(file: Path, home: Path | None, passphrase: str) -> None:
    """Write all that the Capsule needs into FILE.

    FILE is under the passphrase of the vaults. The Capsule may serve meanwhile.
    """
    click.echo(f"{_described(back_up(home or default_home(), file, passphrase))} are in {file}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@passphrase_option
@cli_errors()
def restore(file: Path, home: Path | None, passphrase: str) -> None:
    """Put a backup back as a home that does not exist yet."""
    folder = home or default_home()
    click.echo(f"{_described(restore_home(file, folder, passphrase))} are back in {folder}.")
    click.echo("It lacks what came after the backup: key pairs of Campaigns opened since, and warrants.")
    click.echo("`ape capsule doctor` finds missing keys, `ape capsule log --verify` missing warrants.")
    click.echo("Run only one home of one Capsule.")


def _described(contents: BackupContents) -> str:
    parts = f"{contents.files} files, {contents.keys} key pairs and {contents.warrants} lines of the warrant log"
    return f"{parts} of identity {contents.fingerprint}"
