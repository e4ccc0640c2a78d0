"""The public names of Syft, the order of its layers, and the packages that it may import."""

import ast
import inspect
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import syft
from syft import errors

ROOT = Path(syft.__file__).parent
PATHS = sorted(ROOT.rglob("*.py"))
NAMES = {
    path: ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__") for path in PATHS
}

#: Each layer, lowest first, with those that it may import.
LAYERS = {
    "errors": set(),
    "integers": set(),
    "bounded_json": set(),
    "task_executor": {"errors"},
    "kernel": {"errors"},
    "paillier": {"errors", "integers", "kernel", "task_executor"},
    "wire": {"errors", "integers", "bounded_json", "paillier"},
    "nn": {"errors", "integers", "paillier", "task_executor"},
    "privacy": {"errors", "integers", "nn", "task_executor"},
    "texts": {"errors", "integers", "bounded_json", "kernel", "wire", "nn"},
}
#: Installed with Syft; the others that it uses come with an extra, and are imported where they are needed.
DEPENDENCIES = {"numpy", "gmpy2", "phe", "safetensors"}
STANDARD = {
    *("__future__", "abc", "collections", "concurrent", "contextlib", "copy", "dataclasses", "fractions", "functools"),
    *("hashlib", "importlib", "itertools", "json", "math", "re", "secrets", "types", "typing"),
}


def test_the_exported_names():
    others = [name for name in syft.__all__ if not name.endswith("Error")]
    assert others == [
        "EncryptedTensor",
        "FixedPoint",
        "IntegerTensor",
        "LinearClassifier",
        "LinearRegression",
        "MultiLabelClassifier",
        "PrivateContext",
        "PublicContext",
        "RandomFeatureClassifier",
        "RandomFeatureMultiLabelClassifier",
        "RandomFeatureRegressor",
        "Standardise",
        "TaskExecutor",
        "generate_paillier_keypair",
        "propose",
    ]


def test_every_error_is_exported():
    own = {name for name, thing in inspect.getmembers(errors, inspect.isclass) if thing.__module__ == errors.__name__}
    assert own == {name for name in syft.__all__ if name.endswith("Error")}


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
    """Names of everything that a module imports, a function's own imports included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in NAMES.values() else f"{node.module}" for name in modules)


@pytest.mark.parametrize("path", PATHS, ids=NAMES.get)
def test_syft_imports_no_chains_files_or_networks(path):
    allowed = {"syft"} | DEPENDENCIES | STANDARD
    if path.parent.name == "kernel":
        allowed |= {"ctypes", "os", "pathlib"}
    if path.name == "_sklearn_tags.py":
        allowed.add("sklearn")
    assert {name.split(".")[0] for name in imports(path)} <= allowed


@pytest.mark.parametrize("path", [path for path in PATHS if path.parent != ROOT or path.stem in LAYERS], ids=NAMES.get)
def test_imports_go_down_only(path):
    layer = path.relative_to(ROOT).with_suffix("").parts[0]
    found = {name.split(".")[1] for name in imports(path) if name.startswith("syft.")}
    assert found - {layer} <= LAYERS[layer]


@pytest.mark.parametrize("path", PATHS, ids=NAMES.get)
def test_private_modules_are_imported_by_their_own_layer_only(path):
    layer = NAMES[path].split(".")[1:2]
    private = [name.split(".") for name in imports(path) if name.startswith("syft.") and "._" in name]
    assert all(parts[1:2] == layer for parts in private)


def test_the_table_of_layers_is_complete_and_ordered():
    assert {path.relative_to(ROOT).with_suffix("").parts[0] for path in PATHS} - {"__init__"} == set(LAYERS)
    for index, below in enumerate(LAYERS.values()):
        assert below <= set(list(LAYERS)[:index])


def test_no_import_cycle_inside_a_layer():
    """Imports under TYPE_CHECKING count as well, since they couple modules too."""
    edges = {NAMES[path]: {name for name in imports(path) if name in NAMES.values()} for path in PATHS}
    TopologicalSorter(edges).prepare()


def test_importing_syft_loads_no_package_that_is_not_needed():
    code = (
        "import sys; start = set(sys.modules); import syft; print(*{m.split('.')[0] for m in set(sys.modules) - start})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    # phe imports Crypto and click; numpy and gmpy2 are partly in Cython.
    expected = {"syft", "numpy", "gmpy2", "phe", "Crypto", "click", "cython_runtime"}
    assert {name for name in loaded if not name.startswith("_")} <= expected
