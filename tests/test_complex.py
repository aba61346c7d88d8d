"""Complex weights: normals whose parts are elements 2 i and 2 i + 1 of the stream, each of half the variance."""

import math

import ml_dtypes
import numpy as np
import pytest
import reference
from conftest import KERNELS, SEED, STREAM, Fill, check_fill, dense

import fastinit
from fastinit import _core

COMPLEX = [np.dtype(dtype) for dtype in ("c8", "c16")]
MEANS = [0.0, 0.5, -0.0, 0.5 + 0.5j, 1 - 2j, complex(0.0, -0.0), complex(-0.0, 0.0), 3j]


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
@pytest.mark.parametrize("mean", MEANS, ids=repr)
@pytest.mark.parametrize("accumulate", [False, True])
def test_values_are_those_of_the_contract(dtype, mean, accumulate):
    before = np.linspace(-1, 1, 2 * 733).view("c16").astype(dtype)
    for first in (0, 1, 5):
        expected = reference.fill("normal", before.copy(), first, SEED, STREAM, mean, 0.3, accumulate)
        for kernels in KERNELS:
            out = _core.fill_range(kernels, "normal", before.copy(), first, SEED, STREAM, mean, 0.3, accumulate)
            assert out.tobytes() == expected.tobytes(), (kernels, first)


@pytest.mark.parametrize("accumulate", [False, True])
def test_complex128_of_any_layout(kernels, accumulate):
    fill = Fill("normal", np.dtype("c16"))
    for layout in (
        dense((40, 30), 16),
        dense((40, 30), 16, order=(1, 0)),
        dense((40, 30), 16, steps=(1, -2)),
        dense((7, 3, 50), 16, order=(2, 0, 1), lead=1),
        dense((700, 2), 24, order=(1, 0)),
        dense((), 16),
        dense((5, 0), 16),
    ):
        values = reference.fill("normal", np.empty(math.prod(layout.shape), "c16"), 0, SEED, STREAM, -0.25, 0.5)
        check_fill(kernels, fill, layout, values, accumulate)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_parts_are_a_real_fill_of_twice_as_many_elements(g, dtype):
    out = g.normal(np.empty((40, 30), dtype), std=2.0, stream="w")
    parts = g.normal(np.empty((40, 60), out.real.dtype), std=2.0 * 0.70710678118654752, stream="w")
    assert out.view(parts.dtype).tobytes() == parts.tobytes()


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
@pytest.mark.parametrize("mean", [0.0, 1 - 2j], ids=repr)
def test_any_part_of_a_tensor(g, dtype, mean):
    whole = g.normal(np.empty((60, 50), dtype), mean, 0.5, stream="w")
    for top, left, height, width in ((0, 0, 60, 50), (1, 3, 20, 7), (59, 49, 1, 1), (7, 0, 30, 50), (3, 1, 57, 2)):
        place = np.s_[top : top + height, left : left + width]
        where = {"stream": "w", "offset": (top, left), "global_shape": (60, 50)}
        for order in "CF":
            part = g.normal(np.empty((height, width), dtype, order), mean, 0.5, **where)
            assert np.array_equal(part, whole[place])
        strided = np.zeros((height, 2 * width), dtype)
        g.normal(strided[:, 1::2], mean, 0.5, **where)
        assert np.array_equal(strided[:, 1::2], whole[place])
        assert not strided[:, ::2].any()


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_threads_and_many_fills_change_nothing(g, dtype):
    whole = g.normal(np.empty((700, 1000), dtype), 1j, stream="w")
    before = fastinit.get_num_threads()
    try:
        fastinit.set_num_threads(1)
        assert g.normal(np.empty_like(whole), 1j, stream="w").tobytes() == whole.tobytes()
    finally:
        fastinit.set_num_threads(before)
    filled = g.fill({"w": (np.empty_like(whole), "normal", 1j), "b": (np.empty(5, dtype), "he_normal", 3)})
    assert filled["w"].tobytes() == whole.tobytes()
    assert filled["b"].tobytes() == g.he_normal(np.empty(5, dtype), 3, stream="b").tobytes()
    rows = [(whole[i], "normal", 1j, 1.0, {"offset": (i, 0), "global_shape": whole.shape}) for i in range(3)]
    with pytest.raises(ValueError, match="offset"):  # a row has one axis
        g.fill(rows)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_schemes_are_normals_of_their_standard_deviation(g, dtype):
    w = np.empty((6, 4), dtype)
    where = {"stream": 3}
    for call, std in (
        (lambda: g.he_normal(w, 4, **where), math.sqrt(2 / 4)),
        (lambda: g.xavier_normal(w, layout="torch", gain=2.0, **where), 2 * math.sqrt(2 / 10)),
        (lambda: g.lecun_normal(w, 4, **where), math.sqrt(1 / 4)),
        (lambda: g.lasagne_normal(w, 6, 4, gain="relu", **where), math.sqrt(4 / 10)),
        (lambda: g.variance_scaling(w, 3.0, "fan_out", "normal", fan_out=6, **where), math.sqrt(3 / 6)),
        (lambda: g.variance_scaling(w, 3.0, "fan_out", "untruncated_normal", fan_out=6, **where), math.sqrt(3 / 6)),
    ):
        drawn = call().tobytes()
        assert g.normal(np.empty_like(w), 0.0, std, **where).tobytes() == drawn


