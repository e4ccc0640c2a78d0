"""The hidden validation set: integer rows with salts, so that a root commits to each row and reveals none."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sonar_core.base.errors import FormatError, UsageError
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol import merkle
from syft import wire
from syft.errors import WireError

SALT_BYTES = 16
_PARTS = {"rows": np.dtype(np.int64), "targets": np.dtype(np.int64), "salts": np.dtype(np.uint8)}


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """The rows on which a Capsule scores.

    Attributes:
        rows: encoded Inputs (`RowEncoder`), int64 in [0, 2^10], for texts in [-2^15, 2^15]; shape (n, m).
        targets: encoded Outputs, int64, shape (n, answers).
        salts: random bytes per row, uint8, shape (n, 16).
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    salts: NDArray[np.uint8]

    @classmethod
    def build(cls, rows: NDArray[np.int64], targets: NDArray[np.int64]) -> Self:
        """Draws a salt per row.

        Raises:
            UsageError: no rows, or another number of targets.
        """
        if len(rows) == 0 or len(rows) != len(targets):
            raise UsageError(
                f"validation: {len(rows)} Inputs and {len(targets)} Outputs; as many of both are needed, at least 1"
            )
        salts = np.frombuffer(secrets.token_bytes(SALT_BYTES * len(rows)), dtype=np.uint8)
        return cls(rows, targets.reshape(len(targets), -1), salts.reshape(-1, SALT_BYTES))

    def to_bytes(self) -> bytes:
        """The bytes to sign and seal to the Capsule."""
        return wire.dumps_arrays({"rows": self.rows, "targets": self.targets, "salts": self.salts})

    @classmethod
    def from_bytes(cls, data: bytes, encoder: RowEncoder) -> Self:
        """Parses an unsealed validation set.

        Args:
            data: the bytes, which may be hostile.
            encoder: the encoder of the Campaign's Input and Output.

        Raises:
            FormatError: wrong parts, types or shapes, or a number out of range.
        """
        try:
            arrays = wire.loads_arrays(data)
        except WireError as error:
            raise FormatError("validation set", str(error)) from None
        if {name: array.dtype for name, array in arrays.items()} != _PARTS:
            raise FormatError("validation set", "rows int64, targets int64 and salts uint8 are expected, and no others")
        count = len(arrays["targets"]) if arrays["targets"].ndim else 0
        shapes = {
            "rows": (count, len(encoder.columns)),
            "targets": (count, encoder.answers),
            "salts": (count, SALT_BYTES),
        }
        for name, shape in shapes.items():
            if arrays[name].shape != shape or count == 0:
                raise FormatError("validation set", f"{name} have shape {arrays[name].shape}, but {shape} is expected")
        answers = np.full(encoder.answers, encoder.largest_answer)
        ranges = {"rows": encoder.ranges, "targets": (np.zeros_like(answers), answers)}
        for name, (least, largest) in ranges.items():
            outside = np.argwhere((arrays[name] < least) | (arrays[name] > largest))
            if len(outside):
                column = int(outside[0, 1])
                raise FormatError(
                    "validation set", f"{name} hold a number outside of [{least[column]}, {largest[column]}]"
                )
        return cls(arrays["rows"], arrays["targets"], arrays["salts"])

    def root(self) -> bytes:
        """`Terms.validationRoot`: Merkle root over `salt | row | target` of each row, big-endian."""
        numbers = np.concatenate([self.rows, self.targets], axis=1).astype(">i8")
        pairs = zip(self.salts, numbers, strict=True)
        return merkle.root([salt.tobytes() + row.tobytes() for salt, row in pairs])
