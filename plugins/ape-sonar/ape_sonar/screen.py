"""Where the commands print their tables."""

from __future__ import annotations

import sys

from rich.console import Console

_PIPE_WIDTH = 200


def open_console() -> Console:
    """Standard output, as wide as the terminal; a pipe gets whole lines."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
