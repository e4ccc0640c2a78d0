"""The examples in docstrings are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ape_capsule
import ape_mine
import ape_sonar
import sonar_core

PACKAGES = (sonar_core, ape_sonar, ape_capsule, ape_mine)
MODULES = [
    name
    for package in PACKAGES
    for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not name.endswith("._unseal_child")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    parser = doctest.DocTestFinder()
    modules = (importlib.import_module(name) for name in MODULES)
    assert sum(len(test.examples) for module in modules for test in parser.find(module)) >= 10
