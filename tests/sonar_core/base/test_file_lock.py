"""The lock on a home."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sonar_core.base.file_lock import file_lock

_HOLDER = """
import sys
from pathlib import Path
from sonar_core.base.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_until_the_first_one_lets_go(tmp_path: Path) -> None:
    path, busy = tmp_path / "lock", RuntimeError("busy")
    with file_lock(path, busy=busy), pytest.raises(RuntimeError, match="busy"), file_lock(path, busy=busy):
        pytest.fail("two holders at once")
    with file_lock(path, busy=busy):
        assert path.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", _HOLDER, path], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RuntimeError, match="busy"), file_lock(path, busy=RuntimeError("busy")):
            pytest.fail("two processes at once")
        holder.kill()
        holder.wait()
    with file_lock(path, busy=RuntimeError("busy")):
        pass


def test_without_an_error_to_raise_it_waits(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", []

    def second() -> None:
        with file_lock(path):
            order.append("second")

    with file_lock(path):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
