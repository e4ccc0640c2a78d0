"""Tables on the console, and JSON files of the same results."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def machine() -> str:
    """The processor's own name, and its number of threads."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads" if names else platform.processor() or platform.machine()


def is_missed(result: Mapping[str, Any]) -> bool:
    """Returns True if a result has a goal and its score is below."""
    return result["goal"] is not None and result["score"] < result["goal"]


def show(console: Console, results: Sequence[Mapping[str, Any]]) -> None:
    """Prints the comparisons."""
    table = Table("Work", "Kernel", "Ours, ms", "Peer", "Peer, ms", "Ratio", "Goal", "")
    for result in results:
        ours, peer = (f"{result[name] * 1000:,.1f}" for name in ("ours_s", "peer_s"))
        goal, verdict = "", ""
        if result["goal"] is not None:
            measure = result.get("goal_of")
            goal = f"{result['goal']}" + (f" as {measure}: {result['score']:.2f}" if measure else "")
            verdict = "MISSED" if is_missed(result) else "met"
        ratio = f"{result['ratio']:,.2f}" if result["ratio"] < 10 else f"{result['ratio']:,.1f}"
        table.add_row(result["name"], result["kernel"], ours, result["peer"], peer, ratio, goal, verdict)
    console.print(table)


def show_all(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Prints rows with equal keys."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:,.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)


def save(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")
