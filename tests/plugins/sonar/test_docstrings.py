"""The examples in docstrings are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ape_sonar

MODULES = [name for _, name, _ in pkgutil.walk_packages(ape_sonar.__path__, "ape_sonar.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    parser = doctest.DocTestFinder()
    modules = (importlib.import_module(name) for name in MODULES)
    assert sum(len(test.examples) for module in modules for test in parser.find(module)) >= 10
