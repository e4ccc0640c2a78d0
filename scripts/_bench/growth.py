"""Growth of time and memory: with a Mine's rows in the clear, and with features and outputs under encryption.

Each case runs in its own process, so that its memory can be measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ape_mine.datasets.parquet_storage import open_parquet
from scripts._bench.processes import ROOT
from syft.integers import Integers
from syft.nn import LinearClassifier, LocalStatistics, quantise
from syft.paillier import PublicContext, generate_paillier_keypair

ROWS = (1_000, 10_000, 100_000, 1_000_000)
FEATURES = (64, 256, 1024, 4096)
OUTPUTS = (1, 10, 100)
_COLUMNS, _CLASSES, _CHUNK = 64, 10, 8192


def grow() -> list[dict[str, Any]]:
    """All cases, with seconds and the process's peak memory in MiB."""
    cases = [{"what": "rows", "rows": count, "features": _COLUMNS, "outputs": _CLASSES} for count in ROWS]
    cases += [{"what": "features", "features": count, "outputs": 10} for count in FEATURES]
    cases += [{"what": "outputs", "features": 65, "outputs": count} for count in OUTPUTS]
    return [case | _in_own_process(case) for case in cases]


def _in_own_process(case: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts._bench.growth", json.dumps(case)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def measure(case: Mapping[str, Any]) -> dict[str, Any]:
    """Runs one case in this process."""
    seconds = _stream(case["rows"]) if case["what"] == "rows" else _encrypted(case["features"], case["outputs"])
    return {"seconds": seconds, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """Peak memory of this program, unlike getrusage's, which includes the parent's memory at the fork."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _stream(rows: int) -> float:
    """Seconds for local statistics of a Parquet file that is read in chunks."""
    model = LinearClassifier(_COLUMNS, _CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        _write(path, rows)
        start = time.perf_counter()
        LocalStatistics.from_chunks(_chunks_of(model, path))
        return time.perf_counter() - start


def _chunks_of(model: LinearClassifier, path: Path) -> Iterator[tuple[Integers, Integers]]:
    for batch in open_parquet(path).iter_batches(_CHUNK):
        table = np.column_stack([column.to_numpy() for column in batch.columns])
        yield model.features_.transform(quantise(table[:, :-1])), model.targets(table[:, -1:].astype(np.int64))


def _write(path: Path, rows: int) -> None:
    draw = np.random.default_rng(0)
    names = [*(f"column {index}" for index in range(_COLUMNS)), "class"]
    schema = pa.schema([(name, pa.float32()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - start)
            columns = [*draw.random((_COLUMNS, count), np.float32), draw.integers(0, _CLASSES, count)]
            writer.write_table(pa.table([np.asarray(c, np.float32) for c in columns], schema=schema))


def _encrypted(features: int, outputs: int) -> float:
    """Seconds for one round on all cores: a re-randomised product with a random matrix of typical entries."""
    public, _ = generate_paillier_keypair(2048)
    context = PublicContext(public)
    model = LinearClassifier(features - 1, outputs).with_initial_weights(seed=1)
    weights = model.encrypt(context).weights_
    matrix = np.rint(np.random.default_rng(0).normal(0, 4, (features, features))).astype(np.int64)
    start = time.perf_counter()
    (matrix @ weights).rerandomise()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
