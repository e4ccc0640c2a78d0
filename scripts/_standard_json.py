"""The compiler's input in Solidity's standard JSON, with which explorers verify sources."""

import json

from ape import compilers

from sonar_core.base.atomic_files import write_atomically

CONTRACTS = ("contracts/CapsuleRegistry.sol", "contracts/Sonar.sol")
_OUTPUT = ["abi", "evm.bytecode", "evm.deployedBytecode", "metadata"]


def standard_json(project):
    """Sources and settings that compile to the deployed bytecode."""
    solidity = compilers.get_compiler("solidity")
    (made,) = solidity.get_standard_input_json([project.path / name for name in CONTRACTS], project=project).values()
    return {**made, "settings": {**made["settings"], "outputSelection": {"*": {"*": _OUTPUT}}}}


def write_standard_json(project, path):
    """Writes it to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(standard_json(project), indent=1) + "\n").encode())
