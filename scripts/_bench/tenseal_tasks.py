"""Tasks by TenSEAL's CKKS (approximate numbers on lattices); without Syft, since they run in another environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tenseal

#: Parameters for 128-bit security and a depth of one product.
_DEGREE, _CHAIN, _SCALE = 8192, [60, 40, 60], 2.0**40


def _matmul(arguments: Mapping[str, Any]) -> Callable[[], object]:
    """The matrix times the weights of one output."""
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, _DEGREE, coeff_mod_bit_sizes=_CHAIN, n_threads=1)
    context.global_scale = _SCALE
    context.generate_galois_keys()
    matrix = [[value / (1 << 15) for value in row] for row in arguments["gram"]]
    vector = tenseal.ckks_vector(context, [index / len(matrix) for index in range(len(matrix))])
    return lambda: vector.matmul(matrix)


TASKS = {"matmul": _matmul}
