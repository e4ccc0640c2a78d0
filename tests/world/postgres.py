"""A PostgreSQL server of a test's own, on a socket in a folder of its own, as a user that is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Set where the server must be there, so that its tests cannot be skipped.
NEEDED = "SONAR_NEEDS_POSTGRESQL"


def _binaries() -> Path:
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if found is None else [Path(found).resolve().parent]
    if not folders:
        told = "PostgreSQL is not installed (Debian: postgresql)"
        pytest.fail(told) if os.environ.get(NEEDED) else pytest.skip(told)
    return folders[-1]


@contextmanager
def running_postgres() -> Iterator[str]:
    """Address of an empty database."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="sonar-pg-"))
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = None if os.getuid() else ("postgres" if "postgres" in names else "nobody")
    if user:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        subprocess.run(command, user=user, cwd=folder, check=True, capture_output=True, timeout=120)

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "sonar", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c timezone=UTC"
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://sonar@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
