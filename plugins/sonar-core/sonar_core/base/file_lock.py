"""An exclusive lock on a file (flock), which keeps a second process out of a home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def file_lock(path: Path, *, busy: Exception | None = None) -> Iterator[None]:
    """Holds the lock on a file inside the `with` block; the kernel releases it if the process is killed.

    Args:
        path: the file, which is created if it is missing and stays; its folder exists.
        busy: raised if another process holds the lock; None waits until it is released.

    Raises:
        OSError: the file cannot be opened or locked.
    """
    # A marker file in place of flock would outlive a process that was killed.
    lock = FileLock(path, timeout=0 if busy else -1, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        assert busy is not None  # without a time-out nothing times out
        raise busy from None
    try:
        yield
    finally:
        lock.release()
