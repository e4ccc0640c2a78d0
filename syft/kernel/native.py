"""The kernel as a shared object: which of its paths this processor has, and their functions.

`make setup` compiles it where there is a compiler. It is called through ctypes, which lets go of the interpreter's
lock for as long as a call lasts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: Where `make setup` puts what it compiles.
LIBRARY = Path(__file__).parent / "kernel.so"
#: Of the calls below: kernel.c has the same number.
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
    """The constants of a path, as its header has them.

    Attributes:
        lanes: numbers that are multiplied at once.
        radix: bits of a digit.
        block: a number has a multiple of so many digits.
        window: bits of a secret key.
    """

    lanes: int
    radix: int
    block: int
    window: int


#: From the fastest. On a machine with both, measured at 2048 bits: ifma does a multiplication modulo n^2 in an eighth
#: of gmpy2's time, avx2 in less than a third.
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
        OSError: it is not there, is for another machine, or was compiled from other sources.
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
        """Whether this processor can run a path of PATHS."""
        return bool(getattr(self._object, f"syft_has_{path}")())

    def calls(self, path: str) -> dict[str, Call]:
        """The functions of a path by their names in numbers.h, and the two conversions."""
        named = {name: (f"{path}_{name}", types) for name, types in _SIGNATURES.items()}
        named |= {name: (f"syft_{name}", types) for name, types in _CONVERSIONS.items()}
        return {name: self._call(symbol, types) for name, (symbol, types) in named.items()}

    def _call(self, symbol: str, types: tuple[Any, ...]) -> Call:
        call = self._object[symbol]
        call.argtypes, call.restype = types, None
        return call


@cache
def installed() -> Library | None:
    """The kernel that `make setup` compiled; None where it could not, or for another machine."""
    try:
        return Library(LIBRARY)
    except OSError:
        return None
