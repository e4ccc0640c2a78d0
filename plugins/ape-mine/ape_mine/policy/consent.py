"""What those whom the rows are about have agreed to. Pure: without it nothing is trained on, whatever the rules allow.

A dataset's consent stands in the policy beside it:

    consent: own                                   # the rows are the Miner's own
    consent: {for: [readmitted], until: 2027-12-31}  # given for a purpose and a time
    consent: {for: any, rows: agreed}              # given row by row: only rows whose boolean column is true count
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sonar_core.data.table_schema import TableSchema


def _purposes(value: Any) -> Any:
    if value != "any" and (not isinstance(value, list | tuple) or not value):
        raise ValueError("list what may be predicted, or write 'any'")
    return value


class Consent(BaseModel):
    """What was agreed to.

    Attributes:
        purposes: the outputs that may be predicted from the rows.
        until: the last day, UTC, on which they may be trained on; None for no end.
        rows: the boolean column that says which rows have it; None for all rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    purposes: Annotated[
        Literal["any"] | tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_purposes),
        Field(alias="for"),
    ]
    until: date | None = None
    rows: Annotated[str, Field(min_length=1)] | None = None

    def objection(self, outputs: Sequence[str], today: date) -> str | None:
        """Why it does not cover predicting these outputs today, in words; None if it does."""
        others = [output for output in outputs if self.purposes != "any" and output not in self.purposes]
        if others:
            return f"consent is given for predicting {' or '.join(self.purposes)}, not {others[0]}"
        if self.until is not None and today > self.until:
            return f"consent ended on {self.until}"
        return None

    def fault(self, schema: TableSchema) -> str | None:
        """Why it cannot be kept with a dataset of this schema, in words; None if it can."""
        if self.rows is None:
            return None
        kinds = {field.name: field.type for field in schema.fields}
        if kinds.get(self.rows) != "boolean":
            return f"the dataset has no boolean column {self.rows!r} that says which rows have consent"
        return None


def parse_consent(value: Any) -> Any:
    """The short form, spelled out."""
    if isinstance(value, str) and value != "own":
        raise ValueError(f"{value!r:.60} is no consent: write 'own', or {{for: [...], until: YYYY-MM-DD}}")
    return {"for": "any"} if value == "own" else value


def today() -> date:
    """The day that it is, UTC."""
    return datetime.now(UTC).date()
