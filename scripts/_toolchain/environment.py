"""Runs at every start of .venv's Python: lets ape find the project's Solidity compiler and anvil."""

import os
import sys

_binaries = os.path.join(sys.prefix, "bin")
os.environ.setdefault("SOLCX_BINARY_PATH", os.path.join(os.path.dirname(sys.prefix), ".solc"))
if _binaries not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join(filter(None, [_binaries, os.environ.get("PATH", "")]))
