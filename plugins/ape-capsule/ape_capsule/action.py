"""What the Capsule tells of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """Something the Capsule did or found out.

    Attributes:
        kind: opened, declined, scored, rejected, rebased, delivered, collected, waiting or trouble.
        campaign: id; None for what is about no Campaign.
        words: for people; nothing secret in them.
    """

    kind: str
    campaign: bytes | None
    words: str

    @property
    def moved(self) -> bool:
        """Whether something was done, and not only found out."""
        return self.kind not in ("waiting", "trouble")
