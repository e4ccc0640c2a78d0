"""The contracts with one file replaced, compiled without metadata so that equal code is equal."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from os.path import dirname, normpath
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Whose mutants are judged.
MUTATED = (
    *(f"contracts/libraries/{name}.sol" for name in ("Payout", "Currency", "Digest", "Clock")),
    *("contracts/CapsuleRegistry.sol", "contracts/Sonar.sol"),
)
CONTRACTS = ("Sonar", "CapsuleRegistry")

#: Three times as fast as for deployment: nothing is optimised, only the pruner runs that lets variables move to memory.
#: Legacy code generation finds the stack too deep, so that it goes by the IR.
_QUICK: dict[str, Any] = {
    "enabled": True,
    "details": {
        "inliner": False,
        "deduplicate": False,
        "cse": False,
        "constantOptimizer": False,
        "orderLiterals": False,
        "yul": True,
        "yulDetails": {"stackAllocation": True, "optimizerSteps": "u"},
    },
}


#: What is dear to find out again; each file is named by what it follows from.
KEPT = ROOT / ".build/mutants"


class CompilerError(RuntimeError):
    """The unchanged contracts do not compile."""


def sources() -> dict[str, str]:
    """Path as imported -> text of the contracts (without mocks) and of all that they import."""
    waiting = [str(path.relative_to(ROOT)) for path in (ROOT / "contracts").rglob("*.sol") if "mocks" not in path.parts]
    texts: dict[str, str] = {}
    while waiting:
        file = waiting.pop()
        if file not in texts:
            home = ROOT if file.startswith("contracts/") else ROOT / "node_modules"
            texts[file] = (home / file).read_text()
            found = re.findall(r'^(?:import|\} from)[^;]*?"([^"]+)";', texts[file], re.MULTILINE)
            waiting += [normpath(f"{dirname(file)}/{name}") if name.startswith(".") else name for name in found]
    return texts


class Compiler:
    """A warm compiler in a process of its own."""

    def __init__(self) -> None:
        self._sources = sources()
        self._server = subprocess.Popen(
            ["node", str(Path(__file__).with_name("solc_server.js"))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def source(self, file: str) -> str:
        return self._sources[file]

    def trees(self) -> dict[str, dict[str, Any]]:
        """The compact AST of each file that is mutated. Raises CompilerError."""
        output = self._ask({}, {"*": {"": ["ast"]}})
        if _errors(output):
            raise CompilerError("; ".join(_errors(output)))
        return {file: output["sources"][file]["ast"] for file in MUTATED}

    def compile(self, changes: dict[str, str]) -> dict[str, str] | None:
        """Contract -> its creation code in hex, with some files replaced; None where the compiler refuses them."""
        parts = ["evm.bytecode.object"]
        output = self._ask(changes, {f"contracts/{name}.sol": {name: parts} for name in CONTRACTS})
        if _errors(output):
            return None
        contracts = output["contracts"]
        return {name: contracts[f"contracts/{name}.sol"][name]["evm"]["bytecode"]["object"] for name in CONTRACTS}

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.terminate()
        self._server.wait()

    def _ask(self, changes: dict[str, str], wanted: dict[str, Any]) -> dict[str, Any]:
        question = {
            "language": "Solidity",
            "sources": {file: {"content": text} for file, text in (self._sources | changes).items()},
            "settings": {
                "viaIR": True,
                "evmVersion": "cancun",
                "optimizer": _QUICK,
                "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
                "outputSelection": wanted,
            },
        }
        text = json.dumps(question)
        kept = KEPT / f"solc-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
        if not kept.exists():
            KEPT.mkdir(parents=True, exist_ok=True)
            # In one step, so that no half of an answer is ever read.
            fresh = kept.with_suffix(f".{os.getpid()}-{id(self)}")
            fresh.write_text(self._answer(text))
            fresh.replace(kept)
        answer: dict[str, Any] = json.loads(kept.read_text())
        return answer

    def _answer(self, question: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(question + "\n")
        self._server.stdin.flush()
        return self._server.stdout.readline()


def _errors(output: dict[str, Any]) -> list[str]:
    return [error["message"] for error in output.get("errors", []) if error["severity"] == "error"]
