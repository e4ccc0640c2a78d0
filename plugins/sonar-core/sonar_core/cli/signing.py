"""Unlocks an account once, so that it signs without Ape's question for each transaction."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

from sonar_core.cli.passphrases import PassphraseError, read_descriptor

#: Key of the account's passphrase in the context of a click command.
_CONTEXT_KEY = "sonar.account_passphrase"
#: How often a mistyped passphrase is asked for again.
_ATTEMPTS = 3
#: Ape's log lines about an unlocked account, one of them per transaction. The command has asked already.
_APE_LINES = ("Danger! This account will now sign", "Using cached key for", "Using passphrase for account")


def _keep_passphrase(context: click.Context, _: click.Parameter, descriptor: int | None) -> None:
    if descriptor is not None:
        context.meta[_CONTEXT_KEY] = descriptor


#: `--account-passphrase-fd`, of every command that signs; `unlock` reads it.
account_passphrase_option = click.option(
    "--account-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    expose_value=False,
    callback=_keep_passphrase,
    help="Read the passphrase of the account's keyfile from this file descriptor.",
)


def unlock(account: Any) -> None:
    """Lets an account sign without further questions, until the process ends.

    Only a keyfile has a passphrase here. It comes from the first of these that is given: the command's option
    --account-passphrase-fd, the environment's APE_ACCOUNTS_<alias>_PASSPHRASE, or the terminal, which is asked once.
    Other accounts (a hardware wallet, a test account) keep their own way of asking.

    Raises:
        PassphraseError: the passphrase does not open the keyfile, or nobody can be asked.
    """
    from ape_accounts import KeyfileAccount

    if not isinstance(account, KeyfileAccount):
        return
    logging.getLogger("ape").addFilter(_without_ape_lines)
    context = click.get_current_context(silent=True)
    descriptor = context.meta.get(_CONTEXT_KEY) if context else None
    variable = f"APE_ACCOUNTS_{account.alias}_PASSPHRASE"
    if descriptor is not None:
        _open(account, read_descriptor(descriptor), f"the passphrase in file descriptor {descriptor}")
    elif os.environ.get(variable):
        _open(account, os.environ[variable], f"the passphrase in {variable}")
    else:
        _ask(account, variable)


def _ask(account: Any, variable: str) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            passphrase = click.prompt(f"Passphrase of account '{account.alias}'", hide_input=True, err=True)
        except click.Abort:
            if sys.stdin.isatty():
                raise
            raise PassphraseError(
                f"account '{account.alias}' needs its passphrase, and nobody can be asked: set {variable}, "
                "or give --account-passphrase-fd"
            ) from None
        try:
            return _open(account, passphrase, "the passphrase")
        except PassphraseError as error:
            if attempt == _ATTEMPTS - 1:
                raise
            click.echo(f"error: {error}", err=True)


def _open(account: Any, passphrase: str, source: str) -> None:
    from ape_accounts.accounts import InvalidPasswordError

    if not passphrase:
        raise PassphraseError(f"{source} is empty; account '{account.alias}' needs one")
    try:
        account.set_autosign(True, passphrase)
    except InvalidPasswordError:
        raise PassphraseError(f"{source} does not open the keyfile of account '{account.alias}'") from None


def _without_ape_lines(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_APE_LINES)
