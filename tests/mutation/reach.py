"""What each test runs of the unchanged contracts: kept for each file of tests, as it takes minutes to see."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.mutation import judge
from tests.mutation.compiler import KEPT
from tests.mutation.coverage import Places
from tests.mutation.judge import Reached
from tests.mutation.record import digest
from tests.mutation.trial import side_by_side
from tests.mutation.workshop import Workshop


def reached(items: list[pytest.Item], workshop: Workshop) -> Reached:
    """Test -> its seconds and what ran of the contracts in it."""
    files: defaultdict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    kept = {file: KEPT / f"reached-{digest([file])}.json" for file in files}
    unseen = [item for file, some in files.items() if not kept[file].exists() for item in some]
    found = _seen(unseen, workshop) if unseen else {}
    for file, some in files.items():
        if not kept[file].exists():
            rows = {item.nodeid: found[item.nodeid] for item in some}
            kept[file].write_text(json.dumps(rows))
    tables = [json.loads(path.read_text()) for path in kept.values()]
    return {
        test: (seconds, [tuple(place) for place in some]) for table in tables for test, (seconds, some) in table.items()
    }


def _seen(items: list[pytest.Item], workshop: Workshop) -> Reached:
    codes = workshop.original()
    places = [Places(code, workshop.trees) for code in codes.values()]
    creation = {name: code.creation for name, code in codes.items()}
    halves = [half for start in range(2) if (half := items[start::2])]
    answers = side_by_side(lambda half: judge.reached(half, creation, places), halves)
    return {test: row for _, found in answers for test, row in found.items()}
