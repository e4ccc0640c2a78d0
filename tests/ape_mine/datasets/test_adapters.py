"""Each source as people have it, twice and then newer; and as an enemy would make it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
import sqlalchemy

from ape_mine.datasets.adapters import rest_api, xml_stream
from ape_mine.datasets.adapters.base import Request, published_schema
from ape_mine.datasets.adapters.registry import find_adapter
from ape_mine.datasets.importing import ImportResult, import_source
from ape_mine.datasets.merge import MergeCounts
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import AdapterBrokenError, ExtraMissingError, ImportOptionError, SourceError
from sonar_core.data.row_errors import WrongRowsError
from sonar_core.data.table_schema import TableSchema
from tests.world.postgres import running_postgres

AGE = {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}}
WARD = {"name": "Ward", "type": "string", "constraints": {"enum": ["north", "south"]}}
PEOPLE = TableSchema.parse({"fields": [AGE, WARD]})


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "datasets")


def read(store: DatasetStore, source: str, location: object, **how: Any) -> ImportResult:
    return import_source(store, "rows", find_adapter(source), Request(str(location), **how))


def rows_of(store: DatasetStore) -> list[dict[str, Any]]:
    dataset = store.get("rows")
    return pd.concat(dataset.frames(dataset.schema.names)).to_dict("records")


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ------------------------------------------------------------------ SQL


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with running_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, sqlalchemy.Engine]]:
    """A database with a table of people: its address, and a way to write it."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'people.sqlite'}"
        engine = sqlalchemy.create_engine(address)
    else:
        address = request.getfixturevalue("postgres")
        engine = sqlalchemy.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS people"))
        connection.execute(
            sqlalchemy.text(
                "CREATE TABLE people"
                ' (id INTEGER PRIMARY KEY, age NUMERIC(5, 0), "Ward" TEXT, born DATE, seen TIMESTAMP)'
            )
        )
    yield address, engine
    engine.dispose()


def insert(engine: sqlalchemy.Engine, *people: tuple[int, int, str]) -> None:
    statement = "INSERT INTO people VALUES (:id, :age, :ward, '1970-01-02', :seen)"
    with engine.begin() as connection:
        for identity, age, ward in people:
            seen = f"2020-01-{identity:02} 12:00:00"
            parts = {"id": identity, "age": age, "ward": ward, "seen": seen}
            connection.execute(sqlalchemy.text(statement), parts)


@pytest.mark.parametrize("growing", ["id", "seen", "age", "born", None])
def test_a_database_is_read_again_from_where_it_was_read(
    store: DatasetStore, database: tuple[str, sqlalchemy.Engine], growing: str | None
) -> None:
    address, engine = database
    insert(engine, (1, 30, "north"), (2, 40, "south"))
    options = {"table": "people", **({"cursor": growing} if growing else {})}
    how = {"options": options, "given": PEOPLE, "key": "id"}
    assert read(store, "sql", address, **how).counts == MergeCounts(2, 0, 0)
    # Those at the cursor come again, in case there are more of them.
    again = {"id": 1, "seen": 1, "age": 1, "born": 2, None: 2}[growing]
    if not (growing == "born" and address.startswith("sqlite")):
        assert read(store, "sql", address, **how).counts == MergeCounts(0, 0, again)
    insert(engine, (3, 50, "north"))
    assert read(store, "sql", address, **how).counts.added == 1
    assert rows_of(store) == [
        {"age": 30, "Ward": "north"},
        {"age": 40, "Ward": "south"},
        {"age": 50, "Ward": "north"},
    ]


def test_a_query_is_read_and_moments_are_seconds(store: DatasetStore, database: tuple[str, sqlalchemy.Engine]) -> None:
    address, engine = database
    insert(engine, (1, 30, "north"), (2, 40, "south"))
    born = {"name": "born", "type": "integer", "constraints": {"minimum": 0, "maximum": 10**9}}
    given, query = TableSchema.parse({"fields": [AGE, born]}), "SELECT age, born FROM people WHERE age > 35"
    how = {"options": {"query": query}, "given": given}
    if address.startswith("sqlite"):  # which has texts for moments
        with pytest.raises(WrongRowsError, match="'1970-01-02'"):
            read(store, "sql", address, **how)
        return
    assert read(store, "sql", address, **how).counts == MergeCounts(1, 0, 0)
    assert rows_of(store) == [{"age": 40, "born": 86_400}]


