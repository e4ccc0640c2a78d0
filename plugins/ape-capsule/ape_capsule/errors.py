"""The Capsule's tree of errors. Each message says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sonar_core.base.errors import SonarError
from sonar_core.protocol.units import counted

#: The remedy for a damaged state file.
REMEDY = "`ape capsule rebuild` rebuilds it from the chain, and keeps the old file"


class CapsuleError(SonarError):
    """Root of all errors that ape_capsule raises."""


class HomeBusyError(CapsuleError, RuntimeError):
    """Another process already serves this Capsule."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(
            f"another Capsule process uses {home}: stop it, or name another home (only one may serve a Capsule)"
        )


class HomeMismatchError(CapsuleError, ValueError):
    """The home's state file belongs to another account or another Sonar contract."""

    def __init__(self, path: Path, what: str, kept: object, given: object) -> None:
        self.path, self.what, self.kept, self.given = path, what, kept, given
        super().__init__(f"{path} belongs to {what} {kept}, not {given}: use that, or another home; or {REMEDY}")


class IdentityMissingError(CapsuleError, LookupError):
    """A home without an OpenPGP identity."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"no Capsule identity at {path}: run `ape capsule init` first")


class IdentityExistsError(CapsuleError, RuntimeError):
    """A home that already has an OpenPGP identity; replacing it would lose every Campaign sealed to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"a Capsule identity exists at {path}, and it is kept: name another home for a second one")


class KeyNotHeldError(CapsuleError, LookupError):
    """An OpenPGP key that the identity does not hold."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(f"this Capsule holds no OpenPGP key {fingerprint}: `ape capsule keys` shows those it holds")


class KeyNotRetiredError(CapsuleError, ValueError):
    """The current OpenPGP key, which cannot be forgotten."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(f"{fingerprint} is the current key, and cannot be forgotten: `ape capsule rotate` replaces it")


class TooManyKeysError(CapsuleError, RuntimeError):
    """An identity that is full of OpenPGP keys."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(
            f"this Capsule holds {count} OpenPGP keys already: forget retired ones that no Campaign needs "
            "(`ape capsule keys`, `ape capsule forget`)"
        )


class NotAnnouncedError(CapsuleError, LookupError):
    """An account that has announced no Capsule."""

    def __init__(self, capsule: str) -> None:
        self.capsule = capsule
        super().__init__(f"{capsule} has announced no Capsule: run `ape capsule announce` first")


class RingNotHeldError(CapsuleError, LookupError):
    """A ring of certificates by which others know the Capsule, none of whose keys is in this home."""

    def __init__(self, ring: Sequence[str]) -> None:
        self.ring = tuple(ring)
        super().__init__(
            f"the Capsule is known by certificate {' and '.join(ring)}, whose key is not in this home: use the home "
            "that has it, or restore the newest backup"
        )


class RetiredKeyInUseError(CapsuleError, RuntimeError):
    """A retired OpenPGP key that is kept because Campaigns need it."""

    def __init__(self, fingerprint: str, campaigns: Sequence[bytes]) -> None:
        self.fingerprint, self.campaigns = fingerprint, tuple(campaigns)
        super().__init__(
            f"key {fingerprint} is needed by {counted(len(campaigns), 'Campaign')}, such as 0x{campaigns[0].hex()}: "
            "forget it once they are settled and their audit windows are over"
        )


class StillAnnouncedError(CapsuleError, RuntimeError):
    """A retired OpenPGP key that is kept because new Campaigns are sealed to it."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(f"{fingerprint} is in the ring on chain: finish the rotation with `ape capsule rotate`")


class HomeTakenError(CapsuleError, RuntimeError):
    """A folder for a restored home that is not empty."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"{home} exists and is left as it is: move it away, or name another home")


class BackupCorruptError(CapsuleError, ValueError):
    """A file that is no backup of a Capsule, or a damaged one."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}; nothing was restored: try an older backup")


class BackupExistsError(CapsuleError, FileExistsError):
    """A file where a backup was to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} exists and is left as it is: name another file for the backup")


class BackupPassphraseError(CapsuleError, ValueError):
    """A passphrase that does not open a backup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"the passphrase does not open {path}; nothing was restored: give that of the vaults when it was written"
        )


class AuditError(CapsuleError, ValueError):
    """A warrant log that disagrees with the chain.

    Attributes:
        discrepancies: all of them, at least one.
    """

    def __init__(self, discrepancies: Sequence[object]) -> None:
        self.discrepancies = tuple(discrepancies)
        places = counted(len(self.discrepancies), "place")
        super().__init__(f"the warrant log disagrees with the chain in {places}, the first: {discrepancies[0]}")


