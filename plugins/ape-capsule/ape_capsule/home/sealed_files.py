"""Files that only the Capsule can read: sealed to its own certificate, signed by it, written atomically."""

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
    """A folder of sealed files, with one sub-folder per Campaign.

    Args:
        folder: made if it is missing.
        identity: the Capsule's.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, campaign: bytes, name: str, data: bytes) -> None:
        """Writes or replaces a file durably. Raises OSError."""
        path = self._path(campaign, name)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        remove_leftovers(path.parent)
        write_atomically(path, self._identity.seal_to_self(data), mode=_PRIVATE)

    def take(self, campaign: bytes, name: str) -> bytes:
        """The content of a file that `keep` wrote.

        Raises:
            FileNotFoundError: there is no such file (any more).
            SealError: the file is damaged, or this Capsule did not write it.
        """
        return self._identity.unseal_own(self._path(campaign, name).read_bytes(), limit=_LARGEST)

    def reseal(self, fingerprint: str) -> int:
        """Seals files to the current key that only one retired key unseals; returns their number.

        Each file is replaced as a whole; a call that is cut short is finished by the next one. A file that is damaged,
        or that this Capsule did not write, is left as it is: a new signature would make it look genuine.

        Args:
            fingerprint: of the retired key.

        Raises:
            OSError: a file cannot be read or written.
            UnsealTimeoutError, UnsealProcessError: a file could not be unsealed this time.
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
        """Removes all files of a Campaign, if any. Raises OSError."""
        folder = self._folder / campaign.hex()
        if folder.exists():
            shutil.rmtree(folder)

    def _path(self, campaign: bytes, name: str) -> Path:
        return self._folder / campaign.hex() / name
