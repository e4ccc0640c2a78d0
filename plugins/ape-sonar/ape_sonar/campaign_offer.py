"""The terms of a Campaign from the Data Scientist's choices, with a default for everything else. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from sonar_core.base.errors import SonarError
from sonar_core.protocol.rewards import earned
from sonar_core.protocol.scheme import SCHEME
from sonar_core.protocol.structs import EMPTY_BYTES32, CapsuleTerms, CurrencyTerms, Terms
from sonar_core.protocol.units import WAD, ZERO_ADDRESS, Currency, Money, from_wad

HOUR, DAY = 3_600, 86_400
OPEN_WITHIN = HOUR
NOTICE_PERIOD = HOUR
SCORING_WINDOW = HOUR
PER_GRADIENT = 120
UNAVAILABILITY_WINDOW = HOUR // 2
DELIVERY_WINDOW = DAY
#: Default with an arbiter; without one nobody could use the time.
AUDIT_WINDOW = DAY

_UINT96, _UINT128 = 2**96 - 1, 2**128 - 1


class OfferError(SonarError, ValueError):
    """Terms that the chain or the Capsule would refuse; says which term and how to change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOffer:
    """Terms that the Data Scientist chose. None: the default, raised to the Capsule's announced minimum.

    Attributes:
        capsule, arbiter, currency: addresses; the zero address for no arbiter and for the chain's coin.
        bounty, capsule_fee, capsule_bond, compensation: smallest units of the currency.
        scoring_fee: smallest units of the coin.
        duration: seconds of mining, from the opening.
        target_accuracy, starting_accuracy, min_improvement: WAD.
        rows: number of rows of the validation set; the default of `min_improvement` is one row.
        open_within, notice_period, scoring_window, per_gradient, unavailability_window, delivery_window, audit_window:
            seconds.
    """

    capsule: str
    currency: str
    bounty: int
    duration: int
    target_accuracy: int
    starting_accuracy: int
    rows: int
    arbiter: str = ZERO_ADDRESS
    capsule_fee: int | None = None
    capsule_bond: int | None = None
    compensation: int | None = None
    scoring_fee: int | None = None
    min_improvement: int | None = None
    open_within: int | None = None
    notice_period: int | None = None
    scoring_window: int | None = None
    per_gradient: int | None = None
    unavailability_window: int | None = None
    delivery_window: int | None = None
    audit_window: int | None = None

    def terms(
        self,
        capsule: CapsuleTerms,
        in_currency: CurrencyTerms,
        *,
        currency: Currency,
        spec: bytes,
        validation: bytes,
        validation_root: bytes,
        parent: bytes = EMPTY_BYTES32,
    ) -> Terms:
        """The Campaign's terms.

        Args:
            capsule, in_currency: terms that the Capsule announced, in general and in the Bounty's currency.
            currency: of the Bounty, for messages.
            spec, validation: content addresses.
            validation_root: root of the validation set.
            parent: id of the parent Campaign, or zeros.

        Raises:
            OfferError: the Capsule does not post such a bond, or the numbers contradict each other.
        """
        scoring_window = _given(self.scoring_window, max(SCORING_WINDOW, capsule.scoring_window))
        scoring_fee = _given(self.scoring_fee, capsule.scoring_fee)
        terms = Terms(
            capsule=self.capsule,
            arbiter=self.arbiter,
            currency=self.currency,
            bounty=self.bounty,
            capsule_fee=_given(self.capsule_fee, in_currency.smallest_capsule_fee),
            capsule_bond=_given(self.capsule_bond, self.bounty),
            compensation=_given(self.compensation, self._compensation(scoring_fee)),
            scoring_fee=scoring_fee,
            starting_accuracy=self.starting_accuracy,
            target_accuracy=self.target_accuracy,
            min_improvement=_given(self.min_improvement, WAD // self.rows),
            open_within=_given(self.open_within, max(OPEN_WITHIN, capsule.open_within)),
            duration=self.duration,
            notice_period=_given(self.notice_period, NOTICE_PERIOD),
            scoring_window=scoring_window,
            per_gradient=_given(self.per_gradient, max(PER_GRADIENT, capsule.per_gradient)),
            unavailability_window=_given(
                self.unavailability_window, min(UNAVAILABILITY_WINDOW, max(scoring_window // 2, 1))
            ),
            delivery_window=_given(self.delivery_window, max(DELIVERY_WINDOW, capsule.delivery_window)),
            audit_window=_given(self.audit_window, AUDIT_WINDOW if self.arbiter != ZERO_ADDRESS else 0),
            scheme=SCHEME,
            spec=spec,
            validation=validation,
            validation_root=validation_root,
            parent=parent,
        )
        _check_money(terms, in_currency, currency)
        _check_accuracy(terms)
        _check_windows(terms)
        return terms

    def _compensation(self, scoring_fee: int) -> int:
        """Default compensation: small, since flooding a dying Capsule pays if it exceeds the gas of a submission."""
        return scoring_fee if self.currency == ZERO_ADDRESS else 0


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _check_money(terms: Terms, in_currency: CurrencyTerms, currency: Currency) -> None:
    if terms.bounty <= 0:
        raise OfferError("the Bounty is nothing: offer more than 0")
    if (
        max(terms.bounty, terms.capsule_bond) > _UINT128
        or max(terms.capsule_fee, terms.compensation, terms.scoring_fee) > _UINT96
    ):
        raise OfferError("an amount is larger than the contracts can hold")
    if terms.capsule_bond > in_currency.largest_bond:
        raise OfferError(
            f"the Capsule posts a bond of at most {Money(in_currency.largest_bond, currency)}, and "
            f"{Money(terms.capsule_bond, currency)} is asked: ask for less with capsule_bond, or take another Capsule"
        )


def _check_accuracy(terms: Terms) -> None:
    if not 0 < terms.target_accuracy <= WAD:
        raise OfferError("the target accuracy must be above 0, and at most 1.0")
    if terms.starting_accuracy >= terms.target_accuracy:
        start, target = from_wad(terms.starting_accuracy), from_wad(terms.target_accuracy)
        raise OfferError(
            f"the Model starts at accuracy {start:.4f}, and the target is {target:.4f}: set a higher target"
        )
    if not 0 < terms.min_improvement <= terms.target_accuracy:
        raise OfferError("the smallest improvement must be above 0, and at most the target accuracy")
    if earned(terms, terms.min_improvement) < 1:
        raise OfferError(
            "the smallest improvement that counts is worth less than one smallest unit of the Bounty's currency: raise "
            "the Bounty or min_improvement"
        )


def _check_windows(terms: Terms) -> None:
    windows = ("duration", "open_within", "scoring_window", "delivery_window", "unavailability_window")
    for name in windows:
        if getattr(terms, name) == 0:
            raise OfferError(f"{name} is 0 seconds: give it a length")
    if terms.unavailability_window >= terms.scoring_window:
        raise OfferError("unavailability_window must be shorter than scoring_window")
