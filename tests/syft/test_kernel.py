"""Rings compared with Python's integers, and with each other: all kernels give equal results."""

import ctypes.util
import os
import platform
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_oracle import check_all, check_chains, check_conversion, check_powers, check_products, edges, extreme_bases

import syft
from syft.errors import KernelUnavailableError
from syft.kernel import kernel_name, ring
from syft.kernel._gmpy_ring import GmpyRing
from syft.kernel._shared_library import PATHS, Library, installed
from syft.kernel._simd_ring import MOST_BITS, SimdRing
from syft.nn import FixedPoint
from syft.nn.gradients import apply_delta
from syft.paillier import EncryptedTensor, IntegerTensor, Packing, PrivateContext, PublicContext, verify_openings

ROOT = Path(syft.__file__).parents[1]
COMPILE = ROOT / "scripts" / "_toolchain" / "kernel.sh"
KEY_SIZES = (2048, 3072, 4096)

needs_compiler = pytest.mark.skipif(
    not shutil.which("cc") or platform.machine() != "x86_64", reason="a C compiler for x86-64 is needed"
)


def there(name):
    return name == "gmpy2" or (installed() is not None and installed().has(name))


kernels = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(not there(name), reason=f"no {name} here"))
        for name in ("gmpy2", *PATHS)
    ],
)


def ring_of(name, base, halves, threads=1):
    return GmpyRing(base, halves, threads) if name == "gmpy2" else SimdRing(installed(), name, base, halves, threads)


@needs_compiler
def test_the_kernel_is_there_where_it_can_be_compiled():
    assert installed() is not None


@kernels
@pytest.mark.parametrize("bits", [3, 52, 127, 512, 1024])
def test_every_operation_at_the_edges(name, bits):
    for halves in (1, 2):
        for base in extreme_bases(bits):
            check_all(ring_of(name, base, halves), edges(base, halves), bits)


@kernels
@pytest.mark.parametrize("bits", KEY_SIZES)
def test_keys_of_full_size_at_the_edges(name, bits):
    for base in extreme_bases(bits):
        whole, numbers = ring_of(name, base, 2), edges(base, 2)
        check_conversion(whole, numbers)
        check_products(whole, numbers, numbers[1:] + numbers[:1])
        check_powers(whole, numbers, 3, 0b1_0000_1111)
    check_chains(whole, numbers, bits)


@kernels
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_numbers_of_every_kind(name, data):
    bits, halves = data.draw(st.integers(2, 700)), data.draw(st.integers(1, 2))
    base = (1 << bits) | data.draw(st.integers(0, (1 << bits) - 1)) | 1
    numbers = st.one_of(st.sampled_from(edges(base, halves)), st.integers(0, base**halves - 1))
    xs = data.draw(st.lists(numbers, min_size=1, max_size=20))
    check_all(ring_of(name, base, halves), xs, data.draw(st.integers(0, 1 << 70)))


@kernels
def test_numbers_that_are_not_reduced_yet(name):
    whole = ring_of(name, 1_000_003, 2)
    check_conversion(whole, [-1, 1_000_003**2, 1 << 4000, -(1 << 90)])


@kernels
def test_no_numbers_at_all(name):
    whole = ring_of(name, 1_000_003, 2)
    assert whole.unload(whole.load([])) == []


class Seeded:
    """A replacement of `secrets`: equal numbers for every kernel and prime, in any order of threads."""

    def __init__(self):
        generators = defaultdict(lambda: random.Random(0))
        self.randbits = lambda bits: generators[bits].getrandbits(bits)
        self.randbelow = lambda most: generators[most].randrange(most)


def a_round(monkeypatch, name, threads, key, values, matrix):
    """All ciphertexts, plaintexts and roots of a Campaign, from fixed randomness."""
    seeded = Seeded()
    for context in ("private_context", "public_context"):
        monkeypatch.setattr(
            f"syft.paillier.{context}.ring", lambda base, halves, _: ring_of(name, base, halves, threads)
        )
        monkeypatch.setattr(f"syft.paillier.{context}.secrets", seeded)
    private = PrivateContext(key, threads=threads)
    public = PublicContext(key.public_key, threads=threads)
    fixed_point, packing = FixedPoint(weight_exponent=4, weight_bound=1 << 10), Packing(100, 4)
    head = private.encrypt(IntegerTensor(values, 4, 1 << 14), packing)
    head = EncryptedTensor(public, head.ciphertexts, head.shape, packing, 4, head.bound)
    delta = head.affine(matrix, IntegerTensor(values, 4, 1 << 14))
    following = apply_delta(head, -delta, 3, fixed_point)
    mine = EncryptedTensor(private, following.ciphertexts, following.shape, packing, following.exponent, 1 << 60)
    openings = private.open(mine)
    verify_openings(mine, openings)
    assert [key.raw_decrypt(int(c)) for c in delta.ciphertexts[:2]] == [
        m % int(private.n) for m in private.raw_decrypt(delta.ciphertexts[:2])
    ]
    return head.ciphertexts, delta.ciphertexts, following.ciphertexts, openings.plaintexts, openings.roots


def test_a_round_gives_equal_ciphertexts_whatever_computes_it(monkeypatch, private):
    generator = np.random.default_rng(0)
    values = generator.integers(-1000, 1000, (40, 6))
    matrix = generator.integers(-9, 10, (40, 40)) - 300 * np.eye(40, dtype=np.int64)
    expected = a_round(monkeypatch, "gmpy2", 1, private.private_key, values, matrix)
    delta = matrix.astype(object) @ values.astype(object) + values
    exact = 4 * values.astype(object) - 3 * delta
    packing = Packing(100, 4)
    assert expected[3] == [plaintext for row in exact.tolist() for plaintext in packing.pack_row(row)]
    others = [(name, threads) for name in ("gmpy2", *PATHS) if there(name) for threads in (1, 3)]
    for name, threads in others:
        assert a_round(monkeypatch, name, threads, private.private_key, values, matrix) == expected, (name, threads)