class KeyMissingError(CapsuleError, LookupError):
    """The keystore holds no key pair of this Campaign."""

    def __init__(self, campaign: bytes, path: Path) -> None:
        self.campaign, self.path = campaign, path
        super().__init__(f"no key pair of Campaign 0x{campaign.hex()} is at {path}: restore the home from its backup")


class KeyDestroyedError(CapsuleError, LookupError):
    """The key pair of this Campaign was destroyed on request."""

    def __init__(self, campaign: bytes) -> None:
        self.campaign = campaign
        super().__init__(f"the key pair of Campaign 0x{campaign.hex()} was destroyed: nothing of it can be decrypted")


class KeyInUseError(CapsuleError, RuntimeError):
    """A key pair that is not destroyed because its Campaign still needs it."""

    def __init__(self, campaign: bytes, status: str) -> None:
        self.campaign, self.status = campaign, status
        super().__init__(
            f"Campaign 0x{campaign.hex()} is {status}: its key pair can be destroyed once it is settled "
            "and its audit window is over"
        )


class KeyFileCorruptError(CapsuleError, ValueError):
    """A key vault whose content is no key pair."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"the key pair at {path} is unusable ({why}): restore the home from its backup")


class HeadMissingError(CapsuleError, LookupError):
    """Plaintext weights that are not kept (any more)."""

    def __init__(self, campaign: bytes, model_root: bytes) -> None:
        self.campaign, self.model_root = campaign, model_root
        super().__init__(f"the weights of Model 0x{model_root.hex()} of Campaign 0x{campaign.hex()} are not kept here")


class WarrantRefusedError(CapsuleError, ValueError):
    """A decryption out of order, or of other ciphertexts than those of the warrant."""

    def __init__(self, campaign: bytes, what: str, why: str) -> None:
        self.campaign, self.what, self.why = campaign, what, why
        super().__init__(f"{what} of Campaign 0x{campaign.hex()} is not decrypted: {why}")


class WarrantLogCorruptError(CapsuleError, ValueError):
    """A line of the warrant log that does not follow from the line before it: a person or the disk changed it."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        self.path, self.line, self.why = path, line, why
        super().__init__(f"{path}, line {line}: {why}; restore the warrant log from its backup")


class MalformedGradientError(CapsuleError, ValueError):
    """A Gradient that breaks a rule of the formats; the message is the reason that the Capsule's journal keeps."""


class BundleMissingError(CapsuleError, LookupError):
    """The bundle of a Gradient is not published, and may still appear.

    Attributes:
        number: of the Gradient.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"the bundle of Gradient {number} is not published yet")


class CampaignRefusedError(CapsuleError, ValueError):
    """A Campaign that the Capsule declines; the message is the reason on chain."""


class ClockBehindError(CapsuleError, RuntimeError):
    """A signature or certificate that seems not valid yet, by a clock that is behind the chain: no reason to decline.

    Attributes:
        seconds: how far the clock is behind.
    """

    def __init__(self, seconds: int, why: str) -> None:
        self.seconds = seconds
        super().__init__(f"this machine's clock is {seconds} s behind the newest block, and so {why}: set it by NTP")


class PredictionsMovedError(CapsuleError, ArithmeticError):
    """Weights that no smaller scale with room for another Gradient keeps every validation prediction of."""

    def __init__(self, exponent: int, room: int) -> None:
        self.exponent, self.room = exponent, room
        super().__init__(f"the Model at exponent {exponent} cannot be requantised to {room}: a prediction would change")


class HeadDiffersError(CapsuleError, ArithmeticError):
    """A Model on chain that does not decrypt to the weights that were scored; it is not delivered."""

    def __init__(self, campaign: bytes, version: int) -> None:
        self.campaign, self.version = campaign, version
        super().__init__(
            f"Model {version} of Campaign 0x{campaign.hex()} does not decrypt to the weights that were "
            "scored: the Capsule's state was changed; restore it from its backup"
        )


class WorkerLostError(CapsuleError, RuntimeError):
    """A worker process that died while it scored a Gradient; nothing is lost, and the next turn scores it again."""

    def __init__(self) -> None:
        super().__init__("a worker process died while it scored a Gradient, which is tried again: is memory short?")


class LogsMissingError(CapsuleError, RuntimeError):
    """A node whose logs have fewer Models than the contract counts; the missing one may be the Capsule's last rebase.

    Attributes:
        campaign: id.
        logged, counted: the newest Model's version by the node's logs, and by the contract.
    """

    def __init__(self, campaign: bytes, logged: int, counted: int) -> None:
        self.campaign, self.logged, self.counted = campaign, logged, counted
        super().__init__(
            f"the node's logs end at version {logged} of the Model of Campaign 0x{campaign.hex()}, and the contract "
            f"has version {counted}: nothing is rebased until the node gives all logs"
        )
