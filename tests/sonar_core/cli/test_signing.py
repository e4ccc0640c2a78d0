"""An account is unlocked once, from a descriptor, the environment or the terminal, and then signs silently."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from ape.logging import logger
from ape_accounts import KeyfileAccount
from click.testing import CliRunner
from eth_account import Account

from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import PassphraseError
from sonar_core.cli.signing import account_passphrase_option, unlock

RIGHT = "its passphrase"


@pytest.fixture
def keyfile(tmp_path: Path) -> KeyfileAccount:
    path = tmp_path / "carol.json"
    path.write_text(json.dumps(Account.encrypt(Account.create().key, RIGHT, kdf="pbkdf2", iterations=1)))
    return KeyfileAccount(keyfile_path=path)


@pytest.fixture
def ape_lines() -> Iterator[list[str]]:
    """What Ape's logger lets through."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = logger.level
    logger.set_level("INFO")
    logging.getLogger("ape").addHandler(handler)
    yield lines
    logging.getLogger("ape").removeHandler(handler)
    logger.set_level(before)


def command(account: KeyfileAccount) -> click.Command:
    @click.command()
    @account_passphrase_option
    @cli_errors()
    def sign() -> None:
        unlock(account)
        click.echo(f"signed: {account.sign_message('hello') is not None}")

    return sign


def test_a_locked_keyfile_asks(keyfile: KeyfileAccount) -> None:
    with pytest.raises((click.Abort, OSError)):
        keyfile.sign_message("hello")  # nobody is there to answer


def test_the_environment_unlocks_and_ape_says_nothing(
    keyfile: KeyfileAccount, monkeypatch: pytest.MonkeyPatch, ape_lines: list[str]
) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_carol_PASSPHRASE", RIGHT)
    unlock(keyfile)
    assert keyfile.sign_message("hello") is not None
    assert ape_lines == []
    logger.warning("the node is slow")
    assert ape_lines == ["the node is slow"]


def test_a_descriptor_comes_before_the_environment(keyfile: KeyfileAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_carol_PASSPHRASE", "another")
    reader, writer = os.pipe()
    os.write(writer, RIGHT.encode() + b"\n")
    os.close(writer)
    result = CliRunner().invoke(command(keyfile), ["--account-passphrase-fd", str(reader)])
    assert result.output == "signed: True\n"


def test_the_terminal_is_asked_again_after_a_slip(keyfile: KeyfileAccount) -> None:
    result = CliRunner().invoke(command(keyfile), input=f"slip\n{RIGHT}\n")
    assert result.output.count("Passphrase of account 'carol'") == 2
    assert "error: the passphrase does not open the keyfile of account 'carol'" in result.output
    assert result.output.endswith("signed: True\n")


def test_three_wrong_answers_end_the_command(keyfile: KeyfileAccount) -> None:
    result = CliRunner().invoke(command(keyfile), input="a\nb\nc\n")
    assert result.exit_code == 1
    assert result.output.count("does not open the keyfile") == 3
    assert "signed" not in result.output


def test_a_wrong_passphrase_names_its_source_and_its_account(
    keyfile: KeyfileAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_carol_PASSPHRASE", "another")
    with pytest.raises(PassphraseError, match="_carol_PASSPHRASE does not open the keyfile of account 'carol'"):
        unlock(keyfile)


def test_an_empty_descriptor_is_no_passphrase(keyfile: KeyfileAccount) -> None:
    result = CliRunner().invoke(command(keyfile), ["--account-passphrase-fd", str(os.open(os.devnull, os.O_RDONLY))])
    assert result.exit_code == 1
    assert "is empty" in result.output


def test_without_anybody_to_ask_the_variable_is_named(keyfile: KeyfileAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_the_end_of_input(*_: object, **__: object) -> str:
        raise click.Abort

    monkeypatch.setattr(click, "prompt", at_the_end_of_input)
    with pytest.raises(PassphraseError, match="set APE_ACCOUNTS_carol_PASSPHRASE, or give --account-passphrase-fd"):
        unlock(keyfile)
