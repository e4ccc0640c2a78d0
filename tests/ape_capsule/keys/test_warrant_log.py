"""The warrant log: order, durability, and tampering that shows."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_capsule.errors import WarrantLogCorruptError, WarrantRefusedError
from ape_capsule.keys import warrant_log
from ape_capsule.keys.warrant_log import ChainRef, Kind, Warrant, WarrantLog

CAMPAIGN = bytes([7]) * 32
CHAIN = ChainRef(1337, bytes([3]) * 32, "0x" + "44" * 20)


def warrant(number: int, *, campaign: bytes = CAMPAIGN, kind: Kind = Kind.GRADIENT, root: int = 0) -> Warrant:
    return Warrant(campaign, kind, number, bytes([root or number + 1]) * 32, bytes([number + 100]) * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warrants.log"


def test_what_was_granted_is_read_back(path: Path) -> None:
    log = WarrantLog(path, CHAIN)
    granted = [log.grant(warrant(number), now=1_000 + number) for number in (0, 1, 4)]
    assert list(warrant_log.read(path)) == granted == list(WarrantLog(path, CHAIN).entries)
    assert [entry.warrant.number for entry in granted] == [0, 1, 4]


def test_a_grant_is_on_disk_before_it_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(path.read_bytes()), fsync(handle)))
    WarrantLog(path, CHAIN).grant(warrant(0), now=5)
    assert synced
    assert synced[0] == path.read_bytes()


def test_the_same_warrant_again_adds_no_line(path: Path) -> None:
    first = WarrantLog(path, CHAIN).grant(warrant(3), now=10)
    again = WarrantLog(path, CHAIN)
    assert again.grant(warrant(3), now=99) == first
    assert len(again.entries) == 1


@pytest.mark.parametrize("refused", [warrant(2), warrant(3), warrant(5, root=77)])
def test_out_of_order_or_other_ciphertexts_are_refused(path: Path, refused: Warrant) -> None:
    log = WarrantLog(path, CHAIN)
    for number in (2, 3, 5):
        log.grant(warrant(number), now=1)
    before = path.read_bytes()
    with pytest.raises(WarrantRefusedError, match=f"gradient {refused.number} of Campaign 0x07"):
        log.grant(refused, now=2)
    assert path.read_bytes() == before


def test_campaigns_and_kinds_are_ordered_by_themselves(path: Path) -> None:
    log = WarrantLog(path, CHAIN)
    log.grant(warrant(9), now=1)
    log.grant(warrant(0, campaign=bytes(32)), now=1)
    log.grant(warrant(2, kind=Kind.MODEL), now=1)
    assert len(list(warrant_log.read(path))) == 3


def test_after_a_reorganisation_numbers_may_come_anew(path: Path) -> None:
    log = WarrantLog(path, CHAIN)
    other = warrant(4, campaign=bytes(32))
    log.grant(warrant(4), now=1)
    log.grant(other, now=1)
    assert log.newest(CAMPAIGN, Kind.GRADIENT) == warrant(4)
    log.rewound(CAMPAIGN, block=17, now=2)
    assert log.newest(CAMPAIGN, Kind.GRADIENT) is None
    log = WarrantLog(path, CHAIN)
    log.grant(warrant(4, root=50), now=3)
    with pytest.raises(WarrantRefusedError):
        log.grant(warrant(4), now=4)
    with pytest.raises(WarrantRefusedError):
        log.grant(warrant(3, campaign=bytes(32)), now=4)


def test_a_torn_last_line_is_cut(path: Path) -> None:
    log = WarrantLog(path, CHAIN)
    kept = log.grant(warrant(0), now=1)
    whole = path.read_bytes()
    log.grant(warrant(1), now=2)
    for length in range(len(whole) + 1, len(path.read_bytes())):
        path.write_bytes(path.read_bytes()[:length])
        log = WarrantLog(path, CHAIN)
        assert log.entries == (kept,)
        assert path.read_bytes() == whole
        log.grant(warrant(1), now=2)


def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = WarrantLog(path, CHAIN)
    log.grant(warrant(0), now=1)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.grant(warrant(1), now=2)
    assert path.read_bytes() == before
    log.grant(warrant(1), now=3)
    assert [entry.granted_at for entry in warrant_log.read(path)] == [1, 3]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_change_of_a_byte_shows(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("log") / "warrants.log"
    log = WarrantLog(path, CHAIN)
    for number in range(3):
        log.grant(warrant(number), now=number)
    content = bytearray(path.read_bytes())
    last_line = content.rstrip(b"\n").rfind(b"\n")
    at = data.draw(st.integers(0, last_line))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(WarrantLogCorruptError) as caught:
        WarrantLog(path, CHAIN)
    assert caught.value.line <= 3


@pytest.mark.parametrize("lines", [(0, 2), (1, 2), (1, 0, 2), (0, 0, 1, 2)])
def test_a_line_lost_moved_or_doubled_shows(path: Path, lines: tuple[int, ...]) -> None:
    log = WarrantLog(path, CHAIN)
    for number in range(3):
        log.grant(warrant(number), now=number)
    content = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(content[line] for line in lines))
    with pytest.raises(WarrantLogCorruptError, match="line"):
        list(warrant_log.read(path))


def test_a_last_line_rewritten_as_a_whole_is_another_warrant(path: Path) -> None:
    WarrantLog(path, CHAIN).grant(warrant(0), now=1)
    forged = path.with_name("forged.log")
    WarrantLog(forged, CHAIN).grant(replace(warrant(0), transaction=bytes(32)), now=1)
    assert next(warrant_log.read(forged)).digest != next(warrant_log.read(path)).digest


def test_a_chain_that_started_anew_counts_from_the_beginning_and_its_lines_are_told_apart(path: Path) -> None:
    anew = replace(CHAIN, genesis=bytes([4]) * 32)
    first = WarrantLog(path, CHAIN).grant(warrant(3), now=1)
    log = WarrantLog(path, anew)
    assert log.newest(CAMPAIGN, Kind.GRADIENT) is None
    second = log.grant(warrant(0), now=2)
    assert [entry.chain for entry in warrant_log.read(path)] == [CHAIN, anew]
    assert (first.chain, second.chain) == (CHAIN, anew)
    with pytest.raises(WarrantRefusedError):
        WarrantLog(path, CHAIN).grant(warrant(2), now=3)


def test_a_log_of_before_chains_were_named_goes_on(path: Path) -> None:
    line, entry = warrant_log._line(warrant(3), 1, None, bytes(32))
    path.write_bytes(line)
    log = WarrantLog(path, CHAIN)
    assert log.grant(warrant(3), now=9) == entry, "the newest warrant again"
    with pytest.raises(WarrantRefusedError):
        log.grant(warrant(2), now=9)
    assert log.grant(warrant(4), now=9).chain == CHAIN
    assert [one.chain for one in warrant_log.read(path)] == [None, CHAIN]
