"""A Dask cluster computes what a Mine would, also when one of its workers is killed meanwhile."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import distributed
import numpy as np
import pytest

from ape_mine.errors import EngineUnreachableError, ExtraMissingError
from ape_mine.training import compute_backend
from ape_mine.training.compute_backend import open_engine
from sonar_core.base.errors import UsageError
from syft import PublicContext
from syft.errors import StatisticsError
from syft.nn import LocalStatistics
from syft.paillier import EncryptedTensor, Packing, generate_insecure_keypair

LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **LOOPBACK) as made:
        yield made


@pytest.fixture
def executor(cluster):
    # Killed workers are started again; they may not be there yet.
    cluster.wait_for_workers(2, timeout=60)
    with open_engine("dask", cluster.scheduler_address) as opened:
        yield opened


def chunks(count):
    draw = np.random.default_rng(0)
    return [(draw.integers(-1024, 1024, (2000, 200)), draw.integers(0, 2, (2000, 3))) for _ in range(count)]


def test_statistics_and_products_are_the_same(executor):
    assert executor.workers == 2
    near = LocalStatistics.from_chunks(chunks(5))
    assert same(LocalStatistics.from_chunks(chunks(5), executor), near)
    draw = np.random.default_rng(1)
    context = PublicContext(generate_insecure_keypair(512)[0])
    ciphertexts = context.raw_encrypt([int(number) for number in draw.integers(-9, 9, 20)])
    matrix = draw.integers(-200, 200, (20, 20))
    here = EncryptedTensor(context, ciphertexts, (20, 1), Packing(100, 1), 4, 9)
    there = PublicContext(context.public_key, context.h, executor=executor)
    remote = EncryptedTensor(there, ciphertexts, (20, 1), Packing(100, 1), 4, 9)
    assert (matrix @ remote).ciphertexts == (matrix @ here).ciphertexts


def same(left, right):
    return (left.gram == right.gram).all() and (left.cross == right.cross).all() and left.rows == right.rows


def test_a_worker_killed_in_mid_run_changes_nothing(cluster, executor):
    near = LocalStatistics.from_chunks(chunks(12))
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    taken = []

    def killing():
        for chunk in chunks(12):
            taken.append(len(taken))
            if len(taken) == 6:
                os.kill(victim, signal.SIGKILL)
            yield chunk

    with ThreadPoolExecutor(1) as aside:
        far = aside.submit(LocalStatistics.from_chunks, killing(), executor).result(timeout=120)
    assert len(taken) == 12
    assert same(far, near)


def test_errors_of_the_rows_come_through(executor):
    with pytest.raises(StatisticsError, match="2 rows of features and 3 targets"):
        LocalStatistics.from_chunks([(np.zeros((2, 2), np.int64), np.zeros((3, 1), np.int64))], executor)


def test_the_usual_engine_is_this_process():
    with open_engine("threads") as opened:
        assert opened is None


@pytest.mark.parametrize(
    ("name", "scheduler", "why"),
    [
        ("ray", None, "unknown engine 'ray'"),
        ("dask", None, "needs --scheduler"),
        ("threads", "tcp://127.0.0.1:1", "no other engine takes one"),
    ],
)
def test_options_that_do_not_fit(name, scheduler, why):
    with pytest.raises(UsageError, match=why), open_engine(name, scheduler):
        pass


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "nowhere://here"])
def test_no_scheduler_there(monkeypatch, scheduler):
    monkeypatch.setattr(compute_backend, "_TIMEOUT", 0.5)
    with pytest.raises(EngineUnreachableError, match=scheduler), open_engine("dask", scheduler):
        pass


def test_a_cluster_without_workers():
    with (
        distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as empty,
        pytest.raises(EngineUnreachableError, match="has no worker"),
        open_engine("dask", empty.scheduler_address),
    ):
        pass


def test_dask_is_not_installed(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(compute_backend, "import_module", missing)
    with pytest.raises(ExtraMissingError, match=r"ape-mine\[dask\]"), open_engine("dask", "tcp://127.0.0.1:1"):
        pass
