"""The history of each test: kept for each file of tests, as it takes minutes to record them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.mutation import judge
from tests.mutation.compiler import KEPT
from tests.mutation.history import Step
from tests.mutation.judge import Histories
from tests.mutation.record import digest
from tests.mutation.trial import side_by_side


def histories(items: list[pytest.Item], original: dict[str, str]) -> Histories:
    """Test -> its seconds and what it asks of the chain, where these contracts have this creation code."""
    files: defaultdict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    kept = {file: KEPT / f"histories-{digest([file])}.json" for file in files}
    unheard = [file for file in files if not kept[file].exists()]
    for file, found in side_by_side(lambda file: judge.histories(files[file], original), unheard):
        kept[file].write_text(json.dumps(found))
    tables = [json.loads(path.read_text()) for path in kept.values()]
    return {
        test: (seconds, [Step(*row) for row in rows]) for table in tables for test, (seconds, rows) in table.items()
    }
