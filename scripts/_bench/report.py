"""The tables, and the files that hold the same."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def machine() -> str:
    """The processor's name, as it gives itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads" if names else platform.processor() or platform.machine()


def show(console: Console, results: Sequence[Mapping[str, Any]]) -> None:
    table = Table("Work", "Kernel", "Ours, ms", "Peer", "Peer, ms", "Times", "Goal", "")
    for row in results:
        goal = row["goal"]
        verdict = "" if goal is None else "met" if row["ratio"] >= goal else "MISSED"
        ours, peer = (f"{row[name] * 1000:,.1f}" for name in ("ours_s", "peer_s"))
        table.add_row(
            row["name"], row["kernel"], ours, row["peer"], peer, f"{row['ratio']:,.1f}", str(goal or ""), verdict
        )
    console.print(table)


def show_all(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Any figures that have the same names."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:,.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)


def save(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")
