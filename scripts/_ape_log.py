"""Ape's own lines (each transaction, each compiled file) in a file instead of on the screen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click


@contextmanager
def ape_log_in(path: Path) -> Iterator[None]:
    """Sends what Ape and PySonar log to a new file at this path, and none of it to the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    loggers = [logging.getLogger(name) for name in ("ape", "ape_sonar")]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    log = logging.FileHandler(path, mode="w", encoding="utf-8")
    log.setFormatter(_Plain("%(asctime)s %(levelname)s %(message)s"))
    for logger in loggers:
        logger.handlers, logger.propagate = [log], False
    try:
        yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
        log.close()


class _Plain(logging.Formatter):
    """Without the colours that Ape's messages bring along."""

    def format(self, record: logging.LogRecord) -> str:
        return click.unstyle(super().format(record))
