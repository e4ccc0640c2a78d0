"""Local statistics that were computed before: a new round, or another Campaign's same question, reads no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

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

    def get(self, key: bytes) -> LocalStatistics | None:
        """What was kept under a key of `task.statistics_key`; None where nothing was, or it is damaged."""
        try:
            arrays = wire.loads_arrays(self._path(key).read_bytes(), limit=_LARGEST)
            gram, cross = (arrays[name].astype(object) for name in ("gram", "cross"))
            return LocalStatistics(gram, cross, int(arrays["rows"][0]))
        except (FileNotFoundError, SyftError, KeyError, IndexError):
            return None

    def put(self, key: bytes, statistics: LocalStatistics) -> None:
        """Keeps statistics; what does not fit 64 bits is not kept. Raises OSError."""
        parts = {"gram": statistics.gram, "cross": statistics.cross, "rows": np.array([statistics.rows])}
        try:
            data = wire.dumps_arrays({name: part.astype(np.int64) for name, part in parts.items()})
        except OverflowError:
            return
        write_atomically(self._path(key), data, mode=0o600)

    def _path(self, key: bytes) -> Path:
        return self._folder / f"{key.hex()}.safetensors"
