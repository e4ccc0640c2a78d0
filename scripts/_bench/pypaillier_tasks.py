"""Tasks by pypaillier (Rust and GMP) with its own key; without Syft, since they run in another environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import paillier

_Task = Callable[[], object]


def _weights(arguments: Mapping[str, Any]) -> tuple[Any, Any, list[list[bytes]]]:
    public, secret = paillier.generate_keypair(arguments["n_bits"])
    outputs = len(arguments["cross"][0])
    rows = [
        list(paillier.encrypt_integers(public, [index * outputs + 1 + c for c in range(outputs)]))
        for index in range(len(arguments["gram"]))
    ]
    return public, secret, rows


def _gram_round(arguments: Mapping[str, Any]) -> _Task:
    public, _, weights = _weights(arguments)
    size, outputs = len(weights), len(arguments["cross"][0])
    cross = [paillier.encrypt_integers(public, [value or 1 for value in row]) for row in arguments["cross"]]

    def step() -> list[bytes]:
        moved = []
        for output in range(outputs):
            column = [row[output] for row in weights]
            for index, scalars in enumerate(arguments["gram"]):
                # pypaillier takes neither empty sums nor scalars of 0; some columns of digits are 0.
                used = [j for j in range(size) if scalars[j]]
                terms = [column[index], cross[index][output]]
                if used:
                    products = paillier.multiply_integers_public(
                        public, [column[j] for j in used], [scalars[j] for j in used]
                    )
                    # The whole sum is subtracted, since every negative scalar would cost an inversion.
                    terms += paillier.multiply_integers_public(public, [paillier.add_many(public, products)], [-1])
                moved.append(paillier.add_many(public, terms))
        return paillier.rerandomize(public, moved)

    return step


def _encrypt(arguments: Mapping[str, Any]) -> _Task:
    public, _, weights = _weights(arguments)
    values = list(range(1, sum(map(len, weights)) + 1))
    return lambda: paillier.encrypt_integers(public, values)


def _decrypt(arguments: Mapping[str, Any]) -> _Task:
    _, secret, weights = _weights(arguments)
    blobs = [blob for row in weights for blob in row]
    return lambda: paillier.decrypt_exact_many(secret, blobs)


TASKS = {"gram_round": _gram_round, "encrypt": _encrypt, "decrypt": _decrypt}