def test_scheme_whose_parts_would_be_zero_is_refused(g):
    w, fan = np.ones(3, np.complex64), 2 / (1.2 * 2.0**-150) ** 2
    g.he_normal(np.ones(3, np.float32), fan)
    with pytest.raises(ValueError, match=r"these arguments give std=.*, which rounds to 0 in float32"):
        g.he_normal(w, fan)
    assert (w == 1).all()


def test_variance_is_that_of_both_parts(g):
    out = g.normal(np.empty(10**6, np.complex64), 1 + 2j, 3.0)
    assert abs(np.mean(out) - (1 + 2j)) < 0.02
    assert abs(np.mean(np.abs(out - (1 + 2j)) ** 2) - 9) < 0.05
    assert abs(np.var(out.real) - np.var(out.imag)) < 0.05
    assert abs(np.corrcoef(out.real, out.imag)[0, 1]) < 0.005


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
@pytest.mark.parametrize(
    "call",
    [
        lambda g, w: g.bits(w),
        lambda g, w: g.uniform(w),
        lambda g, w: g.truncated_normal(w),
        lambda g, w: g.he_uniform(w, 3),
        lambda g, w: g.he_normal(w, 3, truncated=True),
        lambda g, w: g.variance_scaling(w, fan_in=3),
        lambda g, w: g.variance_scaling(w, distribution="uniform", fan_in=3),
        lambda g, w: g.orthogonal(w),
        lambda g, w: g.sparse(w, 0.5),
        lambda g, w: g.fill({"w": (w, "xavier_uniform", 3, 4)}),
    ],
)
def test_other_draws_refuse_them_and_say_what_draws_them(g, dtype, call):
    w = np.ones((3, 4), dtype)
    with pytest.raises(TypeError, match=f"out has dtype {dtype}; accepted are ") as caught:
        call(g, w)
    is_bits = "uint32" in str(caught.value)
    assert is_bits or "complex numbers are drawn by normal and by the normal schemes that are not" in str(caught.value)
    assert np.all(w == 1)
    assert g.stream == 0


def test_complex_dtypes_that_are_not_filled(g):
    for dtype in ("G", ">c8", ">c16", ml_dtypes.bcomplex32):
        with pytest.raises(TypeError, match="out has dtype"):
            g.normal(np.zeros(3, dtype))


@pytest.mark.parametrize("mean", [1j, 1 + 0j, np.complex64(1), np.array(1 + 1j)], ids=repr)
def test_real_arrays_take_no_complex_mean(g, mean):
    with pytest.raises(TypeError, match=r"mean must be a number, not .*: the array is not complex"):
        g.normal(np.empty(3, np.float32), mean)
    g.normal(np.empty(3, np.complex64), mean)


def test_numbers_that_are_real_refuse_complex_ones(g):
    for call in (
        lambda: g.normal(np.empty(3, np.complex64), std=1j),
        lambda: g.normal(np.empty(3, np.complex64), std=np.complex64(1)),
        lambda: g.uniform(np.empty(3), 0, 1 + 0j),
        lambda: g.he_normal(np.empty(3), np.complex128(3)),
    ):
        with pytest.raises(TypeError, match="must be a number, not complex"):
            call()


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (math.nan, 1),
        (complex(0, math.nan), 1),
        (complex(math.inf, 0), 1),
        (0, -1),
        (0, 1e38),
        (complex(0, 3.4e38), 1e37),
    ],
    ids=repr,
)
def test_parts_that_would_overflow_are_refused(g, mean, std):
    w = np.ones(3, np.complex64)
    with pytest.raises(ValueError, match=r"mean=.*std=.*do not overflow float32"):
        g.normal(w, mean, std)
    assert np.all(w == 1)


def test_most_elements():
    g = fastinit.Generator(7)
    out = np.empty(5, np.complex64)
    g.normal(out, stream=0, offset=(2**62 - 5,), global_shape=(2**62,))
    parts = np.empty(10, np.float32)
    g.normal(parts, std=math.sqrt(0.5), stream=0, offset=(2**63 - 10,), global_shape=(2**63,))
    assert out.tobytes() == parts.tobytes()
    with pytest.raises(ValueError, match=r"has more than 2\*\*62 elements, the most that are accepted of complex"):
        g.normal(out, stream=0, offset=(0,), global_shape=(2**62 + 1,))
    g.normal(np.empty((1,) * 63 + (3,), np.complex64))  # with the parts, 65 axes


def test_mean_may_be_an_object_that_is_complex_only(g):
    class Number:
        def __complex__(self):
            return 1 - 2j

    class Broken:
        def __complex__(self):
            raise TypeError("no mean yet")

    w = g.normal(np.empty(3, np.complex64), Number(), 0.5, stream=1)
    assert w.tobytes() == g.normal(np.empty(3, np.complex64), 1 - 2j, 0.5, stream=1).tobytes()
    for call in (lambda: g.normal(w, Broken()), lambda: g.constant(w, Broken())):
        with pytest.raises(TypeError, match="must be a number, not Broken") as caught:
            call()
        assert str(caught.value.__cause__) == "no mean yet"
    with pytest.raises(TypeError, match="the array is not complex"):
        g.normal(np.empty(3), Number())


def test_schemes_overflow_where_normal_does(g):
    std = 5.5e37  # of a part, the draws do not overflow; of a real number they would
    w = g.variance_scaling(np.empty(3, np.complex64), std**2, distribution="normal", fan_in=1, stream=1)
    assert w.tobytes() == g.normal(np.empty(3, np.complex64), 0.0, std, stream=1).tobytes()
