"""What docs/deploy gives an operator: units, container file, alerts and start script, held against their own tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sonar_core.service.metrics import Metrics
from sonar_core.service.observer import Allowance, Vitals

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = ("sonar-capsule.service", "sonar-mine.service")
#: What systemd-analyze calls "OK" ends at 5; the ordinary unit without hardening has 9.6.
_MOST_EXPOSED = 15

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not there")


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit as it is, but for the place of this checkout."""
    path = tmp_path / request.param
    path.write_text((DEPLOY / request.param).read_text().replace("/opt/sonar", str(ROOT)))
    return path


@needs_systemd
def test_systemd_takes_the_units(unit: Path) -> None:
    verified = run("systemd-analyze", "verify", "--man=no", unit)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_the_units_are_hardened(unit: Path) -> None:
    judged = run("systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={_MOST_EXPOSED}", unit)
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]
    lax = unit.with_name("lax.service")
    lax.write_text("[Service]\nExecStart=/bin/true\n")
    assert run("systemd-analyze", "security", "--offline=yes", f"--threshold={_MOST_EXPOSED}", lax).returncode == 1


def test_the_units_give_the_service_its_time_to_stop() -> None:
    from sonar_core.app.settings import SonarConfig

    for name in UNITS:
        text = (DEPLOY / name).read_text()
        stop, watchdog = (
            re.search(r"TimeoutStopSec=(\d+)$", text, re.M),
            re.search(r"WatchdogSec=(\d+)min$", text, re.M),
        )
        assert stop is not None
        assert watchdog is not None
        fields = SonarConfig.model_fields
        assert int(stop[1]) > fields["stop_within"].default
        assert 60 * int(watchdog[1]) > fields["patience"].default


# ------------------------------------------------------------------ alerts


def test_every_alert_is_about_a_metric_that_there_is(tmp_path: Path) -> None:
    told = set()
    for service in ("capsule", "mine"):
        metrics = Metrics(service, tmp_path)
        metrics.saw(Vitals(1, 1, 0, 0, 0, 0, 1, (Allowance("x", 1, 1),)))
        metrics.called("store", "get", 1, "down")
        told |= set(re.findall(r"^(sonar_\w+)", metrics.text().decode(), re.M))
    rules = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"\bsonar_\w+", rule["expr"])}
    assert len(rules) == 12
    assert len(asked) >= 9
    assert asked - told == set()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not there")
def test_prometheus_takes_the_rules() -> None:
    checked = run("promtool", "check", "rules", DEPLOY / "prometheus-rules.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


# ------------------------------------------------------------------ container


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line]


def test_the_container_is_built_from_the_lock_by_its_hashes_and_runs_as_nobody() -> None:
    told = instructions()
    last = max(place for place, (name, _) in enumerate(told) if name == "FROM")
    assert [words for name, words in told[last:] if name == "USER"] == ["10001"]
    assert any(name == "HEALTHCHECK" and "/healthz" in words for name, words in told[last:])
    installs = re.findall(r"pip (?:install|sync) ([^&]*)", " & ".join(words for name, words in told if name == "RUN"))
    assert len(installs) == 3
    assert all("--require-hashes" in words or "--no-deps --no-build-isolation" in words for words in installs)


def test_what_the_container_copies_is_there() -> None:
    copies = [words.split()[:-1] for name, words in instructions() if name == "COPY" and "--from" not in words]
    sources = [source for words in copies for source in words]
    assert len(sources) >= 6
    assert [source for source in sources if not (ROOT / source).exists()] == []
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)
    assert "*" in ignored


# ------------------------------------------------------------------ the start script


@pytest.fixture
def start(tmp_path: Path):
    """The script, where `ape` prints its arguments and the passphrases that it was given."""
    for folder in ("docs/deploy", ".venv/bin", "credentials"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(DEPLOY / "start-service", tmp_path / "docs/deploy")
    ape = tmp_path / ".venv/bin/ape"
    ape.write_text(
        '#!/bin/sh\necho "$@"\ncase "$*" in *--passphrase-fd*) cat <&3;; esac\n'
        'echo "${APE_ACCOUNTS_carol_PASSPHRASE-none}"\nenv | grep -c "of vaults"\n'
    )
    ape.chmod(0o755)

    def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
        return run(tmp_path / "docs/deploy/start-service", *arguments, env={**known, **environment})

    return start


@pytest.mark.parametrize("service", ["capsule", "mine"])
def test_passphrases_come_from_credentials_and_stand_on_no_command_line(start, tmp_path: Path, service: str) -> None:
    named = {"NETWORK": "ethereum:mainnet:node", "ACCOUNT": "carol"}
    ran = f"{service} run --network ethereum:mainnet:node --account carol --log json --metrics 127.0.0.1:9464"
    assert start(service, "--poll", "5", **named).stdout.splitlines() == [f"{ran} --poll 5", "none", "0"]
    (tmp_path / "credentials/passphrase").write_text("of vaults\n")
    (tmp_path / "credentials/account").write_text("of account\n")
    told = start(service, "--poll", "5", **named).stdout.splitlines()
    assert told == [f"{ran} --passphrase-fd 3 --poll 5", "of vaults", "of account", "0"]


def test_what_is_missing_or_wrong_is_said(start) -> None:
    assert "capsule or mine, not miner" in start("miner").stderr
    assert "names the account" in start("mine").stderr
    assert "names the network" in start("mine", ACCOUNT="carol").stderr
    assert "letters, digits and _" in start("mine", ACCOUNT="a b; rm").stderr
