"""Tweets to sentiment by hashed n-grams, by a token table and by an encoder: the figures of docs/explanation/models.md.

    python -m scripts._figures.tweets [--encoder minilm]

One linear Model in the clear, on the statistics of four fifths of the polar tweets; AUC on the others. The
encoder takes some minutes.
"""

from __future__ import annotations

import argparse

import numpy as np

from scripts._corpora.encoders import ENCODERS
from scripts._corpora.tweets import polar
from scripts._sentiment import auc
from syft.integers import Integers
from syft.nn import LinearClassifier
from syft.texts import HashedNgrams, TextColumns

MU = 1e-4
NGRAMS = (HashedNgrams(256), HashedNgrams(1024, characters=None), HashedNgrams(1024), HashedNgrams(2048))
BESIDE = HashedNgrams(512)


def main() -> None:
    """Prints the AUC of each kind of row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", choices=ENCODERS, default=next(iter(ENCODERS)))
    encoder = parser.parse_args().encoder
    texts, answers = shuffled()
    for ngrams in NGRAMS:
        print(f"{ngrams}: {held_out(ngrams.transform(texts), answers):.3f}")
    rows = TextColumns.load([ENCODERS[encoder]()]).transform(texts)
    print(f"{encoder}: {held_out(rows, answers):.3f}")
    both = np.concatenate([rows, BESIDE.transform(texts)], axis=1)
    print(f"{encoder} and {BESIDE}: {held_out(both, answers):.3f}")


def shuffled() -> tuple[list[str], Integers]:
    """Tweets that are for or against something, in an order drawn from a seed, and whether they are for it."""
    found = polar()
    order = np.random.default_rng(0).permutation(len(found))
    answers = [found[place][1] == "positive" for place in order]
    return [found[place][0] for place in order], np.array(answers, dtype=np.int64)[:, None]


def held_out(rows: Integers, answers: Integers) -> float:
    """AUC on the last fifth, by a Model of the others."""
    train = len(rows) * 4 // 5
    model = LinearClassifier(inputs=rows.shape[1], outputs=2, mu=MU).with_initial_weights()
    model = model.apply(model.gradient(rows[:train], answers[:train]), step_size=4)
    return auc(model, rows[train:], answers[train:])


if __name__ == "__main__":
    main()
