"""The Capsule's tree of errors. Each says what was wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sonar_core.base.errors import SonarError

#: What mends a Capsule's state file.
REMEDY = "`ape capsule rebuild` makes it anew from the chain, and keeps what is there"


class CapsuleError(SonarError):
    """Root of everything that ape_capsule raises."""


class HomeBusyError(CapsuleError, RuntimeError):
    """Another process already serves this Capsule."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(
            f"another Capsule process uses {home}: stop it, or name another home (two would answer for one)"
        )


class HomeMismatchError(CapsuleError, ValueError):
    """The home's state belongs to another account or Sonar than the Capsule is started with."""

    def __init__(self, path: Path, what: str, kept: object, given: object) -> None:
        self.path, self.what, self.kept, self.given = path, what, kept, given
        super().__init__(f"{path} belongs to {what} {kept}, not {given}: use that, or another home; or {REMEDY}")


class IdentityMissingError(CapsuleError, LookupError):
    """The home has no OpenPGP identity yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"no Capsule identity at {path}: run `ape capsule init` first")


class IdentityExistsError(CapsuleError, RuntimeError):
    """The home already has an OpenPGP identity; overwriting it would lose every Campaign sealed to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"a Capsule identity already rests at {path}: it is kept; name another home for a second one")


class KeyNotHeldError(CapsuleError, LookupError):
    """An OpenPGP key that is asked for and not in the identity."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(f"this Capsule holds no OpenPGP key {fingerprint}: `ape capsule keys` shows those it holds")


class KeyNotRetiredError(CapsuleError, ValueError):
    """The current OpenPGP key was to be forgotten."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(f"{fingerprint} is the current key, and cannot be forgotten: `ape capsule rotate` replaces it")


class TooManyKeysError(CapsuleError, RuntimeError):
    """An identity that holds as many keys as it can."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(
            f"this Capsule holds {count} OpenPGP keys already: forget retired ones that no Campaign needs "
            "(`ape capsule keys`, `ape capsule forget`)"
        )


class NotAnnouncedError(CapsuleError, LookupError):
    """A Capsule that nobody seals anything to yet: there is nothing to replace."""

    def __init__(self, capsule: str) -> None:
        self.capsule = capsule
        super().__init__(f"{capsule} has announced no Capsule: run `ape capsule announce` first")


class RingNotHeldError(CapsuleError, LookupError):
    """A ring of certificates that others know the Capsule by, and none of its keys is here."""

    def __init__(self, ring: Sequence[str]) -> None:
        self.ring = tuple(ring)
        super().__init__(
            f"the Capsule is known by certificate {' and '.join(ring)}, and its key is not here: use the home that has "
            "it, or restore the newest backup"
        )


class RetiredKeyInUseError(CapsuleError, RuntimeError):
    """A retired OpenPGP key that is kept, because Campaigns need it."""

    def __init__(self, fingerprint: str, campaigns: Sequence[bytes]) -> None:
        self.fingerprint, self.campaigns = fingerprint, tuple(campaigns)
        super().__init__(
            f"key {fingerprint} is needed by {len(campaigns)} Campaigns, 0x{campaigns[0].hex()} among them: forget it "
            "once they are settled and their audit windows are over"
        )


class StillAnnouncedError(CapsuleError, RuntimeError):
    """A retired OpenPGP key that is kept, because new Campaigns are sealed to it."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(f"{fingerprint} is in the ring on chain: finish its replacement with `ape capsule rotate`")


class HomeTakenError(CapsuleError, RuntimeError):
    """A place for a home where something is already."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"there is something at {home}, which is left as it is: move it away, or name another home")


class BackupCorruptError(CapsuleError, ValueError):
    """A file that is no backup of a Capsule, or a damaged one."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}; nothing was restored: try an older backup")


class AuditError(CapsuleError, ValueError):
    """A warrant log that the chain disagrees with.

    Attributes:
        flaws: each disagreement.
    """

    def __init__(self, flaws: Sequence[object]) -> None:
        self.flaws = tuple(flaws)
        super().__init__(f"the chain disagrees with the warrant log in {len(self.flaws)} places, the first: {flaws[0]}")


class KeyMissingError(CapsuleError, LookupError):
    """The keystore holds no key pair of this Campaign."""

    def __init__(self, campaign: bytes, path: Path) -> None:
        self.campaign, self.path = campaign, path
        super().__init__(f"no key pair of Campaign 0x{campaign.hex()} at {path}: restore the keystore from its backup")


