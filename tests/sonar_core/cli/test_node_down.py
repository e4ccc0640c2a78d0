"""A node that is down is one line, in a process as a person starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_node_that_is_down_is_one_line_in_a_real_process(tmp_path: Path) -> None:
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "SONAR_HOME": str(tmp_path)}
    environment["DEVNET_RPC"] = "http://127.0.0.1:9/"
    ended = subprocess.run(
        [sys.executable, "-c", "from ape._cli import cli; cli()", "mine", "plan", "--network", "ethereum:devnet:node"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()
    assert last[-1].startswith("error: no node answers at http://127.0.0.1:9, the value of DEVNET_RPC: start it")
    assert "Traceback" not in ended.stderr