@pytest.mark.parametrize("growing", [False, True])
def test_a_database_is_only_read(store: DatasetStore, database: tuple[str, sqlalchemy.Engine], growing: bool) -> None:
    address, engine = database
    insert(engine, (1, 30, "north"))
    for options in (
        {"table": "nowhere"},
        {"query": 'DELETE FROM people RETURNING age, "Ward"'},
        {"query": "SELECT age FROM people"},
        {"query": "SELECT age, 'x' AS \"Ward\" FROM people; DROP TABLE people"},
    ):
        with pytest.raises((SourceError, WrongRowsError)):
            read(store, "sql", address, options=options | ({"cursor": "age"} if growing else {}), given=PEOPLE)
    for options in ({}, {"table": "people", "query": "SELECT 1"}):
        with pytest.raises(ImportOptionError):
            read(store, "sql", address, options=options, given=PEOPLE)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM people")).scalar() == 1


def test_addresses_that_are_no_database_are_told_without_their_password(store: DatasetStore, tmp_path: Path) -> None:
    nowhere = f"postgresql://ann:hush@/x?host={tmp_path}"
    hidden = f"postgresql://ann@/x?host={tmp_path}&password=hush"
    for address in ("people", "mysql://x", f"sqlite:///{tmp_path}/none.sqlite", nowhere, hidden):
        with pytest.raises(SourceError) as caught:
            read(store, "sql", address, options={"table": "people"}, given=PEOPLE)
        assert "hush" not in str(caught.value)
    assert not (tmp_path / "none.sqlite").exists()
    noise = write(tmp_path / "noise.sqlite", b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(SourceError):
        read(store, "sql", f"sqlite:///{noise}", options={"table": "people"}, given=PEOPLE)


def test_a_cursor_of_several_kinds_is_no_cursor(store: DatasetStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.executescript("CREATE TABLE t (age, x); INSERT INTO t VALUES (1, 1), (2, 'a')")
    connection.close()
    given, options = TableSchema.parse({"fields": [AGE]}), {"table": "t", "cursor": "x"}
    with pytest.raises(ImportOptionError, match="several types"):
        read(store, "sql", f"sqlite:///{tmp_path / 'a.sqlite'}", options=options, given=given)


def test_a_column_that_sqlite_does_not_know_is_no_text_of_its_name(store: DatasetStore, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.sqlite").execute("CREATE TABLE t (x TEXT)").connection.execute(
        "INSERT INTO t VALUES ('y')"
    ).connection.commit()
    given = TableSchema.parse({"fields": [{"name": "No Such", "type": "string", "constraints": {"maxLength": 9}}]})
    with pytest.raises(SourceError, match="No Such"):
        read(store, "sql", f"sqlite:///{tmp_path / 'a.sqlite'}", options={"table": "t"}, given=given)


# ------------------------------------------------------------------ REST


class _Service(BaseHTTPRequestHandler):
    """People, two a page, linked as the path says."""

    people: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append((self.path, self.headers.get("Authorization")))
        getattr(self, "do_" + parts.path.strip("/").replace("/", "_"))(query)

    def _page(self, query: dict[str, str]) -> tuple[list[dict[str, Any]], int | None]:
        since, start = int(query.get("since", 0)), int(query.get("from", query.get("offset", 0)))
        people = [person for person in self.people if person["id"] >= since]
        return people[start : start + 2], start + 2 if start + 2 < len(people) else None

    def _answer(self, document: object, **headers: str) -> None:
        self._send(200, json.dumps(document).encode(), **headers)

    def _send(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def do_header(self, query: dict[str, str]) -> None:
        page, after = self._page(query)
        self._answer(page, **({"Link": f'<{self._url(f"/header?from={after}")}>; rel="next"'} if after else {}))

    def do_json(self, query: dict[str, str]) -> None:
        page, after = self._page(query)
        self._answer({"data": {"people": page}, "next": after and self._url(f"/json?from={after}")})

    def do_cursor(self, query: dict[str, str]) -> None:
        page, after = self._page(query)
        self._answer({"people": page, "after": after and str(after)})

    def do_offset(self, query: dict[str, str]) -> None:
        self._answer(self._page(query)[0])

    def do_number(self, query: dict[str, str]) -> None:
        self._answer(self._page({"from": str(2 * (int(query.get("page", 1)) - 1))})[0])

    # --- hostile

    def do_elsewhere(self, query: dict[str, str]) -> None:
        self._answer({"people": self.people[:2], "next": "http://169.254.169.254/latest"})

    def do_redirect(self, query: dict[str, str]) -> None:
        self._send(302, b"", Location="http://localhost:1/")

    def do_endless(self, query: dict[str, str]) -> None:
        self._answer({"people": self.people[:1], "next": self._url("/endless")})

    def do_huge(self, query: dict[str, str]) -> None:
        self._send(200, b"[" + b" " * (1 << 20) + b"]")

    def do_deep(self, query: dict[str, str]) -> None:
        self._send(200, b"[" * 100_000 + b"]" * 100_000)

    def do_html(self, query: dict[str, str]) -> None:
        self._send(200, b"<html>")

    def do_broken(self, query: dict[str, str]) -> None:
        self._send(403, b"no")

    def do_list(self, query: dict[str, str]) -> None:
        self._answer([1, "x"])

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def service(count: int) -> Iterator[str]:
    _Service.people = [{"id": place, "age": place, "Ward": "north"} for place in range(1, count + 1)]
    _Service.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("header", {}),
        ("header", {"pages": "header"}),
        ("json", {"pages": "json:next", "records": "data.people"}),
        ("cursor", {"pages": "cursor:after:from", "records": "people"}),
        ("offset", {"pages": "offset:2"}),
        ("number", {"pages": "number:page"}),
    ],
)
def test_all_pages_of_a_service_are_read_once(store: DatasetStore, path: str, options: dict[str, str]) -> None:
    how = {"options": options, "given": PEOPLE, "key": "id"}
    with service(5) as address:
        assert read(store, "rest", f"{address}/{path}", **how).counts == MergeCounts(5, 0, 0)
        assert read(store, "rest", f"{address}/{path}", **how).counts == MergeCounts(0, 0, 5)
        _Service.people += [{"id": 6, "age": 6, "Ward": "south"}]
        assert read(store, "rest", f"{address}/{path}", **how).counts == MergeCounts(1, 0, 5)
    assert [row["age"] for row in rows_of(store)] == [1, 2, 3, 4, 5, 6]


def test_a_service_is_asked_for_what_came_since_with_a_token(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARD_TOKEN", "hush")
    options = {"pages": "single", "cursor": "id", "since": "since", "token": "WARD_TOKEN"}
    how = {"options": options, "given": PEOPLE, "key": "id"}
    with service(2) as address:
        read(store, "rest", f"{address}/header?secret=1", **how)
        _Service.people += [{"id": 3, "age": 6, "Ward": "south"}]
        assert read(store, "rest", f"{address}/header?secret=1", **how).counts == MergeCounts(1, 0, 1)
    assert [token for _, token in _Service.asked] == ["Bearer hush"] * 2
    assert "since=2" in _Service.asked[1][0]
    assert "secret" not in store.history("rows")[-1].source
    with pytest.raises(ImportOptionError, match="NO_TOKEN"):
        read(store, "rest", "http://127.0.0.1:1", options={"token": "NO_TOKEN"}, given=PEOPLE, key="id")
    with pytest.raises(ImportOptionError, match="pages"):
        read(store, "rest", "http://127.0.0.1:1", options={"pages": "all"}, given=PEOPLE, key="id")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("elsewhere", "another origin, http://169"),
        ("redirect", "another origin, http://localhost:1"),
        ("endless", "more than 20 pages"),
        ("huge", "more than 100000 bytes"),
        ("deep", "nested deeper"),
        ("html", "not JSON"),
        ("broken", "403"),
        ("list", "not a JSON object"),
    ],
)
def test_a_hostile_service_is_left(store: DatasetStore, path: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_api, "MOST_PAGES", 20)
    monkeypatch.setattr(rest_api, "LARGEST_PAGE", 100_000 if path == "huge" else 1 << 20)
    options = {"pages": "json:next", "records": "people"} if path in ("elsewhere", "endless") else {"pages": "single"}
    with service(3) as address, pytest.raises((SourceError, WrongRowsError), match=word):
        read(store, "rest", f"{address}/{path}", options=options, given=PEOPLE)
    assert list(store) == []


