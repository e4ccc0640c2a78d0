"""Runs every comparison, prints the tables, writes build/bench*.json; ends with status 1 where a goal is missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console

from scripts._bench.counting import distance
from scripts._bench.data import scalars_of
from scripts._bench.growth import grow
from scripts._bench.measure import paired
from scripts._bench.parties import ROOT, Party, party, peers_python
from scripts._bench.report import machine, save, show, show_all
from scripts._bench.rows import ROWS, THREADS, Row
from scripts._bench.scaling import scale
from scripts._bench.sizes import sizes
from sonar_core.cli.console import open_console
from syft.kernel import cores, kernel_name
from syft.paillier import generate_paillier_keypair

_BUILD = ROOT / "build"
_OFF = {"SYFT_KERNEL": "off"}


def main() -> int:
    options = _options()
    sys.set_int_max_str_digits(0)
    _, private = generate_paillier_keypair(options.bits)
    key = {"p": int(private.p), "q": int(private.q), "n_bits": options.bits}
    console = open_console()
    results: list[dict[str, Any]] = []
    for result in _compare(key, options.only):
        # After each row: a peer that fails takes nothing along.
        results.append(result)
        save(_BUILD / "bench.json", results)
    show(console, results)
    if not options.only:
        _show_the_rest(console, key)
    missed = [row["name"] for row in results if row["goal"] is not None and row["ratio"] < row["goal"]]
    for name in missed:
        console.print(f"goal missed: {name}")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--bits", type=int, default=2048, help="length of n (goals are for 2048)")
    parser.add_argument("--only", default="", help="rows whose name or peer holds this, and no other figures")
    return parser.parse_args()


def _compare(key: Mapping[str, Any], only: str) -> Iterator[dict[str, Any]]:
    wanted = [row for row in ROWS if only in row.name or only in row.peer]
    with _parties() as (ours, peers):
        for row in wanted:
            yield from _results(row, ours, peers[row.peer_party], key)
    side_by_side = [row for row in THREADS if only in row.name]
    if cores() > 1 and side_by_side:
        with party("two", "syft_tasks", cores=2) as two, party("one", "syft_tasks") as one:
            for row in side_by_side:
                yield from _results(row, {kernel_name(): two}, one, key)


@contextmanager
def _parties() -> Iterator[tuple[dict[str, Party], dict[str, Party]]]:
    """Syft with each kernel there is, and the peers, each on the same one core."""
    python = peers_python()
    with ExitStack() as stack:
        ours = {"gmpy2": stack.enter_context(party("syft", "syft_tasks", **_OFF))}
        if kernel_name() != "gmpy2":
            ours[kernel_name()] = stack.enter_context(party("syft", "syft_tasks"))
        peers = {"phe": stack.enter_context(party("phe", "phe_tasks"))}
        for name in ("pypaillier", "tenseal"):
            peers[name] = stack.enter_context(party(name, f"{name}_tasks", python=python))
        yield ours, peers


def _results(row: Row, ours: Mapping[str, Party], peer: Party, key: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The row's figures for each of ours."""
    print(f"{row.name} against {row.peer}", file=sys.stderr)
    of = {**key, **row.of}
    for own in ours.values():
        own.prepare(row.task, of)
    peer.prepare(row.peer_task, {**of, **scalars_of(row.of["data"]), **row.peer_of})
    reckoned = "" if row.share == 1 else f" (reckoned from {row.share:.2%} of it)"
    for kernel, pair in paired({name: own.time for name, own in ours.items()}, peer.time, row.share).items():
        facts = {"name": row.name, "n_bits": key["n_bits"], **asdict(pair), "peer": row.peer + reckoned}
        yield {**facts, "goal": row.goal.of(kernel), "kernel": kernel, "machine": machine()}


def _show_the_rest(console: Console, key: Mapping[str, Any]) -> None:
    for title, rows in (
        ("sizes", sizes({**key, "data": "digits"})),
        ("limit", [{"round": name, **distance({**key, "data": name})} for name in ("digits", "wide")]),
        ("growth", grow()),
        ("scaling", scale(key)),
    ):
        for first in dict.fromkeys(tuple(row) for row in rows):
            show_all(console, [row for row in rows if tuple(row) == first])
        save(_BUILD / f"bench-{title}.json", rows)


if __name__ == "__main__":
    sys.exit(main())
