"""The suite plays the whole of its catalogue, each attack once."""

from collections import Counter
from pathlib import Path

from tests.attacks.catalogue import ATTACKS, ATTACKS_OF_2017


def test_every_attack_is_played_once(request):
    """Every collected item counts, whichever worker runs it."""
    marks = (item.get_closest_marker("attack") for item in request.session.items)
    played = Counter(mark.args[0] for mark in marks if mark)
    assert played == Counter((*ATTACKS, *ATTACKS_OF_2017))


def test_the_page_shows_every_attack():
    lines = (Path(__file__).parents[2] / "docs" / "reference" / "attacks.md").read_text().splitlines()
    shown = Counter(line.split(" | ")[0].removeprefix("| ") for line in lines)
    assert all(shown[name] == 1 for name in (*ATTACKS, *ATTACKS_OF_2017))
