"""What a campaign of random histories was made of: each action's successes, held to its floor.

Reads what `forge test` printed. A call that did not do what its action says fails forge itself, and one that nothing
fitted is discarded: what is left of an action's calls are its successes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

#: What the floors are for: 256 runs of 200 calls. A shorter campaign is refused, a longer one has higher floors.
CAMPAIGN = 256 * 200
#: Least successes of each action in one such campaign: about half of what a seed brings.
FLOORS = {
    "create": 700, "cancel": 50, "decline": 50, "open": 500, "stop": 100,
    "submit": 1400, "score": 1000, "reject": 100, "rebase": 150, "deliver": 400, "expire": 60, "convict": 150,
    "refund": 500, "collectBond": 250, "collectScoringFees": 250, "claim": 350,
    "reclaimScoringFees": 150, "reclaimVoidedScoringFees": 200, "compensate": 250,
    "pullEarly": 1000, "pullTwice": 1000, "pullVoid": 1000, "claimForged": 350, "claimRepeated": 350,
    "payReentering": 150, "payUnwilling": 200, "scoreForged": 350, "submitRefused": 1500, "usurp": 1500,
    "actOutOfTime": 1000, "createRefused": 1500,
    "passTime": 5000, "turnToken": 400, "leakToken": 150, "give": 300,
}  # fmt: skip

_ROW = re.compile(r"^\|\s*Handlers\s*\|\s*(\w+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|$")


class CountsError(ValueError):
    """A campaign that says too little; `missing` names what was too rare, with what it reached and should have."""

    def __init__(self, message: str, missing: Mapping[str, tuple[int, int]] | None = None) -> None:
        self.missing = dict(missing or {})
        super().__init__(message)


def successes(lines: Iterable[str]) -> dict[str, int]:
    """Successes by action: calls less reverts and discards."""
    counts = {}
    for line in lines:
        if row := _ROW.match(line.strip()):
            calls, reverts, discards = (int(number) for number in row.groups()[1:])
            counts[row[1]] = calls - reverts - discards
    return counts


def require_enough(counts: Mapping[str, int]) -> None:
    """Raises CountsError when the campaign was too short, or an action was missing, unknown or too rare in it."""
    total = sum(counts.values())
    if total < CAMPAIGN:
        raise CountsError(f"{total} calls succeeded, where a campaign has {CAMPAIGN}: is forge's table there?")
    if unknown := counts.keys() - FLOORS.keys():
        raise CountsError(f"no floor for {', '.join(sorted(unknown))}: name one in {Path(__file__).name}")
    floors = {action: floor * total // CAMPAIGN for action, floor in FLOORS.items()}
    missing = {a: (counts.get(a, 0), floor) for a, floor in floors.items() if counts.get(a, 0) < floor}
    if missing:
        words = ", ".join(f"{action} {got} of {floor}" for action, (got, floor) in missing.items())
        raise CountsError(f"too rare to prove anything: {words}", missing)


def main(path: str) -> None:
    """Prints the counts and holds them to their floors."""
    counts = successes(Path(path).read_text(encoding="utf-8").splitlines())
    for action, count in sorted(counts.items(), key=lambda item: item[1]):
        print(f"  {action:20} {count:9,}")  # noqa: T201
    print(f"  {'successful actions':20} {sum(counts.values()):9,}")  # noqa: T201
    require_enough(counts)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except CountsError as error:
        sys.exit(f"counts.py: {error}")
