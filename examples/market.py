"""A whole market in one process, as a story: `python examples/market.py`, in any Ape project.

A Data Scientist has forty labelled wines and wants a Model. Bob and Dora have other wines. A Capsule holds the keys.
The chain is py-evm, in this process; each party has a folder of its own, and takes its turn when the story says so.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import ape
import pandas as pd

import syft
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.loop import Capsule
from ape_capsule.moves.announce import announce
from ape_capsule.service import build_capsule
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_sonar import Campaign, CampaignOptions, Sonar
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.deploy.deployer import Deployer
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms
from sonar_core.protocol.units import COIN
from sonar_core.store.embedded import EmbeddedStore

WINES = Path(__file__).parent / "wine"
PASSPHRASE = "only for this example"  # noqa: S105 - its vaults vanish with the temporary folder
POLICY = """
datasets: {wines: {consent: own}}
allow:
  - {dataset: wines, output: [cultivar], capsules: any, bounty: '>= 0.5 ether', rounds: 3, approve: automatic}
"""


def main() -> None:
    """The story, from the contracts to the last payment."""
    ape.logging.logger.set_level("WARNING")  # its lines on each transaction would hide the story
    with ape.networks.parse_network_choice("ethereum:local:test"), tempfile.TemporaryDirectory() as folder:
        deployer, alice, carol, bob, dora = (ape.accounts.test_accounts[index] for index in range(5))

        # The contracts. Nobody owns them.
        contracts = Deployer(ape.networks.provider, deployer)
        contracts.carry_out(contracts.plan())
        address = contracts.sonar
        store = EmbeddedStore(Path(folder, "blobs"))

        # Each party comes with its own keys, rows and rules.
        capsule = open_capsule(SonarContracts(address, carol), store, Path(folder, "carol"))
        mines = {
            name: open_mine(SonarContracts(address, account), store, Path(folder, name), WINES / f"{name}.csv")
            for name, account in (("bob", bob), ("dora", dora))
        }
        scientist = Sonar(SonarContracts(address, alice), store, Path(folder, "alice"), PASSPHRASE)

        # Alice puts one ether in trust. Her forty wines are sealed to the Capsule.
        campaign = create_campaign(scientist, str(carol.address))
        print(f"{campaign.bounty} waits, {campaign.remaining_reward} of it for Miners.")

        # The Capsule makes the key pair. From now on the Model is public, and encrypted.
        take_turns(capsule)

        # The Mines train on ciphertexts; the Capsule scores each Gradient on the hidden wines.
        for name, mine in mines.items():
            mine.step()
            take_turns(capsule)
            print(f"{name} brought a Gradient: accuracy {campaign.refresh().accuracy:.2%}")

        # Mining ends at the target, or with time. The Model is delivered, sealed to Alice.
        if not campaign.refresh().state.target_met:
            ape.chain.mine(timestamp=campaign.state.ends_at)
        take_turns(capsule)

        # Everybody takes what is theirs.
        for mine in mines.values():
            mine.collect()
        take_turns(capsule)
        refunded = campaign.refund()
        rewards = [f"{gradient.reward}" for gradient in campaign.gradients()]
        print(f"Rewards: {', '.join(rewards)}. Back to Alice: {refunded}.")

        # Alice opens the Model with her key, checks it against the chain, and uses it.
        trained = campaign.result()
        print("Wines that nobody has labelled:", *trained.predict(pd.read_csv(WINES / "new.csv"))[:5], "...")
        print(f"Left in the contract: {ape.chain.provider.get_balance(address)} wei.")
        for mine in mines.values():
            mine.close()


def open_capsule(chain: SonarContracts, store: EmbeddedStore, folder: Path) -> Capsule:
    """A Capsule with a new OpenPGP identity, announced for Bounties in ether."""
    identity = Identity.create(folder, "Carol's Capsule", PASSPHRASE)
    terms = CapsuleTerms(
        scoring_fee=10**13,
        open_within=600,
        scoring_window=1_800,
        per_gradient=60,
        delivery_window=3_600,
        largest_model=10_000,
    )
    any_fee = CurrencyTerms(True, 0, 2**128 - 1)
    announce(chain, store, identity, terms, [CurrencyOffer(COIN.address, any_fee)])
    return build_capsule(chain, store, folder, PASSPHRASE, confirmations=0, start_block=0)


def open_mine(chain: SonarContracts, store: EmbeddedStore, folder: Path, rows: Path) -> Mine:
    """A Mine with rows and a policy. Without a policy nothing leaves it."""
    home = Home.create(folder, chain.sender, chain.address)
    home.datasets.add("wines", rows, TableSchema.parse(schema("wine")))
    policy = folder / "draft.yaml"
    policy.write_text(POLICY)
    home.adopt(policy, [])
    return Mine(chain, store, home, confirmations=0, start_block=0)


def create_campaign(scientist: Sonar, capsule: str) -> Campaign:
    """A Model of the cultivar, for up to one ether."""
    hidden = pd.read_csv(WINES / "hidden.csv")
    return scientist.create(
        syft.RandomFeatureClassifier(features=192),
        input=schema("input"),
        output=schema("output"),
        validation=(hidden.drop(columns="cultivar"), hidden["cultivar"]),
        bounty="1 ether",
        capsule=capsule,
        lasts="1 day",
        options=CampaignOptions(key_bits=2_048),  # 3,072 by default; small keys make a quick story
    )


def take_turns(capsule: Capsule) -> None:
    """The Capsule works until it has nothing left to do."""
    while any(action.moved for action in capsule.step()):
        pass


def schema(name: str) -> dict[str, object]:
    """A Table Schema of the example."""
    document: dict[str, object] = json.loads((WINES / f"{name}.schema.json").read_text())
    return document


if __name__ == "__main__":
    main()
