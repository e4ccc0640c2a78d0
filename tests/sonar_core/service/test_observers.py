"""What watches a service: logs, metrics, health, the supervisor's socket; without a chain."""

from __future__ import annotations

import io
import json
import logging
import socket
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from sonar_core.base.errors import UsageError
from sonar_core.service.action import Action
from sonar_core.service.health import Health
from sonar_core.service.http_endpoint import parse_loopback, serve_metrics
from sonar_core.service.instrumented import InstrumentedStore
from sonar_core.service.logs import Log, open_log
from sonar_core.service.metrics import Metrics
from sonar_core.service.observer import Allowance, Observer, Observers, Screen, Vitals
from sonar_core.service.systemd import Supervisor
from sonar_core.store import BlobNotFoundError, BlobStore, StoreUnavailableError
from sonar_core.store.embedded import EmbeddedStore

CAMPAIGN = bytes(range(32))
VITALS = Vitals(
    head=120,
    block_time=1_700_000_000,
    behind=2,
    balance=5 * 10**18,
    campaigns=3,
    waiting=7,
    due=1_700_000_600,
    allowances=(Allowance("ward-7", 6.0, 1.5),),
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def nothing() -> None:
    """A store that answers."""


# ------------------------------------------------------------------ logs


def logged(form: str, *, level: str = "debug", tell: Any) -> str:
    stream = io.StringIO()
    with open_log(stream, form=form, level=level, service="capsule") as log:
        tell(Log(log))
    return stream.getvalue()


def test_an_action_is_one_json_line() -> None:
    (line,) = logged("json", tell=lambda log: log.acted(Action("scored", CAMPAIGN, "0.1 -> 0.2"))).splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "scored",
        "level": "info",
        "service": "capsule",
        "campaign": "0x" + CAMPAIGN.hex(),
        "words": "0.1 -> 0.2",
    }


def test_trouble_is_a_warning_and_the_level_holds() -> None:
    def tell(log: Log) -> None:
        log.acted(Action("scored", CAMPAIGN, "quiet"))
        log.acted(Action("trouble", None, "the node does not answer"))

    (line,) = logged("json", level="warning", tell=tell).splitlines()
    assert (json.loads(line)["level"], json.loads(line)["event"]) == ("warning", "trouble")


def test_the_console_format_tells_the_same() -> None:
    (line,) = logged("console", tell=lambda log: log.called("store", "get", 0.5, "down")).splitlines()
    for word in ("call failed", "part=store", "call=get", "why=down", "service=capsule"):
        assert word in line


def test_words_that_break_lines_stay_on_one() -> None:
    for form in ("json", "console"):
        text = logged(form, tell=lambda log: log.acted(Action("trouble", None, 'a\n{"event":"scored"}')))
        assert len(text.splitlines()) == 1


def test_an_exception_is_told_without_its_message_or_variables() -> None:
    def defect(_: Log) -> None:
        row = "41.123456789"
        try:
            float(row + "x")
        except ValueError:
            logging.getLogger("ape_capsule.loop").exception("Campaign 0x12")

    for form in ("json", "console"):
        text = logged(form, tell=defect)
        assert "41.123456789" not in text
        assert "ValueError" in text
        assert "test_observers.py" in text


def test_a_librarys_words_are_left_out_and_its_name_is_told() -> None:
    def warn(_: Log) -> None:
        logging.getLogger("urllib3.connectionpool").warning("Retrying: /v3/KEY")
        logging.getLogger("sonar_core.chain.rpc").warning("ours")

    foreign, own = map(json.loads, logged("json", tell=warn).splitlines())
    assert foreign["logger"] == "urllib3.connectionpool"
    assert "KEY" not in json.dumps(foreign)
    assert own["event"] == "ours"


def test_the_log_leaves_no_handler_behind() -> None:
    before = list(logging.getLogger().handlers)
    logged("json", tell=lambda log: log.stopped())
    assert logging.getLogger().handlers == before


# ------------------------------------------------------------------ metrics


