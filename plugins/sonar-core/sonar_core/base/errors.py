"""The root of every error of Sonar's packages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Longest error line shown; a hostile blob must not fill a terminal.
_LONGEST_LINE = 500
#: Letters of a name that are compared: difflib's time grows with their square.
_LONGEST_NAME = 80


class SonarError(Exception):
    """Root of everything that ape_sonar, ape_capsule and ape_mine raise on purpose.

    The message says what was wrong, where, and what to do, in one line.
    """


class UsageError(SonarError, ValueError):
    """An argument of the caller's that cannot be used."""


class FormatError(SonarError, ValueError):
    """Bytes from outside that break a rule of docs/reference/formats.md.

    Attributes:
        what: the kind of blob or file ("Campaign spec", "bundle", ...).
        why: the rule that is broken, and where.
    """

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what}: {why}")


class SpecError(FormatError):
    """A Campaign spec that nobody can train."""

    def __init__(self, why: str) -> None:
        super().__init__("Campaign spec", why)


class SchemaError(FormatError):
    """A Table Schema outside of the accepted subset."""

    def __init__(self, why: str, what: str = "Table Schema") -> None:
        super().__init__(what, why)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is most like `name`, to end an error with; empty if none is alike.

    >>> did_you_mean("AGE", ["dose", "age"])
    "; did you mean 'age'?"
    """
    by_case = {other.casefold(): other for other in known}
    similar = get_close_matches(name[:_LONGEST_NAME].casefold(), by_case, n=1)
    return f"; did you mean {by_case[similar[0]]!r}?" if similar else ""


def one_line(error: BaseException) -> str:
    r"""The error's message on one printable line of at most 500 characters.

    >>> one_line(ValueError("first\n  second"))
    'first second'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _LONGEST_LINE else shown[: _LONGEST_LINE - 3] + "..."
