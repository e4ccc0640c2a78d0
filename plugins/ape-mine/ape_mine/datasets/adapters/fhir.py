"""FHIR R4 (hl7.org/fhir/R4): Bundles in JSON and bulk exports in NDJSON, one row per measured value.

Values are Observations with a quantity, and components of Observations, such as blood pressure, with the Patient's sex
and age at that time. Names, addresses and identifiers are not stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from ape_mine.datasets.adapters.base import LONGEST_ID, Record, Request, SchemaPublished
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.datasets.adapters.json_lines import json_lines
from ape_mine.datasets.adapters.timestamps import unix_seconds
from ape_mine.errors import SourceError
from syft.bounded_json import parse_json

_MOST_PATIENTS = 5_000_000
_FILES = r"(?i).*\.(json|ndjson|jsonl)"
_SEXES = ("female", "male", "other", "unknown")
#: Status of Observations that were withdrawn.
_VOID = ("cancelled", "entered-in-error")


@dataclass(frozen=True, slots=True)
class _Patient:
    sex: str
    birth: date | None


class Fhir(SchemaPublished):
    """Measured values, with their Observations' ids; an amended Observation replaces the earlier one."""

    name = "fhir"
    summary = "FHIR R4 Bundles (.json) and bulk exports (.ndjson): one row per measured value"
    options: ClassVar[Mapping[str, str]] = {"codes": "only values of these codes, such as LOINC 8480-6,8462-4"}
    published = "observation"

    def records(self, request: Request) -> Iterator[Record]:
        source, row = FileSource(request.location, "FHIR Bundle or NDJSON file"), 0
        wanted = set(filter(None, request.options.get("codes", "").split(",")))
        patients = _patients(source, request.location)
        for _, resource in _resources(source, request.location):
            if isinstance(resource, str):
                row += 1
                yield Record(row, {}, fault=resource)
            elif resource.get("resourceType") == "Observation" and resource.get("status") not in _VOID:
                for identity, part in _parts(resource):
                    if not wanted or _code(part) in wanted:
                        row += 1
                        yield _record(row, identity, part, resource, patients)


def _resources(source: FileSource, location: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """The resources of all files, each with its fullUrl in the Bundle, or a message for a line that is none."""
    for name in source.find(_FILES):
        where = f"{location} {name}".strip()
        if (name or location).lower().endswith(".json"):
            yield from _bundle(source.text(name), where)
        else:
            with source.open(name) as file:
                for number, document in json_lines(file, where):
                    yield "", f"line {number} {document}" if isinstance(document, str) else document


def _bundle(text: str, where: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    try:
        bundle = parse_json(text)
    except ValueError as error:
        raise SourceError(where, f"is not JSON: {error}"[:200]) from None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise SourceError(where, "is not a FHIR Bundle")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise SourceError(where, "its entries are not a list")
    for number, entry in enumerate(entries, start=1):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield str(entry.get("fullUrl", "")), resource
        else:
            yield "", f"entry {number} of the Bundle has no resource"


def _patients(source: FileSource, location: str) -> dict[str, _Patient]:
    """Patients by every form of reference to them."""
    found: dict[str, _Patient] = {}
    for address, resource in _resources(source, location):
        if isinstance(resource, str) or resource.get("resourceType") != "Patient":
            continue
        sex = resource.get("gender")
        patient = _Patient(sex if sex in _SEXES else "unknown", _date(resource.get("birthDate")))
        for key in (address, f"Patient/{resource.get('id')}"):
            if key:
                found[key] = patient
        if len(found) > 2 * _MOST_PATIENTS:
            raise SourceError(location, f"has more than {_MOST_PATIENTS} Patients")
    return found


def _parts(observation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parts with a value, each with its id: the Observation itself, or its components."""
    identity = observation.get("id")
    known = isinstance(identity, str) and 0 < len(identity) < LONGEST_ID // 2
    base = f"Observation/{identity}" if known else ""
    if "valueQuantity" in observation:
        yield base, observation
    components = observation.get("component")
    for component in components if isinstance(components, list) else []:
        if isinstance(component, dict) and "valueQuantity" in component:
            yield base and f"{base}#{_code(component)}"[:LONGEST_ID], component


def _record(
    row: int, identity: str, part: dict[str, Any], observation: dict[str, Any], patients: dict[str, _Patient]
) -> Record:
    quantity, subject = part.get("valueQuantity"), observation.get("subject")
    at = _effective_time(observation)
    if not isinstance(quantity, dict) or at is None:
        return Record(row, {}, fault="has no quantity, or no time")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    patient = patients.get(reference if isinstance(reference, str) else "", _Patient("unknown", None))
    age = (date.fromordinal(719_163 + at // 86_400) - patient.birth).days / 365.25 if patient.birth else 0.0
    cells = {
        "code": _code(part) or None,
        "value": quantity.get("value"),
        "unit": quantity.get("unit") or quantity.get("code") or "1",
        "at": at,
        "sex": patient.sex,
        "age": round(age, 3),
        "has_age": patient.birth is not None,
    }
    return Record(row, cells, identity)


def _code(part: dict[str, Any]) -> str:
    """The first code of an Observation or component."""
    concept = part.get("code")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) else ""


def _effective_time(observation: dict[str, Any]) -> int | None:
    """Unix time of an Observation; for a date without a time, 00:00 UTC."""
    period = observation.get("effectivePeriod")
    text = observation.get("effectiveDateTime") or (period.get("start") if isinstance(period, dict) else None)
    day = _date(text)
    if day is not None:
        return (day.toordinal() - 719_163) * 86_400
    return unix_seconds(text)


def _date(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None
