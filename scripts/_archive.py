"""An archive of tweets in X's format, and the Miner's labels for it.

X exports archive/data/tweets.js on request. The Miner writes labels.csv: a sentiment per tweet id.
"""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path

import pandas as pd

_BEFORE = "window.YTD.tweets.part0 = "
_WRITTEN_AT = "Wed Oct 10 20:19:24 +0000 2018"


def write_archive(folder: Path, frame: pd.DataFrame) -> tuple[Path, Path]:
    """Writes a frame of texts and sentiments, indexed by tweet id. Returns the paths of archive and labels."""
    archive, labels = folder / "archive", folder / "labels.csv"
    (archive / "data").mkdir(parents=True, exist_ok=True)
    tweets = [{"tweet": _tweet(str(number), text)} for number, text in frame["text"].items()]
    (archive / "data" / "tweets.js").write_text(_BEFORE + json.dumps(tweets, ensure_ascii=False), "utf-8")
    with labels.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "sentiment"])
        writer.writerows(frame["sentiment"].items())
    return archive, labels


def _tweet(number: str, text: str) -> dict[str, object]:
    own = {"id": number, "id_str": number, "full_text": html.escape(text, quote=False), "created_at": _WRITTEN_AT}
    return {**own, "lang": "en", "favorite_count": "0", "retweet_count": "0", "entities": {}}
