"""Program of a `TaskProcess`: one JSON request per line of stdin, one JSON answer per line of stdout.

    worker.py MODULE CORES

MODULE has the tasks; CORES is the number of cores that the process may use.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable

sys.set_int_max_str_digits(0)


def main(module: str, cores: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    tasks = importlib.import_module(f"scripts._bench.{module}").TASKS
    answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "task" in request:
            task = tasks[request["task"]](request["arguments"])
            task()
            answer({"prepared": request["task"]})
        else:
            answer({"seconds": timed(task)})


def answer(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


def timed(task: Callable[[], object]) -> float:
    """Seconds of one run."""
    gc.collect()
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
