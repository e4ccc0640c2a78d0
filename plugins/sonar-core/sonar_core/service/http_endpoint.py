"""A small HTTP server on the loopback interface: /metrics, /healthz and /readyz.

Names of datasets and the account's balance are in it: they are for programs of this machine, so nothing but a loopback
address is taken, and no request that a web page made under another name (DNS rebinding) is answered.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Thread
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST

from sonar_core.base.errors import UsageError
from sonar_core.service.health import Health, HealthState
from sonar_core.service.metrics import Metrics

_TEXT = "text/plain; charset=utf-8"
_HIGHEST_PORT = 65_535


def parse_loopback(text: str) -> tuple[str, int]:
    """Address and port of "127.0.0.1:9464", "[::1]:9464" or "localhost:0" (a free port).

    Raises:
        UsageError: it is no such address, or one that others can reach.

    >>> parse_loopback("127.0.0.1:9464"), parse_loopback("[::1]:0")
    (('127.0.0.1', 9464), ('::1', 0))
    """
    host, colon, port = text.rpartition(":")
    name = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > _HIGHEST_PORT:
        raise UsageError(f"{text!r:.80} is no address with a port: write 127.0.0.1:9464")
    if not _is_loopback(name):
        raise UsageError(
            f"{text!r:.80} is not on the loopback interface: metrics name datasets and are for this machine alone; "
            "use 127.0.0.1, and a proxy with access control in front of it if others need them"
        )
    return ("127.0.0.1" if name == "localhost" else name), int(port)


@contextmanager
def serve_metrics(address: tuple[str, int], metrics: Metrics, health: Health) -> Iterator[str]:
    """Serves while the context lasts; gives its URL.

    Raises:
        UsageError: the address is taken, or not this machine's.
    """
    try:
        server = _Server(address, metrics, health)
    except OSError as error:
        raise UsageError(f"metrics cannot be served at {address[0]}:{address[1]}: {error.strerror or error}") from None
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    host, port = server.server_address[:2]
    try:
        yield f"http://[{host}]:{port}" if ":" in str(host) else f"http://{host}:{port}"  # type: ignore[str-bytes-safe]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], metrics: Metrics, health: Health) -> None:
        self.metrics, self.health = metrics, health
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    #: Seconds for a request to arrive.
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        if not _is_loopback(_host_of(self.headers.get("Host", "localhost"))):
            return self._answer(HTTPStatus.FORBIDDEN, b"not by that name\n")
        match urlsplit(self.path).path:
            case "/metrics":
                return self._answer(HTTPStatus.OK, self.server.metrics.text(), CONTENT_TYPE_LATEST)
            case "/healthz":
                return self._tell(self.server.health.lives())
            case "/readyz":
                return self._tell(self.server.health.is_ready())
        return self._answer(HTTPStatus.NOT_FOUND, b"/metrics, /healthz or /readyz\n")

    def log_message(self, *_: object) -> None:
        """No access log."""

    def _tell(self, state: HealthState) -> None:
        status = HTTPStatus.OK if state.well else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, f"{state.words}\n".encode())

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = _TEXT) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _host_of(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
