"""Atomic, durable file writes: after a crash a file has its old content or its new one, never a part."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PREFIX = ".incoming-"
#: An older temporary file belongs to a process that was killed.
_ABANDONED_AFTER_SECONDS = 3600


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Writes `data` to `path`; see `atomic_file`."""
    with atomic_file(path, mode=mode, replace=replace) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o644, replace: bool = True) -> Iterator[BinaryIO]:
    """A temporary file to write, which takes the name `path` at the end of the `with` block, when it is on disk.

    If the block raises, `path` stays as it was.

    Args:
        path: the file; its folder exists.
        mode: permissions of the file, whatever the umask.
        replace: False refuses to replace an existing file.

    Raises:
        FileExistsError: `replace` is false and the file exists; it keeps its content.
        OSError: any other refusal of the operating system; it names `path`, not the temporary file.
    """
    with _errors_name(path):
        descriptor, temporary = tempfile.mkstemp(prefix=_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        with _errors_name(path):
            if replace:
                os.replace(temporary, path)
            else:
                os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    """Puts `path` into an OSError in place of a temporary name."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files of writers that were killed, if they are older than an hour. Raises OSError."""
    for leftover in folder.glob(_PREFIX + "*"):
        if leftover.stat().st_mtime < time.time() - _ABANDONED_AFTER_SECONDS:
            leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Writes a folder's entries to disk (fsync): new names survive a crash. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
