"""Options, passphrases and output that several commands of `ape sonar` share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ape_sonar.identity_vault import PASSPHRASE, SHORT_PASSPHRASE, IdentityVault
from sonar_core.base.errors import SonarError, UsageError
from sonar_core.cli.passphrases import passphrase_options

campaign_option = click.option("--campaign", required=True, metavar="ID", help="The Campaign's id, or its beginning.")
home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of keys and drafts. Default: `scientist` in Sonar's home.",
)
sonar_option = click.option("--sonar", help="Address of the Sonar contract. Default: the one deployed from here.")
new_file = click.Path(path_type=Path, dir_okay=False, writable=True)
#: The vault's passphrase from a descriptor, the keyring or the environment; None: to be asked for when it is needed.
identity_passphrase: Callable[..., Any] = passphrase_options(PASSPHRASE, "your vault", needed=False)


class OutputExistsError(SonarError, ValueError):
    """A file that would be overwritten."""


def require_new(*paths: Path | None) -> None:
    """Raises OutputExistsError if one of the files exists."""
    for path in paths:
        if path is not None and path.exists():
            raise OutputExistsError(f"{path} exists already; it was left as it is: name another file")


def print_json(document: Any) -> None:
    """Prints one line of JSON."""
    click.echo(json.dumps(document))


def unlock_identity(identity: IdentityVault, given: str | None, *, may_create: bool = False) -> None:
    """Unlocks the vault of the Data Scientist's OpenPGP keys.

    Args:
        identity: the vault.
        given: passphrase from an option or the environment; None: the terminal is asked.
        may_create: True if a vault that does not exist is about to be made; its passphrase is asked for twice.

    Raises:
        UsageError: the passphrase is empty.
    """
    is_new = may_create and not identity.exists
    if is_new:
        click.echo(
            f"You have no OpenPGP key yet: a new one is made in {identity.path}.\n"
            "A trained Model is sealed to it. Without this file and its passphrase nobody can open it: keep copies.",
            err=True,
        )
    if given is None:
        prompt = "Choose a passphrase for the new key" if is_new else "Passphrase of your vault"
        given = click.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True)
    if not given:
        raise UsageError(f"the passphrase of {identity.path} is empty: set {PASSPHRASE} to another, or unset it")
    if is_new and len(given) < SHORT_PASSPHRASE:
        click.echo(f"Warning: the passphrase has fewer than {SHORT_PASSPHRASE} characters.", err=True)
    identity.unlock(given)
