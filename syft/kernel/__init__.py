"""Arithmetic modulo n and n^2: by gmpy2, or by a kernel in C where one was compiled that the processor can run.

Both give the same integers. The environment variable SYFT_KERNEL chooses: see `kernel_name`.
"""

from syft.kernel.choice import cores, kernel_name, ring
from syft.kernel.ring import Keys, Pool, Ring

__all__ = ["Keys", "Pool", "Ring", "cores", "kernel_name", "ring"]
