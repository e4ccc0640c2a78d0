"""The plaintext weights of the Models of the Capsule's Campaigns, sealed to the Capsule itself.

The Capsule encrypted each Model, or added a Gradient that it decrypted. So it knows the weights without decrypting a
Model, and a later Campaign can start from the last ones.
"""

from __future__ import annotations

import numpy as np

from ape_capsule.errors import HeadMissingError
from ape_capsule.home.sealed_files import SealedFiles
from sonar_core.base.errors import FormatError
from syft import wire
from syft.errors import WireError
from syft.paillier import IntegerTensor


class PlaintextWeights:
    """Weights by Campaign and by the Merkle root of their Model.

    Args:
        files: where they are kept.
    """

    def __init__(self, files: SealedFiles) -> None:
        self._files = files
        #: The last weights of each Campaign, so that a turn over an idle Campaign opens no file.
        self._newest: dict[bytes, tuple[bytes, IntegerTensor]] = {}

    def keep(self, campaign: bytes, model_root: bytes, weights: IntegerTensor) -> None:
        """Keeps weights durably. Raises OSError."""
        self._files.keep(campaign, _name(model_root), _to_bytes(weights))
        self._newest[campaign] = model_root, weights

    def take(self, campaign: bytes, model_root: bytes) -> IntegerTensor:
        """The weights of a Model.

        Raises:
            HeadMissingError: they are not kept.
            SealError, FormatError: the file is damaged.
        """
        root, weights = self._newest.get(campaign, (b"", None))
        if weights is not None and root == model_root:
            return weights
        try:
            weights = _from_bytes(self._files.take(campaign, _name(model_root)))
        except FileNotFoundError:
            raise HeadMissingError(campaign, model_root) from None
        self._newest[campaign] = model_root, weights
        return weights


def _name(model_root: bytes) -> str:
    return f"{model_root.hex()}.sealed"


def _to_bytes(weights: IntegerTensor) -> bytes:
    width = weights.bound.bit_length() // 8 + 1
    numbers = b"".join(int(value).to_bytes(width, "big", signed=True) for value in weights.values.flat)
    return wire.dumps_arrays(
        {
            "values": np.frombuffer(numbers, dtype=np.uint8).reshape(*weights.shape, width),
            "exponent": np.array([weights.exponent], dtype=np.int64),
            "bound": np.frombuffer(weights.bound.to_bytes(width, "big"), dtype=np.uint8),
        }
    )


def _from_bytes(data: bytes) -> IntegerTensor:
    try:
        arrays = wire.loads_arrays(data)
        rows, columns, _ = arrays["values"].shape
        values = np.empty((rows, columns), dtype=object)
        for index in np.ndindex(rows, columns):
            values[index] = int.from_bytes(arrays["values"][index].tobytes(), "big", signed=True)
        bound = int.from_bytes(arrays["bound"].tobytes(), "big")
        return IntegerTensor(values, int(arrays["exponent"][0]), bound)
    except (WireError, KeyError, ValueError, IndexError) as error:
        raise FormatError("weights of a Model", str(error)) from None
