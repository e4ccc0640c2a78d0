"""Coverage-guided fuzzing of every decoder, by atheris: no crash, no hang, no memory blow-up, one encoding an object.

    fuzz.py DECODER [libFuzzer's options]

A message is mutated by libFuzzer; where it begins with the length of its header, every other one is then given the
true one, so that more than the first check is reached.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["syft", "ape_sonar"]):
    from tests.fuzz.decoders import decoders

_LENGTH_BYTES = 8


def mutate(data: bytes, most: int, seed: int) -> bytes:
    changed = atheris.Mutate(data, most)
    headed = data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"
    return with_true_length(changed) if headed and random.Random(seed).random() < 0.5 else changed


def with_true_length(data: bytes) -> bytes:
    """The message with a header that ends after its last brace, as far as safetensors pads it."""
    end = data.rfind(b"}") + 1
    while end % _LENGTH_BYTES and data[end : end + 1] == b" ":
        end += 1
    return (end - _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "little") + data[_LENGTH_BYTES:] if end > 8 else data


def main(name: str, options: list[str]) -> None:
    decoder = decoders()[name]
    decoder.try_out(decoder.good)
    with tempfile.TemporaryDirectory() as corpus:
        (Path(corpus) / "good").write_bytes(decoder.good)
        atheris.Setup([sys.argv[0], *options, corpus], decoder.try_out, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