def test_rows_are_fetched_over_https_or_from_this_machine(store: DatasetStore) -> None:
    for address in ("http://example.org/people", "ftp://127.0.0.1.example/x", "file:///etc/passwd"):
        with pytest.raises(SourceError, match="not https"):
            read(store, "rest", address, given=PEOPLE)


def test_dlt_leaves_the_users_home_alone(tmp_path: Path) -> None:
    """In a process of its own, since dlt reads its settings once."""
    program = (
        "import sys; from ape_mine.datasets.adapters.base import Request;"
        "from ape_mine.datasets.adapters.rest_api import RestApi;"
        "print(len(list(RestApi().records(Request(sys.argv[1], {'pages': 'header'})))))"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home)}
    with service(3) as address:
        command = [sys.executable, "-c", program, f"{address}/header"]
        done = subprocess.run(command, capture_output=True, env=environment, timeout=250, cwd=tmp_path, text=True)
    assert done.stdout == "3\n", done.stderr
    assert list(home.rglob("*")) == []


# ------------------------------------------------------------------ Takeout


def activity(second: int, **changes: Any) -> dict[str, Any]:
    facts = {"header": "Search", "title": "Searched for tea", "products": ["Search"]}
    return {**facts, "time": f"2020-01-01T00:00:{second:02}.123Z", "titleUrl": "https://x", **changes}


