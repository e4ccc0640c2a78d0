"""Rows become integers at once: what Mines train on, Capsules score and the validation root commits to.

Fixed point with 10 binary digits (docs/formats.md): a range becomes [0, 2^10], a boolean or an enum
0 or 2^10.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ape_sonar.errors import RowError, SchemaError
from ape_sonar.tables import Table, TableField, TableSchema, read_csv

__all__ = ["FRACTION_BITS", "ONE", "RowEncoder", "RowError", "Table", "TableSchema", "read_csv"]

#: Binary digits after the point of an encoded row, and the integer that stands for 1.0.
FRACTION_BITS = 10
ONE = 1 << FRACTION_BITS


class RowEncoder:
    """Turns rows of a Campaign's Input and Output into fixed-point integers, and a Model's answers back.

    Args:
        input_schema: Table Schema of the Input.
        output_schema: Table Schema of the Output, one field.

    Attributes:
        input, output: the checked schemas.
        columns: name of each integer column of an encoded Input; an enum gives one for each value.
        classes: the Output's values in order, or None where the Output is a number.

    Raises:
        SchemaError: the Output has more than one field.

    >>> schema = {"fields": [{"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}]}
    >>> coder = RowEncoder(schema, {"fields": [{"name": "ill", "type": "boolean"}]})
    >>> coder.encode_inputs({"dose": [0, 1, 8]}).tolist()
    [[0], [128], [1024]]
    >>> coder.decode_predictions([1, 0])
    [True, False]
    """

    def __init__(self, input_schema: Any, output_schema: Any) -> None:
        self.input = TableSchema.parse(input_schema)
        self.output = TableSchema.parse(output_schema)
        if len(self.output.fields) != 1:
            raise SchemaError(f"the Output has {len(self.output.fields)} fields: a Model predicts exactly one")
        self.columns = tuple(name for field in self.input.fields for name in _column_names(field))
        self.classes = self._target.values

    @property
    def _target(self) -> TableField:
        return self.output.fields[0]

    def encode_inputs(self, table: Table, *, ranges: bool = False) -> NDArray[np.int64]:
        """Inputs as int64 in [0, 2^10], shape (rows, columns).

        Args:
            table: data frame, mapping of columns, or array of shape (rows, fields), in the Input's own units.
            ranges: True makes a number outside of its field's range an error; otherwise it is clipped.

        Raises:
            ColumnError: a column is missing.
            RowError: a cell is not of its field's type; names row and column.
        """
        frame = self.input.check(table, ranges=ranges)
        parts = [_encode(field, frame[field.name]) for field in self.input.fields]
        return np.concatenate(parts, axis=1) if len(frame) else np.zeros((0, len(self.columns)), np.int64)

    def encode_targets(self, table: Table, *, ranges: bool = False) -> NDArray[np.int64]:
        """Outputs as int64, shape (rows, 1): the place of the class, or a number in [0, 2^10].

        Args:
            table: a column of values, or a table with it, in the Output's own unit or labels.
            ranges: as for `encode_inputs`.

        Raises:
            ColumnError: the Output's column is missing.
            RowError: a cell is not of the Output's type; names row and column.
        """
        name = self._target.name
        column = {name: table} if isinstance(table, pd.Series | list | tuple) else table
        values = self.output.check(column, ranges=ranges)[name]
        if self.classes is None:
            return _encode(self._target, values)
        places = {value: place for place, value in enumerate(self.classes)}
        return np.array([places[value] for value in values], dtype=np.int64).reshape(-1, 1)

    def decode_predictions(self, predictions: ArrayLike) -> list[Any]:
        """A Model's answers in the Output's own unit or labels.

        Args:
            predictions: shape (rows,) or (rows, 1): places of classes, or fixed-point numbers where
                2^10 is the field's maximum.
        """
        answers = np.asarray(predictions).reshape(-1)
        if self.classes is not None:
            return [self.classes[int(place)] for place in answers]
        minimum, maximum = self._target.bounds
        return [minimum + float(answer) / ONE * (maximum - minimum) for answer in answers]


def _column_names(field: TableField) -> tuple[str, ...]:
    enum = field.constraints.enum
    return tuple(f"{field.name}={value}" for value in enum) if enum else (field.name,)


def _encode(field: TableField, column: pd.Series[Any]) -> NDArray[np.int64]:
    if field.constraints.enum:
        matches = [(column == value).to_numpy(dtype=np.int64) * ONE for value in field.constraints.enum]
        return np.stack(matches, axis=1)
    if field.type == "boolean":
        return column.to_numpy(dtype=np.int64)[:, None] * ONE
    minimum, maximum = field.bounds
    clipped = np.clip(column.to_numpy(dtype=np.float64), minimum, maximum)
    scaled: NDArray[np.float64] = np.rint((clipped - minimum) / (maximum - minimum) * ONE)
    return scaled.astype(np.int64)[:, None]
