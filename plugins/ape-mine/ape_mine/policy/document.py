"""What may leave a Mine, and to whom. Pure: a file's rules and a Campaign's facts in, a decision with its reason out.

Deny by default: without a rule that allows it, nothing leaves, and a rule allows no more than it says. A policy:

    datasets:
      ward-7:
        path: ward7.parquet
        schema: ward7.schema.json
        consent: {for: [readmitted], until: 2027-12-31}  # of whom the rows are about, or `own`; without it, nothing
        columns: {outcome: readmitted}  # a Campaign's field, and what the dataset calls it; the default is by name
        privacy: {epsilon: 1.0, delta: 1e-6, releases: 2}  # the default is none: exact statistics
        mu: own                       # by cross-validation, for fresh Models; the default is `campaign`: its spec's
    rates: {USDC: 0.0004 ether}       # what one is worth to you, where rewards are held against gas
    allow:
      - dataset: ward-7
        output: [readmitted]          # what may be predicted from it
        capsules: [0x5a...]           # who may decrypt the Gradients; `any` for everybody
        scientists: any               # whose Campaigns; the default
        bounty: ">= 500 USDC"         # one a currency: a currency that is not named is not taken
        bond: ">= 100 USDC"           # that the Capsule posts; the default is any
        scoring_fee: "<= 0.001 ether" # most that one Gradient may cost; the default
        rounds: 3                     # Gradients for one Campaign; the default is 1
        patience: 1                   # Gradients without improvement after which to stop; the default
        worth: ">= 2"                 # expected reward in costs (gas and scoring fee); the default is not to ask
        hours: 22:00-06:00 UTC        # when a Gradient may be begun (`hours.py`), or several; the default is any
        approve: by-hand              # each Campaign; the default. Or `automatic`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from ape_mine.errors import PolicyError
from ape_mine.policy.consent import Consent, parse_consent
from ape_mine.policy.profitability import Opportunity
from ape_mine.policy.time_windows import TimeWindows, parse_hours
from sonar_core.base.errors import UsageError
from sonar_core.base.strict_model import first_problem
from sonar_core.protocol.units import COIN, Currency, format_money, parse_address, parse_money
from syft.privacy import LARGEST_EPSILON, Budget

#: Most bytes of a policy file.
LARGEST_POLICY = 1 << 18
_LIMIT = re.compile(r"(>=|<=)\s*(\S.*)")
_FACTOR = re.compile(r">=\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)")


#: Wei that a smallest unit of a currency is worth, by its address in lower case.
Rates = Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount in smallest units of a currency."""

    units: int
    currency: Currency

    def __str__(self) -> str:
        return format_money(self.units, self.currency)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _parties(value: Any) -> Literal["any"] | tuple[str, ...]:
    if value == "any":
        return "any"
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("list addresses, or write 'any'")
    return tuple(parse_address(one) for one in value)


def _limit(value: Any, info: ValidationInfo, sign: str) -> Limit:
    match = _LIMIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[1] != sign:
        raise ValueError(f"{value!r:.60} is no limit: write one such as '{sign} 0.5 ether'")
    tokens: tuple[Currency, ...] = (info.context or {}).get("tokens", ())
    try:
        units, address = parse_money(match[2], tokens)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return Limit(units, _known(address, tokens))


def _known(address: str, tokens: Iterable[Currency]) -> Currency:
    return next((token for token in tokens if token.address.lower() == address.lower()), COIN)


def _least(value: Any, info: ValidationInfo) -> tuple[Limit, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    limits = tuple(_limit(one, info, ">=") for one in values)
    if not limits:
        raise ValueError("name at least one currency, as in '>= 0 ether'")
    if len({limit.currency for limit in limits}) != len(limits):
        raise ValueError("a currency is named twice")
    return limits


def _most(value: Any, info: ValidationInfo) -> Limit:
    limit = _limit(value, info, "<=")
    if limit.currency != COIN:
        raise ValueError(f"scoring fees are paid in the chain's coin, not in {limit.currency.symbol}")
    return limit


def _worth(value: Any) -> Fraction:
    match = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r:.60} is no number of costs: write one such as '>= 2'")
    return Fraction(match[1])


def _hours(value: Any) -> tuple[TimeWindows, ...]:
    try:
        windows = tuple(parse_hours(one) for one in (value if isinstance(value, list | tuple) else [value]))
    except UsageError as error:
        raise ValueError(str(error)) from None
    if not windows:
        raise ValueError("name at least one window, or leave the line out")
    return windows


