"""`ape mine add`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ape_mine.commands.options import home_option, rows_passphrase, unlocking, wrong_rows_shown
from ape_mine.datasets.schema_file import read_schema
from ape_mine.planning.status_views import view_datasets
from ape_mine.policy.document import Policy
from ape_mine.service import default_home, open_home
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import counted


@click.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("schema", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace the dataset of that name.")
@rows_passphrase
@home_option
@json_option
@cli_errors()
def add(
    name: str,
    file: Path,
    schema: Path,
    replace: bool,
    home: Path | None,
    as_json: bool,
    passphrase: str | None,
) -> None:
    """Check every row of FILE against SCHEMA and copy it into the Mine.

    FILE is a CSV or Parquet file, SCHEMA a Table Schema; `ape mine schema` drafts one.
    """
    opened = open_home(home or default_home(), unlocking(passphrase))
    with wrong_rows_shown():
        dataset = opened.datasets.add(name, file, read_schema(schema), replace=replace)
    with opened.state().opened() as state:
        (view,) = view_datasets([dataset], Policy(), state.releases)
    if as_json:
        click.echo(json.dumps(asdict(view)))
    else:
        click.echo(f"{name}: {counted(view.rows, 'row')} of {', '.join(view.columns)}.")
