"""Tasks by python-paillier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phe import EncryptedNumber, PaillierPrivateKey, PaillierPublicKey

from scripts._bench.data import model_of, rows_of

_Task = Callable[[], object]
_Weights = list[list[EncryptedNumber]]


def _keys(arguments: Mapping[str, Any]) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    public = PaillierPublicKey(arguments["p"] * arguments["q"])
    return public, PaillierPrivateKey(public, arguments["p"], arguments["q"])


def _weights(arguments: Mapping[str, Any], public: PaillierPublicKey) -> _Weights:
    return [[public.encrypt(int(w)) for w in row] for row in model_of(arguments["data"]).weights_.values]


def _published(numbers: list[EncryptedNumber]) -> list[int]:
    """Re-randomised ciphertexts, as phe publishes them."""
    return [number.ciphertext() for number in numbers]


def _gram_round(arguments: Mapping[str, Any]) -> _Task:
    """One step of gradient descent by local statistics, for the first `rows` rows of weights."""
    weights = _weights(arguments, _keys(arguments)[0])
    gram, cross = arguments["gram"][: arguments.get("rows")], arguments["cross"]

    def step() -> list[int]:
        moved = []
        for index, scalars in enumerate(gram):
            for output in range(len(cross[0])):
                # The whole sum is subtracted, since every negative scalar would cost an inversion.
                product = sum(row[output] * scalar for scalar, row in zip(scalars, weights, strict=True))
                moved.append(weights[index][output] + cross[index][output] - product)
        return _published(moved)

    return step


def _row_round(arguments: Mapping[str, Any]) -> _Task:
    """One step of gradient descent, row by row, for the first `rows` rows of the data; without publication."""
    weights = _weights(arguments, _keys(arguments)[0])
    rows, classes = rows_of(arguments["data"])
    examples = [
        ([*map(int, row), 1 << 10], int(c)) for row, c in zip(rows[: arguments["rows"]], classes[:, 0], strict=False)
    ]

    def step() -> _Weights:
        moved = [list(row) for row in weights]
        for row, answer in examples:
            for output in range(len(weights[0])):
                predicted = sum(w[output] * x for w, x in zip(weights, row, strict=True))
                missing = (answer == output) - predicted
                for index, x in enumerate(row):
                    moved[index][output] += missing * x
        return moved

    return step


def _encrypt(arguments: Mapping[str, Any]) -> _Task:
    public, _ = _keys(arguments)
    values = [int(w) for row in model_of(arguments["data"]).weights_.values for w in row]
    return lambda: [public.encrypt(value) for value in values]


def _decrypt(arguments: Mapping[str, Any]) -> _Task:
    public, private = _keys(arguments)
    numbers = [number for row in _weights(arguments, public) for number in row]
    return lambda: [private.decrypt(number) for number in numbers]


TASKS = {"gram_round": _gram_round, "row_round": _row_round, "encrypt": _encrypt, "decrypt": _decrypt}
