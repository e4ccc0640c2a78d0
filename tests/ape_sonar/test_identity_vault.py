"""A Data Scientist's own OpenPGP keys, made by gpg: imported, renewed, replaced, exported."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ape_sonar import KeyExistsError, KeyMissingError, UsageError
from ape_sonar._cli import cli
from ape_sonar.identity_vault import IdentityVault, read_key
from sonar_core.crypto.certificates import CertificateError, parse_certificate
from sonar_core.crypto.sealed_messages import seal, unseal
from sonar_core.crypto.vault import LOWEST_COST, WrongPassphraseError, write

PASSPHRASE = "only in tests"

Gpg = Callable[..., bytes]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Gpg:
    """Debian's gpg with a home of its own."""
    environment = {**os.environ, "GNUPGHOME": str(tmp_path_factory.mktemp("gnupg"))}

    def run(*arguments: str, input: bytes = b"") -> bytes:  # noqa: A002
        command = ["gpg", "--batch", "--yes", "--trust-model", "always", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, env=environment, input=input, capture_output=True, check=True).stdout

    return run


@pytest.fixture(scope="module")
def exported(gpg: Gpg) -> dict[str, bytes]:
    """Secret keys as gpg exports them, by the name in their user id."""
    made = {"ann": ("", "default", "2y"), "ben": ("", "default", "never"), "locked": ("its own", "default", "never")}
    for name, (passphrase, usage, expiry) in made.items():
        gpg("--passphrase", passphrase, "--quick-gen-key", f"{name} <{name}@example.org>", "default", usage, expiry)
    gpg("--passphrase", "", "--quick-gen-key", "signs <signs@example.org>", "ed25519", "sign", "never")
    old = ("--faked-system-time", "20240101T000000", "--passphrase", "")
    gpg(*old, "--quick-gen-key", "old <old@example.org>", "default", "default", "1d")
    names = [*made, "signs", "old"]
    keys = {name: gpg("--passphrase", "its own", "--export-secret-keys", f"{name}@example.org") for name in names}
    return {**keys, "armoured": gpg("--armor", "--export-secret-keys", "ann@example.org")}


@pytest.fixture
def vault(tmp_path: Path) -> IdentityVault:
    return IdentityVault(tmp_path / "home", PASSPHRASE, cost=LOWEST_COST)


def test_a_home_without_a_key_says_how_to_get_one(vault: IdentityVault) -> None:
    assert not vault.exists
    assert vault.facts() == []
    with pytest.raises(KeyMissingError, match="`ape sonar key import FILE` takes yours"):
        _ = vault.current


def test_a_replaced_key_still_opens_what_was_sealed_to_it(
    vault: IdentityVault, exported: dict[str, bytes], tmp_path: Path
) -> None:
    ann, ben = read_key(exported["armoured"]), read_key(exported["ben"])
    assert vault.add(ann) is False
    message = seal(b"a Model", [ann.certificate], signer=ben)
    with pytest.raises(KeyExistsError, match=rf"{ann.fingerprint}: repeat with --force"):
        vault.add(ben)
    assert vault.current.fingerprint == ann.fingerprint
    assert vault.add(ben, replace=True) is True
    again = IdentityVault(tmp_path / "home", PASSPHRASE)
    assert [one.fingerprint for one in again.keys] == [ben.fingerprint, ann.fingerprint]
    assert unseal(message, again.keys, signers=[ben.certificate], limit=100) == b"a Model"
    current, former = again.facts()
    assert (current.fingerprint, current.user_ids, current.expires, current.current) == (
        ben.fingerprint,
        ("ben <ben@example.org>",),
        None,
        True,
    )
    assert former.expires is not None
    assert not former.current
    with pytest.raises(WrongPassphraseError):
        _ = IdentityVault(tmp_path / "home", "another").current


def test_a_former_key_that_expired_does_not_lock_the_current_one(
    vault: IdentityVault, exported: dict[str, bytes]
) -> None:
    # The vault as it was made while the key was good.
    vault.path.parent.mkdir()
    write(vault.path, exported["old"], PASSPHRASE, purpose="scientist-identity", cost=LOWEST_COST)
    with pytest.raises(CertificateError, match="extend it with gpg, and import it again"):
        _ = vault.current
    old = vault.current_certificate().fingerprint
    assert vault.add(read_key(exported["ann"]), replace=True) is True
    assert len(vault.keys) == 1
    assert [one.fingerprint for one in vault.facts()] == [vault.current.fingerprint, old]


