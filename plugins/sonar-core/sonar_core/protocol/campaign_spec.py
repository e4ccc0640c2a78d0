"""The Campaign spec: the document from which Mines train and a Capsule scores. Nothing in it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError, SpecError
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.content_address import InvalidAddressError, from_cid
from syft import nn
from syft.errors import SyftError
from syft.paillier import IntegerTensor
from syft.texts import TextColumns, blob_limits

FORMAT = "sonar-campaign/1"
#: Most bytes of a spec.
LARGEST_SPEC = 1 << 20


def _checked(cid: str) -> str:
    from_cid(cid)
    return cid


Cid = Annotated[str, Field(pattern=r"^Qm[1-9A-HJ-NP-Za-km-z]{44}$"), AfterValidator(_checked)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
_Integer = Annotated[int, Field(ge=-(2**53) + 1, lt=2**53)]
_Scalar = bool | _Integer | float | Annotated[str, Field(max_length=256)]
_Numbers = Annotated[tuple[_Integer, ...], Field(max_length=1_024, strict=False)]
_Prose = Annotated[str, Field(max_length=16_384)]
_FieldName = Annotated[str, Field(min_length=1, max_length=256)]
_TextSteps = Annotated[
    tuple[Annotated[dict[_Name, _Scalar | _Numbers | None], Field(max_length=16)], ...],
    Field(min_length=1, max_length=16, strict=False),
]


#: Kind of Output by metric.
_OUTPUTS = {"accuracy": "classes", "hamming": "several labels", "r2": "a number, or several"}


class _Part(StrictModel):
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


class Record(_Part):
    """A kind of record: a description, and the Table Schema of its fields."""

    description: _Prose
    table: TableSchema = Field(alias="schema")


class Architecture(_Part):
    """A Syft Model: its class, its parameters, and the layers of its feature map, in order."""

    kind: _Name = Field(alias="class")
    parameters: Annotated[dict[_Name, _Scalar | _Numbers], Field(max_length=64)]
    features: Annotated[tuple[dict[_Name, _Scalar], ...], Field(max_length=16, strict=False)]


class Zeros(StrictModel):
    """The Model starts at zero."""

    kind: Literal["zeros"]


class Seeded(StrictModel):
    """The Model starts at small numbers that are drawn from a seed."""

    kind: Literal["seeded"]
    seed: Annotated[int, Field(ge=0, lt=2**53)]


class Addressed(StrictModel):
    """The Model starts at published weights."""

    kind: Literal["address"]
    address: Cid


class Parent(StrictModel):
    """The Model starts at the last weights of the Campaign's parent."""

    kind: Literal["parent"]


class Scales(StrictModel):
    """Scales of the encrypted integers: see `syft.nn.FixedPoint`."""

    weight_exponent: Annotated[int, Field(ge=1, le=64)]
    weight_bound: Annotated[int, Field(ge=1, le=2**32)]
    gradient_bits: Annotated[int, Field(ge=1, le=32)]


