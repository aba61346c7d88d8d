"""Every kernel writes the contract's bits: Philox's words, golden vectors, any size, offset, dtype, FP environment."""

import ctypes
import math
import platform
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import golden
import ml_dtypes
import numpy as np
import pytest
import reference
from conftest import FILLS, FLOATS, GLIBC, KERNELS, ROUNDING_MODES, same, sets_rounding
from golden import LAST, Fill, at_words
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats

import fastinit
from fastinit import _core

# ---- Words -----------------------------------------------------------------------------------------------------------


def read_known_answers():
    for line in (Path(__file__).parent / "philox_kat.txt").read_text().splitlines():
        if not line.startswith("#"):
            numbers = [int(word, 16) for word in line.split()]
            yield numbers[:4], numbers[4:6], numbers[6:]


KNOWN_ANSWERS = list(read_known_answers())


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_reference_gives_random123s_known_answers(counter, key, words):
    assert [int(w) for w in reference.philox(counter, key)] == words


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_kernels_give_random123s_known_answers(kernels, counter, key, words):
    assert list(_core.philox_block(kernels, counter, key)) == words


def test_seed_is_the_key_and_block_and_stream_are_the_counter(kernels):
    seed, stream, block = 0x299F31D0_A4093822, 0x03707344_13198A2E, 0x05A308D3_243F6A88
    out = _core.fill_range(kernels, "bits", np.empty(4, np.uint32), 4 * block, seed, stream)
    counter = (block % 2**32, block >> 32, stream % 2**32, stream >> 32)
    assert tuple(out) == _core.philox_block(kernels, counter, (seed % 2**32, seed >> 32))


def test_long_words_are_pairs_of_words_low_one_first():
    g = fastinit.Generator(7)
    words = g.bits(np.empty(10, np.uint32), stream=1).astype(np.uint64)
    assert np.array_equal(g.bits(np.empty(5, np.uint64), stream=1), words[::2] | words[1::2] << 32)


# ---- Golden vectors --------------------------------------------------------------------------------------------------


VECTORS = golden.read()


def name_of(vector):
    fill = vector.fill
    return f"{fill.draw}-{fill.dtype}-{golden.as_shape(fill.shape)}"


def by_reference(fill):
    """The contract's values, row by row."""
    if fill.draw == "complex_normal":
        parts = golden.before(fill)
        write_by_reference(golden.as_complex(fill), golden.complex_view(parts))
        return parts
    return write_by_reference(fill, golden.before(fill))


def write_by_reference(fill, out):
    axes = len(fill.shape)
    whole, offset = fill.global_shape or fill.shape, fill.offset or (0,) * axes
    steps = [math.prod(whole[axis + 1 :]) for axis in range(axes)]
    for row in np.ndindex(fill.shape[:-1]):
        place = (*row, 0)[:axes]
        first = sum((start + index) * step for start, index, step in zip(offset, place, steps, strict=True))
        values = np.atleast_1d(out[row])
        where = first, fill.seed, fill.stream, *(fill.parameters or (0.0, 1.0)), fill.accumulate, fill.bounds
        out[row] = reference.fill(fill.draw, values, *where).reshape(np.shape(out[row]))
    return out


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_kernels_write_the_golden_vectors(kernels, vector):
    assert golden.vector(vector.fill, golden.written(kernels, vector.fill)) == vector


# The reference's float64 knows no underflow.
@pytest.mark.parametrize("vector", [v for v in VECTORS if 1e-310 not in v.fill.parameters], ids=name_of)
def test_the_reference_computes_the_golden_vectors(vector):
    assert golden.vector(vector.fill, by_reference(vector.fill)) == vector


def test_the_file_is_what_its_program_writes():
    assert golden.FILE.read_text(encoding="ascii") == golden.text()


# ---- Any fill --------------------------------------------------------------------------------------------------------


SEED, STREAM = 0x0123456789ABCDEF, 2**63 + 0x1122334455667788


def old_content(dtype, count):
    return np.linspace(-2, 2, count).astype(dtype)


