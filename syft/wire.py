"""Wire format of keys, tensors, openings and integer arrays: safetensors with a strict, versioned header.

A decoder accepts exactly the bytes that the encoder writes: it encodes every decoded object again and compares, so that
an object has one encoding. Nothing is unpickled, and lengths are checked before memory is allocated.

The header's only metadata entry, "syft", is JSON without spaces and with sorted keys: "kind" and the facts below.
Arrays are in safetensors' order: widest type first, then by name. Numbers are rows of big-endian bytes.

* public-key/1: n and h, uint8 (1, n_bits / 8).
* encrypted-tensor/1: ciphertexts, uint8 (d x plaintexts per row, n_bits / 4), row-major. Facts: shape [d, k],
  slot_bits, slots, exponent, and bound as "0x...".
* openings/1: plaintexts modulo n, and roots, uint8 (ciphertexts, n_bits / 8).
* arrays/1: any arrays of uint8, int16, int32 or int64.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray
from phe import PaillierPublicKey
from safetensors import SafetensorError
from safetensors.numpy import load, save

from syft.bounded_json import parse_json
from syft.errors import SyftError, WireError
from syft.integers import is_integer_in
from syft.paillier import EncryptedTensor, Openings, Packing, PublicContext, validate_public_key
from syft.paillier.keys import LEAST_BITS

#: Largest blob that is decoded, in bytes, unless the caller passes another limit.
LARGEST = 256 << 20
#: Largest header of a blob, in bytes, which also bounds its nesting.
LARGEST_HEADER = 1 << 14
_LARGEST_KEY = 1 << 16

_PUBLIC_KEY, _TENSOR, _OPENINGS, _ARRAYS = "public-key/1", "encrypted-tensor/1", "openings/1", "arrays/1"
#: numpy's names of the allowed types, by safetensors' names.
_DTYPES = {"U8": "uint8", "I16": "int16", "I32": "int32", "I64": "int64"}
_MOST_ARRAYS = 64
_MOST_DIMENSIONS = 4
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

Arrays = dict[str, NDArray[Any]]


def dumps_public_key(context: PublicContext) -> bytes:
    """Encodes a public key: the modulus n and the re-randomiser's h."""
    width = context.plaintext_bytes
    return _save(_PUBLIC_KEY, {"n": _numbers([int(context.n)], width), "h": _numbers([int(context.h)], width)})


def loads_public_key(data: bytes, *, least_bits: int = LEAST_BITS) -> PublicContext:
    """Decodes and validates a public key.

    Args:
        data: untrusted bytes.
        least_bits: shortest accepted modulus.

    Raises:
        WireError: the bytes are not a valid encoding.
        KeyInvalidError: a modulus or h that must not be used.
    """
    arrays, facts = _load(_PUBLIC_KEY, data, limit=_LARGEST_KEY)
    _require(set(arrays) == {"n", "h"} and not facts, "a public key must hold exactly n and h")
    _require(all(array.shape[:1] == (1,) for array in arrays.values()), "a public key must hold one n and one h")
    n, h = (_integers(arrays[name])[0] for name in ("n", "h"))
    validate_public_key(n, least_bits=least_bits)
    context = PublicContext(PaillierPublicKey(n), h)
    _require(dumps_public_key(context) == data, "not the canonical encoding")
    return context


def dumps_tensor(tensor: EncryptedTensor) -> bytes:
    """Encodes an encrypted tensor: its ciphertexts and all its public attributes."""
    ciphertexts = np.frombuffer(b"".join(tensor.ciphertext_bytes()), dtype=np.uint8)
    return _save(
        _TENSOR,
        {"ciphertexts": ciphertexts.reshape(len(tensor.ciphertexts), tensor.context.ciphertext_bytes)},
        {
            "shape": list(tensor.shape),
            "slot_bits": tensor.packing.slot_bits,
            "slots": tensor.packing.slots,
            "exponent": tensor.exponent,
            "bound": hex(tensor.bound),
        },
    )


