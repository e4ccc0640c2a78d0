"""Drafts: requests for Campaigns, on disk before any transaction, so that `create` is idempotent.

One folder per draft, named by the Campaign's id, which is known beforehand:

    draft.json          digest of the request, account, nonce and terms
    spec.json           the Campaign spec
    validation.pgp      the validation set as it is published, sealed to the Capsule
    own-validation.pgp  the same set, sealed to the Data Scientist, to check the delivery
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError, SonarError
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.protocol.envelope import Hex20, Hex32
from sonar_core.protocol.structs import Terms

_INCOMING = ".incoming-"
_LARGEST_DOCUMENT = 1 << 16
_Whole = Annotated[str, Field(pattern=r"^[0-9]{1,78}$")]


class DraftError(SonarError):
    """A draft that is damaged, or that this home does not have."""


class _Document(StrictModel):
    format: Literal["sonar-draft/1"]
    request: Hex32
    nonce: _Whole
    chain: _Whole
    contract: Hex20
    scientist: Hex20
    created: bool
    terms: dict[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that a repeated `create` needs to send the same transaction.

    Attributes:
        request: digest of the request, 32 bytes; a repetition has the same (`request_digest`).
        nonce: of the Campaign.
        chain_id, contract, scientist: chain, Sonar contract and account; addresses in lower case.
        campaign: id of the Campaign, 32 bytes.
        terms: of the Campaign.
        created: True if the Campaign was seen on chain.
    """

    request: bytes
    nonce: int
    chain_id: int
    contract: str
    scientist: str
    campaign: bytes
    terms: Terms
    created: bool = False

    def to_bytes(self) -> bytes:
        """The canonical document of the draft."""
        document = _Document(
            format="sonar-draft/1",
            request="0x" + self.request.hex(),
            nonce=str(self.nonce),
            chain=str(self.chain_id),
            contract=self.contract,
            scientist=self.scientist,
            created=self.created,
            terms={field.name: _to_text(getattr(self.terms, field.name)) for field in fields(Terms)},
        )
        return to_canonical(document.model_dump())


class DraftBook:
    """The drafts of a home.

    Args:
        folder: made when the first draft is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, draft: Draft, *, spec: bytes, validation: bytes, own_validation: bytes) -> None:
        """Writes a draft: all of its files or none.

        Raises:
            OSError: the home cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._folder))
        try:
            parts = {"spec.json": spec, "validation.pgp": validation, "own-validation.pgp": own_validation}
            for name, data in {**parts, "draft.json": draft.to_bytes()}.items():
                write_atomically(incoming / name, data, mode=0o600)
            incoming.rename(self._path(draft.campaign))
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def mark_created(self, draft: Draft) -> None:
        """Notes that the Campaign is on chain."""
        done = replace(draft, created=True)
        write_atomically(self._path(draft.campaign) / "draft.json", done.to_bytes(), mode=0o600)

    def __iter__(self) -> Iterator[Draft]:
        """All drafts of the home, in the order of their ids.

        Raises:
            DraftError: one of them is damaged; says which file.
        """
        for path in sorted(self._folder.glob("0x*/draft.json")):
            yield _read(path)

    def part(self, campaign: bytes, name: str) -> bytes:
        """One of the files of a draft.

        Raises:
            DraftError: the home has none for this Campaign.
        """
        path = self._path(campaign) / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise DraftError(
                f"{path} is missing: Campaign 0x{campaign.hex()} was created from another home; use that one"
            ) from None

    def _path(self, campaign: bytes) -> Path:
        return self._folder / f"0x{campaign.hex()}"


def _read(path: Path) -> Draft:
    try:
        document = _Document.model_validate(from_canonical("draft", path.read_bytes(), limit=_LARGEST_DOCUMENT))
        terms = Terms(**{field.name: _from_text(document.terms[field.name], field.type) for field in fields(Terms)})
        campaign = bytes.fromhex(path.parent.name[2:])
    except ValidationError as error:
        raise DraftError(f"{path} is damaged: {explain(error)}") from None
    except (FormatError, KeyError, ValueError) as error:
        raise DraftError(f"{path} is damaged: {error}") from None
    return Draft(
        request=bytes.fromhex(document.request[2:]),
        nonce=int(document.nonce),
        chain_id=int(document.chain),
        contract=document.contract,
        scientist=document.scientist,
        campaign=campaign,
        terms=terms,
        created=document.created,
    )


def _to_text(value: int | str | bytes) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _from_text(text: str, kind: Any) -> Any:
    if kind in (int, "int"):
        return int(text)
    return bytes.fromhex(text[2:]) if kind in (bytes, "bytes") else text
