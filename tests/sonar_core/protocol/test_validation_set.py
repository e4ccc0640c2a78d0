from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from sonar_core.base.errors import FormatError, UsageError
from sonar_core.data.row_encoder import ONE, RowEncoder
from sonar_core.protocol import merkle
from sonar_core.protocol.validation_set import ValidationSet
from syft import wire

UNIT = {"type": "number", "constraints": {"minimum": 0, "maximum": 1}}
INPUT = {"fields": [{"name": name, **UNIT} for name in "abc"]}


def encoder(*fields: dict[str, Any]) -> RowEncoder:
    return RowEncoder(INPUT, {"fields": [{"name": f"out {place}", **field} for place, field in enumerate(fields)]})


CLASSES = encoder({"type": "string", "constraints": {"enum": ["x", "y", "z"]}})
NUMBER = encoder(UNIT)
ROWS = np.array([[0, 1024, 5], [7, 0, 1]], np.int64)
TARGETS = np.array([[2], [0]], np.int64)
SALTS = np.arange(32, dtype=np.uint8).reshape(2, 16)


def parts(**changes: np.ndarray) -> bytes:
    return wire.dumps_arrays({"rows": ROWS, "targets": TARGETS, "salts": SALTS} | changes)


@settings(deadline=None)
@given(st.integers(1, 20).flatmap(lambda n: arrays_of.arrays(np.int64, (n, 4), elements=st.integers(0, ONE))))
def test_round_trip(rows: np.ndarray) -> None:
    built = ValidationSet.build(rows[:, :3], rows[:, 3])
    read = ValidationSet.from_bytes(built.to_bytes(), NUMBER)
    for one, other in ((built.rows, read.rows), (built.targets, read.targets), (built.salts, read.salts)):
        np.testing.assert_array_equal(one, other)
    assert built.root() == read.root()


def test_the_root_commits_to_salt_row_and_target() -> None:
    def leaf(index: int) -> bytes:
        numbers = [*ROWS[index].tolist(), *TARGETS[index].tolist()]
        data = bytes(SALTS[index]) + b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)
        return keccak(b"\0" + index.to_bytes(8, "big") + data)

    top = keccak(b"\1" + leaf(0) + leaf(1))
    assert ValidationSet(ROWS, TARGETS, SALTS).root() == keccak(b"\2" + (2).to_bytes(8, "big") + top)


def test_equal_rows_have_other_salts() -> None:
    rows, targets = np.zeros((50, 2), np.int64), np.zeros(50, np.int64)
    one, other = ValidationSet.build(rows, targets), ValidationSet.build(rows, targets)
    assert len(np.unique(one.salts, axis=0)) == 50
    assert one.root() != other.root()


@pytest.mark.parametrize("counts", [(0, 0), (2, 1), (0, 1)])
def test_rows_and_targets_come_in_pairs(counts: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        ValidationSet.build(np.zeros((counts[0], 2), np.int64), np.zeros((counts[1], 1), np.int64))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "bytes"),
        (b"junk", "bytes"),
        (wire.dumps_arrays({"rows": ROWS, "targets": TARGETS}), "expected"),
        (parts(labels=TARGETS), "expected"),
        (parts(rows=ROWS.astype(np.int32)), "int64"),
        (parts(rows=ROWS[:, :2]), "shape"),
        (parts(rows=ROWS[:1]), "shape"),
        (parts(targets=TARGETS[:, 0]), "shape"),
        (parts(salts=SALTS[:, :8]), "shape"),
        (parts(rows=ROWS - 1), r"outside of \[0, 1024\]"),
        (parts(rows=ROWS + 1), r"outside of \[0, 1024\]"),
        (parts(targets=TARGETS + 1), r"outside of \[0, 2\]"),
        (parts(targets=TARGETS - 1), r"outside of \[0, 2\]"),
    ],
)
def test_hostile_sets_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        ValidationSet.from_bytes(data, CLASSES)


def test_a_number_as_output_goes_up_to_one() -> None:
    targets = np.array([[ONE], [0]], np.int64)
    assert ValidationSet.from_bytes(parts(targets=targets), NUMBER).targets.tolist() == [
        [ONE],
        [0],
    ]
    with pytest.raises(FormatError, match="targets"):
        ValidationSet.from_bytes(parts(targets=targets + 1), NUMBER)


@pytest.mark.parametrize(("fields", "largest"), [([UNIT, UNIT], ONE), ([{"type": "boolean"}] * 2, 1)])
def test_answers_of_several_fields(fields: list[Any], largest: int) -> None:
    targets = np.array([[largest, 0], [0, largest]], np.int64)
    built = ValidationSet.build(ROWS, targets)
    read = ValidationSet.from_bytes(built.to_bytes(), encoder(*fields))
    np.testing.assert_array_equal(read.targets, targets)
    numbers = [
        bytes(salt) + b"".join(int(number).to_bytes(8, "big") for number in [*row, *target])
        for salt, row, target in zip(built.salts, ROWS, targets, strict=True)
    ]
    assert built.root() == merkle.root(numbers)
    for other in (targets + 1, targets[:, :1], np.c_[targets, targets]):
        with pytest.raises(FormatError, match="targets"):
            ValidationSet.from_bytes(parts(targets=other), encoder(*fields))
