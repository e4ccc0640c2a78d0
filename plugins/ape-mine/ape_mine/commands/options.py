"""Options and helpers that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ape_mine.service import PASSPHRASE
from sonar_core.base.errors import one_line
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.data.row_errors import WrongRowsError

#: Widest line of the commands' texts, in columns.
_WIDTH = 80

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SONAR_MINE_HOME",
    help="Folder of the Mine. Default: `mine` in Sonar's home.",
)
sonar_option = click.option("--sonar", help="Address of the Sonar contract. Default: the recorded deployment.")
pay_to_option = click.option("--pay-to", help="Address that is paid. Default: the account.")
#: For commands that read or write rows.
rows_passphrase = passphrase_options(PASSPHRASE, "the Mine's rows", needed=False)


def unlocking(passphrase: str | None) -> Callable[[], str]:
    """Gives the passphrase of encrypted rows: the given one, or one that the terminal is asked for."""
    return lambda: passphrase or str(click.prompt("Passphrase of the Mine's rows", hide_input=True, err=True))


@contextmanager
def wrong_rows_shown() -> Iterator[None]:
    """Prints wrong rows on standard error, one per line, before the error goes on."""
    try:
        yield
    except WrongRowsError as error:
        for one in error.errors:
            click.echo(one_line(one), err=True)
        if error.total > len(error.errors):
            click.echo(f"... and {error.total - len(error.errors)} more", err=True)
        raise


def echo_wrapped(text: str, *, indent: int = 0) -> None:
    """Prints a text in lines of at most 80 columns, which never break an address or an id."""
    margin = " " * indent
    click.echo(click.wrap_text(text, width=_WIDTH, initial_indent=margin, subsequent_indent=margin))
