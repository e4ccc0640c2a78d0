"""The matrix product by TenSEAL's CKKS: approximate numbers on lattices. Knows nothing of Syft: it runs apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tenseal

#: 128-bit security, and room for one product.
_DEGREE, _CHAIN, _SCALE = 8192, [60, 40, 60], 2.0**40


def _matmul(of: Mapping[str, Any]) -> Callable[[], object]:
    """One output's column of weights times the matrix."""
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, _DEGREE, coeff_mod_bit_sizes=_CHAIN, n_threads=1)
    context.global_scale = _SCALE
    context.generate_galois_keys()
    matrix = [[value / (1 << 15) for value in row] for row in of["gram"]]
    vector = tenseal.ckks_vector(context, [place / len(matrix) for place in range(len(matrix))])
    return lambda: vector.matmul(matrix)


TASKS = {"matmul": _matmul}
