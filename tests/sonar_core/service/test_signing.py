"""A service signs with a keyfile without asking each time."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from ape.exceptions import ApeException
from ape_accounts import KeyfileAccount
from eth_account import Account

from sonar_core.app.connection import let_sign


@pytest.fixture
def keyfile(tmp_path: Path) -> KeyfileAccount:
    path = tmp_path / "carol.json"
    path.write_text(json.dumps(Account.encrypt(Account.create().key, "its passphrase", kdf="pbkdf2", iterations=1)))
    return KeyfileAccount(keyfile_path=path)


def test_a_keyfile_signs_for_a_service_without_a_question(
    keyfile: KeyfileAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((click.Abort, OSError)):
        keyfile.sign_message("hello")  # nobody is there to answer
    monkeypatch.setenv("APE_ACCOUNTS_carol_PASSPHRASE", "its passphrase")
    let_sign(keyfile)
    assert keyfile.sign_message("hello") is not None


def test_a_wrong_passphrase_is_found_out_at_the_start(keyfile: KeyfileAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_carol_PASSPHRASE", "another")
    with pytest.raises(ApeException):
        let_sign(keyfile)
