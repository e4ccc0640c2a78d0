"""The same work by python-paillier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phe import EncryptedNumber, PaillierPrivateKey, PaillierPublicKey

from scripts._bench.data import model_of, rows_of

_Task = Callable[[], object]
_Weights = list[list[EncryptedNumber]]


def _keys(of: Mapping[str, Any]) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    public = PaillierPublicKey(of["p"] * of["q"])
    return public, PaillierPrivateKey(public, of["p"], of["q"])


def _weights(of: Mapping[str, Any], public: PaillierPublicKey) -> _Weights:
    return [[public.encrypt(int(w)) for w in row] for row in model_of(of["data"]).weights_.values]


def _published(numbers: list[EncryptedNumber]) -> list[int]:
    """Ciphertexts under fresh randomness, as phe gives them out."""
    return [number.ciphertext() for number in numbers]


def _gram_round(of: Mapping[str, Any]) -> _Task:
    """One step of gradient descent by local statistics, for the first `rows` weights' rows."""
    weights = _weights(of, _keys(of)[0])
    gram, cross = of["gram"][: of.get("rows")], of["cross"]

    def step() -> list[int]:
        moved = []
        for place, scalars in enumerate(gram):
            for output in range(len(cross[0])):
                # Subtracted as a whole: every negative scalar would cost an inversion.
                product = sum(row[output] * scalar for scalar, row in zip(scalars, weights, strict=True))
                moved.append(weights[place][output] + cross[place][output] - product)
        return _published(moved)

    return step


def _row_round(of: Mapping[str, Any]) -> _Task:
    """One step of gradient descent, row by row of the data, for the first `rows` of them; publishing is left out."""
    weights = _weights(of, _keys(of)[0])
    rows, classes = rows_of(of["data"])
    examples = [([*map(int, row), 1 << 10], int(c)) for row, c in zip(rows[: of["rows"]], classes[:, 0], strict=False)]

    def step() -> _Weights:
        moved = [list(row) for row in weights]
        for row, answer in examples:
            for output in range(len(weights[0])):
                predicted = sum(w[output] * x for w, x in zip(weights, row, strict=True))
                missing = (answer == output) - predicted
                for place, x in enumerate(row):
                    moved[place][output] += missing * x
        return moved

    return step


def _encrypt(of: Mapping[str, Any]) -> _Task:
    public, _ = _keys(of)
    values = [int(w) for row in model_of(of["data"]).weights_.values for w in row]
    return lambda: [public.encrypt(value) for value in values]


def _decrypt(of: Mapping[str, Any]) -> _Task:
    public, private = _keys(of)
    numbers = [number for row in _weights(of, public) for number in row]
    return lambda: [private.decrypt(number) for number in numbers]


TASKS = {"gram_round": _gram_round, "row_round": _row_round, "encrypt": _encrypt, "decrypt": _decrypt}
