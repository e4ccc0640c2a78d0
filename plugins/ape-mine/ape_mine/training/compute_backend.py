"""What a Mine computes with: this process's threads, or a Dask cluster of the Miner's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ape_mine.errors import EngineMissingError, EngineUnreachableError
from sonar_core.base.errors import UsageError
from syft import TaskExecutor

ENGINES = ("threads", "dask")
#: Seconds that a scheduler may take to answer.
_PATIENCE = 20


@contextmanager
def open_engine(name: str, scheduler: str | None = None) -> Iterator[TaskExecutor | None]:
    """The executor of a Mine's computations while the context lasts; None for this process.

    Args:
        name: one of `ENGINES`.
        scheduler: address of a Dask scheduler ("tcp://host:port", or "tls://..." with Dask's own TLS settings). Who
            can reach it can run programs on its workers, and they see the rows' features: it must be the Miner's own.

    Raises:
        UsageError: another engine; a scheduler that is missing, or given where none is used.
        EngineMissingError: Dask is not installed.
        EngineUnreachableError: no scheduler answers there, or it has no worker.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}: choose {' or '.join(ENGINES)}")
    if (name == "dask") != bool(scheduler):
        raise UsageError("--engine dask needs --scheduler, its cluster's address, and no other engine takes one")
    if scheduler is None:
        yield None
        return
    with _client(scheduler) as client:
        # As many tasks at once as there are threads; a task itself then keeps to one.
        workers = sum(client.nthreads().values())
        if not workers:
            raise EngineUnreachableError(scheduler, "it has no worker: start some with `dask worker`")
        yield TaskExecutor(client.get_executor(), workers)


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise EngineMissingError("dask", "distributed") from None
    try:
        client = distributed.Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise EngineUnreachableError(scheduler, str(error)) from None
    with client:
        yield client
