"""The IPFS store on a server that lies, never ends, hangs, or is no IPFS node at all."""

import gzip
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sonar_core.protocol.content_address import to_cid
from sonar_core.store import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobStore,
    BlobTooLargeError,
    StoreUnavailableError,
    open_store,
)
from sonar_core.store.unixfs import address_of

TIMEOUT = 0.4
LIMIT = 1 << 20
DATA = b"the truth"
ADDRESS = address_of(DATA)
PIECE = b"z" * 65536

type_of_answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers each command of the RPC API as the test says."""

    protocol_version = "HTTP/1.1"
    server: "HostileNode"

    def do_POST(self) -> None:
        self.close_connection = True
        command = self.path.split("?")[0].removeprefix("/api/v0/")
        try:
            self.server.answers[command](self)
        except OSError:
            self.server.hung_up.set()

    def start(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.start(status, Content_Length=str(len(body)), **headers)
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class HostileNode(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, type_of_answer] = {"version": says(b'{"Version": "0.42.0"}')}
        self.hung_up = threading.Event()
        self.over = threading.Event()


@contextmanager
def serving() -> Iterator[HostileNode]:
    node = HostileNode()
    thread = threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.over.set()
        node.shutdown()
        thread.join()
        node.server_close()


@pytest.fixture
def node() -> Iterator[HostileNode]:
    with serving() as running:
        yield running


@pytest.fixture
def store(node: HostileNode) -> BlobStore:
    return open_store(f"http://127.0.0.1:{node.server_port}", timeout=TIMEOUT)


def says(body: bytes, status: int = 200, **headers: str) -> type_of_answer:
    return lambda handler: handler.reply(body, status, **headers)


def hangs(handler: Handler) -> None:
    handler.server.over.wait()


def endless_without_length(handler: Handler) -> None:
    handler.start()
    while True:
        handler.wfile.write(PIECE)


def endless_of_a_claimed_length(handler: Handler) -> None:
    handler.start(Content_Length=str(1 << 50))
    while True:
        handler.wfile.write(PIECE)


def endless_in_chunks(handler: Handler) -> None:
    handler.start(Transfer_Encoding="chunked")
    while True:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))


def endless_in_one_chunk(handler: Handler) -> None:
    handler.start(Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n" % (1 << 50))
    while True:
        handler.wfile.write(PIECE)


def endless_error(handler: Handler) -> None:
    handler.start(500, Content_Type="application/json")
    while True:
        handler.wfile.write(PIECE)


def drips(handler: Handler) -> None:
    handler.start()
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b"z")


def stops_half_way(handler: Handler) -> None:
    handler.start(Content_Length=str(len(DATA)))
    handler.wfile.write(DATA[:4])
    handler.server.over.wait()


def breaks_off(handler: Handler) -> None:
    handler.start(Content_Length=str(len(DATA)))
    handler.wfile.write(DATA[:4])


def hangs_up(handler: Handler) -> None:
    handler.connection.close()


def test_the_stub_can_be_honest(node: HostileNode, store: BlobStore) -> None:
    node.answers["cat"] = says(DATA)
    node.answers["add"] = says(b'{"Name": "x", "Hash": "%s", "Size": "9"}' % to_cid(ADDRESS).encode())
    assert store.get(ADDRESS, limit=len(DATA)) == DATA
    assert store.put(DATA) == ADDRESS


@pytest.mark.parametrize("lie", [b"", b"the trutH", DATA + b"\0", b"\xff" * 1000])
def test_a_lie_about_the_content(node: HostileNode, store: BlobStore, lie: bytes) -> None:
    node.answers["cat"] = says(lie)
    with pytest.raises(BlobCorruptError, match="hashes to Qm") as caught:
        store.get(ADDRESS, limit=LIMIT)
    assert caught.value.address == ADDRESS


@pytest.mark.parametrize(
    "endless",
    [endless_without_length, endless_of_a_claimed_length, endless_in_chunks, endless_in_one_chunk],
)
def test_a_body_without_end_is_cut_off(node: HostileNode, store: BlobStore, endless: type_of_answer) -> None:
    node.answers["cat"] = endless
    tracemalloc.start()
    try:
        with pytest.raises(BlobTooLargeError):
            store.get(ADDRESS, limit=LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * LIMIT
    assert node.hung_up.wait(30), "the connection was kept open"


def test_a_compressed_body_is_not_unfolded(node: HostileNode, store: BlobStore) -> None:
    node.answers["cat"] = says(gzip.compress(bytes(50 * LIMIT)), Content_Encoding="gzip")
    with pytest.raises(BlobCorruptError):
        store.get(ADDRESS, limit=LIMIT)


@pytest.mark.parametrize("slow", [drips, stops_half_way])
def test_a_body_that_does_not_come_is_waited_for_no_longer(
    node: HostileNode, store: BlobStore, slow: type_of_answer
) -> None:
    node.answers["cat"] = slow
    with pytest.raises(StoreUnavailableError, match=r"no complete answer within 0\.4 s"):
        store.get(ADDRESS, limit=LIMIT)


def test_a_node_that_hangs_on_one_blob_only(node: HostileNode, store: BlobStore) -> None:
    node.answers["cat"] = hangs
    with pytest.raises(BlobNotFoundError, match=r"within 0\.4 s: try again later"):
        store.get(ADDRESS, limit=LIMIT)


def test_a_node_that_hangs_on_everything(node: HostileNode, store: BlobStore) -> None:
    node.answers = dict.fromkeys(("cat", "version", "add", "pin/ls", "pin/rm"), hangs)
    for call in every_call(store):
        with pytest.raises(StoreUnavailableError, match=r"no complete answer within 0\.4 s"):
            call()


@pytest.mark.parametrize("answer", [breaks_off, hangs_up])
def test_an_answer_that_breaks_off(node: HostileNode, store: BlobStore, answer: type_of_answer) -> None:
    node.answers["cat"] = answer
    with pytest.raises(StoreUnavailableError):
        store.get(ADDRESS, limit=LIMIT)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"block was not found locally (offline): ipld: could not find " + b"Qm", BlobNotFoundError),
        (b"this dag node is a directory", BlobCorruptError),
        (b"disk full\nand more\nlines", StoreUnavailableError),
    ],
)
def test_what_a_node_says_it_cannot_do(
    node: HostileNode, store: BlobStore, message: bytes, error: type[Exception]
) -> None:
    body = b'{"Message": "%s", "Code": 0, "Type": "error"}' % message.replace(b"\n", b"\\n")
    node.answers["cat"] = says(body, 500, Content_Type="application/json")
    with pytest.raises(error) as caught:
        store.get(ADDRESS, limit=LIMIT)
    assert "\n" not in str(caught.value)


NO_IPFS_NODE = [
    says(b""),
    says(b"<html>hello</html>", Content_Type="text/html"),
    says(b"[1, 2]"),
    says(b'"text"'),
    says(b"{}\n{}\n{}"),
    says(b'{"Type": "error"}'),
    says(b"\xff\xfe\x00"),
    says(b"[" * 50_000),
    says(b"not found", 404),
    says(b"", 307, Location="/api/v0/version"),
    endless_error,
    endless_in_chunks,
    hangs_up,
]


@pytest.mark.parametrize("answer", NO_IPFS_NODE, ids=range(len(NO_IPFS_NODE)))
def test_a_server_that_is_no_ipfs_node(node: HostileNode, store: BlobStore, answer: type_of_answer) -> None:
    node.answers = dict.fromkeys(("version", "add", "pin/ls"), answer)
    for call in (lambda: store.put(DATA), lambda: store.has(ADDRESS)):
        with pytest.raises(StoreUnavailableError) as caught:
            call()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 800


def test_an_answer_that_should_be_short_is_not_read_for_long(node: HostileNode) -> None:
    node.answers = {"cat": endless_error, "add": endless_in_chunks}
    patient = open_store(f"http://127.0.0.1:{node.server_port}", timeout=20)
    for call in (lambda: patient.get(ADDRESS, limit=LIMIT), lambda: patient.put(DATA)):
        with pytest.raises(StoreUnavailableError, match="is no IPFS node"):
            call()


def test_a_node_cannot_send_us_elsewhere(node: HostileNode, store: BlobStore) -> None:
    elsewhere = f"http://127.0.0.1:{node.server_port}/api/v0/elsewhere"
    node.answers["cat"] = says(b"", 307, Location=elsewhere)
    node.answers["elsewhere"] = says(DATA)
    with pytest.raises(StoreUnavailableError):
        store.get(ADDRESS, limit=LIMIT)


@pytest.mark.parametrize("answered", ["QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH", "", "<script>"])
def test_a_lie_about_the_address(node: HostileNode, store: BlobStore, answered: str) -> None:
    node.answers["add"] = says(b'{"Hash": "%s"}' % answered.encode())
    with pytest.raises(BlobCorruptError, match="was filed as"):
        store.put(DATA)


def test_nothing_listens_there(node: HostileNode) -> None:
    with serving() as gone:
        store = open_store(f"ipfs:/ip4/127.0.0.1/tcp/{gone.server_port}", timeout=TIMEOUT)
    for call in every_call(store):
        with pytest.raises(StoreUnavailableError, match="start the IPFS node, or name another store") as caught:
            call()
        assert "\n" not in str(caught.value)


def every_call(store: BlobStore) -> list[Callable[[], object]]:
    return [
        lambda: store.put(DATA),
        lambda: store.get(ADDRESS, limit=LIMIT),
        lambda: store.has(ADDRESS),
        lambda: store.pin(ADDRESS, limit=LIMIT),
        lambda: store.unpin(ADDRESS),
    ]
