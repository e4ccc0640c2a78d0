"""Progress of `Campaign.watch`: a bar in a terminal, a table that changes in a notebook, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ape_sonar import notebook
from ape_sonar.formatting import format_accuracy

if TYPE_CHECKING:
    from ape_sonar.campaign import Campaign

#: Shows a snapshot.
Show = Callable[["Campaign"], None]


@contextmanager
def open_display(progress: bool | None) -> Iterator[Show]:
    """The display that fits where the program runs.

    Args:
        progress: None: only in a terminal or a notebook; True: on standard output in any case; False: none.
    """
    if progress is not False and _in_notebook():
        with _notebook_table() as show:
            yield show
    elif progress or (progress is None and sys.stdout.isatty()):
        with _terminal_bar() as show:
            yield show
    else:
        yield lambda _: None


def _in_notebook() -> bool:
    """True in a kernel of Jupyter, where `display` draws HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and shell.has_trait("kernel")


@contextmanager
def _notebook_table() -> Iterator[Show]:
    import IPython.display

    ipython: Any = IPython.display  # not typed
    handle = ipython.display(ipython.HTML(""), display_id=True)
    yield lambda campaign: handle.update(ipython.HTML(campaign._repr_html_() + campaign.gradients()._repr_html_()))


@contextmanager
def _terminal_bar() -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("accuracy {task.fields[accuracy]}"),
        BarColumn(bar_width=None),
        TextColumn("of {task.fields[target]}, {task.fields[left]}"),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=1.0, accuracy="", target="", left="")

        def show(campaign: Campaign) -> None:
            accuracy, part = notebook.reached(campaign)
            words: dict[str, Any] = {
                "accuracy": format_accuracy(accuracy),
                "target": format_accuracy(campaign.target_accuracy),
            }
            bar.update(task, completed=part, **words, left=_time_left(campaign))

        yield show


def _time_left(campaign: Campaign) -> str:
    if campaign.has_ended:
        return str(campaign.status)
    left = timedelta(seconds=int(campaign.time_left.total_seconds()))
    if campaign.state.start is None:
        return f"to be opened within {left}"
    return f"{left} left" if left else "mining has ended"
