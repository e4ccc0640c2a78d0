"""The file that `ape sonar create` takes: a Campaign in people's units, YAML or JSON."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from ape_sonar.creation import CampaignOptions
from sonar_core.base.errors import FormatError, SchemaError
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.data.csv_reader import read_csv
from sonar_core.data.table_schema import TableSchema
from syft import nn
from syft.bounded_json import parse_json
from syft.errors import SyftError
from syft.texts import blob_limits

_LARGEST_FILE = 1 << 20
_DECIMAL = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")


def _with_unit(value: object) -> object:
    """Refuses a number without a unit: nobody knows if 15 are seconds or days, wei or ether."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit: write such as '{value} days', or '{value} ether' for an amount")
    return value


_Text = Annotated[str, Field(max_length=16_384)]
_Number = int | float
_Accuracy = int | float | str
_Amount = Annotated[str, BeforeValidator(_with_unit)]
_Duration = Annotated[str, BeforeValidator(_with_unit)]


class ModelPart(StrictModel):
    """A Syft Model: its class and the arguments of its constructor; inputs and outputs follow from the schemas."""

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
    """The arguments of `Sonar.create` and the fields of its `CampaignOptions`. Paths are relative to the file."""

    model: ModelPart | None = None
    input: str | dict[str, Any]
    output: str | dict[str, Any]
    validation: str
    bounty: _Amount
    capsule: str
    lasts: _Duration
    texts: dict[str, list[dict[str, Any]]] | None = None
    target_accuracy: _Accuracy = 1.0
    starting_accuracy: _Accuracy | None = None
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
    min_improvement: _Accuracy | None = None
    open_within: _Duration | None = None
    notice_period: _Duration | None = None
    scoring_window: _Duration | None = None
    per_gradient: _Duration | None = None
    unavailability_window: _Duration | None = None
    delivery_window: _Duration | None = None
    audit_window: _Duration | None = None


def read_campaign_file(path: Path) -> tuple[dict[str, Any], str | None]:
    """Reads a campaign file.

    Returns:
        Keyword arguments of `Sonar.create` without `parent`, and the parent Campaign's id (or its beginning) or None.

    Raises:
        FormatError: it is no campaign file; says which part and why.
        SchemaError, ColumnError, RowError: a schema or the validation rows cannot be used; says where.
        OSError: a file cannot be read.
    """
    document = _parse(path)
    folder = path.parent
    schemas = {name: _schema(folder, name, getattr(document, name)) for name in ("input", "output")}
    names = {name: list(_checked(name, schema).names) for name, schema in schemas.items()}
    both = TableSchema.parse({"fields": [field for schema in schemas.values() for field in schema["fields"]]})
    rows = read_csv(folder / document.validation, both)
    chosen = (field.name for field in fields(CampaignOptions))
    given = {name: value for name in chosen if (value := getattr(document, name)) is not None}
    return {
        "model": None if document.model is None else _model(path, document.model),
        **schemas,
        "validation": (rows[names["input"]], rows[names["output"]]),
        "bounty": document.bounty,
        "capsule": document.capsule,
        "lasts": document.lasts,
        "target_accuracy": document.target_accuracy,
        "texts": None if document.texts is None else _texts(path, document.texts),
        "options": CampaignOptions(**given),
    }, document.parent


class _Loader(yaml.SafeLoader):
    """Keeps what looks like a hexadecimal number as text: an address or an id without quotes."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _DECIMAL, list("-+0123456789"))


def _parse(path: Path) -> CampaignFile:
    what = f"campaign file {path}"
    with path.open("rb") as file:
        data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise FormatError(what, f"more than {_LARGEST_FILE} bytes")
    try:
        document = yaml.load(data.decode("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
        return CampaignFile.model_validate(document)
    except ValidationError as error:
        raise FormatError(what, explain(error)) from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(what, f"neither YAML nor JSON: {error}") from None


def _schema(folder: Path, part: str, given: str | dict[str, Any]) -> dict[str, Any]:
    """A Table Schema in the campaign file itself, or in a file of its own."""
    if isinstance(given, dict):
        return given
    path = folder / given
    what = f"{part} schema {path}"
    try:
        schema = parse_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FormatError(what, "there is no such file") from None
    except ValueError as error:
        raise FormatError(what, f"not JSON: {error}") from None
    if not isinstance(schema, dict):
        raise FormatError(what, "a JSON object is expected")
    return schema


def _checked(part: str, schema: dict[str, Any]) -> TableSchema:
    try:
        return TableSchema.parse(schema)
    except SchemaError as error:
        raise SchemaError(f"{part}: {error.why}") from None


def _texts(path: Path, texts: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Steps for each text, with the bytes of the files that they name."""
    read = {}
    for field, steps in texts.items():
        read[field] = [dict(step) for step in steps]
        try:
            for index, parameter, limit in blob_limits(steps):
                read[field][index][parameter] = _limited(path.parent / str(steps[index][parameter]), limit)
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
