"""Which kernel does the arithmetic."""

from __future__ import annotations

import os
from functools import cache

from syft.errors import KernelUnavailableError, ThreadCountError
from syft.kernel import gmpy
from syft.kernel.gmpy import GmpyRing
from syft.kernel.native import PATHS, installed
from syft.kernel.ring import Ring
from syft.kernel.simd import MOST_BITS, SimdRing

#: Environment variable: "off" for gmpy2, a path's name for that path and no other; unset for the fastest there is.
VARIABLE = "SYFT_KERNEL"
_OFF = "off"


@cache
def kernel_name() -> str:
    """What does the arithmetic in this process: "ifma", "avx2" or "gmpy2".

    Raises:
        KernelUnavailableError: SYFT_KERNEL asks for what is not there.
    """
    wanted = os.environ.get(VARIABLE, "")
    library = installed()
    there = [path for path in PATHS if library is not None and library.has(path)]
    if wanted == _OFF:
        return gmpy.NAME
    if wanted and wanted not in there:
        raise KernelUnavailableError(wanted, there)
    return wanted or (there or [gmpy.NAME])[0]


def ring(base: int, halves: int = 1, threads: int | None = None) -> Ring:
    """The integers modulo base^halves.

    Args:
        base: odd, at least 3.
        halves: 1 or 2.
        threads: how many threads algorithms may use, at least 1; None for all cores of this process.

    Raises:
        ThreadCountError: less than one thread.
        KernelUnavailableError: SYFT_KERNEL asks for what is not there.
    """
    threads = cores() if threads is None else threads
    if threads < 1:
        raise ThreadCountError(threads)
    library, path = installed(), kernel_name()
    if library is None or path == gmpy.NAME or base.bit_length() > MOST_BITS:
        return GmpyRing(base, halves, threads)
    return SimdRing(library, path, base, halves, threads)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
