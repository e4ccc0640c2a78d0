"""Builds the Campaign spec and the validation set from a Syft Model and the Data Scientist's records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from eth_utils.crypto import keccak
from numpy.typing import NDArray

from ape_sonar.campaign_offer import CampaignOffer
from sonar_core.base.canonical_json import to_canonical
from sonar_core.base.errors import SchemaError, UsageError
from sonar_core.data.cells import Table
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import FORMAT, CampaignSpec
from syft import wire
from syft.errors import FeatureError, ModelSpecError
from syft.nn import MODELS, Classifier, Model, propose
from syft.texts import TextColumns, blob_limits

#: Name of the one set of frozen tensors that a spec written here has.
_FROZEN = "features"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The public tensors of a feature map, by name, and as a blob; None if it has none."""

    tensors: dict[str, NDArray[np.int64]]
    data: bytes | None

    @classmethod
    def of(cls, model: Model) -> Frozen:
        _, tensors = model.to_spec()
        return cls(tensors, wire.dumps_arrays(tensors) if tensors else None)


@dataclass(frozen=True, slots=True)
class Texts:
    """The text steps of an Input, as its Data Scientist gives them.

    Attributes:
        columns: the steps ready for use, by field.
        described: the steps as the spec states them, with content addresses instead of bytes.
        blobs: those bytes, to be published.
    """

    columns: dict[str, TextColumns]
    described: dict[str, list[dict[str, Any]]]
    blobs: tuple[bytes, ...]

    @classmethod
    def of(cls, texts: Mapping[str, Sequence[Mapping[str, Any]]] | None, name: Callable[[bytes], str]) -> Texts:
        """Loads steps of `syft.texts`.

        Args:
            texts: steps by field, with the bytes of their blobs in them; None if the Input has no texts.
            name: returns the content address of bytes.

        Raises:
            SchemaError: a step's description is not valid.
            SyftError: a blob is not what its description says, or a package is missing.
        """
        columns, described, blobs = {}, {}, []
        for field, steps in (texts or {}).items():
            try:
                columns[field] = TextColumns.load(steps)
            except FeatureError as error:
                raise SchemaError(f"texts of {field!r}: {error}") from None
            named = [dict(step) for step in steps]
            for index, parameter, _ in blob_limits(steps):
                blobs.append(steps[index][parameter])
                named[index][parameter] = name(blobs[-1])
            described[field] = named
        return cls(columns, described, tuple(blobs))


def fit_to_schemas(model: Model, encoder: RowEncoder) -> Model:
    """The same kind of Model with as many inputs and outputs as the Table Schemas make columns.

    Raises:
        UsageError: it is no Syft Model, or was made for other numbers of inputs or outputs.
    """
    if not isinstance(model, Model):
        raise UsageError(
            f"model: a {type(model).__module__}.{type(model).__name__} cannot be trained while encrypted: take one of "
            f"{', '.join(MODELS)} from syft, or None"
        )
    given = model.get_params()
    needed = {"inputs": len(encoder.columns), "outputs": encoder.outputs}
    for name, number in needed.items():
        if given[name] not in (None, number):
            schema = name.removesuffix("s")
            fields = len((encoder.input if schema == "input" else encoder.output).fields)
            raise UsageError(
                f"the Model is made for {given[name]} {name}, but the {schema} schema has {_fields(fields)}, which "
                f"make {number}: leave {name}={given[name]} out of {type(model).__name__}(...), it follows from the "
                "schema"
            )
    if given["inputs"] is not None and given["outputs"] is not None:
        return model
    return type(model)(**{**given, **needed})


def propose_for(encoder: RowEncoder, rows: int) -> Model:
    """The Model that Syft proposes for these Table Schemas, if each Mine has about `rows` rows."""
    return propose(len(encoder.columns), encoder.outputs, rows, encoder.metric)


def weigh_classes(model: Model, encoder: RowEncoder, targets: NDArray[np.int64]) -> Model:
    """The Model with its class weights as integers, as its spec states them.

    "balanced" becomes weights that balance the class frequencies of the validation set.

    Raises:
        UsageError: a weight names no class of the Output, or is out of its range.
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
        SpecError: Model, metric and schemas do not fit each other.
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
        UsageError: not a pair, no rows, or not as many Inputs as Outputs.
        RowError, ColumnError: a cell is not allowed by its schema.
    """
    if not isinstance(validation, tuple) or len(validation) != 2:
        raise UsageError("validation is a pair: the Inputs, and their Outputs")
    inputs, answers = validation
    rows = encoder.encode_inputs(inputs, ranges=True)
    targets = encoder.encode_targets(_column(answers) if encoder.answers == 1 else answers, ranges=True)
    if len(rows) != len(targets):
        raise UsageError(f"validation: {len(rows)} Inputs and {len(targets)} Outputs; as many of both are needed")
    if not len(rows):
        raise UsageError("validation has no rows: give a few hundred labelled rows of your own")
    return rows, targets


def request_digest(
    spec: CampaignSpec,
    inputs: bytes,
    targets: NDArray[np.int64],
    *,
    offer: CampaignOffer,
    parent: bytes | None,
    nonce: int,
) -> bytes:
    """Digest of a request for a Campaign, 32 bytes: equal if the same Campaign is asked for again.

    keccak-256 of a canonical JSON document with named fields. Salts, sealed messages and the certificate differ each
    time and are left out, and so is every field that has its default: a later version may add fields.

    Args:
        spec: of the Campaign.
        inputs: of the validation set, as `RowEncoder.canonical_inputs` returns them.
        targets: of the validation set.
        offer: terms that the Data Scientist chose.
        parent: id of the parent Campaign; None without one.
        nonce: of the Campaign.
    """
    chosen = {field.name: getattr(offer, field.name) for field in fields(offer)}
    defaults = {field.name: field.default for field in fields(offer)}
    document = {
        "format": "sonar-request/1",
        "spec": spec.model_dump(mode="json", exclude_unset=True, exclude={"certificate"}),
        "inputs": keccak(inputs).hex(),
        "targets": keccak(targets.tobytes()).hex(),
        "offer": {name: str(value) for name, value in chosen.items() if value != defaults[name]},
        "nonce": str(nonce),
        **({"parent": parent.hex()} if parent else {}),
    }
    return keccak(to_canonical(document))


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _column(answers: Any) -> Any:
    return answers.reshape(-1).tolist() if isinstance(answers, np.ndarray) else answers
