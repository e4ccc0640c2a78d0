"""Typed reads of the blobs of docs/reference/formats.md: bounded in size, decoded strictly, checked against roots."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sonar_core.base.errors import FormatError, SpecError
from sonar_core.crypto.certificates import LONGEST_KEYRING, Certificate, parse_keyring
from sonar_core.protocol.campaign_spec import LARGEST_SPEC, Addressed, CampaignSpec
from sonar_core.protocol.commitments import public_key_root, tensor_root
from sonar_core.protocol.content_address import from_cid, to_cid
from sonar_core.store import BlobStore
from syft import wire
from syft.errors import ExtraMissingError, SyftError, WireError
from syft.paillier import EncryptedTensor, PublicContext
from syft.texts import TextColumns, blob_limits

#: Most bytes of each kind of blob.
LARGEST_FROZEN = 256 << 20
LARGEST_WEIGHTS = 64 << 20
LARGEST_PUBLIC_KEY = 1 << 16
LARGEST_TENSOR = 256 << 20
LARGEST_VALIDATION = 1 << 30
LARGEST_DELIVERY = 256 << 20


class RootMismatchError(FormatError):
    """A blob whose root differs from the root on chain."""


def read_spec(store: BlobStore, address: bytes) -> CampaignSpec:
    """A Campaign spec. Raises StoreError, BlobError, SpecError."""
    return CampaignSpec.from_bytes(store.get(address, limit=LARGEST_SPEC))


def read_frozen(store: BlobStore, spec: CampaignSpec) -> dict[str, NDArray[Any]]:
    """The frozen tensors of a spec's feature map, from all its sets.

    Raises:
        StoreError, BlobError: a set cannot be fetched.
        SpecError: a set is malformed, or two sets name one tensor.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for name, cid in spec.frozen.items():
        found = _arrays(store, f"frozen set {name!r}", cid, LARGEST_FROZEN)
        if twice := found.keys() & tensors.keys():
            raise SpecError(f"frozen set {name!r} names a tensor again: {min(twice)!r}")
        tensors.update(found)
    return tensors


def public_blobs(spec: CampaignSpec) -> dict[bytes, int]:
    """Addresses of the frozen sets and the initial weights that a spec names, each with its limit in bytes."""
    blobs = {from_cid(cid): LARGEST_FROZEN for cid in spec.frozen.values()}
    if isinstance(spec.initial, Addressed):
        blobs[from_cid(spec.initial.address)] = LARGEST_WEIGHTS
    return blobs


def named_blobs(spec: CampaignSpec) -> set[bytes]:
    """Addresses of all blobs that a spec names, the tables and encoders of its texts too."""
    texts = (
        from_cid(str(steps[index][parameter]))
        for steps in (spec.texts or {}).values()
        for index, parameter, _ in blob_limits(steps)
    )
    return {*public_blobs(spec), *texts}


def read_text_steps(store: BlobStore, spec: CampaignSpec) -> dict[str, list[dict[str, Any]]]:
    """The text steps of a spec by field, with the bytes of the public tables and encoders that they name.

    Raises:
        StoreError, BlobError: one cannot be fetched.
    """
    found = {}
    for name, steps in (spec.texts or {}).items():
        filled: list[dict[str, Any]] = [dict(step) for step in steps]
        for index, parameter, limit in blob_limits(steps):
            filled[index][parameter] = store.get(from_cid(str(steps[index][parameter])), limit=limit)
        found[name] = filled
    return found


def read_texts(store: BlobStore, spec: CampaignSpec) -> dict[str, TextColumns]:
    """The columns that a spec's texts become, by field, ready for use.

    Raises:
        StoreError, BlobError: a table or an encoder cannot be fetched.
        SpecError: a blob contradicts its description.
        ExtraMissingError: a step needs a package that is not installed.
    """
    found = {}
    for name, steps in read_text_steps(store, spec).items():
        try:
            found[name] = TextColumns.load(steps)
        except ExtraMissingError:
            raise
        except SyftError as error:
            raise SpecError(f"texts of {name!r}: {error}") from None
    return found


def read_initial(store: BlobStore, spec: CampaignSpec) -> NDArray[np.int64] | None:
    """The published initial weights of a spec, or None if it names none.

    Raises:
        StoreError, BlobError: they cannot be fetched.
        SpecError: the blob holds something else.
    """
    if not isinstance(spec.initial, Addressed):
        return None
    arrays = _arrays(store, "initial weights", spec.initial.address, LARGEST_WEIGHTS)
    if set(arrays) != {"weights"} or arrays["weights"].dtype != np.int64:
        raise SpecError("initial weights are one array, 'weights', int64")
    return arrays["weights"]


def read_keyring(store: BlobStore, address: bytes) -> tuple[Certificate, ...]:
    """A keyring of OpenPGP certificates. Raises StoreError, BlobError, CertificateError."""
    return parse_keyring(store.get(address, limit=LONGEST_KEYRING))


def read_public_key(store: BlobStore, address: bytes, root: bytes, *, bits: int) -> PublicContext:
    """A Campaign's public key.

    Args:
        store: the blob store.
        address, root: `CampaignStart.publicKey` and `CampaignStart.publicKeyRoot`.
        bits: bits of the modulus, by the spec.

    Raises:
        StoreError, BlobError: it cannot be fetched.
        SyftError: it is no key, or an unsafe one.
        RootMismatchError: its root is not `root`.
        FormatError: its modulus has another length.
    """
    context = wire.loads_public_key(store.get(address, limit=LARGEST_PUBLIC_KEY))
    _require_root("public key", address, public_key_root(context), root)
    if context.n_bits != bits:
        raise FormatError("public key", f"{context.n_bits} bits, but the Campaign spec says {bits}")
    return context


def read_tensor(store: BlobStore, address: bytes, root: bytes, context: PublicContext) -> EncryptedTensor:
    """An encrypted tensor: a Model or an unsealed bundle.

    Raises:
        StoreError, BlobError: it cannot be fetched.
        SyftError: it is no tensor under the key of `context`.
        RootMismatchError: the root of its ciphertexts is not `root`.
    """
    tensor = wire.loads_tensor(store.get(address, limit=LARGEST_TENSOR), context, limit=LARGEST_TENSOR)
    _require_root("encrypted tensor", address, tensor_root(tensor), root)
    return tensor


def _arrays(store: BlobStore, what: str, cid: str, limit: int) -> dict[str, NDArray[Any]]:
    data = store.get(from_cid(cid), limit=limit)
    try:
        return wire.loads_arrays(data, limit=limit)
    except WireError as error:
        raise SpecError(f"{what} at {cid}: {error}") from None


def _require_root(what: str, address: bytes, found: bytes, expected: bytes) -> None:
    if found != expected:
        raise RootMismatchError(what, f"{to_cid(address)} has root 0x{found.hex()}, but 0x{expected.hex()} is on chain")
