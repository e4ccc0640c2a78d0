"""Table Schemas: name, type and values of each column of a table.

A strict subset of Frictionless Table Schema (specs.frictionlessdata.io/table-schema): every field has a range, a set of
values or a longest text, so that each row becomes integers without the other rows (`sonar_core.data.row_encoder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    FiniteFloat,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from sonar_core.base.errors import SchemaError, did_you_mean
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.data.row_errors import ColumnError

#: Bounds of what is accepted from a stranger.
MOST_FIELDS = 4_096
MOST_VALUES = 1_024
LONGEST_TEXT = 1 << 16
_MOST_NAMES_LISTED = 10
#: Largest whole number that JSON carries between all languages (RFC 8785).
SAFE_INTEGER = 2**53 - 1

_SafeInteger = Annotated[StrictInt, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
_Number = _SafeInteger | Annotated[FiniteFloat, Field(strict=True)]
_Text = Annotated[StrictStr, Field(min_length=1, max_length=256)]
_Prose = Annotated[StrictStr, Field(max_length=4_096)]


class Constraints(StrictModel):
    """Bounds of a field's values. Every cell needs a value, with or without `required`."""

    required: StrictBool | None = None
    minimum: _Number | None = None
    maximum: _Number | None = None
    enum: (
        Annotated[tuple[_Text | _SafeInteger, ...], Field(min_length=2, max_length=MOST_VALUES, strict=False)] | None
    ) = None
    maxLength: Annotated[StrictInt, Field(ge=1, le=LONGEST_TEXT)] | None = None  # noqa: N815 - Table Schema's word


class TableField(StrictModel):
    """One column: name, type, range or values, and, as a custom property, the unit of its numbers."""

    name: _Text
    type: Literal["number", "integer", "boolean", "string"]
    title: _Prose | None = None
    description: _Prose | None = None
    unit: Annotated[StrictStr, Field(max_length=64)] | None = None
    constraints: Constraints = Constraints()

    @model_validator(mode="after")
    def _has_known_values(self) -> Self:
        bounds, enum = (self.constraints.minimum, self.constraints.maximum), self.constraints.enum
        if self.type == "boolean" and (enum or bounds != (None, None)):
            raise ValueError("a boolean takes no minimum, maximum or enum")
        length = self.constraints.maxLength
        if self.type == "string" and ((enum is None) == (length is None) or bounds != (None, None)):
            raise ValueError(
                "a string needs constraints.enum, or as a text constraints.maxLength, and no minimum or maximum"
            )
        if self.type != "string" and length is not None:
            raise ValueError("constraints.maxLength is for strings")
        if enum:
            self._check_enum(enum, bounds)
        elif self.type in ("number", "integer"):
            self._check_bounds(*bounds)
        return self

    def _check_enum(self, enum: Sequence[str | int], bounds: tuple[object, object]) -> None:
        if self.type == "number" or bounds != (None, None):
            raise ValueError("an enum is for strings and integers, and goes without minimum and maximum")
        kind = str if self.type == "string" else int
        if not all(isinstance(value, kind) for value in enum):
            raise ValueError(f"every value of the enum must be of type {self.type}")
        if len(set(enum)) != len(enum):
            raise ValueError("the enum names a value twice")

    @staticmethod
    def _check_bounds(minimum: float | None, maximum: float | None) -> None:
        if minimum is None or maximum is None:
            raise ValueError("a number needs constraints.minimum and constraints.maximum: they fix its scale")
        if not 0 < float(maximum) - float(minimum) < float("inf"):
            raise ValueError("constraints.minimum must be below constraints.maximum")

    @property
    def is_text(self) -> bool:
        """True for free text of up to `maxLength` code points."""
        return self.constraints.maxLength is not None

    @property
    def values(self) -> tuple[str | int | bool, ...] | None:
        """All values of the field, in order; None for a range or free text."""
        return (False, True) if self.type == "boolean" else self.constraints.enum

    @property
    def bounds(self) -> tuple[float, float]:
        """Minimum and maximum of a field with a range."""
        return float(self.constraints.minimum or 0), float(self.constraints.maximum or 0)


class TableSchema(StrictModel):
    """The fields of a table, in order."""

    fields: Annotated[tuple[TableField, ...], Field(min_length=1, max_length=MOST_FIELDS, strict=False)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("two fields have the same name")
        return self

    @classmethod
    def parse(cls, schema: TableSchema | Mapping[str, Any], what: str = "Table Schema") -> TableSchema:
        """Checks a parsed JSON or YAML document.

        Args:
            schema: the document, or a schema that was checked before.
            what: the schema's name in errors.

        Raises:
            SchemaError: it is not in the accepted subset; names the field and the rule.

        >>> TableSchema.parse({"fields": [{"name": "ward", "type": "boolean"}] * 2})
        Traceback (most recent call last):
        ...
        sonar_core.base.errors.SchemaError: Table Schema: two fields have the same name
        """
        if isinstance(schema, TableSchema):
            return schema
        try:
            return cls.model_validate(schema)
        except ValidationError as error:
            raise SchemaError(explain(error), what) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(field.name for field in self.fields)


def require_columns(names: Iterable[str], present: Sequence[str], source: str | None = None) -> None:
    """Raises ColumnError unless each of `names` is one of the columns `present`, and only once."""
    for name in names:
        if name not in present:
            hint = did_you_mean(name, present)
            raise ColumnError(name, f"missing{hint} (columns: {_listed(present)})", source=source)
        if present.count(name) > 1:
            raise ColumnError(name, "named twice in the header", source=source)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"{name!r:.40}" for name in names[:_MOST_NAMES_LISTED])
    return f"{shown}, ... {len(names)} in all" if len(names) > _MOST_NAMES_LISTED else shown
