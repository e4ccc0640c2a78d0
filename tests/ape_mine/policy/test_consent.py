"""Consent: without it nothing is trained on; with it only what it says, on the rows and days it says."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ape_mine.errors import PolicyError
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_mine.planning import dataset_selection
from ape_mine.policy.consent import Consent
from ape_mine.policy.document import Policy
from sonar_core.data.table_schema import TableSchema
from sonar_core.service.action import Action
from tests.world.mine import AGE, DOSE, ILL, MINER, POLICY, SONAR, World, rows

AGREED = {"name": "agreed", "type": "boolean"}
SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL, AGREED]})


def consent(text: str) -> Consent:
    found = Policy.from_yaml(f"datasets: {{d: {{consent: {text}}}}}").consent("d")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "outputs", "day", "word"),
    [
        ("own", ["ill", "dose"], date(9999, 1, 1), None),
        ("{for: any}", ["ill"], date(9999, 1, 1), None),
        ("{for: [ill]}", ["ill"], date(2026, 1, 1), None),
        ("{for: [ill]}", ["ill", "dose"], date(2026, 1, 1), "for predicting ill, not dose"),
        ("{for: any, until: 2027-03-01}", ["ill"], date(2027, 3, 1), None),
        ("{for: any, until: 2027-03-01}", ["ill"], date(2027, 3, 2), "ended on 2027-03-01"),
    ],
)
def test_consent_is_for_something_and_until_a_day(text: str, outputs: list[str], day: date, word: str | None) -> None:
    objection = consent(text).objection(outputs, day)
    assert objection is None if word is None else word in str(objection)


@pytest.mark.parametrize(
    "text", ["mine", "{for: []}", "{until: 2027-01-01}", "{for: any, until: soon}", "{for: any, to: x}"]
)
def test_what_is_no_consent_is_no_policy(text: str) -> None:
    with pytest.raises(PolicyError, match=r"datasets\.d\.consent"):
        consent(text)


# ------------------------------------------------------------------ a whole Mine


def start(folder: Path, consent: str, agreed: list[bool] | None = None) -> Home:
    home = Home.create(folder / "mine", MINER, SONAR)
    table, answers = rows()
    frame = pd.DataFrame(table, columns=["age", "dose"]).assign(ill=answers, agreed=True if agreed is None else agreed)
    frame.to_csv(folder / "rows.csv", index=False)
    home.datasets.add("ward-7", folder / "rows.csv", SCHEMA, replace=True)
    adopt(home, folder, consent)
    return home


def adopt(home: Home, folder: Path, consent: str) -> None:
    (folder / "policy.yaml").write_text(POLICY.replace("consent: own", consent))
    home.adopt(folder / "policy.yaml")


def step(world: World, home: Home, confirmations: int = 0) -> list[Action]:
    mine = Mine(world.sonar, world.store, home, confirmations=confirmations, start_block=0)  # type: ignore[arg-type]
    try:
        return mine.step()
    finally:
        mine.close()


def kinds(actions: list[Action]) -> set[str]:
    return {action.kind for action in actions}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "deny: dataset ward-7: no consent"),
        ("consent: {for: [dose]}", "consent is given for predicting dose, not ill"),
        ("consent: {for: any, until: 2001-01-01}", "consent ended on 2001-01-01"),
    ],
)
def test_without_consent_nothing_is_trained_on(tmp_path: Path, text: str, word: str) -> None:
    world, home = World(tmp_path), start(tmp_path, text)
    campaign = world.open_campaign()
    actions = step(world, home)
    assert kinds(actions) == {"noted"}
    assert word in actions[0].words
    assert not world.state(campaign).gradients
    assert not list((home.folder / "statistics").iterdir()), "no row was looked at"
    adopt(home, tmp_path, "consent: {for: [ill]}")
    assert "submitted" in kinds(step(world, home))


def test_what_was_submitted_is_withheld_when_consent_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, home = World(tmp_path), start(tmp_path, "consent: {for: [ill], until: 2100-01-01}")
    campaign = world.open_campaign()
    world.wait(0)
    assert "submitted" in kinds(step(world, home, confirmations=1))
    monkeypatch.setattr(
        dataset_selection.DatasetSelector.__init__, "__kwdefaults__", {"today": lambda: date(2100, 1, 2)}
    )
    world.wait(0)
    actions = step(world, home)
    assert "withheld: dataset ward-7: consent ended" in actions[0].words
    assert not world.store.has(world.state(campaign).gradients[0].record.bundle)


def test_only_rows_with_consent_are_read(tmp_path: Path) -> None:
    agreed = [place % 3 == 0 for place in range(60)]
    home = start(tmp_path, "consent: {for: any, rows: agreed}", agreed)
    whole = home.datasets.get("ward-7")
    some = whole.only("agreed")
    assert some.version != whole.version
    for columns in (["age"], ["age", "agreed"]):
        (frame,) = some.frames(columns)
        assert list(frame.columns) == columns
        (everything,) = whole.frames(["age"])
        assert frame["age"].tolist() == everything["age"][np.array(agreed)].tolist()
    world = World(tmp_path)
    world.open_campaign()
    assert "submitted" in kinds(step(world, home))
    (kept,) = (home.folder / "statistics").iterdir()
    found = home.statistics.get(bytes.fromhex(kept.stem))
    assert found is not None
    assert found.statistics.rows == 20


def test_a_column_of_consent_must_be_there(tmp_path: Path) -> None:
    home = start(tmp_path, "consent: own")
    for column in ("age", "nowhere"):
        with pytest.raises(PolicyError, match=f"no boolean column '{column}'"):
            adopt(home, tmp_path, f"consent: {{for: any, rows: {column}}}")
    with pytest.raises(PolicyError, match=r"ward-7\.columns: the dataset has no column 'years'"):
        adopt(home, tmp_path, "consent: own, columns: {age: years}")


# ------------------------------------------------------------------ columns of other names


def test_a_mine_trains_on_columns_of_other_names_as_on_its_own(tmp_path: Path) -> None:
    """The same statistics, under another key."""
    found: list[Any] = []
    for name, changes in (("plain", {}), ("other", {"age": "years", "ill": "sick"})):
        folder = tmp_path / name
        folder.mkdir()
        world, home = World(folder), Home.create(folder / "mine", MINER, SONAR)
        table, answers = rows()
        frame = pd.DataFrame(table, columns=["age", "dose"]).assign(ill=answers).rename(columns=changes)
        frame.to_csv(folder / "rows.csv", index=False)
        fields = [{**field, "name": changes.get(str(field["name"]), field["name"])} for field in (AGE, DOSE, ILL)]
        home.datasets.add("ward-7", folder / "rows.csv", TableSchema.parse({"fields": fields}))
        columns = ", ".join(f"{field}: {column}" for field, column in changes.items())
        text = POLICY.replace("consent: own", f"consent: own, columns: {{{columns}}}")
        (folder / "policy.yaml").write_text(text.replace("[ill]", f"[{changes.get('ill', 'ill')}]"))
        home.adopt(folder / "policy.yaml")
        world.open_campaign()
        assert "submitted" in kinds(step(world, home))
        (kept,) = (home.folder / "statistics").iterdir()
        kept_own = home.statistics.get(bytes.fromhex(kept.stem))
        assert kept_own is not None
        statistics = kept_own.statistics
        found.append((kept.stem, statistics.gram.tolist(), statistics.cross.tolist()))
    assert found[0][1:] == found[1][1:]
    assert found[0][0] != found[1][0]
