"""Options that several of `ape mine`'s commands take."""

from __future__ import annotations

from pathlib import Path

import click

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SONAR_MINE_HOME",
    help="The Mine's folder. Default: `mine` in Sonar's home.",
)
sonar_option = click.option("--sonar", help="Address of the Sonar contract. Default: the one deployed from this home.")
