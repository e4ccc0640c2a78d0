"""Arithmetic modulo n and n^2: by gmpy2, or by a C kernel if one was compiled that the processor can run.

Both give the same integers. The environment variable SYFT_KERNEL selects one: see `kernel_name`.
"""

from syft.kernel._thread_pool import slices
from syft.kernel.ring import Indices, Keys, Pool, Ring
from syft.kernel.selection import cores, kernel_name, ring

__all__ = ["Indices", "Keys", "Pool", "Ring", "cores", "kernel_name", "ring", "slices"]
