"""Selection of the kernel that does the arithmetic."""

from __future__ import annotations

import os
from functools import cache

from syft.errors import KernelUnavailableError, ThreadCountError
from syft.kernel import _gmpy_ring
from syft.kernel._gmpy_ring import GmpyRing
from syft.kernel._shared_library import PATHS, installed
from syft.kernel._simd_ring import MOST_BITS, SimdRing
from syft.kernel.ring import Ring

#: Environment variable: "off" selects gmpy2, the name of a path selects that path; unset selects the fastest available.
VARIABLE = "SYFT_KERNEL"
_OFF = "off"


@cache
def kernel_name() -> str:
    """Name of the kernel that this process uses: "ifma", "avx2" or "gmpy2".

    Raises:
        KernelUnavailableError: SYFT_KERNEL names a kernel that is not available.
    """
    wanted = os.environ.get(VARIABLE, "")
    library = installed()
    available = [path for path in PATHS if library is not None and library.has(path)]
    if wanted == _OFF:
        return _gmpy_ring.NAME
    if wanted and wanted not in available:
        raise KernelUnavailableError(wanted, available)
    return wanted or (available or [_gmpy_ring.NAME])[0]


def ring(base: int, halves: int = 1, threads: int | None = None) -> Ring:
    """The ring of integers modulo base^halves.

    Args:
        base: odd, at least 3.
        halves: 1 or 2.
        threads: threads that algorithms may use, at least 1; None for all cores of this process.

    Raises:
        ThreadCountError: fewer than one thread.
        KernelUnavailableError: SYFT_KERNEL names a kernel that is not available.
    """
    threads = cores() if threads is None else threads
    if threads < 1:
        raise ThreadCountError(threads)
    library, path = installed(), kernel_name()
    if library is None or path == _gmpy_ring.NAME or base.bit_length() > MOST_BITS:
        return GmpyRing(base, halves, threads)
    return SimdRing(library, path, base, halves, threads)


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
