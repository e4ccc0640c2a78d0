"""One chain of `make chain` for all examples, with a Capsule started as its tutorial says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.newcomer import Newcomer


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    newcomer = Newcomer(tmp_path_factory.mktemp("newcomer"))
    try:
        newcomer.follow("run-a-capsule.md")
        yield newcomer
    finally:
        newcomer.kill()
