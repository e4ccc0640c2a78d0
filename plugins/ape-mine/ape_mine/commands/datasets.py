"""The commands of `ape mine` that are about its data: imports, versions and their end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ape_mine.commands.options import home_option
from ape_mine.datasets.adapters.base import Adapter, Request
from ape_mine.datasets.adapters.registry import adapter_names, find_adapter
from ape_mine.datasets.importing import ImportResult, import_source
from ape_mine.datasets.labels import Labels
from ape_mine.datasets.schema_file import read_schema
from ape_mine.errors import ImportOptionError
from ape_mine.home.home import Home
from ape_mine.service import PASSPHRASE, default_home, open_home
from sonar_core.base.errors import one_line
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.data.row_errors import WrongRowsError

#: For commands that read or write rows.
rows_passphrase = passphrase_options(PASSPHRASE, "the Mine's rows", needed=False)
_Path = click.Path(path_type=Path)


def register(group: click.Group) -> None:
    """Adds the commands to `ape mine`."""
    for command in (import_, sources, versions, prune, remove, encrypt, change_passphrase):
        group.add_command(command)


@click.command("import")
@click.argument("source")
@click.argument("location")
@click.option("--name", help="Of the dataset. Default: the source's.")
@click.option("--schema", "schema_file", type=_Path, help="Table Schema, where the source has none of its own.")
@click.option("--key", help="Column whose value is each row's id.")
@click.option("--labels", "labels_file", type=_Path, help="CSV with the header id,NAME: annotations of your own.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the source; see `sources`.")
@click.option("--skip-wrong", is_flag=True, help="Leave wrong rows out, and say which.")
@click.option("--replace", is_flag=True, help="Keep no row of before in the new version.")
@rows_passphrase
@home_option
@json_option
@cli_errors()
def import_(
    source: str,
    location: str,
    name: str | None,
    schema_file: Path | None,
    key: str | None,
    labels_file: Path | None,
    settings: tuple[str, ...],
    skip_wrong: bool,
    replace: bool,
    home: Path | None,
    as_json: bool,
    passphrase: str | None,
) -> None:
    """Bring what is new of the SOURCE at LOCATION into a dataset. `ape mine sources` lists what is read."""
    place = open_home(home or default_home(), unlocking(passphrase))
    adapter = find_adapter(source)
    request = Request(location, _settings(settings), read_schema(schema_file) if schema_file else None, key)
    labels = Labels(labels_file) if labels_file else None
    with wrong_rows_shown():
        done = import_source(
            place.datasets,
            name or adapter.name,
            adapter,
            request,
            labels=labels,
            skip_wrong=skip_wrong,
            replace=replace,
        )
    _tell(done, as_json)


@click.command()
@json_option
@cli_errors()
def sources(as_json: bool) -> None:
    """List what `ape mine import` reads."""
    adapters = [find_adapter(name) for name in adapter_names()]
    if as_json:
        parts = [{"name": one.name, "summary": one.summary, "options": dict(one.options)} for one in adapters]
        click.echo(json.dumps(parts))
        return
    for one in adapters:
        _show(one)


@click.command()
@click.argument("name")
@home_option
@json_option
@cli_errors()
def versions(name: str, home: Path | None, as_json: bool) -> None:
    """Show every version there was of a dataset."""
    history = Home(home or default_home()).datasets.history(name)
    rows = [
        {
            "number": one.number,
            "version": one.digest.hex(),
            "rows": one.rows,
            "at": one.at.isoformat(),
            "source": one.source,
            "pruned": one.pruned and one.pruned.isoformat(),
        }
        for one in history
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    table = Table("Number", "Version", "Rows", "When (UTC)", "Source", "Kept", title=f"Versions of {name}")
    for one in history:
        kept = f"no, pruned {one.pruned:%Y-%m-%d %H:%M}" if one.pruned else "yes"
        table.add_row(
            str(one.number), one.digest.hex()[:16], str(one.rows), f"{one.at:%Y-%m-%d %H:%M}", one.source, kept
        )
    open_console().print(table, markup=False)


@click.command()
@click.argument("name")
@click.option("--keep", type=click.IntRange(min=1), default=1, show_default=True, help="Newest versions that stay.")
@home_option
@cli_errors()
def prune(name: str, keep: int, home: Path | None) -> None:
    """Delete the rows of a dataset's older versions; the history, and what was spent of their privacy, stay."""
    gone = Home(home or default_home()).prune(name, keep=keep)
    click.echo(f"{name}: the rows of {len(gone)} versions are gone.")


@click.command()
@click.argument("name")
@click.confirmation_option(prompt="Delete the rows of all its versions?")
@home_option
@cli_errors()
def remove(name: str, home: Path | None) -> None:
    """Delete a dataset's rows, all versions; the history, and what was spent of their privacy, stay."""
    Home(home or default_home()).remove(name)
    click.echo(f"{name}: removed.")


@click.command()
@passphrase_options(PASSPHRASE, "the Mine's rows", confirm=True)
@home_option
@cli_errors()
def encrypt(home: Path | None, passphrase: str) -> None:
    """Put all rows under a passphrase, and those that come later. Lost, it cannot be had again."""
    count = Home(home or default_home()).encrypt(passphrase)
    click.echo(f"Encrypted: {count} versions of datasets. `ape mine run` asks for the passphrase, or set {PASSPHRASE}.")


@click.command("passphrase")
@passphrase_options(PASSPHRASE, "the Mine's rows, as it is")
@home_option
@cli_errors()
def change_passphrase(home: Path | None, passphrase: str) -> None:
    """Put encrypted rows under another passphrase."""
    new = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    Home(home or default_home()).change_passphrase(passphrase, new)
    click.echo("The passphrase is another one now.")


def unlocking(passphrase: str | None) -> Callable[[], str]:
    """The passphrase of encrypted rows: as it was given, or asked for on the terminal where there is need of one."""
    return lambda: passphrase or str(click.prompt("Passphrase of the Mine's rows", hide_input=True, err=True))


@contextmanager
def wrong_rows_shown() -> Iterator[None]:
    """Shows wrong rows one a line before the error goes on."""
    try:
        yield
    except WrongRowsError as error:
        for one in error.errors:
            click.echo(one_line(one), err=True)
        if error.total > len(error.errors):
            click.echo(f"... and {error.total - len(error.errors)} more", err=True)
        raise


def _settings(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name in found:
            raise ImportOptionError(f"--set {text:.60}", "write NAME=VALUE, each name once")
        found[name] = value
    return found


def _tell(done: ImportResult, as_json: bool) -> None:
    wrong = [one_line(error) for error in done.faults.errors]
    if as_json:
        facts: dict[str, Any] = {"name": done.name, "number": done.number, "rows": done.rows, **asdict(done.counts)}
        click.echo(json.dumps({**facts, "left_out": done.faults.rows, "wrong": wrong}))
        return
    for line in wrong:
        click.echo(f"left out: {line}", err=True)
    counts = done.counts
    told = f"{counts.added} added, {counts.changed} changed, {counts.same} there already"
    left_out = f", {done.faults.rows} wrong ones left out" if done.faults.rows else ""
    click.echo(f"{done.name}: {told}{left_out}; version {done.number} has {done.rows} rows.")


def _show(adapter: Adapter) -> None:
    click.echo(f"{adapter.name:16} {adapter.summary}")
    for option, meaning in adapter.options.items():
        click.echo(f"{'':16}   --set {option}=...  {meaning}")
