"""The built distributions in an empty environment, in an Ape project that is not this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
PLUGINS = ("sonar", "capsule", "mine")
Run = Callable[..., str]

pytestmark = pytest.mark.timeout(900)


def _run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release of the commit."""
    folder = tmp_path_factory.mktemp("dist")
    _run(ROOT / "scripts/_toolchain/dist.sh", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def environment(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheels; what they depend on is as the lock pins it, within the bounds that they state."""
    venv = tmp_path_factory.mktemp("outside") / "venv"
    _run(UV, "venv", "--quiet", "--python", sys.executable, venv, cwd=venv.parent)
    pins = venv.parent / "pins.txt"
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins.write_text("\n".join(line.rstrip(" \\") for line in lines if line and not line.startswith(" ")))
    wheels = [*dist.glob("ape_*.whl"), *dist.glob("sonar_core*.whl"), _syft_wheel(dist, pure=False)]
    _run(
        UV, "pip", "install", "--quiet", "--python", venv / "bin/python", "--constraint", pins, *wheels, cwd=venv.parent
    )
    return venv


@pytest.fixture
def outside(environment: Path, tmp_path: Path) -> Run:
    """Runs a program of the environment in an Ape project of its own, which knows nothing of this repository."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "ape-config.yaml").write_text("name: elsewhere\n")
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    env = {**kept, "PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path), "NO_COLOR": "1"}
    return lambda program, *arguments: _run(environment / "bin" / program, *arguments, cwd=project, env=env)


def _syft_wheel(dist: Path, *, pure: bool) -> Path:
    wheels = sorted(dist.glob("sonar_syft*-any.whl" if pure else "sonar_syft*.whl"))
    return wheels[-1]  # "manylinux" sorts behind "any"; where there is no compiler, the pure wheel is the only one


def test_each_plugin_has_its_commands_outside_of_the_repository(outside: Run) -> None:
    for plugin in PLUGINS:
        assert f"Usage: ape {plugin}" in outside("ape", plugin, "--help")
    assert "elsewhere" not in outside("python", "-c", "import syft; print(syft.__file__)")


def test_a_campaign_is_created_trained_and_delivered_elsewhere(outside: Run, tmp_path: Path) -> None:
    """With the contracts that the wheels carry: no Solidity, no compiler, no file of this repository is at hand."""
    shutil.copytree(ROOT / "examples", tmp_path / "project" / "examples")
    story = outside("python", "examples/market.py")
    assert "Wines that nobody has labelled:" in story
    assert "Left in the contract: 0 wei." in story


def test_one_version_for_all(dist: Path) -> None:
    version = (ROOT / "VERSION").read_text().strip()
    wheels = list(dist.glob("*.whl"))
    assert len(wheels) >= 5
    assert all(wheel.name.split("-")[1] == version for wheel in wheels)
    assert {"SHA256SUMS", f"sonar-{version}.cdx.json", f"sonar-image-context-{version}.tar.gz"} <= {
        path.name for path in dist.iterdir()
    }


def test_every_dependency_is_bounded(dist: Path) -> None:
    """An upper bound on what is known to break: `pip install` of today's newest must not meet tomorrow's NumPy 3."""
    for wheel in dist.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            needs = message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
        assert needs
        for need in needs:
            assert ">=" in need or "==" in need, f"{wheel.name}: {need}"
        bounded = [need for need in needs if need.startswith(("numpy", "pyarrow", "click", "eth-ape", "sonar-"))]
        assert all("<" in need for need in bounded), bounded


def test_the_lock_keeps_the_bounds() -> None:
    """What is tested is within what is promised: `uv pip compile` of the members would choose nothing else."""
    for member in (ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")):
        project = tomllib.loads(member.read_text())["project"]
        assert project["dynamic"] == ["version"]
        assert (member.parent / "VERSION").read_text() == (ROOT / "VERSION").read_text()


def test_a_wheel_without_the_kernel_computes_the_same(dist: Path, environment: Path, outside: Run) -> None:
    program = (
        "import numpy as np, syft; from syft.kernel.selection import kernel_name;"
        "public, private = syft.generate_paillier_keypair(2048); context = syft.PublicContext(public);"
        "print(kernel_name())"
    )
    with_kernel = outside("python", "-c", program).strip()
    pure = _syft_wheel(dist, pure=True)
    python = environment / "bin/python"
    _run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "--reinstall", pure, cwd=ROOT)
    assert outside("python", "-c", program).strip() == "gmpy2"
    assert with_kernel in ("ifma", "avx2", "gmpy2")
