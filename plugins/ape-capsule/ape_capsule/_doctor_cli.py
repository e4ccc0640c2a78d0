"""`ape capsule doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import account_option

from ape_sonar.errors import cli_errors
from ape_sonar.operations.doctor import DoctorCommand, examine, tell
from ape_sonar.passphrases import passphrase_options

from .doctor import capsule_checks
from .service import PASSPHRASE, default_home


@click.command(cls=DoctorCommand)
@account_option()
@click.option("--home", type=click.Path(path_type=Path), envvar="SONAR_CAPSULE_HOME", help="The Capsule's folder.")
@click.option("--sonar", help="Address of the Sonar contract. Default: the one deployed from here.")
@passphrase_options(PASSPHRASE, "the vaults", needed=False)
@click.option("--write", is_flag=True, help="Try the store with a tiny blob.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
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
