"""Where a passphrase comes from, and what is said where it is not there."""

from __future__ import annotations

import os
from typing import Any

import click
import keyring
import pytest
from click.testing import CliRunner
from keyring.backends.fail import Keyring as NoKeyring
from keyring.backends.null import Keyring as EmptyKeyring

from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import KEYRING_SERVICE, PassphraseError, find_passphrase, passphrase_options

VARIABLE = "SONAR_TEST_PASSPHRASE"


class MemoryKeyring(EmptyKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        return "of the keyring" if (service, username) == (KEYRING_SERVICE, VARIABLE) else None


@pytest.fixture
def pipe() -> Any:
    """A descriptor that holds these bytes, to its end."""

    def filled(data: bytes) -> int:
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        return reader

    return filled


@click.command()
@passphrase_options(VARIABLE, "the vault", confirm=True)
@cli_errors()
def tell(passphrase: str) -> None:
    click.echo(f"<{passphrase}>")


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"word", "word"),
        (b"word\n", "word"),
        (b"word\r\n", "word"),
        (b"word\n\n", "word\n"),
        (b"", ""),
        (b" a b ", " a b "),
    ],
)
def test_a_descriptor_is_read_to_its_end_but_for_one_line_end(pipe: Any, data: bytes, read: str) -> None:
    assert find_passphrase(VARIABLE, descriptor=pipe(data)) == read


def test_a_descriptor_that_is_closed_or_endless_is_an_error(pipe: Any) -> None:
    closed = pipe(b"")
    os.close(closed)
    with pytest.raises(PassphraseError, match=f"descriptor {closed} cannot be read"):
        find_passphrase(VARIABLE, descriptor=closed)
    with pytest.raises(PassphraseError, match="more than 4096 bytes"):
        find_passphrase(VARIABLE, descriptor=pipe(b"x" * 4097))


def test_the_descriptor_comes_before_keyring_and_environment(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of the environment")
    monkeypatch.setattr(keyring.core, "_keyring_backend", MemoryKeyring())
    assert find_passphrase(VARIABLE, descriptor=pipe(b"of the pipe"), in_keyring=True) == "of the pipe"
    assert find_passphrase(VARIABLE, in_keyring=True) == "of the keyring"
    assert find_passphrase(VARIABLE) == "of the environment"
    monkeypatch.delenv(VARIABLE)
    assert find_passphrase(VARIABLE) is None


@pytest.mark.parametrize(("backend", "words"), [(NoKeyring(), "cannot be used"), (EmptyKeyring(), "keyring set sonar")])
def test_a_keyring_without_it_is_an_error_that_says_what_to_do(
    backend: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    with pytest.raises(PassphraseError, match=words):
        find_passphrase(VARIABLE, in_keyring=True)


def test_who_is_asked_types_it_twice_and_nothing_of_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    told = CliRunner().invoke(tell, input="one\ntwo\nsame\nsame\n")
    assert told.exit_code == 0
    assert told.output.count("same") == 1
    assert "<same>" in told.output
    assert "Passphrase of the vault" in told.output


def test_it_cannot_be_given_on_the_command_line() -> None:
    told = CliRunner().invoke(tell, ["--passphrase", "seen by all"])
    assert told.exit_code == 2
