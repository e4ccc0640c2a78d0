"""Files of strangers, read within bounds: folders, .zip archives and single files.

What counts is what comes out of a file, never what an archive says of itself: a zip bomb ends at the limit.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from ape_mine.errors import SourceError

#: Most bytes of a file that is read piece by piece.
LARGEST_STREAM = 16 << 30
#: Most bytes of a file that is held in memory.
LARGEST_DOCUMENT = 256 << 20
#: Most bytes that one byte of an archive may become, beyond the first few megabytes: exports reach 30.
_STEEPEST = 200
_ALWAYS_ALLOWED = 16 << 20
_MOST_MEMBERS = 200_000


class FileSource:
    """A file, the files in a folder, or those in a .zip archive.

    Args:
        location: its path.
        what: what is looked for, for errors.

    Raises:
        SourceError: it is not there, or no archive that can be read.
    """

    def __init__(self, location: str, what: str) -> None:
        self.path = Path(location)
        self._what = what
        if not self.path.exists():
            raise SourceError(location, "no such file or folder")
        self._zip = self._open_zip() if self.path.is_file() and zipfile.is_zipfile(self.path) else None

    def find(self, pattern: str) -> list[str]:
        """Names of the files that match a pattern as a whole, in order; parts of numbers are ordered as numbers.

        Raises:
            SourceError: there is none.
        """
        wanted = re.compile(pattern)
        found = sorted((name for name in self._names() if wanted.fullmatch(name)), key=_natural)
        if not found and not self._is_single():
            raise SourceError(str(self.path), f"there is no {self._what} in it")
        return found or [""]

    @contextmanager
    def open(self, name: str, limit: int = LARGEST_STREAM) -> Iterator[BinaryIO]:
        """A file that `find` named, to be read up to a limit.

        Raises:
            SourceError: it is larger, damaged or encrypted; or no plain file of the folder.
        """
        where = f"{self.path}, {name}" if name else str(self.path)
        try:
            with self._open(name) as (file, most):
                yield cast(BinaryIO, io.BufferedReader(_Limited(file, min(limit, most), where)))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise SourceError(where, f"cannot be unpacked: {error}") from None

    def text(self, name: str, limit: int = LARGEST_DOCUMENT) -> str:
        """The whole of a file as text. Raises SourceError as `open`, and where it is not UTF-8."""
        with self.open(name, limit) as file:
            try:
                return file.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                raise SourceError(f"{self.path} {name}".strip(), "is not UTF-8 text") from None

    def _is_single(self) -> bool:
        return self._zip is None and self.path.is_file()

    def _open_zip(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise SourceError(str(self.path), f"no archive that can be read: {error}") from None
        if len(archive.infolist()) > _MOST_MEMBERS:
            raise SourceError(str(self.path), f"more than {_MOST_MEMBERS} files are in it")
        return archive

    def _names(self) -> Iterator[str]:
        if self._zip is not None:
            yield from (member.filename for member in self._zip.infolist() if not member.is_dir())
        elif self.path.is_dir():
            for place, path in enumerate(self.path.rglob("*")):
                if place >= _MOST_MEMBERS:
                    raise SourceError(str(self.path), f"more than {_MOST_MEMBERS} files are in it")
                yield path.relative_to(self.path).as_posix()

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[BinaryIO, int]]:
        if self._zip is not None:
            member = self._zip.getinfo(name)
            steepest = max(_ALWAYS_ALLOWED, member.compress_size * _STEEPEST)
            with self._zip.open(member) as packed:
                yield cast(BinaryIO, packed), steepest
            return
        path = self.path / name if name else self.path
        # A link in an unpacked archive could lead to any file of the Miner's.
        if name and not path.resolve().is_relative_to(self.path.resolve()):
            raise SourceError(str(path), "is a link that leads out of the folder")
        if not path.is_file():
            raise SourceError(str(path), "is no plain file")
        with path.open("rb") as file:
            yield file, LARGEST_STREAM


class _Limited(io.RawIOBase):
    """A file that ends with an error where it grows beyond its limit."""

    def __init__(self, file: BinaryIO, limit: int, where: str) -> None:
        self._file, self._left, self._limit, self._where = file, limit, limit, where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(self._where, f"holds more than {self._limit} bytes, which none of its kind does")
        buffer[: len(data)] = data
        return len(data)


def _natural(name: str) -> list[tuple[int, str]]:
    # Without its ending: tweets.js comes before tweets-part1.js.
    stem = name.rpartition(".")[0] or name
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", stem)]
