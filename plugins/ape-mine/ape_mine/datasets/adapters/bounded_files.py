"""Untrusted files read within bounds: single files, folders and .zip archives.

Limits apply to the bytes that are unpacked, not to the sizes that an archive claims: a zip bomb ends at the limit.
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

#: Largest file that is read in pieces, in bytes.
LARGEST_STREAM = 16 << 30
#: Largest file that is held in memory, in bytes.
LARGEST_DOCUMENT = 256 << 20
#: Largest compression ratio beyond the first few megabytes; real exports reach 30.
_LARGEST_RATIO = 200
_ALWAYS_ALLOWED = 16 << 20
_MOST_MEMBERS = 200_000


class FileSource:
    """A file, the files in a folder, or those in a .zip archive.

    Args:
        location: path.
        what: name of the wanted files, for errors.

    Raises:
        SourceError: no such file or folder, or a damaged archive.
    """

    def __init__(self, location: str, what: str) -> None:
        self.path = Path(location)
        self._what = what
        if not self.path.exists():
            raise SourceError(location, "no such file or folder")
        self._zip = self._open_zip() if self.path.is_file() and zipfile.is_zipfile(self.path) else None

    def find(self, pattern: str) -> list[str]:
        """Names of the files that fully match a pattern, in natural order (file2 before file10).

        Raises:
            SourceError: no file matches.
        """
        wanted = re.compile(pattern)
        found = sorted((name for name in self._names() if wanted.fullmatch(name)), key=_natural)
        if not found and not self._is_single():
            raise SourceError(str(self.path), f"holds no {self._what}")
        return found or [""]

    @contextmanager
    def open(self, name: str, limit: int = LARGEST_STREAM) -> Iterator[BinaryIO]:
        """Opens a file that `find` returned, for at most `limit` bytes.

        Raises:
            SourceError: larger, damaged or encrypted; or not a regular file inside the folder.
        """
        where = f"{self.path}, {name}" if name else str(self.path)
        try:
            with self._open(name) as (file, most):
                yield cast(BinaryIO, io.BufferedReader(_Limited(file, min(limit, most), where)))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise SourceError(where, f"cannot be unpacked: {error}") from None

    def text(self, name: str, limit: int = LARGEST_DOCUMENT) -> str:
        """A whole file as text. Raises SourceError as `open`, and if it is not UTF-8."""
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
            raise SourceError(str(self.path), f"not a readable archive: {error}") from None
        if len(archive.infolist()) > _MOST_MEMBERS:
            raise SourceError(str(self.path), f"holds more than {_MOST_MEMBERS} files")
        return archive

    def _names(self) -> Iterator[str]:
        if self._zip is not None:
            yield from (member.filename for member in self._zip.infolist() if not member.is_dir())
        elif self.path.is_dir():
            for index, path in enumerate(self.path.rglob("*")):
                if index >= _MOST_MEMBERS:
                    raise SourceError(str(self.path), f"holds more than {_MOST_MEMBERS} files")
                yield path.relative_to(self.path).as_posix()

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[BinaryIO, int]]:
        if self._zip is not None:
            member = self._zip.getinfo(name)
            most = max(_ALWAYS_ALLOWED, member.compress_size * _LARGEST_RATIO)
            with self._zip.open(member) as packed:
                yield cast(BinaryIO, packed), most
            return
        path = self.path / name if name else self.path
        # A symbolic link in an unpacked archive could point to any file of the Miner's.
        if name and not path.resolve().is_relative_to(self.path.resolve()):
            raise SourceError(str(path), "is a link that points out of the folder")
        if not path.is_file():
            raise SourceError(str(path), "is not a regular file")
        with path.open("rb") as file:
            yield file, LARGEST_STREAM


class _Limited(io.RawIOBase):
    """A file that raises SourceError beyond its limit."""

    def __init__(self, file: BinaryIO, limit: int, where: str) -> None:
        self._file, self._left, self._limit, self._where = file, limit, limit, where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(self._where, f"holds more than {self._limit} bytes, which no real export does")
        buffer[: len(data)] = data
        return len(data)


def _natural(name: str) -> list[tuple[int, str]]:
    # Without the suffix, so that tweets.js comes before tweets-part1.js.
    stem = name.rpartition(".")[0] or name
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", stem)]
