"""The compiled C kernel: its functions, and which of its code paths this processor can run.

`make setup` compiles it if a compiler is available. ctypes releases the interpreter's lock during each call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: Where `make setup` writes the compiled kernel.
LIBRARY = Path(__file__).parent / "kernel.so"
#: Version of the C interface; kernel.c has the same number.
_INTERFACE = 2

_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_uint64


class Modulus(ctypes.Structure):
    """`struct modulus` of kernel.c."""

    _fields_ = (
        ("digits", _POINTER),
        ("inverse", _COUNT),
        ("blocks", _COUNT),
        ("halves", _COUNT),
        ("stride", _COUNT),
    )


@dataclass(frozen=True)
class Shape:
    """The constants of a code path; its C header has the same.

    Attributes:
        lanes: numbers that are multiplied at once.
        radix: bits of a digit.
        block: the number of digits is a multiple of this.
        window: bits of a key of `chain_secret`.
    """

    lanes: int
    radix: int
    block: int
    window: int


#: Code paths, fastest first. Measured on one machine at 2048 bits, a multiplication modulo n^2 takes ifma an eighth of
#: gmpy2's time, and avx2 less than a third.
PATHS = {"ifma": Shape(lanes=8, radix=52, block=5, window=6), "avx2": Shape(lanes=4, radix=27, block=4, window=5)}

_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "multiply": (_POINTER,) * 7 + (_COUNT,),
    "square": (_POINTER, _POINTER, _COUNT, _COUNT),
    "subsets": (_POINTER, _POINTER, _POINTER, _COUNT, _COUNT, _POINTER),
    "chain": (_POINTER, _POINTER, _COUNT, _POINTER, _POINTER, _COUNT, _COUNT),
    "chain_secret": (_POINTER, _POINTER, _COUNT, _POINTER, _POINTER, _COUNT, _COUNT),
    "power": (_POINTER, _POINTER, _COUNT, _POINTER, _COUNT, _POINTER, _POINTER),
}
_CONVERSIONS: dict[str, tuple[Any, ...]] = {
    "to_digits": (_POINTER, _COUNT, _COUNT, _POINTER, _COUNT, _COUNT, _COUNT),
    "to_bytes": (_POINTER, _COUNT, _POINTER, _COUNT, _COUNT, _COUNT, _COUNT),
}

Call = Callable[..., None]


class Library:
    """A compiled kernel.

    Args:
        path: of the shared object.

    Raises:
        OSError: the file does not exist, is for another machine, or was compiled from other sources.
    """

    def __init__(self, path: Path) -> None:
        self._object = ctypes.CDLL(str(path))
        try:
            version = self._object.syft_interface()
        except AttributeError:
            version = None
        if version != _INTERFACE:
            raise OSError(f"{path} was compiled from other sources: run `make setup` again")

    def has(self, path: str) -> bool:
        """Returns True if this processor can run a path of PATHS."""
        return bool(getattr(self._object, f"syft_has_{path}")())

    def calls(self, path: str) -> dict[str, Call]:
        """The functions of a path by their names in numbers.h, and the two conversions of kernel.c."""
        named = {name: (f"{path}_{name}", types) for name, types in _SIGNATURES.items()}
        named |= {name: (f"syft_{name}", types) for name, types in _CONVERSIONS.items()}
        return {name: self._call(symbol, types) for name, (symbol, types) in named.items()}

    def _call(self, symbol: str, types: tuple[Any, ...]) -> Call:
        call = self._object[symbol]
        call.argtypes, call.restype = types, None
        return call


@cache
def installed() -> Library | None:
    """The kernel that `make setup` compiled; None if it is missing or not for this machine."""
    try:
        return Library(LIBRARY)
    except OSError:
        return None
