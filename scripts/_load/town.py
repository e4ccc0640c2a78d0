"""The parties of a run: Data Scientists with Campaigns, a Capsule as a process of its own, Mines that step in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ape
import numpy as np
import pandas as pd
import yaml

import syft
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_sonar import CampaignOptions, connect_active
from scripts._load.size import SCIENTISTS, Size
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store
from sonar_core.data.table_schema import TableSchema

PASSPHRASE = "only for this run"  # noqa: S105 - nothing of it outlives the run
#: Accounts by place: deployer and Capsule, then the Data Scientists, then the Mines.
DEPLOYER, CAPSULE, FIRST_SCIENTIST = 0, 1, 2
FIRST_MINE = FIRST_SCIENTIST + SCIENTISTS
_FIELDS, _ROWS, _HIDDEN, _KEY_BITS = 8, 60, 60, 2048
_INPUT = [
    {"name": f"x{place}", "type": "number", "constraints": {"minimum": 0, "maximum": 1}} for place in range(_FIELDS)
]
_OUTPUT = [{"name": "ill", "type": "boolean"}]


def account(place: int) -> Any:
    """The test account of that place; more than Ape's settings name are made when they are asked for."""
    known = ape.accounts.test_accounts
    while len(known) <= place:
        known.generate_test_account()
    return known[place]


def rows(seed: int, count: int) -> pd.DataFrame:
    """Rows with a rule in them that a linear Model learns, and one answer in ten that is wrong."""
    generator = np.random.default_rng(seed)
    inputs = generator.uniform(0, 1, (count, _FIELDS))
    ill = (inputs.mean(axis=1) > 0.5) ^ (generator.uniform(size=count) < 0.1)
    return pd.DataFrame(inputs, columns=[field["name"] for field in _INPUT]).assign(ill=ill)


def create_campaigns(size: Size) -> None:
    """All Campaigns, each Data Scientist's in turn; the Capsule opens them as they come."""
    model = syft.LinearClassifier(inputs=_FIELDS, outputs=2)
    scientists = [connect_active(account(FIRST_SCIENTIST + place), PASSPHRASE) for place in range(SCIENTISTS)]
    for campaign in range(size.campaigns):
        hidden = rows(10_000 + campaign, _HIDDEN)
        scientists[size.scientist_of(campaign)].create(
            model,
            input={"fields": _INPUT},
            output={"fields": _OUTPUT},
            validation=(hidden.drop(columns="ill"), hidden["ill"]),
            bounty="1 ether",
            capsule=str(account(CAPSULE).address),
            lasts="30 days",
            options=CampaignOptions(scoring_window="20 days", key_bits=_KEY_BITS, nonce=campaign),
        )


@contextmanager
def open_mines(size: Size, folder: Path) -> Iterator[list[Mine]]:
    """The Mines, with rows and policy of their own, in this process."""
    mines: list[Mine] = []
    try:
        mines += [_furnished(size, number, folder / f"mine-{number}") for number in range(size.mines)]
        yield mines
    finally:
        for mine in mines:
            mine.close()


def _furnished(size: Size, number: int, folder: Path) -> Mine:
    site = find_connection(account(FIRST_MINE + number))
    home = Home.create(folder, site.chain.sender, site.chain.address)
    table, policy = folder / "rows.csv", folder / "new.yaml"
    frame = rows(number, _ROWS)
    frame.assign(ill=frame["ill"].map({True: "true", False: "false"})).to_csv(table, index=False)
    home.datasets.add("ward", table, TableSchema.parse({"fields": [*_INPUT, *_OUTPUT]}))
    rule: dict[str, Any] = {
        "dataset": "ward",
        "output": ["ill"],
        "capsules": [str(account(CAPSULE).address)],
        "scientists": [str(account(FIRST_SCIENTIST + place).address) for place in size.scientists_of(number)],
        "bounty": ">= 1 ether",
        "approve": "automatic",
    }
    policy.write_text(yaml.safe_dump({"datasets": {"ward": {"consent": "own"}}, "allow": [rule]}))
    home.adopt(policy)
    return Mine(
        site.chain,
        configured_store(),
        home,
        confirmations=site.confirmations,
        start_block=site.start_block,
    )
