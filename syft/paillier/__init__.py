"""Paillier encryption of packed integer tensors.

Paillier, "Public-key cryptosystems based on composite degree residuosity classes", 1999.
"""

from syft.paillier.keys import DEFAULT_BITS, generate_insecure_keypair, generate_paillier_keypair, validate_public_key
from syft.paillier.openings import Openings, verify_openings
from syft.paillier.packing import Packing
from syft.paillier.phe_interop import from_encrypted_numbers, to_encrypted_numbers
from syft.paillier.private_context import PrivateContext, unpack
from syft.paillier.public_context import PublicContext
from syft.paillier.tensor import EncryptedTensor, IntegerTensor, Tensor, row_bound

__all__ = [
    "DEFAULT_BITS",
    "EncryptedTensor",
    "IntegerTensor",
    "Openings",
    "Packing",
    "PrivateContext",
    "PublicContext",
    "Tensor",
    "from_encrypted_numbers",
    "generate_insecure_keypair",
    "generate_paillier_keypair",
    "row_bound",
    "to_encrypted_numbers",
    "unpack",
    "validate_public_key",
    "verify_openings",
]
