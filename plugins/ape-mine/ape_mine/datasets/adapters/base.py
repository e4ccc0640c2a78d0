"""The interface of an adapter, which reads one kind of source and gives its records with their ids.

A third party adds one as a plugin: a class that derives from `Adapter`, listed under the entry-point group
`ape_mine.adapters` (docs/reference/adapters.md has an example). Adapters only read; the importer checks rows,
merges them and stores them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, ClassVar

from ape_mine.errors import ImportOptionError
from sonar_core.data.table_schema import TableSchema

#: Longest id of a record, in characters.
LONGEST_ID = 512


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a source.

    Attributes:
        row: its number in the source, counted from 1.
        cells: values by the schema's column names; other names are ignored.
        id: its id in the source, at most `LONGEST_ID` characters; None if the source has no ids.
        fault: reason why it is no usable record; None if it is.
    """

    row: int
    cells: Mapping[str, Any]
    id: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Input of an adapter.

    Attributes:
        location: path or URL of the source.
        options: values by the names that the adapter declares.
        given: the Miner's Table Schema; None for the adapter's own.
        key: the column that holds each record's id; None if the source has ids of its own, or none.
        reached: the adapter's `cursor` after the last import of this source into the same dataset; None before.
    """

    location: str
    options: Mapping[str, str] = field(default_factory=dict)
    given: TableSchema | None = None
    key: str | None = None
    reached: str | None = None

    def option(self, name: str) -> str:
        """A required option. Raises ImportOptionError if it is missing."""
        if name not in self.options:
            raise ImportOptionError(f"--set {name}=...", "is required for this source")
        return self.options[name]

    def after(self, reached: str | None) -> Request:
        """The same request with the position that the last import reached."""
        return replace(self, reached=reached)


class Adapter(ABC):
    """Reads one kind of source. An instance serves one import.

    Attributes:
        name: for `ape mine import`: lower-case letters, digits and -.
        summary: the sources it reads, on one line.
        options: names for `--set NAME=VALUE`, with their meaning.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    options: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def schema(self, request: Request) -> TableSchema:
        """Columns of the records. Raises MineError, SonarError."""

    @abstractmethod
    def records(self, request: Request) -> Iterator[Record]:
        """Reads the records in pieces. The source may be hostile: bound sizes and depth, check encodings.

        Raises:
            SourceError: the source cannot be read.
        """

    def keyed(self, request: Request) -> bool:
        """Whether records have ids."""
        return request.key is not None

    def describe(self, request: Request) -> str:
        """Description of the source for the dataset's history, without passwords."""
        return f"{self.name} {request.location}"

    def cursor(self) -> str | None:
        """Position in the source after all `records` were read: `reached` of the next import."""
        return None


class SchemaGiven(Adapter):
    """An adapter for sources without a schema: the Miner gives the Table Schema."""

    def schema(self, request: Request) -> TableSchema:
        if request.given is None:
            raise ImportOptionError("--schema", f"{self.name} has no schema of its own: give a Table Schema file")
        return request.given


class SchemaPublished(Adapter):
    """An adapter with one of the project's published schemas; the Miner may give a narrower one of the same columns.

    Attributes:
        published: name of the schema file in `schemas/`, without `.schema.json`.
    """

    published: ClassVar[str]

    def schema(self, request: Request) -> TableSchema:
        return request.given or published_schema(self.published)

    def keyed(self, request: Request) -> bool:
        return True


def published_schema(name: str) -> TableSchema:
    """A published schema by name, such as "tweet"."""
    text = (files("ape_mine.datasets.adapters") / "schemas" / f"{name}.schema.json").read_text("utf-8")
    return TableSchema.parse(json.loads(text))
