"""Commands about datasets: schema, import, versions, deletion, encryption."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ape_mine.commands.options import home_option, rows_passphrase, unlocking, wrong_rows_shown
from ape_mine.datasets.adapters.base import Adapter, Request
from ape_mine.datasets.adapters.registry import adapter_names, find_adapter
from ape_mine.datasets.importing import ImportResult, import_source
from ape_mine.datasets.labels import Labels
from ape_mine.datasets.schema_file import TO_BE_CHOSEN, draft_schema, read_schema
from ape_mine.errors import ExtraMissingError, ImportOptionError
from ape_mine.home.home import Home
from ape_mine.service import PASSPHRASE, default_home, open_home
from sonar_core.base.errors import one_line
from sonar_core.cli.console import json_option, print_table
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.protocol.units import counted

_Path = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_Path)
@cli_errors()
def schema(file: Path) -> None:
    """Draft a Table Schema for a CSV FILE. Types are inferred; ranges are left to you, marked "?"."""
    click.echo(json.dumps(draft_schema(file), indent=2, ensure_ascii=False))
    advice = f'replace each "{TO_BE_CHOSEN}" by the limit of what is possible, not of what the file happens to hold'
    click.echo(f"Next: {advice}.", err=True)


@click.command("import")
@click.argument("source")
@click.argument("location")
@click.option("--name", help="Name of the dataset. Default: the source's.")
@click.option("--schema", "schema_file", type=_Path, help="Table Schema file, if the source has no schema of its own.")
@click.option("--key", help="Column that holds each row's id.")
@click.option("--labels", "labels_file", type=_Path, help="CSV file with the header id,NAME: your own annotations.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Option of the source; see `sources`.")
@click.option("--skip-wrong", is_flag=True, help="Leave wrong rows out, and list them.")
@click.option("--replace", is_flag=True, help="Leave the existing rows out of the new version.")
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
    """Import new records of the SOURCE at LOCATION into a dataset. `ape mine sources` lists the sources."""
    opened = open_home(home or default_home(), unlocking(passphrase))
    adapter = find_adapter(source)
    request = Request(location, _settings(settings), read_schema(schema_file) if schema_file else None, key)
    labels = Labels(labels_file) if labels_file else None
    with wrong_rows_shown():
        done = import_source(
            opened.datasets,
            name or adapter.name,
            adapter,
            request,
            labels=labels,
            skip_wrong=skip_wrong,
            replace=replace,
        )
    _echo_result(done, as_json)


@click.command()
@json_option
@cli_errors()
def sources(as_json: bool) -> None:
    """List the sources that `ape mine import` reads."""
    adapters, missing = [], []
    for name in adapter_names():
        try:
            adapters.append(find_adapter(name))
        except ExtraMissingError as error:
            missing.append(error)
    if as_json:
        parts = [{"name": one.name, "summary": one.summary, "options": dict(one.options)} for one in adapters]
        click.echo(json.dumps(parts))
        return
    for one in adapters:
        _show(one)
    for absent in missing:
        click.echo(one_line(absent), err=True)


@click.command()
@click.argument("name")
@home_option
@json_option
@cli_errors()
def versions(name: str, home: Path | None, as_json: bool) -> None:
    """Show all versions of a dataset."""
    history = Home(home or default_home()).datasets.history(name)
    facts = [
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
        click.echo(json.dumps(facts))
        return
    rows = [
        (
            str(one.number),
            one.digest.hex()[:16],
            str(one.rows),
            f"{one.at:%Y-%m-%d %H:%M}",
            one.source,
            f"no, pruned {one.pruned:%Y-%m-%d %H:%M}" if one.pruned else "yes",
        )
        for one in history
    ]
    print_table(["Number", "Version", "Rows", "When (UTC)", "Source", "Kept"], rows, title=f"Versions of {name}")


@click.command()
@click.argument("name")
@click.option("--keep", type=click.IntRange(min=1), default=1, show_default=True, help="Number of versions to keep.")
@home_option
@cli_errors()
def prune(name: str, keep: int, home: Path | None) -> None:
    """Delete the rows of a dataset's older versions. The history and the privacy spent are kept."""
    deleted = Home(home or default_home()).prune(name, keep=keep)
    click.echo(f"{name}: deleted the rows of {counted(len(deleted), 'version')}.")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without a question.")
@home_option
@cli_errors()
def remove(name: str, yes: bool, home: Path | None) -> None:
    """Delete the rows of all versions of a dataset. The history and the privacy spent are kept."""
    opened = Home(home or default_home())
    if not yes and not click.confirm("Delete the rows of all its versions?"):
        click.echo("Nothing was deleted.")
        return
    opened.remove(name)
    click.echo(f"{name}: removed.")


@click.command()
@passphrase_options(PASSPHRASE, "the Mine's rows", confirm=True)
@home_option
@cli_errors()
def encrypt(home: Path | None, passphrase: str) -> None:
    """Encrypt all rows under a passphrase. Later rows are encrypted too; without the passphrase they are lost."""
    count = Home(home or default_home()).encrypt(passphrase)
    click.echo(f"Encrypted: {counted(count, 'version')} of datasets.")
    click.echo(f"`ape mine run` asks for the passphrase; a service reads it from {PASSPHRASE}.")


@click.command("passphrase")
@passphrase_options(PASSPHRASE, "the Mine's rows, as it is")
@home_option
@cli_errors()
def change_passphrase(home: Path | None, passphrase: str) -> None:
    """Change the passphrase of encrypted rows."""
    new = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    Home(home or default_home()).change_passphrase(passphrase, new)
    click.echo("The passphrase was changed.")


def _settings(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name in found:
            raise ImportOptionError(f"--set {text:.60}", "write NAME=VALUE, each name once")
        found[name] = value
    return found


def _echo_result(done: ImportResult, as_json: bool) -> None:
    wrong = [one_line(error) for error in done.faults.errors]
    if as_json:
        facts: dict[str, Any] = {"name": done.name, "number": done.number, "rows": done.rows, **asdict(done.counts)}
        click.echo(json.dumps({**facts, "left_out": done.faults.rows, "wrong": wrong}))
        return
    for line in wrong:
        click.echo(f"left out: {line}", err=True)
    counts = done.counts
    rows = f"{counts.added} added, {counts.changed} changed, {counts.same} unchanged"
    left_out = f", {done.faults.rows} wrong ones left out" if done.faults.rows else ""
    click.echo(f"{done.name}: {rows}{left_out}; version {done.number} has {counted(done.rows, 'row')}.")


def _show(adapter: Adapter) -> None:
    click.echo(f"{adapter.name:16} {adapter.summary}")
    for option, meaning in adapter.options.items():
        click.echo(f"{'':16}   --set {option}=...  {meaning}")
