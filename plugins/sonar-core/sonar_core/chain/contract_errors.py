"""Every custom error of the contracts as an exception: which Campaign, what was wrong, what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sonar_core.base.errors import SonarError
from sonar_core.protocol.events import snake_case
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import WAD, from_wad

#: Later times are no times but a way to say never.
_YEAR_9999 = 253_370_764_800


class ContractError(SonarError, RuntimeError):
    """The contracts refused a call. Each subclass stands for one custom error of theirs, named alike.

    Attributes:
        campaign: id of the Campaign, or None where the error names none.
        evidence: the error's arguments, by their names in snake_case; statuses as `Status`. Each is an attribute too.
        why: what was wrong, as a template over the evidence; `:wad`, `:time` and `:deadline` (a time,
            or nothing for 0) name the scale of a number.
        advice: what to do.
    """

    why: ClassVar[str] = "the contract refused the call without a reason"
    advice: ClassVar[str] = "look at the Campaign's status"

    def __init__(self, **evidence: Any) -> None:
        self.evidence = evidence
        campaign = evidence.get("campaign")
        self.campaign: bytes | None = campaign if isinstance(campaign, bytes) else None
        subject = f"Campaign 0x{self.campaign.hex()}: " if self.campaign is not None else ""
        why = self.why.format(**{name: _Shown(value) for name, value in evidence.items()})
        super().__init__(f"{subject}{why}: {self.advice}")

    def __getattr__(self, name: str) -> Any:
        evidence = self.__dict__.get("evidence", {})
        if name in evidence:
            return evidence[name]
        raise AttributeError(f"{type(self).__name__!r} has no evidence {name!r}")


class UnknownCampaignError(ContractError):
    why = "there is no such Campaign on this chain"
    advice = "check the id, and the network"


class CampaignExistsError(ContractError):
    why = "it exists already"
    advice = "continue with it, or create another one under another nonce"


class NotScientistError(ContractError):
    why = "only its Data Scientist {scientist} may do this, and {caller} asked"
    advice = "use the Data Scientist's account"


class NotCapsuleError(ContractError):
    why = "only its Capsule {capsule} may do this, and {caller} asked"
    advice = "use the Capsule's account"


class NotArbiterError(ContractError):
    why = "only its arbiter {arbiter} may do this, and {caller} asked"
    advice = "use the arbiter's account"


class ZeroBountyError(ContractError):
    why = "the Bounty is nothing"
    advice = "offer a Bounty"


class ZeroAddressError(ContractError):
    why = "an address is zero"
    advice = "name the Capsule, or who is to be paid"


class TargetOutOfRangeError(ContractError):
    why = "a target accuracy of {target:wad} is not above 0 and at most 1.0"
    advice = "choose another target"


class StartNotBelowTargetError(ContractError):
    why = "a start of {start:wad} is not below the target of {target:wad}"
    advice = "raise the target: there is nothing to pay for"


class MinImprovementOutOfRangeError(ContractError):
    why = "a smallest improvement of {min_improvement:wad} is not above 0 and at most the target of {target:wad}"
    advice = "choose another"


class MinImprovementWorthlessError(ContractError):
    why = "a smallest improvement of {min_improvement:wad} is worth less than one smallest unit of a Bounty of {bounty}"
    advice = "raise one of them"


class ZeroWindowError(ContractError):
    why = "a window is zero seconds long"
    advice = "give every window some time"


class UnavailabilityNotBelowScoringError(ContractError):
    why = "an unavailability window of {unavailability} s is not shorter than the scoring window of {scoring} s"
    advice = "shorten the first"


class ParentUnusableError(ContractError):
    why = "the parent {parent} is {status}, of {scientist} with {capsule}"
    advice = "a parent must be a Delivered Campaign of the same Data Scientist and Capsule"


class WrongValueError(ContractError):
    why = "{sent} wei were sent where {expected} are due"
    advice = "send exactly that"


class WrongAmountReceivedError(ContractError):
    why = "the token {currency} delivered {received} where {expected} were asked"
    advice = "use a token without a fee on transfers"


class NotRequestedError(ContractError):
    why = "it is {status} and no longer waits for its Capsule"
    advice = "nothing is left to do here"


class OpeningTooLateError(ContractError):
    why = "the time to open it ended at {open_before:time}"
    advice = "the Data Scientist may refund it, and create another one"


class NoContentError(ContractError):
    why = "a content address or root is zero"
    advice = "publish the blob first"


class ReasonTooLongError(ContractError):
    why = "a reason of {length} bytes is longer than {longest}"
    advice = "shorten it"


class NotOpenError(ContractError):
    why = "it is {status}"
    advice = "this is possible only while it is Open; a Requested one waits for its Capsule"


class MiningOverError(ContractError):
    why = "mining ended at {ended_at:time}"
    advice = "nothing more can be submitted or stopped"


class WindowMissedError(ContractError):
    why = "its Capsule missed a window at {missed_at:time}"
    advice = "anyone may expire it, after which claims open"


class VersionUnknownError(ContractError):
    why = "Model version {version} does not exist, the newest is {newest}"
    advice = "look at the chain again: it may have been reorganised"


class EndNotNearerError(ContractError):
    why = "it ends at {ends_at:time} already"
    advice = "leave it: stopping would not bring the end nearer"


class NothingToScoreError(ContractError):
    why = "it is {status} and no Gradient waits"
    advice = "wait for one"


class NotNextInOrderError(ContractError):
    why = "Gradient {number} is not in its turn, {expected} is"
    advice = "take them in order of submission"


class WrongGradientError(ContractError):
    why = "what was given for Gradient {number} is not what the chain keeps"
    advice = "look at the chain again: it may have been reorganised, or paid already"


class WrongNextError(ContractError):
    why = "what was given for the next Gradient {number} is not what the chain keeps"
    advice = "somebody submitted in between: look at the queue again and repeat"


class AccuracyOutOfRangeError(ContractError):
    why = "an accuracy of {accuracy:wad} is above 1.0"
    advice = "score again"


class ModelWithoutImprovementError(ContractError):
    why = "an accuracy of {accuracy:wad} is no improvement, {needed:wad} would be, but a Model came with it"
    advice = "leave the Model out"


class ImprovementWithoutModelError(ContractError):
    why = "an accuracy of {accuracy:wad} is an improvement, {needed:wad} is enough, but no Model came with it"
    advice = "publish the new Model"


class UnavailableTooEarlyError(ContractError):
    why = "Gradient {number} may be called unavailable from {not_before:time} on"
    advice = "keep looking for its bundle until then"


class DeliveryTooEarlyError(ContractError):
    why = "mining lasts until {ends_at:time}"
    advice = "deliver after that"


class GradientsUnscoredError(ContractError):
    why = "{unscored} Gradients are not scored yet"
    advice = "score them first"


class NothingMissedError(ContractError):
    why = "it is {status} and nothing is overdue{due:deadline}"
    advice = "wait until its Capsule misses a window"


class NotConvictableError(ContractError):
    why = "it is {status}"
    advice = "a Campaign can be convicted from its opening until claims open"


class ConvictionTooLateError(ContractError):
    why = "claims are open since {claims_open_at:time}"
    advice = "nothing can be convicted any more"


class NotSettledError(ContractError):
    why = "it is {status} and not settled"
    advice = "wait for its delivery, or expire it when a window is missed"


class ClaimsNotOpenError(ContractError):
    why = "claims open at {claims_open_at:time}"
    advice = "come back then"


class NothingEarnedError(ContractError):
    why = "Gradient {number} earned nothing"
    advice = "leave it out of the claim"


class GradientVoidError(ContractError):
    why = "Gradient {number} does not count, only those below {valid_below} do"
    advice = "reclaim its scoring fee instead"


class GradientValidError(ContractError):
    why = "Gradient {number} was scored, those from {valid_below} on were not"
    advice = "claim its reward instead"


class NothingToRefundError(ContractError):
    why = "nothing is left to refund"
    advice = "it was refunded before, or Miners earned it all"


class NothingToCollectError(ContractError):
    why = "nothing is left to collect"
    advice = "it was collected before, or the Capsule failed"


class FailedCallError(ContractError):
    why = "the receiver refused the payment"
    advice = "name another address to be paid"


class InsufficientBalanceError(ContractError):
    why = "the contract holds {balance} and would have to pay {needed}"
    advice = "report this: it must not happen"


class ReentrancyGuardReentrantCallError(ContractError):
    why = "a receiver or token called back in the middle of a payment"
    advice = "pay to another address, or leave that token"


class SafeERC20FailedOperationError(ContractError):
    why = "the token {token} refused the transfer"
    advice = "check the allowance and the balance"


class NoCertificatesError(ContractError):
    why = "no certificates were given"
    advice = "publish the Capsule's OpenPGP certificates first"


class CapsuleUnknownError(ContractError):
    why = "the Capsule {capsule} never announced itself"
    advice = "choose another, or announce it first"


class CurrencyNotAcceptedError(ContractError):
    why = "the Capsule {capsule} does not accept the currency {currency}"
    advice = "pay in another, or choose another Capsule"


class CapsuleFeeBelowTermsError(ContractError):
    why = "a Capsule's fee of {capsule_fee} is below the smallest of {smallest} that the Capsule {capsule} takes"
    advice = "offer more"


class BondAboveTermsError(ContractError):
    why = "a bond of {bond} is above the largest of {largest} that the Capsule {capsule} posts"
    advice = "ask for less"


class ScoringFeeBelowTermsError(ContractError):
    why = "a scoring fee of {scoring_fee} is below the smallest of {smallest} that the Capsule {capsule} takes"
    advice = "offer more"


class OpenWithinBelowTermsError(ContractError):
    why = "{window} s to open are less than the {shortest} s that the Capsule {capsule} needs"
    advice = "give it more time"


class ScoringWindowBelowTermsError(ContractError):
    why = "a scoring window of {window} s is shorter than the {shortest} s that the Capsule {capsule} needs"
    advice = "give it more time"


class PerGradientBelowTermsError(ContractError):
    why = "{window} s for each Gradient are less than the {shortest} s that the Capsule {capsule} needs"
    advice = "give it more time"


class DeliveryWindowBelowTermsError(ContractError):
    why = "a delivery window of {window} s is shorter than the {shortest} s that the Capsule {capsule} needs"
    advice = "give it more time"


class ERC20InsufficientBalanceError(ContractError):
    why = "{sender} holds {balance} of the token where {needed} are needed"
    advice = "fund the account"


class ERC20InsufficientAllowanceError(ContractError):
    why = "{spender} may take {allowance} of the token where {needed} are needed"
    advice = "approve the difference"


#: By the name that the contracts give the error.
BY_NAME: dict[str, type[ContractError]] = {
    error.__name__.removesuffix("Error"): error for error in ContractError.__subclasses__()
}


class RefusedError(ContractError):
    """A contract, mostly a token, refused with words of its own."""

    why = "a contract refused the call: {reason}"


class PanicError(ContractError):
    """A contract's own check failed: an overflow, a division by zero and the like."""

    why = "a contract panicked with code {code}"
    advice = "leave its token, or report this if the contract is Sonar"


def build_contract_error(name: str, arguments: dict[str, Any]) -> ContractError:
    """The exception for a decoded custom error; a plain ContractError for one that is unknown."""
    evidence = {snake_case(key): value for key, value in arguments.items()}
    if evidence.get("status") in set(Status):
        evidence["status"] = Status(evidence["status"])
    return BY_NAME.get(name, ContractError)(**evidence)


class _Shown:
    """A piece of evidence as people read it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __format__(self, scale: str) -> str:
        value = self._value
        if scale == "wad":
            return f"{from_wad(value):.6%}" if value <= WAD else str(value)
        if scale == "time" and value < _YEAR_9999:
            return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if scale == "deadline":
            return f" (due at {_Shown(value):time})" if value else ""
        if isinstance(value, bytes):
            return "0x" + value.hex()
        return value.name.capitalize() if isinstance(value, Status) else str(value)
