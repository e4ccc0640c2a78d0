"""REST services that answer in JSON, page by page, through dlt's REST client (without a dlt pipeline).

The service may be hostile: each answer is bounded in size, depth and number of pages, and links and redirections to
another origin than the given one are refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import SplitResult, urlsplit

import requests

from ape_mine.datasets.adapters.base import Record, Request, SchemaGiven
from ape_mine.datasets.adapters.json_lines import id_of
from ape_mine.errors import ExtraMissingError, ImportOptionError, SourceError
from syft.bounded_json import parse_json

#: Largest size of a page in bytes, and largest number of pages.
LARGEST_PAGE = 32 << 20
MOST_PAGES = 10_000
_SECONDS = (10, 60)
_READ_AT_ONCE = 1 << 16


class RestApi(SchemaGiven):
    """The records of all pages; with a cursor, only those since the last import."""

    name = "rest"
    summary = "a REST service that answers in JSON, page by page (https://..., or http:// on this machine)"
    options: ClassVar[Mapping[str, str]] = {
        "records": "JSONPath of the list of records in a page; default: found automatically",
        "pages": "pagination: header, json:PATH (a link), cursor:PATH:PARAM, number:PARAM, offset:LIMIT, single",
        "token": "name of the environment variable that holds the bearer token",
        "cursor": "field that only grows: the next import starts where this one ended",
        "since": "query parameter for the cursor's last value",
    }

    def __init__(self) -> None:
        self._reached: str | None = None

    def describe(self, request: Request) -> str:
        parts = urlsplit(request.location)
        return f"rest {parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def cursor(self) -> str | None:
        return self._reached

    def records(self, request: Request) -> Iterator[Record]:
        where, growing = self.describe(request), request.options.get("cursor")
        self._reached, row = request.reached, 0
        for page in _pages(request, where):
            for document in page:
                row += 1
                if not isinstance(document, dict):
                    yield Record(row, {}, fault="is not a JSON object")
                    continue
                if growing:
                    self._reached = _latest(self._reached, document.get(growing))
                yield Record(row, document, id_of(document, request.key))


def _pages(request: Request, where: str) -> Iterator[list[Any]]:
    # dlt reads this setting when it is imported: no telemetry.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    try:
        from dlt.sources.helpers.rest_client.client import RESTClient
    except ModuleNotFoundError as error:
        raise ExtraMissingError("the source rest", str(error.name), extra="rest") from None

    session = _BoundedSession(request.location, where)
    token = request.options.get("token")
    if token:
        if token not in os.environ:
            raise ImportOptionError(f"--set token={token}", "no such environment variable")
        session.headers["Authorization"] = f"Bearer {os.environ[token]}"
    client = RESTClient(request.location, paginator=_paginator(request), session=session)
    params = {}
    if request.reached is not None and "since" in request.options:
        params[request.options["since"]] = json.loads(request.reached)
    try:
        pages = client.paginate("", params=params, data_selector=request.options.get("records"), timeout=_SECONDS)
        for number, page in enumerate(pages, start=1):
            if number > MOST_PAGES:
                raise SourceError(where, f"more than {MOST_PAGES} pages")
            yield list(page)
    except SourceError:
        raise
    except requests.RequestException as error:
        raise SourceError(where, " ".join(str(error).split())[:300]) from None
    except (ValueError, TypeError, KeyError) as error:
        raise SourceError(where, f"unexpected answer: {error}"[:300]) from None
    finally:
        session.close()


def _paginator(request: Request) -> Any:
    from dlt.sources.helpers.rest_client import paginators

    kind, *parts = request.options.get("pages", "auto").split(":")
    known: dict[tuple[str, int], Callable[[], Any]] = {
        ("auto", 0): lambda: None,
        ("single", 0): paginators.SinglePagePaginator,
        ("header", 0): paginators.HeaderLinkPaginator,
        ("json", 1): lambda: paginators.JSONLinkPaginator(next_url_path=parts[0]),
        ("cursor", 2): lambda: paginators.JSONResponseCursorPaginator(cursor_path=parts[0], cursor_param=parts[1]),
        ("number", 1): lambda: paginators.PageNumberPaginator(base_page=1, page_param=parts[0], total_path=None),
        ("offset", 1): lambda: paginators.OffsetPaginator(limit=int(parts[0]), total_path=None),
    }
    made = known.get((kind, len(parts)))
    if made is None or (kind == "offset" and not parts[0].isdecimal()):
        raise ImportOptionError("--set pages=...", f"{RestApi.options['pages']}")
    return made()


class _BoundedSession(requests.Session):
    """A session with one origin only, and bounded answers."""

    def __init__(self, location: str, where: str) -> None:
        super().__init__()
        self._where = where
        self._origin = _origin(urlsplit(location))
        if self._origin[0] != "https" and not _is_here(self._origin[1]):
            raise SourceError(where, "is not https: anybody on the way could read the rows and the token")

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        origin = _origin(urlsplit(request.url or ""))
        if origin != self._origin:
            raise SourceError(self._where, f"leads to another origin, {origin[0]}://{origin[1]}:{origin[2]}")
        response = super().send(request, **{**kwargs, "stream": True})
        data = bytearray()
        for part in response.iter_content(_READ_AT_ONCE):
            data += part
            if len(data) > LARGEST_PAGE:
                raise SourceError(self._where, f"a page has more than {LARGEST_PAGE} bytes")
        response._content = bytes(data)  # as requests sets it for an answer that is not streamed
        self._check_depth(response)
        return response

    def _check_depth(self, response: requests.Response) -> None:
        if not response.ok or response.is_redirect:
            return
        try:
            parse_json(response.content.decode("utf-8"))
        except ValueError as error:
            raise SourceError(self._where, f"a page is not JSON in UTF-8: {error}"[:200]) from None


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        port = 0
    return parts.scheme, parts.hostname or "", port


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _latest(reached: str | None, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return reached
    if reached is None:
        return json.dumps(value)
    known = json.loads(reached)
    larger = value > known if isinstance(value, str) == isinstance(known, str) else False
    return json.dumps(value) if larger else reached
