"""Instead of the tests once: the tests against mutants of the contracts, until one test fails for each.

    PYTHONPATH=. ape test -p tests.mutation.plugin tests/contracts tests/attacks --network ethereum:local:test \
        --mutants all|open|sample

`all` judges every mutant anew and writes tests/snapshots/mutants.json; cut short, it goes on where it was. `open` only
judges those that nothing has killed yet, or a test that is not there any more. `sample` checks that file: that it names
exactly the mutants there are, that each killer is there and each survivor explained, and that some recorded kills
are kills.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.mutation import judge, record
from tests.mutation.archive import histories
from tests.mutation.mutants import Mutant
from tests.mutation.record import KILLED, NEW, REFUSED, UNKILLED, Notes, Verdict
from tests.mutation.trial import Trial, side_by_side
from tests.mutation.workshop import Workshop, money_first


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutants")
    group.addoption("--mutants", choices=["all", "open", "sample"], required=True, help="which mutants are judged")
    group.addoption("--mutants-sample", type=int, default=25, help="how many of them a sample has")
    group.addoption("--mutants-seed", default="", help="what a sample is drawn by, such as the commit")


def pytest_runtestloop(session: pytest.Session) -> bool:
    judge.prepare(session)
    workshop = Workshop()
    try:
        if session.config.getoption("--mutants") == "sample":
            wrong = _check(session, workshop)
        else:
            wrong = _judge(session, workshop)
    finally:
        workshop.close()
    for line in wrong:
        _say(session, line)
    session.testsfailed = len(wrong)
    return True


def _say(session: pytest.Session, line: str) -> None:
    session.config.get_terminal_writer().line(line)
    session.config.get_terminal_writer().flush()


# ---------------------------------------------------------------------- the whole run


def _judge(session: pytest.Session, workshop: Workshop) -> list[str]:
    notes, done = Notes(), {mutant.id: Verdict(verdict=NEW) for mutant in workshop.mutants}
    if session.config.getoption("--mutants") == "open":
        there = {item.nodeid for item in session.items}
        kept = {one: row for one, row in record.read().items() if one in done and row["verdict"] not in UNKILLED}
        done |= {one: row for one, row in kept.items() if row["verdict"] != KILLED or row["by"] in there}
    done |= notes.read()
    waiting = [one for one in workshop.mutants if done[one.id]["verdict"] == NEW]
    waiting.sort(key=money_first)
    _say(session, f"{len(workshop.mutants)} mutants, {len(waiting)} to judge")
    original = workshop.original()
    heard = histories(session.items, original)
    _say(session, f"{len(heard)} tests ask {sum(len(steps) for _, steps in heard.values())} times")
    # All of them, whichever are left: the same question again is answered from what is kept.
    compiled = workshop.compile(workshop.mutants)
    done |= {one.id: Verdict(verdict=REFUSED) for one in waiting if one.id not in compiled}
    waiting = [one for one in waiting if one.id in compiled]
    trial = Trial(session.items, heard, original, compiled)
    for count, (mutant, verdict) in enumerate(side_by_side(trial.verdict, waiting), 1):
        done[mutant.id] = verdict
        notes.add(mutant, verdict)
        _say(session, f"{count}/{len(waiting)} {mutant.id} {verdict['verdict']} {verdict.get('by', mutant.line)}")
    record.write(workshop.mutants, done)
    notes.close()
    _say(session, _counted(done))
    return record.faults(workshop.mutants, record.read())


def _counted(table: dict[str, Verdict]) -> str:
    counts = Counter(row["verdict"] for row in table.values())
    return f"{len(table)} mutants: " + ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common())


# ---------------------------------------------------------------------- the sample


def _check(session: pytest.Session, workshop: Workshop) -> list[str]:
    """What is wrong with the file, or with the kills that the sample tries again."""
    table = record.read()
    _say(session, _counted(table))
    if wrong := record.faults(workshop.mutants, table):
        return [*wrong, "judge them with `make mutants`"]
    items = {item.nodeid: item for item in session.items}
    # Of all, not of the sample alone: a test that got another name would be missed until it is drawn.
    if gone := {row["by"] for row in table.values() if row["verdict"] == KILLED} - items.keys():
        return [
            *(f"{test} killed mutants, and is not there any more" for test in sorted(gone)),
            "judge them with `make mutants MUTANTS=open`",
        ]
    # What no switch fits around takes a compilation for itself: the whole run tries it.
    killed = [mutant for mutant in workshop.mutants if mutant.scope and table[mutant.id]["verdict"] == KILLED]
    seed = session.config.getoption("--mutants-seed")
    some = random.Random(seed).sample(killed, session.config.getoption("--mutants-sample"))
    killers = {mutant.id: table[mutant.id]["by"] for mutant in some}
    compiled = workshop.compile(some)

    def tried(mutant: Mutant | None) -> str:
        if mutant is None:
            unchanged = next(iter(compiled.values())).original()
            failure = judge.first_failure([items[test] for test in sorted(set(killers.values()))], unchanged)
            return f"{failure[0]} fails without any mutant" if failure else ""
        test = killers[mutant.id]
        survived = judge.first_failure([items[test]], compiled[mutant.id].creation()) is None
        return f"{test} does not kill {mutant} any more" if survived else ""

    wrong = [answer for _, answer in side_by_side(tried, [None, *some]) if answer]
    _say(session, f"{len(some)} kills tried again (seed {seed!r}), {len(wrong)} wrong")
    return wrong
