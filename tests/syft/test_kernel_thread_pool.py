"""The thread pool: each item is processed once, by at most the allowed number of threads, without deadlock."""

import multiprocessing
import threading
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syft.kernel._thread_pool import ThreadPool

threads_of = st.integers(1, 4)


class Watched:
    """Counts the threads that are working."""

    def __init__(self):
        self.most, self._now, self._lock = 0, set(), threading.Lock()

    def __call__(self, number):
        with self._lock:
            self._now.add(threading.get_ident())
            self.most = max(self.most, len(self._now))
        time.sleep(1e-4)
        with self._lock:
            self._now.discard(threading.get_ident())
        return number


@given(st.integers(0, 100), threads_of, st.integers(1, 9))
def test_chunks_are_the_whole(count, threads, grain):
    workers = ThreadPool(threads)
    chunks = workers.map_slices(lambda part: part, count, grain)
    indices = workers.map_slices(lambda part: list(range(count))[part], count, grain)
    assert [index for part in indices for index in part] == list(range(count))
    assert len(chunks) <= threads
    assert all(part.start % grain == 0 for part in chunks)


@given(st.lists(st.integers(), max_size=40), threads_of)
def test_every_item_is_taken_once(items, threads):
    made = ThreadPool(threads).share(lambda mine: list(mine) or None, items)
    assert Counter(item for one in made for item in one) == Counter(items)
    assert len(made) <= threads
    assert all(made)


def test_a_free_thread_takes_what_a_busy_one_would_have():
    begun = threading.Event()

    def work(mine):
        first = next(mine)
        if first == 0:
            begun.wait(10)  # until somebody else has taken all others
            return [0]
        taken = [first, *mine]
        begun.set()
        return taken

    assert sorted(map(len, ThreadPool(2).share(work, range(10)))) == [1, 9]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_work_that_hands_out_work_ends_and_keeps_the_limit(threads):
    workers, watched = ThreadPool(threads), Watched()

    def deep(level):
        watched(level)
        if not level:
            return 1
        later = workers.submit(lambda: deep(level - 1))
        return sum(workers.map(deep, [level - 1] * 3)) + sum(workers.share(sum_or_none, [1] * 5)) + later()

    def sum_or_none(mine):
        return sum(watched(one) for one in mine) or None

    def expected(level):
        return 1 if not level else 4 * expected(level - 1) + 5

    assert deep(4) == expected(4)
    assert watched.most <= threads


@pytest.mark.parametrize("threads", [1, 2])
def test_work_aside(threads):
    workers = ThreadPool(threads)
    result = workers.submit(lambda: 7 * 6)
    assert workers.map(abs, [-1, 2]) == [1, 2]
    assert result() == 42


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_thread_is_raised(threads):
    workers = ThreadPool(threads)
    with pytest.raises(ZeroDivisionError):
        workers.map(lambda divisor: 1 // divisor, [1, 0])
    with pytest.raises(ZeroDivisionError):
        workers.share(lambda mine: [1 // one for one in mine] or None, [1, 0])
    with pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 // 0)()
    assert workers.map(abs, [-1, 2]) == [1, 2]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_no_helpers_and_does_all_by_itself():
    workers = ThreadPool(2)
    assert workers.map(abs, [-1, -2]) == [1, 2]
    process = multiprocessing.get_context("fork").Process(target=lambda: workers.map(abs, [-1, -2, -3]))
    process.start()
    process.join(20)
    assert process.exitcode == 0
