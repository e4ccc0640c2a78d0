"""Executors give the same integers as this process, and typed errors if a worker fails."""

import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from syft import IntegerTensor, PublicContext, TaskExecutor
from syft.errors import StatisticsError, TaskExecutorError
from syft.nn import LocalStatistics
from syft.paillier import Packing


class Late(Executor):
    """An executor that runs tasks when their results are requested, and records the largest number of pending tasks."""

    def __init__(self):
        self.waiting = self.most = 0
        self.futures = []

    def submit(self, work, /, *arguments):
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        executor = self

        class Lazy(Future):
            def result(self, timeout=None):
                executor.waiting -= 1
                return work(*arguments)

        future = Lazy()
        self.futures.append(future)
        return future


@pytest.fixture(scope="module")
def processes():
    # Spawned, since a fork would copy locks that threads hold.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield TaskExecutor(pool, 2)


def chunks():
    draw = np.random.default_rng(0)
    return [(draw.integers(-1024, 1024, (50, 6)), draw.integers(0, 2, (50, 3))) for _ in range(7)]


def die(_):
    os._exit(1)


def double(number):
    return 2 * number


def refuse(number):
    raise StatisticsError(f"not {number}")


def misbehave(number):
    raise ZeroDivisionError(f"of {number}")


def test_a_product_in_other_processes_is_the_same(private, processes):
    draw = np.random.default_rng(1)
    matrix = draw.integers(-200, 200, (9, 5))
    tensor = IntegerTensor(draw.integers(-9, 9, (5, 2)).astype(object), 4, 9)
    near = private.encrypt(tensor, Packing(100, 2))
    far = PublicContext(private.public_key, executor=processes)
    spread = type(near)(far, near.ciphertexts, near.shape, near.packing, near.exponent, near.bound)
    assert (matrix @ spread).ciphertexts == (matrix @ near).ciphertexts
    assert private.decrypt(matrix @ spread).values.tolist() == (matrix @ tensor.values).tolist()


def test_statistics_in_other_processes_are_the_same(processes):
    near, far = LocalStatistics.from_chunks(chunks()), LocalStatistics.from_chunks(iter(chunks()), processes)
    assert far.gram.tolist() == near.gram.tolist()
    assert far.cross.tolist() == near.cross.tolist()
    assert far.rows == near.rows


def test_results_come_in_their_order_and_little_is_under_way():
    late = Late()
    assert list(TaskExecutor(late, 3).map(double, range(100))) == list(range(0, 200, 2))
    assert late.most == 6


def test_a_worker_that_dies_is_an_error_of_syft():
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(TaskExecutorError, match="a worker"),
    ):
        list(TaskExecutor(pool, 1).map(die, range(3)))


def test_errors_of_the_work_itself_come_through(processes):
    with pytest.raises(StatisticsError, match="not 1"):
        list(processes.map(refuse, [1]))
    with pytest.raises(TaskExecutorError, match="ZeroDivisionError: of 1"):
        list(processes.map(misbehave, [1]))


def test_after_an_error_nothing_is_left_under_way():
    late = Late()
    with pytest.raises(StatisticsError):
        list(TaskExecutor(late, 2).map(refuse, range(9)))
    assert len(late.futures) == 4
    assert all(future.cancelled() for future in late.futures[1:])


def test_an_executor_that_was_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(TaskExecutorError, match="takes no more tasks"):
        list(TaskExecutor(pool, 1).map(double, [1]))


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (1, 0), (-1, 1)])
def test_no_workers(workers, threads):
    with pytest.raises(TaskExecutorError, match="at least 1"):
        TaskExecutor(Late(), workers, threads)
