"""The comparisons with other libraries, and their goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """Least ratio of the peer's time to Syft's, with the C kernel and with gmpy2 alone; None for no goal."""

    kernel: float | None = None
    gmpy2: float | None = None

    def of(self, kernel: str) -> float | None:
        return self.gmpy2 if kernel == "gmpy2" else self.kernel


@dataclass(frozen=True)
class Comparison:
    """One comparison.

    Attributes:
        name: for display.
        task: of `syft_tasks`.
        peer: for display.
        peer_process: the process that runs the peer's task.
        peer_task: of that process.
        arguments: of both tasks.
        peer_arguments: of the peer's task only.
        share: part of the peer's work that is run; its time is extrapolated, as the table states.
        goal: least ratio of the times.
    """

    name: str
    task: str
    peer: str
    peer_process: str
    peer_task: str
    arguments: Mapping[str, Any]
    peer_arguments: Mapping[str, Any] = field(default_factory=dict)
    share: float = 1.0
    goal: Goal = field(default_factory=Goal)


_DIGITS = {"data": "digits"}
_CANCER = {"data": "breast_cancer"}
WIDE = {"data": "wide", "cached": True}
_PHE_ROWS, _PLAIN_ROWS = 4, 3

COMPARISONS = (
    Comparison("digits 65 x 10, round", "round", "phe + Gram", "phe", "gram_round", _DIGITS, goal=Goal(300, 60)),
    Comparison("breast cancer 31 x 2, round", "round", "phe + Gram", "phe", "gram_round", _CANCER, goal=Goal(50, 15)),
    Comparison(
        "784 x 10, round", "round", "phe + Gram", "phe", "gram_round", WIDE,
        {"rows": _PHE_ROWS}, _PHE_ROWS / 784, Goal(400, 70),
    ),
    Comparison("digits 65 x 10, round, 16-bit map", "round", "phe + Gram", "phe", "gram_round", _DIGITS | {"bits": 16}),
    Comparison(
        "digits 65 x 10, round", "round", "phe, row by row", "phe", "row_round", _DIGITS,
        {"rows": _PLAIN_ROWS}, _PLAIN_ROWS / 1797,
    ),
    Comparison("Capsule encrypts digits' W", "encrypt", "phe", "phe", "encrypt", _DIGITS, goal=Goal(600, 120)),
    Comparison("Capsule decrypts digits' W", "decrypt", "phe", "phe", "decrypt", _DIGITS, goal=Goal(60, 9)),
    Comparison(
        "784 x 10, matrix-vector", "product", "TenSEAL CKKS", "tenseal", "matmul", WIDE,
        share=1 / 10, goal=Goal(30, 5),
    ),
    Comparison("digits 65 x 10, round", "round", "pypaillier + Gram", "pypaillier", "gram_round", _DIGITS),
    Comparison("Capsule encrypts digits' W", "encrypt", "pypaillier", "pypaillier", "encrypt", _DIGITS),
    Comparison("Capsule decrypts digits' W", "decrypt", "pypaillier", "pypaillier", "decrypt", _DIGITS),
)  # fmt: skip
