"""A backup of a Capsule's home in one file, taken while the Capsule serves, and its restore.

The file is a tar of two members: `key.vault`, a random key under the passphrase (scrypt), and `home.tar.pgp`, the
home's files as an OpenPGP message (RFC 9580) under that key, which `gpg` opens as well. So the passphrase is as hard to
guess as that of the vaults. The state file is copied first; all files that it refers to were written before it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pysequoia import decrypt_file, encrypt_file

from ape_capsule.errors import BackupCorruptError, BackupExistsError, BackupPassphraseError, HomeTakenError
from ape_capsule.home.paths import KEYS_FOLDER, LOCK_FILE, STATE_FILE, WARRANT_FILE
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.warrant_log import read
from sonar_core.base.atomic_files import atomic_file
from sonar_core.base.database import open_to_read
from sonar_core.base.file_lock import file_lock
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import first_line

_PURPOSE = "capsule-backup"
#: Folder in the home for unfinished backups.
_SCRATCH = ".backup"
_KEY, _HOME = "key.vault", "home.tar.pgp"
#: Files of SQLite beside an open database; the copy contains them.
_BESIDE_STATE = tuple(f"{STATE_FILE}{ending}" for ending in ("-wal", "-shm", "-journal"))
_LEFT_OUT = {LOCK_FILE, STATE_FILE, *_BESIDE_STATE}


@dataclass(frozen=True, slots=True)
class BackupContents:
    """The content of a backup.

    Attributes:
        fingerprint: of the identity's current certificate.
        files, keys, warrants: numbers of files, of key pairs, of lines of the warrant log.
    """

    fingerprint: str
    files: int
    keys: int
    warrants: int


def back_up(home: Path, target: Path, passphrase: str, *, cost: int = vault.COST) -> BackupContents:
    """Writes all that the Capsule needs to go on; the file is complete on disk when this returns.

    Args:
        home: of the Capsule, which may serve.
        target: path of the file to make.
        passphrase: of the home's vaults.
        cost: scrypt's n.

    Raises:
        IdentityMissingError: there is no Capsule.
        VaultError: the passphrase is wrong.
        WarrantLogCorruptError: the warrant log is damaged; nothing is written.
        BackupExistsError: `target` exists; it keeps its content.
        OSError: the file cannot be written.
    """
    # The same passphrase as the vaults', so that there is one to remember.
    identity = Identity.load(home, passphrase)
    if target.exists():
        raise BackupExistsError(target)
    with _only_backup(home) as scratch, _new_file(target) as file:
        _copy_state(home / STATE_FILE, scratch / STATE_FILE)
        with tarfile.open(scratch / "home.tar", "w") as tar:
            _add_files(tar, home, scratch / STATE_FILE)
            contents = _contents(identity, tar.getnames(), home / WARRANT_FILE)
        password = secrets.token_hex(32)
        vault.write(scratch / _KEY, password.encode(), passphrase, purpose=_PURPOSE, cost=cost)
        encrypt_file(str(scratch / "home.tar"), str(scratch / _HOME), passwords=[password], armor=False)
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name in (_KEY, _HOME):
                tar.add(scratch / name, name)
    return contents


def restore(source: Path, home: Path, passphrase: str) -> BackupContents:
    """Puts a backup back as a home, all of it or nothing.

    Args:
        source: what `back_up` wrote.
        home: a folder that does not exist or is empty.
        passphrase: of the vaults when the backup was written.

    Raises:
        HomeTakenError: `home` is not empty.
        BackupCorruptError: the file is no backup, or damaged.
        BackupPassphraseError: the passphrase is wrong.
        WarrantLogCorruptError: the warrant log in it is damaged.
        OSError: a file cannot be read or written.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise HomeTakenError(home)
    home.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(home.parent, f".{home.name}-restoring-") as scratch:
        _take_apart(source, scratch, passphrase)
        fresh = scratch / "home"
        fresh.mkdir(mode=0o700)
        _unpack(source, scratch / "home.tar", fresh)
        names = [str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()]
        contents = _contents(Identity.load(fresh, passphrase), names, fresh / WARRANT_FILE)
        os.sync()  # all files are on disk before the folder gets its name
        if home.exists():
            home.rmdir()
        os.rename(fresh, home)
    return contents


@contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    try:
        with atomic_file(target, mode=0o600, replace=False) as file:
            yield file
    except FileExistsError:  # another process made it meanwhile
        raise BackupExistsError(target) from None


@contextmanager
def _scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """A temporary folder on the same disk, readable by the owner alone."""
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch)


@contextmanager
def no_backup(home: Path) -> Iterator[None]:
    """Waits until no process makes a backup of a home, and lets none start inside the block."""
    folder = home / _SCRATCH
    folder.mkdir(mode=0o700, exist_ok=True)
    with file_lock(folder / LOCK_FILE):
        yield


@contextmanager
def _only_backup(home: Path) -> Iterator[Path]:
    """A folder for an unfinished backup, with the lock on backups held; leftovers of killed processes are removed."""
    with no_backup(home):
        folder = home / _SCRATCH
        for leftover in folder.glob("half-*"):
            shutil.rmtree(leftover)
        with _scratch(folder, "half-") as scratch:
            yield scratch


def _copy_state(source: Path, copy: Path) -> None:
    if source.exists():
        with closing(open_to_read(source)) as state, closing(sqlite3.connect(copy)) as target:
            state.backup(target)


def _add_files(tar: tarfile.TarFile, home: Path, state: Path) -> None:
    if state.exists():
        tar.add(state, STATE_FILE)
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        hidden = any(part.startswith(".") for part in name.parts)
        if not hidden and str(name) not in _LEFT_OUT and path.is_file() and not path.is_symlink():
            # Evidence of a settled Campaign may be removed meanwhile.
            with _unless_gone():
                _add(tar, path, str(name))


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Adds a file as it is when it is opened, even if it is replaced meanwhile; of the growing log, whole lines."""
    with path.open("rb") as file:
        member = tar.gettarinfo(arcname=name, fileobj=file)
        if name == WARRANT_FILE:
            content = file.read(member.size)
            member.size = content.rfind(b"\n") + 1
            file.seek(0)
        tar.addfile(member, file)


@contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return


def _take_apart(source: Path, scratch: Path, passphrase: str) -> None:
    """Writes the decrypted tar of the home's files into `scratch`."""
    try:
        with tarfile.open(source, "r:") as tar:
            for name in (_KEY, _HOME):
                _write_member(tar, tar.getmember(name), scratch / name)
    except (tarfile.TarError, KeyError, EOFError):
        raise BackupCorruptError(source, "it is no backup of a Capsule, or an incomplete one") from None
    try:
        password = vault.read(scratch / _KEY, passphrase, purpose=_PURPOSE).decode()
    except vault.WrongPassphraseError:
        raise BackupPassphraseError(source) from None
    except vault.VaultError as error:
        raise BackupCorruptError(source, f"{_KEY} in it {error.why}") from None
    try:
        decrypt_file(str(scratch / _HOME), str(scratch / "home.tar"), passwords=[password])
    except (RuntimeError, OSError) as error:
        raise BackupCorruptError(source, f"what is in it cannot be decrypted ({first_line(error)})") from None


def _unpack(source: Path, archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                if not member.isfile() or name.is_absolute() or ".." in name.parts:
                    raise BackupCorruptError(source, f"{member.name!r:.80} is no file of a home")
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write_member(tar, member, path)
    except (tarfile.TarError, EOFError) as error:
        raise BackupCorruptError(source, str(error)) from None


def _write_member(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content: IO[bytes] | None = tar.extractfile(member)
    if content is None:
        raise tarfile.TarError(f"{member.name!r:.80} is no file")
    with content, path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def _contents(identity: Identity, names: Sequence[str], warrants: Path) -> BackupContents:
    """The content of a backup, by the names of its files. Raises WarrantLogCorruptError."""
    keys = sum(name.startswith(f"{KEYS_FOLDER}/") and name.endswith(".vault") for name in names)
    return BackupContents(identity.certificate.fingerprint, len(names), keys, sum(1 for _ in read(warrants)))
