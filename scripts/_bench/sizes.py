"""Sizes of an encrypted Model in memory and in the wire format, compared with phe's."""

from __future__ import annotations

import json
import sys
from typing import Any

from phe import PaillierPublicKey

from scripts._bench.syft_tasks import head, mine
from syft import wire


def sizes(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Bytes per weight. phe's encoding is that of its documentation: JSON of ciphertext and exponent."""
    context = mine(arguments)
    model, weights = head(arguments, context)
    count = model.shape[0] * model.shape[1]
    public = PaillierPublicKey(arguments["p"] * arguments["q"])
    number = public.encrypt(1)
    theirs = len(json.dumps((str(number.ciphertext()), number.exponent)))
    memory = sum(sys.getsizeof(ciphertext) for ciphertext in weights.ciphertexts) + sys.getsizeof(weights.ciphertexts)
    their_memory = sys.getsizeof(number.ciphertext()) + sys.getsizeof(number) + sys.getsizeof(vars(number))
    return [
        _row("digits' W in the wire format, bytes per weight", len(wire.dumps_tensor(weights)) / count, theirs),
        _row("digits' W in memory, bytes per weight", memory / count, their_memory),
    ]


def _row(name: str, ours: float, peer: float) -> dict[str, Any]:
    return {"name": name, "ours": round(ours, 1), "peer": round(peer, 1), "ratio": round(peer / ours, 2)}
