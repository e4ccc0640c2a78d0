"""Options, arguments and table columns that several commands of `ape capsule` share."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ape_capsule.home.paths import PASSPHRASE_VARIABLE
from sonar_core.base.errors import UsageError
from sonar_core.cli.passphrases import passphrase_options

_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_CAMPAIGN = re.compile(r"0x[0-9a-fA-F]{64}")

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    envvar="SONAR_CAPSULE_HOME",
    help="The Capsule's folder. Default: `capsule` in Sonar's home.",
)
sonar_option = click.option("--sonar", help="Address of the Sonar contract. Default: the one deployed from here.")
yes_option = click.option("--yes", is_flag=True, help="Go on without a question.")
passphrase_option = passphrase_options(PASSPHRASE_VARIABLE, "the Capsule's vaults")


def parse_campaign(text: str) -> bytes:
    """A Campaign's id. Raises UsageError."""
    if not _CAMPAIGN.fullmatch(text):
        raise UsageError(f"{text!r:.80} is no Campaign: write its id, 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def parse_fingerprint(text: str) -> str:
    """The fingerprint of an OpenPGP certificate, with or without gpg's spaces. Raises UsageError."""
    fingerprint = "".join(text.split()).upper()
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError(f"{text!r:.80} is no fingerprint: write its 40 or 64 hex digits, as `ape capsule keys` does")
    return fingerprint
