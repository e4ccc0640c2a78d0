"""A proxy in front of a real IPFS node that passes its RPC API on, and spoils it as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

#: What Kubo answers, with status 500, when its disk is full.
_FULL = b'{"Message":"write /data/ipfs/blocks/X3/put-170: no space left on device","Code":0,"Type":"error"}'
_WRITES = ("add", "pin/add")
#: What comes with one hop only, or is the proxy's own.
_NOT_PASSED_ON = {"connection", "content-length", "host", "transfer-encoding"}


class Mood(Enum):
    """What the proxy does."""

    HONEST = "passes everything on"
    SLOW = "answers when everybody has given up"
    LYING = "changes the first byte of every blob"
    FULL = "refuses whatever is written, in Kubo's words"


class MoodyProxy(ThreadingHTTPServer):
    """Listens on a free port of the loopback interface.

    Args:
        api: multiaddr of the node's RPC API.

    Attributes:
        mood: what it does from the next request on.
        requests: how many came.
    """

    daemon_threads = True

    def __init__(self, api: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = f"http://127.0.0.1:{api.rsplit('/', 1)[-1]}"
        self.mood, self.requests = Mood.HONEST, 0
        self.over = threading.Event()

    @property
    def api(self) -> str:
        """Multiaddr of the API as it is spoilt."""
        return f"/ip4/127.0.0.1/tcp/{self.server_address[1]}"


@contextmanager
def moody_proxy(api: str) -> Iterator[MoodyProxy]:
    """Runs one until the context ends; whoever waits for its answers then does not any more."""
    proxy = MoodyProxy(api)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MoodyProxy

    def do_POST(self) -> None:
        self.close_connection = True
        body, mood = self._body(), self.server.mood
        command = self.path.split("?")[0].removeprefix("/api/v0/")
        self.server.requests += 1
        if mood is Mood.SLOW:
            self.server.over.wait()
            return
        if mood is Mood.FULL and command in _WRITES:
            self._reply(500, {"Content-Type": "application/json"}, _FULL)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
        answer = requests.post(f"{self.server.behind}{self.path}", data=body, headers=headers, timeout=60)
        content = answer.content
        if mood is Mood.LYING and command == "cat" and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        self._reply(answer.status_code, dict(answer.headers), content)

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _body(self) -> bytes:
        """The request's body; ipfshttpclient sends what it adds in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
