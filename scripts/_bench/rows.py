"""What is compared with what, and what it is held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """Least times faster than the peer, with the kernel in C and with gmpy2 alone; None for no goal."""

    kernel: float | None = None
    gmpy2: float | None = None

    def of(self, kernel: str) -> float | None:
        return self.gmpy2 if kernel == "gmpy2" else self.kernel


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: for people.
        task: Syft's task, of `syft_tasks`.
        peer: for people.
        peer_party: whose process runs the peer's task.
        peer_task: of that party.
        of: what both tasks are told.
        peer_of: what only the peer's is.
        share: part of the peer's work that is run; the rest is reckoned from it, and the table says so.
        goal: what the ratio is held to.
    """

    name: str
    task: str
    peer: str
    peer_party: str
    peer_task: str
    of: Mapping[str, Any]
    peer_of: Mapping[str, Any] = field(default_factory=dict)
    share: float = 1.0
    goal: Goal = field(default_factory=Goal)


_DIGITS = {"data": "digits"}
_CANCER = {"data": "breast_cancer"}
_WIDE = {"data": "wide", "cached": True}
_PHE_ROWS, _PLAIN_ROWS = 4, 3

ROWS = (
    Row("digits 65 x 10, round", "round", "phe + Gram", "phe", "gram_round", _DIGITS, goal=Goal(300, 60)),
    Row("breast cancer 31 x 2, round", "round", "phe + Gram", "phe", "gram_round", _CANCER, goal=Goal(50, 15)),
    Row(
        "784 x 10, round", "round", "phe + Gram", "phe", "gram_round", _WIDE,
        {"rows": _PHE_ROWS}, _PHE_ROWS / 784, Goal(400, 70),
    ),
    Row("digits 65 x 10, round, 16-bit map", "round", "phe + Gram", "phe", "gram_round", {**_DIGITS, "bits": 16}),
    Row(
        "digits 65 x 10, round", "round", "phe, row by row", "phe", "row_round", _DIGITS,
        {"rows": _PLAIN_ROWS}, _PLAIN_ROWS / 1797,
    ),
    Row("Capsule encrypts digits' W", "encrypt", "phe", "phe", "encrypt", _DIGITS, goal=Goal(600, 120)),
    Row("Capsule decrypts digits' W", "decrypt", "phe", "phe", "decrypt", _DIGITS, goal=Goal(60, 9)),
    Row(
        "784 x 10, matrix-vector", "product", "TenSEAL CKKS", "tenseal", "matmul", _WIDE,
        share=1 / 10, goal=Goal(30, 5),
    ),
    Row("digits 65 x 10, round", "round", "pypaillier + Gram", "pypaillier", "gram_round", _DIGITS),
    Row("Capsule encrypts digits' W", "encrypt", "pypaillier", "pypaillier", "encrypt", _DIGITS),
    Row("Capsule decrypts digits' W", "decrypt", "pypaillier", "pypaillier", "decrypt", _DIGITS),
)  # fmt: skip

#: The same work on two threads and on one; Syft is its own peer. Multiplications alone show what the machine gives.
THREADS = (
    Row(
        "784 x 10, round, two threads", "round", "one thread", "own", "round", {**_WIDE, "threads": 2},
        {"threads": 1}, goal=Goal(1.8),
    ),
    Row(
        "multiplications alone, two threads", "multiply", "one thread", "own", "multiply", {**_WIDE, "threads": 2},
        {"threads": 1},
    ),
)  # fmt: skip
