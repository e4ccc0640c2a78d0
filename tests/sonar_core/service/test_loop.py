"""The service loop: it waits when idle, reports a message once, backs off in an outage, and ends after the turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event as Flag

import pytest

from sonar_core.base.errors import UsageError
from sonar_core.chain.errors import ChainError, UnconfirmedError
from sonar_core.service.action import Action
from sonar_core.service.loop import isolated, run_service
from sonar_core.service.observer import Observer, Observers, Vitals

CAMPAIGN = b"c" * 32
SCORED, TROUBLE = Action("scored", CAMPAIGN, "Gradient 0"), Action("trouble", CAMPAIGN, "the store is away")


class Script:
    """A service whose turns are given; ends the loop after the last."""

    def __init__(self, *turns: list[Action] | Exception) -> None:
        self.turns, self.stop, self.waits, self.reported = list(turns), Stop(self), list[float](), list[Action]()
        self.now = 0.0

    def step(self) -> list[Action]:
        turn = self.turns.pop(0)
        if not self.turns:
            self.stop.set()
        if isinstance(turn, Exception):
            raise turn
        return turn

    def vitals(self) -> Vitals:
        raise ChainError("the node does not answer")

    def run(self, observer: Observer | None = None) -> None:
        run_service(
            self,
            poll_interval=2.0,
            stop=self.stop,
            report=self.reported.append,
            observer=observer or Observer(),
            clock=lambda: self.now,
        )


class Stop(Flag):
    """Records waits instead of waiting."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._script.waits.append(timeout)
        self._script.now += timeout
        return self.is_set()


def test_it_waits_only_after_a_turn_in_which_nothing_was_done() -> None:
    script = Script([SCORED], [SCORED], [], [SCORED])
    script.run()
    assert script.waits == [2.0]
    assert script.reported == [SCORED] * 3


def test_the_same_message_is_reported_once_until_something_else_happens() -> None:
    script = Script([TROUBLE], [TROUBLE], [SCORED], [TROUBLE])
    script.run()
    assert script.reported == [TROUBLE, SCORED, TROUBLE]


def test_an_error_of_a_turn_is_reported_and_the_loop_goes_on() -> None:
    script = Script(UsageError("a bad setting"), OSError("no space"), [SCORED])
    script.run()
    assert [action.words for action in script.reported] == ["a bad setting", "no space", "Gradient 0"]


def test_an_outage_is_two_lines_with_their_times_and_a_growing_back_off() -> None:
    outage = [ChainError("the node does not answer")] * 8
    script = Script([], *outage, [SCORED], [])
    script.run()
    assert script.waits == [2.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 2.0]
    began, ended, scored = script.reported
    assert (began.kind, ended.kind, scored) == ("trouble", "recovered", SCORED)
    assert began.words[:4].isdigit()
    assert began.words.endswith(" UTC: the node does not answer")
    assert ended.words.endswith(" UTC: the node answers again, after 242 s")


def test_vitals_that_cannot_be_read_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    ticks = iter(range(0, 1000, 10))
    with caplog.at_level(logging.WARNING):
        Script([], [], [], []).run(Observers([], clock=lambda: float(next(ticks))))
    assert [record.getMessage() for record in caplog.records] == ["the state of the service cannot be read: ChainError"]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (UsageError("a bad name"), "trouble", "a bad name"),
        (UnconfirmedError("0x1"), "waiting", "transaction 0x1 is in no block yet"),
        (KeyError("secret"), "trouble", "a defect, see the log: KeyError"),
    ],
)
def test_trouble_with_one_campaign_is_an_action(error: Exception, kind: str, words: str) -> None:
    actions: list[Action] = []
    with isolated(CAMPAIGN, actions.append):
        raise error
    (action,) = actions
    assert (action.kind, action.campaign) == (kind, CAMPAIGN)
    assert action.words.startswith(words)


def test_a_node_that_is_away_concerns_all_campaigns() -> None:
    report: Callable[[Action], object] = pytest.fail
    with pytest.raises(ChainError), isolated(CAMPAIGN, report):
        raise ChainError("the node does not answer")
