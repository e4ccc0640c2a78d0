"""Blobs on IPFS through the RPC API of a node (Kubo, any version) and ipfshttpclient.

ipfshttpclient 0.7.0 puts no bound on an answer: neither on its length (`chunk_size=None` reads whole bodies),
nor on the time it takes (a timeout counts from one byte to the next). `_Transport` adds both. Only add, cat,
pin, files/stat and version are used: of the other commands, what old clients know has changed in Kubo.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import ipfshttpclient
import requests
from ipfshttpclient import exceptions as ipfs_errors
from ipfshttpclient.http_requests import ClientSync
from urllib3.exceptions import ReadTimeoutError

from sonar_core.base.errors import one_line
from sonar_core.protocol.content_address import check, to_cid
from sonar_core.store.base import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobTooLargeError,
    InvalidStoreError,
    ReplicationResult,
    StoreError,
    StoreUnavailableError,
)
from sonar_core.store.unixfs import CHUNK, LINKS, address_of

# ipfshttpclient passes a parameter that urllib3 2 ignores; a user of the command line cannot change that.
warnings.filterwarnings("ignore", message="The 'strict' parameter is no longer needed", category=FutureWarning)

#: All options that the address depends on, so that a node's defaults do not matter.
_ADD_OPTIONS = {
    "chunker": f"size-{CHUNK}",
    "cid-version": 0,
    "raw-leaves": "false",
    "max-file-links": LINKS,
    "pin": "true",
}
_API_PATH = "api/v0"
_PORTS = {"http": 80, "https": 443}
_PIECE = 1 << 16
#: Most bytes of any answer but that of a successful cat.
_LONGEST_REPLY = 1 << 16
#: Exceptions that ipfshttpclient lets through if an answer is malformed.
_MALFORMED = (AssertionError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


class IpfsStore:
    """A `BlobStore` on the IPFS node with this RPC API.

    Args:
        api: a multiaddr (`/ip4/127.0.0.1/tcp/5001`, `/dns/node.example/tcp/443/https`) or an http(s) URL.
        timeout: limit for the answer to one call, in seconds; no call takes longer than twice that.

    Raises:
        InvalidStoreError: `api` is neither. The node is contacted at the first call only.
    """

    def __init__(self, api: str, *, timeout: float = 60.0) -> None:
        self._api = api
        self._timeout = timeout
        multiaddr, base = _multiaddr_and_base(api)
        try:
            self._client = _Client(multiaddr, base, timeout)
        except (ipfs_errors.Error, *_MALFORMED):
            raise InvalidStoreError(api, "this is no address of a node's RPC API") from None

    @property
    def uri(self) -> str:
        """URI with which `open_store` opens this store."""
        return self._api if "://" in self._api else f"ipfs:{self._api}"

    def address_of(self, data: bytes) -> bytes:
        """Content address of `data`."""
        return address_of(data)

    def put(self, data: bytes) -> bytes:
        """Adds and pins `data`; see `BlobStore.put`."""
        address = address_of(data)
        with self._available():
            answered = self._client.add_bytes(data, opts=dict(_ADD_OPTIONS))
        if answered != to_cid(address):
            raise BlobCorruptError(
                address,
                f"was filed as {answered!r:.80} by {self.uri}: that node ignores the parameters of add",
            )
        return address

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address`, from the node or its network; see `BlobStore.get`.

        A node cannot tell a blob that does not exist from one that it has not found yet: after `timeout`, if the node
        still answers, BlobNotFoundError is raised.
        """
        check(address)
        with self._fetching(address):
            data = self._cat(address, limit)
        computed = address_of(data)
        if computed != address:
            raise BlobCorruptError(
                address, f"does not match its address: {self.uri} answered what hashes to {to_cid(computed)}"
            )
        return data

    def has(self, address: bytes) -> bool:
        """True if the node has pinned the blob."""
        cid = to_cid(address)
        with self._available():
            try:
                return cid in self._client.pin.ls(cid, type="recursive")["Keys"]
            except ipfs_errors.ErrorResponse as error:
                if "not pinned" in str(error):
                    return False
                raise

    def pinned_bytes(self, address: bytes) -> int:
        """Bytes of the blob and its inner nodes, if it is pinned; otherwise 0."""
        if not self.has(address):
            return 0
        with self._available():
            return int(self._client.files.stat(f"/ipfs/{to_cid(address)}")["CumulativeSize"])

    def pin(self, address: bytes, *, limit: int) -> None:
        """Fetches, verifies and pins the blob; see `BlobStore.pin`."""
        self.get(address, limit=limit)
        with self._fetching(address):
            self._client.pin.add(to_cid(address))

    def unpin(self, address: bytes) -> None:
        """Removes the pin; the node's next garbage collection may remove the blob."""
        cid = to_cid(address)
        with self._available():
            try:
                self._client.pin.rm(cid)
            except ipfs_errors.ErrorResponse as error:
                if "not pinned" not in str(error):
                    raise

    def replicate_missed(self) -> ReplicationResult:
        """No-op: a single node has no replicas."""
        return ReplicationResult(0, 0)

    def _cat(self, address: bytes, limit: int) -> bytes:
        """The bytes of the node's answer. Raises BlobTooLargeError as soon as there are more than `limit`."""
        data = bytearray()
        with self._client.cat(to_cid(address), length=limit + 1, stream=True) as pieces:
            for piece in pieces:
                data += piece
                if len(data) > limit:
                    raise BlobTooLargeError(address, limit)
        return bytes(data)

    @contextmanager
    def _fetching(self, address: bytes) -> Iterator[None]:
        """As `_available`; time-outs and refusals may also mean that the blob is missing, or a directory."""
        with self._available():
            try:
                yield
            except ipfs_errors.TimeoutError:
                self._client.version()
                raise BlobNotFoundError(
                    address, f"was not found by {self.uri} within {self._timeout:g} s: try again later"
                ) from None
            except ipfs_errors.ErrorResponse as error:
                if "not found" in str(error):
                    raise BlobNotFoundError(address, f"is not on {self.uri}: {one_line(error)}") from error
                if "directory" in str(error):
                    raise BlobCorruptError(address, "is a directory, not a blob") from error
                raise

    @contextmanager
    def _available(self) -> Iterator[None]:
        """Translates the exceptions of ipfshttpclient and requests to StoreUnavailableError."""
        try:
            yield
        except StoreError:
            raise
        except (ipfs_errors.TimeoutError, requests.Timeout, _LateError) as error:
            raise StoreUnavailableError(self.uri, f"no complete answer within {self._timeout:g} s") from error
        except ipfs_errors.ConnectionError as error:
            raise StoreUnavailableError(
                self.uri, "nothing answers there; start the IPFS node, or name another store"
            ) from error
        except ipfs_errors.ErrorResponse as error:
            raise StoreUnavailableError(self.uri, f"the node refused: {one_line(error)}") from error
        except (ipfs_errors.Error, requests.RequestException) as error:
            raise StoreUnavailableError(self.uri, f"the answer is incomplete or invalid: {one_line(error)}") from error
        except (_LongReplyError, *_MALFORMED) as error:
            raise StoreUnavailableError(self.uri, "what answers there is no IPFS node's RPC API") from error


