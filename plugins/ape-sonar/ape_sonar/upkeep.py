"""What a service does for its blobs at each look, after all that is due."""

from __future__ import annotations

from ape_sonar.action import Action
from ape_sonar.errors import SonarError, one_line
from ape_sonar.store import BlobStore


def mend(store: BlobStore) -> list[Action]:
    """Copies to a node that is up again some of what it missed; trouble with that stops nothing else."""
    try:
        mended = store.mend()
    except SonarError as error:
        return [Action("trouble", None, one_line(error))]
    if not mended.blobs:
        return []
    return [Action("copied", None, f"{mended.blobs} blobs to a node that had missed them; {mended.left} are left")]