def written(kernels, fill, out, first, accumulate=False):
    return _core.fill_range(kernels, fill.draw, out, first, SEED, STREAM, -0.25, 0.5, accumulate, fill.bounds)


def expected(fill, out, first, accumulate=False):
    return reference.fill(fill.draw, out, first, SEED, STREAM, -0.25, 0.5, accumulate, fill.bounds)


def test_every_size_from_nothing_to_past_the_unrolled_loops(kernels, fill):
    whole = expected(fill, np.empty(700, fill.dtype), 0)
    for size in range(700):
        out = np.zeros(size + 8, fill.dtype)
        written(kernels, fill, out[:size], 0)
        assert same(out[:size], whole[:size])
        assert not out[size:].any(), "wrote past the end"


def test_every_start_inside_blocks_pairs_and_groups(kernels, fill):
    whole = expected(fill, np.empty(400, fill.dtype), 0)
    for first in range(130):
        for size in (1, 2, 3, 5, 64, 67, 270):
            out = written(kernels, fill, np.empty(size, fill.dtype), first)
            assert same(out, whole[first : first + size])


def test_large_fill_that_releases_the_gil_and_spans_chunks(fill):
    size = 3 * (1 << 16) + 12_345
    whole = expected(fill, np.empty(size, fill.dtype), 3)
    for kernels in KERNELS:
        assert same(written(kernels, fill, np.empty(size, fill.dtype), 3), whole), kernels


@pytest.mark.parametrize("before", [0, 1, 3, 100, 517])
@pytest.mark.parametrize("blocks", [2**32, 2**40, 7 * 2**32])
def test_range_across_a_change_of_the_blocks_high_word(kernels, fill, blocks, before):
    first = blocks * (2 if fill.dtype in (np.float64, np.uint64) else 4) - before
    out = written(kernels, fill, np.empty(600, fill.dtype), first)
    assert same(out, expected(fill, np.empty(600, fill.dtype), first))


@pytest.mark.parametrize("size", [0, 1, 15, 64, 2047, 2048, 4091, 4096, 4097, 9000])
@pytest.mark.parametrize("fill", FILLS[2:], ids=str)
def test_accumulate_is_one_rounded_addition(kernels, fill, size):
    padded = old_content(fill.dtype, size + 8)
    sums = expected(fill, padded[:size], 5, accumulate=True)
    untouched = padded[size:].copy()
    written(kernels, fill, padded[:size], 5, accumulate=True)
    assert same(padded[:size], sums)
    assert same(padded[size:], untouched)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ml_dtypes.bfloat16], ids=str)
def test_accumulate_keeps_nan_and_infinity(kernels, dtype):
    out = np.array([np.nan, np.inf, -np.inf, -np.nan, 1.0], dtype)
    _core.fill_range(kernels, "normal", out, 0, SEED, STREAM, 0.0, 1.0, accumulate=True)
    values = out.astype(np.float64)
    assert np.isnan(values[[0, 3]]).all()
    every_nan = np.full(64, -1, f"i{out.itemsize}").view(dtype)  # all bits set: what a rounding could carry out of
    assert np.isnan(_core.fill_range(kernels, "normal", every_nan, 0, SEED, STREAM, accumulate=True)).all()
    assert values[1] == np.inf
    assert values[2] == -np.inf
    assert np.isfinite(values[4])


@settings(max_examples=200)
@given(
    fill=st.sampled_from(FILLS),
    kernels=st.sampled_from(KERNELS),
    seed=st.integers(0, 2**64 - 1),
    stream=st.integers(0, 2**64 - 1),
    first=st.one_of(st.integers(0, 5000), st.integers(0, 2**63 - 5000)),
    size=st.integers(0, 2500),
)
@example(fill=FILLS[2], kernels=KERNELS[0], seed=2**64 - 1, stream=2**64 - 1, first=2**34 - 1, size=7)
def test_any_range_of_any_stream(fill, kernels, seed, stream, first, size):
    where = first, seed, stream, 0.0, 1.0, False, fill.bounds
    out = _core.fill_range(kernels, fill.draw, np.empty(size, fill.dtype), *where)
    assert same(out, reference.fill(fill.draw, np.empty(size, fill.dtype), *where))


