"""The names that PySonar promises to keep."""

from __future__ import annotations

import ape_sonar


def test_every_public_name_is_importable() -> None:
    assert list(ape_sonar.__all__) == sorted(ape_sonar.__all__)
    assert all(getattr(ape_sonar, name).__name__ for name in ape_sonar.__all__)


def test_no_lazy_name_is_left_out() -> None:
    assert set(ape_sonar._MODULES) == set(ape_sonar.__all__)
