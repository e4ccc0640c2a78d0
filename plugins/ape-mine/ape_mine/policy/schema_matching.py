"""Matching of a Campaign's Input and Output with a dataset's columns, by Table Schemas alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sonar_core.data.table_schema import TableField, TableSchema

_NUMERIC = ("number", "integer")


@dataclass(frozen=True, slots=True)
class Match:
    """Columns of a dataset that fits.

    Attributes:
        columns: the dataset's column for each field of the Input, in the Input's order.
        outputs: the dataset's column for each field of the Output, in the Output's order.
    """

    columns: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first reason why a dataset does not fit."""

    reason: str


def match(
    wanted: TableSchema, output: TableSchema, dataset: TableSchema, called: Mapping[str, str] | None = None
) -> Match | Mismatch:
    """Compares the schemas of a Campaign's Input and Output with a dataset's.

    A column fits a field if every value that it can hold is one of the field's. For two ranges an overlap is enough,
    since numbers are clipped to the field's range (docs/reference/formats.md), and longer texts are cut.

    Args:
        wanted, output, dataset: the schemas of Input, Output and dataset.
        called: the dataset's column for a Campaign's field of another name; others match by name.
    """
    columns, called = {field.name: field for field in dataset.fields}, called or {}
    for what, schema in (("Input", wanted), ("Output", output)):
        for field in schema.fields:
            name = called.get(field.name, field.name)
            objection = _objection(field, columns.get(name))
            if objection:
                renamed = f" (column {name!r})" if name != field.name else ""
                return Mismatch(f"{what} field {field.name!r}{renamed}: {objection}")
    inputs, outputs = (tuple(called.get(name, name) for name in schema.names) for schema in (wanted, output))
    for names in (inputs, outputs):
        duplicates = [name for index, name in enumerate(names) if name in names[:index]]
        if duplicates:
            return Mismatch(f"two fields are the dataset's column {duplicates[0]!r}")
    return Match(inputs, outputs)


def _objection(field: TableField, column: TableField | None) -> str | None:
    """Reason why the column cannot serve as the field; None if it can."""
    if column is None:
        return "the dataset has no such column"
    if column.type != field.type and not (field.type == "number" and column.type == "integer"):
        return f"the dataset's column is of type {column.type}, not {field.type}"
    if field.unit and column.unit and field.unit != column.unit:
        return f"the dataset's column is in {column.unit}, not in {field.unit}"
    if field.is_text or column.is_text:
        both = field.is_text and column.is_text
        return None if both else "one is free text, and the other has a list of values"
    if field.constraints.enum:
        return _enum_objection(field.constraints.enum, column)
    return _range_objection(field, column) if field.type in _NUMERIC else None


def _enum_objection(values: tuple[str | int, ...], column: TableField) -> str | None:
    if not column.constraints.enum:
        return "the dataset's column has a range, not a list of values"
    others = [value for value in column.constraints.enum if value not in values]
    return f"the dataset's column can be {others[0]!r}, which is not one of its values" if others else None


def _range_objection(field: TableField, column: TableField) -> str | None:
    lowest, highest = field.bounds
    values = column.constraints.enum
    low, high = (min(values), max(values)) if values else column.bounds
    if float(high) <= lowest or float(low) >= highest:
        return f"the dataset's column goes from {low} to {high}, outside of {lowest:g} to {highest:g}"
    return None
