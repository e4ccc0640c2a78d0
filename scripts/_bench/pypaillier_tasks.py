"""The same work by pypaillier (Rust and GMP), with a key of its own making. Knows nothing of Syft: it runs apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import paillier

_Task = Callable[[], object]


def _weights(of: Mapping[str, Any]) -> tuple[Any, Any, list[list[bytes]]]:
    public, secret = paillier.generate_keypair(of["n_bits"])
    outputs = len(of["cross"][0])
    rows = [
        list(paillier.encrypt_integers(public, [place * outputs + 1 + c for c in range(outputs)]))
        for place in range(len(of["gram"]))
    ]
    return public, secret, rows


def _gram_round(of: Mapping[str, Any]) -> _Task:
    public, _, weights = _weights(of)
    size, outputs = len(weights), len(of["cross"][0])
    cross = [paillier.encrypt_integers(public, [value or 1 for value in row]) for row in of["cross"]]

    def step() -> list[bytes]:
        moved = []
        for output in range(outputs):
            column = [row[output] for row in weights]
            for place, scalars in enumerate(of["gram"]):
                # Its sums are never empty and its scalars never 0; digits have columns that are.
                used = [j for j in range(size) if scalars[j]]
                terms = [column[place], cross[place][output]]
                if used:
                    products = paillier.multiply_integers_public(
                        public, [column[j] for j in used], [scalars[j] for j in used]
                    )
                    # Subtracted as a whole: every negative scalar would cost an inversion.
                    terms += paillier.multiply_integers_public(public, [paillier.add_many(public, products)], [-1])
                moved.append(paillier.add_many(public, terms))
        return paillier.rerandomize(public, moved)

    return step


def _encrypt(of: Mapping[str, Any]) -> _Task:
    public, _, weights = _weights(of)
    values = list(range(1, sum(map(len, weights)) + 1))
    return lambda: paillier.encrypt_integers(public, values)


def _decrypt(of: Mapping[str, Any]) -> _Task:
    _, secret, weights = _weights(of)
    blobs = [blob for row in weights for blob in row]
    return lambda: paillier.decrypt_exact_many(secret, blobs)


TASKS = {"gram_round": _gram_round, "encrypt": _encrypt, "decrypt": _decrypt}
