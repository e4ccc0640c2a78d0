"""Sudden death, for every test that kills a party inside of this process."""

from __future__ import annotations


class KilledError(BaseException):
    """A SIGKILL as seen from inside: no handler of ordinary errors catches it, and nothing after it runs."""
