"""What became of each mutant: one diffable file, and the notes of a run that was not finished."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypedDict

from tests.mutation.compiler import KEPT, ROOT, sources
from tests.mutation.mutants import Mutant

SNAPSHOT = ROOT / "tests/snapshots/mutants.json"

KILLED, SURVIVED, TIMED_OUT, REFUSED = "killed", "survived", "timed out", "does not compile"
#: Of a run under way.
NEW = "not judged"
#: These need a line that says why.
UNKILLED = {SURVIVED, TIMED_OUT}


class Verdict(TypedDict, total=False):
    verdict: str
    #: The test that failed, or that took too long.
    by: str
    #: Of a survivor: how many tests the chain answers otherwise, without their minding.
    seen: int
    #: Why no test can or need tell it from the original; written by hand.
    why: str


def read() -> dict[str, Verdict]:
    """Mutant's id -> what became of it; nothing where there was no run yet."""
    return json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}


def write(mutants: list[Mutant], verdicts: dict[str, Verdict]) -> None:
    """All mutants that have a verdict, in the order of the contracts; explanations of the same mutants stay."""
    before, table = read(), {}
    for mutant in mutants:
        if verdicts[mutant.id]["verdict"] != NEW:
            verdict = dict(verdicts[mutant.id])
            if verdict["verdict"] in UNKILLED:
                verdict["why"] = verdict.get("why") or before.get(mutant.id, {}).get("why", "")
            table[mutant.id] = _told(mutant) | verdict
    SNAPSHOT.write_text(json.dumps(table, indent=1) + "\n")


def faults(mutants: list[Mutant], table: dict[str, Verdict]) -> list[str]:
    """What is wrong with the file: mutants without a verdict, verdicts without a mutant, survivors unexplained."""
    ids = {mutant.id: mutant for mutant in mutants}
    wrong = [f"{one} is not judged: {_told(ids[one])}" for one in ids if one not in table]
    wrong += [f"{one} is no mutant any more" for one in table if one not in ids]
    unexplained = [one for one, row in table.items() if row["verdict"] in UNKILLED and not row.get("why")]
    return wrong + [f"{one} survives without an explanation: {table[one]}" for one in unexplained]


def _told(mutant: Mutant) -> dict[str, str]:
    where = {"file": mutant.file, "function": mutant.function, "line": mutant.line}
    return where | {"operator": mutant.operator, "old": mutant.old, "new": mutant.new}


class Notes:
    """A run's results so far, a line each; they hold for these very contracts and tests."""

    def __init__(self) -> None:
        KEPT.mkdir(parents=True, exist_ok=True)
        self._path = KEPT / f"{digest(_all_tests())}.jsonl"

    def read(self) -> dict[str, Verdict]:
        lines = self._path.read_text().splitlines(keepends=True) if self._path.exists() else []
        # The last line may have been cut short.
        rows = [json.loads(line) for line in lines if line.endswith("\n")]
        return {row.pop("id"): row for row in rows}

    def add(self, mutant: Mutant, verdict: Verdict) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"id": mutant.id} | verdict) + "\n")

    def close(self) -> None:
        """The run is over: the next one begins anew."""
        self._path.unlink(missing_ok=True)


def digest(tests: list[Path]) -> str:
    """Of the contracts, of these tests and of what they stand on."""
    common = [ROOT / "tests/world/contracts.py", ROOT / "tests/conftest.py", ROOT / "tests/attacks/conftest.py"]
    common += sorted((ROOT / "contracts/mocks").glob("*.sol"))
    texts = [*sources().items(), *((path.name, path.read_text()) for path in (*common, *tests))]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def _all_tests() -> list[Path]:
    return sorted(path for folder in ("contracts", "attacks") for path in (ROOT / "tests" / folder).glob("test_*.py"))
