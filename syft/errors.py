"""Errors of Syft: one tree, in which each class also is the built-in that fits and carries its evidence."""

from __future__ import annotations

from collections.abc import Sequence


class SyftError(Exception):
    """Root of everything that Syft raises on purpose."""


class KeyInvalidError(SyftError, ValueError):
    """A Paillier key that must not be used."""


class CiphertextInvalidError(SyftError, ValueError):
    """A number that is not a ciphertext under the key it is used with.

    Attributes:
        index: its index in the tensor, or None if the error concerns the tensor as a whole.
    """

    def __init__(self, why: str, index: int | None = None) -> None:
        where = "" if index is None else f"ciphertext {index}: "
        super().__init__(where + why)
        self.index = index


class SlotOverflowError(SyftError, OverflowError):
    """A result that does not fit its slots; raised before anything is computed.

    Attributes:
        bound: largest absolute integer that the result may hold.
        slot_bits: width of a slot, sign included.
    """

    def __init__(self, bound: int, slot_bits: int) -> None:
        super().__init__(
            f"integers of up to {bound.bit_length()} bits do not fit slots of {slot_bits} bits: "
            "rebase the tensor to a smaller exponent, or use wider slots"
        )
        self.bound = bound
        self.slot_bits = slot_bits


class PlaintextRangeError(SyftError, ValueError):
    """An integer outside of the bound that its tensor states.

    Attributes:
        row, column: its position; column is None if the plaintext is not a valid packing.
        bits: bit length of the integer.
    """

    def __init__(self, row: int, column: int | None, bits: int) -> None:
        where = f"row {row}" if column is None else f"row {row}, column {column}"
        super().__init__(f"{where}: an integer of {bits} bits is outside of the tensor's bound")
        self.row = row
        self.column = column
        self.bits = bits


class KernelUnavailableError(SyftError, RuntimeError):
    """The kernel named by SYFT_KERNEL was not compiled, or this processor cannot run it.

    Attributes:
        wanted: its name.
    """

    def __init__(self, wanted: str, available: Sequence[str]) -> None:
        super().__init__(
            f"SYFT_KERNEL={wanted!r} is not available here: "
            f"set it to {', '.join(['off', *available])}, or unset it to use the fastest kernel"
        )
        self.wanted = wanted


class ThreadCountError(SyftError, ValueError):
    """A number of threads below 1.

    Attributes:
        threads: the number given.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(f"threads must be at least 1, not {threads}; None means all cores")
        self.threads = threads


class OpeningInvalidError(SyftError, ValueError):
    """Openings that do not belong to the ciphertexts."""


class TensorMismatchError(SyftError, ValueError):
    """Two operands whose keys, shapes, packings or exponents do not fit each other."""


class FeatureError(SyftError, ValueError):
    """A feature map that is malformed, or rows, texts or answers that do not fit it.

    Attributes:
        index: index of the layer (or, for texts, the stage) at fault, from 0; None if none is.
    """

    def __init__(self, why: str, index: int | None = None, part: str = "layer") -> None:
        super().__init__(why if index is None else f"{part} {index}: {why}")
        self.index = index


class StatisticsError(SyftError, ValueError):
    """Local statistics from which no valid Gradient can be computed."""


class PrivacyError(SyftError, ValueError):
    """A parameter of differential privacy outside of its range."""


class ModelSpecError(SyftError, ValueError):
    """A malformed description of a Model, or a parameter outside of its range."""


class NotFittedError(SyftError, AttributeError):
    """The Model has no weights yet."""


class EncryptedModelError(SyftError, TypeError):
    """The operation needs weights in the clear, and the Model is encrypted; or the other way round."""


class TaskExecutorError(SyftError, RuntimeError):
    """A task that an executor did not complete: no worker, a lost worker, or a failure inside a worker."""


class WireError(SyftError, ValueError):
    """Bytes that are not a valid encoding in Syft's wire format."""


class WeightsError(SyftError, ValueError):
    """Published weights that are malformed or exceed a limit."""


class TokenizerError(SyftError, ValueError):
    """A published tokenizer that is malformed, uses a part that is not supported, or fails on a text."""

    def __init__(self, why: str) -> None:
        super().__init__(f"tokenizer: {why}")


class ExtraMissingError(SyftError, ModuleNotFoundError):
    """An optional package that this Model needs is not installed.

    Attributes:
        package: its name.
        extra: the extra of sonar-syft that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package} is not installed: pip install 'sonar-syft[{extra}]'", name=package)
        self.package = package
        self.extra = extra