class KeyDestroyedError(CapsuleError, LookupError):
    """The key pair of this Campaign was destroyed on request."""

    def __init__(self, campaign: bytes) -> None:
        self.campaign = campaign
        super().__init__(f"the key pair of Campaign 0x{campaign.hex()} was destroyed: nothing can be decrypted with it")


class KeyInUseError(CapsuleError, RuntimeError):
    """A key pair that is not destroyed, because its Campaign still needs it."""

    def __init__(self, campaign: bytes, status: str) -> None:
        self.campaign, self.status = campaign, status
        super().__init__(
            f"Campaign 0x{campaign.hex()} is {status}: its key pair can be destroyed once it is settled "
            "and its audit window is over"
        )


class KeyFileCorruptError(CapsuleError, ValueError):
    """A key file was opened, and what is inside is not a key pair."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"the key pair at {path} is unusable ({why}): restore the keystore from its backup")


class HeadMissingError(CapsuleError, LookupError):
    """The plaintext weights of a Model are not kept (any more)."""

    def __init__(self, campaign: bytes, model_root: bytes) -> None:
        self.campaign, self.model_root = campaign, model_root
        super().__init__(f"the weights of Model 0x{model_root.hex()} of Campaign 0x{campaign.hex()} are not kept here")


class WarrantRefusedError(CapsuleError, ValueError):
    """A decryption that no registered ciphertext warrants, or one out of order."""

    def __init__(self, campaign: bytes, what: str, why: str) -> None:
        self.campaign, self.what, self.why = campaign, what, why
        super().__init__(f"{what} of Campaign 0x{campaign.hex()} is not decrypted: {why}")


class WarrantLogCorruptError(CapsuleError, ValueError):
    """The warrant log does not follow from itself: somebody changed it, or the disk did."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        self.path, self.line, self.why = path, line, why
        super().__init__(f"{path}, line {line}: {why}; restore the warrant log from its backup")


class MalformedGradientError(CapsuleError, ValueError):
    """A Gradient breaks a rule of the formats; the message is the reason that the Capsule's log keeps."""


class CampaignRefusedError(CapsuleError, ValueError):
    """A Campaign that the Capsule declines; the message is the reason told on chain."""


class ClockBehindError(CapsuleError, RuntimeError):
    """A signature or certificate that is not valid yet by a clock that is behind the chain: no reason to decline.

    Attributes:
        seconds: by how much.
    """

    def __init__(self, seconds: int, why: str) -> None:
        self.seconds = seconds
        super().__init__(f"this machine's clock is {seconds} s behind the newest block, and by it {why}: set it by NTP")


class PredictionsMovedError(CapsuleError, ArithmeticError):
    """No smaller scale that leaves room for another Gradient keeps every validation prediction."""

    def __init__(self, exponent: int, room: int) -> None:
        self.exponent, self.room = exponent, room
        super().__init__(f"the head at exponent {exponent} cannot be requantised to {room}: a prediction would move")


class HeadDiffersError(CapsuleError, ArithmeticError):
    """The head on chain does not decrypt to the weights that were scored: nothing is delivered from it."""

    def __init__(self, campaign: bytes, version: int) -> None:
        self.campaign, self.version = campaign, version
        super().__init__(
            f"Model {version} of Campaign 0x{campaign.hex()} does not decrypt to the weights that were "
            "scored: the Capsule's state was changed; restore it from its backup"
        )


class WorkerLostError(CapsuleError, RuntimeError):
    """A worker process died over a Gradient: nothing is lost, and the next step begins with it again."""

    def __init__(self) -> None:
        super().__init__("a worker process died over a Gradient, which is tried again: is memory short?")


class LogsMissingError(CapsuleError, RuntimeError):
    """The node tells of fewer Models than the contract counts: what the Capsule did already may be among them.

    Attributes:
        campaign: id.
        told, counted: the newest Model's version by the node's logs, and by the contract.
    """

    def __init__(self, campaign: bytes, told: int, counted: int) -> None:
        self.campaign, self.told, self.counted = campaign, told, counted
        super().__init__(
            f"the node tells of version {told} of the Model of Campaign 0x{campaign.hex()}, and the contract has "
            f"version {counted}: nothing is rebased until the node gives all logs"
        )
