"""Secrets at rest: what opens a vault file, what does not, and what a power cut leaves."""

import json
import os
import stat
from collections.abc import Callable
from hashlib import scrypt, sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from sonar_core.base.errors import SonarError, UsageError
from sonar_core.crypto import vault
from sonar_core.crypto.vault import (
    LOWEST_COST,
    VaultCorruptError,
    VaultExistsError,
    VaultNotFoundError,
    VaultPurposeError,
    WrongPassphraseError,
)

SECRET = b"p and q"
PASSPHRASE = "correct horse"
PURPOSE = "capsule-campaign-key:0x01"

few = settings(max_examples=25, deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "key.vault"
    vault.write(path, SECRET, PASSPHRASE, purpose=PURPOSE, cost=LOWEST_COST)
    return path


def with_fresh_checksum(document: dict[str, Any]) -> dict[str, Any]:
    """What a forger, unlike a failing disk, would do."""
    header = {name: document[name] for name in document if name not in ("ciphertext", "checksum")}
    digest = sha256(rfc8785.dumps(header) + bytes.fromhex(document["ciphertext"]))
    return {**document, "checksum": digest.hexdigest()}


@few
@given(st.binary(min_size=1, max_size=500), st.text(min_size=1, max_size=20), st.text("ab:", min_size=1))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, secret: bytes, passphrase: str, purpose: str
) -> None:
    path = tmp_path_factory.mktemp("vault") / "file"
    vault.write(path, secret, passphrase, purpose=purpose, cost=LOWEST_COST)
    assert vault.read(path, passphrase, purpose=purpose) == secret


def test_another_implementation_opens_the_file(path: Path) -> None:
    """scrypt by OpenSSL through hashlib, JSON by the standard library."""
    document = json.loads(path.read_bytes())
    ciphertext = bytes.fromhex(document.pop("ciphertext"))
    document.pop("checksum")
    salt = bytes.fromhex(document["kdf"]["salt"])
    key = scrypt(PASSPHRASE.encode(), salt=salt, n=LOWEST_COST, r=8, p=1, dklen=32)
    header = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert AESGCM(key).decrypt(bytes.fromhex(document["nonce"]), ciphertext, header) == SECRET


def test_the_usual_cost_is_the_one_promised(tmp_path: Path) -> None:
    path = tmp_path / "key.vault"
    vault.write(path, SECRET, PASSPHRASE, purpose=PURPOSE)
    assert json.loads(path.read_bytes())["kdf"]["n"] == 1 << 17
    assert vault.read(path, PASSPHRASE, purpose=PURPOSE) == SECRET


def test_only_its_owner_reads_the_file_and_nothing_in_it_is_plain(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    for shown in (SECRET, SECRET.hex().encode(), PASSPHRASE.encode()):
        assert shown not in content


def test_no_two_files_share_a_key(path: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    vault.write(twin, SECRET, PASSPHRASE, purpose=PURPOSE, cost=LOWEST_COST)
    one, other = (json.loads(file.read_bytes()) for file in (path, twin))
    assert one["kdf"]["salt"] != other["kdf"]["salt"]
    assert one["nonce"] != other["nonce"]
    assert one["ciphertext"] != other["ciphertext"]


@pytest.mark.parametrize("passphrase", ["correct hors", "correct horse ", "Correct horse", ""])
def test_a_wrong_passphrase(path: Path, passphrase: str) -> None:
    with pytest.raises(WrongPassphraseError, match="passphrase") as caught:
        vault.read(path, passphrase, purpose=PURPOSE)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_passphrase_is_what_it_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "key.vault"
    vault.write(path, SECRET, "Stra\u00dfe \u00e9", purpose=PURPOSE, cost=LOWEST_COST)
    assert vault.read(path, "Stra\u00dfe e\u0301", purpose=PURPOSE) == SECRET


def test_a_passphrase_from_the_environment_may_be_any_bytes(tmp_path: Path) -> None:
    path, passphrase = tmp_path / "key.vault", os.fsdecode(b"caf\xe9")
    vault.write(path, SECRET, passphrase, purpose=PURPOSE, cost=LOWEST_COST)
    assert vault.read(path, passphrase, purpose=PURPOSE) == SECRET


def test_no_file_passes_for_another(path: Path) -> None:
    other = PURPOSE + "0"
    with pytest.raises(VaultPurposeError, match=PURPOSE):
        vault.read(path, PASSPHRASE, purpose=other)
    document = json.loads(path.read_bytes())
    path.write_bytes(rfc8785.dumps(with_fresh_checksum({**document, "purpose": other})))
    with pytest.raises(WrongPassphraseError):
        vault.read(path, PASSPHRASE, purpose=other)


@pytest.mark.parametrize(
    "forge",
    [
        lambda d: {**d, "ciphertext": flip(d["ciphertext"])},
        lambda d: {**d, "ciphertext": d["ciphertext"][:-2]},
        lambda d: {**d, "nonce": flip(d["nonce"])},
        lambda d: {**d, "kdf": {**d["kdf"], "salt": flip(d["kdf"]["salt"])}},
        lambda d: {**d, "kdf": {**d["kdf"], "n": 2 * LOWEST_COST}},
    ],
)
def test_a_forged_file_does_not_open(path: Path, forge: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    forged = forge(json.loads(path.read_bytes()))
    path.write_bytes(rfc8785.dumps(forged))
    with pytest.raises(VaultCorruptError, match="is damaged"):
        vault.read(path, PASSPHRASE, purpose=PURPOSE)
    path.write_bytes(rfc8785.dumps(with_fresh_checksum(forged)))
    with pytest.raises(WrongPassphraseError):
        vault.read(path, PASSPHRASE, purpose=PURPOSE)


def flip(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


@few
@given(st.data())
def test_a_damaged_byte_never_opens(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("vault") / "file"
    vault.write(path, SECRET, PASSPHRASE, purpose=PURPOSE, cost=LOWEST_COST)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises((VaultCorruptError, VaultPurposeError)) as caught:
        vault.read(path, PASSPHRASE, purpose=PURPOSE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "sonar-vault/2"}, "format"),
        ({"cipher": "none"}, "cipher"),
        ({"purpose": ""}, "purpose"),
        ({"nonce": "00"}, "nonce"),
        ({"nonce": "G" * 24}, "nonce"),
        ({"ciphertext": ""}, "ciphertext"),
        ({"ciphertext": "0" * 33}, "ciphertext"),
        ({"checksum": None}, "checksum"),
        ({"comment": "x"}, "unknown key 'comment'"),
        ({"kdf": {"name": "scrypt"}}, "kdf"),
        ({"kdf": "scrypt"}, "kdf"),
    ],
)
def test_a_file_of_another_shape(path: Path, change: dict[str, Any], why: str) -> None:
    path.write_bytes(rfc8785.dumps({**json.loads(path.read_bytes()), **change}))
    with pytest.raises(VaultCorruptError, match=f"is no vault file: {why}"):
        vault.read(path, PASSPHRASE, purpose=PURPOSE)


@pytest.mark.parametrize("n", [0, 1, LOWEST_COST - 1, LOWEST_COST + 1, 1 << 21, 1 << 52, 2.5, "1024", True])
def test_a_file_cannot_ask_for_any_amount_of_memory(path: Path, n: object) -> None:
    document = json.loads(path.read_bytes())
    document["kdf"]["n"] = n
    path.write_bytes(rfc8785.dumps(with_fresh_checksum(document)))
    with pytest.raises(VaultCorruptError, match=r"kdf\.n"):
        vault.read(path, PASSPHRASE, purpose=PURPOSE)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b" " * (4 << 20)], ids=len)
