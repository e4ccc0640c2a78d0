"""When each block was seen, and how much memory processes held: looked at from outside, beside the run."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import requests

_LOOK_EVERY = 0.05


class Watch:
    """Looks at a chain until its block ends.

    Args:
        url: of the node.

    Attributes:
        seen: when each block was first seen, in seconds of the monotonic clock.
    """

    def __init__(self, url: str) -> None:
        self.seen: dict[int, float] = {}
        self._url, self._end = url, Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        newest, session = -1, requests.Session()
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
        while not self._end.wait(_LOOK_EVERY):
            try:
                number = int(session.post(self._url, json=request, timeout=10).json()["result"], 16)
            except requests.RequestException:
                continue
            now = time.monotonic()
            self.seen |= dict.fromkeys(range(newest + 1, number + 1), now)
            newest = max(newest, number)


def most_memory(process: int) -> int:
    """The most that a process held so far, in MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def children(process: int) -> list[int]:
    """Processes that a process started and that run still, in the order they were started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