class CampaignSpec(_Part):
    """The document of a Campaign: Model, records, initial weights, number formats, and its author's certificate.

    Attributes:
        description: a text for people.
        input, output: the kinds of record that the Model reads and predicts; `RowEncoder` defines valid Outputs.
        texts: the text pipeline of each text field of the Input: steps of `syft.texts`, with content addresses for
            their blobs; None if no field is a text.
        architecture: the Syft Model ("model" in JSON).
        frozen: content addresses of the feature map's sets of public tensors, by name.
        initial: the initial weights.
        scales: scales of the encrypted integers ("fixed_point" in JSON).
        key_bits: length of the Campaign's Paillier modulus, in bits.
        metric: "accuracy" (rows right / rows) for classes, "hamming" (labels right / labels) for several booleans, or
            "r2" clipped to [0, 1] for numbers.
        certificate: the Data Scientist's OpenPGP certificate, armoured.
    """

    format: Literal["sonar-campaign/1"]
    description: _Prose
    input: Record
    output: Record
    texts: Annotated[dict[_FieldName, _TextSteps], Field(min_length=1, max_length=64)] | None = None
    architecture: Architecture = Field(alias="model")
    frozen: Annotated[dict[_Name, Cid], Field(max_length=16)]
    initial: Annotated[Zeros | Seeded | Addressed | Parent, Field(discriminator="kind")]
    scales: Scales = Field(alias="fixed_point")
    key_bits: Annotated[int, Field(ge=2_048, le=8_192, multiple_of=64)]
    metric: Literal["accuracy", "hamming", "r2"]
    certificate: Annotated[str, Field(max_length=65_536, pattern=r"^-----BEGIN PGP PUBLIC KEY BLOCK-----")]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Checks a spec's document.

        Raises:
            SpecError: a part is missing, unknown or out of range, or Syft has no such Model or layer.
        """
        try:
            spec = cls.model_validate(document)
            nn.check_spec(spec.architecture.model_dump())
            spec._check_addresses()
            spec._check_fit(spec.encoder())
        except ValidationError as error:
            raise SpecError(explain(error)) from None
        except FormatError as error:
            raise SpecError(error.why) from None
        except SyftError as error:
            raise SpecError(str(error)) from None
        return spec

    def _check_addresses(self) -> None:
        """Raises SpecError or FeatureError unless all blobs of the text pipelines are named by content addresses."""
        for name, steps in (self.texts or {}).items():
            for index, parameter, _ in blob_limits(steps):
                try:
                    from_cid(str(steps[index][parameter]))
                except InvalidAddressError as error:
                    raise SpecError(f"texts of {name!r}, step {index}, {parameter}: {error}") from None

    def _check_fit(self, encoder: RowEncoder) -> None:
        """Raises SpecError unless Model, metric and records fit together."""
        asked = {"inputs": len(encoder.columns), "outputs": encoder.outputs}
        for name, number in asked.items():
            if self.architecture.parameters[name] != number:
                raise SpecError(f"model.parameters.{name} must be {number}, by the Table Schemas")
        if (self.metric, nn.MODELS[self.architecture.kind].metric) != (encoder.metric, encoder.metric):
            what = _OUTPUTS[encoder.metric]
            raise SpecError(f"the Output is {what}: metric and model.class must be those of {encoder.metric}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parses a spec, which may be hostile.

        Raises:
            SpecError: larger than 1 MiB, not canonical JSON, or refused by `parse`.
        """
        try:
            document = from_canonical("Campaign spec", data, limit=LARGEST_SPEC)
        except FormatError as error:
            raise SpecError(error.why) from None
        return cls.parse(document)

    def to_bytes(self) -> bytes:
        """The canonical bytes; `from_bytes` is the inverse."""
        return to_canonical(self.model_dump(mode="json", exclude_unset=True))

    def encoder(self, texts: Mapping[str, TextColumns] | None = None) -> RowEncoder:
        """The encoder of this Campaign's records.

        Args:
            texts: loaded text pipelines (`read_texts`); without them no text can be encoded.
        """
        known = {name: TextColumns.from_specs(steps) for name, steps in (self.texts or {}).items()}
        return RowEncoder(self.input.table, self.output.table, known if texts is None else texts)

    @property
    def fixed_point(self) -> nn.FixedPoint:
        """The scales for Syft."""
        return nn.FixedPoint(**self.scales.model_dump())

    def model(self, frozen: Mapping[str, NDArray[Any]]) -> nn.Model:
        """A fresh Syft Model of this spec, without weights.

        Args:
            frozen: the public tensors of the feature map by name, from all sets.

        Raises:
            SpecError: tensors that do not fit the feature map.
        """
        try:
            return nn.from_spec(self.architecture.model_dump(), frozen, self.fixed_point)
        except SyftError as error:
            raise SpecError(str(error)) from None

    def initial_model(
        self,
        frozen: Mapping[str, NDArray[Any]],
        weights: NDArray[Any] | None = None,
        parent: IntegerTensor | None = None,
    ) -> nn.Model:
        """A fresh Syft Model of this spec with its initial weights.

        Args:
            frozen: as for `model`.
            weights: integers at the spec's exponent, shape (features, outputs); required if `initial` names an
                address.
            parent: weights of the parent Campaign's Model, at any exponent; required if `initial` names the parent.

        Raises:
            SpecError: tensors or weights that do not fit, or weights that are absent.
        """
        model = self.model(frozen)
        if isinstance(self.initial, Zeros):
            return model.with_initial_weights()
        if isinstance(self.initial, Seeded):
            return model.with_initial_weights(self.initial.seed)
        exponent = self.fixed_point.weight_exponent
        if isinstance(self.initial, Parent):
            if parent is None:
                raise SpecError("the spec starts from a parent's weights, and the Campaign has none")
            weights = parent.requantise(exponent).values
        bound = self.fixed_point.scaled_weight_bound(exponent)
        if weights is None or weights.shape != model.shape or weights.dtype.kind not in "iO":
            raise SpecError(f"initial weights are integers of shape {model.shape}")
        values = weights.astype(object)
        if any(abs(value) > bound for value in values.flat):
            raise SpecError(f"an initial weight is beyond weight_bound, {self.scales.weight_bound}")
        return model.with_weights(IntegerTensor(values, exponent, bound))


def spec_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a Campaign spec."""
    schema = CampaignSpec.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
