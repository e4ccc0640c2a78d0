"""Error reports of commands: one line on standard error, exit status 1."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import click

from sonar_core.base.errors import SonarError, one_line

#: Exit status of a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED = 130

_NO_NODE = re.compile(r"No \(supported\) node found on '([^']*)'")
_NO_URI = re.compile(r"Missing URI for network '([^']*)'")
_UNSET = re.compile(r"\$\{?(\w+)\}?")


@contextmanager
def cli_errors() -> Iterator[None]:
    """Ends a command with one line on standard error. A context manager and a decorator.

    Exit status 1 for errors of Sonar and syft, of Ape (an unknown network, a node that does not answer) and of the
    operating system (a missing file); INTERRUPTED for Ctrl-C. Anything else is a defect and keeps its traceback.
    """
    from ape.exceptions import ApeException

    from syft.errors import SyftError

    try:
        yield
    except (SonarError, SyftError, ApeException, OSError) as error:
        click.echo(f"error: {describe_error(error)}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted.", err=True)
        sys.exit(INTERRUPTED)


def describe_error(error: Exception) -> str:
    """The error on one line, with a remedy for Ape's errors about a node that cannot be used.

    >>> describe_error(ValueError("Missing URI for network 'mainnet'"))
    "no node is configured for network 'mainnet': set its `uri` in ape-config.yaml, or choose another --network"
    """
    message = one_line(error)
    if found := _NO_NODE.search(message):
        return _no_node(found[1])
    if found := _NO_URI.search(message):
        remedy = "set its `uri` in ape-config.yaml, or choose another --network"
        return f"no node is configured for network {found[1]!r}: {remedy}"
    if message.startswith("Invalid uri") and (found := _UNSET.search(message)):
        return f"the environment variable {found[1]} is not set: it holds the URL of the network's node"
    return message


def _no_node(url: str) -> str:
    shown = _origin(url)
    variable = next((name for name, value in os.environ.items() if "://" in value and _origin(value) == shown), None)
    where = f"{shown}, the value of {variable}" if variable else shown
    remedy = f"set {variable} to another" if variable else "set the network's `uri` in ape-config.yaml"
    return f"no node answers at {where}: start it, or {remedy}"


def _origin(url: str) -> str:
    """The URL without user, path and query, which may hold a key (Ape hides the path as well)."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname or ''}{port}" if parts.scheme else url
