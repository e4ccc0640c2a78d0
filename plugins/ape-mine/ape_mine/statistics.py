"""What was computed of rows before: a new round, or another Campaign's same question, reads no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ape_mine.task import Own
from ape_sonar.files import sweep, write_atomically
from syft import wire
from syft.errors import SyftError
from syft.nn import LocalStatistics

#: Most bytes of a file.
_LARGEST = 1 << 30


class StatisticsCache:
    """Files readable by this account alone: statistics tell much about rows, and never leave the Mine.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)

    def get(self, key: bytes) -> Own | None:
        """What was kept under a key of `task.statistics_key`; None where nothing was, or it is damaged."""
        try:
            arrays = wire.loads_arrays(self._path(key).read_bytes(), limit=_LARGEST)
            statistics = LocalStatistics(arrays["gram"], arrays["cross"], int(arrays["rows"][0]))
            mu = float(arrays["mu"].view(np.float64)[0])
            return Own(statistics, mu if mu > 0 else None)
        except (FileNotFoundError, SyftError, KeyError, IndexError, ValueError):
            return None

    def put(self, key: bytes, own: Own) -> None:
        """Keeps statistics and mu; not the folds, which tell nothing more. Raises OSError."""
        statistics = own.statistics
        arrays = {"gram": statistics.gram, "cross": statistics.cross, "rows": np.array([statistics.rows])}
        data = wire.dumps_arrays({**arrays, "mu": np.array([own.mu or 0.0]).view(np.int64)})
        write_atomically(self._path(key), data, mode=0o600)

    def _path(self, key: bytes) -> Path:
        return self._folder / f"{key.hex()}.safetensors"
