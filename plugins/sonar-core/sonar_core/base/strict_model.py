"""The pydantic base of every document from a stranger, and the first problem of one that is refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

#: What pydantic puts into a location for the branch of a union; not a name in the document.
_UNION_TAGS = {"int", "float", "str", "constrained-int", "constrained-float", "constrained-str"}


class StrictModel(BaseModel):
    """A part of a document from a stranger: no unknown names, no conversions, no changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def first_problem(error: ValidationError) -> str:
    """The first problem pydantic found, on one line: where, and what."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"] if part not in _UNION_TAGS)
    return (
        f"{where}: {problem['msg'].removeprefix('Value error, ')}"
        if where
        else problem["msg"].removeprefix("Value error, ")
    )
