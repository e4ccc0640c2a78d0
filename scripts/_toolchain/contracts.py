"""Writes what the contracts compile to into PySonar, which is installed without them: ABIs and creation code."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHAIN = ROOT / "plugins" / "sonar-core" / "sonar_core" / "chain"
CONTRACTS = ("CapsuleRegistry", "Sonar")

compiled = json.loads((ROOT / ".build" / "__local__.json").read_text())["contractTypes"]
for name in CONTRACTS:
    (CHAIN / "abi" / f"{name}.json").write_text(json.dumps(compiled[name]["abi"], indent=1) + "\n")
    (CHAIN / "bytecode" / f"{name}.hex").write_text(compiled[name]["deploymentBytecode"]["bytecode"] + "\n")
