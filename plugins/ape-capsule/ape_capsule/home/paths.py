"""Names of the files and folders in a Capsule's home, and the lock that admits one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ape_capsule.errors import HomeBusyError
from ape_capsule.keys.openpgp_identity import require_identity
from sonar_core.app.settings import settings
from sonar_core.base.file_lock import file_lock

#: Environment variable that may hold the passphrase of the vaults.
PASSPHRASE_VARIABLE = "SONAR_CAPSULE_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase
STATE_FILE, WARRANT_FILE, LOCK_FILE = "state.sqlite", "warrants.jsonl", "lock"
KEYS_FOLDER, WEIGHTS_FOLDER, EVIDENCE_FOLDER, STATEMENTS_FOLDER = "keys", "heads", "evidence", "statements"


def default_home() -> Path:
    """The Capsule's home if no option names one: `capsule` in Sonar's home."""
    return settings().home / "capsule"


@contextmanager
def lock(home: Path) -> Iterator[None]:
    """Locks a home for this process; the lock ends with the block or with the process.

    Raises:
        IdentityMissingError: there is no Capsule in this home.
        HomeBusyError: another process holds the lock.
    """
    require_identity(home)
    with file_lock(home / LOCK_FILE, busy=HomeBusyError(home)):
        yield
