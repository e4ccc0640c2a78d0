"""Content addresses: 32 bytes to `Qm...` and back, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sonar_core.protocol.content_address import InvalidAddressError, check, from_cid, to_cid

EMPTY_FILE = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"  # Kubo's address of a file of 0 bytes
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58_by_arithmetic(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return text


@given(st.binary(min_size=32, max_size=32))
@example(bytes(32))
@example(b"\xff" * 32)
def test_the_text_form_is_base58_of_the_multihash_and_leads_back(address: bytes) -> None:
    cid = to_cid(address)
    assert cid == base58_by_arithmetic(b"\x12\x20" + address)
    assert from_cid(cid) == address


def test_kubos_empty_file() -> None:
    assert from_cid(EMPTY_FILE).hex() == "bfccda787baba32b59c78450ac3d20b633360b43992c77289f9ed46d843561e6"


@pytest.mark.parametrize(
    "cid",
    [
        "",
        EMPTY_FILE[:-1],
        EMPTY_FILE + "1",
        " " + EMPTY_FILE[:-1],
        EMPTY_FILE[:-1] + "\n",
        EMPTY_FILE[:-1] + "0",  # not a letter of base58
        EMPTY_FILE[:-1] + "é",
        EMPTY_FILE.replace("Qm", "Qz"),  # another multihash
        "Qm" + "z" * 44,  # 34 bytes, but no longer 0x12 0x20
        "bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y",  # CIDv1
        EMPTY_FILE.encode(),
        None,
    ],
)
def test_what_is_no_cid_is_refused(cid: object) -> None:
    with pytest.raises(InvalidAddressError, match="is no content address") as caught:
        from_cid(cid)  # type: ignore[arg-type]
    assert caught.value.value == cid


@given(st.text(alphabet=BASE58, min_size=44, max_size=44))
def test_whatever_is_accepted_has_one_spelling(tail: str) -> None:
    try:
        address = from_cid("Qm" + tail)
    except InvalidAddressError:
        return
    assert to_cid(address) == "Qm" + tail


@pytest.mark.parametrize("address", [b"", bytes(31), bytes(33), "0x" + "00" * 32, bytearray(32), None, 7])
def test_only_32_bytes_are_an_address(address: object) -> None:
    with pytest.raises(InvalidAddressError):
        check(address)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="32 bytes"):
        to_cid(address)  # type: ignore[arg-type]
