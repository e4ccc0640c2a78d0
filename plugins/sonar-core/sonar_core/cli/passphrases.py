"""Sources of a command's passphrase: a file descriptor, the environment, the system's keyring, the terminal.

Never the command line: every process of the machine can read another's arguments.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from sonar_core.base.errors import SonarError, one_line
from sonar_core.cli.errors import cli_errors

#: Under which the system's keyring keeps passphrases; the user's name there is the variable's.
KEYRING_SERVICE = "sonar"
#: Most bytes that are read of a descriptor.
_LONGEST = 4096

_Command = TypeVar("_Command", bound=Callable[..., Any])


class PassphraseError(SonarError, LookupError):
    """A passphrase is missing at its source, or cannot be used."""


def passphrase_options(variable: str, of: str, *, confirm: bool = False, needed: bool = True) -> Callable[..., Any]:
    """Adds the options --passphrase-fd and --keyring; the command gets the argument `passphrase`.

    Args:
        variable: of the environment, such as SONAR_PASSPHRASE.
        of: noun for the prompt: what it opens.
        confirm: the prompt asks twice.
        needed: the terminal is asked if no other source has it; otherwise `passphrase` is None then.
    """

    def decorate(command: _Command) -> Callable[..., Any]:
        @click.option(
            "--passphrase-fd", type=click.IntRange(min=0), help="Read the passphrase from this file descriptor."
        )
        @click.option("--keyring", "in_keyring", is_flag=True, help=f"Take it from the system's keyring ({variable}).")
        @wraps(command)
        def with_passphrase(*args: Any, passphrase_fd: int | None, in_keyring: bool, **options: Any) -> Any:
            with cli_errors():
                found = find_passphrase(variable, descriptor=passphrase_fd, in_keyring=in_keyring)
            if found is None and needed:
                prompt = f"Passphrase of {of}"
                found = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
            return command(*args, passphrase=found, **options)

        return with_passphrase

    return decorate


def find_passphrase(variable: str, *, descriptor: int | None = None, in_keyring: bool = False) -> str | None:
    """The passphrase, without a prompt; None if it is neither given nor in the environment.

    Args:
        variable: of the environment, and the user's name in the keyring.
        descriptor: file descriptor to read to its end, without one line end.
        in_keyring: it must be in the system's keyring.

    Raises:
        PassphraseError: the given source does not have it.
    """
    if descriptor is not None:
        return read_descriptor(descriptor)
    if in_keyring:
        return _look_up(variable)
    return os.environ.get(variable)


def read_descriptor(descriptor: int) -> str:
    """The passphrase that a file descriptor holds, without one line end. Raises PassphraseError."""
    where = f"file descriptor {descriptor}"
    try:
        with os.fdopen(descriptor, "rb", closefd=True) as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise PassphraseError(
            f"{where} cannot be read ({error.strerror}): open it, as in `{descriptor}<FILE`"
        ) from None
    if len(data) > _LONGEST:
        raise PassphraseError(f"{where} holds more than {_LONGEST} bytes: that is no passphrase")
    # surrogateescape: as the environment's variables are read.
    return data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _look_up(variable: str) -> str:
    # Imported late: few keep it there, and it takes a fifth of a second.
    import keyring
    from keyring.errors import KeyringError

    remedy = f"`keyring set {KEYRING_SERVICE} {variable}` puts it there"
    try:
        found = keyring.get_password(KEYRING_SERVICE, variable)
    except KeyringError as error:
        raise PassphraseError(f"the system's keyring cannot be used ({one_line(error)}): leave --keyring out") from None
    if found is None:
        raise PassphraseError(f"the system's keyring has no passphrase for {KEYRING_SERVICE} {variable}: {remedy}")
    return found
