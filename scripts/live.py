"""The demo with real parts: anvil, three IPFS nodes and one process per party, three of which are killed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import ape
import click

from ape_mine.home.home import Home
from ape_sonar import Campaign, CampaignOptions, Sonar, connect_active
from scripts._datasets import Dataset, load
from scripts._demo import KEY_BITS, ROUNDS, model_for
from scripts._money_audit import Books, audit
from scripts._nodes import Nodes, addresses_of
from scripts._outcome import GradientOutcome
from scripts._parties import divide, other, write_policy
from scripts._processes import BIN, NETWORK, LiveError, Party, anvil, until
from scripts._processes import ape as run_ape
from scripts._screen import Screen
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.units import COIN, format_money

_PASSPHRASE = "only for this demonstration"  # noqa: S105 - nothing of it outlives the play
_ACCOUNTS = {"deployer": 0, "scientist": 1, "capsule": 2, "north": 3, "noise": 4, "south": 5, "outsider": 6}
_MINES = ("north", "noise", "south", "outsider")
_POLL = "0.3"
#: Attempts to kill the Capsule between a warrant and its score.
_TRIES = 5


@click.command()
@click.option("--dataset", default="digits", show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep homes and logs in this folder.")
@cli_errors()
def cli(dataset, keep):
    """One Campaign on anvil and IPFS; the Capsule, an IPFS node and a Mine are killed on the way."""
    data = load(dataset)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sonar-live-")))
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        url = stack.enter_context(anvil(stack.enter_context((folder / "anvil.log").open("wb"))))
        _Live(data, folder, url, Nodes(folder, stack), Screen()).play()


class _Live:
    """The live demo: `play` lists its acts. Each party has its own home and cache."""

    def __init__(self, dataset: Dataset, folder: Path, url: str, nodes: Nodes, screen: Screen) -> None:
        self._dataset, self._rows = dataset, divide(dataset)
        self._folder, self._url, self._nodes, self._screen = folder, url, nodes, screen
        self._parties: dict[str, Party] = {}
        self._mines: dict[str, dict[str, str]] = {}
        self._begun = time.monotonic()

    def play(self) -> None:
        run_ape(["run", "deploy", "--yes", *_as("deployer")], self._environment("deployer"))
        self._start_capsule()
        os.environ.update(self._at_home("scientist"))
        with ape.networks.parse_network_choice(NETWORK) as provider:
            try:
                self._furnish_mines()
                scientist = connect_active(ape.accounts.test_accounts[_ACCOUNTS["scientist"]], _PASSPHRASE)
                campaign = self._create(scientist)
                self._kill_while_scoring(campaign)
                self._kill_a_node(campaign)
                self._start_other_mines()
                self._kill_while_submitting(campaign)
                self._until_nobody_moves(campaign)
                self._bring_the_node_back(campaign)
                provider.web3.provider.make_request("evm_setNextBlockTimestamp", [campaign.refresh().state.ends_at])
                provider.web3.provider.make_request("evm_mine", [])
                self._until_settled(campaign)
                self._show(campaign, audit(scientist, campaign.id, provider.get_balance(scientist.chain.address)))
            finally:
                for party in self._parties.values():
                    party.stop()

    def _environment(self, party: str) -> dict[str, str]:
        return {
            "DEVNET_RPC": self._url,
            "SONAR_HOME": str(self._folder / party),
            "SONAR_CAPSULE_PASSPHRASE": _PASSPHRASE,
            "SONAR_STORE": self._nodes.inside if party in _MINES else self._nodes.outside,
        }

    def _at_home(self, party: str) -> dict[str, str]:
        """A party's environment after the deployment, with the record of it in the party's home."""
        known, own = (self._folder / home / "deployments" for home in ("deployer", party))
        shutil.copytree(known, own, dirs_exist_ok=True)
        return self._environment(party)

    def _say(self, words: str) -> None:
        self._screen.say(f"{time.monotonic() - self._begun:4.0f} s  {words}")

    def _start_capsule(self) -> None:
        environment = self._at_home("capsule")
        run_ape(["capsule", "init"], environment)
        run_ape(["capsule", "announce", "--yes", *_as("capsule")], environment)
        self._start("capsule", ["run", "capsule", *_as("capsule"), "--poll", _POLL], environment)
        self._say("Capsule: announced, and running as a process of its own.")

    def _furnish_mines(self) -> None:
        capsule = str(ape.accounts.test_accounts[_ACCOUNTS["capsule"]].address)
        for name in _MINES:
            kind = other(self._dataset) if name == "outsider" else self._dataset
            frame = kind.frame if name == "outsider" else self._rows.mines[name]
            table, schema, policy = (self._folder / f"{name}{ending}" for ending in (".csv", ".schema.json", ".yaml"))
            frame.to_csv(table, index=False)
            schema.write_text(json.dumps(kind.schema))
            write_policy(policy, name, kind, capsule, ["wei"], ROUNDS)
            environment = self._at_home(name)
            run_ape(["mine", "init", *_as(name)], environment)
            run_ape(["mine", "add", name, str(table), str(schema)], environment)
            run_ape(["mine", "policy", str(policy), "--network", NETWORK], environment)
            self._mines[name] = environment
        self._start_mine("north")
        self._say("Mines: all with their rows and their policy; north is the first to watch.")

    def _start_mine(self, name: str) -> None:
        self._start(name, ["run", "mine", *_as(name), "--poll", _POLL], self._mines[name])

    def _create(self, scientist: Sonar) -> Campaign:
        inputs = self._rows.validation.drop(columns=self._dataset.output)
        campaign = scientist.create(
            model_for(self._dataset),
            input=self._dataset.input_schema,
            output=self._dataset.output_schema,
            validation=(inputs, self._rows.validation[self._dataset.output]),
            texts=self._dataset.texts,
            bounty="1 ether",
            target_accuracy=self._dataset.target,
            capsule=str(ape.accounts.test_accounts[_ACCOUNTS["capsule"]].address),
            lasts="1 day",
            options=CampaignOptions(description=self._dataset.description, capsule_fee="0.01 ether", key_bits=KEY_BITS),
        )
        self._say(
            f"Campaign 0x{campaign.id.hex()[:16]}: {campaign.bounty}, Miners can earn {campaign.remaining_reward}."
        )
        return campaign

    def _kill_while_scoring(self, campaign: Campaign) -> None:
        """Kills the Capsule after it wrote a warrant and before the score is on chain."""
        log = self._folder / "capsule" / "capsule" / "warrants.jsonl"

        def warrants() -> int:
            return log.read_bytes().count(b"\n") if log.exists() else 0

        for _ in range(_TRIES):
            granted = warrants()
            self._until(lambda granted=granted: warrants() > granted, "the Capsule decrypts a Gradient", interval=0.01)
            self._parties["capsule"].kill()
            owed = warrants() - campaign.refresh().state.scored
            self._parties["capsule"].start()
            if owed:
                self._say("Capsule: killed while scoring (a warrant on disk, no score on chain), and started again.")
                return
        raise LiveError(f"the Capsule was faster than its killer, {_TRIES} times: run it again")

    def _kill_a_node(self, campaign: Campaign) -> None:
        self._until(lambda: campaign.refresh().state.scored > 0, "a first Gradient is scored")
        self._nodes.kill_shared()
        self._say(f"IPFS: of three nodes, the one that all parties share is killed ({campaign.state.scored} scored).")

    def _start_other_mines(self) -> None:
        for name in _MINES[1:]:
            self._start_mine(name)
        self._say(f"Mines: {', '.join(_MINES[1:])} have come too, each a process of its own.")

    def _kill_while_submitting(self, campaign: Campaign) -> None:
        """Kills the Mine once its transaction is in a block: before or while it publishes the bundle."""
        miner = str(ape.accounts.test_accounts[_ACCOUNTS["south"]].address)
        self._until(lambda: bool(_numbers_of(campaign.refresh().state, miner)), "the Mine south submits", interval=0.01)
        self._parties["south"].kill()
        with closing(Home(self._folder / "south" / "mine").state()) as state:
            published = "before" if state.unfinished() else "just after"
        self._say(f"Mine south: killed {published} its bundle is published, and started again.")
        self._parties["south"].start()

    def _until_nobody_moves(self, campaign: Campaign) -> None:
        """Waits until each Mine with rows has submitted a Gradient without improvement, or all of its rounds."""
        miners = [str(ape.accounts.test_accounts[_ACCOUNTS[name]].address) for name in ("north", "noise", "south")]

        def quiet() -> bool:
            state = campaign.refresh().state
            if state.target_met:
                return True
            return not state.awaits_score and all(_is_done(state, miner) for miner in miners)

        self._until(quiet, "every Mine has stopped", seconds=600)

    def _bring_the_node_back(self, campaign: Campaign) -> None:
        """Restarts the shared node; each service then copies the blobs that its journal lists as missed."""
        wanted = addresses_of(campaign.refresh().state)
        self._nodes.restart_shared()
        missing = len(self._nodes.missing_on_shared(wanted))
        if not missing:
            raise LiveError("the node that was killed missed nothing: its death showed nothing")
        self._say(
            f"IPFS: the killed node is started again; of {len(wanted)} blobs of the Campaign it misses {missing}."
        )
        self._until(lambda: not self._nodes.missing_on_shared(wanted), "the node has what it missed", interval=1)
        self._say("IPFS: the services have copied all of them to it.")

    def _until_settled(self, campaign: Campaign) -> None:
        self._until(lambda: bool(campaign.refresh().state.delivery), "the Model is delivered")
        campaign.refund()

        def nothing_held() -> bool:
            account = campaign.refresh().state.account()
            return (account.held, account.scoring_escrowed) == (0, account.scoring_paid)

        self._until(nothing_held, "everybody took what is theirs")
        if missing := self._nodes.missing_on_shared(addresses_of(campaign.refresh().state)):
            raise LiveError(f"the node that was killed and came back does not keep {missing}")

    def _show(self, campaign: Campaign, books: Books) -> None:
        state, trained = campaign.refresh().state, campaign.result()
        names = {str(ape.accounts.test_accounts[place].address): name for name, place in _ACCOUNTS.items()}
        with self._screen.scores(f"{self._dataset.name}, live") as table:
            for gradient in _outcomes(state, names):
                table.add(gradient, format_money(gradient.reward, COIN))
        held_out = self._rows.held_out
        score = trained.score(held_out.drop(columns=self._dataset.output), held_out[self._dataset.output])
        self._say(f"{state.submitted} Gradients submitted, {books.scored} scored, none twice; held out {score:.2%}.")
        self._say(books.words())

    def _start(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        party = Party(name, [str(BIN / "ape"), *arguments], environment, self._folder)
        party.start()
        self._parties[name] = party

    def _until(self, condition, what: str, *, seconds: float = 300, interval: float = 0.1) -> None:
        def alive_and_so() -> bool:
            for party in self._parties.values():
                party.require_alive()
            return bool(condition())

        until(alive_and_so, what, seconds=seconds, interval=interval)


def _as(role: str) -> list[str]:
    return ["--network", NETWORK, "--account", f"TEST::{_ACCOUNTS[role]}"]


def _numbers_of(state: CampaignState, miner: str) -> list[int]:
    return [number for number, gradient in state.gradients.items() if gradient.record.miner == miner]


def _is_done(state: CampaignState, miner: str) -> bool:
    own = [state.gradients[number] for number in _numbers_of(state, miner)]
    return bool(own) and (len(own) >= ROUNDS or (own[-1].scored is not None and not own[-1].rise))


def _outcomes(state: CampaignState, names: dict[str, str]):
    for number, gradient in sorted(state.gradients.items()):
        if gradient.scored is None:  # the target was met before
            continue
        before, after = gradient.scored.accuracy_before, gradient.scored.accuracy_after
        yield GradientOutcome(number, names[gradient.record.miner], before, after, state.reward(gradient))
