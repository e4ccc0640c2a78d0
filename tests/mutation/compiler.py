"""The contracts with one file replaced, compiled as the project is, without metadata so that equal code is equal."""

from __future__ import annotations

import json
import re
import subprocess
from os.path import dirname, normpath
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MUTATED = ("contracts/Sonar.sol", "contracts/CapsuleRegistry.sol", "contracts/libraries/*.sol")
CONTRACTS = ("Sonar", "CapsuleRegistry")
SETTINGS = {
    "viaIR": True,
    "evmVersion": "cancun",
    # Legacy code generation finds the stack too deep; the IR with the optimiser is what is deployed.
    "optimizer": {"enabled": True},
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
}


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


def mutated_files() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for pattern in MUTATED for path in ROOT.glob(pattern))


class Compiler:
    """A warm compiler. `begin` and `finish` are apart, so that tests run while the next mutant compiles."""

    def __init__(self) -> None:
        self._sources = sources()
        self._server = subprocess.Popen(
            ["node", str(Path(__file__).with_name("solc_server.js"))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def trees(self) -> dict[str, dict[str, Any]]:
        """The compact AST of each file that is mutated. Raises CompilerError."""
        self._send({}, {"*": {"": ["ast"]}})
        output = self._receive()
        if "sources" not in output or _errors(output):
            raise CompilerError("; ".join(_errors(output)))
        return {file: output["sources"][file]["ast"] for file in mutated_files()}

    def source(self, file: str) -> str:
        return self._sources[file]

    def begin(self, changes: dict[str, str]) -> None:
        wanted = {f"contracts/{name}.sol": {name: ["evm.bytecode.object"]} for name in CONTRACTS}
        self._send(changes, wanted)

    def finish(self) -> dict[str, str] | None:
        """Contract -> creation code in hex; None where it does not compile."""
        output = self._receive()
        if _errors(output):
            return None
        made = output["contracts"]
        return {name: made[f"contracts/{name}.sol"][name]["evm"]["bytecode"]["object"] for name in CONTRACTS}

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.terminate()
        self._server.wait()

    def _send(self, changes: dict[str, str], wanted: dict[str, Any]) -> None:
        texts = self._sources | changes
        question = {
            "language": "Solidity",
            "sources": {file: {"content": text} for file, text in texts.items()},
            "settings": SETTINGS | {"outputSelection": wanted},
        }
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(question) + "\n")
        self._server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer


def _errors(output: dict[str, Any]) -> list[str]:
    return [error["message"] for error in output.get("errors", []) if error["severity"] == "error"]
