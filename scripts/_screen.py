"""The demo's screen: one story of at most 80 columns, on a terminal or in a pipe.

Lines are only ever added, each in one write, and a progress bar stands below them on a terminal: a table that is
drawn again and again breaks as soon as it is taller than the window.
"""

from __future__ import annotations

import textwrap
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from scripts._outcome import Answers, GradientOutcome, Outcome
from scripts._sentiment import Comparison
from sonar_core.protocol.units import WAD, format_money

WIDTH = 80
_LABEL = 11
#: A class is rare if it has fewer rows than this share of the commonest class.
_RARE = 1 / 3


class Screen:
    """A context manager: the progress bar lives inside of it, and vanishes at its end.

    >>> screen = Screen(Console(width=WIDTH))
    >>> with screen:
    ...     screen.say("One line.")
    ...     screen.item("Capsule", "holds the keys")
    One line.
      Capsule    holds the keys
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._console.width = min(self._console.width, WIDTH) if self._console.is_terminal else WIDTH
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn()
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._progress.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str = "", *, bold: bool = False) -> None:
        """A paragraph."""
        for line in textwrap.wrap(text, self._console.width, break_on_hyphens=False) or [""]:
            self._line(line, bold=bold)

    def item(self, label: str, text: str) -> None:
        """A paragraph beside its label."""
        indent = " " * (_LABEL + 2)
        for number, line in enumerate(textwrap.wrap(text, self._console.width - len(indent), break_on_hyphens=False)):
            self._line((f"  {label:<{_LABEL}}" if number == 0 else indent) + line)

    def working(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        """Names what is computed now, beside the progress bar: steps done of a total, or None if that is not known."""
        if total is None:
            self._progress.reset(self._task, total=None, description=text, visible=True)
        else:
            self._progress.update(self._task, description=text, completed=done, total=total, visible=True)

    def gradients_header(self) -> None:
        """The first lines of the table of Gradients."""
        self._line(_row("#", "Mine", "before", "after", "reward"))
        self._line(_row("--", "-" * 10, "-" * 9, "-" * 9, "-" * 28))

    def gradient(self, gradient: GradientOutcome, reward: str) -> None:
        """The next line of the table of Gradients."""
        before, after = gradient.accuracy_before / WAD, gradient.accuracy_after / WAD
        self._line(_row(str(gradient.number + 1), gradient.mine, f"{before:.2%}", f"{after:.2%}", reward))

    def result(self, outcome: Outcome) -> None:
        """A Campaign's end: each Mine's earnings and their reason, the books, and the quality of the Model."""
        self.say()
        for mine, amount in outcome.books.paid.items():
            self.item(mine, _earned(outcome, mine, format_money(amount, outcome.currency)))
        self.say()
        self._books(outcome)
        self.say()
        self.item("hidden", f"{outcome.metric} {_percents(outcome)} of the target {outcome.target_accuracy / WAD:.2%}")
        self.item("held out", f"{outcome.metric} {outcome.heldout_accuracy:.2%}: on rows that nobody had seen")
        if outcome.answers:
            self._warn(outcome.answers)
        self.say()

    def comparison(self, outcome: Outcome, beside: Comparison) -> None:
        """The Model that was trained encrypted, beside those that had all rows in one place."""
        self.say("Area under the ROC curve, on the rows held out", bold=True)
        self.item(f"{outcome.heldout_auc:.4f}", "trained encrypted, on rows that stayed in their Mines")
        self.item(f"{beside.centralised_auc:.4f}", "the same Model in the clear, on all rows in one place")
        self.item(f"{beside.tfidf_auc:.4f}", "logistic regression on tf-idf, on all rows in one place")
        self.say()

    def _books(self, outcome: Outcome) -> None:
        books = outcome.books
        lines = [("locked", books.escrowed, "Bounty, the Capsule's fee and its bond")]
        lines += [("paid", amount, f"to Mine {name}") for name, amount in books.paid.items() if amount]
        lines += [("refunded", books.refunded, "to the Data Scientist: nobody earned it")]
        lines += [("bond", books.bond, "back to the Capsule"), ("fee", books.fee, "to the Capsule")]
        for label, amount, text in lines:
            self._line(f"  {label:<{_LABEL}}{format_money(amount, outcome.currency):>26}  {text}")
        self._line(
            "  locked = paid + refunded + bond + fee: not a unit is missing"
            if books.balances
            else "  MONEY IS MISSING: locked is not paid + refunded + bond + fee"
        )

    def _warn(self, answers: Answers) -> None:
        if answers.constant is None and answers.rarest_share >= _RARE * answers.commonest_share:
            return
        self.say()
        if answers.constant is not None:
            self.say(f"Beware: the delivered Model gives one answer to every row, {answers.constant!r}.")
        self.say(
            f"Only {answers.rarest_share:.1%} of the rows are {answers.rarest!r}. Always answering the commonest class "
            f"is right in {answers.commonest_share:.1%}, and a Campaign pays for accuracy above that alone. A Model "
            'with class_weight="balanced" attends to rare classes (--class-weight balanced).'
        )

    def _line(self, text: str, *, bold: bool = False) -> None:
        self._console.print(text, highlight=False, markup=False, style="bold" if bold else None, soft_wrap=True)


def _row(number: str, mine: str, before: str, after: str, reward: str) -> str:
    return f"  {number:>2}  {mine:<10}  {before:>9}  {after:>9}  {reward:>28}"


def _percents(outcome: Outcome) -> str:
    return f"{outcome.starting_accuracy / WAD:.2%} -> {outcome.final_accuracy / WAD:.2%}"


def _earned(outcome: Outcome, mine: str, amount: str) -> str:
    """A Mine's earnings, or the reason why it earned nothing."""
    gradients = [gradient for gradient in outcome.gradients if gradient.mine == mine]
    better = sum(gradient.accuracy_after > gradient.accuracy_before for gradient in gradients)
    count = f"{len(gradients)} Gradient{'s' * (len(gradients) != 1)}"
    if not gradients:
        return f"stayed out: {outcome.stayed_out.get(mine, 'it had nothing new to offer')}"
    if not better:
        return f"earned nothing: {count}, and the Model got no better on the hidden rows"
    return f"earned {amount}: {better} of {count} made the Model better"
