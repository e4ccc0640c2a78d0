"""What was computed of rows before: a new round, or another Campaign's same question, reads no row."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ape_mine.training.gradient_task import LocalResult
from sonar_core.base.atomic_files import sweep, write_atomically
from syft import wire
from syft.errors import SyftError
from syft.nn import LocalStatistics

#: Most bytes of a file.
_LARGEST = 1 << 30
_NONCE_BYTES = 12
_BOUND = b"sonar-statistics/1"


class StatisticsCache:
    """Files readable by this account alone: statistics tell much about rows, and never leave the Mine.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)
        self._key: bytes | None = None
        self._sealed = False

    def seal(self, key: bytes | None = None) -> None:
        """From now on files are encrypted under the Mine's key; without it nothing is found, and nothing kept."""
        self._sealed, self._key = True, key and HKDF(SHA256(), 32, salt=None, info=_BOUND).derive(key)

    def forget_plain(self) -> None:
        """Deletes what is not encrypted: it is computed again when it is needed."""
        for path in self._folder.glob("*.safetensors"):
            path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Deletes all: rows that they were computed from are gone, and others' are computed again when needed."""
        for path in (*self._folder.glob("*.safetensors"), *self._folder.glob("*.sealed")):
            path.unlink(missing_ok=True)

    def get(self, key: bytes) -> LocalResult | None:
        """What was kept under a key of `task.statistics_key`; None where nothing was, or it is damaged."""
        try:
            arrays = wire.loads_arrays(self._opened(key), limit=_LARGEST)
            statistics = LocalStatistics(arrays["gram"], arrays["cross"], int(arrays["rows"][0]))
            mu = float(arrays["mu"].view(np.float64)[0])
            return LocalResult(statistics, mu if mu > 0 else None)
        except (FileNotFoundError, InvalidTag, SyftError, KeyError, IndexError, ValueError):
            return None

    def put(self, key: bytes, own: LocalResult) -> None:
        """Keeps statistics and mu; not the folds, which tell nothing more. Raises OSError."""
        statistics = own.statistics
        arrays = {"gram": statistics.gram, "cross": statistics.cross, "rows": np.array([statistics.rows])}
        data = wire.dumps_arrays({**arrays, "mu": np.array([own.mu or 0.0]).view(np.int64)})
        if self._key is not None:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            data = nonce + AESGCM(self._key).encrypt(nonce, data, key)
        elif self._sealed:
            return
        write_atomically(self._path(key), data, mode=0o600)

    def _opened(self, key: bytes) -> bytes:
        """Raises FileNotFoundError, InvalidTag."""
        data = self._path(key).read_bytes()
        if not self._sealed:
            return data
        if self._key is None or len(data) < _NONCE_BYTES:
            raise InvalidTag
        return AESGCM(self._key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], key)

    def _path(self, key: bytes) -> Path:
        return self._folder / f"{key.hex()}.{'sealed' if self._sealed else 'safetensors'}"