finite = st.floats(-1e6, 1e6)


@settings(max_examples=200)
@given(
    draw=st.sampled_from(["uniform", "normal"]),
    dtype=st.sampled_from(FLOATS),
    a=st.one_of(finite, st.floats(-1e-30, 1e-30)),
    width=st.one_of(st.floats(0, 1e6), st.floats(0, 1e-30)),
    accumulate=st.booleans(),
)
@example(draw="uniform", dtype=np.dtype("f4"), a=1.0, width=2.0**-24, accumulate=False)
@example(draw="uniform", dtype=np.dtype("f4"), a=0.0, width=2.0**-149, accumulate=False)
@example(draw="normal", dtype=np.dtype("f4"), a=0.0, width=1e-45, accumulate=False)
def test_any_scale_in_every_kernel(draw, dtype, a, width, accumulate):
    if dtype == np.float16:
        a, width = a / 1000, width / 1000
    b = a + width if draw == "uniform" else width
    results = []
    for kernels in KERNELS:
        out = old_content(dtype, 333)
        results.append(_core.fill_range(kernels, draw, out, 1, SEED, STREAM, a, b, accumulate))
    assert all(same(result, results[0]) for result in results)
    # The reference's float64 fma knows neither underflow nor the sign of a zero.
    if dtype != np.float64 or min(abs(a), width) > 1e-200:
        expected = reference.fill(draw, old_content(dtype, 333), 1, SEED, STREAM, a, b, accumulate)
        assert same(results[0], expected)


def ordered(pair):
    return min(pair), max(pair)


BOUNDS = st.one_of(
    st.floats(0, 9).map(lambda b: (-b, b)),
    st.tuples(st.floats(-9, 9), st.floats(-9, 9)).map(ordered),
    st.tuples(st.floats(-9, 9), st.floats(1e-12, 1e-3)).map(lambda b: (b[0], b[0] + b[1])),  # low and width
    st.tuples(st.floats(-1e3, 1e3), st.just(math.inf)),
    # Far tails: the bound's decimal logarithm, and the reach of the draws in units of 1 / bound.
    st.tuples(st.floats(0, 12), st.one_of(st.floats(1e-12, 100), st.just(math.inf))).map(
        lambda b: (10 ** b[0], 10 ** b[0] + b[1] / 10 ** b[0])
    ),
    st.just((-math.inf, math.inf)),
)


@settings(max_examples=500)
@given(
    dtype=st.sampled_from(FLOATS),
    bounds=BOUNDS,
    mirrored=st.booleans(),
    mean=st.sampled_from([0.0, -0.0, -0.25, 1e4]),
    std=st.sampled_from([1.0, 0.7, 1e-3, 0.0]),
    accumulate=st.booleans(),
)
@example(np.dtype("f4"), (0.0, 1e-37), False, 0.0, 1.0, False)  # steps of the probability that float32 cannot hold
@example(np.dtype("f8"), (-6.5, 7.0), False, 0.0, 1.0, False)  # probabilities from the tails, in pairs
@example(np.dtype("f8"), (1.0, 1.0 + 2**-52), False, 0.0, 1.0, False)  # all draws are the bound
@example(np.dtype("f4"), (9.5 + 1e-9, math.inf), False, 0.0, 1.0, False)  # the next row, though float32 does not see it
@example(np.dtype("f4"), (1e5, math.inf), True, 0.0, 1.0, False)  # the last bound that is not constant
@example(np.dtype("f8"), (2e9, math.inf), True, 0.0, 1.0, False)
@example(np.dtype("f4"), (0.1, 0.1), False, 1e4, 1.0, False)
def test_any_bounds_in_every_kernel(dtype, bounds, mirrored, mean, std, accumulate):
    low, high = bounds
    if mirrored:
        low, high = -high, -low
    farthest = max([9.0, *(abs(bound) for bound in bounds if math.isfinite(bound))])
    assume(dtype != np.float16 or abs(mean) + 2 * farthest * std < 65504)
    results = []
    for kernels in KERNELS:
        out = old_content(dtype, 333)
        where = 1, SEED, STREAM, mean, std, accumulate, (low, high)
        results.append(_core.fill_range(kernels, "truncated_normal", out, *where))
    assert all(same(result, results[0]) for result in results)
    # The reference knows no underflow of double.
    if all(bound == 0 or abs(bound) > 1e-200 for bound in bounds):
        assert same(results[0], reference.fill("truncated_normal", old_content(dtype, 333), *where))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (1.0, 1.0 + 2**-20), (-1.0, 0.0), (0.0, 1e-44), (-2e38, 1e38), (0.0, 0.0), (5.0, 5.0)]
)
def test_uniform_reaches_low_but_never_high(kernels, dtype, low, high):
    out = _core.fill_range(kernels, "uniform", np.empty(50_000, dtype), 0, SEED, STREAM, low, high)
    low, high = np.dtype(dtype).type(low), np.dtype(dtype).type(high)
    assert (out >= low).all()
    assert (out == low).all() if low == high else (out < high).all()