def test_takeouts_activity_is_read_from_its_archive(store: DatasetStore, tmp_path: Path) -> None:
    path = "Takeout/My Activity/Search/MyActivity.json"
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w") as archive:
        archive.writestr(path, json.dumps([activity(1), activity(1), activity(2, titleUrl=None, products=[])]))
        archive.writestr("Takeout/archive_browser.html", "<html>")
    assert read(store, "takeout", tmp_path / "takeout.zip").counts == MergeCounts(2, 0, 0)
    assert rows_of(store)[1] == {"product": "Search", "title": "Searched for tea", "at": 1577836802, "has_link": False}
    write(tmp_path / "new" / path, json.dumps([activity(3), activity(2, titleUrl=None, products=[]), activity(1)]))
    assert read(store, "takeout", tmp_path / "new").counts == MergeCounts(1, 0, 2)
    write(tmp_path / "new" / path, json.dumps([activity(3), 7, activity(1, time="noon"), activity(2, title="")]))
    with pytest.raises(WrongRowsError) as caught:
        read(store, "takeout", tmp_path / "new")
    assert [(error.row, error.column) for error in caught.value.errors] == [(2, None), (3, None), (4, "title")]
    with pytest.raises(SourceError, match="not a list"):
        read(store, "takeout", write(tmp_path / "MyActivity.json", "{}"))


# ------------------------------------------------------------------ Apple Health


def health(*records: tuple[str, str, str, str, str], doctype: str = "") -> str:
    lines = [
        f'<Record type="{kind}" sourceName="{source}" unit="{unit}" startDate="{start} 23:30:00 +0100"'
        f' endDate="{start} 23:45:00 +0100" value="{value}"><MetadataEntry key="a" value="b"/></Record>'
        for kind, source, unit, start, value in records
    ]
    listed = "<!ELEMENT HealthData (ExportDate,Record*)>\n<!ATTLIST HealthData locale CDATA #REQUIRED>\n"
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n{listed}{doctype}]>\n'
    return f'{head}<HealthData locale="en"><ExportDate value="x"/>{"".join(lines)}</HealthData>'


