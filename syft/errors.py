"""One tree of errors. Each also is the built-in that fits, and carries its evidence."""

from __future__ import annotations

from collections.abc import Sequence


class SyftError(Exception):
    """Root of everything that Syft raises on purpose."""


class KeyInvalidError(SyftError, ValueError):
    """A Paillier key that must not be used."""


class CiphertextInvalidError(SyftError, ValueError):
    """A number that is no ciphertext under the key it is used with.

    Attributes:
        index: its place in the tensor, or None where only the whole is known to be bad.
    """

    def __init__(self, why: str, index: int | None = None) -> None:
        where = "" if index is None else f"ciphertext {index}: "
        super().__init__(where + why)
        self.index = index


class SlotOverflowError(SyftError, OverflowError):
    """A result that its slots could not hold; raised before anything is computed.

    Attributes:
        bound: largest absolute integer the result may hold.
        slot_bits: width of a slot, sign included.
    """

    def __init__(self, bound: int, slot_bits: int) -> None:
        super().__init__(
            f"integers up to {bound.bit_length()} bits do not fit slots of {slot_bits} bits: "
            "rebase the tensor to a smaller exponent, or use wider slots"
        )
        self.bound = bound
        self.slot_bits = slot_bits


class PlaintextRangeError(SyftError, ValueError):
    """A decrypted integer outside of what its tensor promises.

    Attributes:
        row, column: its place; column is None where the plaintext is no packing at all.
        bits: bits of the integer found.
    """

    def __init__(self, row: int, column: int | None, bits: int) -> None:
        where = f"row {row}" if column is None else f"row {row}, column {column}"
        super().__init__(f"{where}: an integer of {bits} bits is outside of the tensor's bound")
        self.row = row
        self.column = column
        self.bits = bits


class KernelUnavailableError(SyftError, RuntimeError):
    """The kernel that the environment asks for was not compiled, or needs another processor.

    Attributes:
        wanted: its name.
    """

    def __init__(self, wanted: str, there: Sequence[str]) -> None:
        super().__init__(
            f"SYFT_KERNEL is {wanted!r}; here it can be {', '.join(['off', *there])}, or unset for the fastest of them"
        )
        self.wanted = wanted


class ThreadCountError(SyftError, ValueError):
    """No thread to compute on.

    Attributes:
        threads: how many were allowed.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(f"threads must be at least 1, not {threads}; None stands for all cores")
        self.threads = threads


class OpeningInvalidError(SyftError, ValueError):
    """Openings that do not belong to the ciphertexts."""


class TensorMismatchError(SyftError, ValueError):
    """Two operands that do not fit each other: key, shape, packing or exponent."""


class FeatureError(SyftError, ValueError):
    """A feature map that is malformed, or does not fit the rows it is given.

    Attributes:
        step: place of the step in the map, counted from 0, or None.
    """

    def __init__(self, why: str, step: int | None = None) -> None:
        super().__init__(why if step is None else f"feature step {step}: {why}")
        self.step = step


class StatisticsError(SyftError, ValueError):
    """Local statistics from which no admissible Gradient follows."""


class PrivacyError(SyftError, ValueError):
    """A promise of privacy that cannot be made: a number out of its range."""


class ModelSpecError(SyftError, ValueError):
    """A description of a Model that Syft does not know."""


class NotFittedError(SyftError, AttributeError):
    """The Model has no weights yet."""


class EncryptedModelError(SyftError, TypeError):
    """The Model is encrypted: it can be trained, not read."""


class SpreadError(SyftError, RuntimeError):
    """Work that was to be done elsewhere was not: a worker was lost or failed, or there is none."""


class WireError(SyftError, ValueError):
    """Bytes that are not what they should be."""


class WeightsError(SyftError, ValueError):
    """Published weights that are not what they should be, or more than is taken."""


class TokenizerError(SyftError, ValueError):
    """A published tokenizer that is none, that does more than is taken, or fails on a text."""

    def __init__(self, why: str) -> None:
        super().__init__(f"tokenizer: {why}")


class ExtraMissingError(SyftError, ModuleNotFoundError):
    """A package that only some Models need is not installed.

    Attributes:
        package: its name.
        extra: the extra of sonar-syft that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package} is needed for this: pip install 'sonar-syft[{extra}]'", name=package)
        self.package = package
        self.extra = extra