@settings(max_examples=300)
@given(
    dtype=st.sampled_from(["float32", "float64"]),
    low=st.one_of(st.just(0.0), st.floats(-4, 4), st.floats(-1e-30, 1e-30)),
    width=st.one_of(st.integers(-330, 20).map(lambda e: 2.0**e), st.floats(1e-310, 8), st.floats(1e-17, 1e-6)),
)
@example(dtype="float32", low=-0.05, width=0.1)
@example(dtype="float32", low=0.0, width=2.0**-102)  # the least that needs no cap
@example(dtype="float32", low=0.0, width=2.0**-103)
@example(dtype="float64", low=0.0, width=2.0**-969)
@example(dtype="float64", low=0.0, width=2.0**-970)
def test_ends_of_any_uniform_in_every_kernel(dtype, low, width):
    """Which form a uniform takes rests on the rounding of its largest value: least and largest words, of any range."""
    high = low + width
    for words in (LAST,) * 4, (0, LAST, LAST - 255, 255):
        where = at_words(Fill("uniform", dtype, parameters=(low, high)), words)
        size, place = where.shape[0], (where.offset[0], where.seed, where.stream, low, high)
        results = [_core.fill_range(kernels, "uniform", np.empty(size, dtype), *place) for kernels in KERNELS]
        assert all(same(result, results[0]) for result in results)
        if dtype == "float32" or width > 1e-200:  # the reference's float64 fma knows no underflow
            assert same(results[0], reference.fill("uniform", np.empty(size, dtype), *place))


@pytest.mark.parametrize("width", [1e-3, 0.3, 1.5, math.inf])
def test_constants_of_many_bounds(width):
    """One wrong rounding in them shows in few draws of few bounds."""
    for low in np.linspace(-3, 15, 200).tolist():
        where = 0, SEED, STREAM, 0.0, 1.0, False, (low, low + width / max(1, low))
        out = _core.fill_range(KERNELS[0], "truncated_normal", np.empty(40), *where)
        assert same(out, reference.fill("truncated_normal", np.empty(40), *where))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("low", [-1e-3, -0.7, -1.9, -5.5, -6.4, -math.inf])
def test_draws_next_to_the_change_of_their_sign(kernels, dtype, low):
    """Bounds that bring a word of the stream there, where the constants of the fill show all their digits."""
    compute = reference.F64 if dtype == "f8" else reference.F32
    u = (compute.words(SEED, STREAM, 0, 40) + 0.5) * 2.0**-compute.bits
    below = stats.norm.cdf(low)
    for i in np.flatnonzero((u > 0.55) & (u < 0.95)):
        high = stats.norm.ppf(0.5 + (0.5 - below) * (1 / u[i] - 1))
        where = int(i), SEED, STREAM, 0.0, 1.0, False, (low, high)
        out = _core.fill_range(kernels, "truncated_normal", np.empty(1, dtype), *where)
        assert abs(out[0]) < 2.0 ** (8 - compute.bits)
        assert same(out, reference.fill("truncated_normal", np.empty(1, dtype), *where))


