"""A small encoder and tokenizer in the formats of published ones, and BERT in plain Python as a reference."""

import json
import math

import numpy as np
from safetensors.numpy import save

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "day", "##s", "a", "!"]
WIDTH, HEADS, INNER, LAYERS, PLACES = 8, 2, 12, 2, 16


def tokenizer(**changes):
    """The JSON document of a WordPiece tokenizer, with some parts replaced."""
    special = {word: {"id": word, "ids": [WORDS.index(word)], "tokens": [word]} for word in ("[CLS]", "[SEP]")}
    document = {
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None,
        "added_tokens": [_added(word) for word in WORDS[:4]],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_special("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, _special("[SEP]")],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: index for index, word in enumerate(WORDS)},
        },
    }
    return {**document, **changes}


def tokenizer_bytes(**changes):
    return json.dumps(tokenizer(**changes)).encode()


def tensors(seed=0):
    """Random weights under the names of Hugging Face's BertModel."""
    draw = np.random.default_rng(seed)

    def floats(*shape):
        return draw.normal(scale=0.5, size=shape).astype(np.float32)

    def norm(name):
        return {f"{name}.weight": 1 + floats(WIDTH), f"{name}.bias": floats(WIDTH)}

    def dense(name, outputs, inputs):
        return {f"{name}.weight": floats(outputs, inputs), f"{name}.bias": floats(outputs)}

    found = {
        "embeddings.word_embeddings.weight": floats(len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": floats(PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": floats(2, WIDTH),
        "embeddings.position_ids": np.arange(PLACES)[None],
        **norm("embeddings.LayerNorm"),
        **dense("pooler.dense", WIDTH, WIDTH),
    }
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            found |= dense(f"{prefix}.attention.self.{part}", WIDTH, WIDTH)
        found |= dense(f"{prefix}.attention.output.dense", WIDTH, WIDTH)
        found |= norm(f"{prefix}.attention.output.LayerNorm")
        found |= dense(f"{prefix}.intermediate.dense", INNER, WIDTH)
        found |= dense(f"{prefix}.output.dense", WIDTH, INNER)
        found |= norm(f"{prefix}.output.LayerNorm")
    return found


def weights_bytes(**changes):
    """The weights as safetensors, with some tensors replaced, or removed by None."""
    found = {**tensors(), **{name.replace("__", "."): value for name, value in changes.items()}}
    return save({name: value for name, value in found.items() if value is not None})


def plain(found, tokens, pooling="mean"):
    """The vector of one text, computed number by number in float64."""

    def vector(name):
        return [float(number) for number in found[name]]

    def dense(name, row):
        weights, bias = found[f"{name}.weight"].astype(float).tolist(), vector(f"{name}.bias")
        return [sum(w * x for w, x in zip(line, row, strict=True)) + b for line, b in zip(weights, bias, strict=True)]

    def norm(name, row):
        mean = sum(row) / len(row)
        deviation = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + 1e-12)
        gain, bias = vector(f"{name}.weight"), vector(f"{name}.bias")
        return [(x - mean) / deviation * g + b for x, g, b in zip(row, gain, bias, strict=True)]

    def add(left, right):
        return [x + y for x, y in zip(left, right, strict=True)]

    kinds = ("word", "position", "token_type")
    words, indices, types = (found[f"embeddings.{kind}_embeddings.weight"].astype(float).tolist() for kind in kinds)
    rows = [
        norm("embeddings.LayerNorm", add(add(words[token], indices[index]), types[0]))
        for index, token in enumerate(tokens)
    ]
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        queries, keys, values = (
            [dense(f"{prefix}.attention.self.{part}", row) for row in rows] for part in ("query", "key", "value")
        )
        mixed = []
        for query in queries:
            line = []
            for head in range(HEADS):
                part = slice(head * size, (head + 1) * size)
                scores = [
                    sum(q * k for q, k in zip(query[part], key[part], strict=True)) / math.sqrt(size) for key in keys
                ]
                shares = [math.exp(score) for score in scores]
                line += [
                    sum(share * value[index] for share, value in zip(shares, values, strict=True)) / sum(shares)
                    for index in range(head * size, (head + 1) * size)
                ]
            mixed.append(line)
        rows = [
            norm(f"{prefix}.attention.output.LayerNorm", add(row, dense(f"{prefix}.attention.output.dense", line)))
            for row, line in zip(rows, mixed, strict=True)
        ]
        inner = [
            [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in dense(f"{prefix}.intermediate.dense", row)]
            for row in rows
        ]
        rows = [
            norm(f"{prefix}.output.LayerNorm", add(row, dense(f"{prefix}.output.dense", line)))
            for row, line in zip(rows, inner, strict=True)
        ]
    pooled = rows[0] if pooling == "cls" else [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    length = math.sqrt(sum(x * x for x in pooled))
    return [x / length for x in pooled]


def _added(word):
    own = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": WORDS.index(word), "content": word, **own}


def _special(word):
    return {"SpecialToken": {"id": word, "type_id": 0}}
