"""Files that are there as a whole or not at all, whenever the power goes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PREFIX = ".incoming-"
#: Nobody writes one file for that long: what is older was left behind by a process that was killed.
_ABANDONED_AFTER_SECONDS = 3600


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Writes `data` to `path`; see `atomic_file`."""
    with atomic_file(path, mode=mode, replace=replace) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o644, replace: bool = True) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` at the end: on disk and complete then, untouched where anything is raised.

    Args:
        path: the file; its folder exists.
        mode: permissions of the file, whatever the umask.
        replace: whether a file that is there already is replaced.

    Raises:
        FileExistsError: `replace` is false and the file is there; it keeps its content.
        OSError: whatever else the operating system refuses.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Removes what writers that were killed left in `folder` more than an hour ago. Raises OSError."""
    for leftover in folder.glob(_PREFIX + "*"):
        if leftover.stat().st_mtime < time.time() - _ABANDONED_AFTER_SECONDS:
            leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder as durable as what they name. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