def reaches_a_number(dtype, least, most):
    """Whether [least, most] holds a number of the dtype."""
    nearest = np.dtype(dtype).type(least)
    above = nearest if float(nearest) >= least else np.nextafter(nearest, np.dtype(dtype).type(math.inf))
    return float(above) <= most


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.1, 0.3), (-1e6, 0.7), (3.0, 1e-9), (0.1, 0.0)])
@pytest.mark.parametrize(
    "bounds",
    [
        *((-2.0, 2.0), (-0.3, 1.7), (0.5, 0.5 + 1e-6), (1e-3, 1e-3), (-3.0, 0.7), (0.3, 0.3 + 1e-15)),
        *((-5.0, math.inf), (4.0, 4.0 + 1e-7), (-math.inf, -30.0), (-1e3, -1e3 + 1e-6), (1e12, math.inf)),
    ],
    ids=str,
)
def test_truncated_normal_never_leaves_its_bounds(kernels, dtype, mean, std, bounds):
    where = 0, SEED, STREAM, mean, std, False, bounds
    out = _core.fill_range(kernels, "truncated_normal", np.empty(5000, dtype), *where)
    least, most = (mean + bound * std if std else mean for bound in bounds)
    if reaches_a_number(dtype, least, most):
        assert (least <= out.astype(np.float64)).all()
        assert (out.astype(np.float64) <= most).all()
    else:
        assert (out == np.dtype(dtype).type(least)).all()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("near", [-2.0, 0.0, 0.7, 3.0, 30.0, -1e3, -1e300, -math.inf])
def test_bound_that_no_word_reaches_is_as_good_as_none(dtype, mirrored, near):
    """Beyond 38.6 standard deviations no double holds the probability of the tail."""

    def values(far, mean, std):
        bounds = (-far, -near) if mirrored else (near, far)
        where = 0, SEED, STREAM, mean, std, False, bounds
        with np.errstate(over="ignore"):  # mean + far std, which no number of the compute type need hold
            values = reference.fill("truncated_normal", np.empty(777, dtype), *where)
        for kernels in KERNELS:
            out = _core.fill_range(kernels, "truncated_normal", np.empty(777, dtype), *where)
            assert same(out, values), kernels
        return values

    for mean, std in ((0.0, 1.0), (-0.25, 1e-3), (1e4, 100.0), (0.0, 1e-30)):
        expected = values(math.inf, mean, std)
        assert np.isfinite(expected.astype(np.float64)).all()
        for far in (1e3, 1e5, 1e40, 1e300, 1.7976931348623157e308):
            assert same(values(far, mean, std), expected)


def test_sixteen_bit_arrays_hold_the_float32_values_rounded(kernels):
    for dtype in (np.float16, ml_dtypes.bfloat16):
        for draw, a, b, bounds in (
            ("normal", 0.0, 1e-4, None),
            ("uniform", -1.0, 1.0, None),
            ("normal", 0.0, 1e-7, None),
            ("truncated_normal", 0.0, 1.0, (-1.0, 4.0)),
            ("truncated_normal", -0.1, 1e-4, (2.0, math.inf)),
        ):
            where = 0, SEED, 1, a, b, False, bounds
            single = _core.fill_range(kernels, draw, np.empty(100_000, np.float32), *where)
            half = _core.fill_range(kernels, draw, np.empty(100_000, dtype), *where)
            assert same(half, single.astype(dtype))


# ---- The arithmetic under the kernels: fma in software, the caller's floating-point environment, the C library -------


