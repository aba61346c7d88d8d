"""
The quick form of proofs/accuracy.py: every 1021st word of float32, some of float64, and the hard ones of both.

It also fails, in the fixture, if the kernels of two instruction sets draw different bits of one of these words.
"""

import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import fastinit

PROGRAM = Path(__file__).parent.parent / "proofs" / "accuracy.py"


@pytest.fixture(scope="module")
def accuracy():
    spec = importlib.util.spec_from_file_location("accuracy", PROGRAM)
    module = sys.modules["accuracy"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["accuracy"]


@pytest.fixture(scope="module")
def figures(accuracy):
    compiler = shlex.split(os.environ.get("CC", "cc"))[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"no C compiler ({compiler})")
    return accuracy.prove(accuracy.QUICK, fastinit.simd).figures


def test_no_float32_normal_is_more_than_3_ulp_off(figures, accuracy):
    """Values that round up across a power of two apart, of which the next test has the worst."""
    assert 2.5 < figures["float32 normal, bound"] <= accuracy.ULP_LIMIT


def test_the_worst_float32_normal_is_the_one_that_the_documentation_names(figures):
    assert figures["float32 normal, worst"] == pytest.approx(3.1890, abs=1e-4)


def test_no_float64_normal_is_more_than_4_ulp_off(figures, accuracy):
    if "float64 normal, worst" not in figures:
        pytest.skip("long double is no longer than double")
    assert 2 < figures["float64 normal, worst"] <= accuracy.FLOAT64_ULP_LIMIT


def test_truncated_normals_are_as_close_as_the_contract_says_between_any_bounds(figures, accuracy):
    for name, limit in (("float32", accuracy.RELATIVE_LIMIT[32]), ("float64", accuracy.RELATIVE_LIMIT[64])):
        errors = [figures[f"{name} {bounds}"] for bounds in accuracy.BOUNDS if f"{name} {bounds}" in figures]
        assert all(0 < error <= limit for error in errors)


def test_every_1021st_float32_word_gives_normals_of_the_right_moments_and_tails(figures):
    """Word 0, the largest radius, weighs as much as 1021 words here: so the tolerance."""
    assert abs(figures["normal variance"]) < 1e-5
    assert abs(figures["normal fourth moment"]) < 1e-3
    assert figures["tail 4"] == pytest.approx(1, abs=0.01)