def samples(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        "|".join([sample.name, *(sample.labels[name] for name in sorted(sample.labels))]): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_follow_what_is_told(tmp_path: Path) -> None:
    clock = Clock()
    metrics = Metrics("capsule", tmp_path, clock=clock)
    metrics.started({"version": "0.1.0", "chain": 1})
    metrics.acted(Action("scored", CAMPAIGN, ""))
    metrics.timed("score", 2.0)
    metrics.called("store", "get", 0.1, "down")
    metrics.called("store", "get", 0.1, None)
    metrics.saw(VITALS)
    metrics.stepped(lambda: VITALS)
    clock.now += 42

    found = samples(metrics)

    expected = {
        "sonar_actions_total|scored": 1,
        "sonar_actions_total|rejected": 0,
        "sonar_work_seconds_count|score": 1,
        "sonar_work_seconds_sum|score": 2,
        "sonar_work_seconds_bucket|1.0|score": 0,
        "sonar_work_seconds_bucket|2.5|score": 1,
        "sonar_call_seconds_count|store": 2,
        "sonar_call_failures_total|get|store": 1,
        "sonar_chain_head_block": 120,
        "sonar_chain_blocks_behind": 2,
        "sonar_gradients_waiting": 7,
        "sonar_account_balance_wei": 5e18,
        "sonar_next_deadline_seconds": 1_700_000_600,
        "sonar_privacy_epsilon_left|ward-7": 1.5,
        "sonar_privacy_epsilon|ward-7": 6,
        "sonar_last_step_age_seconds": 42,
        "sonar_service_info|1|0.1.0": 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["sonar_home_free_bytes"] > 0


def test_a_dataset_that_went_away_is_told_no_more(tmp_path: Path) -> None:
    metrics = Metrics("mine", tmp_path)
    metrics.saw(VITALS)
    metrics.saw(Vitals(1, 1, 0, 0, 0, 0))
    assert not any("ward-7" in name for name in samples(metrics))


# ------------------------------------------------------------------ health


def test_a_loop_that_hangs_is_not_alive() -> None:
    clock = Clock()
    health = Health(60, nothing, clock=clock)
    clock.now += 60
    assert health.lives().well
    clock.now += 1
    assert not health.lives().well
    health.stepping()
    assert health.lives().well
    clock.now += 61
    health.stepped(lambda: VITALS)
    assert health.lives().well


def test_ready_is_caught_up_with_chain_and_store() -> None:
    clock, down = Clock(), [True]

    def ask() -> None:
        if down[0]:
            raise StoreUnavailableError("ipfs:x", "nothing answers there")

    health = Health(10_000, ask, clock=clock)
    assert health.is_ready().words == "the chain was not read yet"
    health.saw(Vitals(120, 0, 11, 0, 0, 0))
    assert health.is_ready().words == "11 blocks behind block 120"
    health.saw(Vitals(120, 0, 10, 0, 0, 0))
    assert "nothing answers there" in health.is_ready().words
    down[0] = False
    assert not health.is_ready().well  # it asks the store every few seconds only
    clock.now += 16
    assert health.is_ready().well
    clock.now += 105
    assert health.is_ready().words == "the node has not answered for 121 s"


def test_who_watches_stops_no_service_and_looks_seldom() -> None:
    clock, looks = Clock(), []

    class Seeing(Observer):
        def saw(self, vitals: Vitals) -> None:
            looks.append(vitals)

    def broken() -> Vitals:
        raise ZeroDivisionError

    observers = Observers([Seeing()], clock=clock)
    observers.stepped(broken)
    clock.now += 6
    observers.stepped(lambda: VITALS)
    observers.stepped(lambda: VITALS)
    assert looks == [VITALS]


def test_everything_told_reaches_every_member() -> None:
    """By reflection: a method of the interface that `Observers` forgot would be lost without a word."""
    heard: list[str] = []

    class Ear(Observer):
        def __getattribute__(self, name: str) -> Any:
            heard.append(name)
            return super().__getattribute__(name)

    names = [name for name, thing in vars(Observer).items() if callable(thing) and not name.startswith("_")]
    arguments: dict[str, tuple[Any, ...]] = {
        "started": ({},),
        "acted": (Action("scored", None, ""),),
        "timed": ("score", 1.0),
        "called": ("node", "eth_call", 1.0, None),
        "stepped": (lambda: VITALS,),
        "saw": (VITALS,),
        "failed": ("why",),
    }
    both = Observers([Ear(), Ear()])
    for name in names:
        if name == "timing":
            with both.timing("score"):
                pass
            continue
        heard.clear()
        getattr(both, name)(*arguments.get(name, ()))
        assert heard.count(name) == 2, name


# ------------------------------------------------------------------ the endpoint


@pytest.fixture
def health() -> Health:
    return Health(60, nothing, clock=Clock())


def test_the_endpoint_answers_and_a_hung_loop_fails_it(tmp_path: Path) -> None:
    clock = Clock()
    health = Health(60, nothing, clock=clock)
    metrics = Metrics("mine", tmp_path)
    with serve_metrics(("127.0.0.1", 0), metrics, health) as url:
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
        assert requests.get(f"{url}/readyz", timeout=5).status_code == 503
        health.saw(VITALS)
        assert requests.get(f"{url}/readyz", timeout=5).status_code == 200
        assert "sonar_actions_total" in requests.get(f"{url}/metrics", timeout=5).text
        assert requests.get(f"{url}/other", timeout=5).status_code == 404
        clock.now += 61
        hung = requests.get(f"{url}/healthz", timeout=5)
        assert (hung.status_code, hung.text) == (503, "the loop has not moved for 61 s\n")
        assert requests.get(f"{url}/readyz", timeout=5).status_code == 503
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/healthz", timeout=5)


def test_another_name_for_this_machine_gets_nothing(tmp_path: Path, health: Health) -> None:
    with serve_metrics(("127.0.0.1", 0), Metrics("mine", tmp_path), health) as url:
        for host in ("evil.example", "evil.example:80", "[", "10.0.0.1"):
            assert requests.get(f"{url}/metrics", headers={"Host": host}, timeout=5).status_code == 403, host
        assert requests.get(f"{url}/metrics", headers={"Host": "localhost:1"}, timeout=5).status_code == 200


@pytest.mark.parametrize("text", ["0.0.0.0:9464", "192.168.1.1:80", "[::]:80", "example.org:80", "127.0.0.1.evil:80"])
def test_only_loopback_is_taken(text: str) -> None:
    with pytest.raises(UsageError, match="loopback"):
        parse_loopback(text)


@pytest.mark.parametrize("text", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:²"])
def test_an_address_has_a_port(text: str) -> None:
    with pytest.raises(UsageError, match="port"):
        parse_loopback(text)


def test_a_port_that_is_taken_is_told(tmp_path: Path, health: Health) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with (
            pytest.raises(UsageError, match="in use"),
            serve_metrics(taken.getsockname(), Metrics("mine", tmp_path), health),
        ):
            raise AssertionError


# ------------------------------------------------------------------ systemd


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        supervisor = Supervisor()
        assert Supervisor()._address == ""  # no program that is started from here speaks for the service
        supervisor.started({})
        supervisor.stepping()
        supervisor.stopped()
        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    supervisor.stepping()


def test_an_abstract_socket_is_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{tmp_path}")
        systemd.settimeout(5)
        Supervisor(f"@{tmp_path}").stepping()
        assert systemd.recv(100) == b"WATCHDOG=1"


# ------------------------------------------------------------------ the store


class Telling(Observer):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str | None]] = []

    def called(self, part: str, call: str, seconds: float, failure: str | None) -> None:
        assert seconds >= 0
        self.calls.append((part, call, failure))


def test_a_blob_that_is_not_there_is_no_failure_and_a_store_that_is_gone_is(tmp_path: Path) -> None:
    telling = Telling()
    store: BlobStore = InstrumentedStore(EmbeddedStore(tmp_path / "blobs"), telling)
    address = store.put(b"x")
    assert store.get(address, limit=1) == b"x"
    with pytest.raises(BlobNotFoundError):
        store.get(store.address_of(b"y"), limit=1)
    assert telling.calls == [("store", "put", None), ("store", "get", None), ("store", "get", None)]
    (tmp_path / "blobs").rename(tmp_path / "away")
    with pytest.raises(StoreUnavailableError):
        store.get(address, limit=1)
    assert "the folder is gone" in str(telling.calls[-1][2])


def test_the_screen_says_what_runs_what_it_does_and_that_it_ended() -> None:
    told: list[Action] = []
    screen = Screen(told.append)
    screen.stopped()
    assert told == [], "a command that never started as a service"
    screen.started({"version": "1.2", "account": "0xAA", "chain": 7, "contract": "0xCC"})
    screen.acted(Action("scored", None, "x"))
    screen.stopped()
    assert [action.kind for action in told] == ["started", "scored", "stopped"]
    assert told[0].words == "version 1.2 as 0xAA, on chain 7 with Sonar 0xCC; Ctrl-C ends it"