@pytest.mark.parametrize("bits", KEY_SIZES)
def test_kernels_agree_on_keys_of_full_size(monkeypatch, full_size_keys, bits):
    key = full_size_keys(bits)
    values, matrix = np.arange(6).reshape(3, 2), np.array([[2, -1, 0], [0, 3, 1], [-4, 0, 1]])
    results = [a_round(monkeypatch, name, 2, key, values, matrix) for name in ("gmpy2", *PATHS) if there(name)]
    assert all(result == results[0] for result in results)


def test_the_environment_chooses(monkeypatch):
    choices = {"off": "gmpy2"} | {path: path for path in PATHS if there(path)}
    for wanted, name in choices.items():
        monkeypatch.setenv("SYFT_KERNEL", wanted)
        kernel_name.cache_clear()
        assert kernel_name() == name
        assert ring(1_000_003, 2).name == name
    monkeypatch.setenv("SYFT_KERNEL", "abacus")
    kernel_name.cache_clear()
    with pytest.raises(KernelUnavailableError, match="abacus") as caught:
        ring(1_000_003, 2)
    assert caught.value.wanted == "abacus"
    monkeypatch.delenv("SYFT_KERNEL")
    kernel_name.cache_clear()
    assert kernel_name() == next(name for name in (*PATHS, "gmpy2") if there(name))
    assert ring((1 << MOST_BITS) + 1, 1).name == "gmpy2"


def test_what_is_no_kernel_is_not_taken_for_one(tmp_path):
    with pytest.raises(OSError, match=r"No such file|cannot open"):
        Library(tmp_path / "kernel.so")
    with pytest.raises(OSError, match="other sources"):
        Library(Path(ctypes.util.find_library("c")))


@pytest.mark.parametrize("name", [name for name in PATHS if there(name)])
def test_the_kernel_gets_no_address_outside_of_a_pool(name):
    whole = ring_of(name, 1_000_003, 2)
    pool = whole.load([1, 2, 3])
    inside = np.array([0, 1, 2], dtype=np.int64)
    for outside in ([0, 1, 3], [0, -1, 2]):
        with pytest.raises(IndexError, match="pool of 3 rows"):
            whole.multiply(pool, None, pool, inside, pool, np.array(outside, dtype=np.int64))
        with pytest.raises(IndexError, match="pool of 3 rows"):
            whole.chain(pool, pool, np.array([outside], dtype=np.int64))
    with pytest.raises(ValueError, match="different lengths"):
        whole.multiply(pool, None, pool, inside[:2], pool, None)
    with pytest.raises(ValueError, match="not a pool"):
        whole.square(pool[:, :-1], 1)
    with pytest.raises(ValueError, match="not a pool"):
        whole.square(pool[::2], 1)
    with pytest.raises(ValueError, match="int64"):
        whole.multiply(pool, None, pool, inside.astype(np.int32), pool, None)
    with pytest.raises(ValueError, match="for 3 numbers"):
        whole.chain(pool, pool, inside[None, :2])
    with pytest.raises(ValueError, match="table of 7 rows"):
        whole.subsets(whole.ones(7), pool, 2)
    table = whole.secret_table(whole.ones(1 << whole.window_bits))
    for keys in (np.zeros((2, 3), dtype=np.uint8), np.zeros((1, 2), dtype=np.uint8)):
        with pytest.raises(ValueError, match="keys"):
            whole.chain_secret(pool, table, keys)
    with pytest.raises(ValueError, match="bits"):
        whole.chain_secret(pool, table, np.full((1, 3), 1 << whole.window_bits, dtype=np.uint8))
    assert whole.unload(pool) == [1, 2, 3]


@needs_compiler
@pytest.mark.skipif(os.name != "posix" or sys.platform != "linux", reason="libasan is preloaded")
def test_sanitisers_find_nothing(tmp_path):
    """AddressSanitizer also checks the pools, since numpy allocates them by its malloc."""
    runtime = [
        subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    if not all(Path(path).is_absolute() for path in runtime):
        pytest.skip("this compiler has no sanitisers")
    library = tmp_path / "sanitised.so"
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1", "-O1"]
    subprocess.run([COMPILE, library, *checks], check=True)
    environment = {**os.environ, "LD_PRELOAD": ":".join(runtime), "ASAN_OPTIONS": "detect_leaks=0"}
    environment |= {"PYTHONMALLOC": "malloc", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("kernel_oracle.py"), library],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "rings agree" in done.stdout


@needs_compiler
def test_neither_branches_nor_addresses_depend_on_secrets(tmp_path):
    """Traces are equal for all exponents of `power` and keys of `chain_secret`; they depend on the keys of `chain`."""
    instrumented, program = tmp_path / "kernel.o", tmp_path / "trace"
    source = ROOT / "syft" / "kernel" / "source" / "kernel.c"
    tracing = ["-fsanitize=thread", "-fsanitize-coverage=trace-pc"]
    subprocess.run(["cc", "-std=gnu11", "-O3", *tracing, "-c", "-o", instrumented, source], check=True)
    driver = Path(__file__).with_name("kernel_trace.c")
    subprocess.run(["cc", "-std=gnu11", "-O1", "-o", program, driver, instrumented], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert all(f"{path} power: 0 of" in done.stdout for path in PATHS if there(path))
