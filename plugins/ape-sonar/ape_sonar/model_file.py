"""Trained Models as files: safetensors whose arrays are a canonical JSON document, weights, and public tensors.

    document      uint8: canonical JSON (`_Document`)
    weights       uint8, shape (features, outputs, width): two's complement, big-endian
    frozen.NAME   int: a tensor of the feature map
    text.N        uint8: a blob of the text steps, in the order of the document

Nothing in a file is executed or unpickled.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError

from ape_sonar.trained_model import TrainedModel
from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.campaign_spec import Architecture, Scales
from syft import nn, wire
from syft.errors import SyftError
from syft.paillier import IntegerTensor
from syft.texts import TextColumns, blob_limits

#: Most bytes of a file, and of the document in it.
LARGEST_FILE = 1 << 30
_LARGEST_DOCUMENT = 1 << 21
_FROZEN = "frozen."


class _Document(StrictModel):
    model_config = ConfigDict(serialize_by_alias=True)

    format: Literal["sonar-trained-model/1"]
    accuracy: Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,18})?|1)$")]
    architecture: Architecture = Field(alias="model")
    scales: Scales = Field(alias="fixed_point")
    exponent: Annotated[int, Field(ge=0, le=4_096)]
    bound: Annotated[str, Field(pattern=r"^0x[0-9a-f]{1,2048}$")]
    input: TableSchema
    output: TableSchema
    #: Text steps by field; the name of an array instead of each blob.
    texts: dict[str, list[dict[str, Any]]]


def write_model(trained: TrainedModel, path: Path) -> None:
    """Writes a trained Model to a new file.

    Raises:
        FileExistsError: the file exists; it keeps its content.
        OSError: it cannot be written.
    """
    weights = trained.model.weights_
    assert isinstance(weights, IntegerTensor)  # a trained Model is in the clear
    architecture, tensors = trained.model.to_spec()
    points = trained.model.fixed_point
    texts, blobs = _name_blobs(trained)
    document = {
        "format": "sonar-trained-model/1",
        "accuracy": f"{trained.accuracy:f}",
        "model": architecture,
        "fixed_point": {
            "weight_exponent": points.weight_exponent,
            "weight_bound": points.weight_bound,
            "gradient_bits": points.gradient_bits,
        },
        "exponent": weights.exponent,
        "bound": hex(weights.bound),
        "input": trained.encoder.input.model_dump(mode="json", exclude_unset=True),
        "output": trained.encoder.output.model_dump(mode="json", exclude_unset=True),
        "texts": texts,
    }
    arrays = {
        "document": np.frombuffer(to_canonical(document), np.uint8),
        "weights": _to_bytes(weights.values),
        **{f"{_FROZEN}{name}": tensor for name, tensor in tensors.items()},
        **{name: np.frombuffer(blob, np.uint8) for name, blob in blobs.items()},
    }
    write_atomically(path, wire.dumps_arrays(arrays), replace=False)


def load(path: Path | str) -> TrainedModel:
    """The Model that `TrainedModel.save` wrote; it predicts the same, bit for bit.

    Raises:
        FormatError: the file is something else, or damaged.
        ExtraMissingError: a package is missing that its texts need.
        OSError: it cannot be read.
    """
    what = f"trained Model {path}"
    with Path(path).open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    try:
        arrays = wire.loads_arrays(data, limit=LARGEST_FILE)
        if missing := {"document", "weights"} - arrays.keys():
            raise FormatError(what, f"the array {min(missing)!r} is missing")
        document = from_canonical(what, arrays["document"].tobytes(), limit=_LARGEST_DOCUMENT)
        return _build(what, _Document.model_validate(document), arrays)
    except ValidationError as error:
        raise FormatError(what, explain(error)) from None
    except ModuleNotFoundError:
        raise
    except (SyftError, KeyError, TypeError) as error:
        raise FormatError(what, str(error)) from None


def _build(what: str, document: _Document, arrays: wire.Arrays) -> TrainedModel:
    tensors = {name.removeprefix(_FROZEN): array for name, array in arrays.items() if name.startswith(_FROZEN)}
    points = nn.FixedPoint(**document.scales.model_dump())
    steps = {field: _with_blobs(steps, arrays) for field, steps in document.texts.items()}
    texts = {field: TextColumns.load(filled) for field, filled in steps.items()}
    encoder = RowEncoder(document.input, document.output, texts)
    values, bound = _from_bytes(what, arrays["weights"]), int(document.bound, 16)
    weights = IntegerTensor(values, document.exponent, bound)
    weights.check_bound()
    model = nn.from_spec(document.architecture.model_dump(), tensors, points).with_weights(weights)
    if (model.metric, model.shape[1]) != (encoder.metric, encoder.outputs):
        raise FormatError(what, "its Model does not belong to its Output")
    if model.n_features_in_ != len(encoder.columns):
        raise FormatError(what, "its Model does not belong to its Input")
    return TrainedModel(model, encoder, Decimal(document.accuracy), steps)


def _name_blobs(trained: TrainedModel) -> tuple[dict[str, list[dict[str, Any]]], dict[str, bytes]]:
    """Text steps with names of arrays instead of blobs, and the blobs by those names."""
    texts: dict[str, list[dict[str, Any]]] = {}
    blobs: dict[str, bytes] = {}
    for field, steps in trained.text_steps.items():
        texts[field] = [dict(step) for step in steps]
        for place, parameter, _ in blob_limits(steps):
            name = f"text.{len(blobs)}"
            blobs[name] = steps[place][parameter]
            texts[field][place][parameter] = name
    return texts, blobs


def _with_blobs(steps: list[dict[str, Any]], arrays: wire.Arrays) -> list[dict[str, Any]]:
    filled = [dict(step) for step in steps]
    for place, parameter, _ in blob_limits(steps):
        filled[place][parameter] = arrays[str(steps[place][parameter])].tobytes()
    return filled


def _to_bytes(values: NDArray[np.object_]) -> NDArray[np.uint8]:
    width = max(int(value).bit_length() for value in values.flat) // 8 + 1
    data = b"".join(int(value).to_bytes(width, "big", signed=True) for value in values.flat)
    return np.frombuffer(data, np.uint8).reshape(*values.shape, width)


def _from_bytes(what: str, array: NDArray[Any]) -> NDArray[np.object_]:
    if array.ndim != 3 or array.dtype != np.uint8:
        raise FormatError(what, "weights must be uint8 of three dimensions")
    numbers = [int.from_bytes(cell.tobytes(), "big", signed=True) for cell in array.reshape(-1, array.shape[2])]
    return np.array(numbers, dtype=object).reshape(array.shape[:2])
