"""The policy document: what may leave a Mine, and to whom. Pure: a file's text in, checked rules out.

Deny by default: without a rule that allows it, nothing leaves, and a rule allows no more than it says. A policy:

    datasets:
      ward-7:
        path: ward7.parquet
        schema: ward7.schema.json
        consent: {for: [readmitted], until: 2027-12-31}  # of the data subjects, or `own`; without it, no training
        columns: {outcome: readmitted}  # a Campaign's field: the dataset's column; default: the same name
        privacy: {epsilon: 1.0, delta: 1e-6, releases: 2}  # default: none, that is exact statistics
        mu: own                       # chosen by cross-validation, for fresh Models; default: `campaign`, its spec's
    rates: {USDC: 0.0004 ether}       # worth of 1 USDC to you, to compare rewards with the cost of gas
    allow:
      - dataset: ward-7
        output: [readmitted]          # columns of the dataset that a Model may predict
        capsules: [0x5a...]           # Capsules that may decrypt the Gradients, or `any`
        scientists: any               # Data Scientists whose Campaigns are allowed; the default
        bounty: ">= 500 USDC"         # one line per currency: a currency that is not named is not accepted
        bond: ">= 100 USDC"           # of the Capsule; default: any
        scoring_fee: "<= 0.001 ether" # highest fee for one Gradient; the default
        rounds: 3                     # Gradients per Campaign; default: 1
        patience: 1                   # Gradients in a row without improvement after which to stop; the default
        worth: ">= 2"                 # expected reward / cost (gas and scoring fee); default: not checked
        hours: 22:00-06:00 UTC        # when a Gradient may be begun (`time_windows`), one or a list; default: any time
        approve: by-hand              # each Campaign; the default. Or `automatic`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from ape_mine.errors import PolicyError
from ape_mine.policy.consent import Consent, parse_consent
from ape_mine.policy.time_windows import TimeWindows, parse_hours
from sonar_core.base.errors import UsageError, did_you_mean
from sonar_core.base.strict_model import Document, explain
from sonar_core.protocol.units import COIN, Currency, currency_at, format_money, parse_address, parse_money
from syft.privacy import LARGEST_EPSILON, Budget

#: Largest size of a policy file, in bytes.
LARGEST_POLICY = 1 << 18
_LIMIT = re.compile(r"(>=|<=)\s*(\S.*)")
_FACTOR = re.compile(r">=\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)")
#: Worth of a currency's smallest unit in wei, by the currency's address in lower case.
Rates = Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount in smallest units of a currency."""

    units: int
    currency: Currency

    def __str__(self) -> str:
        return format_money(self.units, self.currency)


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
    return Limit(units, currency_at(address, tokens))


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
        raise ValueError(f"{value!r:.60} is no ratio of reward to cost: write one such as '>= 2'")
    return Fraction(match[1])


def _hours(value: Any) -> tuple[TimeWindows, ...]:
    try:
        windows = tuple(parse_hours(one) for one in (value if isinstance(value, list | tuple) else [value]))
    except UsageError as error:
        raise ValueError(str(error)) from None
    if not windows:
        raise ValueError("give at least one window, or leave the line out")
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


_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_FieldName = Annotated[str, Field(min_length=1, max_length=256)]
_Parties = Annotated[Literal["any"] | tuple[str, ...], BeforeValidator(_parties)]
_Least = Annotated[Any, BeforeValidator(_least)]
_Most = Annotated[Any, BeforeValidator(_most)]
_Worth = Annotated[Any, BeforeValidator(_worth)]
_Hours = Annotated[Any, BeforeValidator(_hours)]
_Rates = Annotated[Any, BeforeValidator(_rates)]


class Privacy(Document):
    """Privacy budget of a dataset: bounds what all releases together reveal about any single row.

    Attributes:
        epsilon: above 0, at most 1000.
        delta: above 0, at most 0.001; should be far below 1 / (number of rows).
        releases: number of releases of noisy statistics among which the budget is divided evenly. Each different
            question of a Campaign takes one.
        clip: clipping bound of a row of features (L2 norm), as a multiple of a typical row's norm.
    """

    epsilon: Annotated[float, Field(gt=0, le=LARGEST_EPSILON, allow_inf_nan=False)]
    delta: Annotated[float, Field(gt=0, le=1e-3, allow_inf_nan=False)]
    releases: Annotated[int, Field(ge=1, le=1000)] = 1
    clip: Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)] = 1.0

    @property
    def budget(self) -> Budget:
        """The whole budget."""
        return _budget(self.epsilon, self.delta)

    @property
    def price(self) -> Fraction:
        """Price of one release: rho of zero-concentrated differential privacy (zCDP)."""
        return self.budget.rho / self.releases


