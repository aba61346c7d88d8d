"""Normals stay within the contract's ulp of the exact transform of the stated u1 and theta."""

import mpmath
import numpy as np
import pytest
import reference

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