STEPS, HEART = "HKQuantityTypeIdentifierStepCount", "HKQuantityTypeIdentifierHeartRate"
WALKED, SLEPT = "HKQuantityTypeIdentifierDistanceWalkingRunning", "HKCategoryTypeIdentifierSleepAnalysis"


def test_apples_export_becomes_a_row_a_day(store: DatasetStore, tmp_path: Path) -> None:
    text = health(
        (STEPS, "phone", "count", "2024-05-01", "100"),
        (STEPS, "phone", "count", "2024-05-01", "50"),
        (STEPS, "watch", "count", "2024-05-01", "120"),
        (HEART, "watch", "count/min", "2024-05-01", "60"),
        (HEART, "watch", "count/min", "2024-05-01", "80"),
        (WALKED, "watch", "mi", "2024-05-02", "2"),
        (SLEPT, "watch", "", "2024-05-02", "HKCategoryValueSleepAnalysisAsleepCore"),
        (SLEPT, "watch", "", "2024-05-02", "HKCategoryValueSleepAnalysisInBed"),
        ("HKQuantityTypeIdentifierUnknown", "watch", "x", "2024-05-03", "1"),
        (STEPS, "phone", "parsec", "2024-05-03", "1"),
        (STEPS, "phone", "count", "yesterday", "1"),
        (STEPS, "phone", "count", "2024-05-03", "nan"),
    )
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("apple_health_export/export.xml", text)
        archive.writestr("apple_health_export/export_cda.xml", "<x/>")
    assert read(store, "apple-health", tmp_path / "export.zip").counts == MergeCounts(2, 0, 0)
    first, second = rows_of(store)
    assert (first["day"], first["weekday"], first["steps"]) == (19844, 3, 150)
    assert (first["heart_rate"], first["has_heart_rate"], second["has_heart_rate"]) == (70, True, False)
    assert (second["distance_km"], second["sleep_hours"]) == (3.218688, 0.25)
    newer = text.replace("</HealthData>", "") + health((STEPS, "phone", "count", "2024-05-02", "9")).split("/>", 1)[1]
    assert read(store, "apple-health", write(tmp_path / "export.xml", newer)).counts == MergeCounts(0, 1, 1)


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (health(doctype=f'<!ENTITY l0 "ha">{LAUGHS}'), "declares an entity"),
        (health(doctype='<!ENTITY x SYSTEM "file:///etc/passwd">').replace('value="x"', 'value="&x;"'), "an entity"),
        (health(doctype='<!ENTITY % p SYSTEM "http://localhost/x.dtd"> %p;'), "declares an entity"),
        ('<!DOCTYPE HealthData SYSTEM "http://localhost/x.dtd"><HealthData/>', "no rows"),
        ("<HealthData>" + "<a>" * 100_000, "nested deeper"),
        ('<HealthData x="' + "y" * 3_000_000 + '"/>', "tag or text of more than"),
        ("<HealthData>" + "y" * 3_000_000 + "</HealthData>", "more than"),
        ("<HealthData><Record></HealthData>", "not readable XML"),
        ("<HealthData>", "not readable XML"),
        ("", "not readable XML"),
        (b"\xff\xfe\x00", "not readable XML"),
        ('<?xml version="1.0" encoding="nonsense-1"?><HealthData/>', "not readable XML"),
    ],
    ids=range(12),
)
def test_hostile_xml_is_refused(store: DatasetStore, tmp_path: Path, text: str | bytes, word: str) -> None:
    for source, name in (("apple-health", "export.xml"), ("gpx", "track.gpx")):
        with pytest.raises(Exception, match=word) as caught:
            read(store, source, write(tmp_path / name, text))
        assert isinstance(caught.value, SourceError) or "no rows" in word
    assert list(store) == []


def test_xml_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "export.xml", health(*[(STEPS, "phone", "count", "2024-05-01", "1")] * 20_000))
    with path.open("rb") as file:
        most = max(sum(map(len, parts)) for _, _, parts in xml_stream.xml_events(file, "x"))
    assert most < 1000
    assert path.stat().st_size > 3_000_000


# ------------------------------------------------------------------ GPX


def gpx(*points: str, kind: str = "<type>running</type>") -> str:
    return f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk>{kind}<trkseg>{"".join(points)}</trkseg></trk></gpx>'


