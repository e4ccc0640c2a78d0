"""How a command reports an error: one line on standard error, exit status 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sonar_core.base.errors import SonarError, one_line

#: Exit status of a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED = 130


@contextmanager
def cli_errors() -> Iterator[None]:
    """Ends a command with one line on standard error and exit status 1. A context manager and a decorator.

    What is told so: Sonar's and syft's errors, Ape's own (an unknown network, an account without funds) and
    the operating system's (a file that is not there). Anything else is a defect and keeps its traceback.
    """
    from ape.exceptions import ApeException

    from syft.errors import SyftError

    try:
        yield
    except (SonarError, SyftError, ApeException, OSError) as error:
        click.echo(f"error: {one_line(error)}", err=True)
        sys.exit(1)
