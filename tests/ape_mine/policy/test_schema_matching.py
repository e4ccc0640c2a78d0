"""Matching: a dataset fits when what its columns can hold can be encoded for the Campaign; else it is told why not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_mine.policy.schema_matching import Match, Mismatch, match
from sonar_core.base.errors import SchemaError
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.data.row_errors import ColumnError, RowError
from sonar_core.data.table_schema import TableSchema

AGE = {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}}
DOSE = {"name": "dose", "type": "number", "unit": "mg", "constraints": {"minimum": 0, "maximum": 2.5}}
SMOKES = {"name": "smokes", "type": "boolean"}
WARD = {"name": "ward", "type": "string", "constraints": {"enum": ["north", "south"]}}
GRADE = {"name": "grade", "type": "integer", "constraints": {"enum": [1, 2, 3]}}


def schema(*fields: dict[str, Any]) -> TableSchema:
    return TableSchema.parse({"fields": list(fields)})


def test_columns_fit_by_name_in_any_order_and_others_do_not_matter() -> None:
    found = match(schema(AGE, DOSE), schema(WARD), schema(WARD, SMOKES, DOSE, AGE))
    assert found == Match(columns=("age", "dose"), outputs=("ward",))


def test_columns_of_other_names_fit_when_they_are_named() -> None:
    dataset = schema(WARD, SMOKES, changed(DOSE, name="amount"), AGE)
    assert isinstance(match(schema(AGE, DOSE), schema(WARD), dataset), Mismatch)
    found = match(schema(AGE, DOSE), schema(WARD), dataset, {"dose": "amount", "unasked": "age"})
    assert found == Match(columns=("age", "amount"), outputs=("ward",))
    found = match(schema(AGE, DOSE), schema(WARD), dataset, {"dose": "smokes"})
    assert isinstance(found, Mismatch)
    assert "'dose' (column 'smokes'): the dataset's column is of type boolean" in found.reason
    found = match(schema(AGE, changed(AGE, name="years")), schema(WARD), dataset, {"years": "age"})
    assert found == Mismatch("two fields are the dataset's column 'age'")


def changed(field: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**field, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("wanted", "column", "reason"),
    [
        (AGE, AGE, None),
        (AGE, changed(AGE, constraints={"minimum": 18, "maximum": 65}), None),
        (AGE, changed(AGE, constraints={"minimum": 100, "maximum": 900}), None),
        (AGE, changed(AGE, constraints={"minimum": 120, "maximum": 900}), "outside of 0 to 120"),
        (AGE, changed(AGE, constraints={"minimum": -9, "maximum": 0}), "outside of 0 to 120"),
        (AGE, changed(AGE, type="number"), "of type number, not integer"),
        (AGE, changed(AGE, type="boolean", constraints={}), "of type boolean, not integer"),
        (AGE, changed(AGE, constraints={"enum": [1, 2]}), None),
        (AGE, changed(AGE, constraints={"enum": [200, 300]}), "outside of 0 to 120"),
        (DOSE, changed(DOSE, type="integer", constraints={"minimum": 0, "maximum": 3}), None),
        (DOSE, changed(DOSE, unit="g"), "in g, not in mg"),
        (DOSE, changed(DOSE, unit=None), None),
        (changed(DOSE, unit=None), DOSE, None),
        (SMOKES, SMOKES, None),
        (SMOKES, changed(GRADE, name="smokes"), "of type integer, not boolean"),
        (WARD, WARD, None),
        (WARD, changed(WARD, constraints={"enum": ["south", "north"]}), None),
        (changed(WARD, constraints={"enum": ["north", "south", "east"]}), WARD, None),
        (WARD, changed(WARD, constraints={"enum": ["north", "east"]}), "can be 'east'"),
        (GRADE, changed(GRADE, constraints={"enum": [3, 2]}), None),
        (GRADE, changed(GRADE, constraints={"enum": [3, 4]}), "can be 4"),
        (GRADE, changed(GRADE, constraints={"minimum": 1, "maximum": 3}), "a range, not a list"),
        (WARD, changed(WARD, name="station"), "no such column"),
    ],
)
def test_a_column_fits_or_says_why_not(wanted: dict[str, Any], column: dict[str, Any], reason: str | None) -> None:
    for side, pair in (("Input", (wanted, SMOKES | {"name": "out"})), ("Output", (AGE | {"name": "in"}, wanted))):
        others = [field for field in pair if field is not wanted]
        found = match(schema(pair[0]), schema(pair[1]), schema(column, *others))
        if reason is None:
            assert isinstance(found, Match), found
        else:
            assert isinstance(found, Mismatch)
            assert found.reason.startswith(f"{side} field {wanted['name']!r}: ")
            assert reason in found.reason


# ------------------------------------------------------------------ the encoder is the oracle

texts = st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=3, unique=True)
whole = st.lists(st.integers(0, 4), min_size=2, max_size=3, unique=True)
bounds = st.lists(st.integers(-3, 5), min_size=2, max_size=2, unique=True).map(sorted)


@st.composite
def fields(draw: st.DrawFn, name: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(["number", "integer", "boolean", "string", "enum"]))
    constraints: dict[str, Any] = {}
    if kind in ("number", "integer"):
        constraints = dict(zip(("minimum", "maximum"), draw(bounds), strict=True))
    elif kind != "boolean":
        constraints = {"enum": draw(texts if kind == "string" else whole)}
    return {"name": name, "type": "integer" if kind == "enum" else kind, "constraints": constraints}


def values(field: dict[str, Any]) -> list[Any]:
    """Some of what a column can hold: all of it, but for fractions."""
    constraints = field["constraints"]
    if "enum" in constraints:
        return list(constraints["enum"])
    if field["type"] == "boolean":
        return [False, True]
    low, high = constraints["minimum"], constraints["maximum"]
    halves = [low + 0.5] if field["type"] == "number" else []
    return [*range(low, high + 1), *halves]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["x", "y"]).flatmap(fields), fields("x"))
def test_whatever_a_matching_column_holds_can_be_encoded(wanted: dict[str, Any], column: dict[str, Any]) -> None:
    out = {"name": "out", "type": "boolean"}
    found = match(schema(wanted), schema(out), schema(column, out))

    encoder = RowEncoder({"fields": [wanted]}, {"fields": [out]})
    if isinstance(found, Match):
        encoded = encoder.encode_inputs({wanted["name"]: values(column)})
        assert len(encoded) == len(values(column))
        return
    # A mismatch has a cause: a value that does not encode, or that a range clips away, or a type that is another.
    try:
        encoded = encoder.encode_inputs({column["name"]: values(column)})
    except (RowError, ColumnError, SchemaError):
        return
    one_point = len({tuple(row) for row in encoded.tolist()}) == 1
    other_kind = wanted["type"] != column["type"] or ("enum" in wanted["constraints"]) != (
        "enum" in column["constraints"]
    )
    assert one_point or other_kind, found.reason


def test_every_pair_of_kinds_is_decided() -> None:
    kinds = [AGE, DOSE, SMOKES, WARD, GRADE]
    fitting = [
        (wanted["name"], column["name"])
        for wanted, column in itertools.product(kinds, kinds)
        if isinstance(
            match(
                schema({**wanted, "name": "x"}),
                schema(SMOKES | {"name": "out"}),
                schema({**column, "name": "x"}, SMOKES | {"name": "out"}),
            ),
            Match,
        )
    ]
    assert fitting == [
        ("age", "age"),
        ("age", "grade"),
        ("dose", "age"),
        ("dose", "dose"),
        ("dose", "grade"),
        ("smokes", "smokes"),
        ("ward", "ward"),
        ("grade", "grade"),
    ]
