"""What runs of the contracts in a test: a mutant is only tried by tests that come by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth.vm.code_stream import CodeStream

from tests.mutation.compiler import Code
from tests.mutation.mutants import functions_of

_PUSH1, _PUSH32 = 0x60, 0x7F


#: File, start and end of a piece of source.
Place = tuple[str, int, int]


class Places:
    """What positions in a contract's code stand for in the source, as far as they belong to one of its functions."""

    def __init__(self, code: Code, trees: dict[str, dict[str, Any]]) -> None:
        self.size = len(code.runtime) // 2
        spans = {file: functions_of(tree) for file, tree in trees.items()}
        self._places: dict[int, Place] = {}
        for position, (start, length, number) in zip(_positions(code.runtime), _entries(code.source_map), strict=False):
            file, end = code.files.get(number, ""), start + length
            if any(first <= start and end <= last for first, last, _ in spans.get(file, ())):
                self._places[position] = file, start, end

    def of(self, positions: set[int]) -> set[Place]:
        return {self._places[one] for one in positions if one in self._places}


@contextmanager
def watched(sizes: set[int]) -> Iterator[dict[int, set[int]]]:
    """Positions that py-evm runs of contracts that have one of these sizes: only that survives their immutables."""
    seen: dict[int, set[int]] = {size: set() for size in sizes}
    ordinary = CodeStream.__iter__

    def watching(stream: CodeStream) -> Iterator[int]:
        hits = seen.get(len(stream))
        for opcode in ordinary(stream):
            if hits is not None:
                hits.add(stream.program_counter - 1)
            yield opcode

    CodeStream.__iter__ = watching
    try:
        yield seen
    finally:
        CodeStream.__iter__ = ordinary


def _positions(runtime: str) -> Iterator[int]:
    raw, position = bytes.fromhex(runtime), 0
    while position < len(raw):
        yield position
        opcode = raw[position]
        position += 1 + (opcode - _PUSH1 + 1 if _PUSH1 <= opcode <= _PUSH32 else 0)


def _entries(source_map: str) -> Iterator[tuple[int, int, int]]:
    """Start, length and file of each instruction: what is left out is as before."""
    entry = [0, 0, -1]
    for text in source_map.split(";"):
        for place, field in enumerate(text.split(":")[:3]):
            if field:
                entry[place] = int(field)
        yield entry[0], entry[1], entry[2]
