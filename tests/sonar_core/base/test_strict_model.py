"""Errors of documents, as people read them."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from sonar_core.base.strict_model import StrictModel, explain


class Rule(StrictModel):
    bounty: str
    kind: Literal["a", "b"] = Field(default="a", alias="class")


class Whole(StrictModel):
    lasts: str
    capsule: str = "0x"
    target: int | float = 1.0
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    values: Annotated[tuple[str | int, ...], Field(min_length=2, strict=False)] = (1, 2)
    table: str | dict[str, Any] = ""
    allow: Annotated[tuple[Rule, ...], Field(strict=False)] = ()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"last": "2 days"}, "unknown key 'last'; did you mean 'lasts'?"),
        ({"lasts": "1 day", "allow": [{"bount": "1"}]}, "allow.0: unknown key 'bount'; did you mean 'bounty'?"),
        ({"lasts": "1 day", "allow": [{"clas": "a"}]}, "allow.0: unknown key 'clas'; did you mean 'class'?"),
        ({"lasts": "1 day", "allow": [{"z": "a"}]}, "allow.0: unknown key 'z': use one of bounty, class"),
        ({"lasts": "1 day", "allow": [{"bounty": "1", "kind": "a"}]}, "allow.0.kind: unknown key"),
        ({"lasts": "1 day", "allow": [{"bounty": "1", "class": "c"}]}, "allow.0.class: must be 'a' or 'b'"),
        ({}, "lasts: is missing"),
        ({"lasts": 15}, "lasts: must be a text, not a number: put it in quotes"),
        ({"lasts": True}, "lasts: must be a text, not true"),
        ({"lasts": None}, "lasts: must be a text, not empty"),
        (
            {"lasts": "1 day", "capsule": 0x57CDA7BE59A53A3B2BE4CDEE1BFC3DD9D9E0B1A5},
            "capsule: must be a text, not a number: put the address in quotes "
            "(without them, YAML reads 0x... as a number)",
        ),
        ({"lasts": "1 day", "target": "85%"}, "target: must be a number, not a text"),
        ({"lasts": "1 day", "share": 1.5}, "share: must be less than or equal to 1"),
        ({"lasts": "1 day", "values": [1]}, "values: must have at least 2 items, not 1"),
        ({"lasts": "1 day", "values": [1, None]}, "values.1: must be a text or a whole number, not empty"),
        ({"lasts": "1 day", "table": ["x"]}, "table: must be a text or a mapping (name: value), not a list"),
        ("X", "must be a mapping (name: value), not a text"),
        (None, "must be a mapping (name: value), not empty"),
    ],
)
def test_what_is_wrong_with_a_document_is_one_plain_sentence(document: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(document)
    assert explain(caught.value) == message
