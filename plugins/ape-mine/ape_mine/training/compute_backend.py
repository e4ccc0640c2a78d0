"""Compute backends of a Mine: this process's threads, or the Miner's own Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ape_mine.errors import EngineUnreachableError, ExtraMissingError
from sonar_core.base.errors import UsageError
from syft import TaskExecutor

ENGINES = ("threads", "dask")
#: Timeout of the scheduler, in seconds.
_TIMEOUT = 20


@contextmanager
def open_engine(name: str, scheduler: str | None = None) -> Iterator[TaskExecutor | None]:
    """Opens a compute backend for the duration of the context; None stands for this process.

    Args:
        name: one of `ENGINES`.
        scheduler: address of a Dask scheduler ("tcp://host:port", or "tls://..." with Dask's own TLS settings). It
            must be the Miner's own: its workers see the rows' features and run code for anybody who can reach it.

    Raises:
        UsageError: an unknown engine; a scheduler that is missing, or given for an engine without one.
        ExtraMissingError: Dask is not installed.
        EngineUnreachableError: no scheduler answers, or it has no worker.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}: choose {' or '.join(ENGINES)}")
    if (name == "dask") != bool(scheduler):
        raise UsageError("--engine dask needs --scheduler, the address of its cluster; no other engine takes one")
    if scheduler is None:
        yield None
        return
    with _client(scheduler) as client:
        # One task per thread of the cluster; each task then runs in one thread.
        workers = sum(client.nthreads().values())
        if not workers:
            raise EngineUnreachableError(scheduler, "it has no worker: start some with `dask worker`")
        yield TaskExecutor(client.get_executor(), workers)


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise ExtraMissingError("the engine dask", "distributed", extra="dask") from None
    try:
        client = distributed.Client(scheduler, timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise EngineUnreachableError(scheduler, str(error)) from None
    with client:
        yield client
