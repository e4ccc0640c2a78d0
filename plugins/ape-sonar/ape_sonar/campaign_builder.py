"""From a Syft Model and a Data Scientist's records to a Campaign spec and a validation set. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from eth_utils.crypto import keccak
from numpy.typing import NDArray

from sonar_core.base.errors import SchemaError, UsageError
from sonar_core.data.cells import Table
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import FORMAT, CampaignSpec
from syft import wire
from syft.errors import FeatureError, ModelSpecError
from syft.nn import Classifier, Model, propose
from syft.paillier import IntegerTensor
from syft.texts import TextColumns, blob_limits

#: Name of the one set of frozen tensors that a spec written here has.
_FROZEN = "features"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The feature map's public tensors as a blob; None where it has none."""

    data: bytes | None

    @classmethod
    def of(cls, model: Model) -> Frozen:
        _, tensors = model.to_spec()
        return cls(wire.dumps_arrays(tensors) if tensors else None)


@dataclass(frozen=True, slots=True)
class Texts:
    """What becomes of an Input's texts, as its Data Scientist gives it.

    Attributes:
        columns: ready for use, by field.
        described: what the spec says of them: content addresses for bytes.
        blobs: those bytes, to be published.
    """

    columns: dict[str, TextColumns]
    described: dict[str, list[dict[str, Any]]]
    blobs: tuple[bytes, ...]

    @classmethod
    def of(cls, texts: Mapping[str, Sequence[Mapping[str, Any]]] | None, name: Callable[[bytes], str]) -> Texts:
        """Steps of `syft.texts`, by field, with the bytes of their blobs in them.

        Args:
            texts: None where the Input has none.
            name: gives bytes their content address.

        Raises:
            SchemaError: a description that is none.
            SyftError: a blob that is not what its description says; a package that is missing.
        """
        columns, described, blobs = {}, {}, []
        for field, steps in (texts or {}).items():
            try:
                columns[field] = TextColumns.load(steps)
            except FeatureError as error:
                raise SchemaError(f"texts of {field!r}: {error}") from None
            named = [dict(step) for step in steps]
            for place, parameter, _ in blob_limits(steps):
                blobs.append(steps[place][parameter])
                named[place][parameter] = name(blobs[-1])
            described[field] = named
        return cls(columns, described, tuple(blobs))


def fit_to_schemas(model: Model, encoder: RowEncoder) -> Model:
    """The same kind of Model, with as many inputs and outputs as the Table Schemas have.

    Raises:
        UsageError: it was made for other numbers of them.
    """
    given = model.get_params()
    needed = {"inputs": len(encoder.columns), "outputs": encoder.outputs}
    for name, number in needed.items():
        if given[name] not in (None, number):
            raise UsageError(f"the Model has {given[name]} {name}, but the Table Schemas make {number}: leave it out")
    if given["inputs"] is not None and given["outputs"] is not None:
        return model
    return type(model)(**{**given, **needed})


def propose_for(encoder: RowEncoder, rows: int) -> Model:
    """The Model that Syft proposes for these Table Schemas, where a Mine has about so many rows."""
    return propose(len(encoder.columns), encoder.outputs, rows, encoder.metric)


def weigh_classes(model: Model, encoder: RowEncoder, targets: NDArray[np.int64]) -> Model:
    """The Model with the class weights that its spec will state; "balanced" makes up for the validation set's classes.

    Raises:
        UsageError: weights that name no class of the Output, or are out of their range.
    """
    if not isinstance(model, Classifier) or not encoder.classes:
        return model
    try:
        return model.with_class_weights(encoder.classes, targets)
    except ModelSpecError as error:
        raise UsageError(str(error)) from None


def write_spec(
    model: Model,
    *,
    description: str,
    input_description: str,
    output_description: str,
    input_schema: Any,
    output_schema: Any,
    texts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    frozen_cid: str | None,
    initial: dict[str, Any],
    key_bits: int,
    certificate: str,
) -> CampaignSpec:
    """The spec of a Campaign that trains `model`.

    Raises:
        SpecError: Model, metric and schemas do not belong together.
    """
    architecture, _ = model.to_spec()
    points = model.fixed_point
    document = {
        "format": FORMAT,
        "description": description,
        "input": {"description": input_description, "schema": input_schema},
        "output": {"description": output_description, "schema": output_schema},
        "model": architecture,
        "frozen": {_FROZEN: frozen_cid} if frozen_cid else {},
        "initial": initial,
        "fixed_point": {
            "weight_exponent": points.weight_exponent,
            "weight_bound": points.weight_bound,
            "gradient_bits": points.gradient_bits,
        },
        "key_bits": key_bits,
        "metric": model.metric,
        "certificate": certificate,
        **({"texts": texts} if texts else {}),
    }
    return CampaignSpec.parse(document)


def encode_validation(
    encoder: RowEncoder, validation: tuple[Table, Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Inputs and Outputs of the validation set as the integers that are scored.

    Raises:
        UsageError: not a pair of as many Inputs as Outputs.
        RowError, ColumnError: a cell that its schema does not allow.
    """
    if not isinstance(validation, tuple) or len(validation) != 2:
        raise UsageError("validation is a pair: the Inputs, and their Outputs")
    inputs, answers = validation
    rows = encoder.encode_inputs(inputs, ranges=True)
    targets = encoder.encode_targets(_column(answers) if encoder.answers == 1 else answers, ranges=True)
    if not len(rows) or len(rows) != len(targets):
        raise UsageError(f"validation: {len(rows)} Inputs and {len(targets)} Outputs; as many of both are needed")
    return rows, targets


def starting_weights(model: Model, initial: dict[str, Any], parent: IntegerTensor | None) -> Model:
    """The Model as the Campaign starts it, by the rule that the Capsule follows."""
    points = model.fixed_point
    if parent is None:
        return model.with_initial_weights(initial.get("seed"))
    started = parent.requantise(points.weight_exponent)
    return model.with_weights(started.with_bound(points.scaled_weight_bound(points.weight_exponent)))


def request_digest(spec: CampaignSpec, inputs: bytes, targets: NDArray[np.int64], **asked: object) -> bytes:
    """Tells whether the same Campaign is asked for again: salts and sealing, which differ each time, are left out.

    Args:
        spec: of the Campaign.
        inputs: of the validation set, as `RowEncoder.canonical_inputs` has them.
        targets: of the validation set.
        asked: all else that makes it another.
    """
    words = "".join(f"{name}={asked[name]!r};" for name in sorted(asked))
    return keccak(spec.to_bytes() + inputs + targets.tobytes() + words.encode())


def _column(answers: Any) -> Any:
    return answers.reshape(-1).tolist() if isinstance(answers, np.ndarray) else answers
