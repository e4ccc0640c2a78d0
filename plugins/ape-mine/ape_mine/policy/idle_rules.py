"""Parts of a policy that can never act: columns that do not exist, consent that is missing or over. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from ape_mine.policy.consent import Consent
from ape_mine.policy.document import Policy, Rule
from sonar_core.base.errors import did_you_mean
from sonar_core.data.table_schema import TableSchema


def idle_parts(policy: Policy, schemas: Mapping[str, TableSchema], today: date) -> Iterator[str]:
    """Reasons why datasets and rules of a policy can never act, one sentence each.

    Args:
        policy: to examine.
        schemas: of its datasets, by name; a missing dataset is not examined.
        today: the current day, UTC.
    """
    for name in policy.datasets:
        consent = policy.consent(name)
        reason = "no consent is on record" if consent is None else consent.objection((), today)
        if reason:
            yield f"dataset {name}: {reason}, so that nothing is trained on it"
        if consent is not None and consent.purposes != "any" and name in schemas:
            yield from _unknown_columns(f"consent of dataset {name}", consent.purposes, schemas[name])
        if not any(rule.dataset == name for rule in policy.allow):
            yield f"dataset {name}: no rule is for it"
    for number, rule in enumerate(policy.allow, start=1):
        if rule.dataset in schemas:
            yield from _unknown_columns(f"rule {number}", rule.output, schemas[rule.dataset])
        yield from _without_consent(number, rule, policy.consent(rule.dataset))


def _unknown_columns(where: str, columns: tuple[str, ...], schema: TableSchema) -> Iterator[str]:
    for column in columns:
        if column not in schema.names:
            yield f"{where}: the dataset has no column {column!r}{did_you_mean(column, schema.names)}"


def _without_consent(number: int, rule: Rule, consent: Consent | None) -> Iterator[str]:
    if consent is None or consent.purposes == "any":
        return
    if not set(rule.output) & set(consent.purposes):
        yield (
            f"rule {number}: consent is given for predicting {' or '.join(consent.purposes)}, "
            f"not {' or '.join(rule.output)}"
        )
