"""The wire format: an object has one encoding, and all other bytes are rejected without delay."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load, save
from strategies import cases

from syft import wire
from syft.errors import CiphertextInvalidError, KeyInvalidError, SlotOverflowError, SyftError, WireError
from syft.paillier import IntegerTensor, Openings, Packing, PublicContext

quick = settings(deadline=None, max_examples=40)


def named_arrays():
    names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", fullmatch=True)
    dtypes = st.sampled_from([np.dtype(name) for name in ("uint8", "int16", "int32", "int64")])
    array = dtypes.flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)))
    return st.dictionaries(names, array, min_size=1, max_size=5)


@quick
@given(named_arrays())
def test_arrays_there_and_back(named):
    data = wire.dumps_arrays(named)
    found = wire.loads_arrays(data)
    assert found.keys() == named.keys()
    for name, array in found.items():
        assert array.dtype == named[name].dtype
        assert array.shape == named[name].shape
        assert array.tolist() == named[name].tolist()
    # The order of the arrays does not change the encoding.
    assert wire.dumps_arrays(dict(reversed(named.items()))) == data


@quick
@given(cases(512))
def test_tensors_and_openings_there_and_back(private, public, case):
    tensor = public.encrypt(case.tensor, case.packing)
    again = wire.loads_tensor(wire.dumps_tensor(tensor), public)
    for name in ("ciphertexts", "shape", "packing", "exponent", "bound"):
        assert getattr(again, name) == getattr(tensor, name)
    openings = private.open(tensor)
    assert wire.loads_openings(wire.dumps_openings(openings, public), public) == openings


def test_keys_there_and_back(full_size):
    public = PublicContext(full_size.public_key)
    data = wire.dumps_public_key(public)
    assert len(data) < 1024
    again = wire.loads_public_key(data)
    assert (again.n, again.h) == (public.n, public.h)


def test_bytes_follow_the_vectors(vectors):
    recorded = vectors("paillier_512")["wire"]
    data = {kind: bytes.fromhex(text) for kind, text in recorded.items()}
    context = wire.loads_public_key(data["public_key"], least_bits=512)
    assert wire.dumps_public_key(context) == data["public_key"]
    assert wire.dumps_tensor(wire.loads_tensor(data["head"], context)) == data["head"]
    assert wire.dumps_openings(wire.loads_openings(data["openings"], context), context) == data["openings"]
    assert wire.dumps_arrays(wire.loads_arrays(data["arrays"])) == data["arrays"]


def test_other_readers_of_safetensors_understand_it(public):
    tensor = public.encrypt(IntegerTensor(np.array([[1, 2], [3, 4]]), 3, 9), Packing(40, 2))
    found = load(wire.dumps_tensor(tensor))
    assert [bytes(row) for row in found["ciphertexts"]] == tensor.ciphertext_bytes()


# ---------------------------------------------------------------------- hostile input


@pytest.fixture(scope="module")
def good(private, public):
    """One message of each kind, with its decoder."""
    tensor = public.encrypt(IntegerTensor(np.array([[1, -2, 3], [3, 4, 5]]), 3, 9), Packing(40, 2))
    return {
        "key": (wire.dumps_public_key(public), lambda data: wire.loads_public_key(data, least_bits=512)),
        "tensor": (wire.dumps_tensor(tensor), lambda data: wire.loads_tensor(data, public)),
        "openings": (
            wire.dumps_openings(private.open(tensor), public),
            lambda data: wire.loads_openings(data, public),
        ),
        "arrays": (
            wire.dumps_arrays({"a": np.arange(5, dtype=np.int16), "b": np.arange(3)}),
            wire.loads_arrays,
        ),
    }


KINDS = ["key", "tensor", "openings", "arrays"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_passes_for_another_kind(good, kind):
    for other in set(KINDS) - {kind}:
        with pytest.raises(WireError, match="not of kind"):
            good[kind][1](good[other][0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_and_extension(good, kind):
    data, read = good[kind]
    for length in range(len(data)):
        with pytest.raises(WireError):
            read(data[:length])
    for more in (b"\0", b" ", data):
        with pytest.raises(WireError):
            read(data + more)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_changed_bytes_are_refused_or_mean_another_object(good, kind, data):
    message, read = good[kind]
    index = data.draw(st.integers(0, len(message) - 1))
    changed = bytearray(message)
    changed[index] = data.draw(st.integers(0, 255).filter(lambda byte: byte != message[index]))
    try:
        found = read(bytes(changed))
    except SyftError:
        return
    assert dump(kind, found, read) == bytes(changed)


def dump(kind, found, read):
    if kind == "openings":
        (context,) = (cell.cell_contents for cell in read.__closure__)
        return wire.dumps_openings(found, context)
    return {"key": wire.dumps_public_key, "tensor": wire.dumps_tensor, "arrays": wire.dumps_arrays}[kind](found)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_noise(good, noise, length):
    for data in (noise, length.to_bytes(8, "little") + noise):
        for _, read in good.values():
            with pytest.raises(WireError):
                read(data)


def header_of(data):
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def with_header(data, header):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + int.from_bytes(data[:8], "little") :]


def with_facts(data, **changes):
    header = header_of(data)
    facts = {**json.loads(header["__metadata__"]["syft"]), **changes}
    header["__metadata__"]["syft"] = json.dumps(
        {key: value for key, value in facts.items() if value is not ...}, sort_keys=True, separators=(",", ":")
    )
    return with_header(data, header)


def test_the_headers_below_are_made_as_ours(good):
    for data, _ in good.values():
        assert with_facts(data) == data


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "encrypted-tensor/2"},
        {"kind": ["encrypted-tensor/1"]},
        {"kind": ...},
        {"more": 1},
        {"exponent": ...},
        {"exponent": -1},
        {"exponent": 10**30},
        {"exponent": 3.0},
        {"exponent": True},
        {"exponent": "3"},
        {"shape": [2, 3, 1]},
        {"shape": [3, 2]},
        {"shape": [2, 1 << 40]},
        {"shape": [0, 3]},
        {"shape": [-2, -3]},
        {"shape": "23"},
        {"shape": {"0": 2}},
        {"slots": 0},
        {"slots": 3},
        {"slots": 1 << 50},
        {"slot_bits": 1},
        {"slot_bits": 1 << 50},
        {"bound": 9},
        {"bound": "9"},
        {"bound": "0x09"},
        {"bound": "0xG"},
        {"bound": "-0x9"},
        {"bound": "0x" + "f" * 5000},
    ],
    ids=str,
)
def test_facts_of_a_tensor_that_are_refused(good, changes):
    data, read = good["tensor"]
    with pytest.raises(WireError):
        read(with_facts(data, **changes))


def test_a_bound_that_does_not_fit_its_slots(good):
    data, read = good["tensor"]
    with pytest.raises(SlotOverflowError):
        read(with_facts(data, bound=hex(1 << 39)))


@pytest.mark.parametrize("kind", KINDS)
def test_headers_that_are_refused(good, kind):
    data, read = good[kind]
    header = header_of(data)
    first = next(name for name in header if name != "__metadata__")
    text = json.dumps(header, separators=(",", ":")).encode()
    facts = header["__metadata__"]["syft"]
    for wrong in (
        text.replace(b",", b", "),
        text + b"\n",
        text.replace(b'{"', b'{"x":1,"', 1),
        text[:-1] + b"," + json.dumps({first: header[first]}).encode()[1:],
        text.replace(b'"__metadata__":{', b'"__metadata__":{"other":"x",'),
        json.dumps({name: header[name] for name in header if name != "__metadata__"}).encode(),
        json.dumps({"__metadata__": header["__metadata__"]}).encode(),
        json.dumps({**header, "__metadata__": {"syft": f" {facts}"}}).encode(),
        json.dumps({**header, "__metadata__": {"syft": facts[:-1] + ',"kind":"x"}'}}).encode(),
        json.dumps({**header, "__metadata__": {"syft": "[" * 30_000}}).encode(),
        json.dumps({**header, "__metadata__": {"syft": "9" * 30_000}}).encode(),
        json.dumps({**header, "__metadata__": "x"}).encode(),
        *(
            json.dumps({**header, first: {**header[first], "dtype": dtype}}).encode()
            for dtype in ("F64", "BF16", "F8_E4M3", "BOOL", "C64", "U16", "?", "", None, 8, ["U8"])
        ),
        json.dumps({**header, first: None}).encode(),
        json.dumps({**header, first: {**header[first], "shape": [1 << 62, 1 << 62]}}).encode(),
        json.dumps({**header, first: {**header[first], "shape": [-1, -1]}}).encode(),
        json.dumps({**header, first: {**header[first], "data_offsets": [0, 1 << 62]}}).encode(),
        json.dumps({**header, first: {**header[first], "data_offsets": [5, 1]}}).encode(),
        json.dumps({**header, "../../etc/passwd": header[first]}).encode(),
        json.dumps({**header, **{f"x{i}": header[first] for i in range(100)}}).encode(),
        b"[" * 60_000,
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"__metadata__":NaN}',
    ):
        with pytest.raises(WireError):
            read(with_header(data, wrong))


def test_lengths_are_checked_before_memory_is_asked_for(good):
    for data, read in good.values():
        tracemalloc.start()
        for length in (len(data), wire.LARGEST_HEADER + 1, 1 << 40, (1 << 64) - 1):
            with pytest.raises(WireError, match="header is longer"):
                read(length.to_bytes(8, "little") + data[8:])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20


def test_a_header_beyond_its_limit(good):
    for data, read in (good[kind] for kind in KINDS if kind != "key"):
        with pytest.raises(WireError, match="header is longer"):
            read(with_header(data, json.dumps(header_of(data)).encode() + b" " * wire.LARGEST_HEADER))


def test_limits_are_the_callers(good):
    data, _ = good["arrays"]
    wire.loads_arrays(data, limit=len(data))
    with pytest.raises(WireError, match="allowed"):
        wire.loads_arrays(data, limit=len(data) - 1)


def test_ciphertexts_that_are_none(good, public):
    data, read = good["tensor"]
    n, n2 = int(public.n), int(public.nsquare)
    for number in (0, n, n2, n2 + 1, (1 << 1024) - 1, 5 * n):
        with pytest.raises(CiphertextInvalidError):
            read(data[:-128] + number.to_bytes(128, "big"))


def test_keys_that_are_none(good, public):
    data, read = good["key"]
    n = int(public.n)
    for number, part in [(0, "h"), (1, "h"), (n - 1, "h"), (n, "h"), (n - 1, "n"), (3, "n")]:
        arrays = {**load(data), part: np.frombuffer(number.to_bytes(64, "big"), dtype=np.uint8).reshape(1, 64)}
        with pytest.raises(KeyInvalidError):
            read(save(arrays, metadata=header_of(data)["__metadata__"]))
    with pytest.raises(KeyInvalidError, match="2048"):
        wire.loads_public_key(data)


def test_a_tensor_under_another_width_of_key(good, full_size):
    with pytest.raises(WireError, match="width"):
        wire.loads_tensor(good["tensor"][0], full_size)
    with pytest.raises(WireError, match="width"):
        wire.loads_openings(good["openings"][0], full_size)


def test_openings_out_of_range(good, public):
    _, read = good["openings"]
    n = int(public.n)
    data = wire.dumps_openings(Openings([1], [2]), public)
    assert read(data) == Openings([1], [2])
    with pytest.raises(WireError, match="out of range"):
        read(data.replace((1).to_bytes(64, "big"), n.to_bytes(64, "big")))


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"a": np.zeros(2)},
        {"a": np.zeros(2, dtype=np.uint16)},
        {"a": np.zeros(2, dtype=object)},
        {"a": np.zeros(2, dtype=bool)},
        {"": np.zeros(2, dtype=np.int8).astype(np.int16)},
        {"a b": np.zeros(2, dtype=np.int16)},
        {"__metadata__": np.zeros(2, dtype=np.int16)},
        {"a": np.zeros((1,) * 5, dtype=np.int16)},
        {f"a{i}": np.zeros(1, dtype=np.int16) for i in range(65)},
    ],
    ids=lambda named: str(list(named)[:2]),
)
def test_arrays_that_are_not_encoded(named):
    with pytest.raises(WireError):
        wire.dumps_arrays(named)


def test_byte_order_and_layout_of_memory_do_not_matter():
    array = np.arange(6, dtype=np.int64).reshape(2, 3)
    expected = wire.dumps_arrays({"a": array})
    for other in (array.astype(">i8"), np.asfortranarray(array), array[::-1][::-1]):
        assert wire.dumps_arrays({"a": other}) == expected
