"""Prometheus metrics of a service. Labels hold names of datasets, so they are served on loopback only."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import generate_latest

from sonar_core.service.action import Action
from sonar_core.service.observer import Observer, Vitals

#: Kinds of Actions by service, so that every counter exists from the start, at zero.
KINDS = {
    "capsule": (
        *("opened", "declined", "scored", "rejected", "rebased", "delivered", "collected"),
        *("copied", "released", "waiting", "trouble", "recovered"),
    ),
    "mine": (
        *("submitted", "published", "dropped", "claimed", "reclaimed", "compensated", "expired"),
        *("copied", "released", "waiting", "noted", "trouble", "recovered"),
    ),
}
_WORK = {"capsule": "score", "mine": "train"}
_PARTS = ("node", "store")
#: Seconds: from a small head on one row to a large Model on slow hardware.
_WORK_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_CALL_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics(Observer):
    """One service's metrics, in a registry of their own.

    Args:
        service: "capsule" or "mine".
        home: whose disk is looked at.
        clock: seconds that only grow.
    """

    def __init__(self, service: str, home: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry = CollectorRegistry()
        self._clock = clock
        self._step_moved = clock()
        ProcessCollector(registry=registry)
        self._about = Info("sonar_service", "What runs here.", registry=registry)
        self._actions = Counter("sonar_actions", "What was done or found out.", ["kind"], registry=registry)
        self._work = Histogram(
            "sonar_work_seconds",
            "Scoring a Gradient (score), or computing one (train).",
            ["work"],
            buckets=_WORK_BUCKETS,
            registry=registry,
        )
        self._calls = Histogram(
            "sonar_call_seconds", "Answers of node and store.", ["part"], buckets=_CALL_BUCKETS, registry=registry
        )
        self._failures = Counter("sonar_call_failures", "Calls that failed.", ["part", "call"], registry=registry)
        gauge = self._gauge
        age = gauge("sonar_last_step_age_seconds", "Since the loop last began or ended a step.")
        age.set_function(lambda: self._clock() - self._step_moved)
        disk = gauge("sonar_home_free_bytes", "Free space on the disk of the home.")
        disk.set_function(lambda: shutil.disk_usage(home).free)
        self._head = gauge("sonar_chain_head_block", "The node's newest block.")
        self._block_time = gauge("sonar_chain_time_seconds", "That block's time, in Unix seconds.")
        self._behind = gauge("sonar_chain_blocks_behind", "Confirmed blocks that were not read yet.")
        self._balance = gauge("sonar_account_balance_wei", "What the account holds.")
        self._campaigns = gauge("sonar_campaigns", "Campaigns that something may still have to be done for.")
        self._waiting = gauge("sonar_gradients_waiting", "Submitted Gradients that are not scored yet.")
        self._due = gauge("sonar_next_deadline_seconds", "When the first window closes, Unix seconds; 0 for none.")
        self._left = Gauge(
            "sonar_privacy_epsilon_left",
            "Unspent epsilon of a dataset's privacy budget.",
            ["dataset"],
            registry=registry,
        )
        self._budget = Gauge("sonar_privacy_epsilon", "A dataset's whole budget.", ["dataset"], registry=registry)
        for kind in KINDS[service]:
            self._actions.labels(kind)
        self._work.labels(_WORK[service])
        for part in _PARTS:
            self._calls.labels(part)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def started(self, facts: Mapping[str, str | int]) -> None:
        self._about.info({name: str(value) for name, value in facts.items()})

    def stepping(self) -> None:
        self._step_moved = self._clock()

    def stepped(self, look: Callable[[], Vitals]) -> None:
        self._step_moved = self._clock()

    def acted(self, action: Action) -> None:
        self._actions.labels(action.kind).inc()

    def timed(self, work: str, seconds: float) -> None:
        self._work.labels(work).observe(seconds)

    def called(self, part: str, call: str, seconds: float, failure: str | None) -> None:
        self._calls.labels(part).observe(seconds)
        if failure is not None:
            self._failures.labels(part, call).inc()

    def saw(self, vitals: Vitals) -> None:
        self._head.set(vitals.head)
        self._block_time.set(vitals.block_time)
        self._behind.set(vitals.behind)
        self._balance.set(vitals.balance)
        self._campaigns.set(vitals.campaigns)
        self._waiting.set(vitals.waiting)
        self._due.set(vitals.due or 0)
        for gauge in (self._left, self._budget):
            gauge.clear()
        for allowance in vitals.allowances:
            self._left.labels(allowance.dataset).set(allowance.left)
            self._budget.labels(allowance.dataset).set(allowance.epsilon)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, registry=self._registry)
