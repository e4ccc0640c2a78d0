"""The file that `ape sonar create` takes: a Campaign in people's units, YAML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from sonar_core.base.errors import FormatError
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.data.csv_reader import read_csv
from sonar_core.data.table_schema import TableSchema
from syft import nn
from syft.bounded_json import parse_json
from syft.errors import SyftError
from syft.texts import blob_limits

_LARGEST_FILE = 1 << 20

_Text = Annotated[str, Field(max_length=16_384)]
_Number = int | float
_Amount = str | int
_Duration = str | int


class ModelPart(StrictModel):
    """A Syft Model: its class and the arguments of its constructor; Inputs and Outputs follow from the schemas."""

    kind: str = Field(alias="class")
    features: Annotated[int, Field(ge=1, le=65_536)] | None = None
    layer: str | None = None
    gamma: _Number | None = None
    seed: int | None = None
    image: Annotated[tuple[int, ...], Field(min_length=3, max_length=3, strict=False)] | None = None
    mu: _Number | None = None
    class_weight: Literal["balanced"] | dict[bool | int | str, _Number] | None = None
    fixed_point: dict[str, int] | None = None


class CampaignFile(StrictModel):
    """Everything that `Sonar.create` is told. Paths count from the file's folder."""

    model: ModelPart | None = None
    input: str | dict[str, Any]
    output: str | dict[str, Any]
    validation: str
    bounty: str
    capsule: str
    lasts: _Duration
    texts: dict[str, list[dict[str, Any]]] | None = None
    target_accuracy: _Number = 1.0
    starting_accuracy: _Number | None = None
    parent: str | None = None
    seed: int | None = None
    description: _Text = ""
    input_description: _Text = ""
    output_description: _Text = ""
    key_bits: int | None = None
    nonce: Annotated[int, Field(ge=0)] = 0
    arbiter: str | None = None
    capsule_fee: _Amount | None = None
    capsule_bond: _Amount | None = None
    compensation: _Amount | None = None
    scoring_fee: _Amount | None = None
    min_improvement: _Number | None = None
    open_within: _Duration | None = None
    notice_period: _Duration | None = None
    scoring_window: _Duration | None = None
    per_gradient: _Duration | None = None
    unavailability_window: _Duration | None = None
    delivery_window: _Duration | None = None
    audit_window: _Duration | None = None


#: What is handed to `Sonar.create` as it is, where the file gives it.
_PLAIN = tuple(
    name
    for name in CampaignFile.model_fields
    if name not in ("model", "input", "output", "validation", "parent", "texts")
)


def read_campaign_file(path: Path) -> tuple[dict[str, Any], str | None]:
    """What to call `Sonar.create` with, and the id (or its beginning) of the parent Campaign, if there is one.

    Raises:
        FormatError: not such a file; says which part and why.
        SchemaError, ColumnError, RowError: a schema or the validation rows cannot be used; says where.
        OSError: a file cannot be read.
    """
    document = _parse(path)
    folder = path.parent
    schemas = {name: _schema(folder, getattr(document, name)) for name in ("input", "output")}
    names = {name: list(TableSchema.parse(schema).names) for name, schema in schemas.items()}
    both = TableSchema.parse({"fields": [field for schema in schemas.values() for field in schema["fields"]]})
    rows = read_csv(folder / document.validation, both)
    validation = (rows[names["input"]], rows[names["output"]])
    given = {name: getattr(document, name) for name in _PLAIN if getattr(document, name) is not None}
    model = None if document.model is None else _model(path, document.model)
    if document.texts is not None:
        given["texts"] = _texts(path, document.texts)
    return {"model": model, **schemas, "validation": validation, **given}, document.parent


def _parse(path: Path) -> CampaignFile:
    what = f"campaign file {path}"
    with path.open("rb") as file:
        data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise FormatError(what, f"more than {_LARGEST_FILE} bytes")
    try:
        return CampaignFile.model_validate(yaml.safe_load(data.decode("utf-8")))
    except ValidationError as error:
        raise FormatError(what, explain(error)) from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise FormatError(what, f"neither YAML nor JSON: {error}") from None


def _schema(folder: Path, given: str | dict[str, Any]) -> dict[str, Any]:
    """A Table Schema that stands in the file, or in one beside it."""
    if isinstance(given, dict):
        return given
    path = folder / given
    try:
        schema = parse_json(path.read_text("utf-8"))
    except ValueError as error:
        raise FormatError(f"Table Schema {path}", f"not JSON: {error}") from None
    if not isinstance(schema, dict):
        raise FormatError(f"Table Schema {path}", "a JSON object is expected")
    return schema


def _texts(path: Path, texts: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Steps for each text, with the bytes of the files that they name."""
    read = {}
    for field, steps in texts.items():
        read[field] = [dict(step) for step in steps]
        try:
            for place, parameter, limit in blob_limits(steps):
                read[field][place][parameter] = _limited(path.parent / str(steps[place][parameter]), limit)
        except SyftError as error:
            raise FormatError(f"campaign file {path}", f"texts.{field}: {error}") from None
    return read


def _limited(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise FormatError(str(path), f"more than {limit} bytes")
    return data


def _model(path: Path, part: ModelPart) -> nn.Model:
    if part.kind not in nn.MODELS:
        raise FormatError(f"campaign file {path}", f"model.class: {part.kind!r} is none of {', '.join(nn.MODELS)}")
    given = part.model_dump(exclude={"kind"}, exclude_none=True)
    try:
        if "fixed_point" in given:
            given["fixed_point"] = nn.FixedPoint(**given["fixed_point"])
        return nn.MODELS[part.kind](**given)
    except (TypeError, SyftError) as error:
        raise FormatError(f"campaign file {path}", f"model: {error}") from None