class _Client(ipfshttpclient.Client):  # type: ignore[misc]  # untyped
    """ipfshttpclient's client on `_Transport`; constructed directly: `connect` refuses all current Kubo versions."""

    def __init__(self, multiaddr: str, base: str, timeout: float) -> None:
        super().__init__(multiaddr, base, timeout=timeout)
        self._client = _Transport(multiaddr, base, timeout)


class _Transport(ClientSync):  # type: ignore[misc]  # untyped
    """ipfshttpclient's transport with limits on length and time of every answer."""

    def __init__(self, multiaddr: str, base: str, timeout: float) -> None:
        super().__init__(multiaddr, base, timeout=timeout)
        self._timeout_seconds = timeout

    def _make_session(self) -> requests.Session:
        session: requests.Session = super()._make_session()
        session.max_redirects = 0
        session.hooks["response"].append(self._bound)
        return session

    def _bound(self, response: requests.Response, **_: object) -> requests.Response:
        is_content = response.ok and urlsplit(response.url).path.endswith("/cat")
        deadline = time.monotonic() + self._timeout_seconds - response.elapsed.total_seconds()
        response.raw = _BoundedBody(response.raw, deadline, None if is_content else _LONGEST_REPLY)
        return response


class _BoundedBody:
    """The part of urllib3's response interface that requests reads, with limits on length and time.

    `read1` returns the bytes that have arrived, so that a slow trickle cannot outlast the deadline. Nothing is
    decompressed, since no compression was requested.
    """

    def __init__(self, raw: Any, deadline: float, longest: int | None) -> None:
        self._raw = raw
        self._deadline = deadline
        self._longest = longest

    def stream(self, _amount: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        length = 0
        while piece := self._next():
            length += len(piece)
            if self._longest is not None and length > self._longest:
                raise _LongReplyError
            yield piece

    def close(self) -> None:
        self._raw.close()

    def release_conn(self) -> None:
        self._raw.release_conn()

    def _next(self) -> bytes:
        if time.monotonic() > self._deadline:
            raise _LateError
        try:
            return bytes(self._raw.read1(_PIECE, decode_content=False))
        except ReadTimeoutError as error:
            raise _LateError from error


class _LateError(Exception):
    """The deadline of a call has passed."""


class _LongReplyError(Exception):
    """An answer that is too long for any command but cat."""


def _multiaddr_and_base(api: str) -> tuple[str, str]:
    """The arguments of ipfshttpclient: a multiaddr and the path of the API. Raises InvalidStoreError."""
    if "://" not in api:
        return api, _API_PATH
    try:
        url = urlsplit(api)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise InvalidStoreError(api, str(error)) from None
    if url.scheme not in _PORTS or not host:
        raise InvalidStoreError(api, "a URL starts with http:// or https:// and a host")
    if url.username or url.password or url.query or url.fragment:
        raise InvalidStoreError(api, "a URL holds host, port and path only")
    kind = _host_kind(host)
    path = url.path.strip("/") or _API_PATH
    return f"/{kind}/{host}/tcp/{port or _PORTS[url.scheme]}/{url.scheme}", path


def _host_kind(host: str) -> str:
    try:
        return f"ip{ip_address(host).version}"
    except ValueError:
        return "dns"
