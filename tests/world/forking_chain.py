"""A simulated chain of empty Campaigns that can be reorganised at any moment, also between two questions to it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import count

from sonar_core.protocol.events import CampaignCancelled, Event, LogPosition

GENESIS = b"genesis"


class ForkingChain:
    """Blocks of zero to two events; every event and every block is unlike any other.

    Attributes:
        chain_id: of the chain.
        surprises: (questions from now, depth, growth) of reorganisations that come while the chain is asked.
    """

    def __init__(self, chain_id: int = 7, genesis: bytes = GENESIS) -> None:
        self.chain_id = chain_id
        self.surprises: deque[tuple[int, int, int]] = deque()
        self.asked = 0
        self._fresh: Iterator[int] = count()
        self._blocks: list[tuple[bytes, tuple[bytes, ...]]] = [(genesis, ())]

    def grow(self, blocks: int) -> None:
        for _ in range(blocks):
            number = next(self._fresh)
            names = tuple(hashlib.sha256(b"%d/%d" % (number, index)).digest() for index in range(number % 3))
            self._blocks.append((b"%d" % number, names))

    def fork(self, depth: int, growth: int) -> None:
        """Replaces the last `depth` blocks, never the genesis, by `growth` others."""
        kept = max(1, len(self._blocks) - depth)
        del self._blocks[kept:]
        self.grow(growth)

    def history(self, stop: int) -> list[Event]:
        """The truth: what happened in the blocks before `stop`."""
        return [event for number in range(min(stop, len(self._blocks))) for event in self._events_in(number)]

    @property
    def height(self) -> int:
        return len(self._blocks) - 1

    # ------------------------------------------------------------------ what a follower asks

    def newest_block(self) -> int:
        self._question()
        return self.height

    def block_hash(self, number: int) -> bytes:
        self._question()
        if not 0 <= number <= self.height:
            raise ConnectionError(f"no block {number}")
        return self._hash(number)

    def events(self, start: int, stop: int) -> list[Event]:
        self._question()
        return [event for event in self.history(stop) if event.position.block >= start]

    def _question(self) -> None:
        self.asked += 1
        if self.surprises:
            wait, depth, growth = self.surprises[0]
            if wait == 0:
                self.surprises.popleft()
                self.fork(depth, growth)
            else:
                self.surprises[0] = (wait - 1, depth, growth)

    def _events_in(self, number: int) -> list[Event]:
        block_hash = self._hash(number)
        return [
            CampaignCancelled(LogPosition(number, block_hash, index, bytes(32), 1000 + number), name)
            for index, name in enumerate(self._blocks[number][1])
        ]

    def _hash(self, number: int) -> bytes:
        """Of the block and everything below it, as on a chain."""
        return hashlib.sha256(b"|".join(salt for salt, _ in self._blocks[: number + 1])).digest()