anything = st.floats(allow_nan=False, allow_infinity=False)
anything32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def exact_fma(a, b, c, to_float):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c  # the sign of a zero; no rounding happens
    return to_float(exact) if exact > 0 else -to_float(-exact)


def nearest_float64(exact):
    try:
        return float(exact)
    except OverflowError:
        return math.inf


def nearest_float32(exact):
    """The float32 next to a positive fraction, ties to even."""
    exponent = max(math.frexp(nearest_float64(exact))[1] - 24, -149) if exact < 2**200 else 104
    kept = round(exact / Fraction(2) ** exponent)  # Fraction rounds ties to even
    return float(np.ldexp(np.float64(kept), exponent)) if kept * Fraction(2) ** exponent < 2**128 else math.inf


def close_to_cancellation(floats):
    """Triples whose sum is far smaller than its parts, where a wrong rounding shows."""
    return st.tuples(floats, floats, st.integers(-3, 3)).map(
        lambda t: (t[0], t[1], -t[0] * t[1] * (1 + t[2] * 2.0**-52))
    )


@settings(max_examples=2000)
@given(st.one_of(st.tuples(anything, anything, anything), close_to_cancellation(st.floats(-1e9, 1e9))))
@example((0.1, 10.0, -1.0))
@example((5e-324, 0.5, 0.0))
@example((-5e-324, 0.25, 0.0))
@example((1.5e-300, 1e-20, 5e-324))
@example((1e308, 10.0, -1e308))
@example((1 + 2**-52, 1 + 2**-52, -1.0))
@example((2.0**-537, 2.0**-537, 2.0**-1074))
@example((2.0**-538, 2.0**-537, 2.0**-1074))
@example((-0.0, 1.0, 0.0))
@example((-0.0, 1.0, -0.0))
def test_soft_fma_rounds_once(numbers):
    a, b, c = numbers
    expected = exact_fma(a, b, c, nearest_float64)
    result = _core.soft_fma(a, b, c)
    assert result == expected
    assert math.copysign(1, result) == math.copysign(1, expected)


@settings(max_examples=2000)
@given(a=anything32, b=anything32, c=anything32)
@example(a=1 + 2.0**-12, b=1 + 2.0**-12, c=2.0**-60)
@example(a=1 + 2.0**-23, b=1 + 2.0**-23, c=-1.0)
@example(a=2.0**-75, b=2.0**-75, c=2.0**-126)
@example(a=2.0**127, b=2.0, c=-(2.0**127))
def test_soft_fmaf_rounds_once(a, b, c):
    expected = exact_fma(a, b, c, nearest_float32)
    result = _core.soft_fmaf(a, b, c)
    assert result == expected
    assert math.copysign(1, result) == math.copysign(1, expected)


def test_soft_fma_of_infinities_and_nan():
    assert _core.soft_fma(math.inf, 1.0, 5.0) == _core.soft_fmaf(math.inf, 1.0, 5.0) == math.inf
    assert _core.soft_fma(1.0, -math.inf, 5.0) == _core.soft_fmaf(1.0, -math.inf, 5.0) == -math.inf
    assert math.isnan(_core.soft_fma(math.inf, 0.0, 5.0))
    assert math.isnan(_core.soft_fma(math.inf, 1.0, -math.inf))
    assert _core.soft_fma(2.0, 3.0, -math.inf) == -math.inf
    assert math.isnan(_core.soft_fmaf(math.nan, 1.0, 1.0))


@sets_rounding
def test_the_callers_rounding_mode_neither_matters_nor_changes(kernels, fill):
    libm = ctypes.CDLL("libm.so.6")
    where = 1, 7, 0, -0.3, 0.7, False, fill.bounds
    expected = reference.fill(fill.draw, np.empty(999, fill.dtype), *where)
    out = np.zeros(999, fill.dtype)
    for mode in ROUNDING_MODES[platform.machine()]:
        libm.fesetround(mode)
        try:
            _core.fill_range(kernels, fill.draw, out, *where)
            kept = libm.fegetround()
        finally:
            libm.fesetround(0)
        assert out.tobytes() == expected.tobytes()
        assert kept == mode


