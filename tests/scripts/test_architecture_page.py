"""The pages that tell a newcomer where things are say the truth."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
FOLDERS = [ROOT, *ROOT.glob("plugins/*")]

TASKS = PAGE[PAGE.index("## Where to change what") : PAGE.index("## Tests")]
FILES = re.findall(r"`([\w/]+(?:/[\w.]+\.(?:py|sol)|/))`", TASKS)
NAMES = re.findall(r"`((?:syft|sonar_core|ape_\w+)(?:\.\w+)+)`", GLOSSARY)


def test_ten_tasks_each_in_one_or_two_files() -> None:
    rows = [line for line in TASKS.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) == 10
    assert all(1 <= len(re.findall(r"`[\w/]+/[\w.]*`", row)) <= 2 for row in rows), rows


@pytest.mark.parametrize("name", FILES)
def test_a_named_file_exists(name: str) -> None:
    assert any((folder / name).exists() for folder in FOLDERS), name


def test_every_package_of_the_layers_is_on_the_page() -> None:
    for folder in (ROOT / "plugins").iterdir():
        package = folder / folder.name.replace("-", "_")
        assert package.name in PAGE
    for part in (ROOT / "plugins/sonar-core/sonar_core").iterdir():
        if (part / "__init__.py").exists():
            assert re.search(rf"\b{part.name}\b", PAGE), part.name


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_a_word_of_the_glossary_is_in_the_code(name: str) -> None:
    assert pkgutil.resolve_name(name) is not None, name


def test_the_glossary_is_sorted_and_a_word_has_one_line() -> None:
    words = [line.split("|")[1].strip().strip("*") for line in GLOSSARY.splitlines() if line.startswith("| **")]
    assert len(words) > 40
    assert words == sorted(words, key=str.lower)
    assert len(set(words)) == len(words)
