"""What Syft promises to keep by name, and what it knows nothing of."""

import ast
import inspect
from pathlib import Path

import pytest

import syft
from syft import errors

ROOT = Path(syft.__file__).parent
KERNEL_KNOWS = {"syft.errors", "syft.kernel"} | {f"syft.kernel.{path.stem}" for path in (ROOT / "kernel").glob("*.py")}


def test_the_exported_names():
    assert syft.__all__ == [
        "EncryptedTensor",
        "FixedPoint",
        "IntegerTensor",
        "LinearClassifier",
        "LinearRegression",
        "PrivateContext",
        "PublicContext",
        "RandomFeatureClassifier",
        "RandomFeatureRegressor",
        "Spread",
        "generate_paillier_keypair",
    ]


@pytest.mark.parametrize("package", ["syft", "syft.kernel", "syft.nn", "syft.paillier", "syft.privacy", "syft.texts"])
def test_every_exported_name_is_there_and_documented(package):
    module = __import__(package, fromlist=["__all__"])
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, name


def test_one_tree_of_errors_each_also_a_builtin():
    own = [thing for _, thing in inspect.getmembers(errors, inspect.isclass) if thing.__module__ == errors.__name__]
    assert len(own) > 10
    for error in set(own) - {errors.SyftError}:
        assert issubclass(error, errors.SyftError)
        assert any(base.__module__ == "builtins" and base is not Exception for base in error.__mro__[2:-3]), error


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module}"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_syft_knows_nothing_of_chains_files_or_networks(path):
    allowed = {"syft", "numpy", "gmpy2", "phe", "safetensors", "__future__", "abc", "collections", "concurrent", "copy"}
    allowed |= {
        "contextlib",
        "dataclasses",
        "fractions",
        "functools",
        "hashlib",
        "importlib",
        "itertools",
        "json",
        "math",
        "re",
        "secrets",
        "types",
        "typing",
    }
    if path.parent.name == "kernel":
        allowed |= {"ctypes", "os", "pathlib"}
    if path.name == "scikit_learn.py":
        allowed.add("sklearn")
    assert {name.split(".")[0] for name in imports(path)} <= allowed


def test_only_whole_layers_are_imported_upwards():
    """Each layer knows those below: kernel, paillier, nn, privacy; and none of them knows wire and texts."""
    for path in (ROOT / "kernel").glob("*.py"):
        assert {name for name in imports(path) if name.startswith("syft")} <= KERNEL_KNOWS, path
    for path in (ROOT / "paillier").glob("*.py"):
        assert not any(
            name.startswith(("syft.nn", "syft.privacy", "syft.texts", "syft.wire")) for name in imports(path)
        ), path
    for path in (ROOT / "nn").glob("*.py"):
        assert not any(name.startswith(("syft.privacy", "syft.texts", "syft.wire")) for name in imports(path)), path
    for path in (ROOT / "texts").glob("*.py"):
        assert not any(name.startswith(("syft.privacy", "syft.paillier")) for name in imports(path)), path
    for path in (ROOT / "privacy").glob("*.py"):
        assert not any(name.startswith(("syft.paillier", "syft.texts", "syft.wire")) for name in imports(path)), path
