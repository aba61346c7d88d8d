"""The arithmetic under the kernels: fma in software, and the caller's floating-point environment."""

import ctypes
import math
import platform
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastinit
from fastinit import _core

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


ROUNDING_MODES = {"x86_64": (0x400, 0x800, 0xC00), "aarch64": (0x400000, 0x800000, 0xC00000)}
GLIBC = platform.libc_ver()[0] == "glibc"
sets_rounding = pytest.mark.skipif(
    not GLIBC or platform.machine() not in ROUNDING_MODES, reason="fesetround is tested with glibc only"
)


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
