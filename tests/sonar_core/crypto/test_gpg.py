"""Both ways between Sonar's messages and the machine's gpg."""

import re
import shutil
import subprocess
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sonar_core.crypto import sealed_messages
from sonar_core.crypto.certificates import CertificateError, Key, format_keyring, format_keys, parse_certificate
from sonar_core.crypto.sealed_messages import (
    MalformedMessageError,
    MessageTooLargeError,
    NoValidSignatureError,
    SealError,
)
from sonar_core.protocol.delivery import Delivery

pytestmark = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed on this machine")

DATA = b"accuracy 0.97\r\n\0\xff"
LIMIT = 1 << 20
OURS = Key.generate("Ours <ours@example.org>")
THEIRS = "theirs@example.org"


class Gpg:
    """gpg with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        return self._run(*arguments, given=given).stdout

    def status(self, *arguments: str, given: bytes = b"") -> str:
        """Its machine-readable status lines."""
        return self._run("--status-fd", "2", *arguments, given=given).stderr.decode("ascii", "replace")

    def _run(self, *arguments: str, given: bytes) -> "subprocess.CompletedProcess[bytes]":
        options = ["--homedir", str(self.home), "--batch", "--yes", "--trust-model", "always"]
        options += ["--pinentry-mode", "loopback", "--passphrase", ""]
        return subprocess.run(["gpg", *options, *arguments], input=given, capture_output=True, check=True)

    def key(self, user_id: str) -> Key:
        return Key.from_bytes(self.run("--export-secret-keys", user_id))


@contextmanager
def own_gpg() -> Iterator[Gpg]:
    # Not below pytest's own folder: the path of gpg-agent's socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        try:
            yield Gpg(Path(home))
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with own_gpg() as mine:
        mine.run("--quick-gen-key", THEIRS, "default", "default", "never")
        mine.run("--import", given=OURS.to_bytes())
        yield mine


def test_gpg_opens_and_verifies_ours(gpg: Gpg, tmp_path: Path) -> None:
    theirs = gpg.key(THEIRS).certificate
    message = tmp_path / "message.pgp"
    message.write_bytes(sealed_messages.seal(DATA, [theirs], signer=OURS))
    assert gpg.run("--decrypt", str(message)) == DATA
    status = gpg.status("--decrypt", str(message))
    assert re.search(rf"^\[GNUPG:\] VALIDSIG \w+ .* {OURS.fingerprint}$", status, re.MULTILINE)


@pytest.mark.parametrize("owner", [THEIRS, "ours@example.org"])
def test_gpg_opens_a_delivery(gpg: Gpg, tmp_path: Path, owner: str) -> None:
    """A Data Scientist reads a delivery with gpg alone, to a key that gpg made and to one that Sonar made."""
    delivery, message = Delivery(bytes(32), 3, bytes(32), 97 * 10**16, b"openings"), tmp_path / "delivery.pgp"
    message.write_bytes(sealed_messages.seal(delivery.to_bytes(), [gpg.key(owner).certificate], signer=OURS))
    assert Delivery.from_bytes(gpg.run("--decrypt", str(message))) == delivery


def test_gpg_opens_a_message_to_several_keys_of_ours(gpg: Gpg, tmp_path: Path) -> None:
    """A ring of a Capsule during a rotation: every key opens it."""
    ring, message = [OURS.certificate, Key.generate("Next").certificate], tmp_path / "bundle.pgp"
    message.write_bytes(sealed_messages.seal_anonymous(DATA, ring))
    assert gpg.run("--decrypt", str(message)) == DATA


def test_gpg_finds_every_self_signature_of_a_fresh_key_good(gpg: Gpg) -> None:
    listed = gpg.run("--with-colons", "--check-sigs", OURS.fingerprint).decode().splitlines()
    signatures = [line.split(":")[1] for line in listed if line.startswith("sig:")]
    assert signatures == ["!"] * 4  # on the key, its user id and two subkeys


def test_gpg_sees_that_the_old_key_vouches_for_the_new_one(tmp_path: Path) -> None:
    """A rotation, for those who trust the old certificate: gpg verifies the certification, and signs with either."""
    old, stranger = Key.generate("Capsule <capsule@example.org>"), Key.generate("Stranger")
    new = Key.generate("Capsule <capsule@example.org>").certified_by(old)
    with own_gpg() as gpg:
        gpg.run("--import", given=format_keyring([new.certificate, old.certificate, stranger.certificate]))
        listed = gpg.run("--with-colons", "--check-sigs", new.fingerprint).decode().splitlines()
        signatures = [line.split(":") for line in listed if line.startswith("sig:")]
        third = [(one[1], one[4], one[10]) for one in signatures if one[4] != new.fingerprint[-16:]]
        assert third == [("!", old.fingerprint[-16:], "13x")]  # "!": good; 13: a certification of the user id
    with own_gpg() as gpg:
        gpg.run("--import", given=format_keys([new, old]))
        for key in (new, old):
            statement = tmp_path / "statement"
            statement.write_bytes(gpg.run("-u", key.fingerprint, "--sign", "-z", "0", given=DATA))
            assert f" {key.fingerprint}\n" in gpg.status("--verify", str(statement))


def test_we_open_and_verify_gpgs(gpg: Gpg) -> None:
    theirs = gpg.key(THEIRS)
    for armour in ([], ["--armor"]):
        message = gpg.run(*armour, "-z", "0", "-u", THEIRS, "-r", OURS.fingerprint, "--sign", "--encrypt", given=DATA)
        assert sealed_messages.unseal(message, OURS, signers=[theirs.certificate], limit=LIMIT) == DATA
        with pytest.raises(NoValidSignatureError):
            sealed_messages.unseal(message, OURS, signers=[OURS.certificate], limit=LIMIT)


def test_a_compressed_message_opens_unless_its_signature_is_wanted(gpg: Gpg) -> None:
    message = gpg.run("-z", "9", "-u", THEIRS, "-r", OURS.fingerprint, "--sign", "--encrypt", given=DATA * 100)
    assert sealed_messages.unseal_anonymous(message, OURS, limit=LIMIT) == DATA * 100
    with pytest.raises(NoValidSignatureError, match="--compress-algo none"):
        sealed_messages.unseal(message, OURS, signers=[gpg.key(THEIRS).certificate], limit=LIMIT)


@pytest.mark.parametrize(
    ("algorithm", "error"),
    # pysequoia's wheels unfold no bzip2.
    [("zip", MessageTooLargeError), ("zlib", MessageTooLargeError), ("bzip2", MalformedMessageError)],
)
def test_a_decompression_bomb_is_cut_off(gpg: Gpg, algorithm: str, error: type[SealError]) -> None:
    bomb = gpg.run("--compress-algo", algorithm, "-r", OURS.fingerprint, "--encrypt", given=bytes(100 << 20))
    assert len(bomb) < LIMIT // 4
    tracemalloc.start()
    try:
        with pytest.raises(error):
            sealed_messages.unseal_anonymous(bomb, OURS, limit=LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * LIMIT


def test_statements_both_ways(gpg: Gpg, tmp_path: Path) -> None:
    statement, signature = tmp_path / "statement", tmp_path / "signature"
    statement.write_bytes(DATA)
    signature.write_bytes(sealed_messages.sign(DATA, OURS))
    assert f" {OURS.fingerprint}\n" in gpg.status("--verify", str(signature), str(statement))

    theirs = gpg.key(THEIRS).certificate
    for armour in ([], ["--armor"]):
        made = gpg.run(*armour, "-u", THEIRS, "--detach-sign", given=DATA)
        assert sealed_messages.verify(DATA, made, [OURS.certificate, theirs]) == theirs


def test_an_expired_certificate_is_not_sealed_to(gpg: Gpg) -> None:
    gpg.run("--faked-system-time", "20200101T000000", "--quick-gen-key", "old@example.org", "default", "default", "1d")
    old = parse_certificate(gpg.run("--export", "old@example.org"))
    with pytest.raises(CertificateError, match="expired on 2020-01-02"):
        sealed_messages.seal_anonymous(DATA, [old])
    with pytest.raises(CertificateError, match="no secret key to sign and decrypt with"):
        gpg.key("old@example.org")


def test_a_certificate_that_only_signs_is_not_sealed_to(gpg: Gpg) -> None:
    gpg.run("--quick-gen-key", "signs@example.org", "ed25519", "sign", "never")
    signs = parse_certificate(gpg.run("--export", "signs@example.org"))
    with pytest.raises(CertificateError, match="nothing can be encrypted to"):
        sealed_messages.seal_anonymous(DATA, [OURS.certificate, signs])
