"""Cache of exact local statistics: a later round, or an equal question of another Campaign, need not read the rows."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ape_mine.training.gradient_task import LocalResult
from sonar_core.base.atomic_files import remove_leftovers, write_atomically
from syft import wire
from syft.errors import SyftError
from syft.nn import LocalStatistics

#: Largest file, in bytes.
_LARGEST = 1 << 30
_NONCE_BYTES = 12
_CONTEXT = b"sonar-statistics/1"


class StatisticsCache:
    """Files that only this user can read: statistics reveal much about rows, and never leave the Mine.

    Args:
        folder: created if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_leftovers(folder)
        self._key: bytes | None = None
        self._encrypted = False

    def lock(self) -> None:
        """Files are encrypted, and the key is not at hand: until `unlock`, nothing is found and nothing is stored."""
        self._encrypted, self._key = True, None

    def unlock(self, key: bytes) -> None:
        """Files are read, and from now on written, under a key derived from the Mine's, 32 bytes."""
        self._encrypted, self._key = True, HKDF(SHA256(), 32, salt=None, info=_CONTEXT).derive(key)

    def delete_plain(self) -> None:
        """Deletes files that are not encrypted; they are computed again when needed."""
        for path in self._folder.glob("*.safetensors"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Deletes all files, because rows were deleted; others are computed again when needed."""
        for path in (*self._folder.glob("*.safetensors"), *self._folder.glob("*.sealed")):
            path.unlink(missing_ok=True)

    def get(self, key: bytes) -> LocalResult | None:
        """Statistics by their `statistics_key`; None if they are missing or damaged."""
        try:
            arrays = wire.loads_arrays(self._read(key), limit=_LARGEST)
            statistics = LocalStatistics(arrays["gram"], arrays["cross"], int(arrays["rows"][0]))
            mu = float(arrays["mu"].view(np.float64)[0])
            return LocalResult(statistics, mu if mu > 0 else None)
        except (FileNotFoundError, InvalidTag, SyftError, KeyError, IndexError, ValueError):
            return None

    def put(self, key: bytes, result: LocalResult) -> None:
        """Stores statistics and mu. Raises OSError."""
        statistics = result.statistics
        arrays = {"gram": statistics.gram, "cross": statistics.cross, "rows": np.array([statistics.rows])}
        data = wire.dumps_arrays({**arrays, "mu": np.array([result.mu or 0.0]).view(np.int64)})
        if self._key is not None:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            data = nonce + AESGCM(self._key).encrypt(nonce, data, key)
        elif self._encrypted:
            return
        write_atomically(self._path(key), data, mode=0o600)

    def _read(self, key: bytes) -> bytes:
        """Raises FileNotFoundError, InvalidTag."""
        data = self._path(key).read_bytes()
        if not self._encrypted:
            return data
        if self._key is None or len(data) < _NONCE_BYTES:
            raise InvalidTag
        return AESGCM(self._key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], key)

    def _path(self, key: bytes) -> Path:
        return self._folder / f"{key.hex()}.{'sealed' if self._encrypted else 'safetensors'}"
