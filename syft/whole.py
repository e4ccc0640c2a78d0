"""Whole numbers from strangers."""

from __future__ import annotations

from typing import TypeGuard


def is_whole(value: object, least: int, most: int) -> TypeGuard[int]:
    """Whether something is a whole number from `least` to `most`. A bool is none, though Python counts it as one."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
