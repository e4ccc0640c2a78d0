"""The contracts' ABIs, and the encoding and decoding by them. Pure."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.encoding import UnsignedIntegerEncoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals, registry
from eth_utils import keccak, to_checksum_address

from sonar_core.base.errors import FormatError, UsageError


def _strict_codec() -> ABICodec:
    """Ape makes eth_abi fill up, for the whole process, numbers that are cut short; here they are refused."""
    own = registry.copy()  # type: ignore[no-untyped-call]
    own.unregister("uint")
    unsigned = BaseEquals("uint")  # type: ignore[no-untyped-call]
    own.register(unsigned, UnsignedIntegerEncoder, UnsignedIntegerDecoder, label="uint")
    return ABICodec(own)


_CODEC = _strict_codec()
CONTRACTS = ("Sonar", "CapsuleRegistry", "ERC20")


class Abi:
    """One contract's functions, events and errors.

    Args:
        name: of the contract: "Sonar", "CapsuleRegistry" or "ERC20".
    """

    def __init__(self, name: str) -> None:
        self._entries = json.loads(resources.files(__package__).joinpath(f"{name}.json").read_text())
        self._functions = {entry["name"]: entry for entry in self.entries("function")}
        self._events = {keccak(text=_signature(entry)): entry for entry in self.entries("event")}
        self._errors = {keccak(text=_signature(entry))[:4]: entry for entry in self.entries("error")}

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The ABI's entries of a kind: "function", "event", "error" or "constructor"."""
        return [entry for entry in self._entries if entry["type"] == kind]

    @property
    def error_names(self) -> set[str]:
        return {entry["name"] for entry in self._errors.values()}

    @property
    def event_names(self) -> set[str]:
        return {entry["name"] for entry in self._events.values()}

    def encode_call(self, function: str, arguments: tuple[Any, ...]) -> bytes:
        """Call data.

        Raises:
            UsageError: an argument does not fit the contract's type.
        """
        entry = self._functions[function]
        types = [canonical_type(item) for item in entry["inputs"]]
        try:
            return keccak(text=_signature(entry))[:4] + _CODEC.encode(types, arguments)
        except (EncodingError, ValueError, TypeError) as error:
            raise UsageError(f"{function}: an argument does not fit the contract's type: {error}") from None

    def decode_result(self, function: str, data: bytes) -> Any:
        """Decoded result of a call; a tuple if it has several values or is a struct.

        Raises:
            FormatError: the data is not that.
        """
        outputs = self._functions[function]["outputs"]
        values = _decode(f"result of {function}", outputs, data)
        return values[0] if len(values) == 1 else values

    def decode_log(self, topics: list[bytes], data: bytes) -> tuple[str, dict[str, Any]] | None:
        """Name and arguments of an event, or None for an event of no known name.

        Raises:
            FormatError: the log does not have the event's arguments.
        """
        entry = self._events.get(topics[0]) if topics else None
        if entry is None:
            return None
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        if len(topics) != len(indexed) + 1:
            raise FormatError(f"event {entry['name']}", f"{len(topics)} topics where {len(indexed) + 1} belong")
        values = dict(zip((item["name"] for item in plain), _decode(entry["name"], plain, data), strict=True))
        for item, topic in zip(indexed, topics[1:], strict=True):
            values[item["name"]] = _decode(entry["name"], [item], topic)[0]
        return entry["name"], values

    def decode_error(self, data: bytes) -> tuple[str, dict[str, Any]] | None:
        """Name and arguments of a custom error, or None for one of no known name."""
        entry = self._errors.get(data[:4])
        if entry is None:
            return None
        try:
            values = _decode(entry["name"], entry["inputs"], data[4:])
        except FormatError:
            return None
        return entry["name"], dict(zip((item["name"] for item in entry["inputs"]), values, strict=True))


@cache
def abi(name: str) -> Abi:
    """The ABI of a contract of that name."""
    return Abi(name)


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(canonical_type(item) for item in entry['inputs'])})"


def canonical_type(item: dict[str, Any]) -> str:
    """The type of an ABI's argument as signatures have it: structs as their fields."""
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    parts = ",".join(canonical_type(part) for part in item["components"])
    suffix = str(item["type"]).removeprefix("tuple")
    return f"({parts}){suffix}"


def _decode(what: str, items: list[dict[str, Any]], data: bytes) -> tuple[Any, ...]:
    try:
        values = _CODEC.decode([canonical_type(item) for item in items], data)
    except (DecodingError, OverflowError, UnicodeDecodeError) as error:
        raise FormatError(what, f"the chain's answer cannot be read: {error}") from None
    return tuple(_normal(item, value) for item, value in zip(items, values, strict=True))


def _normal(item: dict[str, Any], value: Any) -> Any:
    """Addresses in checksum notation, structs as tuples, at every depth."""
    if item["type"].endswith("[]"):
        inner = {**item, "type": item["type"].removesuffix("[]")}
        return tuple(_normal(inner, part) for part in value)
    if item["type"] == "tuple":
        return tuple(_normal(part, field) for part, field in zip(item["components"], value, strict=True))
    return to_checksum_address(value) if item["type"] == "address" else value
