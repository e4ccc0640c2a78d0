"""Every import of the product goes down: a table of layers holds syft, the shared library and the plugins."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Package -> layers from the lowest to the highest. Parts of one layer stand side by side and do not import each other.
#: A part is a sub-package or module directly below the package.
LAYERS: dict[str, list[set[str]]] = {
    "sonar_core": [
        {"base"},
        {"data"},
        {"protocol", "crypto"},
        {"store", "chain"},
        {"app"},
        {"service"},
        {"cli"},
    ],
    "ape_capsule": [
        {"errors"},
        {"scoring"},
        {"keys"},
        {"home"},
        {"moves"},
        {"loop"},
        {"service"},
        {"maintenance"},
        {"commands"},
        {"_cli"},
    ],
    "ape_mine": [
        {"errors"},
        {"policy", "datasets"},
        {"training"},
        {"home"},
        {"planning"},
        {"loop"},
        {"service"},
        {"maintenance"},
        {"commands"},
        {"_cli"},
    ],
}
PLUGINS = ("ape_sonar", "ape_capsule", "ape_mine")

#: Library -> where it may be imported: packages, or parts of sonar_core. Everywhere else an auditor needs no node.
CHAIN_PARTS = {"sonar_core.chain", "sonar_core.app", "sonar_core.service", "sonar_core.cli", *PLUGINS}
CONFINED = {
    "ape": CHAIN_PARTS,
    "ape_accounts": CHAIN_PARTS,
    "web3": {"sonar_core.chain", "sonar_core.service"},
    "click": {"sonar_core.service", "sonar_core.cli", *PLUGINS},
}


def _folder(package: str) -> Path:
    if package == "syft":
        return ROOT / "syft"
    return ROOT / "plugins" / package.replace("_", "-") / package


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    folder = _folder(package)
    for path in sorted(folder.rglob("*.py")):
        name = ".".join((package, *path.relative_to(folder).with_suffix("").parts))
        yield name.removesuffix(".__init__"), path


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, at its top or inside a function, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; the style is absolute"
            yield str(node.module), node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _part(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _is_in(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("package", LAYERS)
def test_no_arrow_goes_up(package: str) -> None:
    level = {f"{package}.{part}": height for height, parts in enumerate(LAYERS[package]) for part in parts}
    wrong = []
    for module, path in _modules(package):
        here = _part(module)
        if module == package:
            continue
        assert here in level, f"{here} has no layer: add it to the table"
        for target, line in _imports(path):
            there = _part(target)
            if there in level and there != here and level[there] >= level[here]:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} imports {there}")
    assert sorted(set(wrong)) == []


@pytest.mark.parametrize("package", ["syft", "sonar_core", *PLUGINS])
def test_packages_import_only_those_below(package: str) -> None:
    """syft knows none of the others, sonar_core only syft, and no plugin knows another plugin."""
    own = {"syft", "sonar_core", *PLUGINS}
    allowed = {"syft": set(), "sonar_core": {"syft"}}.get(package, {"syft", "sonar_core"}) | {package}
    wrong = {
        f"{path.relative_to(ROOT)}:{line}: {target}"
        for _, path in _modules(package)
        for target, line in _imports(path)
        if target.split(".")[0] in own - allowed
    }
    assert sorted(wrong) == []


@pytest.mark.parametrize("library", CONFINED)
def test_libraries_of_chain_and_terminal_begin_at_their_layer(library: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)}:{line}"
        for package in ("syft", "sonar_core", *PLUGINS)
        for module, path in _modules(package)
        for target, line in _imports(path)
        if target.split(".")[0] == library and not _is_in(module, CONFINED[library])
    }
    assert sorted(wrong) == []


def test_the_table_names_what_exists() -> None:
    for package, layers in LAYERS.items():
        existing = {module.split(".")[1] for module, _ in _modules(package) if "." in module}
        assert set().union(*layers) == existing, package
