"""Draws stay as close as the contract says to the exact transform of the stated u1 and theta, or u."""

import math

import mpmath
import numpy as np
import pytest
import reference
from scipy import stats

from fastinit import _core

QUARTERS = (lambda c, s: (c, s), lambda c, s: (-s, c), lambda c, s: (-c, -s), lambda c, s: (s, -c))


def ulp(dtype, exact):
    """The distance of neighbouring numbers of the dtype around each exact value."""
    _, exponent = np.frexp(np.asarray(exact, np.float64))
    return np.ldexp(1.0, exponent - np.finfo(dtype).nmant - 1)


def test_float32_normals_are_within_3_ulp():
    count = 1 << 22
    z = _core.fill_range(_core.available_kernels()[0], "normal", np.empty(count, np.float32), 0, 11, 5)
    compute = reference.F32
    w = compute.words(11, 5, 0, count)
    y = compute.centered(w[::2]).astype(np.float64)
    k, x = compute.quarters(w[1::2])
    with np.errstate(invalid="ignore"):
        r = np.sqrt(-2 * np.where(y > 0, np.log(y, where=y > 0, out=np.zeros_like(y)), np.log1p(y)))
    angle = x.astype(np.float64) * (np.pi / 2)
    c, s = np.cos(angle), np.sin(angle)
    exact = np.stack([r * np.choose(k, [c, -s, -c, s]), r * np.choose(k, [s, c, -s, -c])], axis=-1).reshape(-1)
    error = np.abs(z - exact) / ulp(np.float32, exact)
    assert error.max() < 3
    assert error.mean() < 0.6  # a broken polynomial shifts the bulk long before it shows in the maximum


# Both ends of (0, 1), their neighbours, the edges of quarters and eighths, and the worst found by search.
HARD_WORDS_32 = [0, 1, 2, 2**30 - 1, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1, 0x4BD3E422]
HARD_ANGLES_32 = [0, 1, 2**29 - 1, 2**29, 2**30 - 1, 2**30, 3 * 2**29, 2**31, 3 * 2**30 + 1, 0x9C35E048]


def exact_pair(compute, a, b):
    """The pair of two words in 40 digits."""
    with mpmath.workdps(40):
        y = mpmath.mpf(float(compute.centered(np.array([a], np.uint64))[0]))
        k, x = (v[0] for v in compute.quarters(np.array([b], np.uint64)))
        r = mpmath.sqrt(-2 * (mpmath.log(y) if y > 0 else mpmath.log1p(y)))
        angle = mpmath.mpf(float(x)) * mpmath.pi / 2
        return QUARTERS[k](r * mpmath.cos(angle), r * mpmath.sin(angle))


def errors_in_ulp(compute, pairs):
    a, b = (np.array(w, np.uint64) for w in zip(*pairs, strict=True))
    for z, exact in zip(zip(*compute.pairs(a, b), strict=True), (exact_pair(compute, *p) for p in pairs), strict=True):
        for value, truth in zip(z, exact, strict=True):
            if truth == 0:
                assert value == 0
            else:
                yield float(abs(mpmath.mpf(float(value)) - truth) / float(ulp(compute.dtype, float(truth))))


@pytest.mark.parametrize(("compute", "limit"), [(reference.F32, 3), (reference.F64, 4)], ids=["float32", "float64"])
def test_hard_words_are_within_the_contracts_ulp(compute, limit):
    shift = compute.bits - 32
    low_bits = [0, 2**shift - 1] if shift else [0]
    words = [(w << shift) + low for w in HARD_WORDS_32 for low in low_bits]
    angles = [(w << shift) + low for w in HARD_ANGLES_32 for low in low_bits]
    assert max(errors_in_ulp(compute, [(a, b) for a in words for b in angles])) < limit


def test_the_largest_error_of_float32_is_that_of_a_value_that_rounds_up_to_another_binade():
    """No pair of words has a larger one (docs/accuracy.md); an ulp of the value drawn is two of the exact one's."""
    assert 3 < max(errors_in_ulp(reference.F32, [(0x99F6D8C0, 0xF5CAEF18)])) < 3.2


def test_float64_normals_are_within_4_ulp_of_mpmath():
    w = reference.F64.words(11, 6, 0, 6000)
    errors = list(errors_in_ulp(reference.F64, list(zip(w[::2].tolist(), w[1::2].tolist(), strict=True))))
    assert max(errors) < 4
    assert sum(errors) / len(errors) < 0.6


