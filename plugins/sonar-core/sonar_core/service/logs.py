"""Structured logs: one event per line, as JSON or for a console.

Logs hold nothing private. An action is reported in the words that `sonar_core.service.action` allows. An exception is
reported by its type and the lines it passed through, never by its message or variables. The messages of libraries are
left out, because they may hold a node's URL, and a URL may hold a key.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.types import EventDict, Processor

from sonar_core.service.action import Action
from sonar_core.service.observer import Observer, Vitals

FORMATS = ("json", "console")
LEVELS = ("debug", "info", "warning", "error")
#: Loggers whose words are Sonar's own.
_OWN = ("sonar_core", "ape_sonar", "ape_capsule", "ape_mine", "syft")
#: Prints on its own.
_APE = "ape"


class Log(Observer):
    """Observer that writes structured logs.

    Args:
        log: of `open_log`.
    """

    def __init__(self, log: BoundLogger) -> None:
        self._log = log

    def started(self, facts: Mapping[str, str | int]) -> None:
        self._log.info("started", **facts)

    def acted(self, action: Action) -> None:
        level = logging.WARNING if action.kind == "trouble" else logging.INFO
        campaign = "0x" + action.campaign.hex() if action.campaign else None
        self._log.log(level, action.kind, campaign=campaign, words=action.words)

    def timed(self, work: str, seconds: float) -> None:
        self._log.debug("worked", work=work, seconds=round(seconds, 3))

    def called(self, part: str, call: str, seconds: float, failure: str | None) -> None:
        if failure is None:
            self._log.debug("called", part=part, call=call, seconds=round(seconds, 3))
        else:
            self._log.warning("call failed", part=part, call=call, seconds=round(seconds, 3), why=failure)

    def saw(self, vitals: Vitals) -> None:
        self._log.debug("stands", head=vitals.head, behind=vitals.behind, waiting=vitals.waiting)

    def failed(self, words: str) -> None:
        self._log.error("failed", words=words)

    def stopped(self) -> None:
        self._log.info("stopped")


@contextmanager
def open_log(stream: TextIO, *, form: str, level: str, service: str) -> Iterator[BoundLogger]:
    """A logger that writes to `stream`; what Sonar's modules log goes there too while the context lasts.

    Args:
        stream: where lines go.
        form: one of FORMATS.
        level: one of LEVELS: the least that is written.
        service: on every line.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(form))
    handler.addFilter(_is_wanted)
    root, own = logging.getLogger(), [logging.getLogger(name) for name in _OWN]
    former = [logger.level for logger in own]
    root.addHandler(handler)
    for logger in own:
        logger.setLevel(threshold)
    try:
        yield structlog.wrap_logger(
            logging.getLogger(__name__),
            processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
            wrapper_class=BoundLogger,
            cache_logger_on_first_use=True,
            service=service,
        )
    finally:
        for logger, before in zip(own, former, strict=True):
            logger.setLevel(before)
        root.removeHandler(handler)


def _formatter(form: str) -> logging.Formatter:
    render: Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    return ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, _without_a_librarys_words, *_SHARED],
        processors=[ProcessorFormatter.remove_processors_meta, _without_messages_of_exceptions, render],
    )


def _is_wanted(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] != _APE


def _without_a_librarys_words(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if str(event.get("logger", "")).partition(".")[0] not in _OWN:
        event["event"] = "a library warns; its words are left out"
    return event


def _without_messages_of_exceptions(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Type and place of an exception: its message may quote a row, and its frames' variables hold them."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


_SHARED: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
