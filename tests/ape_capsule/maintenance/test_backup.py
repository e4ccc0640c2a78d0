"""A Capsule's home in one file: whole while it is written to, opened by gpg, and back again or not at all."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from ape_capsule.errors import (
    BackupCorruptError,
    BackupExistsError,
    BackupPassphraseError,
    HomeTakenError,
    IdentityMissingError,
    WarrantLogCorruptError,
)
from ape_capsule.home.paths import KEYS_FOLDER, STATE_FILE, WARRANT_FILE
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import ChainRef, Kind, Warrant, WarrantLog
from ape_capsule.maintenance.backup import back_up, restore
from sonar_core.crypto import vault
from sonar_core.crypto.vault import LOWEST_COST, WrongPassphraseError
from syft.paillier import generate_insecure_keypair

CAMPAIGN, PASSPHRASE = bytes([7]) * 32, "correct horse"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        "ape_capsule.keys.paillier_keystore.generate_paillier_keypair", lambda bits: generate_insecure_keypair(512)
    )
    home = tmp_path / "capsule"
    identity = Identity.create(home, "Capsule", PASSPHRASE, cost=LOWEST_COST)
    Keystore(home / KEYS_FOLDER, PASSPHRASE, cost=LOWEST_COST).create(CAMPAIGN, 512)
    SealedFiles(home / "heads", identity).keep(CAMPAIGN, "head", b"weights")
    chain = ChainRef(1337, bytes(32), "0x" + "44" * 20)
    WarrantLog(home / WARRANT_FILE, chain).grant(Warrant(CAMPAIGN, Kind.GRADIENT, 0, bytes(32), bytes(32)), now=1)
    state = CapsuleJournal(home / STATE_FILE)
    state.note_refusal(CAMPAIGN, 3, "said before")
    state.close()
    (home / "lock").touch()
    return home


@pytest.fixture
def saved(home: Path, tmp_path: Path) -> Path:
    back_up(home, tmp_path / "saved", PASSPHRASE, cost=LOWEST_COST)
    return tmp_path / "saved"


def test_what_was_backed_up_comes_back(home: Path, saved: Path, tmp_path: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    contents = restore(saved, tmp_path / "again", PASSPHRASE)
    assert (contents.keys, contents.warrants) == (1, 1)
    again = tmp_path / "again"
    identity = Identity.load(again, PASSPHRASE)
    assert identity.certificate == Identity.load(home, PASSPHRASE).certificate
    assert contents.fingerprint == identity.certificate.fingerprint
    kept, returned = (Keystore(place / KEYS_FOLDER, PASSPHRASE).get(CAMPAIGN) for place in (home, again))
    assert kept.private_key == returned.private_key
    assert SealedFiles(again / "heads", identity).take(CAMPAIGN, "head") == b"weights"
    assert (again / WARRANT_FILE).read_bytes() == (home / WARRANT_FILE).read_bytes()
    state = CapsuleJournal(again / STATE_FILE)
    assert state.refusals(CAMPAIGN) == {3: "said before"}
    state.close()
    left = {path.name for path in home.iterdir()} - {path.name for path in again.iterdir()}
    assert left - {".backup", f"{STATE_FILE}-wal", f"{STATE_FILE}-shm"} == {"lock"}


def test_state_is_whole_while_it_is_written(home: Path, tmp_path: Path) -> None:
    state, stop = CapsuleJournal(home / STATE_FILE), threading.Event()
    written = 0
    backed_up = threading.Thread(
        target=lambda: (back_up(home, tmp_path / "live", PASSPHRASE, cost=LOWEST_COST), stop.set())
    )
    backed_up.start()
    while not stop.is_set() and written < 10_000:
        state.note_refusal(CAMPAIGN, written, "x" * 2000)
        written += 1
    backed_up.join()
    state.close()
    restore(tmp_path / "live", tmp_path / "again", PASSPHRASE)
    with sqlite3.connect(tmp_path / "again" / STATE_FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = [number for (number,) in connection.execute("SELECT number FROM refusal ORDER BY number")]
    assert found in (list(range(len(found))), [3], sorted({3, *range(len(found) - 1)}))


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_gpg_opens_it(home: Path, saved: Path, tmp_path: Path) -> None:
    with tarfile.open(saved) as outer:
        outer.extractall(tmp_path, filter="data")
    key = vault.read(tmp_path / "key.vault", PASSPHRASE, purpose="capsule-backup").decode()
    (tmp_path / "gnupg").mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", tmp_path / "gnupg", "--batch", "--pinentry-mode", "loopback", "--passphrase", key]
    opened = subprocess.run(
        [*gpg, "--decrypt", tmp_path / "home.tar.pgp"],
        check=True,
        capture_output=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(opened)) as inner:
        assert inner.extractfile("identity.vault").read() == (home / "identity.vault").read_bytes()  # type: ignore[union-attr]


def test_nothing_is_overwritten_and_nothing_half_restored(home: Path, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(BackupExistsError, match="exists and is left as it is: name another file"):
        back_up(home, saved, PASSPHRASE, cost=LOWEST_COST)
    assert saved.read_bytes() == before
    with pytest.raises(HomeTakenError, match="move it away"):
        restore(saved, home, PASSPHRASE)
    with pytest.raises(BackupPassphraseError, match=f"^the passphrase does not open {saved}; nothing was restored"):
        restore(saved, tmp_path / "again", "wrong")
    with pytest.raises(WrongPassphraseError):
        back_up(home, tmp_path / "other", "wrong", cost=LOWEST_COST)
    with pytest.raises(IdentityMissingError):
        back_up(tmp_path / "nowhere", tmp_path / "other", PASSPHRASE)
    assert {path.name for path in tmp_path.iterdir()} == {"capsule", "saved"}
    assert {path.name for path in (home / ".backup").iterdir()} == {"lock"}


@pytest.mark.parametrize("part", [0.0, 0.01, 0.1, 0.5, 0.7])
def test_half_a_backup_is_refused(saved: Path, tmp_path: Path, part: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises((BackupCorruptError, vault.VaultError)):
        restore(saved, tmp_path / "again", PASSPHRASE)
    assert not (tmp_path / "again").exists()


def test_a_byte_that_was_changed_is_found(saved: Path, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 1
    saved.write_bytes(data)
    with pytest.raises(BackupCorruptError, match="nothing was restored"):
        restore(saved, tmp_path / "again", PASSPHRASE)
    assert not (tmp_path / "again").exists()


def test_an_empty_folder_is_a_place_for_a_home(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert restore(saved, tmp_path / "again", PASSPHRASE).files > 3


def test_what_a_killed_backup_left_goes_and_others_files_stay(home: Path, saved: Path, tmp_path: Path) -> None:
    (home / ".backup" / "half-of-one").mkdir()
    for others in (tmp_path / ".backup-photos", tmp_path / ".capsule-restoring-mine"):
        others.mkdir()
        (others / "photo").touch()
    back_up(home, tmp_path / "second", PASSPHRASE, cost=LOWEST_COST)
    restore(saved, tmp_path / "again", PASSPHRASE)
    assert {path.name for path in (home / ".backup").iterdir()} == {"lock"}
    assert (tmp_path / ".backup-photos" / "photo").exists()
    assert (tmp_path / ".capsule-restoring-mine" / "photo").exists()


def test_a_log_that_does_not_follow_from_itself_makes_no_backup(home: Path, tmp_path: Path) -> None:
    log = home / WARRANT_FILE
    log.write_bytes(log.read_bytes() * 2)
    with pytest.raises(WarrantLogCorruptError, match="line 2"):
        back_up(home, tmp_path / "broken", PASSPHRASE, cost=LOWEST_COST)
    assert not (tmp_path / "broken").exists()


def test_half_a_line_of_the_warrant_log_is_not_backed_up(home: Path, tmp_path: Path) -> None:
    whole = (home / WARRANT_FILE).read_bytes()
    (home / WARRANT_FILE).write_bytes(whole + whole[:40])
    assert back_up(home, tmp_path / "torn", PASSPHRASE, cost=LOWEST_COST).warrants == 1
    restore(tmp_path / "torn", tmp_path / "again", PASSPHRASE)
    assert (tmp_path / "again" / WARRANT_FILE).read_bytes() == whole
