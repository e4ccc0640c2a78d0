"""One Capsule, many Campaigns and Mines on anvil: prints the figures, and writes build/load.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import ape
from ape.logging import logger

from ape_mine.loop import Mine
from scripts._load.figures import figures, table
from scripts._load.size import Size
from scripts._load.town import CAPSULE, DEPLOYER, FIRST_MINE, PASSPHRASE, account, create_campaigns, open_mines
from scripts._load.watch import Watch, children, most_memory
from scripts._processes import BIN, NETWORK, ROOT, LiveError, Party, anvil
from scripts._processes import ape as run_ape
from sonar_core.app.connection import find_connection
from sonar_core.chain.contracts import SonarContracts
from sonar_core.protocol.events import CampaignOpened, GradientRejected, GradientScored, GradientSubmitted

_POLL = "0.3"
#: Seconds without a score after which the run is given up: while something waits for one, and while nothing does.
_PATIENCE, _IDLE_PATIENCE = 900, 60


def main() -> None:
    options = _options()
    logger.set_level("WARNING")
    # As an exception, it ends the other processes, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    size = Size(options.campaigns, options.mines, options.share, options.workers)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sonar-load-")))
        log = stack.enter_context((folder / "anvil.log").open("wb"))
        accounts = ("--accounts", str(FIRST_MINE + size.mines), "--balance", "1000000")
        url = stack.enter_context(anvil(log, options=accounts))
        os.environ.update(
            DEVNET_RPC=url, SONAR_HOME=str(folder / "home"), SONAR_CAPSULE_PASSPHRASE=PASSPHRASE, SONAR_STORE=""
        )
        watch = stack.enter_context(Watch(url))
        page = _play(size, folder, watch)
    print(page)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "load.md").write_text(page + "\n")


def _play(size: Size, folder: Path, watch: Watch) -> str:
    run_ape(["run", "deploy", "--yes", *_as(DEPLOYER)], {})
    run_ape(["capsule", "init"], {})
    run_ape(["capsule", "announce", "--yes", *_as(CAPSULE)], {})
    capsule = _capsule(size, folder)
    capsule.start()
    try:
        with ape.networks.parse_network_choice(NETWORK), open_mines(size, folder) as mines:
            _say(f"{size.mines} Mines are furnished")
            create_campaigns(size)
            _say(f"{size.campaigns} Campaigns are created")
            site = find_connection(account(DEPLOYER))
            _work(size, mines, site.chain, site.start_block, capsule)
            memory = _memory(capsule)
            events = site.chain.events(site.start_block, site.chain.newest_block() + 1)
        return table(size, figures(events, watch.seen), memory)
    finally:
        capsule.stop()


def _capsule(size: Size, folder: Path) -> Party:
    command = [str(BIN / "ape"), "capsule", "run", *_as(CAPSULE), "--poll", _POLL, "--workers", str(size.workers)]
    return Party("capsule", command, {}, folder)


def _work(size: Size, mines: list[Mine], chain: SonarContracts, start_block: int, capsule: Party) -> None:
    """The Mines step in turn until every Gradient that can be is submitted and has its verdict."""
    progress = _Progress(size, chain, start_block)
    for mine in cycle(mines):
        if progress.done:
            return
        for action in mine.step():
            if action.kind in ("trouble", "dropped"):
                _say(action.words)
        capsule.require_alive()
        progress.look()


class _Progress:
    """What the chain says of a run: told now and then, and given up when nothing happens any more."""

    def __init__(self, size: Size, chain: SonarContracts, start_block: int) -> None:
        self._size, self._chain, self._read = size, chain, start_block
        self._seen = Counter[type]()
        self._last, self._told = time.monotonic(), 0

    @property
    def done(self) -> bool:
        return self._scored >= self._size.gradients

    @property
    def _scored(self) -> int:
        return self._seen[GradientScored] + self._seen[GradientRejected]

    def look(self) -> None:
        """Reads what is new. Raises LiveError when nothing was for too long."""
        head = self._chain.newest_block()
        fresh = [type(event) for event in self._chain.events(self._read, head + 1)]
        self._read = head + 1
        self._seen.update(fresh)
        if fresh:
            self._last = time.monotonic()
        if self._scored - self._told >= max(self._size.gradients // 20, 1):
            self._told = self._scored
            _say(f"{self} are scored")
        idle = self._seen[CampaignOpened] == self._size.campaigns and self._scored == self._seen[GradientSubmitted]
        if not self.done and time.monotonic() - self._last > (_IDLE_PATIENCE if idle else _PATIENCE):
            raise LiveError(f"nothing happens any more: {self} are scored")

    def __str__(self) -> str:
        return (
            f"{self._seen[CampaignOpened]} of {self._size.campaigns} Campaigns are open; of {self._size.gradients} "
            f"Gradients {self._seen[GradientSubmitted]} are submitted and {self._scored}"
        )


def _memory(capsule: Party) -> dict[str, int]:
    found = {"the Capsule": most_memory(capsule.number), "this process, with all Mines": most_memory(os.getpid())}
    workers = [most_memory(child) for child in children(capsule.number)]
    if workers:
        found["the largest of the Capsule's processes for scoring"] = max(workers)
    return found


def _as(place: int) -> list[str]:
    return ["--network", NETWORK, "--account", f"TEST::{place}"]


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--mines", type=int, default=50, help="a multiple of 5")
    parser.add_argument("--share", type=int, default=2, help="of 5 Data Scientists whom each Mine works for")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


if __name__ == "__main__":
    main()
