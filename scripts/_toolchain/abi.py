"""Writes the compiled contracts' ABIs into PySonar, which is installed without the contracts."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "plugins" / "ape-sonar" / "ape_sonar" / "abi"
CONTRACTS = ("CapsuleRegistry", "Sonar")

compiled = json.loads((ROOT / ".build" / "__local__.json").read_text())["contractTypes"]
for name in CONTRACTS:
    (TARGET / f"{name}.json").write_text(json.dumps(compiled[name]["abi"], indent=1) + "\n")
