"""Key pairs at rest: whole or not there, for one passphrase, one Campaign, and until they are destroyed."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest

from ape_capsule.errors import (
    IdentityExistsError,
    IdentityMissingError,
    KeyDestroyedError,
    KeyFileCorruptError,
    KeyMissingError,
)
from ape_capsule.keys import paillier_keystore
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import Keystore, destroy_key
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import parse_keyring
from sonar_core.crypto.sealed_messages import seal_anonymous
from sonar_core.crypto.vault import LOWEST_COST, VaultCorruptError, VaultPurposeError, WrongPassphraseError
from syft.paillier import generate_insecure_keypair

ONE, OTHER = bytes([1]) * 32, bytes([2]) * 32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paillier_keystore, "generate_paillier_keypair", generate_insecure_keypair)
    return tmp_path / "keys"


def keys(folder: Path, passphrase: str = "right") -> Keystore:
    return Keystore(folder, passphrase, cost=LOWEST_COST)


def test_a_key_pair_is_made_once_and_read_again(folder: Path) -> None:
    made = keys(folder).create(ONE, 512)
    assert made.n_bits == 512
    for again in (keys(folder).create(ONE, 512), keys(folder).get(ONE)):
        assert (again.n, again.h) == (made.n, made.h)
        (number,) = again.raw_decrypt(made.raw_encrypt([-12345]))
        assert number == -12345
    assert keys(folder).create(OTHER, 512).n != made.n


def test_many_key_pairs_take_little_memory_and_each_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A context keeps tables: a Capsule with a hundred Campaigns had them all."""
    monkeypatch.setattr(paillier_keystore, "_CONTEXTS_KEPT", 2)
    store, campaigns = keys(folder), [bytes([number]) * 32 for number in range(1, 5)]
    first = [store.create(campaign, 512) for campaign in campaigns]
    alive = [weakref.ref(context) for context in first]
    assert store.get(campaigns[-1]) is first[-1]
    numbers = [context.n for context in first]
    del first
    gc.collect()
    assert [context() is None for context in alive] == [True, True, False, False]
    with monkeypatch.context() as patched:
        patched.setattr(vault, "read", None)
        assert [store.get(campaign).n for campaign in campaigns] == numbers
    destroy_key(folder, campaigns[0])
    store.close(campaigns[0])
    with pytest.raises(KeyDestroyedError):
        store.get(campaigns[0])


def test_no_prime_is_on_disk_in_the_clear_and_nobody_else_may_read(folder: Path) -> None:
    made = keys(folder).create(ONE, 512)
    for path in folder.iterdir():
        assert f"{made.private_key.p:x}" not in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_a_wrong_passphrase_opens_nothing_and_makes_nothing_anew(folder: Path) -> None:
    keys(folder).create(ONE, 512)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(WrongPassphraseError, match="wrong passphrase"):
        keys(folder, "wrong").create(ONE, 512)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_missing_key_is_told_apart_from_a_destroyed_one(folder: Path) -> None:
    with pytest.raises(KeyMissingError, match="backup"):
        keys(folder).get(ONE)
    with pytest.raises(KeyMissingError):
        destroy_key(folder, ONE)
    keys(folder).create(ONE, 512)
    for _ in range(2):
        destroy_key(folder, ONE)
    with pytest.raises(KeyDestroyedError):
        keys(folder).get(ONE)
    with pytest.raises(KeyDestroyedError):
        keys(folder).create(ONE, 512)
    assert not list(folder.glob("*.vault"))


def test_one_campaigns_file_does_not_pass_for_anothers(folder: Path) -> None:
    keys(folder).create(ONE, 512)
    (folder / f"{ONE.hex()}.vault").rename(folder / f"{OTHER.hex()}.vault")
    with pytest.raises(VaultPurposeError):
        keys(folder).get(OTHER)


def test_a_damaged_file_is_told_and_kept(folder: Path) -> None:
    keys(folder).create(ONE, 512)
    path = folder / f"{ONE.hex()}.vault"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(VaultCorruptError):
        keys(folder).create(ONE, 512)
    assert path.exists()


@pytest.mark.parametrize("secret", [b"{}", b"[]", b"\xff", json.dumps({"p": "0x3", "q": 5, "h": "0x2"}).encode()])
def test_a_vault_without_a_key_pair_in_it_is_told(folder: Path, secret: bytes) -> None:
    folder.mkdir()
    path = folder / f"{ONE.hex()}.vault"
    vault.write(path, secret, "right", purpose=f"capsule-campaign-key:{ONE.hex()}", cost=LOWEST_COST)
    with pytest.raises(KeyFileCorruptError, match="unusable"):
        keys(folder).get(ONE)


def test_an_identity_is_made_once_and_opens_what_is_sealed_to_its_ring(tmp_path: Path) -> None:
    with pytest.raises(IdentityMissingError, match="ape capsule init"):
        Identity.load(tmp_path, "right")
    made = Identity.create(tmp_path, "Capsule", "right", cost=LOWEST_COST)
    with pytest.raises(IdentityExistsError):
        Identity.create(tmp_path, "Capsule", "right", cost=LOWEST_COST)
    with pytest.raises(WrongPassphraseError):
        Identity.load(tmp_path, "wrong")
    again = Identity.load(tmp_path, "right")
    assert again.certificate == made.certificate
    sealed = seal_anonymous(b"a bundle", parse_keyring(made.ring()))
    assert again.unseal_bundle(sealed, limit=100) == b"a bundle"
