"""The demo's parties: a data set divided into hidden rows, held-out rows and Mines, and each Mine's policy."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ape_mine.datasets.adapters.base import Request
from ape_mine.datasets.adapters.registry import find_adapter
from ape_mine.datasets.importing import import_source
from ape_mine.datasets.labels import Labels
from ape_mine.home.home import Home
from scripts._archive import write_archive
from scripts._datasets import Dataset, load
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.units import Currency

SEED = 2
#: Shares of all rows: hidden for validation, and held out. The Mines hold the rest.
VALIDATION, HELD_OUT = 0.2, 0.15
#: Shares of the Mines' rows. "later" arrives between the two Campaigns.
SHARES = {"north": 0.4, "south": 0.2, "noise": 0.1, "later": 0.3}


@dataclass(frozen=True, slots=True)
class Rows:
    """The data set, divided.

    Attributes:
        validation: hidden rows, which the Data Scientist seals to the Capsule.
        held_out: rows that no party sees before the end.
        pooled: all rows of the Mines with their true answers.
        mines: by name; "later" are rows that come to the Mine "south" after the first Campaign.
    """

    validation: pd.DataFrame
    held_out: pd.DataFrame
    pooled: pd.DataFrame
    mines: dict[str, pd.DataFrame]


def divide(dataset: Dataset) -> Rows:
    """Shuffles the rows by a fixed seed and divides them. The Mine "noise" gets answers that belong to other rows."""
    generator = np.random.default_rng(SEED)
    frame = dataset.frame.iloc[generator.permutation(len(dataset.frame))].reset_index(drop=True)
    hidden = round(len(frame) * VALIDATION)
    outside = hidden + round(len(frame) * HELD_OUT)
    rest = frame.iloc[outside:].reset_index(drop=True)
    ends = np.round(np.cumsum(list(SHARES.values())) * len(rest)).astype(int)
    starts = [0, *ends[:-1]]
    mines = {name: rest.iloc[start:end] for name, start, end in zip(SHARES, starts, ends, strict=True)}
    answers = mines["noise"][dataset.output].to_numpy()
    mines["noise"] = mines["noise"].assign(**{dataset.output: generator.permutation(answers)})
    return Rows(frame.iloc[:hidden], frame.iloc[hidden:outside], rest, mines)


def other(dataset: Dataset) -> Dataset:
    """A data set of another kind, for the Mine whose rows fit no Campaign here."""
    return load("wine" if dataset.name != "wine" else "breast_cancer")


def write_policy(path: Path, name: str, dataset: Dataset, capsule: str, currencies: list[str], rounds: int) -> None:
    """A Miner's policy file: its own data set, for the one Capsule, in these currencies."""
    bounties = [f">= 0 {currency}" for currency in currencies]
    rule = {"dataset": name, "output": [dataset.output], "capsules": [capsule], "bounty": bounties}
    rule |= {"scoring_fee": "<= 0.001 ether", "rounds": rounds, "patience": 1, "approve": "automatic"}
    path.write_text(yaml.safe_dump({"datasets": {name: {"consent": "own"}}, "allow": [rule]}))


def bring_in(home: Home, name: str, dataset: Dataset, frame: pd.DataFrame) -> None:
    """Imports rows into a Mine: tweets as an archive with the Miner's labels, other data as a CSV file.

    An archive adds to the earlier rows; a file replaces them.
    """
    with tempfile.TemporaryDirectory(dir=home.folder) as place:
        folder = Path(place)
        if dataset.texts:
            archive, labels = write_archive(folder, frame)
            request = Request(str(archive))
            import_source(home.datasets, name, find_adapter("x-archive"), request, labels=Labels(labels))
        else:
            source = folder / "incoming.csv"
            frame.to_csv(source, index=False)
            home.datasets.add(name, source, TableSchema.parse(dataset.schema), replace=True)


def furnish(
    home: Home, name: str, dataset: Dataset, frame: pd.DataFrame, capsule: str, tokens: list[Currency], rounds: int
) -> None:
    """Imports rows into a Mine, then adopts a policy for them."""
    bring_in(home, name, dataset, frame)
    policy = home.folder / "incoming.yaml"
    write_policy(policy, name, dataset, capsule, ["wei", *(token.symbol for token in tokens)], rounds)
    home.adopt(policy, tokens)
    policy.unlink()
