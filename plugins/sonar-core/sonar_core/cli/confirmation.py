"""The question before anything is sent: a preview of cost and consequences, `--dry-run` and `--yes`.

A command builds a `Preview`, and sends only if `Confirmation.ask` returns True:

    @click.command(cls=ConnectedProviderCommand)
    @account_option()
    @confirmation_options
    @cli_errors()
    def stop(account, confirmation): ...
        if confirmation.ask(Preview("Stop Campaign 0x12...", [("Mining ends", "in 1 hour"), ("Gas", "0.0001 ether")])):
            unlock(account)
            ...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

from sonar_core.base.errors import UsageError
from sonar_core.cli.errors import INTERRUPTED
from sonar_core.cli.signing import account_passphrase_option

#: Widest preview, in columns.
_WIDTH = 80

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Preview:
    """Preview of the transactions that a command would send.

    Attributes:
        title: the action in one line.
        rows: label and value: cost, what is locked and for how long, who receives it, gas.
        warnings: what can go wrong, one sentence each.
    """

    title: str
    rows: Sequence[tuple[str, str]]
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Confirmation:
    """Options of the question before a command sends.

    Attributes:
        dry_run: show the preview and send nothing.
        yes: send without a question.
        as_json: standard output belongs to JSON, so that the preview goes to standard error; with `dry_run` the preview
            itself is the JSON.
    """

    dry_run: bool
    yes: bool
    as_json: bool = False

    def ask(self, preview: Preview) -> bool:
        """Prints the preview and returns True if the command may send.

        Raises:
            UsageError: standard input is no terminal, and neither `dry_run` nor `yes` is set.
            click.exceptions.Exit: Ctrl-C at the question.
        """
        if self.dry_run and self.as_json:
            document = {"title": preview.title, "rows": dict(preview.rows), "warnings": list(preview.warnings)}
            click.echo(json.dumps({"dry_run": True, **document}))
            return False
        self._print(preview)
        if self.dry_run:
            click.echo("Dry run: nothing was sent.")
            return False
        if self.yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("nothing was sent: no terminal to ask on; repeat with --yes to send, or with --dry-run")
        try:
            agreed = click.confirm("Send?", default=False, err=self.as_json)
        except click.Abort:
            click.echo("\nNothing was sent.", err=self.as_json)
            raise click.exceptions.Exit(INTERRUPTED) from None
        if not agreed:
            click.echo("Nothing was sent.", err=self.as_json)
        return agreed

    def _print(self, preview: Preview) -> None:
        from rich.console import Console
        from rich.table import Table

        console = Console(stderr=self.as_json, markup=False, highlight=False)
        width = min(_WIDTH, console.width)
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold")
        for label, value in preview.rows:
            table.add_row(label, value)
        console.print(preview.title, style="bold", width=width)
        console.print(table, width=width)
        for warning in preview.warnings:
            console.print(f"Warning: {warning}", style="yellow", width=width)


def confirmation_options(command: _Command) -> Callable[..., Any]:
    """Adds `--dry-run`, `--yes` and `--account-passphrase-fd`; the command gets one Confirmation as `confirmation`."""

    @click.option("--dry-run", is_flag=True, help="Show cost and consequences, and send nothing.")
    @click.option("--yes", is_flag=True, help="Send without a question.")
    @account_passphrase_option
    @wraps(command)
    def with_confirmation(*args: Any, dry_run: bool, yes: bool, **options: Any) -> Any:
        confirmation = Confirmation(dry_run, yes, as_json=bool(options.get("as_json")))
        return command(*args, confirmation=confirmation, **options)

    return with_confirmation
