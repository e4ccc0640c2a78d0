"""SQL databases: SQLite files and PostgreSQL, read row by row in one read-only transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sql
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from ape_mine.datasets.adapters.base import Record, Request, SchemaGiven
from ape_mine.datasets.parquet_storage import ROWS_AT_ONCE
from ape_mine.errors import ExtraMissingError, ImportOptionError, SourceError
from sonar_core.base.database import open_to_read

_CONNECT_SECONDS = 10
_DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class SqlDatabase(SchemaGiven):
    """Rows of a table or query; with a cursor column, only those since the last import."""

    name = "sql"
    summary = "a table or query of SQLite (sqlite:///PATH) or PostgreSQL (postgresql://USER@HOST/DATABASE)"
    options: ClassVar[Mapping[str, str]] = {
        "table": "name of the table, or SCHEMA.TABLE",
        "query": "a SELECT, in place of a table",
        "cursor": "column that only grows: the next import starts where this one ended",
    }

    def __init__(self) -> None:
        self._reached: str | None = None

    def describe(self, request: Request) -> str:
        # The URL may hold a password, also in its query.
        url = _url(request.location).set(query={}).render_as_string(hide_password=True)
        what = request.options.get("table") or request.options.get("query", "")
        return f"sql {url} {what}".strip()

    def cursor(self) -> str | None:
        return self._reached

    def records(self, request: Request) -> Iterator[Record]:
        self._reached = request.reached
        growing = request.options.get("cursor")
        try:
            with _connected(_url(request.location)) as connection:
                result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(self._select(request))
                for row, found in enumerate(result.mappings(), start=1):
                    cells = {str(name): _plain(value) for name, value in found.items()}
                    if growing:
                        self._reached = _latest(self._reached, found[growing], growing)
                    yield Record(row, cells, _text(cells[request.key]) if request.key else None)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise SourceError(self.describe(request), _message(error)) from None

    def _select(self, request: Request) -> sql.Select[Any]:
        growing = request.options.get("cursor")
        names = dict.fromkeys([*self.schema(request).names, *filter(None, [request.key, growing])])
        rows = _rows(request, list(names))
        # Qualified names: SQLite reads an unknown quoted name as a string.
        selected: sql.Select[Any] = sql.select(*(rows.c[name] for name in names))
        if growing is None:
            return selected
        selected = selected.order_by(rows.c[growing])
        if request.reached is None:
            return selected
        # Not ">": rows with the same value may have been added since. The merge drops duplicates.
        return selected.where(rows.c[growing] >= _from_json(request.reached))


def _rows(request: Request, names: Sequence[str]) -> sql.FromClause:
    table, query = request.options.get("table"), request.options.get("query")
    if (table is None) == (query is None):
        raise ImportOptionError("--set table=NAME", "name the table, or give a query, and not both")
    if table is not None:
        schema, _, name = table.rpartition(".")
        return sql.table(name, *map(sql.column, names), schema=schema or None)
    return sql.text(query or "").columns(*map(sql.column, names)).subquery("source")


def _url(location: str) -> URL:
    try:
        url = sql.make_url(location)
    except SQLAlchemyError:
        raise SourceError("sql", "not a database URL: write sqlite:///PATH or postgresql://...") from None
    if url.get_backend_name() not in _DIALECTS:
        raise SourceError(
            f"sql {url.get_backend_name()}", f"unsupported database: supported are {' and '.join(_DIALECTS)}"
        )
    return url.set(drivername=_DIALECTS[url.get_backend_name()])


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():
            raise SourceError(f"sql {path}", "no such file")
        engine = sql.create_engine("sqlite://", creator=lambda: _opened(path))
    else:
        try:
            engine = sql.create_engine(url, connect_args={"connect_timeout": _CONNECT_SECONDS})
        except ModuleNotFoundError as error:
            raise ExtraMissingError("PostgreSQL", str(error.name), extra="sql") from None
    try:
        with engine.connect() as connection:
            if url.get_backend_name() == "postgresql":
                connection.execute(sql.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield connection
    finally:
        engine.dispose()


def _opened(path: Path) -> sqlite3.Connection:
    """Opens a SQLite file read-only. SQLAlchemy would create a missing one."""
    connection = open_to_read(path)
    # The file may be hostile: its views and triggers must not call functions with side effects.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _plain(value: Any) -> Any:
    """Decimals as floats, dates and times as Unix seconds; the schema check refuses other types."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return int(datetime.combine(value, time(), UTC).timestamp())
    return value


_READERS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
}


def _latest(reached: str | None, value: Any, column: str) -> str | None:
    """The larger of the two as JSON, which keeps the type of dates and decimals."""
    if value is None:
        return reached
    if not isinstance(value, int | float | str | Decimal | date):
        raise ImportOptionError(f"--set cursor={column}", "its column holds neither numbers nor texts nor times")
    try:
        if reached is not None and not value > _from_json(reached):
            return reached
    except TypeError:
        raise ImportOptionError(f"--set cursor={column}", "its column holds values of several types") from None
    if isinstance(value, date):
        return json.dumps({"datetime" if isinstance(value, datetime) else "date": value.isoformat()})
    return json.dumps({"decimal": str(value)} if isinstance(value, Decimal) else value)


def _from_json(reached: str) -> Any:
    value = json.loads(reached)
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _READERS[kind](text)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _message(error: Exception) -> str:
    message = str(getattr(error, "orig", None) or error)
    return " ".join(message.split())[:300]
