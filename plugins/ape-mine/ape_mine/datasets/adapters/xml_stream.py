"""Untrusted XML, read as a stream: no tree, no entities, no network access, and every part bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from ape_mine.errors import SourceError

#: Largest size of one tag or text, in bytes.
LONGEST_PART = 1 << 20
_DEEPEST = 64
_READ_AT_ONCE = 1 << 16

#: ("start", name, attributes), or ("end", name, {"": text of the element}).
Event = tuple[str, str, dict[str, str]]


def xml_events(file: BinaryIO, where: str) -> Iterator[Event]:
    """Yields starts and ends of elements, by local names.

    A document type may declare elements, as Apple's does, but no entities, which could expand exponentially or be
    fetched.

    Raises:
        SourceError: not XML, nested too deeply, a part that is too long, or an entity declaration.
    """
    reader = _Reader(where)
    fed = 0
    try:
        while data := file.read(_READ_AT_ONCE):
            fed += len(data)
            reader.parser.Parse(data, False)
            if fed - reader.parser.CurrentByteIndex > LONGEST_PART + _READ_AT_ONCE:
                raise SourceError(where, f"has a tag or text of more than {LONGEST_PART} bytes")
            yield from reader.taken()
        reader.parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(where, f"not readable XML: {error}") from None
    yield from reader.taken()


class _Reader:
    def __init__(self, where: str) -> None:
        self._where = where
        self._events: list[Event] = []
        self._texts: list[list[str]] = []
        self._lengths: list[int] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse

    def taken(self) -> list[Event]:
        """Events since the last call."""
        events, self._events = self._events, []
        return events

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._texts) >= _DEEPEST:
            raise SourceError(self._where, f"is nested deeper than {_DEEPEST}")
        self._texts.append([])
        self._lengths.append(0)
        self._events.append(("start", _local(name), attributes))

    def _end(self, name: str) -> None:
        self._lengths.pop()
        self._events.append(("end", _local(name), {"": "".join(self._texts.pop())}))

    def _text(self, text: str) -> None:
        if self._texts:
            self._lengths[-1] += len(text)
            if self._lengths[-1] > LONGEST_PART:
                raise SourceError(self._where, f"has a text of more than {LONGEST_PART} characters")
            self._texts[-1].append(text)

    def _refuse(self, *_: object) -> NoReturn:
        raise SourceError(self._where, "declares an entity, which could expand exponentially; no export does so")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
