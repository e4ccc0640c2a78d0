"""A small town in one process: a Data Scientist, a Capsule and two Mines, on a chain that anything may happen to.

They play one story: a Campaign of two rounds of Gradients that is delivered and paid out, one that its Capsule
declines, and one whose Capsule goes silent, so that it expires and everybody takes theirs back. Who moves when is
settled, whatever goes wrong in between: so the ledger at the end is that of the story in which nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ape_capsule.home.paths import WARRANT_FILE
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.warrant_log import Kind as WarrantKind
from ape_capsule.keys.warrant_log import read
from ape_capsule.maintenance.rebuild_state import rebuild as rebuild_capsule
from ape_capsule.moves.announce import announce
from ape_capsule.service import build_capsule
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_mine.maintenance.rebuild_state import rebuild as rebuild_mine
from ape_sonar import Campaign, CampaignOptions, Sonar
from sonar_core.app.connection import Connection
from sonar_core.base.errors import SonarError, one_line
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto.vault import LOWEST_COST
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.ledger import Account, CampaignState, Ledger
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms, Status
from sonar_core.protocol.units import ZERO_ADDRESS
from sonar_core.service.action import Action
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.replicated import ReplicatedStore
from syft.errors import SyftError
from syft.nn import LinearClassifier
from syft.paillier import generate_paillier_keypair
from tests.chaos.points import Points
from tests.world.killing import KilledError

CONFIRMATIONS = 2
ROUNDS = 2
SCIENTIST, CAPSULE, MINES = "scientist", "capsule", ("north", "south")
PARTIES = (SCIENTIST, CAPSULE, *MINES)
PASSPHRASE = "only in tests"
HOUR = 3_600
#: More turns than any play needs to come to rest.
_MOST_TURNS = 3_000

_AGE = {"name": "age", "type": "number", "constraints": {"minimum": 0, "maximum": 128}}
_DOSE = {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 2}}
_ILL = {"name": "ill", "type": "boolean"}
_POLICY = f"""
datasets: {{ward: {{consent: own}}}}
allow:
  - {{dataset: ward, output: [ill], capsules: any, bounty: '>= 0 ether', rounds: {ROUNDS}, patience: {ROUNDS},
     approve: automatic}}
