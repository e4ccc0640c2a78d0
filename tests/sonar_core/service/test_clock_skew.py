"""What is decided by this machine's clock, and what must not be."""

from __future__ import annotations

import ast
from pathlib import Path

import ape_capsule
import ape_mine
import ape_sonar
import sonar_core

#: Where the machine's clock is read, and for what (docs/explanation/survival.md). None of it decides about money.
READERS = {
    "ape_capsule/commands/destroy.py": "when a destroyed key's statement says that it was made",
    "ape_capsule/maintenance/doctor.py": "certificates that expire soon",
    "ape_capsule/moves/open_or_decline.py": "a signature of its future declines nobody",
    "ape_mine/datasets/catalog.py": "when a dataset's version was added",
    "ape_mine/commands/plan.py": "a policy's hours",
    "ape_mine/planning/dataset_selection.py": "days of consent",
    "ape_mine/datasets/store.py": "leftovers",
    "ape_mine/loop.py": "a policy's hours",
    "sonar_core/crypto/certificates.py": "certificates that have expired",
    "sonar_core/base/atomic_files.py": "leftovers",
    "sonar_core/service/doctor.py": "the clock itself",
    "sonar_core/service/loop.py": "the times in the two lines about a node that is away",
}
_CLOCKS = {("time", "time"), ("datetime", "now"), ("date", "today")}


def _reads_clock(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module="time", names=names):
            return any(alias.name == "time" for alias in names)
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return (module, name) in _CLOCKS
    return False


def test_the_machines_clock_is_read_where_the_documentation_says() -> None:
    found = set()
    for package in (sonar_core, ape_capsule, ape_mine, ape_sonar):
        folder = Path(str(package.__file__)).parent
        for path in folder.rglob("*.py"):
            if any(map(_reads_clock, ast.walk(ast.parse(path.read_text())))):
                found.add(str(path.relative_to(folder.parent)))
    assert found == set(READERS)
