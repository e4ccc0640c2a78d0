"""A Campaign in a notebook, in a terminal and as a figure, from a ledger without a chain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ape_sonar.campaign import Campaign, Gradient, GradientList
from ape_sonar.plot import PlotUnavailableError
from ape_sonar.trained_model import TrainedModel
from ape_sonar.watch_display import open_display
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import COIN, Currency, Money
from tests.ape_sonar.test_trained_model import classes
from tests.world.campaign_events import ALICE, CAMPAIGN, opened, percent, scored, submitted

HOSTILE = "<script>alert('x')</script>&\"<img src=x onerror=y>"
TOKEN = Currency(ALICE, "TKN", 0)


class Tags(HTMLParser):
    """Tags and text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def state() -> CampaignState:
    """Two Gradients scored, one that waits."""
    events = [submitted(number, 30 + number, 130 + number) for number in range(3)]
    done = [scored(0, percent(2), percent(42), 40, 131), scored(1, percent(42), percent(42), 41, 132)]
    return opened().apply_all([*events, *done]).campaign(CAMPAIGN)


def campaign(changed: CampaignState | None = None, *, now: int = 50, currency: Currency = TOKEN) -> Campaign:
    sonar = SimpleNamespace(currency=lambda _: currency, chain=None)
    return Campaign(sonar, changed or state(), now)  # type: ignore[arg-type]


def test_a_snapshot_describes_its_moment() -> None:
    early, late = campaign(now=50), campaign(now=2_000)
    assert (early.status, str(early.status), f"{late.status}") == (Status.OPEN, "open", "expired")
    assert repr(early) == f"Campaign(0x{CAMPAIGN.hex()}, open)"
    assert early.time_left == timedelta(seconds=970)
    assert (early.earned, early.remaining_reward) == (Money(500, TOKEN), Money(475, TOKEN))
    assert (late.remaining_reward, late.time_left) == (Money(0, TOKEN), timedelta())
    assert late.facts()["payable"]["units"] == "0"


def test_html_shows_the_facts() -> None:
    found = Tags(campaign()._repr_html_())
    assert found.tags == {"p", "b", "progress", "table", "tr", "th", "td"}
    for text in (f"Campaign 0x{CAMPAIGN.hex()}", "open", "1000 TKN", "500 TKN", "475 TKN", "2 scored of 3"):
        assert text in found.text
    assert any("accuracy 0.4200 of 0.8000, from 0.0200" in text for text in found.text)
    rows = Tags(campaign().gradients()._repr_html_()).text
    assert rows.count("waiting") == 1
    assert {"improved", "no improvement", "500 TKN", "0.0200", "0.4200"} <= set(rows)


def hostile_views() -> Iterator[str]:
    declined = replace(state(), recorded=Status.DECLINED, reason=HOSTILE, scientist=HOSTILE)
    yield campaign(declined, currency=Currency(ALICE, HOSTILE, 0))._repr_html_()
    record = Gradient(0, HOSTILE, percent(1), percent(2), Money(1, Currency(ALICE, HOSTILE, 0)), HOSTILE)  # type: ignore[arg-type]
    yield GradientList([record])._repr_html_()
    trained = classes()
    encoder = SimpleNamespace(
        input=SimpleNamespace(names=[HOSTILE]),
        output=SimpleNamespace(names=[HOSTILE]),
        metric=HOSTILE,
        classes=[HOSTILE, "b"],
    )
    yield TrainedModel(trained.model, encoder, trained.accuracy)._repr_html_()  # type: ignore[arg-type]


@pytest.mark.parametrize("html", hostile_views(), ids=["campaign", "gradients", "model"])
def test_texts_of_strangers_stay_texts(html: str) -> None:
    found = Tags(html)
    assert not found.tags & {"script", "img"}
    assert HOSTILE in "".join(found.text)


def test_a_figure_has_accuracy_target_and_rewards() -> None:
    figure = campaign().plot()
    accuracy, rewards = figure.axes
    steps, target = accuracy.get_lines()
    assert steps.get_xdata().tolist() == [0, 1, 2]
    assert steps.get_ydata().tolist() == [0.02, 0.42, 0.42]
    assert set(target.get_ydata()) == {0.8}
    assert [bar.get_height() for bar in rewards.patches] == [500, 0]
    assert rewards.get_ylabel() == "reward, TKN"


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotUnavailableError, match=r"ape-sonar\[plot\]"):
        campaign().plot()


def test_a_terminal_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(True) as show:
        show(campaign(currency=COIN))
        print("a line of the caller")  # noqa: T201
    shown = capsys.readouterr().out
    assert "accuracy 0.4200" in shown
    assert "of 0.8000, 0:16:10 left" in shown
    assert "a line of the caller" in shown


def test_a_pipe_and_false_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (None, False):
        with open_display(progress) as show:
            show(campaign())
    assert capsys.readouterr().out == ""


def test_a_notebook_shows_a_table_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    handle = SimpleNamespace(update=shown.append)
    shell = SimpleNamespace(has_trait=lambda name: name == "kernel")
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    ipython.display = display  # type: ignore[attr-defined]
    display.display = lambda first, *, display_id: handle  # type: ignore[attr-defined]
    display.HTML = str  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    with open_display(None) as show:
        show(campaign(now=50))
        show(campaign(now=2_000))
    assert ["open" in html for html in shown] == [True, False]
    assert "expired" in shown[1]
