"""`ape capsule doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import account_option

from ape_sonar.errors import cli_errors
from ape_sonar.operations.doctor import DoctorCommand, examine, tell
from ape_sonar.passphrases import passphrase_options
from ape_sonar.screen import json_option

from ..doctor import capsule_checks
from ..service import PASSPHRASE, default_home
from .options import home_option, sonar_option


@click.command(cls=DoctorCommand)
@account_option()
@home_option
@sonar_option
@passphrase_options(PASSPHRASE, "the vaults", needed=False)
@click.option("--write", is_flag=True, help="Try the store with a tiny blob.")
@json_option
@cli_errors()
def doctor(
    account: Any,
    provider: Any,
    home: Path | None,
    sonar: str | None,
    passphrase: str | None,
    write: bool,
    as_json: bool,
) -> None:
    """Say what keeps this Capsule from working, and what to do. Exit status 1 if anything does."""
    checks = capsule_checks(account, provider, home or default_home(), passphrase, sonar=sonar, write=write)
    tell(examine(checks), as_json=as_json)
