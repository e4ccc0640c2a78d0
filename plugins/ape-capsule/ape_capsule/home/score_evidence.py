"""Evidence for the audit of one score: the Gradient's openings, and the predictions of the scored weights.

It shows a single Mine's Gradient in the clear. So it is stored sealed to the Capsule itself, is for a Campaign's
arbiter alone, and is removed when claims open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sonar_core.base.errors import FormatError
from sonar_core.protocol.commitments import evidence_root, openings_root, predictions_root
from sonar_core.protocol.structs import EMPTY_BYTES32
from syft import wire
from syft.errors import WireError
from syft.integers import Integers
from syft.paillier import Openings, PublicContext


@dataclass(frozen=True, slots=True, eq=False)
class ScoreEvidence:
    """Evidence of one score, of a Gradient rejected after it was decrypted, or of a rebase.

    Attributes:
        openings: of the Gradient's ciphertexts; for a rebase, of the former Model's.
        predictions: int64, one row per validation row; None for a rejected Gradient.
    """

    openings: Openings
    predictions: Integers | None

    def root(self, context: PublicContext, salts: NDArray[np.uint8]) -> bytes:
        """The evidence root (docs/reference/formats.md); the root of absent predictions counts as zeros.

        Args:
            context: the Campaign's public key.
            salts: uint8, shape (n, 16): the validation set's.
        """
        predictions = EMPTY_BYTES32 if self.predictions is None else predictions_root(salts, self.predictions)
        return evidence_root(openings_root(context, self.openings), predictions)

    def to_bytes(self, context: PublicContext) -> bytes:
        """The bytes to seal; `from_bytes` reads them."""
        arrays: dict[str, NDArray[Any]] = {
            "openings": np.frombuffer(wire.dumps_openings(self.openings, context), dtype=np.uint8)
        }
        if self.predictions is not None:
            arrays["predictions"] = self.predictions
        return wire.dumps_arrays(arrays)

    @classmethod
    def from_bytes(cls, data: bytes, context: PublicContext) -> Self:
        """Reads what `to_bytes` wrote.

        Raises:
            FormatError: `data` is something else.
        """
        try:
            arrays = wire.loads_arrays(data)
            openings = wire.loads_openings(arrays.pop("openings").tobytes(), context)
        except (WireError, KeyError) as error:
            raise FormatError("evidence", str(error)) from None
        predictions = arrays.pop("predictions", None)
        if arrays or (predictions is not None and predictions.dtype != np.int64):
            raise FormatError("evidence", "openings, and int64 predictions, are expected, and no others")
        return cls(openings, predictions)
