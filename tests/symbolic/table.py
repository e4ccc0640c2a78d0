"""The table of all checks, out of what halmos wrote: `table.py SOLVER.CONTRACT.json ...`.

Exit status 1 unless every check is proved on all its paths, and every negative control (`check_refuted_*`) is refuted
by an example: a time-out, a path given up, a loop cut short or a check that was reverted throughout is neither.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class _Ending(IntEnum):
    """halmos' own exit codes of one check."""

    PASS = 0
    COUNTEREXAMPLE = 1
    TIMEOUT = 2
    STUCK = 3
    REVERT_ALL = 4
    EXCEPTION = 5


@dataclass(frozen=True)
class Check:
    """One check as it ended. `seconds` is wall time, solving included."""

    contract: str
    name: str
    solver: str
    ending: _Ending
    paths: int
    cut_loops: int
    seconds: float

    @property
    def is_control(self) -> bool:
        return self.name.startswith("check_refuted_")

    @property
    def verdict(self) -> str:
        if self.ending is _Ending.COUNTEREXAMPLE:
            return "refuted" if self.is_control else "FALSE"
        if self.ending is _Ending.PASS and not self.cut_loops:
            return "NOT REFUTED" if self.is_control else "proved"
        return "LOOP CUT" if self.ending is _Ending.PASS else self.ending.name

    @property
    def holds(self) -> bool:
        return self.verdict == ("refuted" if self.is_control else "proved")


def checks_of(report: Path) -> Iterator[Check]:
    """Raises: OSError, ValueError (no JSON) or KeyError for what halmos did not write whole."""
    for contract, results in json.loads(report.read_text())["test_results"].items():
        for result in results:
            yield Check(
                contract=contract.rpartition(":")[2],
                name=result["name"].partition("(")[0],
                solver=report.name.partition(".")[0],
                ending=_Ending(result["exitcode"]),
                paths=result["num_paths"][0] if result["num_paths"] else 0,
                cut_loops=result["num_bounded_loops"] or 0,
                seconds=result["time"][0] if result["time"] else 0.0,
            )


def table(checks: list[Check]) -> Iterator[str]:
    yield f"{'check':<62} {'solver':<6} {'paths':>5} {'seconds':>8}  verdict"
    for check in checks:
        name = f"{check.contract}.{check.name.removeprefix('check_')}"
        yield f"{name:<62} {check.solver:<6} {check.paths:>5} {check.seconds:>8.2f}  {check.verdict}"
    proved = sum(check.holds and not check.is_control for check in checks)
    refuted = sum(check.holds and check.is_control for check in checks)
    yield f"{proved} proved, {refuted} false statements refuted, {len(checks) - proved - refuted} in doubt"


def main(reports: list[str]) -> int:
    checks = [check for report in reports for check in checks_of(Path(report))]
    sys.stdout.writelines(f"{line}\n" for line in table(checks))
    return 0 if checks and all(check.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
