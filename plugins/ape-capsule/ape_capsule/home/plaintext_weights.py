"""The weights behind the heads of the Capsule's Campaigns, in the clear, sealed to the Capsule itself.

A head is what the Capsule encrypted, or what came of adding a Gradient it decrypted: so it knows each without
decrypting it, and a later Campaign can start from the last one.
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
    """Weights by Campaign and by the Merkle root of the Model that holds them."""

    def __init__(self, archive: SealedFiles) -> None:
        self._archive = archive
        #: The last one of each Campaign, so that a look at an idle Campaign opens no file.
        self._newest: dict[bytes, tuple[bytes, IntegerTensor]] = {}

    def keep(self, campaign: bytes, model_root: bytes, weights: IntegerTensor) -> None:
        """Keeps the weights, durably. Raises OSError."""
        self._archive.keep(campaign, _name(model_root), _to_bytes(weights))
        self._newest[campaign] = model_root, weights

    def take(self, campaign: bytes, model_root: bytes) -> IntegerTensor:
        """The weights of that Model.

        Raises:
            HeadMissingError: they are not kept.
            SealError, FormatError: the file is damaged.
        """
        root, weights = self._newest.get(campaign, (b"", None))
        if weights is not None and root == model_root:
            return weights
        try:
            weights = _from_bytes(self._archive.take(campaign, _name(model_root)))
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
        for place in np.ndindex(rows, columns):
            values[place] = int.from_bytes(arrays["values"][place].tobytes(), "big", signed=True)
        bound = int.from_bytes(arrays["bound"].tobytes(), "big")
        return IntegerTensor(values, int(arrays["exponent"][0]), bound)
    except (WireError, KeyError, ValueError, IndexError) as error:
        raise FormatError("weights of a head", str(error)) from None