def point(second: int, latitude: float, height: float | None = None, longitude: float = 10) -> str:
    raised = "" if height is None else f"<ele>{height}</ele>"
    return f'<trkpt lat="{latitude}" lon="{longitude}">{raised}<time>2024-05-01T10:00:{second:02}Z</time></trkpt>'


def test_a_track_is_a_row_without_its_places(store: DatasetStore, tmp_path: Path) -> None:
    points = [point(0, 50, 100), point(10, 50.001, 110), point(20, 50.002, 105)]
    write(tmp_path / "gpx" / "a.gpx", gpx(*points))
    assert read(store, "gpx", tmp_path / "gpx").counts == MergeCounts(1, 0, 0)
    (row,) = rows_of(store)
    assert row["distance_m"] == pytest.approx(2 * 111.195, rel=1e-4)  # a thousandth of a degree on this sphere
    assert row["speed_mps"] == pytest.approx(row["distance_m"] / 20)
    assert (row["ascent_m"], row["descent_m"], row["points"], row["activity"]) == (10, 5, 3, "running")
    assert (row["started_at"], row["hour"], row["weekday"], row["duration_s"]) == (1714557600, 10, 3, 20)
    assert "lat" not in " ".join(published_schema("track").names)
    # A gap between segments was not walked.
    apart = gpx(*points, "</trkseg><trkseg>", point(30, 51)).replace("10:00", "11:00")
    write(tmp_path / "gpx" / "b.gpx", apart)
    assert read(store, "gpx", tmp_path / "gpx").counts == MergeCounts(1, 0, 1)
    assert rows_of(store)[1]["distance_m"] == row["distance_m"]


@pytest.mark.parametrize(
    "points",
    [
        [],
        [point(0, 91)],
        [point(0, 50, longitude=181)],
        ['<trkpt lat="1" lon="1"/>'],
        ['<trkpt lat="x"><time/></trkpt>'],
    ],
)
def test_a_track_without_places_or_moments_is_wrong(store: DatasetStore, tmp_path: Path, points: list[str]) -> None:
    with pytest.raises(WrongRowsError, match="has no point, or a point without"):
        read(store, "gpx", write(tmp_path / "a.gpx", gpx(*points)))


# ------------------------------------------------------------------ FHIR


PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "gender": "female",
    "birthDate": "1980-06-15",
    "name": [{"family": "X"}],
}


def observation(identity: str, value: float, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2020-06-15T00:00:00Z",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "valueQuantity": {"value": value, "unit": "mg/dL"},
        **changes,
    }


def component(code: str, value: float) -> dict[str, Any]:
    return {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "code": "mm[Hg]"}}


PRESSURE = {
    **observation("o2", 0),
    "component": [component("8480-6", 120), component("8462-4", 80)],
    "effectiveDateTime": "2020-06-15",
}
del PRESSURE["valueQuantity"]


def test_bundles_and_bulk_exports_are_the_same_rows(store: DatasetStore, tmp_path: Path) -> None:
    resources = [observation("o1", 99.5), PRESSURE, PATIENT, observation("o3", 1, status="entered-in-error")]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}
    path = write(tmp_path / "bundle.json", json.dumps(bundle))
    assert read(store, "fhir", path).counts == MergeCounts(3, 0, 0)
    assert rows_of(store)[0] == {
        "code": "2339-0",
        "value": 99.5,
        "unit": "mg/dL",
        "at": 1592179200,
        "sex": "female",
        "age": 40.0,
        "has_age": True,
    }
    assert [(row["code"], row["value"], row["unit"]) for row in rows_of(store)[1:]] == [
        ("8480-6", 120, "mm[Hg]"),
        ("8462-4", 80, "mm[Hg]"),
    ]
    lines = "\n".join(json.dumps(one) for one in [*resources[:2], observation("o4", 7, subject={"reference": "?"})])
    write(tmp_path / "bulk" / "Observation.ndjson", lines.replace("99.5", "98"))
    write(tmp_path / "bulk" / "Patient.ndjson", json.dumps(PATIENT))
    assert read(store, "fhir", tmp_path / "bulk").counts == MergeCounts(1, 1, 2)
    assert (rows_of(store)[3]["sex"], rows_of(store)[3]["has_age"]) == ("unknown", False)
    chosen = import_source(store, "systolic", find_adapter("fhir"), Request(str(path), {"codes": "8480-6,x"}))
    assert chosen.rows == 1


