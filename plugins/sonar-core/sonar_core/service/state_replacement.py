"""A state file that is made anew takes the place of the old one, which is kept beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sonar_core.base.atomic_files import sync_folder
from sonar_core.base.errors import SonarError

#: What SQLite keeps beside a database that is in use.
_BESIDE = ("-wal", "-shm", "-journal")


class StateSoundError(SonarError, RuntimeError):
    """The state file is intact; rebuilding would lose what is not on the chain.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is sound, and follows this chain: it is left as it is")


@contextmanager
def rebuilt(path: Path) -> Iterator[tuple[Path, Path]]:
    """Makes a state file anew: where to write it, and where the old one is going to be.

    Where the block ends without an exception the new file takes the old one's place, and else nothing has changed.
    Killed between, there is no state file, never a mixture of two; the old one is beside its place, complete.

    Raises:
        OSError: the folder cannot be written to.
    """
    fresh, aside = path.with_name(f".{path.name}.rebuilt"), _free_name(path)
    _remove(fresh)
    try:
        yield fresh, aside
        # The old file first: what was not yet written into it from beside it must never get into the new one.
        for ending in ("", *_BESIDE):
            old = Path(f"{path}{ending}")
            if old.exists():
                os.rename(old, f"{aside}{ending}")
        os.rename(fresh, path)
        sync_folder(path.parent)
    finally:
        _remove(fresh)


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


def _remove(path: Path) -> None:
    for ending in ("", *_BESIDE):
        Path(f"{path}{ending}").unlink(missing_ok=True)