def test_the_tail_is_as_long_as_the_contract_says():
    """The smallest u1 of each type; the reference equals the kernels bit for bit (test_contract.py)."""
    longest32, _ = reference.F32.pairs(np.array([0], np.uint64), np.array([0], np.uint64))
    longest64, _ = reference.F64.pairs(np.array([0], np.uint64), np.array([0], np.uint64))
    assert longest32[0] == np.float32(np.sqrt(66 * np.log(2)))
    assert longest64[0] == pytest.approx(np.sqrt(108 * np.log(2)), rel=1e-15)


# ---- Truncated normals -----------------------------------------------------------------------------------------------

INF = math.inf
BOUNDS = [
    # central
    *((-2, 2), (-1, 2), (-0.3, 1.7), (0, 2), (0.5, 0.6), (1e-3, 2e-3), (-1e-3, 2e-3), (-2, 0), (-1, -1e-6)),
    # wide
    *((-3, 3), (-5, 5), (-5, 1), (-0.3, 5), (0, INF), (-INF, 5), (-INF, INF), (0.9, 2.5), (-8, 0.2)),
    *((-INF, 0), (-5, -1e-3)),
    # tails, those of each polynomial
    *((1, INF), (2, INF), (-4, -3), (5, INF), (9.6, INF), (10, INF), (-INF, -10), (30, 31), (57, INF)),
    *((-61, -60.5), (100, INF), (-INF, -251), (1200, INF)),
]


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_float32_truncated_normals_are_those_of_scipy(bounds):
    """SciPy works in float64; its error near zero, 1e-16, is too small to matter for the draws of this stream."""
    count = 1 << 16
    t = _core.fill_range(
        _core.available_kernels()[0], "truncated_normal", np.empty(count, np.float32), 0, 11, 5, bounds=bounds
    )
    u = (reference.words(11, 5, 0, count) + 0.5) * 2.0**-32
    error = np.abs(t.astype(np.float64) / stats.truncnorm.ppf(u, *bounds) - 1)
    assert error.max() < 7e-7
    assert error.mean() < 1e-7  # a broken polynomial shifts the bulk long before it shows in the maximum


def truncated_errors(compute, words, low, high):
    """How far each word's t is from the exact value, and the size of that: a step of Newton's method in 50 digits."""
    draws = compute.truncated(np.array(words, np.uint64), low, high)
    mirrored = high <= 0
    with mpmath.workdps(50):
        root = mpmath.sqrt(2)
        near, far = (mpmath.mpf(bound) / root for bound in ((-high, -low) if mirrored else (low, high)))
        twice_probability = mpmath.erfc if near * root >= 1 else mpmath.erf
        first, last = twice_probability(near), twice_probability(far)
        for draw, word in zip(draws, words, strict=True):
            t, u = mpmath.mpf(float(draw)), (word + mpmath.mpf(0.5)) / 2**compute.bits
            if mirrored:
                t, u = -t, 1 - u
            exact, found = first + u * (last - first), twice_probability(t / root)
            density = mpmath.exp(-t * t / 2) * mpmath.sqrt(2 / mpmath.pi)
            # In the tail the logarithm is closer to a line.
            step = found * mpmath.log(found / exact) if twice_probability is mpmath.erfc else exact - found
            yield float(abs(step / density)), float(abs(t + step / density))


LIMITS = [(reference.F32, 7e-7, 1e-24), (reference.F64, 1.5e-15, 1e-24)]


@pytest.mark.parametrize(("compute", "relative", "absolute"), LIMITS, ids=["float32", "float64"])
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_truncated_normals_are_those_of_mpmath(compute, relative, absolute, bounds):
    """On some words and on the hardest: both ends, the middle, and both sides of the change of t's sign."""
    last = 2**compute.bits - 1
    words = {0, 1, 2, 100, last // 2, last // 2 + 1, last - 100, last - 2, last - 1, last}
    if bounds[0] < 0 < bounds[1]:
        below, above = stats.norm.cdf(bounds)
        zero = int((0.5 - below) / (above - below) * 2**compute.bits)
        words |= {min(max(zero + i, 0), last) for i in range(-8, 9)}
    words |= set(compute.words(11, 6, 0, 200).tolist())
    for error, size in truncated_errors(compute, sorted(words), *bounds):
        assert error <= relative * size + absolute
