"""Puts a service's observers together from its options and settings."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from sonar_core.app.settings import settings
from sonar_core.base.errors import SonarError, one_line
from sonar_core.chain.contracts import SonarContracts
from sonar_core.service.action import Action
from sonar_core.service.instrumented import watched_node
from sonar_core.service.logs import FORMATS, LEVELS, Log, open_log
from sonar_core.service.observer import Observer, Observers, Screen
from sonar_core.service.systemd import Supervisor
from sonar_core.store import open_store
from syft.errors import SyftError

#: Time-out of the health check's question to the store, in seconds.
_STORE_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class ObserverOptions:
    """Options of a service's observers; None takes the value of the settings.

    Attributes:
        log: "lines", "json" or "console".
        level: minimum level of structured logs.
        metrics: loopback address and port of the metrics, "" for none.
    """

    log: str | None = None
    level: str | None = None
    metrics: str | None = None


def watch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --log, --log-level and --metrics to a command, which gets them as one argument, `watching`."""

    @click.option("--log", type=click.Choice(("lines", *FORMATS)), help="Plain lines, or structured logs on stderr.")
    @click.option("--log-level", type=click.Choice(LEVELS), help="Minimum level of structured logs.")
    @click.option("--metrics", metavar="127.0.0.1:PORT", help="Serve /metrics, /healthz and /readyz there.")
    @wraps(command)
    def with_options(*arguments: Any, log: str, log_level: str, metrics: str, **named: Any) -> Any:
        return command(*arguments, watching=ObserverOptions(log, log_level, metrics), **named)

    return with_options


@contextmanager
def open_watch(
    watching: ObserverOptions, service: str, home: Path, tell: Callable[[Action], None]
) -> Iterator[Observer]:
    """Observers of the service that runs in the context, on the network that Ape is connected to.

    An error that ends the service is reported to them, and raised on.

    Args:
        watching: the command's options.
        service: "capsule" or "mine".
        home: its folder.
        tell: prints an Action if the log is plain lines.

    Raises:
        UsageError: the metrics' address cannot be used.
        InvalidStoreError: the settings name no store.
    """
    from ape.exceptions import ApeException
    from ape.utils.basemodel import ManagerAccessMixin

    with ExitStack() as stack:
        observer = Observers(_members(watching, service, home, tell, stack))
        stack.enter_context(watched_node(ManagerAccessMixin.provider.web3, observer))
        try:
            yield observer
        except (SonarError, SyftError, ApeException, OSError) as error:
            observer.failed(one_line(error))
            raise
        except Exception as error:
            observer.failed(f"a defect: {type(error).__name__}")
            raise
        finally:
            observer.stopped()


def service_facts(package: str, chain: SonarContracts) -> dict[str, str | int]:
    """Facts that a service reports at its start: versions, chain, contract, account."""
    return {
        "version": version(package),
        "sonar_version": version("sonar-core"),
        "syft_version": version("sonar-syft"),
        "python": platform.python_version(),
        "chain": chain.chain_id,
        "contract": chain.address,
        "account": chain.sender,
    }


def _members(
    watching: ObserverOptions, service: str, home: Path, tell: Callable[[Action], None], stack: ExitStack
) -> list[Observer]:
    known = settings()
    members: list[Observer] = [Supervisor()]
    form = watching.log or known.log
    if form in FORMATS:
        level = watching.level or known.log_level
        members.append(Log(stack.enter_context(open_log(sys.stderr, form=form, level=level, service=service))))
    else:
        members.append(Screen(tell))
    where = known.metrics if watching.metrics is None else watching.metrics
    if where:
        # Imported late: it is off by default, and Prometheus' client and a web server take a while.
        from sonar_core.service.health import Health
        from sonar_core.service.http_endpoint import parse_loopback, serve_metrics
        from sonar_core.service.metrics import Metrics

        metrics, health = Metrics(service, home), Health(known.patience, _store_question())
        url = stack.enter_context(serve_metrics(parse_loopback(where), metrics, health))
        click.echo(f"Metrics and health: {url}/metrics, {url}/healthz, {url}/readyz", err=True)
        members += [metrics, health]
    return members


def _store_question() -> Callable[[], object]:
    store = open_store(settings().store_uri, timeout=_STORE_PATIENCE)
    return lambda: store.has(store.address_of(b""))