def loads_tensor(data: bytes, context: PublicContext, *, limit: int = LARGEST) -> EncryptedTensor:
    """Decodes and validates an encrypted tensor.

    Args:
        data: untrusted bytes.
        context: of the tensor's public key.
        limit: largest accepted length of `data`.

    Raises:
        WireError: the bytes are not a valid encoding.
        CiphertextInvalidError: a number is not a ciphertext.
        SlotOverflowError: the bound does not fit the slots.
    """
    arrays, facts = _load(_TENSOR, data, limit)
    _require(set(arrays) == {"ciphertexts"}, "a tensor must hold exactly ciphertexts")
    ciphertexts = arrays["ciphertexts"]
    _require(
        ciphertexts.ndim == 2 and ciphertexts.shape[1] == context.ciphertext_bytes,
        f"the width of ciphertexts must be {context.ciphertext_bytes} bytes",
    )
    _require(set(facts) == {"shape", "slot_bits", "slots", "exponent", "bound"}, "unknown or missing facts")
    shape, packing = _shape(facts["shape"]), _packing(facts, context)
    exponent = _integer(facts["exponent"], 0, context.n_bits)
    bound = _bound(facts["bound"], context)
    expected = shape[0] * packing.plaintexts(shape[1])
    _require(len(ciphertexts) == expected, f"{len(ciphertexts)} ciphertexts, but the shape needs {expected}")
    numbers = [mpz(number) for number in _integers(ciphertexts)]
    context.check_ciphertexts(numbers)
    tensor = EncryptedTensor(context, numbers, shape, packing, exponent, bound)
    _require(dumps_tensor(tensor) == data, "not the canonical encoding")
    return tensor


def dumps_openings(openings: Openings, context: PublicContext) -> bytes:
    """Encodes openings: plaintexts modulo n, and n-th roots."""
    width, n = context.plaintext_bytes, int(context.n)
    plaintexts = [int(m) % n for m in openings.plaintexts]
    return _save(_OPENINGS, {"plaintexts": _numbers(plaintexts, width), "roots": _numbers(list(openings.roots), width)})


