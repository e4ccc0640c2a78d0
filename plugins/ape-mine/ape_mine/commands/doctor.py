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
from sonar_core.service.doctor import DoctorCommand, examine, tell


@click.command(cls=DoctorCommand)
@home_option
@click.option("--sonar", help="Address of the Sonar contract. Default: the one that the Mine was made for.")
@click.option("--write", is_flag=True, help="Try the store with a tiny blob.")
@json_option
@cli_errors()
def doctor(provider: Any, home: Path | None, sonar: str | None, write: bool, as_json: bool) -> None:
    """Say what keeps this Mine from working, and what to do. Exit status 1 if anything does."""
    tell(examine(mine_checks(provider, home or default_home(), sonar=sonar, write=write)), as_json=as_json)
