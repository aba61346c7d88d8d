"""Every kernel writes the contract's bits: on all sizes, at all offsets, in every dtype, scaled and accumulated."""

import ml_dtypes
import numpy as np
import pytest
import reference
from conftest import FILLS, KERNELS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastinit import _core

SEED, STREAM = 0x0123456789ABCDEF, 2**63 + 0x1122334455667788


def same_bits(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def old_content(dtype, count):
    return np.linspace(-2, 2, count).astype(dtype)


def test_every_size_from_nothing_to_past_the_unrolled_loops(kernels, draw_and_dtype):
    draw, dtype = draw_and_dtype
    whole = reference.fill(draw, np.empty(700, dtype), 0, SEED, STREAM, -0.25, 0.5)
    for size in range(700):
        out = np.zeros(size + 8, dtype)
        _core.fill_range(kernels, draw, out[:size], 0, SEED, STREAM, -0.25, 0.5)
        assert same_bits(out[:size], whole[:size])
        assert not out[size:].any(), "wrote past the end"


def test_every_start_inside_blocks_pairs_and_groups(kernels, draw_and_dtype):
    draw, dtype = draw_and_dtype
    whole = reference.fill(draw, np.empty(400, dtype), 0, SEED, STREAM, -0.25, 0.5)
    for first in range(130):
        for size in (1, 2, 3, 5, 64, 67, 270):
            out = _core.fill_range(kernels, draw, np.empty(size, dtype), first, SEED, STREAM, -0.25, 0.5)
            assert same_bits(out, whole[first : first + size])


def test_large_fill_that_releases_the_gil_and_spans_chunks(kernels, draw_and_dtype):
    draw, dtype = draw_and_dtype
    size = 3 * (1 << 16) + 12_345
    expected = reference.fill(draw, np.empty(size, dtype), 3, SEED, STREAM, -0.25, 0.5)
    assert same_bits(_core.fill_range(kernels, draw, np.empty(size, dtype), 3, SEED, STREAM, -0.25, 0.5), expected)


@pytest.mark.parametrize("before", [0, 1, 3, 100, 517])
@pytest.mark.parametrize("blocks", [2**32, 2**40, 7 * 2**32])
def test_range_across_a_change_of_the_blocks_high_word(kernels, draw_and_dtype, blocks, before):
    draw, dtype = draw_and_dtype
    first = blocks * (2 if dtype in (np.float64, np.uint64) else 4) - before
    out = _core.fill_range(kernels, draw, np.empty(600, dtype), first, SEED, STREAM, -0.25, 0.5)
    assert same_bits(out, reference.fill(draw, np.empty(600, dtype), first, SEED, STREAM, -0.25, 0.5))


@pytest.mark.parametrize("size", [0, 1, 15, 64, 2047, 2048, 4091, 4096, 4097, 9000])
@pytest.mark.parametrize(("draw", "dtype"), FILLS[2:], ids=str)
def test_accumulate_is_one_rounded_addition(kernels, draw, dtype, size):
    padded = old_content(dtype, size + 8)
    expected = reference.fill(draw, padded[:size], 5, SEED, STREAM, -0.25, 0.5, accumulate=True)
    untouched = padded[size:].copy()
    _core.fill_range(kernels, draw, padded[:size], 5, SEED, STREAM, -0.25, 0.5, accumulate=True)
    assert same_bits(padded[:size], expected)
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


@settings(max_examples=200, deadline=None)
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
    draw, dtype = fill
    out = _core.fill_range(kernels, draw, np.empty(size, dtype), first, seed, stream, 0.0, 1.0)
    assert same_bits(out, reference.fill(draw, np.empty(size, dtype), first, seed, stream, 0.0, 1.0))


finite = st.floats(-1e6, 1e6)


@settings(max_examples=200, deadline=None)
@given(
    draw=st.sampled_from(["uniform", "normal"]),
    dtype=st.sampled_from(["f4", "f8", "f2", ml_dtypes.bfloat16]),
    a=st.one_of(finite, st.floats(-1e-30, 1e-30)),
    width=st.one_of(st.floats(0, 1e6), st.floats(0, 1e-30)),
    accumulate=st.booleans(),
)
@example(draw="uniform", dtype="f4", a=1.0, width=2.0**-24, accumulate=False)
@example(draw="uniform", dtype="f4", a=0.0, width=2.0**-149, accumulate=False)
@example(draw="normal", dtype="f4", a=0.0, width=1e-45, accumulate=False)
def test_any_scale_in_every_kernel(draw, dtype, a, width, accumulate):
    if np.dtype(dtype) == np.float16:
        a, width = a / 1000, width / 1000
    b = a + width if draw == "uniform" else width
    results = []
    for kernels in KERNELS:
        out = old_content(dtype, 333)
        results.append(_core.fill_range(kernels, draw, out, 1, SEED, STREAM, a, b, accumulate))
    assert all(same_bits(result, results[0]) for result in results)
    # The reference's float64 fma knows neither underflow nor the sign of a zero.
    if np.dtype(dtype) != np.float64 or min(abs(a), width) > 1e-200:
        expected = reference.fill(draw, old_content(dtype, 333), 1, SEED, STREAM, a, b, accumulate)
        assert same_bits(results[0], expected)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (1.0, 1.0 + 2**-20), (-1.0, 0.0), (0.0, 1e-44), (-2e38, 1e38), (0.0, 0.0), (5.0, 5.0)]
)
def test_uniform_reaches_low_but_never_high(kernels, dtype, low, high):
    out = _core.fill_range(kernels, "uniform", np.empty(50_000, dtype), 0, SEED, STREAM, low, high)
    low, high = np.dtype(dtype).type(low), np.dtype(dtype).type(high)
    assert (out >= low).all()
    assert (out == low).all() if low == high else (out < high).all()


def test_sixteen_bit_arrays_hold_the_float32_values_rounded(kernels):
    for dtype in (np.float16, ml_dtypes.bfloat16):
        for draw, a, b in (("normal", 0.0, 1e-4), ("uniform", -1.0, 1.0), ("normal", 0.0, 1e-7)):
            single = _core.fill_range(kernels, draw, np.empty(100_000, np.float32), 0, SEED, 1, a, b)
            half = _core.fill_range(kernels, draw, np.empty(100_000, dtype), 0, SEED, 1, a, b)
            assert same_bits(half, single.astype(dtype))