def _rates(value: Any, info: ValidationInfo) -> dict[str, Fraction]:
    tokens: tuple[Currency, ...] = (info.context or {}).get("tokens", ())
    if not isinstance(value, dict):
        raise ValueError("write each rate as 'USDC: 0.0004 ether'")
    rates: dict[str, Fraction] = {}
    for name, price in value.items():
        try:
            units, address = parse_money(f"1 {name}", tokens)
            wei, of = parse_money(price, tokens)
        except UsageError as error:
            raise ValueError(str(error)) from None
        if address == COIN.address or of != COIN.address:
            raise ValueError(f"a rate says what one of an ERC-20 is worth in the coin, not '{name}: {price}'"[:200])
        if address.lower() in rates:
            raise ValueError(f"the currency {name} has two rates")
        rates[address.lower()] = Fraction(wei, units)
    return rates


def _no_promise(value: Any) -> Any:
    if value != "none":
        raise ValueError(
            "a promise is one of a dataset as a whole, whatever its rules allow: write "
            "'privacy: {epsilon: 1.0, delta: 1e-6}' beside its path under datasets"
        )
    return value


_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_FieldName = Annotated[str, Field(min_length=1, max_length=256)]
_Parties = Annotated[Literal["any"] | tuple[str, ...], BeforeValidator(_parties)]
_Least = Annotated[Any, BeforeValidator(_least)]
_Most = Annotated[Any, BeforeValidator(_most)]
_Worth = Annotated[Any, BeforeValidator(_worth)]
_Hours = Annotated[Any, BeforeValidator(_hours)]
_Rates = Annotated[Any, BeforeValidator(_rates)]


class Privacy(_Part):
    """What may be told of any one row of a dataset, by all that ever leaves of it together.

    Attributes:
        epsilon: above 0, at most 1000.
        delta: above 0, at most 0.001; should be far below one over the number of rows.
        releases: over how many releases of noisy statistics, one for each question that Campaigns ask, it is divided.
        clip: the longest row of features that counts in full, in lengths of a typical row of the schema.
    """

    epsilon: Annotated[float, Field(gt=0, le=LARGEST_EPSILON, allow_inf_nan=False)]
    delta: Annotated[float, Field(gt=0, le=1e-3, allow_inf_nan=False)]
    releases: Annotated[int, Field(ge=1, le=1000)] = 1
    clip: Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)] = 1.0

    @property
    def budget(self) -> Budget:
        """The promise."""
        return _budget(self.epsilon, self.delta)

    @property
    def price(self) -> Fraction:
        """The rho of one release."""
        return self.budget.rho / self.releases


@cache
def _budget(epsilon: float, delta: float) -> Budget:
    return Budget(epsilon, delta)


class Source(_Part):
    """Where a dataset comes from, relative to the policy file, and what may be told of its rows.

    Without path and schema it is in the Mine already; without consent nothing is trained on it; without privacy its
    exact statistics are used. `columns` says which column stands for a Campaign's field of another name, `mu` who
    chooses how far a Gradient pulls a Model that nobody has trained yet.
    """

    path: str | None = None
    table_schema: Annotated[str | None, Field(alias="schema")] = None
    consent: Annotated[Consent | None, BeforeValidator(parse_consent)] = None
    columns: dict[_FieldName, _FieldName] = Field(default_factory=dict)
    privacy: Privacy | None = None
    mu: Literal["campaign", "own"] = "campaign"

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.path is None) != (self.table_schema is None):
            raise ValueError("path and schema go together")
        if self.privacy and self.mu == "own":
            raise ValueError("mu: own takes exact statistics, which a dataset with a privacy budget does not give")
        return self