def test_the_same_key_with_a_new_expiry_is_renewed(vault: IdentityVault, gpg: Gpg, exported: dict[str, bytes]) -> None:
    vault.add(read_key(exported["ann"]))
    fingerprint = vault.current.fingerprint
    before = vault.facts()[0].expires
    gpg("--passphrase", "", "--quick-set-expire", fingerprint, "5y")
    gpg("--passphrase", "", "--quick-set-expire", fingerprint, "5y", "*")
    assert vault.add(read_key(gpg("--export-secret-keys", "ann@example.org"))) is False
    (only,) = vault.facts()
    assert before is not None
    assert only.expires is not None
    assert (only.fingerprint, only.expires > before) == (fingerprint, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [("locked", "encrypted"), ("signs", "no secret key to sign and decrypt"), ("old", "No suitable")],
)
def test_keys_that_cannot_sign_and_decrypt_are_refused(exported: dict[str, bytes], name: str, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        read_key(exported[name])


def test_several_keys_and_no_key_are_refused(exported: dict[str, bytes]) -> None:
    with pytest.raises(CertificateError, match="one key is expected, not 2"):
        read_key(exported["ann"] + exported["ben"])
    with pytest.raises(CertificateError):
        read_key(b"a letter")


def test_an_unknown_passphrase_is_named(tmp_path: Path, exported: dict[str, bytes]) -> None:
    with pytest.raises(UsageError, match="SONAR_PASSPHRASE"):
        IdentityVault(tmp_path, "").add(read_key(exported["ann"]))


# ---------------------------------------------------------------------- commands


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`ape sonar key ...` in a home of its own."""
    monkeypatch.setenv("SONAR_PASSPHRASE", PASSPHRASE)

    def call(command: str, *arguments: str) -> Result:
        result = CliRunner(mix_stderr=False).invoke(cli, ["key", command, *arguments, "--home", str(tmp_path / "home")])
        assert "Traceback" not in result.stderr
        return result

    return call


def test_a_key_of_gpg_goes_in_and_out(
    run: Run, gpg: Gpg, exported: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IdentityVault.__init__.__kwdefaults__, "cost", LOWEST_COST)
    for name in ("ann", "ben"):
        (tmp_path / name).write_bytes(exported[name])
    ann, ben = (read_key(exported[name]) for name in ("ann", "ben"))
    told = run("import", str(tmp_path / "ann"))
    assert told.exit_code == 0, told.stderr
    assert f"delivered to key {ann.fingerprint} (ann <ann@example.org>)" in told.stdout
    assert "It expires on 20" in told.stdout
    refused = run("import", str(tmp_path / "ben"))
    assert refused.exit_code == 1
    assert "repeat with --force" in refused.stderr
    assert "is kept for the Campaigns" in run("import", str(tmp_path / "ben"), "--force").stdout

    shown: list[dict[str, Any]] = json.loads(run("show", "--json").stdout)
    assert [(one["fingerprint"], one["current"], one["campaigns"]) for one in shown] == [
        (ben.fingerprint, True, []),
        (ann.fingerprint, False, []),
    ]
    assert f"{ben.fingerprint} (for new Campaigns)" in run("show").stdout

    assert parse_certificate(run("export").stdout.encode()).fingerprint == ben.fingerprint
    secret = tmp_path / "secret"
    assert run("export", "--secret").exit_code == 2
    assert "delete it when gpg has imported it" in run("export", str(secret), "--secret").stdout
    assert secret.stat().st_mode & 0o077 == 0
    gpg("--import", str(secret))
    message = seal(b"a Model", [ben.certificate], signer=ann)
    assert gpg("--decrypt", input=message) == b"a Model"
    again = run("export", str(secret), "--secret")
    assert "exists already" in again.stderr


def test_without_a_key_the_commands_say_how_to_get_one(run: Run) -> None:
    for command in ("show", "export"):
        result = run(command)
        assert result.exit_code == 1
        assert "`ape sonar create` makes a key" in result.stderr
