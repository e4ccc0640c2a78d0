"""Modules that an auditor or a short command opens load no table library, node or framework."""

import subprocess
import sys

import pytest

#: click is left out: `phe` imports it by itself.
_HEAVY = {"ape", "duckdb", "pandas", "pandera", "pyarrow", "scipy", "sklearn", "web3"}


@pytest.mark.parametrize(
    "module",
    [
        "sonar_core.crypto.vault",
        "sonar_core.crypto.sealed_messages",
        "sonar_core.data.csv_reader",
        "sonar_core.protocol.campaign_spec",
        "sonar_core.protocol.ledger",
        "sonar_core.protocol.validation_set",
        "sonar_core.store.artifacts",
    ],
)
def test_heavy_libraries_are_imported_where_they_are_used(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({_HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