def loads_openings(data: bytes, context: PublicContext, *, limit: int = LARGEST) -> Openings:
    """Decodes openings, without verifying them: see `verify_openings`.

    Args:
        data: untrusted bytes.
        context: of the public key.
        limit: largest accepted length of `data`.

    Raises:
        WireError: the bytes are not a valid encoding.
    """
    arrays, facts = _load(_OPENINGS, data, limit)
    _require(set(arrays) == {"plaintexts", "roots"} and not facts, "openings must hold exactly plaintexts and roots")
    n = int(context.n)
    for array in arrays.values():
        _require(
            array.ndim == 2 and array.shape[1] == context.plaintext_bytes,
            f"the width of openings must be {context.plaintext_bytes} bytes",
        )
    plaintexts, roots = _integers(arrays["plaintexts"]), _integers(arrays["roots"])
    _require(len(plaintexts) == len(roots) and all(m < n for m in plaintexts), "openings out of range")
    openings = Openings([m - n if m > n // 2 else m for m in plaintexts], roots)
    _require(dumps_openings(openings, context) == data, "not the canonical encoding")
    return openings


def dumps_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Encodes named arrays of uint8, int16, int32 or int64.

    Raises:
        WireError: no arrays, more than 64, or one whose name, type or number of dimensions is not allowed.
    """
    # ascontiguousarray turns a scalar into a row.
    checked = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    _check_arrays(checked)
    return _save(_ARRAYS, checked)


def loads_arrays(data: bytes, *, limit: int = LARGEST) -> Arrays:
    """Decodes named integer arrays.

    Args:
        data: untrusted bytes.
        limit: largest accepted length of `data`.

    Raises:
        WireError: the bytes are not a valid encoding.
    """
    arrays, facts = _load(_ARRAYS, data, limit)
    _require(not facts, "unknown facts")
    _require(dumps_arrays(arrays) == data, "not the canonical encoding")
    return arrays


def _save(kind: str, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any] | None = None) -> bytes:
    described = json.dumps({"kind": kind, **(facts or {})}, sort_keys=True, separators=(",", ":"))
    return bytes(save(dict(arrays), metadata={"syft": described}))


def _load(kind: str, data: bytes, limit: int) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and facts of a blob of a given kind; its header is checked first."""
    _require(8 <= len(data) <= limit, f"{len(data)} bytes: 8 to {limit} are allowed")
    header_bytes = int.from_bytes(data[:8], "little")
    _require(header_bytes <= min(LARGEST_HEADER, len(data) - 8), "the header is longer than allowed")
    try:
        header = parse_json(data[8 : 8 + header_bytes].decode("utf-8"))
        _require(
            isinstance(header, dict) and 1 <= len(header) <= _MOST_ARRAYS + 1,
            "the header is not a table of arrays",
        )
        facts = parse_json(header.pop("__metadata__")["syft"])
        _require(all(entry["dtype"] in _DTYPES for entry in header.values()), "an array has a type that is not allowed")
        arrays: Arrays = load(data)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        if isinstance(error, SyftError):
            raise
        raise WireError(f"not a safetensors blob in Syft's wire format: {str(error)[:120]}") from None
    _require(isinstance(facts, dict) and facts.pop("kind", None) == kind, f"the blob is not of kind {kind}")
    _check_arrays(arrays)
    return arrays, facts


def _check_arrays(arrays: Mapping[str, NDArray[Any]]) -> None:
    _require(1 <= len(arrays) <= _MOST_ARRAYS, f"{len(arrays)} arrays: 1 to {_MOST_ARRAYS} are allowed")
    for name, array in arrays.items():
        _require(_NAME.fullmatch(name) is not None, f"{name[:80]!r} is not a valid name of an array")
        _require(
            array.dtype.name in _DTYPES.values(),
            f"array {name!r} has type {array.dtype.name}: only {', '.join(_DTYPES.values())} are allowed",
        )
        _require(
            array.ndim <= _MOST_DIMENSIONS,
            f"array {name!r} has {array.ndim} dimensions: at most {_MOST_DIMENSIONS} are allowed",
        )


def _require(condition: bool, why: str) -> None:
    if not condition:
        raise WireError(why)


def _integer(value: Any, least: int, most: int) -> int:
    _require(is_integer_in(value, least, most), f"{str(value)[:40]} is not an integer from {least} to {most}")
    return int(value)


def _shape(value: Any) -> tuple[int, int]:
    _require(isinstance(value, list) and len(value) == 2, "a shape must have two numbers")
    return _integer(value[0], 1, 1 << 20), _integer(value[1], 1, 1 << 16)


def _packing(facts: dict[str, Any], context: PublicContext) -> Packing:
    packing = Packing(_integer(facts["slot_bits"], 2, context.n_bits), _integer(facts["slots"], 1, context.n_bits))
    _require(packing.slot_bits * packing.slots <= context.n_bits - 2, "the slots are wider than a plaintext")
    return packing


def _bound(value: Any, context: PublicContext) -> int:
    _require(
        isinstance(value, str) and value.startswith("0x") and len(value) <= context.n_bits // 4 + 2,
        "the bound is not a hexadecimal number",
    )
    try:
        bound = int(value, 16)
    except ValueError:
        raise WireError("the bound is not a hexadecimal number") from None
    _require(hex(bound) == value, "the bound is not a hexadecimal number")
    return bound


def _numbers(numbers: list[int], width: int) -> NDArray[np.uint8]:
    data = b"".join(int(number).to_bytes(width, "big") for number in numbers)
    return np.frombuffer(data, dtype=np.uint8).reshape(len(numbers), width)


def _integers(array: NDArray[Any]) -> list[int]:
    _require(array.ndim == 2 and array.dtype == np.uint8, "numbers must be rows of bytes")
    return [int.from_bytes(row.tobytes(), "big") for row in array]