class Rule(_Part):
    """One thing that is allowed; the module's text says what each line means."""

    dataset: _Name
    output: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    capsules: _Parties
    scientists: _Parties = "any"
    bounty: _Least
    bond: _Least | None = None
    scoring_fee: _Most = Limit(10**15, COIN)
    rounds: Annotated[int, Field(ge=1, le=1000)] = 1
    patience: Annotated[int, Field(ge=1, le=1000)] = 1
    worth: _Worth | None = None
    hours: _Hours | None = None
    privacy: Annotated[Literal["none"], BeforeValidator(_no_promise)] = "none"
    approve: Literal["automatic", "by-hand"] = "by-hand"

    def objection(self, proposal: Proposal, history: History, occasion: Opportunity | None, rates: Rates) -> str | None:
        """Why this rule does not allow it, in words; None if it does. Arguments as for `decide`."""
        objections = (
            self._to_output(proposal),
            self._to_parties(proposal),
            self._to_money(proposal),
            self._to_history(history),
            self._to_hours(occasion),
            self._to_worth(occasion, rates.get(proposal.currency.lower())),
        )
        return next((objection for objection in objections if objection), None)

    def _to_output(self, proposal: Proposal) -> str | None:
        others = [output for output in proposal.outputs if output not in self.output]
        if not others:
            return None
        return f"it may be used to predict {' or '.join(self.output)}, not {others[0]}"

    def _to_parties(self, proposal: Proposal) -> str | None:
        if self.capsules != "any" and proposal.capsule not in self.capsules:
            return f"the Capsule {proposal.capsule} is not among those named"
        if self.scientists != "any" and proposal.scientist not in self.scientists:
            return f"the Data Scientist {proposal.scientist} is not among those named"
        return None

    def _to_money(self, proposal: Proposal) -> str | None:
        for what, units, limits in (("Bounty", proposal.bounty, self.bounty), ("bond", proposal.bond, self.bond)):
            limit = _in_currency(limits, proposal.currency)
            if limits is not None and limit is None:
                return f"no smallest {what} is stated for the currency {proposal.currency}"
            if limit is not None and units < limit.units:
                return f"the {what} of {format_money(units, limit.currency)} is below {limit}"
        if proposal.scoring_fee > self.scoring_fee.units:
            return f"the scoring fee of {format_money(proposal.scoring_fee)} is above {self.scoring_fee}"
        return None

    def _to_history(self, history: History) -> str | None:
        if history.rounds >= self.rounds:
            return f"{history.rounds} of at most {self.rounds} Gradients were submitted"
        if history.fruitless >= self.patience:
            return f"the last {history.fruitless} Gradients brought no improvement"
        return None

    def _to_hours(self, occasion: Opportunity | None) -> str | None:
        windows: tuple[TimeWindows, ...] = self.hours or ()
        if occasion is None or not windows or any(window.include(occasion.clock) for window in windows):
            return None
        return f"its hours are {' and '.join(map(str, windows))}"

    def _to_worth(self, occasion: Opportunity | None, rate: Fraction | None) -> str | None:
        """No sum is named: what gas costs is another one each block, and each would be news."""
        if occasion is None or self.worth is None:
            return None
        if rate is None:
            return "no rate is stated that prices its currency against gas"
        if occasion.reward * rate < self.worth * occasion.cost:
            return f"the reward to expect is below {float(self.worth):g} times what gas and scoring fee cost"
        return None


class Policy(_Part):
    """A Mine's policy. Made by `parse` or `from_yaml`.

    Attributes:
        datasets: the datasets it speaks of, by name.
        rates: wei that a smallest unit of an ERC-20 is worth to the Miner, by its address in lower case.
        allow: rules; a thing is allowed when one of them allows it.
    """

    datasets: dict[_Name, Source] = Field(default_factory=dict)
    rates: _Rates = Field(default_factory=dict)
    allow: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _rules_name_known_datasets(self) -> Self:
        for number, rule in enumerate(self.allow, start=1):
            if rule.dataset not in self.datasets:
                raise ValueError(f"rule {number} names the dataset {rule.dataset!r}, which is not under datasets")
            if "privacy" in rule.model_fields_set and self.privacy(rule.dataset):
                raise ValueError(f"rule {number} says privacy: none, but the dataset {rule.dataset!r} has a budget")
        return self

    def privacy(self, dataset: str) -> Privacy | None:
        """What may be told of a dataset's rows; None where its exact statistics are used."""
        source = self.datasets.get(dataset)
        return source.privacy if source else None

    def own_mu(self, dataset: str) -> bool:
        """Whether the dataset's rows choose mu, where they may."""
        source = self.datasets.get(dataset)
        return source is not None and source.mu == "own"

    def consent(self, dataset: str) -> Consent | None:
        """What those whom a dataset's rows are about agreed to; None where nothing is on record."""
        source = self.datasets.get(dataset)
        return source.consent if source else None

    def columns(self, dataset: str) -> dict[str, str]:
        """What a dataset calls the fields of Campaigns, where that differs."""
        source = self.datasets.get(dataset)
        return source.columns if source else {}

    @classmethod
    def parse(cls, document: Any, tokens: Iterable[Currency] = ()) -> Self:
        """Checks a policy's document.

        Args:
            document: what YAML holds.
            tokens: the ERC-20s that the Miner knows and trusts, by the names used in the policy.

        Raises:
            PolicyError: names the line's key and what is wrong with it.
        """
        try:
            return cls.model_validate(document or {}, context={"tokens": tuple(tokens)})
        except ValidationError as error:
            raise PolicyError(first_problem(error)) from None

    @classmethod
    def from_yaml(cls, text: str, tokens: Iterable[Currency] = ()) -> Self:
        """Reads a policy file's text; every scalar is text to begin with, so that 0x5a... is an address.

        Raises:
            PolicyError: not YAML, a key twice, or what `parse` refuses.
        """
        if len(text) > LARGEST_POLICY:
            raise PolicyError(f"more than {LARGEST_POLICY} letters: split the policy over several Mines")
        try:
            document = yaml.load(text, Loader=_TextLoader)  # noqa: S506 - a BaseLoader: only text, lists, mappings
        except (yaml.YAMLError, ValueError) as error:
            raise PolicyError(f"not YAML: {' '.join(str(error).split())}") from None
        except RecursionError:
            raise PolicyError("not YAML that a policy needs: nested too deeply") from None
        return cls.parse(document, tokens)


