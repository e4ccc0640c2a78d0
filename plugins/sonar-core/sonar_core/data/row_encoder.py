"""Encodes rows as fixed-point integers: Mines train on them, Capsules score on them, validation roots commit to them.

Fixed point with 10 binary digits (docs/reference/formats.md): a range becomes [0, 2^10], a boolean or an enum
0 or 2^10.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonar_core.base.errors import SchemaError
from sonar_core.data.table_schema import TableField, TableSchema
from syft.texts import TextColumns

if TYPE_CHECKING:
    import pandas as pd

    from sonar_core.data.cells import Table

#: Binary digits after the point of an encoded row, and the integer that stands for 1.0.
FRACTION_BITS = 10
ONE = 1 << FRACTION_BITS
#: Largest absolute value in a column of a text.
LARGEST_OF_TEXT = 1 << 15

_NO_TEXTS: Mapping[str, TextColumns] = MappingProxyType({})


class RowEncoder:
    """Encodes rows of a Campaign's Input and Output as fixed-point integers, and decodes a Model's predictions.

    Args:
        input_schema: Table Schema of the Input.
        output_schema: Table Schema of the Output: one field, or several fields that are all numbers or all booleans.
        texts: text pipeline of each text field of the Input; described ones suffice if no row is encoded.

    Attributes:
        input, output: the checked schemas.
        texts: as given.
        columns: names of the integer columns of an encoded Input; an enum has one per value, a text has many.
        classes: values of the Output's only field, in order; None if it is a number, or there are several fields.
        answers: number of columns of an encoded Output: one per field.
        outputs: number of the Model's outputs: one per class, or one per field.
        metric: "accuracy" for classes, "hamming" for several booleans, "r2" for numbers.

    Raises:
        SchemaError: the Output has fields of different kinds, several enums, or texts; or `texts` does not name exactly
            the text fields of the Input.

    >>> schema = {"fields": [{"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}]}
    >>> coder = RowEncoder(schema, {"fields": [{"name": "ill", "type": "boolean"}]})
    >>> coder.encode_inputs({"dose": [0, 1, 8]}).tolist()
    [[0], [128], [1024]]
    >>> coder.decode_predictions([[1], [0]])
    [True, False]
    """

    def __init__(self, input_schema: Any, output_schema: Any, texts: Mapping[str, TextColumns] = _NO_TEXTS) -> None:
        self.input = TableSchema.parse(input_schema, "Table Schema of the Input")
        self.output = TableSchema.parse(output_schema, "Table Schema of the Output")
        self.texts = texts
        _require_texts(self.input, texts)
        self.columns = tuple(name for field in self.input.fields for name in _column_names(field, texts))
        self.classes = self.output.fields[0].values if len(self.output.fields) == 1 else None
        self.answers = len(self.output.fields)
        self.outputs = len(self.classes) if self.classes else self.answers
        self.metric = _metric(self.output)

    @property
    def largest_answer(self) -> int:
        """The largest number of an encoded Output; the smallest is 0."""
        if self.classes:
            return len(self.classes) - 1
        return 1 if self.metric == "hamming" else ONE

    @property
    def ranges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Smallest and largest integer of each column of an encoded Input."""
        low, high = [], []
        for field in self.input.fields:
            names = len(_column_names(field, self.texts))
            low += [-LARGEST_OF_TEXT if field.is_text else 0] * names
            high += [LARGEST_OF_TEXT if field.is_text else ONE] * names
        return np.array(low, dtype=np.int64), np.array(high, dtype=np.int64)

    def encode_inputs(self, table: Table, *, ranges: bool = False) -> NDArray[np.int64]:
        """Encodes Inputs as int64 in [0, 2^10], for texts in [-2^15, 2^15]; shape (rows, columns).

        Args:
            table: data frame, mapping of columns, or array of shape (rows, fields), in the Input's own units.
            ranges: True refuses numbers out of range and texts that are too long; False clips and cuts them.

        Raises:
            ColumnError: a column is missing.
            RowError: a cell breaks the schema; names row and column.
            FeatureError, TokenizerError: text pipelines are only described, or fail on a text.
        """
        from sonar_core.data.cells import check_table

        frame = check_table(self.input, table, ranges=ranges)
        parts = [self._encode_input(field, frame[field.name]) for field in self.input.fields]
        return np.concatenate(parts, axis=1) if len(frame) else np.zeros((0, len(self.columns)), np.int64)

    def encode_targets(self, table: Table, *, ranges: bool = False) -> NDArray[np.int64]:
        """Encodes Outputs as int64, shape (rows, answers): index of the class, labels 0 or 1, or numbers in [0, 2^10].

        Args:
            table: a table of the Output's fields, or a column of its only one, in their own units or labels.
            ranges: as for `encode_inputs`.

        Raises:
            ColumnError: a column of the Output is missing.
            RowError: a cell breaks the schema; names row and column.
        """
        import pandas as pd

        from sonar_core.data.cells import check_table

        if isinstance(table, pd.Series | list | tuple) and self.answers == 1:
            table = {self.output.names[0]: table}
        frame = check_table(self.output, table, ranges=ranges)
        parts = [self._encode_answers(field, frame[field.name]) for field in self.output.fields]
        return np.concatenate(parts, axis=1) if len(frame) else np.zeros((0, self.answers), np.int64)

    def canonical_inputs(self, table: Table, rows: NDArray[np.int64]) -> bytes:
        """Bytes that identify Inputs on every machine: texts as they are, other fields as integers.

        The columns of a text may come from floats, whose last digits differ between machines.

        Args:
            table: the table, as for `encode_inputs`.
            rows: the same table, encoded.
        """
        if not self.texts:
            return rows.tobytes()
        from sonar_core.data.cells import to_frame

        frame = to_frame(self.input, table)
        kinds = np.array([field.is_text for field in self.input.fields for _ in _column_names(field, self.texts)])
        texts = [[str(text) for text in frame[name]] for name in sorted(self.texts)]
        return rows[:, ~kinds].tobytes() + json.dumps(texts).encode()

    def _encode_input(self, field: TableField, values: pd.Series[Any]) -> NDArray[np.int64]:
        if not field.is_text:
            return encode_field(field, values)
        return self.texts[field.name].transform(text[: field.constraints.maxLength] for text in values)

    def _encode_answers(self, field: TableField, values: pd.Series[Any]) -> NDArray[np.int64]:
        if field.values is None:
            return encode_field(field, values)
        indices = {value: index for index, value in enumerate(field.values)}
        return np.array([indices[value] for value in values], dtype=np.int64).reshape(-1, 1)

    def decode_predictions(self, predictions: ArrayLike) -> list[Any]:
        """Decodes predictions to the Output's units or labels: one value per row, or a list per row for several fields.

        Args:
            predictions: shape (rows, answers): indices of classes, labels, or fixed-point numbers of which 2^10 is the
                field's maximum.
        """
        answers = np.asarray(predictions).reshape(-1, self.answers).T
        columns = [_decode(field, column) for field, column in zip(self.output.fields, answers, strict=True)]
        return columns[0] if self.answers == 1 else [list(row) for row in zip(*columns, strict=True)]


def _require_texts(schema: TableSchema, texts: Mapping[str, TextColumns]) -> None:
    own = {field.name for field in schema.fields if field.is_text}
    if missing := own - texts.keys():
        raise SchemaError(f"field {min(missing)!r} is a text: give its steps in `texts`")
    if others := texts.keys() - own:
        raise SchemaError(f"`texts` names {min(others)!r}, which is no text of the Input")


def _metric(output: TableSchema) -> str:
    if any(field.is_text for field in output.fields):
        raise SchemaError("an Output has no texts: a Model predicts numbers, labels and classes")
    kinds = {"number" if field.values is None else field.type for field in output.fields}
    if kinds == {"number"}:
        return "r2"
    if len(output.fields) == 1:
        return "accuracy"
    if kinds == {"boolean"}:
        return "hamming"
    raise SchemaError("several fields of an Output are all numbers, or all booleans: a Model predicts one kind")


def _decode(field: TableField, answers: NDArray[Any]) -> list[Any]:
    if field.values is not None:
        return [field.values[int(index)] for index in answers]
    minimum, maximum = field.bounds
    return [minimum + float(answer) / ONE * (maximum - minimum) for answer in answers]


def _column_names(field: TableField, texts: Mapping[str, TextColumns]) -> tuple[str, ...]:
    if field.is_text:
        return tuple(f"{field.name}[{index}]" for index in range(texts[field.name].width))
    enum = field.constraints.enum
    return tuple(f"{field.name}={value}" for value in enum) if enum else (field.name,)


def encode_field(field: TableField, column: pd.Series[Any]) -> NDArray[np.int64]:
    """Integer columns of a field that is no text, from checked values."""
    if field.constraints.enum:
        matches = [(column == value).to_numpy(dtype=np.int64) * ONE for value in field.constraints.enum]
        return np.stack(matches, axis=1)
    if field.type == "boolean":
        return column.to_numpy(dtype=np.int64)[:, None] * ONE
    minimum, maximum = field.bounds
    clipped = np.clip(column.to_numpy(dtype=np.float64), minimum, maximum)
    scaled: NDArray[np.float64] = np.rint((clipped - minimum) / (maximum - minimum) * ONE)
    return scaled.astype(np.int64)[:, None]
