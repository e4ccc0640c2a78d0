"""`ape capsule doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import account_option

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.home.paths import PASSPHRASE_VARIABLE, default_home
from ape_capsule.maintenance.doctor import capsule_checks
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.service.doctor import DoctorCommand, examine, tell


@click.command(cls=DoctorCommand)
@account_option()
@home_option
@sonar_option
@passphrase_options(PASSPHRASE_VARIABLE, "the vaults", needed=False)
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
    """Show what keeps this Capsule from working, and what to do.

    Exit status 1 if anything does.
    """
    checks = capsule_checks(account, provider, home or default_home(), passphrase, sonar=sonar, write=write)
    tell(examine(checks), as_json=as_json)
