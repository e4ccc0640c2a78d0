"""`ape mine doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ape_mine.commands.options import home_option
from ape_mine.maintenance.doctor import mine_checks
from ape_mine.service import default_home
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import parse_address
from sonar_core.service.doctor import DoctorCommand, examine, tell


@click.command(cls=DoctorCommand)
@home_option
@click.option("--account", help="Alias or address of the account that should own the home. Default: not checked.")
@click.option("--sonar", help="Address of the Sonar contract. Default: the one that the Mine was created for.")
@click.option("--write", is_flag=True, help="Try the store with a tiny blob.")
@json_option
@cli_errors()
def doctor(
    provider: Any, home: Path | None, account: str | None, sonar: str | None, write: bool, as_json: bool
) -> None:
    """Report what prevents this Mine from working, and what to do. The exit status is 1 if anything does."""
    owner = None if account is None else _address(account)
    checks = mine_checks(provider, home or default_home(), account=owner, sonar=sonar, write=write)
    tell(examine(checks), as_json=as_json)


def _address(account: str) -> str:
    """Address of an account that is given by alias or address. Raises UsageError, ApeException."""
    from ape import accounts

    return parse_address(account) if account.startswith("0x") else str(accounts.load(account).address)
