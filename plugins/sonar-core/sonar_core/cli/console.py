"""Where the commands print, for people and for machines."""

from __future__ import annotations

import logging
import sys

import click
from rich.console import Console

_PIPE_WIDTH = 200


def open_console() -> Console:
    """Standard output, as wide as the terminal; a pipe gets whole lines."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


class _StandardError(logging.Handler):
    def __init__(self, like: logging.Handler) -> None:
        super().__init__(like.level)
        self.setFormatter(like.formatter)

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def _log_elsewhere(context: click.Context, _: click.Parameter, as_json: bool) -> bool:
    """Until the command ends, what Ape logs goes to standard error: it would stand among the JSON, warnings too."""
    logger = logging.getLogger("ape")
    before = list(logger.handlers)
    if as_json:
        logger.handlers = [_StandardError(before[0])]
        context.call_on_close(lambda: setattr(logger, "handlers", before))
    return as_json


#: `--json`, of all commands that have it.
json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_log_elsewhere, help="JSON for machines, and nothing else."
)
