"""The root of all errors of Sonar's packages, and one line to show for any error."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Longest error line shown; a hostile blob must not fill a terminal.
_LONGEST_LINE = 500
#: Letters of a name that are compared: difflib's time grows with their square.
_LONGEST_NAME = 80


class SonarError(Exception):
    """Root of the errors that Sonar's packages raise on purpose.

    The message says on one line what is wrong, where, and what to do.
    """


class UsageError(SonarError, ValueError):
    """An invalid argument."""


class FormatError(SonarError, ValueError):
    """Data from outside that breaks a rule of its format (docs/reference/formats.md).

    Attributes:
        what: the kind of blob or file ("Campaign spec", "bundle", ...).
        why: the rule that is broken, and where.
    """

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what}: {why}")


class SpecError(FormatError):
    """An invalid Campaign spec."""

    def __init__(self, why: str) -> None:
        super().__init__("Campaign spec", why)


class SchemaError(FormatError):
    """A Table Schema outside of the accepted subset (`sonar_core.data.table_schema`)."""

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
    >>> one_line(FileNotFoundError(2, "No such file or directory", "rows.csv"))
    'rows.csv: no such file or directory'
    """
    message = str(error)
    if isinstance(error, OSError) and not isinstance(error, SonarError) and error.filename and error.strerror:
        message = f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}"
    text = " ".join(message.split()) or type(error).__name__
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _LONGEST_LINE else shown[: _LONGEST_LINE - 3] + "..."
