"""Coverage-guided fuzzing of every decoder by atheris: no crash, no hang, bounded memory, one encoding per object.

    fuzz.py DECODER [libFuzzer's options]

libFuzzer mutates messages. If a message begins with the length of its header, half of the mutated messages get the
correct length, so that they pass the first check.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["syft", "sonar_core", "ape_sonar"]):
    from tests.fuzz.decoders import decoders

_LENGTH_BYTES = 8


def mutate(data: bytes, most: int, seed: int) -> bytes:
    changed = atheris.Mutate(data, most)
    has_header = data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"
    return with_true_length(changed) if has_header and random.Random(seed).random() < 0.5 else changed


def with_true_length(data: bytes) -> bytes:
    """The message with the length of a header that ends after its last brace and safetensors' padding."""
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
