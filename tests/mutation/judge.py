"""Tests against a contract's code, in a fork of the process that collected them: each run starts from one memory."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from typing import Any

import ape
import pytest
from ape_ethereum.ecosystem import Ethereum
from eth.vm.forks.shanghai import computation as shanghai
from eth.vm.forks.spurious_dragon import computation as spurious_dragon
from ethpm_types.abi import ConstructorABI
from hexbytes import HexBytes

from tests.mutation.history import Step, recorded
from tests.mutation.replay import LARGEST_CODE, check

#: Three times what the longest test takes on a busy machine.
_TOO_LONG = 150
#: Test -> its seconds and what it asks of the chain.
Histories = dict[str, tuple[float, list[Step]]]


class JudgeError(RuntimeError):
    """A run of tests ended without an answer."""


def prepare(session: pytest.Session) -> None:
    """Once, before any fork."""
    spurious_dragon.EIP170_CODE_SIZE_LIMIT = shanghai.MAX_INITCODE_SIZE = LARGEST_CODE
    # Nobody reads the traceback of a mutant's failure, whose making takes a quarter of the time.
    pytest.ExceptionInfo.getrepr = lambda info, *_, **__: info.exconly()
    for item in session.items:
        item.add_marker(pytest.mark.timeout(_TOO_LONG))
    # What a process looks up once, no fork needs to look up again, nor to collect.
    some = session.items[-1]
    some.config.hook.pytest_runtest_protocol(item=some, nextitem=None)
    if session.testsfailed:
        raise JudgeError(f"{some.nodeid} fails without any mutant")
    gc.freeze()


def first_failure(items: list[pytest.Item], codes: dict[str, str]) -> tuple[str, bool] | None:
    """The first test that fails where these contracts have this creation code, and whether it took too long.

    Raises JudgeError where the run breaks off.
    """
    answer = _forked(lambda: _first_failure(items, codes))
    return None if answer is None else (answer[0], answer[1])


def histories(items: list[pytest.Item], codes: dict[str, str]) -> dict[str, Any]:
    """Histories, as lists. Raises JudgeError where a test fails, or where revm answers otherwise than py-evm."""
    answer: dict[str, Any] = _forked(lambda: _histories(items, codes))
    return answer


def funds() -> dict[str, int]:
    """What the accounts own before any test."""
    backend = ape.chain.provider.evm_backend
    return {f"0x{account.hex()}": backend.balance for account in backend.get_accounts()}


def _forked(work: Callable[[], Any]) -> Any:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = {"answer": work()}
        except BaseException as error:
            answer = {"error": repr(error)}
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    told = json.loads(text) if text else {"error": "the process died"}
    if "error" in told:
        raise JudgeError(told["error"])
    return told["answer"]


class _Failures:
    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []
        self.why = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.why = str(report.longrepr)
            self.seen.append((report.nodeid, "Timeout" in self.why))


def _started(items: list[pytest.Item], codes: dict[str, str]) -> _Failures:
    _deploying_instead(codes)
    failures = _Failures()
    plugins = items[0].config.pluginmanager
    plugins.unregister(name="terminalreporter")
    plugins.register(failures)
    return failures


def _deploying_instead(codes: dict[str, str]) -> None:
    """Makes Ape deploy this creation code; its project, which it keeps on disk, is left as it is."""
    instead = {_creation(name): HexBytes(code) for name, code in codes.items()}
    ordinary = Ethereum.encode_deployment

    def encode(self: Ethereum, creation: HexBytes, abi: ConstructorABI, *args: Any, **kwargs: Any) -> Any:
        return ordinary(self, instead.get(HexBytes(creation), creation), abi, *args, **kwargs)

    Ethereum.encode_deployment = encode


def _creation(name: str) -> HexBytes:
    return HexBytes(getattr(ape.project, name).contract_type.deployment_bytecode.bytecode)


def _first_failure(items: list[pytest.Item], codes: dict[str, str]) -> tuple[str, bool] | None:
    failures = _started(items, codes)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if failures.seen:
            return failures.seen[0]
    return None


def _histories(items: list[pytest.Item], codes: dict[str, str]) -> dict[str, Any]:
    failures, found = _started(items, codes), {}
    for item, following in zip(items, [*items[1:], None], strict=True):
        began = time.monotonic()
        with recorded(codes) as recorder:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if failures.seen:
            raise JudgeError(f"{failures.seen[0][0]} fails without any mutant: {failures.why}")
        seconds, history = time.monotonic() - began, recorder.history()
        check(history, funds(), codes)
        found[item.nodeid] = seconds, [step for step, _ in history]
    return found
