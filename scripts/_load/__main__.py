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
from pathlib import Path

import ape
from ape.logging import logger

from ape_mine.loop import Mine
from ape_sonar.chain import SonarChain
from ape_sonar.events import CampaignOpened, GradientRejected, GradientScored, GradientSubmitted
from ape_sonar.site import find_site
from scripts._load.figures import figures, table
from scripts._load.size import Size
from scripts._load.town import CAPSULE, DEPLOYER, FIRST_MINE, PASSPHRASE, account, create_campaigns, open_mines
from scripts._load.watch import Watch, children, most_memory
from scripts._processes import BIN, NETWORK, ROOT, LiveError, Party, anvil
from scripts._processes import ape as run_ape

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
    run_ape(["run", "deploy", *_as(DEPLOYER)], {})
    run_ape(["capsule", "init"], {})
    run_ape(["capsule", "announce", *_as(CAPSULE)], {})
    capsule = _capsule(size, folder)
    capsule.start()
    try:
        with ape.networks.parse_network_choice(NETWORK), open_mines(size, folder) as mines:
            _say(f"{size.mines} Mines are furnished")
            create_campaigns(size)
            _say(f"{size.campaigns} Campaigns are created")
            site = find_site(account(DEPLOYER))
            _work(size, mines, site.chain, site.start_block, capsule)
            memory = _memory(capsule)
            events = site.chain.events(site.start_block, site.chain.head() + 1)
        return table(size, figures(events, watch.seen), memory)
    finally:
        capsule.stop()


def _capsule(size: Size, folder: Path) -> Party:
    command = [str(BIN / "ape"), "capsule", "run", *_as(CAPSULE), "--poll", _POLL, "--workers", str(size.workers)]
    return Party("capsule", command, {}, folder)


def _work(size: Size, mines: list[Mine], chain: SonarChain, start_block: int, capsule: Party) -> None:
    """The Mines step in turn until every Gradient that can be is submitted and has its verdict."""
    read, seen, last, told = start_block, Counter[type](), time.monotonic(), 0
    while (scored := seen[GradientScored] + seen[GradientRejected]) < size.gradients:
        for mine in mines:
            for action in mine.step():
                if action.kind in ("trouble", "dropped"):
                    _say(action.words)
        capsule.require_alive()
        head = chain.head()
        fresh = [type(event) for event in chain.events(read, head + 1)]
        read = head + 1
        seen.update(fresh)
        if fresh:
            last = time.monotonic()
        if scored - told >= max(size.gradients // 20, 1):
            told = scored
            _say(f"{scored} of {size.gradients} Gradients are scored")
        idle = seen[CampaignOpened] == size.campaigns and scored == seen[GradientSubmitted]
        if time.monotonic() - last > (_IDLE_PATIENCE if idle else _PATIENCE):
            raise LiveError(
                f"nothing happens any more: of {size.gradients} Gradients {seen[GradientSubmitted]} were submitted "
                f"and {scored} scored; {seen[CampaignOpened]} of {size.campaigns} Campaigns are open"
            )
    _say(f"all {scored} Gradients are scored")


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
