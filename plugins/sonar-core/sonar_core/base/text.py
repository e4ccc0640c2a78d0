"""Small pieces of text for people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun in the singular or plural.

    >>> counted(1, "Gradient"), counted(1200, "Gradient")
    ('1 Gradient', '1,200 Gradients')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
