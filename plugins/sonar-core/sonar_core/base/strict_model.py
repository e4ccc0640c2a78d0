"""Pydantic bases of documents that somebody else wrote, and one plain sentence for what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sonar_core.base.errors import did_you_mean

#: Parts that pydantic adds to a location for the branch of a union; they are no names of the document.
_UNION_BRANCH = re.compile(r"(constrained-)?(int|float|str|bool)|(dict|list|tuple|literal|function-\w+)\[.*")
#: How a pydantic message about a value begins and ends.
_SHOULD, _TAIL = re.compile(r"^[A-Z]\w* should "), " after validation"
#: The type that a value should have, by pydantic's type of the error.
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (name: value)",
    "model_type": "a mapping (name: value)",
    "model_attributes_type": "a mapping (name: value)",
}
#: No number in a document is this large; an address that YAML read as a number is.
_ADDRESS_LIKE = 1 << 64


class Document(BaseModel):
    """A part of a document: an unknown key is refused and the nearest known one named; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        aliases = {name: info.alias or name for name, info in cls.model_fields.items()}
        for name in data if isinstance(data, Mapping) else ():
            if isinstance(name, str) and name not in aliases and name not in aliases.values():
                hint = did_you_mean(name, aliases.values()) or f": use one of {', '.join(aliases.values())}"
                raise ValueError(f"unknown key {name!r:.60}{hint}")
        return data


class StrictModel(Document):
    """A `Document` without conversions between types."""

    model_config = ConfigDict(strict=True)


def _dotted(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location))


def explain(error: ValidationError, locate: Callable[[Sequence[int | str]], str] = _dotted) -> str:
    """The first problem that pydantic found, on one line: the location in the document, and the rule that is broken.

    Args:
        error: of a document's model.
        locate: names a location (keys, and indices from 0) for people.

    >>> class Part(StrictModel):
    ...     lasts: str
    >>> try:
    ...     Part.model_validate({"last": "2 days"})
    ... except ValidationError as error:
    ...     print(explain(error))
    unknown key 'last'; did you mean 'lasts'?
    """
    problems = error.errors(include_url=False)
    location = _location(problems[0])
    branches = [problem for problem in problems if _location(problem) == location]
    rule = next((_rule(problem) for problem in branches if problem["type"] not in _EXPECTED), None)
    rule = rule or _type_rule([_EXPECTED[problem["type"]] for problem in branches], branches[0]["input"])
    return f"{locate(location)}: {rule}" if location else rule


def _location(problem: ErrorDetails) -> list[int | str]:
    return [part for part in problem["loc"] if not (isinstance(part, str) and _UNION_BRANCH.fullmatch(part))]


def _rule(problem: ErrorDetails) -> str:
    if problem["type"] in ("missing", "extra_forbidden"):
        return "is missing" if problem["type"] == "missing" else "unknown key"
    return _SHOULD.sub("must ", problem["msg"].removeprefix("Value error, ").replace(_TAIL, ""))


def _type_rule(expected: Sequence[str], value: Any) -> str:
    # Every whole number is a number: one of the two words says it.
    kinds = [kind for kind in dict.fromkeys(expected) if kind != "a whole number" or "a number" not in expected]
    remedy = ""
    if "a text" in kinds and isinstance(value, int) and not isinstance(value, bool):
        remedy = ": put it in quotes"
        if value >= _ADDRESS_LIKE:
            remedy = ": put the address in quotes (without them, YAML reads 0x... as a number)"
    return f"must be {' or '.join(kinds)}, not {_kind(value)}{remedy}"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return type(value).__name__