"""


@cache
def key_pair() -> Any:
    """One key pair for every Campaign, because making one takes long."""
    return generate_paillier_keypair(2048)


@cache
def rows(seed: int, count: int, wrong: int) -> tuple[tuple[tuple[float, float], ...], tuple[bool, ...]]:
    """Rows that follow a rule, except that every `wrong`-th row has the wrong answer."""
    table = np.random.default_rng(seed).uniform(0, (128, 2), (count, 2)).round(9)
    ill = [bool(age / 128 + dose / 2 > 1) ^ (place % wrong == 0) for place, (age, dose) in enumerate(table)]
    return tuple((float(age), float(dose)) for age, dose in table), tuple(ill)


# ------------------------------------------------------------------ parties


class Party:
    """A process that can be started, takes turns, and can be killed."""

    def __init__(self, town: Town, name: str) -> None:
        self.town, self.name = town, name

    def start(self) -> Any:
        """A new process, started from disk and chain."""

    def step(self, process: Any) -> list[Action]:
        """One turn."""
        return process.step()

    def close(self, process: Any) -> None:
        process.close()

    def rebuild(self) -> None:
        """Rebuilds a damaged state file."""

    @property
    def home(self) -> Path:
        return self.town.folder / self.name


class ScientistParty(Party):
    """Creates the same Campaigns (idempotently) at each turn, and takes refunds."""

    def start(self) -> Sonar:
        return self.town.client()

    def rebuild(self) -> None:
        # A client keeps nothing there that the chain does not tell: a person removes it.
        for path in self.home.glob("state.sqlite*"):
            path.unlink()

    def step(self, process: Sonar) -> list[Action]:
        actions = []
        for wish in self.town.wishes:
            campaign = self._asked_for(process, wish, actions)
            state, now = campaign.state, process.chain.timestamp()
            if state.recorded in (Status.REQUESTED, Status.OPEN) and state.status(now) is Status.EXPIRED:
                campaign.expire()
                actions.append(Action("expired", campaign.id, "a window was missed"))
            elif state.recorded is Status.DECLINED or state.claims_open(now):
                actions += self._refund(campaign)
        return actions

    @staticmethod
    def _asked_for(process: Sonar, wish: Wish, actions: list[Action]) -> Campaign:
        """The Campaign of a wish, asked for again until its creation has its confirmations."""
        if wish.settled:
            assert wish.campaign is not None
            return process.campaign(wish.campaign)
        known, campaign = wish.campaign, process.create(LinearClassifier(mu=0.01), **wish.arguments)
        wish.campaign = campaign.id
        if known != campaign.id:
            actions.append(Action("created", campaign.id, "a Campaign"))
        wish.settled = campaign.state.created_block <= process.chain.newest_block() - CONFIRMATIONS
        return campaign

    @staticmethod
    def _refund(campaign: Campaign) -> list[Action]:
        if not campaign.state.refundable():
            return []
        return [Action("refunded", campaign.id, str(campaign.refund()))]

    def close(self, process: Sonar) -> None:
        """Nothing: a client holds nothing open."""


class CapsuleParty(Party):
    def start(self) -> Any:
        town = self.town
        return build_capsule(
            town.chain_of(CAPSULE),
            town.store(),
            self.home,
            PASSPHRASE,
            confirmations=CONFIRMATIONS,
            start_block=town.start,
            cost=LOWEST_COST,
        )

    def rebuild(self) -> None:
        chain = self.town.chain_of(CAPSULE)
        rebuild_capsule(self.home, Connection(chain, self.town.start, CONFIRMATIONS, ()))


class MineParty(Party):
    """Its clock may be off by as much as the town says."""

    def start(self) -> Mine:
        town, skew = self.town, self.town.skew(self.name)
        return Mine(
            town.chain_of(self.name),
            town.store(),
            Home(self.home),
            confirmations=CONFIRMATIONS,
            start_block=town.start,
            clock=lambda: town.ticks() + skew,
            wall=lambda: datetime.now(UTC) + timedelta(seconds=skew),
        )

    def rebuild(self) -> None:
        chain, store = self.town.chain_of(self.name), self.town.store()
        rebuild_mine(self.home, chain, store, confirmations=CONFIRMATIONS, start_block=self.town.start)


@dataclass
class Wish:
    """A Campaign that the Data Scientist asks for, its id once that is known, and whether it has its confirmations."""

    arguments: dict[str, Any]
    campaign: bytes | None = None
    settled: bool = False


# ------------------------------------------------------------------ what came of it


@dataclass(frozen=True)
class Outcome:
    """The part of the result that does not depend on faults, time, hashes, fresh randomness or gas.

    Attributes:
        statuses, accuracies: of the Campaigns, in the order in which they were asked for.
        accounts: all money of each, in and out, to the wei.
        gradients: of each, in order: whose, computed from which version, accuracy before and after, reward, and what
            was taken for it (claimed, reclaimed, compensated).
        refunds: what the Data Scientist got back.
        collected: whether the Capsule took bond and fee, and scoring fees.
        warrants: what the Capsule decrypted, in order, each Campaign's by itself.
        weights: of the Model that was delivered, bit for bit.
        held: wei that are left in the contract.
    """

    statuses: list[str]
    accuracies: list[int]
    accounts: list[Account]
    gradients: list[list[tuple[Any, ...]]]
    refunds: list[int]
    collected: list[tuple[bool, bool]]
    warrants: list[list[tuple[str, int]]]
    weights: list[int]
    held: int

    @property
    def order(self) -> tuple[str, ...]:
        """Whose Gradients the first Campaign got, in order of submission."""
        return tuple(whose for whose, *_ in self.gradients[0])


# ------------------------------------------------------------------ the town


@dataclass
class Town:
    """The stage.

    Attributes:
        sonar, chain: the contract, and Ape's chain manager.
        accounts: by party.
        folder: of all homes and blobs.
        points: the fault points.
        order: of the Mines' turns: a pair for each round.
        between: called between two turns; whatever it does to the chain is no party's doing.
        told: called for each action; for whoever looks for trouble.
        shuffle: the parties of a round of turns, in the order in which they take them.
        turned_off: called where a party was killed, before it starts again.
    """

    sonar: Any
    chain: Any
    accounts: dict[str, Any]
    folder: Path
    points: Points
    order: tuple[str, ...] = MINES * ROUNDS
    between: Callable[[], None] = lambda: None
    told: Callable[[str, Action], None] = lambda party, action: None
    shuffle: Callable[[Sequence[str]], Sequence[str]] = lambda parties: parties
    turned_off: Callable[[str], None] = lambda party: None
    skew: Callable[[str], float] = lambda party: 0.0
    kills: int = 0
    wishes: list[Wish] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start = self.chain.blocks.head.number
        self._ticks = 0.0
        self._running: dict[str, Any] = {}
        capsule = Identity.create(self.folder / CAPSULE, "Capsule", PASSPHRASE, cost=LOWEST_COST)
        offer = CurrencyOffer(ZERO_ADDRESS, CurrencyTerms(True, 0, 10**30))
        terms = CapsuleTerms(10**12, 60, 60, 1, 60, 100)
        announce(self.chain_of(CAPSULE), self.store(), capsule, terms, [offer])
        for seed, (name, wrong) in enumerate(zip(MINES, (4, 9), strict=True)):
            self._furnish(name, *rows(seed + 10, 30, wrong))
        makers = {SCIENTIST: ScientistParty, CAPSULE: CapsuleParty}
        self.parties: dict[str, Party] = {name: makers.get(name, MineParty)(self, name) for name in PARTIES}
        # No reorganisation takes the stage away.
        self.chain.mine(CONFIRMATIONS)

    def _furnish(self, name: str, table: Any, ill: Any) -> None:
        home = Home.create(self.folder / name, str(self.accounts[name].address), str(self.sonar.address))
        lines = [f"{age},{dose},{str(sick).lower()}" for (age, dose), sick in zip(table, ill, strict=True)]
        source = self.folder / f"{name}.csv"
        source.write_text("age,dose,ill\n" + "\n".join(lines) + "\n")
        home.datasets.add("ward", source, TableSchema.parse({"fields": [_AGE, _DOSE, _ILL]}))
        policy = self.folder / f"{name}.yaml"
        policy.write_text(_POLICY)
        home.adopt(policy)

    # ------------------------------------------------------------------ what parties are made of

    def chain_of(self, name: str) -> SonarContracts:
        return SonarContracts(self.sonar.address, self.accounts[name])

    def store(self) -> ReplicatedStore:
        """Two replicated stores without waiting times, in the place of two IPFS nodes."""
        stores = [EmbeddedStore(self.folder / "blobs" / name) for name in ("one", "two")]
        return ReplicatedStore(stores, clock=self.ticks, sleep=lambda seconds: None)

    def client(self) -> Sonar:
        folder = self.folder / SCIENTIST
        chain = self.chain_of(SCIENTIST)
        return Sonar(chain, self.store(), folder, PASSPHRASE, start_block=self.start, cost=LOWEST_COST)

    def ticks(self) -> float:
        """A monotonic clock in seconds, which advances by an hour per turn so that back-offs end."""
        return self._ticks

    # ------------------------------------------------------------------ turns

    def rest(self, names: Sequence[str]) -> None:
        """Turns of these parties, with the chain going on, until nothing happened for longer than anything takes."""
        quiet = turns = 0
        while quiet < CONFIRMATIONS + 2:
            happened = False
            for name in self.shuffle(names):
                self.between()
                happened |= self._turn(name)
                turns += 1
                assert turns < _MOST_TURNS, f"{names} do not come to rest"
            self.chain.mine()
            quiet = 0 if happened else quiet + 1

    def _turn(self, name: str) -> bool:
        """Whether anything happened, trouble and faults included: a service tells the same trouble only once."""
        party, faults = self.parties[name], self.points.faults
        self._ticks += HOUR
        try:
            with self.points.turn(name):
                if name not in self._running:
                    self._running[name] = party.start()
                actions = party.step(self._running[name])
        except KilledError:
            self.kills += 1
            self.stop(name)
            self.turned_off(name)
            return True
        except (SonarError, SyftError, OSError) as error:
            # What a service's loop does, and what a person at a client does: say it, and go on.
            actions = [Action("trouble", None, one_line(error))]
        for action in actions:
            self.told(name, action)
        return any(action.kind != "noted" for action in actions) or self.points.faults > faults

    def stop(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is not None:
            self.parties[name].close(process)

    def until(self, moment: int) -> None:
        if moment > self.chain.blocks.head.timestamp:
            self.chain.mine(timestamp=moment)

    # ------------------------------------------------------------------ the story

    def play(self) -> Outcome:
        self.wish("the paying one", bounty="100000 wei")
        self.wish("the false one", bounty="5000 wei", starting_accuracy=0)
        self.rest([SCIENTIST, CAPSULE])
        for turn in range(ROUNDS):
            self.rest(self._mines(turn))
            self.rest([CAPSULE])
        silent = self.wish("the silent one", bounty="3000 wei", lasts="6 hours", scoring_window="1 hour")
        self.rest([SCIENTIST, CAPSULE])
        self.rest(MINES)
        self.until(self.state(silent).due)
        self.rest([SCIENTIST, *MINES])
        self.until(self.state(self.wishes[0]).ends_at)
        self.rest(PARTIES)
        return self.outcome()

    def _mines(self, turn: int) -> tuple[str, ...]:
        return self.order[turn * len(MINES) :][: len(MINES)]

    def wish(self, description: str, **changes: Any) -> Wish:
        table, ill = rows(1, 50, 10)
        arguments = {
            "input": {"fields": [_AGE, _DOSE]},
            "output": {"fields": [_ILL]},
            "validation": ({"age": [age for age, _ in table], "dose": [dose for _, dose in table]}, list(ill)),
            "capsule": str(self.accounts[CAPSULE].address),
            "lasts": "30 days",
            "target_accuracy": 1.0,
        }
        options = {
            "description": description,
            "open_within": "10 days",
            "scoring_window": "5 days",
            "delivery_window": "5 days",
            "capsule_fee": "50 wei",
            "compensation": "10 wei",
            "min_improvement": 0.01,
            "key_bits": 2048,
        }
        chosen = {name: changes.pop(name) for name in CampaignOptions.__dataclass_fields__ if name in changes}
        changed = CampaignOptions(**{**options, **chosen})
        self.wishes.append(Wish({**arguments, **changes, "options": changed}))
        return self.wishes[-1]

    # ------------------------------------------------------------------ looking

    def state(self, wish: Wish) -> CampaignState:
        chain = self.chain_of(CAPSULE)
        assert wish.campaign is not None
        return Ledger().apply_all(chain.events(self.start, chain.newest_block() + 1)).campaign(wish.campaign)

    def outcome(self) -> Outcome:
        names = {str(self.accounts[name].address): name for name in MINES}
        states = [self.state(wish) for wish in self.wishes]
        return Outcome(
            statuses=[state.recorded.name for state in states],
            accuracies=[state.accuracy for state in states],
            accounts=[state.account() for state in states],
            gradients=[_gradients(state, names) for state in states],
            refunds=[state.refunded_amount for state in states],
            collected=[(state.bond_collected, state.scoring_fees_collected) for state in states],
            warrants=[self.warrants(state.id) for state in states],
            weights=self._weights(),
            held=int(self.chain.provider.get_balance(self.sonar.address)),
        )

    def warrants(self, campaign: bytes) -> list[tuple[str, int]]:
        """What was decrypted, without what a reorganisation took back. A transaction that warrants twice fails here."""
        entries = [
            one.warrant for one in read(self.folder / CAPSULE / WARRANT_FILE) if one.warrant.campaign == campaign
        ]
        granted = [one for one in entries if one.kind is not WarrantKind.REWOUND]
        assert len({(one.kind, one.transaction) for one in granted}) == len(granted), "decrypted twice"
        return [(one.kind.value, one.number) for one in granted]

    def _weights(self) -> list[int]:
        campaign = self.wishes[0].campaign
        assert campaign is not None
        trained = self.client().campaign(campaign).result()
        return [int(weight) for weight in trained.model.weights_.values.flat]


def _gradients(state: CampaignState, names: dict[str, str]) -> list[tuple[Any, ...]]:
    told = []
    for _, one in sorted(state.gradients.items()):
        scores = (one.scored.accuracy_before, one.scored.accuracy_after) if one.scored else None
        taken = (one.claimed, one.reclaimed, one.compensated)
        told.append((names[one.record.miner], one.record.version, scores, state.reward(one), *taken))
    # Where nobody scores, all are treated alike: whose came first moves no money.
    return told if state.scored else sorted(told)
