"""A party's process: prepares a task, then times it, one request a line, one answer a line.

    worker.py MODULE CORES

MODULE names the tasks, CORES on how many cores it may run.
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
    say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "task" in request:
            task = tasks[request["task"]](request["of"])
            task()
            say({"prepared": request["task"]})
        else:
            say({"seconds": timed(task)})


def say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def timed(task: Callable[[], object]) -> float:
    """Seconds of one call."""
    gc.collect()
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
