"""Instead of the tests once: the tests against each mutant, each in a fork of this process, until one fails.

    ape test -p tests.mutation.plugin -p no:randomly tests/contracts tests/attacks --network ethereum:local:test \
        --mutants N --mutants-seed TEXT --mutants-report PATH
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from tests.mutation.compiler import CONTRACTS, Compiler, mutated_files
from tests.mutation.mutants import Mutant, mutants_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutants", type=int, help="how many mutants to sample; all without it")
    parser.addoption("--mutants-seed", default="", help="what the sample is drawn by, such as the commit")
    parser.addoption("--mutants-report", type=Path, required=True, help="JSON file of what became of each")


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Writes the report after each mutant, so that a run that was cut short has told what it saw."""
    config, compiler = session.config, Compiler()
    try:
        mutants = _sampled(compiler, config.getoption("--mutants"), config.getoption("--mutants-seed"))
        compiler.begin({})
        original = compiler.finish()
        assert original is not None, "the unchanged contracts do not compile"
        if (killer := _killer(session, original)) is not None:
            raise pytest.UsageError(f"the tests fail without any mutant: {killer}")
        report: dict[str, dict[str, str | None]] = {}
        _begin(compiler, mutants[0])
        for mutant, following in zip(mutants, [*mutants[1:], None], strict=True):
            code = compiler.finish()
            if following is not None:
                _begin(compiler, following)
            report[mutant.id] = _told(mutant) | _judged(session, code, original)
            config.getoption("--mutants-report").write_text(json.dumps(report, indent=1) + "\n")
            print(mutant.id, report[mutant.id], flush=True)  # noqa: T201
    finally:
        compiler.close()
    return True


def _sampled(compiler: Compiler, count: int | None, seed: str) -> list[Mutant]:
    trees = compiler.trees()
    mutants = [one for file in mutated_files() for one in mutants_of(file, compiler.source(file), trees[file])]
    return mutants if count is None else random.Random(seed).sample(mutants, count)


def _begin(compiler: Compiler, mutant: Mutant) -> None:
    compiler.begin({mutant.file: mutant.applied(compiler.source(mutant.file))})


def _told(mutant: Mutant) -> dict[str, str | None]:
    return {"where": f"{mutant.file} {mutant.function}", "operator": mutant.operator, "line": mutant.line} | {
        "old": mutant.old,
        "new": mutant.new,
    }


def _judged(session: pytest.Session, code: dict[str, str] | None, original: dict[str, str]) -> dict[str, str | None]:
    if code is None:
        return {"fate": "does not compile"}
    if code == original:
        return {"fate": "same bytecode"}
    killer = _killer(session, code)
    return {"fate": "survived" if killer is None else "killed", "by": killer}


def _killer(session: pytest.Session, code: dict[str, str]) -> str | None:
    """The first test that fails with this code; each run starts from the same memory, as it is a fork."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        verdict = "the run itself"
        try:
            verdict = _first_failure(session, code) or ""
        finally:
            os.write(writer, verdict.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        verdict = answer.read()
    os.waitpid(child, 0)
    return verdict or None


def _first_failure(session: pytest.Session, code: dict[str, str]) -> str | None:
    import ape

    for name in CONTRACTS:
        getattr(ape.project, name).contract_type.deployment_bytecode.bytecode = f"0x{code[name]}"
    failed: list[str] = []

    class Watch:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.append(report.nodeid)

    session.config.pluginmanager.register(Watch())
    for place, item in enumerate(session.items):
        following = session.items[place + 1] if place + 1 < len(session.items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if failed:
            return failed[0]
    return None
