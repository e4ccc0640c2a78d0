"""A newcomer: types what the pages of the tutorials say, in the terminals of the parties that they name."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts._processes import ROOT
from tests.examples.typist import Command

PAGES = ROOT / "docs" / "tutorials"

_BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WHO = re.compile(r"source \.chain/environment (\w+)")
_SERVICE = re.compile(r"ape (capsule|mine) run ")
_CAMPAIGN = re.compile(r"Campaign (0x[0-9a-f]{64})")


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Language and text of each step of a page: a line of a bash block, or a whole Python block."""
    for language, text in _BLOCK.findall((PAGES / page).read_text()):
        if language == "python":
            yield language, text
        else:
            yield from ((language, line) for line in text.splitlines())


class Newcomer:
    """Types what the pages say, in terminals of the parties that they name."""

    def __init__(self, folder: Path) -> None:
        self.chain, self.folder = folder / "chain", folder
        self.services: list[Command] = []
        self.commands: Counter[str] = Counter()
        self.outputs: dict[str, str] = {}
        self._who, self._campaign = "", ""

    def follow(self, page: str) -> None:
        """Every step of a page, in order."""
        for language, text in steps(page):
            self.type(language, text)

    def type(self, language: str, text: str) -> None:
        if who := _WHO.fullmatch(text):
            self._who = who[1]
        elif text == "make chain":
            self._start_chain()
        elif text != "source .venv/bin/activate":
            self._run(language, text)

    def environment(self, who: str) -> dict[str, str]:
        """The variables of a party's shell."""
        command = f"source {self.chain / 'environment'} {who} && env -0"
        listed = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in listed.split("\0") if line)

    def stop(self) -> None:
        """Ctrl-C in every terminal, the chain's last."""
        while self.services:
            self.services.pop().interrupt()

    def kill(self) -> None:
        for service in self.services:
            service.kill()

    def _start_chain(self) -> None:
        command = Command(f"ape run chain --folder {self.chain}", (Path("/dev/null"), ""))
        self.services.append(command)
        command.wait_for("network", seconds=300)

    def _run(self, language: str, text: str) -> None:
        self.commands[f"{self._who}, {language}"] += 1
        if language == "python":
            program = self.folder / "campaign.py"
            program.write_text(text)
            text = f"python {program}"
        text = text.replace(" ID ", f" {self._campaign} ").replace("answers.csv", str(self.folder / "answers.csv"))
        passphrase = (self.chain / "passphrase").read_text()
        command = Command(text, (self.chain / "environment", self._who), passphrase)
        if _SERVICE.match(text):
            self.services.append(command)
            return
        try:
            output = command.finish()
        finally:
            command.kill()
        for service in self.services:
            service.require_alive()
        self.outputs[text.split(" --")[0]] = output
        if text.startswith("ape sonar create") and (found := _CAMPAIGN.search(output)):
            self._campaign = found[1]