@cache
def _budget(epsilon: float, delta: float) -> Budget:
    return Budget(epsilon, delta)


class Source(Document):
    """A dataset in the policy.

    Attributes:
        path: the data file, relative to the policy file; None if the dataset is in the Mine already.
        table_schema: its Table Schema; given exactly if `path` is.
        consent: of the data subjects; without it nothing is trained on the dataset.
        columns: the dataset's column for a Campaign's field of another name.
        privacy: the budget; None for exact statistics.
        mu: what sets the regularisation of a Model that nobody has trained yet: the Campaign's spec, or
            cross-validation on the dataset's own rows.
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


class Rule(Document):
    """One thing that is allowed; the text of this module explains each line."""

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
    approve: Literal["automatic", "by-hand"] = "by-hand"


class Policy(Document):
    """A Mine's policy. Made by `parse` or `from_yaml`.

    Attributes:
        datasets: by name.
        rates: worth of an ERC-20's smallest unit to the Miner, in wei, by the token's address in lower case.
        allow: the rules; one that allows a Gradient is enough.
    """

    datasets: dict[_Name, Source] = Field(default_factory=dict)
    rates: _Rates = Field(default_factory=dict)
    allow: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _rules_name_known_datasets(self) -> Self:
        for number, rule in enumerate(self.allow, start=1):
            if rule.dataset not in self.datasets:
                hint = did_you_mean(rule.dataset, self.datasets)
                raise ValueError(f"rule {number}: the dataset {rule.dataset!r} is not under datasets{hint}")
        return self

    def privacy(self, dataset: str) -> Privacy | None:
        """Budget of a dataset; None if its exact statistics are used."""
        source = self.datasets.get(dataset)
        return source.privacy if source else None

    def own_mu(self, dataset: str) -> bool:
        """Whether cross-validation on the dataset's rows chooses mu for fresh Models."""
        source = self.datasets.get(dataset)
        return source is not None and source.mu == "own"

    def consent(self, dataset: str) -> Consent | None:
        """Consent of the data subjects; None if none is on record."""
        source = self.datasets.get(dataset)
        return source.consent if source else None

    def columns(self, dataset: str) -> dict[str, str]:
        """The dataset's column for each Campaign's field of another name."""
        source = self.datasets.get(dataset)
        return source.columns if source else {}

    @classmethod
    def parse(cls, document: Any, tokens: Iterable[Currency] = ()) -> Self:
        """Checks a parsed document.

        Args:
            document: mappings, lists and texts.
            tokens: ERC-20s that the policy may name, by their symbols.

        Raises:
            PolicyError: names the key and the rule that it breaks.
        """
        try:
            return cls.model_validate(document or {}, context={"tokens": tuple(tokens)})
        except ValidationError as error:
            raise PolicyError(explain(error, _where)) from None

    @classmethod
    def from_yaml(cls, text: str, tokens: Iterable[Currency] = ()) -> Self:
        """Parses a policy file. YAML scalars are read as text, so that 0x5a... is an address and not a number.

        Raises:
            PolicyError: not YAML, a duplicate key, or a document that `parse` refuses.
        """
        if len(text) > LARGEST_POLICY:
            raise PolicyError(f"more than {LARGEST_POLICY} characters: split the policy over several Mines")
        try:
            document = yaml.load(text, Loader=_TextLoader)  # noqa: S506 - a BaseLoader: only text, lists, mappings
        except (yaml.YAMLError, ValueError) as error:
            raise PolicyError(f"not YAML: {' '.join(str(error).split())}") from None
        except RecursionError:
            raise PolicyError("nested more deeply than a policy needs") from None
        return cls.parse(document, tokens)


class _TextLoader(yaml.BaseLoader):
    """Refuses duplicate keys, and aliases, whose expansion can be exponentially large."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name) is not allowed: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        duplicates = [key for index, key in enumerate(keys) if key in keys[:index]]
        if duplicates:
            raise yaml.YAMLError(f"the key {duplicates[0]!r} is given twice")
        return super().construct_mapping(node, deep)


def _where(location: Sequence[int | str]) -> str:
    """A location in words: a rule by its number, counted from 1, everything else by its keys."""
    match tuple(location):
        case ("allow", int(index), *rest):
            return f"rule {index + 1}" + (f": {'.'.join(map(str, rest))}" if rest else "")
    return ".".join(map(str, location))
