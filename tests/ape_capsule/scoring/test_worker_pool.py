"""Worker processes: they say what this process says, one that is killed costs its own work alone, and none is left."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ape_capsule.errors import WorkerLostError
from ape_capsule.scoring.job import ScoringJob, ScoringResult, run_job
from ape_capsule.scoring.worker_pool import WorkerPool
from sonar_core.protocol.validation_set import ValidationSet
from syft.errors import SyftError
from syft.nn import WAD
from syft.paillier import EncryptedTensor, IntegerTensor, PrivateContext
from tests.world.capsule import key_pair, model, rows

ROOT = Path(__file__).resolve().parents[3]

PATIENCE = 60


@cache
def job(seed: int = 2) -> ScoringJob:
    """An honest Gradient of a Campaign's first head."""
    private_key = key_pair()[1]
    context = PrivateContext(private_key)
    started = model().with_initial_weights(seed=7)
    weights = started.encrypt(context).weights_
    assert isinstance(weights, EncryptedTensor)
    gradient = model().with_weights(weights).gradient(*rows(seed))
    head = started.weights_
    assert isinstance(gradient, EncryptedTensor)
    assert isinstance(head, IntegerTensor)
    return ScoringJob(context, gradient, model(), head, ValidationSet.build(*rows(1)), 0, WAD, 10**16)


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    """Shared, since a process takes two seconds to start."""
    with WorkerPool(2) as workers:
        yield workers


def done(workers: WorkerPool, future: object) -> ScoringResult:
    while not future.done():  # type: ignore[attr-defined]
        assert workers.wait(PATIENCE)
    return workers.result(future)  # type: ignore[arg-type]


def same(one: ScoringResult, other: ScoringResult) -> bool:
    assert one.score is not None
    assert other.score is not None
    return (
        (one.openings.plaintexts, one.openings.roots) == (other.openings.plaintexts, other.openings.roots)
        and (one.score.step_size, one.score.accuracy) == (other.score.step_size, other.score.accuracy)
        and np.array_equal(one.score.predictions, other.score.predictions)
        and (one.score.weights.values == other.score.weights.values).all()
    )


def test_workers_say_what_this_process_says_side_by_side(workers: WorkerPool) -> None:
    tasks = [job(seed) for seed in (2, 3, 4)]
    futures = [workers.submit(task) for task in tasks]
    assert workers.has_room
    futures.append(workers.submit(tasks[0]))
    assert not workers.has_room, "one that each is at, and one that waits for it"
    for task, future in zip([*tasks, tasks[0]], futures, strict=True):
        assert same(done(workers, future), run_job(task))
    assert len(set(workers.processes())) == 2
    assert os.getpid() not in workers.processes()
    assert (workers.is_busy, workers.has_room, workers.wait(0)) == (False, True, False)


def test_none_means_here_and_now() -> None:
    with WorkerPool(0) as workers:
        future = workers.submit(job())
        assert future.done()
        assert same(workers.result(future), run_job(job()))
        assert (workers.processes(), workers.has_room, workers.is_busy) == ([], True, False)


def test_what_cannot_be_applied_and_what_cannot_be_opened(workers: WorkerPool) -> None:
    """A head at the edge of its bound goes beyond it by any step; a multiple of p is no ciphertext."""
    task = job()
    edge = task.weights.values.copy()
    edge[:] = task.weights.bound
    for place in (workers, WorkerPool(0)):
        at_the_edge = IntegerTensor(edge, task.weights.exponent, task.weights.bound)
        answer = done(place, place.submit(replace(task, weights=at_the_edge)))
        assert answer.score is None
        assert "beyond the bound" in answer.objection
        assert answer.openings.plaintexts == run_job(task).openings.plaintexts
        p = task.context.private_key.p
        broken = replace(task.gradient, ciphertexts=[p, *task.gradient.ciphertexts[1:]])
        with pytest.raises(SyftError):
            done(place, place.submit(replace(task, gradient=broken)))


def test_a_killed_worker_costs_its_own_work_alone(workers: WorkerPool) -> None:
    first = run_job(job())
    both = [workers.submit(job()), workers.submit(job())]
    assert all(same(done(workers, one), first) for one in both)
    stopped, other = workers.processes()
    os.kill(stopped, signal.SIGSTOP)
    os.kill(other, signal.SIGSTOP)
    lost, kept = workers.submit(job()), workers.submit(job(3))
    os.kill(stopped, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="tried again"):
        done(workers, lost)
    os.kill(other, signal.SIGCONT)
    assert same(done(workers, kept), run_job(job(3)))
    assert same(done(workers, workers.submit(job())), first), "a new one takes its place"
    assert stopped not in workers.processes()


def test_one_killed_while_it_idles_is_not_missed(workers: WorkerPool) -> None:
    done(workers, workers.submit(job()))
    for idle in workers.processes():
        os.kill(idle, signal.SIGKILL)
    future = workers.submit(job())
    try:
        answer = done(workers, future)
    except WorkerLostError:  # it was not known to be dead when it was asked
        answer = done(workers, workers.submit(job()))
    assert same(answer, run_job(job()))


def test_what_nobody_wants_any_more_keeps_nobody_awake(workers: WorkerPool) -> None:
    future = workers.submit(job())
    workers.discard(future)
    assert (workers.is_busy, workers.has_room) == (False, True)


def test_a_worker_holds_no_secret_but_its_tasks_and_leaves_none(workers: WorkerPool) -> None:
    """No core dump, no look into its memory by another process of the account, and signals are its Capsule's matter."""
    done(workers, workers.submit(job()))
    number = workers.processes()[0]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{number}/status").read_text().splitlines())
    ignored = int(status["SigIgn"], 16)
    assert all(ignored >> (one - 1) & 1 for one in (signal.SIGINT, signal.SIGTERM))
    # What is not dumpable belongs to root in /proc, whoever runs it: nobody else may look into it.
    assert Path(f"/proc/{number}/mem").stat().st_uid == 0
    if os.getuid() == 0:
        assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{number}/limits").read_text())
    workers.close()
    assert _gone(number)


def test_workers_die_with_a_capsule_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "capsule.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            sys.path[:0] = {[str(Path(__file__).parent), str(ROOT)]!r}
            if __name__ == "__main__":
                from test_worker_pool import job
                from ape_capsule.scoring.worker_pool import WorkerPool
                workers = WorkerPool(1)
                future = workers.submit(job())
                workers.result(future if future.result() else future)
                print(*workers.processes(), flush=True)
                time.sleep({PATIENCE})
            """
        )
    )
    capsule = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert capsule.stdout is not None
    number = int(capsule.stdout.readline())
    assert Path(f"/proc/{number}").exists()
    capsule.kill()
    capsule.wait()
    capsule.stdout.close()
    assert _gone(number)


def _gone(number: int) -> bool:
    """Whether a process ends; multiprocessing's own children are waited for on the way."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        multiprocessing.active_children()
        stat = Path(f"/proc/{number}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