def test_what_is_no_vault_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(VaultCorruptError, match="is no vault file") as caught:
        vault.read(path, PASSPHRASE, purpose=PURPOSE)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VaultNotFoundError, match="no such vault file"):
        vault.read(tmp_path / "nothing", PASSPHRASE, purpose=PURPOSE)
    with pytest.raises(VaultNotFoundError):
        vault.change_passphrase(tmp_path / "nothing", "a", "b", purpose=PURPOSE, cost=LOWEST_COST)


def test_a_file_is_replaced_only_where_that_is_asked_for(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(VaultExistsError, match="was left as it is"):
        vault.write(path, b"other", PASSPHRASE, purpose=PURPOSE, cost=LOWEST_COST)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    vault.write(path, b"other", PASSPHRASE, purpose=PURPOSE, cost=LOWEST_COST, replace=True)
    assert vault.read(path, PASSPHRASE, purpose=PURPOSE) == b"other"


def test_a_failed_write_leaves_the_file_as_it_was(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            vault.change_passphrase(path, PASSPHRASE, "new", purpose=PURPOSE, cost=LOWEST_COST)
    assert list(tmp_path.iterdir()) == [path]
    assert vault.read(path, PASSPHRASE, purpose=PURPOSE) == SECRET


def test_changing_the_passphrase(path: Path) -> None:
    salt = json.loads(path.read_bytes())["kdf"]["salt"]
    with pytest.raises(WrongPassphraseError):
        vault.change_passphrase(path, "wrong", "new", purpose=PURPOSE, cost=LOWEST_COST)
    with pytest.raises(WrongPassphraseError, match="is empty"):
        vault.change_passphrase(path, PASSPHRASE, "", purpose=PURPOSE, cost=LOWEST_COST)
    assert vault.read(path, PASSPHRASE, purpose=PURPOSE) == SECRET

    vault.change_passphrase(path, PASSPHRASE, "new", purpose=PURPOSE, cost=2 * LOWEST_COST)
    assert vault.read(path, "new", purpose=PURPOSE) == SECRET
    assert json.loads(path.read_bytes())["kdf"]["salt"] != salt
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(WrongPassphraseError):
        vault.read(path, PASSPHRASE, purpose=PURPOSE)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"secret": b""}, "a secret has 1 to"),
        ({"secret": bytes((1 << 20) + 1)}, "a secret has 1 to"),
        ({"purpose": ""}, "purpose"),
        ({"purpose": "x" * 257}, "purpose"),
        ({"cost": LOWEST_COST // 2}, "n"),
        ({"cost": LOWEST_COST + 1}, "power of two"),
        ({"cost": 1 << 21}, "n"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, arguments: dict[str, Any], why: str) -> None:
    given_ = {"secret": SECRET, "passphrase": PASSPHRASE, "purpose": PURPOSE, "cost": LOWEST_COST, **arguments}
    with pytest.raises(UsageError, match=why):
        vault.write(tmp_path / "file", **given_)
    assert list(tmp_path.iterdir()) == []


def test_the_longest_secret_is_read_again(tmp_path: Path) -> None:
    longest = os.urandom(vault.LONGEST_SECRET)
    vault.write(tmp_path / "file", longest, PASSPHRASE, purpose="x" * 256, cost=LOWEST_COST)
    assert vault.read(tmp_path / "file", PASSPHRASE, purpose="x" * 256) == longest


def test_every_error_is_of_sonars_tree() -> None:
    for error in (VaultCorruptError, VaultExistsError, VaultNotFoundError, VaultPurposeError, WrongPassphraseError):
        assert issubclass(error, SonarError)