def test_addresses_in_a_bundle_lead_to_its_patients(store: DatasetStore, tmp_path: Path) -> None:
    subject = {"reference": "urn:uuid:1"}
    entries = [{"fullUrl": "urn:uuid:1", "resource": PATIENT}, {"resource": observation("o1", 1, subject=subject)}]
    read(store, "fhir", write(tmp_path / "b.json", json.dumps({"resourceType": "Bundle", "entry": entries})))
    assert rows_of(store)[0]["sex"] == "female"


@pytest.mark.parametrize(
    ("name", "text", "error", "word"),
    [
        ("b.json", "[]", SourceError, "not a FHIR Bundle"),
        ("b.json", '{"resourceType": "Bundle", "entry": 3}', SourceError, "not a list"),
        ("b.json", '{"resourceType": "Bundle", "entry": [3]}', WrongRowsError, "entry 1"),
        ("b.json", "[" * 200_000, SourceError, "not JSON"),
        ("o.ndjson", "nonsense", WrongRowsError, "line 1 is not JSON"),
        ("o.ndjson", json.dumps(observation("", 3)), WrongRowsError, "has no id|no id"),
        ("o.ndjson", json.dumps(observation("a", 3, valueQuantity=[])), WrongRowsError, "no quantity"),
        ("o.ndjson", json.dumps(observation("a", 3, effectiveDateTime=7)), WrongRowsError, "no time"),
        ("o.ndjson", json.dumps(observation("a", 3, code={"coding": {}})), WrongRowsError, "'code'"),
        ("o.ndjson", json.dumps(observation("a", 1e300)), WrongRowsError, "'value'"),
    ],
)
def test_hostile_fhir_is_refused(
    store: DatasetStore, tmp_path: Path, name: str, text: str, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        read(store, "fhir", write(tmp_path / name, text))


# ------------------------------------------------------------------ plugins


def example(language: str) -> str:
    """The example of docs/reference/adapters.md."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "adapters.md").read_text()
    return page.rpartition(f"```{language}\n")[2].partition("```")[0]


def test_a_third_party_brings_an_adapter(store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented example as it is installed: a module, and its distribution's metadata on the path."""
    write(tmp_path / "site" / "steps_plugin.py", example("python"))
    info = tmp_path / "site" / "steps_plugin-1.0.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: steps-plugin\nVersion: 1.0\n")
    named = tomllib.loads(example("toml"))["project"]["entry-points"]["ape_mine.adapters"]
    named |= {"broken": "steps_plugin:Nothing", "other": "steps_plugin:TableSchema.parse"}
    names = "".join(f"{name} = {value}\n" for name, value in named.items())
    write(info / "entry_points.txt", f"[ape_mine.adapters]\n{names}")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    days = write(tmp_path / "days.txt", "monday 100\ntuesday 200\n")
    assert read(store, "steps", days).counts == MergeCounts(2, 0, 0)
    write(days, "tuesday 250\nwednesday 300\n")
    assert read(store, "steps", days).counts == MergeCounts(1, 1, 0)
    for name in ("broken", "other"):
        with pytest.raises(AdapterBrokenError, match="steps_plugin"):
            find_adapter(name)


# ------------------------------------------------------------------ extras


@pytest.mark.parametrize(
    ("source", "absent", "extra"),
    [("sql", "sqlalchemy", "sql"), ("rest", "dlt.sources.helpers.rest_client.client", "rest")],
)
def test_a_source_without_its_extra_says_what_to_install(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch, source: str, absent: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    monkeypatch.delitem(sys.modules, "ape_mine.datasets.adapters.sql_database", raising=False)
    with pytest.raises(ExtraMissingError, match=rf"pip install 'ape-mine\[{extra}\]'"):
        read(store, source, "http://127.0.0.1:1/", given=PEOPLE)
