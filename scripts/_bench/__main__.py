"""Runs every benchmark, prints tables and writes build/bench*.json; exits with status 1 if a goal is missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console

from scripts._bench.comparisons import COMPARISONS, Comparison
from scripts._bench.counting_ring import multiplication_share
from scripts._bench.dask_scaling import scale
from scripts._bench.data import scalars_of
from scripts._bench.growth import grow
from scripts._bench.paired_timing import in_turn, pair
from scripts._bench.processes import ROOT, TaskProcess, peers_python, task_process
from scripts._bench.report import is_missed, machine, save, show, show_all
from scripts._bench.sizes import sizes
from scripts._bench.thread_gain import thread_gain
from sonar_core.cli.console import open_console
from syft.kernel import cores, kernel_name
from syft.paillier import generate_paillier_keypair

_BUILD = ROOT / "build"
_OFF = {"SYFT_KERNEL": "off"}
_THREADS = "threads"


def main() -> int:
    options = _options()
    sys.set_int_max_str_digits(0)
    _, private = generate_paillier_keypair(options.bits)
    key = {"p": int(private.p), "q": int(private.q), "n_bits": options.bits}
    console = open_console()
    results: list[dict[str, Any]] = []
    for result in _results(key, options.only):
        # Saved after each result, so that a peer that fails does not discard the others.
        results.append(result)
        save(_BUILD / "bench.json", results)
    show(console, results)
    if not options.only:
        _show_other_figures(console, key)
    missed = [result["name"] for result in results if is_missed(result)]
    for name in missed:
        console.print(f"goal missed: {name}")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--bits", type=int, default=2048, help="length of n (goals are for 2048)")
    parser.add_argument(
        "--only", default="", help=f"only comparisons whose name or peer contains this; {_THREADS!r} for the threads"
    )
    return parser.parse_args()


def _results(key: Mapping[str, Any], only: str) -> Iterator[dict[str, Any]]:
    wanted = [row for row in COMPARISONS if only in row.name or only in row.peer]
    if wanted:
        with _processes() as (ours, peers):
            for comparison in wanted:
                yield from _compare(comparison, ours, peers[comparison.peer_process], key)
    if cores() > 1 and only in _THREADS:
        yield from thread_gain(key)


@contextmanager
def _processes() -> Iterator[tuple[dict[str, TaskProcess], dict[str, TaskProcess]]]:
    """Syft with each available kernel, and the peers; all on the same single core."""
    python = peers_python()
    with ExitStack() as stack:
        ours = {"gmpy2": stack.enter_context(task_process("syft", "syft_tasks", environment=_OFF))}
        if kernel_name() != "gmpy2":
            ours[kernel_name()] = stack.enter_context(task_process("syft", "syft_tasks"))
        peers = {"phe": stack.enter_context(task_process("phe", "phe_tasks"))}
        for name in ("pypaillier", "tenseal"):
            peers[name] = stack.enter_context(task_process(name, f"{name}_tasks", python=python))
        yield ours, peers


def _compare(
    comparison: Comparison, ours: Mapping[str, TaskProcess], peer: TaskProcess, key: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One result per kernel."""
    print(f"{comparison.name} against {comparison.peer}", file=sys.stderr)
    arguments = {**key, **comparison.arguments}
    for process in ours.values():
        process.prepare(comparison.task, arguments)
    scalars = scalars_of(comparison.arguments["data"])
    peer.prepare(comparison.peer_task, {**arguments, **scalars, **comparison.peer_arguments})
    turns = in_turn({**{kernel: process.time for kernel, process in ours.items()}, "peer": peer.time})
    extrapolated = "" if comparison.share == 1 else f" (extrapolated from {comparison.share:.2%})"
    for kernel in ours:
        found = pair(turns, kernel, "peer", comparison.share)
        yield {
            "name": comparison.name,
            "n_bits": key["n_bits"],
            **asdict(found),
            "peer": comparison.peer + extrapolated,
            "score": found.ratio,
            "goal": comparison.goal.of(kernel),
            "kernel": kernel,
            "machine": machine(),
        }


def _show_other_figures(console: Console, key: Mapping[str, Any]) -> None:
    shares = [{"round": name, **multiplication_share({**key, "data": name})} for name in ("digits", "wide")]
    for title, rows in (
        ("sizes", sizes({**key, "data": "digits"})),
        ("limit", shares),
        ("growth", grow()),
        ("scaling", scale(key)),
    ):
        for first in dict.fromkeys(tuple(row) for row in rows):
            show_all(console, [row for row in rows if tuple(row) == first])
        save(_BUILD / f"bench-{title}.json", rows)


if __name__ == "__main__":
    sys.exit(main())
