"""Files that only the Capsule itself can read: sealed to its own certificates, signed by it, whole or not there."""

from __future__ import annotations

import shutil
from pathlib import Path

from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.base.atomic_files import remove_leftovers, write_atomically
from sonar_core.crypto.sealed_messages import MalformedMessageError, NoValidSignatureError, WrongKeyError

_PRIVATE = 0o600
#: Most bytes of one file.
_LARGEST = 256 << 20


class SealedFiles:
    """A folder of sealed files, one folder in it for each Campaign.

    Args:
        folder: made when missing.
        identity: the Capsule's.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, campaign: bytes, name: str, data: bytes) -> None:
        """Writes a file, or replaces it, durably. Raises OSError."""
        path = self._path(campaign, name)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        remove_leftovers(path.parent)
        write_atomically(path, self._identity.seal_to_self(data), mode=_PRIVATE)

    def take(self, campaign: bytes, name: str) -> bytes:
        """What was kept.

        Raises:
            FileNotFoundError: nothing was, or it was removed.
            SealError: the file is damaged, or was not written by this Capsule.
        """
        return self._identity.unseal_own(self._path(campaign, name).read_bytes(), limit=_LARGEST)

    def reseal(self, fingerprint: str) -> int:
        """Seals anew, to the current key, what one retired key alone opens; how many files that were.

        Each is replaced as a whole: cut short, it goes on with the others. What is damaged, or was not written by this
        Capsule, is left as it is: its signature would make it true.

        Raises:
            OSError: a file cannot be read or written.
            UnsealTimeoutError, UnsealProcessError: one could not be opened this time.
        """
        count = 0
        for path in sorted(self._folder.glob("*/[!.]*")):
            message = path.read_bytes()
            try:
                if self._identity.unsealing_key(message, limit=_LARGEST).fingerprint != fingerprint:
                    continue
                content = self._identity.unseal_own(message, limit=_LARGEST)
            except (MalformedMessageError, NoValidSignatureError, WrongKeyError):
                continue
            write_atomically(path, self._identity.seal_to_self(content), mode=_PRIVATE)
            count += 1
        return count

    def remove(self, campaign: bytes) -> None:
        """Removes everything that was kept of a Campaign, if anything was. Raises OSError."""
        folder = self._folder / campaign.hex()
        if folder.exists():
            shutil.rmtree(folder)

    def _path(self, campaign: bytes, name: str) -> Path:
        return self._folder / campaign.hex() / name
