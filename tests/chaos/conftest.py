"""A town on the chain of the test, as often as it is asked for: each in a folder of its own, on the same blocks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ape_capsule.keys import paillier_keystore
from tests.chaos.points import Points, wired
from tests.chaos.town import PARTIES, Outcome, Town, key_pair

#: Outcomes that no fault has touched, by order: nothing in them belongs to one chain.
_FAULTLESS: dict[tuple[str, ...], Outcome] = {}


@pytest.fixture
def build(
    sonar: Any,
    chain: Any,
    scientist: Any,
    capsule: Any,
    miner: Any,
    second_miner: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Town]:
    """Makes a town; the chain goes back to where it was."""
    monkeypatch.setattr(paillier_keystore, "generate_paillier_keypair", lambda bits: key_pair())
    # A head is full at once, so that the story has a rebase in it.
    monkeypatch.setattr("ape_capsule.moves.rebase.needs_rebase", lambda model, exponent, packing: exponent > 20)
    accounts = dict(zip(PARTIES, (scientist, capsule, miner, second_miner), strict=True))
    number, start = count(), chain.provider.snapshot()

    def build(**how: Any) -> Town:
        chain.provider.restore(start)
        chain.history.revert_to_block(chain.blocks.height)
        folder = tmp_path / str(next(number))
        folder.mkdir()
        return Town(sonar, chain, accounts, folder, Points(folder), **how)

    return build


@pytest.fixture
def faultless(build: Callable[..., Town]) -> Callable[[tuple[str, ...]], Outcome]:
    """The story without faults, by the order of the Mines in it: played once for each."""

    def played(order: tuple[str, ...]) -> Outcome:
        if order not in _FAULTLESS:
            town = build(order=order)
            with wired(town.points):
                _FAULTLESS[order] = town.play()
            assert _FAULTLESS[order].order == order
        return _FAULTLESS[order]

    return played
