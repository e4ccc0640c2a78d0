"""A group's help text costs no more than Ape's own: no library for tables, chains or numbers is loaded for it."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

#: Libraries that take long to load. Modules are counted, not seconds: a busy machine fails no test.
HEAVY = {
    "pandas", "pandera", "web3", "duckdb", "pyarrow", "numpy", "scipy", "sklearn", "matplotlib", "dlt", "dask",
    "pysequoia", "gmpy2", "syft", "eth_account", "prometheus_client", "structlog", "yaml",
}  # fmt: skip
_PROGRAM = """
import json, sys
from click.testing import CliRunner
from ape._cli import cli
ended = CliRunner().invoke(cli, sys.argv[1:])
print(json.dumps([ended.exit_code, ended.output, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@cache
def _helped(group: str) -> tuple[int, str, set[str]]:
    command = [sys.executable, "-c", _PROGRAM, group, "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    code, output, modules = json.loads(ended.stdout.splitlines()[-1])
    return code, output, set(modules)


@pytest.mark.parametrize(("group", "command"), [("sonar", "create"), ("mine", "plan"), ("capsule", "announce")])
def test_a_help_text_loads_nothing_that_apes_own_does_not(group: str, command: str) -> None:
    code, output, modules = _helped(group)
    assert code == 0
    assert f"  {command} " in output
    _, _, base = _helped("accounts")
    assert (modules & HEAVY) - base == set()
