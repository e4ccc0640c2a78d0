"""What a person sees of the play: a table that grows with every Gradient, and the ledger at the end."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.table import Table

from scripts._outcome import WAD, GradientOutcome, Outcome
from scripts._sentiment import Comparison
from sonar_core.protocol.units import format_money


class Screen:
    """A terminal, or a pipe."""

    def __init__(self) -> None:
        self.console = Console()

    def say(self, words: str) -> None:
        self.console.print(words, highlight=False)

    def scores(self, title: str) -> Scores:
        """A table of Gradients, to be used as a context manager."""
        return Scores(self.console, title)

    def ledger(self, outcome: Outcome) -> None:
        """Escrowed = paid + refunded + fee, by party."""
        book, money = outcome.ledger, lambda amount: format_money(amount, outcome.currency)
        table = Table(title=f"Ledger of {outcome.title}")
        table.add_column("")
        table.add_column("Party")
        table.add_column("Amount", justify="right")
        table.add_row("escrowed", "Bounty, fee and bond", money(book.escrowed))
        for name, amount in book.paid.items():
            table.add_row("paid", f"Mine {name}", money(amount))
        for name, amount in book.refunded.items():
            table.add_row("refunded", name, money(amount))
        table.add_row("fee", "Capsule", money(book.fee))
        self.console.print(table)
        verdict = "escrowed = paid + refunded + fee" if book.balances else "[bold red]the ledger does not balance[/]"
        self.say(f"{verdict}; status {outcome.status}")
        self.say(
            f"{outcome.metric}: start {outcome.starting_accuracy / WAD:.2%}, final {outcome.final_accuracy / WAD:.2%}, "
            f"target {outcome.target_accuracy / WAD:.2%}; held out [bold]{outcome.heldout_accuracy:.2%}[/]\n"
        )

    def comparison(self, outcome: Outcome, beside: Comparison) -> None:
        """The Model that was trained encrypted, beside those that had all rows in one place."""
        table = Table(title="Area under the ROC curve, rows held out")
        table.add_column("Model")
        table.add_column("AUC", justify="right")
        table.add_row("trained encrypted, on rows that stayed in their Mines", f"{outcome.heldout_auc:.4f}")
        table.add_row("the same in the clear, on all rows in one place", f"{beside.centralised_auc:.4f}")
        table.add_row("logistic regression on tf-idf, on all rows in one place", f"{beside.tfidf_auc:.4f}")
        self.console.print(table)


class Scores:
    """The live table of one Campaign."""

    def __init__(self, console: Console, title: str) -> None:
        self._table = Table("Round", "Mine", "Before", "After", "Reward", title=title)
        for column in ("Round", "Before", "After", "Reward"):
            next(one for one in self._table.columns if one.header == column).justify = "right"
        self._console = console
        self._live = Live(self._table, console=console, auto_refresh=False)

    def __enter__(self) -> Scores:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        if not self._console.is_terminal:
            self._console.line()

    def add(self, gradient: GradientOutcome, reward: str) -> None:
        before, after = gradient.accuracy_before / WAD, gradient.accuracy_after / WAD
        self._table.add_row(str(gradient.number + 1), gradient.mine, f"{before:.2%}", f"{after:.2%}", reward)
        self._live.refresh()