class _TextLoader(yaml.BaseLoader):
    """Mappings without duplicate keys, and no aliases, which can unfold without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name) is not allowed here: write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for place, key in enumerate(keys) if key in keys[:place]]
        if twice:
            raise yaml.YAMLError(f"the key {twice[0]!r} is there twice")
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a Campaign asks of one dataset.

    Attributes:
        dataset: name of the dataset that fits.
        outputs: its columns that would be predicted.
        capsule, scientist: addresses, checksummed (EIP-55).
        currency: address; the zero address for the chain's coin.
        bounty, bond: smallest units of the currency.
        scoring_fee: smallest units of the coin.
    """

    dataset: str
    outputs: tuple[str, ...]
    capsule: str
    scientist: str
    currency: str
    bounty: int
    bond: int
    scoring_fee: int


@dataclass(frozen=True, slots=True)
class History:
    """What this Mine has done for the Campaign so far.

    Attributes:
        rounds: Gradients submitted.
        fruitless: how many of the last ones in a row brought no improvement.
        approved: whether the Miner approved of the Campaign by hand.
    """

    rounds: int = 0
    fruitless: int = 0
    approved: bool = False


class PolicyVerdict(Enum):
    """What a policy says."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason, in words. `rule` is the number of the rule that decided, counted from 1."""

    verdict: PolicyVerdict
    reason: str
    rule: int | None = None


def decide(policy: Policy, proposal: Proposal, history: History, occasion: Opportunity | None) -> Decision:
    """Whether a Gradient may be computed and leave. ASK: a rule allows it once the Miner approves by hand.

    Args:
        policy: in force.
        proposal: what the Campaign asks.
        history: what was done for it.
        occasion: the Gradient to begin; None for one that is begun already, of which neither hours nor worth are asked.
    """
    rates: Rates = {COIN.address: Fraction(1), **policy.rates}
    allowed: list[tuple[int, Rule]] = []
    objections: list[str] = []
    for number, rule in enumerate(policy.allow, start=1):
        if rule.dataset != proposal.dataset:
            continue
        objection = rule.objection(proposal, history, occasion, rates)
        if objection is None:
            allowed.append((number, rule))
        else:
            objections.append(f"rule {number}: {objection}")
    for number, rule in allowed:
        if rule.approve == "automatic" or history.approved:
            how = "" if rule.approve == "automatic" else ", approved by hand"
            reason = f"rule {number} allows predicting {' and '.join(proposal.outputs)} from {proposal.dataset}{how}"
            return Decision(PolicyVerdict.ALLOW, reason, number)
    if allowed:
        number = allowed[0][0]
        return Decision(PolicyVerdict.ASK, f"rule {number} allows it, but asks for approval by hand", number)
    return Decision(PolicyVerdict.DENY, "; ".join(objections) or f"no rule speaks of the dataset {proposal.dataset}")


def _in_currency(limits: tuple[Limit, ...] | None, currency: str) -> Limit | None:
    return next((limit for limit in limits or () if limit.currency.address.lower() == currency.lower()), None)
