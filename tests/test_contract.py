"""Every kernel writes the contract's bits: on all sizes, at all offsets, in every dtype, scaled and accumulated."""

import math

import ml_dtypes
import numpy as np
import pytest
import reference
from conftest import FILLS, FLOATS, KERNELS
from golden import LAST, Fill, at_words
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from fastinit import _core

SEED, STREAM = 0x0123456789ABCDEF, 2**63 + 0x1122334455667788


def same_bits(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


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
        assert same_bits(out[:size], whole[:size])
        assert not out[size:].any(), "wrote past the end"


def test_every_start_inside_blocks_pairs_and_groups(kernels, fill):
    whole = expected(fill, np.empty(400, fill.dtype), 0)
    for first in range(130):
        for size in (1, 2, 3, 5, 64, 67, 270):
            out = written(kernels, fill, np.empty(size, fill.dtype), first)
            assert same_bits(out, whole[first : first + size])


def test_large_fill_that_releases_the_gil_and_spans_chunks(kernels, fill):
    size = 3 * (1 << 16) + 12_345
    out = written(kernels, fill, np.empty(size, fill.dtype), 3)
    assert same_bits(out, expected(fill, np.empty(size, fill.dtype), 3))


@pytest.mark.parametrize("before", [0, 1, 3, 100, 517])
@pytest.mark.parametrize("blocks", [2**32, 2**40, 7 * 2**32])
def test_range_across_a_change_of_the_blocks_high_word(kernels, fill, blocks, before):
    first = blocks * (2 if fill.dtype in (np.float64, np.uint64) else 4) - before
    out = written(kernels, fill, np.empty(600, fill.dtype), first)
    assert same_bits(out, expected(fill, np.empty(600, fill.dtype), first))


@pytest.mark.parametrize("size", [0, 1, 15, 64, 2047, 2048, 4091, 4096, 4097, 9000])
@pytest.mark.parametrize("fill", FILLS[2:], ids=str)
def test_accumulate_is_one_rounded_addition(kernels, fill, size):
    padded = old_content(fill.dtype, size + 8)
    sums = expected(fill, padded[:size], 5, accumulate=True)
    untouched = padded[size:].copy()
    written(kernels, fill, padded[:size], 5, accumulate=True)
    assert same_bits(padded[:size], sums)
    assert same_bits(padded[size:], untouched)


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
    assert same_bits(out, reference.fill(fill.draw, np.empty(size, fill.dtype), *where))


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
    assert all(same_bits(result, results[0]) for result in results)
    # The reference's float64 fma knows neither underflow nor the sign of a zero.
    if dtype != np.float64 or min(abs(a), width) > 1e-200:
        expected = reference.fill(draw, old_content(dtype, 333), 1, SEED, STREAM, a, b, accumulate)
        assert same_bits(results[0], expected)


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
    assert all(same_bits(result, results[0]) for result in results)
    # The reference knows no underflow of double.
    if all(bound == 0 or abs(bound) > 1e-200 for bound in bounds):
        assert same_bits(results[0], reference.fill("truncated_normal", old_content(dtype, 333), *where))


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
        assert all(same_bits(result, results[0]) for result in results)
        if dtype == "float32" or width > 1e-200:  # the reference's float64 fma knows no underflow
            assert same_bits(results[0], reference.fill("uniform", np.empty(size, dtype), *place))


@pytest.mark.parametrize("width", [1e-3, 0.3, 1.5, math.inf])
def test_constants_of_many_bounds(width):
    """One wrong rounding in them shows in few draws of few bounds."""
    for low in np.linspace(-3, 15, 200).tolist():
        where = 0, SEED, STREAM, 0.0, 1.0, False, (low, low + width / max(1, low))
        out = _core.fill_range(KERNELS[0], "truncated_normal", np.empty(40), *where)
        assert same_bits(out, reference.fill("truncated_normal", np.empty(40), *where))


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
        assert same_bits(out, reference.fill("truncated_normal", np.empty(1, dtype), *where))


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
def test_bound_that_no_word_reaches_is_as_good_as_none(kernels, dtype, mirrored, near):
    """Beyond 38.6 standard deviations no double holds the probability of the tail."""

    def values(far, mean, std):
        bounds = (-far, -near) if mirrored else (near, far)
        where = 0, SEED, STREAM, mean, std, False, bounds
        out = _core.fill_range(kernels, "truncated_normal", np.empty(777, dtype), *where)
        with np.errstate(over="ignore"):  # mean + far std, which no number of the compute type need hold
            assert same_bits(out, reference.fill("truncated_normal", np.empty(777, dtype), *where))
        return out

    for mean, std in ((0.0, 1.0), (-0.25, 1e-3), (1e4, 100.0), (0.0, 1e-30)):
        expected = values(math.inf, mean, std)
        assert np.isfinite(expected.astype(np.float64)).all()
        for far in (1e3, 1e5, 1e40, 1e300, 1.7976931348623157e308):
            assert same_bits(values(far, mean, std), expected)


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
            assert same_bits(half, single.astype(dtype))