@pytest.mark.skipif(
    not GLIBC or platform.machine() != "x86_64", reason="knows the layout of x86-64 glibc's fenv_t only"
)
@pytest.mark.parametrize(
    ("dtype", "draw", "std", "bounds"),
    [
        ("f4", "normal", 1e-40, None),
        ("f8", "normal", 1e-310, None),
        # So narrow that the steps of the probability, constants of the fill, are subnormal too.
        ("f4", "truncated_normal", 1e-10, (0, 1e-30)),
        ("f8", "truncated_normal", 1e-10, (0, 1e-300)),
    ],
)
def test_the_callers_flush_to_zero_neither_matters_nor_changes(kernels, dtype, draw, std, bounds):
    libm = ctypes.CDLL("libm.so.6")
    before, flushing, after = ((ctypes.c_uint32 * 8)() for _ in range(3))
    libm.fegetenv(before)
    ctypes.memmove(flushing, before, ctypes.sizeof(before))
    flushing[7] |= 0x8040  # MXCSR: flush to zero, denormals are zero
    where = 1, 7, 0, 0.0, std, False, bounds
    expected = _core.fill_range(kernels, draw, np.empty(999, dtype), *where)
    assert (np.abs(expected) < np.finfo(dtype).tiny).all()
    assert np.count_nonzero(expected) > 900
    out = np.zeros(999, dtype)
    libm.fesetenv(flushing)
    try:
        _core.fill_range(kernels, draw, out, *where)
        libm.fegetenv(after)
    finally:
        libm.fesetenv(before)
    assert out.tobytes() == expected.tobytes()
    assert after[7] & 0x8040 == 0x8040


def test_import_and_scheme_under_another_rounding_mode():
    """No constant is computed in the caller's environment, neither at import nor in a scheme."""
    code = (
        "import ctypes, sys, numpy as np; libm = ctypes.CDLL('libm.so.6'); libm.fesetround(0x800);"
        "import fastinit; w = fastinit.Generator(7).he_normal(np.empty(99), 7); libm.fesetround(0);"
        "sys.stdout.write(w.tobytes().hex())"
    )
    if not GLIBC or platform.machine() != "x86_64":
        pytest.skip("the mode's number is x86-64 glibc's")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == fastinit.Generator(7).he_normal(np.empty(99), 7).tobytes().hex()


# C11's <math.h>, without what the letters f and l after a name make of it.
MATH_H = re.findall(
    r"\w+",
    """
    acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p
    log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint llrint
    round lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma sincos exp10
    """,
)
# Those whose result every C library must give exactly, or rounded correctly: docs/reproducibility.md says why each is.
EXACT = {"frexp", "ldexp", "nextafter", "fmin", "fmax", "floor", "copysign", "sqrt"}


def test_the_extension_calls_no_function_of_libm_whose_last_bit_is_a_librarys_choice():
    nm = shutil.which("nm")
    if sys.platform != "linux" or not nm:
        pytest.skip("asks nm what an ELF file imports")
    listed = subprocess.run([nm, "-D", "--undefined-only", _core.__file__], capture_output=True, text=True, check=True)
    imported = {line.split()[-1].partition("@")[0] for line in listed.stdout.splitlines()}
    assert "PyErr_CheckSignals" in imported  # so nm has read the file
    spelled = {f"{name}{letter}": name for name in MATH_H for letter in ("", "f", "l")}
    spelled |= {f"__{symbol}_finite": name for symbol, name in spelled.items()}
    assert {spelled[symbol] for symbol in imported & spelled.keys()} <= EXACT


def test_the_page_says_of_each_function_of_libm_why_it_is_exact():
    page = (Path(__file__).parent.parent / "docs" / "reproducibility.md").read_text(encoding="utf-8")
    section = page.partition("## The C library")[2].partition("\n## ")[0]
    assert set(re.findall(r"^- `(\w+)`", section, re.M)) == EXACT
