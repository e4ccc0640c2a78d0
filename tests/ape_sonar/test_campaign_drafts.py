from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_sonar.campaign_drafts import Draft, DraftBook, DraftError
from sonar_core.protocol.structs import Terms

WORD = st.binary(min_size=32, max_size=32)
ADDRESS = "0x" + "11" * 20
TERMS = Terms(
    *(ADDRESS, "0x" + "0" * 40, ADDRESS),
    *range(1, 17),
    1,
    *(b"s" * 32, b"v" * 32, b"r" * 32, bytes(32)),
)
DRAFT = Draft(b"q" * 32, 2**256 - 1, 1337, ADDRESS, ADDRESS, b"c" * 32, TERMS)


def add(book: DraftBook, draft: Draft = DRAFT) -> None:
    book.add(draft, spec=b"spec", validation=b"sealed", own_validation=b"own")


@settings(deadline=None)
@given(WORD, WORD, st.integers(0, 2**256 - 1), st.integers(0, 2**128 - 1))
def test_round_trip(request_digest: bytes, campaign: bytes, nonce: int, bounty: int) -> None:
    terms = replace(TERMS, bounty=bounty, spec=campaign)
    draft = replace(DRAFT, request=request_digest, campaign=campaign, nonce=nonce, terms=terms)
    with TemporaryDirectory() as folder:
        book = DraftBook(Path(folder))
        add(book, draft)
        assert list(book) == [draft]
        assert book.part(campaign, "own-validation.pgp") == b"own"
        book.mark_created(draft)
        assert list(book) == [replace(draft, created=True)]


def test_a_draft_is_there_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = DraftBook(tmp_path / "drafts")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            add(book)
    assert list(book) == []
    assert list((tmp_path / "drafts").iterdir()) == []
    add(book)
    assert list(book) == [DRAFT]


def test_nobody_else_can_read_a_draft(tmp_path: Path) -> None:
    add(DraftBook(tmp_path / "drafts"))
    files = [path for path in (tmp_path / "drafts").rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


@pytest.mark.parametrize(
    "change",
    [
        {"format": "sonar-draft/2"},
        {"nonce": "-1"},
        {"nonce": 1},
        {"request": "0x"},
        {"terms": {}},
        {"terms": {"bounty": "all"}},
        {"created": "yes"},
        {"more": 1},
    ],
)
def test_a_damaged_draft_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    book = DraftBook(tmp_path)
    add(book)
    path = tmp_path / f"0x{DRAFT.campaign.hex()}" / "draft.json"
    whole = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps(whole, sort_keys=True, separators=(",", ":")))
    with pytest.raises(DraftError, match=r"draft\.json is damaged"):
        list(book)


def test_a_draft_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(DraftError, match="another home"):
        DraftBook(tmp_path).part(b"x" * 32, "spec.json")
