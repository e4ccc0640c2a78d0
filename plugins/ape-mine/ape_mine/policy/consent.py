"""Consent of the data subjects. Pure: without it nothing is trained on a dataset, whatever the rules allow.

A dataset's consent stands in the policy beside it:

    consent: own                                     # the rows are the Miner's own
    consent: {for: [readmitted], until: 2027-12-31}  # given for a purpose and a period
    consent: {for: any, rows: agreed}                # given row by row: rows whose boolean column is true count
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from sonar_core.base.strict_model import Document
from sonar_core.data.table_schema import TableSchema


def _purposes(value: Any) -> Any:
    if value != "any" and (not isinstance(value, list | tuple) or not value):
        raise ValueError("list the columns that may be predicted, or write 'any'")
    return value


class Consent(Document):
    """The data subjects' consent for a dataset.

    Attributes:
        purposes: columns that may be predicted from the rows.
        until: last day, in UTC, on which the rows may be trained on; None for no end.
        rows: the boolean column that is true in rows with consent; None if all rows have it.
    """

    model_config = ConfigDict(populate_by_name=True)

    purposes: Annotated[
        Literal["any"] | tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_purposes),
        Field(alias="for"),
    ]
    until: date | None = None
    rows: Annotated[str, Field(min_length=1)] | None = None

    def objection(self, outputs: Sequence[str], today: date) -> str | None:
        """Reason why it does not cover predicting these outputs today; None if it does."""
        others = [output for output in outputs if self.purposes != "any" and output not in self.purposes]
        if others:
            return f"consent is given for predicting {' or '.join(self.purposes)}, not {others[0]}"
        if self.until is not None and today > self.until:
            return f"consent ended on {self.until}"
        return None

    def schema_objection(self, schema: TableSchema) -> str | None:
        """Reason why it cannot be honoured for a dataset of this schema; None if it can."""
        if self.rows is None:
            return None
        types = {field.name: field.type for field in schema.fields}
        if types.get(self.rows) != "boolean":
            return f"the dataset has no boolean column {self.rows!r} that says which rows have consent"
        return None


def parse_consent(value: Any) -> Any:
    """Expands the short form `own`. Raises ValueError for any other text."""
    if isinstance(value, str) and value != "own":
        raise ValueError(f"{value!r:.60} is no consent: write 'own', or {{for: [...], until: YYYY-MM-DD}}")
    return {"for": "any"} if value == "own" else value
