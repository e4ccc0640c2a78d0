"""What an adapter is: something that reads one kind of source and gives its records, each with the id it has there.

A third party adds one as a plugin: a class that derives from `Adapter`, named under the entry-point group
`ape_mine.adapters` (docs/reference/adapters.md has an example). Adapters only read. The importer checks the rows,
compares them with known ones and keeps them.
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

#: Longest id of a record.
LONGEST_ID = 512


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a source.

    Attributes:
        row: number of it in the source, counted from 1.
        cells: values by the schema's column names; further names are left behind.
        id: what the source knows it by, at most `LONGEST_ID` characters; None where it has no ids.
        fault: why this is no record; None where it is one.
    """

    row: int
    cells: Mapping[str, Any]
    id: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a Miner asks of an adapter.

    Attributes:
        location: path, address or whatever names the source.
        options: by the names that the adapter declares.
        given: the Table Schema that the Miner gave; None leaves it to the adapter.
        key: the column whose value is each record's id; None where the source has ids itself, or none.
        reached: what the adapter's `cursor` said after the last import of this source into this dataset.
    """

    location: str
    options: Mapping[str, str] = field(default_factory=dict)
    given: TableSchema | None = None
    key: str | None = None
    reached: str | None = None

    def option(self, name: str) -> str:
        """An option that must be given. Raises ImportOptionError."""
        if name not in self.options:
            raise ImportOptionError(f"--set {name}=...", "is needed to read this source")
        return self.options[name]

    def after(self, reached: str | None) -> Request:
        """The same request where a source has been read so far already."""
        return replace(self, reached=reached)


class Adapter(ABC):
    """Reads one kind of source. An instance serves one import.

    Attributes:
        name: what `ape mine import` calls it: small letters, digits and -.
        summary: one line on what it reads.
        options: what may be set with `--set NAME=VALUE`, and what each means.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    options: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def schema(self, request: Request) -> TableSchema:
        """The columns that the records have. Raises MineError, SonarError."""

    @abstractmethod
    def records(self, request: Request) -> Iterator[Record]:
        """The source's records, read piece by piece. The source is hostile: sizes, depth and encodings are bounded.

        Raises:
            SourceError: it cannot be read.
        """

    def keyed(self, request: Request) -> bool:
        """Whether records have ids."""
        return request.key is not None

    def describe(self, request: Request) -> str:
        """What the history of the dataset calls the source; without passwords."""
        return f"{self.name} {request.location}"

    def cursor(self) -> str | None:
        """How far the source was read, once `records` is through; the next import's `reached`."""
        return None


class SchemaGiven(Adapter):
    """An adapter whose source says nothing of its columns: the Miner gives the Table Schema."""

    def schema(self, request: Request) -> TableSchema:
        if request.given is None:
            raise ImportOptionError("--schema", f"{self.name} has no schema of its own: give a Table Schema file")
        return request.given


class SchemaPublished(Adapter):
    """An adapter to one of the project's published schemas; a Miner may give a narrower one of the same columns.

    Attributes:
        published: name of the schema's file beside this module, without `.schema.json`.
    """

    published: ClassVar[str]

    def schema(self, request: Request) -> TableSchema:
        return request.given or published_schema(self.published)

    def keyed(self, request: Request) -> bool:
        return True


def published_schema(name: str) -> TableSchema:
    """A published schema by its name, such as "tweet"."""
    text = (files("ape_mine.datasets.adapters") / "schemas" / f"{name}.schema.json").read_text("utf-8")
    return TableSchema.parse(json.loads(text))
