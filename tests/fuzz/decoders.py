"""All decoders of untrusted bytes, each with a valid message as the fuzzer's seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from phe import PaillierPrivateKey, PaillierPublicKey
from safetensors.numpy import save

from ape_sonar.campaign_builder import write_spec
from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import SonarError
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.protocol.validation_set import ValidationSet
from syft import LinearClassifier, wire
from syft.errors import SyftError
from syft.paillier import IntegerTensor, Packing, PrivateContext
from syft.texts.bert import Bert
from syft.texts.tokenizer import Tokenizer
from syft.texts.weights import load_weights
from tests.syft import tiny_encoder

_VECTORS = Path(__file__).parents[1] / "vectors"
_INPUT = {"fields": [{"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}]}
_OUTPUT = {"fields": [{"name": "ill", "type": "boolean"}]}
_WORD = b"\x07" * 32
_ADDRESS = "0x" + "11" * 20


@dataclass(frozen=True)
class Decoder:
    """One decoder.

    Attributes:
        read: decodes untrusted bytes; raises only SyftError and SonarError.
        good: a valid message.
        write: encodes a decoded object to the same bytes; None if an object has several encodings.
    """

    read: Callable[[bytes], Any]
    good: bytes
    write: Callable[[Any], bytes] | None = None

    def try_out(self, data: bytes) -> None:
        """Decodes data; raises every error that callers do not expect."""
        try:
            found = self.read(data)
        except (SyftError, SonarError):
            return
        if self.write:
            assert self.write(found) == data, "two encodings of one object"


def decoders() -> dict[str, Decoder]:
    """All decoders, by name."""
    return {**_of_syft(), **_of_texts(), **_of_sonar()}


def _of_syft() -> dict[str, Decoder]:
    private = _key()
    values = np.arange(12, dtype=object).reshape(4, 3)
    tensor = private.encrypt(IntegerTensor(values, 4, 1 << 20), Packing(64, 3))
    arrays = {"a": np.arange(5, dtype=np.int16), "b": np.arange(3)}
    return {
        "public key": Decoder(
            lambda data: wire.loads_public_key(data, least_bits=512),
            wire.dumps_public_key(private),
            wire.dumps_public_key,
        ),
        "tensor": Decoder(lambda data: wire.loads_tensor(data, private), wire.dumps_tensor(tensor), wire.dumps_tensor),
        "openings": Decoder(
            lambda data: wire.loads_openings(data, private),
            wire.dumps_openings(private.open(tensor), private),
            lambda found: wire.dumps_openings(found, private),
        ),
        "arrays": Decoder(wire.loads_arrays, wire.dumps_arrays(arrays), wire.dumps_arrays),
    }


def _of_texts() -> dict[str, Decoder]:
    """Files of published encoders and tokenizers: decoded, and run on a text as by a Mine."""

    def run(data: bytes) -> Any:
        bert = Bert.from_tensors(load_weights(data), heads=tiny_encoder.HEADS, pooling="mean")
        return bert.encode(np.array([[2, 4, 3]]))

    def tokens(data: bytes) -> Any:
        return Tokenizer(data).tokens(["A good day!", "\u0130 \ud7ff\t4"], longest=16, special=True)

    return {
        "encoder": Decoder(run, save(tiny_encoder.tensors())),
        "tokenizer": Decoder(tokens, tiny_encoder.tokenizer_bytes()),
    }


def _of_sonar() -> dict[str, Decoder]:
    bundle = Bundle(1, _ADDRESS, _WORD, _ADDRESS, 0, _WORD, b"a Gradient")
    delivery = Delivery(_WORD, 3, _WORD, 10**17, b"openings")
    return {
        "bundle": Decoder(Bundle.from_bytes, bundle.to_bytes(), Bundle.to_bytes),
        "delivery": Decoder(Delivery.from_bytes, delivery.to_bytes(), Delivery.to_bytes),
        "validation set": Decoder(
            lambda data: ValidationSet.from_bytes(data, RowEncoder(_INPUT, _OUTPUT)),
            _validation().to_bytes(),
            ValidationSet.to_bytes,
        ),
        "spec": Decoder(CampaignSpec.from_bytes, _spec().to_bytes(), CampaignSpec.to_bytes),
        "canonical JSON": Decoder(
            lambda data: from_canonical("message", data, limit=1 << 16), to_canonical({"a": [1, "b"]}), to_canonical
        ),
    }


def _key() -> PrivateContext:
    key = json.loads((_VECTORS / "paillier_512.json").read_text())["key"]
    p, q = int(key["p"], 16), int(key["q"], 16)
    return PrivateContext(PaillierPrivateKey(PaillierPublicKey(p * q), p, q))


def _validation() -> ValidationSet:
    return ValidationSet.build(np.array([[128], [256]]), np.array([[1], [0]]))


def _spec() -> CampaignSpec:
    return write_spec(
        LinearClassifier(1, 2),
        description="Who falls ill",
        input_description="",
        output_description="",
        input_schema=_INPUT,
        output_schema=_OUTPUT,
        frozen_cid=None,
        initial={"kind": "zeros"},
        key_bits=2048,
        certificate="-----BEGIN PGP PUBLIC KEY BLOCK-----",
    )
