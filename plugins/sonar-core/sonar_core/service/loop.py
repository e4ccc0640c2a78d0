"""The loop of a service: a turn, a report of what it did, a wait, until the process is asked to end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Flag
from typing import Protocol

from sonar_core.base.errors import SonarError, one_line
from sonar_core.chain.errors import ChainError, UnconfirmedError
from sonar_core.service.action import Action
from sonar_core.service.observer import Observer, Vitals
from syft.errors import SyftError

_log = logging.getLogger(__name__)
#: Longest wait between two turns while the node does not answer, in seconds.
_LONGEST_BACKOFF = 60.0


class Service(Protocol):
    """A Capsule or a Mine, as its loop uses it."""

    def step(self) -> list[Action]:
        """One turn: does what can be done now. Raises ChainError, SonarError, SyftError, OSError."""

    def vitals(self) -> Vitals:
        """State of the service between two turns. Raises ChainError, JournalError."""


def run_service(
    service: Service,
    *,
    poll_interval: float,
    stop: Flag,
    report: Callable[[Action], None],
    observer: Observer,
    wait: Callable[[float, Flag], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Takes turns until `stop` is set.

    After a turn in which nothing was done it waits. The same message about the same Campaign is reported once. While
    the node does not answer, that is reported once, and each wait is twice as long as the one before.

    Args:
        service: takes the turns.
        poll_interval: seconds between two turns.
        stop: ends the loop after the turn under way.
        report: receives each Action.
        observer: is told of each turn.
        wait: waits for so many seconds, or until there is work; `Event.wait` if left out.
        clock: monotonic seconds.
    """
    reported: dict[bytes | None, Action] = {}
    outage, backoff = None, poll_interval
    while not stop.is_set():
        observer.stepping()
        try:
            actions = service.step()
        except ChainError as error:
            if outage is None:
                outage, backoff = clock(), poll_interval
                report(Action("trouble", None, f"{_utc()}: {one_line(error)}"))
            actions = []
        except (SonarError, SyftError, OSError) as error:
            actions = [Action("trouble", None, one_line(error))]
        else:
            if outage is not None:
                report(Action("recovered", None, f"{_utc()}: the node answers again, after {clock() - outage:.0f} s"))
                outage = None
        for action in actions:
            if action.moved or reported.get(action.campaign) != action:
                report(action)
            reported[action.campaign] = action
        observer.stepped(service.vitals)
        if outage is not None:
            stop.wait(backoff)
            backoff = min(2 * backoff, max(_LONGEST_BACKOFF, poll_interval))
        elif not any(action.moved for action in actions):
            (wait or _wait)(poll_interval, stop)


@contextmanager
def isolated(campaign: bytes, report: Callable[[Action], object]) -> Iterator[None]:
    """Turns an error about one Campaign into an Action, so that it stops no other Campaign.

    A transaction that is in no block yet is reported as "waiting", every other error as "trouble"; a defect is logged
    as well.

    Args:
        campaign: its id.
        report: receives the Action.

    Raises:
        ChainError: the node does not answer, which concerns all Campaigns.
    """
    try:
        yield
    except ChainError:
        raise
    except UnconfirmedError as error:
        report(Action("waiting", campaign, one_line(error)))
    except (SonarError, SyftError, OSError) as error:
        report(Action("trouble", campaign, one_line(error)))
    except Exception as error:
        _log.exception("Campaign 0x%s", campaign.hex())
        report(Action("trouble", campaign, f"a defect, see the log: {type(error).__name__}"))


def _wait(seconds: float, stop: Flag) -> None:
    stop.wait(seconds)


def _utc() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
