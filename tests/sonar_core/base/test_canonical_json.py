"""Canonical documents from strangers."""

from __future__ import annotations

import pytest

from sonar_core.base.canonical_json import from_canonical
from sonar_core.base.errors import FormatError


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nothing_but_brackets_is_refused(opening: bytes) -> None:
    with pytest.raises(FormatError, match="not JSON"):
        from_canonical("bundle", opening * 10**5, limit=10**6)
