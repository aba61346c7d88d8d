"""Each scheme is the formula that its name promises: its standard draw, scaled, or its matrix."""

import concurrent.futures
import copy
import ctypes
import itertools
import math
import pickle
import platform
import random
import re
from decimal import Decimal
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
import reference
from conftest import ROUNDING_MODES, sets_rounding
from scipy import stats
from test_statistics import LEAST_P, p_of_sample_mean

import fastinit
from fastinit import capi
from fastinit.constants import array_in_dtype
from fastinit.generator import SCHEMES
from fastinit.matrices import REFLECTIONS as BLOCK
from fastinit.schemes import FAMILIES, FUNCTIONS

DTYPES = [np.dtype(dtype) for dtype in ("f4", "f8", "f2", ml_dtypes.bfloat16)]
WITHIN_TWO = 0.87962566103423978  # the standard deviation of a normal cut at two of its own

# What each family promises: the variance is this number divided by these fans.
PROMISED = {"xavier": (2, "sum"), "he": (2, "in"), "lecun": (1, "in"), "lasagne": (2, "sum")}
# What else its functions are given, and what becomes of the scale and of the fans; the gain is that which is given.
GIVEN = {
    "gain": [({}, 1, 1), ({"gain": 1.5}, 1, 1), ({"gain": 5 / 3}, 1, 1)],
    "gain or relu": [({}, 1, 1), ({"gain": 0.5}, 1, 1), ({"gain": "relu"}, 2, 1)],
    "slope": [({}, 1, 1), ({"negative_slope": 0.2}, 1, 1 + 0.2**2)],
    "": [({}, 1, 1)],
}
FANS = {"sum": [(30, 20)], "fan": [(30,), ()], "fan_in": [(30,)]}  # none: fan_out is given


def fans_of(which, fan_in, fan_out):
    return {"in": fan_in, "out": fan_out, "sum": fan_in + fan_out}[which]


def scaled():
    """Every scheme that is a draw and a scale: its call, and the draw that it must equal bit for bit."""
    for row in FAMILIES:
        scale, which = PROMISED[row.name]
        for draw, fans, (given, times, longer) in itertools.product(row.sources, FANS[row.n], GIVEN[row.takes]):
            name, keywords = f"{row.name}_{draw}", given if fans else {**given, "fan_out": 20}
            gain = 1 if given.get("gain") == "relu" else given.get("gain", 1)
            n = longer * (fans_of(which, 30, 20) if fans else 20)
            if draw == "uniform":
                limit = gain * math.sqrt(3 * scale * times / n)
                yield name, fans, keywords, "uniform", (-limit, limit)
            else:
                std = gain * math.sqrt(scale * times / n)
                yield name, fans, keywords, "normal", (0, std)
                yield name, fans, {**keywords, "truncated": True}, "truncated_normal", (0, std / WITHIN_TWO)
    both = {"fan_in": 30, "fan_out": 20}
    for arguments, fans, draw, parameter in (
        ((), {"fan_in": 30}, "truncated_normal", math.sqrt(1 / 30) / WITHIN_TWO),
        ((2.0, "fan_in", "normal"), {"fan_in": 30}, "normal", math.sqrt(2 / 30)),
        ((2.0, "fan_out", "untruncated_normal"), {"fan_out": 20}, "normal", math.sqrt(2 / 20)),
        ((1.0, "fan_avg", "uniform"), both, "uniform", math.sqrt(3 / 25)),
        ((1.0, "fan_geo_avg", "normal"), both, "normal", math.sqrt(1 / math.sqrt(600))),
    ):
        yield "variance_scaling", arguments, fans, draw, (-parameter if draw == "uniform" else 0, parameter)


def with_layout():
    """The same with a layout: what else they are given, the scale, and the fans that divide it."""
    for row in FAMILIES:
        scale, which = PROMISED[row.name]
        for draw, relu in itertools.product(row.sources, (False, True) if row.takes == "gain or relu" else (False,)):
            given = {"gain": "relu"} if relu else {}
            for cut in ({}, {"truncated": True}) if draw == "normal" else ({},):
                yield f"{row.name}_{draw}", {**given, **cut}, scale * (2 if relu else 1), which
    yield "variance_scaling", {"mode": "fan_out"}, 1, "out"


SCALED, WITH_LAYOUT = list(scaled()), list(with_layout())
DRAWN = sorted(row.name for row in FUNCTIONS.values() if row.draws and row.kind != "draw" and not row.same_as)


@pytest.fixture
def g():
    return fastinit.Generator(2024)


def call(g, name, out, **keywords):
    """Any of DRAWN, with arguments that it accepts."""
    arguments = {"sparse": (0.25,), "variance_scaling": (1.0, "fan_avg")}.get(name, ())
    if FUNCTIONS[name].kind == "scheme":
        keywords["layout"] = "keras"
    return getattr(g, name)(out, *arguments, **keywords)


# ---- Scaled draws ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "arguments", "keywords", "draw", "parameters"), SCALED)
def test_scheme_is_its_draw_scaled_bit_for_bit(g, name, arguments, keywords, draw, parameters, dtype, accumulate):
    where = {"stream": "w", "accumulate": accumulate}
    scheme = getattr(g, name)(np.ones((20, 30), dtype), *arguments, **keywords, **where)
    scaled = getattr(g, draw)(np.ones((20, 30), dtype), *parameters, **where)
    assert scheme.tobytes() == scaled.tobytes()


@pytest.mark.parametrize("layout", ["torch", "keras", "lasagne"])
@pytest.mark.parametrize(("name", "keywords", "scale", "which"), WITH_LAYOUT)
def test_mean_variance_and_support_are_the_formulas(g, name, keywords, scale, which, layout):
    w = getattr(g, name)(np.empty((96, 64, 5, 7), np.float32), layout=layout, **keywords).astype(np.float64)
    variance = scale / fans_of(which, *fastinit.fans(w.shape, layout))
    uniform, truncated = name.endswith("uniform"), keywords.get("truncated") or name == "variance_scaling"
    fourth = 9 / 5 if uniform else stats.truncnorm(-2, 2).moment(4) / WITHIN_TWO**4 if truncated else 3
    assert p_of_sample_mean(w, 0, variance) > LEAST_P
    assert p_of_sample_mean(w**2, variance, (fourth - 1) * variance**2) > LEAST_P
    farthest = np.abs(w).max() / math.sqrt(variance)
    if uniform:
        assert 1.73 < farthest <= math.sqrt(3)
    elif truncated:
        assert 2.27 < farthest <= 2 / WITHIN_TWO
    else:
        assert farthest > 4


@pytest.mark.parametrize("name", sorted({name for name, *_ in SCALED}))
@pytest.mark.parametrize(
    ("layout", "shape"),
    [("torch", (4, 0)), ("torch", (0, 4)), ("keras", (0, 4)), ("keras", (4, 0)), ("keras", (0,)), ("lasagne", (0, 0))],
)
def test_empty_array_with_a_layout_is_filled_with_nothing(g, name, layout, shape):
    assert getattr(g, name)(np.empty(shape), layout=layout).shape == shape
    for mode in ("fan_in", "fan_out", "fan_avg", "fan_geo_avg") if name == "variance_scaling" else ():
        assert g.variance_scaling(np.empty(shape), mode=mode, layout=layout).shape == shape


@sets_rounding
def test_callers_rounding_mode_does_not_move_a_scale(g):
    libm = ctypes.CDLL("libm.so.6")
    calls = [(name, arguments, keywords) for name, arguments, keywords, _, _ in SCALED]
    calls += [("he_uniform", (10, 1e155), {}), ("he_normal", (10, 1.3e155), {"truncated": True})]
    expected = [getattr(g, name)(np.empty(9), *a, **k, stream=1).tobytes() for name, a, k in calls]
    for mode in ROUNDING_MODES[platform.machine()]:
        libm.fesetround(mode)
        try:
            filled = [getattr(g, name)(np.empty(9), *a, **k, stream=1).tobytes() for name, a, k in calls]
        finally:
            libm.fesetround(0)
        assert filled == expected


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(("fan_in", "slope"), [(784, 0.0), (1, 0), (3.5, 0.25), (10**30, -1.0)])
def test_any_fan_and_slope_are_taken_as_they_are(g, dtype, fan_in, slope):
    w = g.he_normal(np.empty(100, dtype), fan_in, slope, stream=1)
    std = math.sqrt(2 / ((1 + slope * slope) * fan_in))
    assert w.tobytes() == g.normal(np.empty(100, dtype), 0.0, std, stream=1).tobytes()


DRAWS = ("uniform", "normal", "truncated_normal")
MODES = ("fan_in", "fan_out", "fan_sum", "fan_avg", "fan_geo_avg")
CTYPES = {"f4": (capi.FASTINIT_FLOAT32, np.float32), "f8": (capi.FASTINIT_FLOAT64, np.float64)}


def of_the_scheme(dtype, draw, mode, *numbers):
    """Eight values of any scheme, its numbers in the order of fastinit_scheme; None if it is refused."""
    fill, out = capi.fastinit_fill(seed=7), np.empty(8, dtype)
    scheme = capi.fastinit_scheme(MODES.index(mode), *numbers)
    if capi.set_scheme(fill, CTYPES[dtype][0], scheme, DRAWS.index(draw)):
        return None
    capi.fill_range(fill, 0, out.size, out.ctypes.data)
    return out.tobytes()


def of_the_parameter(dtype, draw, parameter):
    """The same of a draw with that limit or standard deviation."""
    number, kind = CTYPES[dtype]
    with np.errstate(over="ignore", under="ignore"):
        if kind(parameter) == 0:
            return None
    out = np.empty(8, dtype)
    arguments = (-parameter, parameter) if draw == "uniform" else (0.0, parameter)
    bounds = (-2.0, 2.0) if draw == "truncated_normal" else ()
    refused = getattr(capi, draw)(out.ctypes.data, out.size, number, *arguments, *bounds, 7, 0, 0, 0)
    return None if refused else out.tobytes()


# Where doubles end, and where their squares, products and square roots do.
EDGES = (-1074, -1073, -1023, -1022, -1021, -538, -537, -512, -511, -54, -53, -1, 0, 1, 53, 511, 512, 513, 1022, 1023)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("draw", DRAWS)
def test_scales_are_right_where_what_leads_to_them_overflows_or_underflows(draw, mode):
    chance = random.Random(f"{draw}, {mode}")

    def number():
        exponent = chance.choice(EDGES) if chance.random() < 0.6 else chance.randint(-1074, 1023)
        return math.ldexp(chance.choice((1.0, 1.5, chance.uniform(1, 2))), exponent)

    outcomes = []
    for _ in range(400):
        fan_in, fan_out, scale = number(), number(), number()
        if chance.random() < 0.3:
            fan_out = fan_in
        gain = chance.choice((1.0, number()))
        slope = chance.choice((0.0, number(), -number()))
        numbers = fan_in, fan_out, scale, gain, slope
        parameter = reference.scheme_parameter(draw, mode, *numbers)
        for dtype in ("f4", "f8"):
            expected = of_the_parameter(dtype, draw, parameter)
            assert of_the_scheme(dtype, draw, mode, *numbers) == expected, (dtype, numbers)
            outcomes.append(expected is None)
    assert 200 < sum(outcomes) < 600


def in_double(draw, mode, fan_in, fan_out, scale, gain, slope):
    """The operations as they stand in the contract, and whether their results on the way are all normal numbers."""
    with np.errstate(all="ignore"):
        fan_in, fan_out, scale, gain, slope = map(np.float64, (fan_in, fan_out, scale, gain, slope))
        total, product = fan_in + fan_out, fan_in * fan_out
        fans = fan_in, fan_out, total, total / 2, np.sqrt(product)
        n = (1 + slope * slope) * fans[MODES.index(mode)]
        s = 3 * scale if draw == "uniform" else scale
        results = [fans[MODES.index(mode)], n, s, s / n] + [product] * (mode == "fan_geo_avg")
        parameter = gain * np.sqrt(s / n)
        if draw == "truncated_normal":
            results.append(parameter)
            parameter = parameter / WITHIN_TWO
    return float(parameter), all(np.finfo(np.float64).tiny <= result < math.inf for result in results)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("draw", DRAWS)
def test_no_bit_of_a_scale_moves_where_nothing_overflows_or_underflows(draw, mode):
    """Not even of a subnormal scale, which is rounded once."""
    chance, ordinary = random.Random(f"{mode}, {draw}"), 0
    for reach in (1, 10, 100, 300) * 100:
        numbers = [10 ** chance.uniform(-reach, reach) for _ in range(4)] + [chance.uniform(-2, 2)]
        if reach == 1:
            numbers[3] *= 1e-310
        parameter, is_ordinary = in_double(draw, mode, *numbers)
        if not is_ordinary:
            continue
        ordinary += 1
        assert parameter == reference.scheme_parameter(draw, mode, *numbers), numbers
        for dtype in ("f4", "f8"):
            assert of_the_scheme(dtype, draw, mode, *numbers) == of_the_parameter(dtype, draw, parameter), numbers
    assert ordinary > 150


def test_scheme_does_not_depend_on_those_before_it_or_beside_it():
    """A generator remembers the last one's scale."""
    calls = [
        ("he_normal", (64,), {}),
        ("he_normal", (64,), {"truncated": True}),
        ("he_uniform", (64,), {}),
        ("he_normal", (64, 0.5), {}),
        ("he_normal", (), {"fan_out": 64}),
        ("he_normal", (), {"layout": "keras"}),
        ("lecun_normal", (64,), {}),
        ("xavier_normal", (64, 64), {}),
        ("xavier_normal", (64, 32), {}),
        ("xavier_normal", (64, 64, 2.0), {}),
        ("variance_scaling", (2.0, "fan_in", "normal"), {"fan_in": 64}),
        ("variance_scaling", (2.0, "fan_geo_avg", "normal"), {"fan_in": 64, "fan_out": 32}),
        ("variance_scaling", (2.0, "fan_avg", "uniform"), {"fan_in": 64, "fan_out": 32}),
    ]

    def drawn(generator, i):
        name, arguments, keywords = calls[i // 3]
        out = np.empty((4, 8), ("f4", "f8", "f2")[i % 3])
        return getattr(generator, name)(out, *arguments, **keywords, stream=i).tobytes()

    count = 3 * len(calls)
    expected = [drawn(fastinit.Generator(7), i) for i in range(count)]
    shared = fastinit.Generator(7)
    order = np.random.default_rng(7).integers(0, count, 3000).tolist()
    assert all(drawn(shared, i) == expected[i] for i in order)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert all(threads.map(lambda i: drawn(shared, i) == expected[i], order))


def test_schemes_of_huge_and_tiny_arguments_are_their_formulas(g):
    def std(w):
        most = np.abs(w).max()
        return float(np.std(w / most) * most)

    w = np.empty(10_000)
    geometric = {"fan_in": 1e200, "fan_out": 1e200}
    assert std(g.he_normal(w, 10, negative_slope=1e155)) == pytest.approx(math.sqrt(0.2) * 1e-155, rel=0.03)
    assert std(g.he_normal(w, 1e-310)) == pytest.approx(math.sqrt(2) * 1e155, rel=0.03)
    assert std(g.xavier_uniform(w, 1.5e308, 1.5e308)) == pytest.approx(math.sqrt(1 / 1.5) * 1e-154, rel=0.03)
    for distribution in ("truncated_normal", "normal", "uniform"):
        g.variance_scaling(w, 1.0, "fan_geo_avg", distribution, **geometric)
        assert std(w) == pytest.approx(1e-100, rel=0.03)
        g.variance_scaling(w, 1e308, "fan_geo_avg", distribution, **geometric)
        assert std(w) == pytest.approx(1e54, rel=0.03)


# ---- Every scheme ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWN)
def test_scheme_that_draws_takes_one_stream(g, name):
    shape = (3, 3, 4, 5) if name == "delta_orthogonal" else (20, 30)
    first = call(g, name, np.empty(shape))
    second = call(g, name, np.empty(shape))
    assert g.stream == 2
    assert not np.array_equal(first, second)
    assert np.array_equal(call(g, name, np.empty(shape), stream=1), second)
    assert g.stream == 2


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [name for name in DRAWN if FUNCTIONS[name].kind == "matrix"])
def test_sixteen_bit_matrices_are_the_float32_ones_rounded_and_accumulate_adds_once(g, name, dtype):
    compute = np.float64 if dtype == np.float64 else np.float32
    exact = call(g, name, np.empty((3, 4, 5) if name != "sparse" else (12, 5), compute), stream=1)
    assert call(g, name, np.empty(exact.shape, dtype), stream=1).tobytes() == exact.astype(dtype).tobytes()
    old = np.linspace(-1, 1, exact.size).reshape(exact.shape).astype(dtype)
    expected = (old.astype(compute) + exact).astype(dtype)
    assert call(g, name, old.copy(), stream=1, accumulate=True).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8"])
def test_gain_of_a_matrix_that_rounds_to_zero_is_refused(g, dtype):
    gain = 1e-50 if dtype != "f8" else 5e-324
    for name, shape in (("orthogonal", (3, 3)), ("delta_orthogonal", (3, 3, 3))):
        out = np.ones(shape, dtype)
        if dtype == "f8":
            getattr(g, name)(out, gain)
            continue
        with pytest.raises(ValueError, match=r"gain=1e-50 rounds to 0 in float32"):
            getattr(g, name)(out, gain)
        assert (out == 1).all()


def test_fills_return_the_array_itself(g):
    w, words = np.empty((2, 3, 4)), np.empty((), np.uint32)
    assert g.normal(w) is g.uniform(w) is g.truncated_normal(w) is g.zeros(w) is g.dirac(w) is g.constant(w, 2) is w
    assert g.bits(words) is words
    for name in DRAWN:
        out = w[0] if name == "sparse" else w
        assert call(g, name, out) is out


def test_every_public_method_is_a_row_or_no_fill():
    methods = {name for name in dir(fastinit.Generator) if not name.startswith("_")}
    assert methods - set(SCHEMES) == {"fill", "reseed", "seed", "spawn", "state", "stream"}
    assert set(SCHEMES) <= methods


def test_module_functions_and_aliases_are_the_generators():
    for name, row in FUNCTIONS.items():
        assert getattr(fastinit, name) == getattr(fastinit._functions, name)
        assert name in fastinit.__all__
        assert getattr(fastinit.Generator, name) is getattr(fastinit.Generator, row.same_as or name)
    assert fastinit.Generator.kaiming_normal is fastinit.Generator.he_normal
    assert fastinit.glorot_uniform == fastinit.xavier_uniform


def test_copied_and_pickled_generators_keep_all_schemes(g):
    for other in (copy.copy(g), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert type(other) is fastinit.Generator
        assert np.array_equal(other.orthogonal(np.empty((3, 3)), stream=1), g.orthogonal(np.empty((3, 3)), stream=1))


# ---- Constants -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_constants_fill_any_layout_and_take_no_stream(g, dtype):
    whole = np.full((6, 8), 7, dtype)
    view = whole[::2, ::-1].T
    for fill, value in ((g.zeros, 0), (g.ones, 1), (lambda w: g.constant(w, -0.25), -0.25)):
        assert fill(view) is view
        assert (view == value).all()
    assert (whole[1::2] == 7).all()
    assert g.stream == 0


def test_constant_may_be_no_number_but_not_overflow(g):
    assert np.isnan(g.constant(np.empty(3), math.nan)).all()
    assert (g.constant(np.empty(3, np.float16), -math.inf) == -math.inf).all()
    assert (g.constant(np.empty(2, np.float16), 65504) == 65504).all()
    assert (g.constant(np.empty(2, np.float32), -1e38) == np.float32(-1e38)).all()
    for dtype, value in (("f2", 65520), ("f4", 3.5e38), (ml_dtypes.bfloat16, -3.4e38)):
        out = np.ones(3, dtype)
        with pytest.raises(ValueError, match=r"value=.* overflows"):
            g.constant(out, value)
        assert (out == 1).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(4, 4), (2, 5), (5, 2), (0, 3), (1, 1)])
def test_identity_is_ones_on_the_diagonal(g, shape, dtype):
    assert np.array_equal(g.identity(np.full(shape, 9, dtype)), np.eye(*shape))
    assert np.array_equal(g.identity(np.full(shape[::-1], 9, dtype).T, gain=-2), -2 * np.eye(*shape))


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6, 4, 3), (6, 2, 3, 4), (12, 9, 1, 2, 5), (6, 0, 3), (0, 2, 2)])
def test_dirac_passes_channels_on_in_every_group(g, shape, groups):
    expected = np.zeros(shape)
    per_group = shape[0] // groups
    for group, channel in itertools.product(range(groups), range(min(per_group, shape[1]))):
        expected[(group * per_group + channel, channel, *(size // 2 for size in shape[2:]))] = 1
    for dtype in DTYPES:
        assert np.array_equal(g.dirac(np.full(shape, 9, dtype), groups), expected)


ML_DTYPES = [
    np.dtype(each)
    for name in dir(ml_dtypes)
    if isinstance(each := getattr(ml_dtypes, name), type) and "info" not in name
]
NUMBERS = [np.dtype(c) for c in "?bBhHiIlLqQefdgFDG"] + ML_DTYPES
LONG = [np.dtype(np.longdouble), np.dtype(np.clongdouble)]
INTEGERS = {
    np.dtype(dtype): np.iinfo(dtype) if dtype.num < 256 else ml_dtypes.iinfo(dtype)
    for dtype in NUMBERS
    if re.fullmatch(r"u?int\d+", dtype.name)
}


def same(array, values):
    """Whether the array holds the values in its dtype, bit for bit; a long double has bytes that mean nothing."""
    expected = np.broadcast_to(np.array(values).astype(array.dtype), array.shape)
    return (
        np.array_equal(array, expected, equal_nan=True)
        if array.dtype in LONG
        else array.tobytes() == expected.tobytes()
    )


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_constants_take_every_dtype_of_numbers(g, dtype):
    signed = not (dtype.kind in "bu" or dtype.name.startswith("uint") or dtype.name == "float8_e8m0fnu")
    values = ([-1] if signed else []) + [0] * (dtype.name != "float8_e8m0fnu") + [1] * (dtype.name != "int1")
    block = {"offset": (1, 2), "global_shape": (9, 9)}
    for value in values:
        out = np.empty((4, 3), dtype)
        assert g.constant(out, value) is out
        assert same(out, value)
        whole = np.full((6, 8), values[0]).astype(dtype)
        view = whole[::2, ::-2].T
        assert g.constant(view, float(value)) is view
        assert same(view, value)
        assert same(whole[1::2], values[0])
        assert same(g.constant(np.empty((), dtype), np.int8(value)), value)
        assert same(g.constant(np.empty((4, 3), dtype), np.array(value), **block), value)
    if 1 in values:
        assert same(g.ones(np.empty(3, dtype)), 1)
    if 0 in values:
        assert same(g.zeros(np.full((4, 3), values[-1]).astype(dtype)), 0)
        for gain in values:
            assert same(g.identity(np.empty((4, 7), dtype), gain), np.where(np.eye(4, 7), gain, 0))
            part = g.identity(np.empty((7, 4), dtype).T[1:, ::-1], gain, offset=(1, 1), global_shape=(4, 9))
            assert same(part, np.where(np.eye(4, 9), gain, 0)[1:, 1:8])
    if {0, 1} <= set(values):
        passing = np.zeros((4, 2, 3))
        passing[range(4), [0, 1, 0, 1], 1] = 1
        assert same(g.dirac(np.empty((4, 2, 3), dtype), 2), passing)
        part = g.dirac(np.empty((2, 2, 2), dtype), 2, offset=(1, 0, 1), global_shape=(4, 2, 3))
        assert same(part, passing[1:3, :, 1:])


@pytest.mark.parametrize("dtype", [dtype for dtype in NUMBERS if dtype not in DTYPES], ids=str)
def test_draws_still_refuse_the_dtypes_of_constants(g, dtype):
    out = np.empty((3, 3), dtype)
    for name in ("uniform", "orthogonal", "delta_orthogonal", *(["normal"] if dtype.kind != "c" else [])):
        with pytest.raises(TypeError, match="accepted are float32, float64, float16, bfloat16"):
            getattr(g, name)(out)


@pytest.mark.parametrize("dtype", ["O", "U3", "S2", "M8[s]", "m8[s]", "V2", [("a", "f4")], "T", ">f4", ">i8", ">c16"])
def test_constants_refuse_what_is_no_number_or_byte_swapped(g, dtype):
    shape = (3, 3, 3)
    for call in (g.zeros, g.ones, lambda w: g.constant(w, 1), lambda w: g.identity(w[0]), g.dirac):
        with pytest.raises(TypeError, match="byte-swapped" if str(dtype)[0] == ">" else "out has dtype .*accepted are"):
            call(np.zeros(shape, dtype))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_are_exact_up_to_the_ends_of_their_range(g, dtype):
    low, high = int(INTEGERS[dtype].min), int(INTEGERS[dtype].max)
    for value in (low, min(low + 1, high), max(high - 1, low), high):
        assert [int(each) for each in g.constant(np.empty(3, dtype), value)] == [value] * 3
        assert int(g.identity(np.empty((2, 2), dtype), value)[1, 1]) == value
        assert int(g.constant(np.empty((), dtype), np.array(value))[()]) == value
    wrong = [low - 1, high + 1, 0.5, math.nan, math.inf, -math.inf, 10**30, Decimal("0.25"), 1e300, np.float32(0.5)]
    for value in wrong:
        out = np.full(3, -1 if high == 0 else high).astype(dtype)
        before = out.tobytes()
        text = rf"value={re.escape(repr(value))}; accepted for {dtype} are the integers from {low} to {high}"
        with pytest.raises(ValueError, match=text):
            g.constant(out, value)
        assert out.tobytes() == before


def test_the_extremes_of_64_bits_take_no_way_through_a_double(g):
    assert g.constant(np.empty(1, np.int64), 2**63 - 1)[0] == 2**63 - 1
    assert g.constant(np.empty(1, np.int64), np.int64(2**63 - 1))[0] == 2**63 - 1
    assert g.constant(np.empty(1, np.uint64), np.uint64(2**64 - 1))[0] == 2**64 - 1
    assert g.constant(np.empty(1, np.int64), 2**53 + 1)[0] == 2**53 + 1
    assert g.constant(np.empty(1, np.int64), Decimal(2**53 + 1))[0] == 2**53 + 1
    assert g.constant(np.empty(1, np.int64), np.longdouble(2**53) + 1)[0] == 2**53 + 1
    with pytest.raises(ValueError, match=r"value=9.223372036854776e\+18; accepted for int64"):
        g.constant(np.empty(1, np.int64), 2.0**63)


def test_bool_takes_zero_and_one(g):
    for value in (0, 1, True, False, 1.0, 0.0, np.True_, np.int8(1)):
        assert (g.constant(np.empty(2, bool), value) == bool(value)).all()
    for value in (2, -1, 0.5, math.nan):
        with pytest.raises(ValueError, match=f"value={value}; accepted for bool are 0 and 1"):
            g.constant(np.ones(2, bool), value)


@pytest.mark.parametrize("dtype", [d for d in NUMBERS if d.kind in "fV" and d.name.startswith("float")], ids=str)
def test_floats_are_what_numpy_rounds_them_to_and_never_overflow_in_silence(g, dtype):
    rng = np.random.default_rng(5)
    values = rng.standard_normal(300) * np.exp2(rng.uniform(-12, 12, 300))
    values = np.append(values, [448, 464, 465, 57344, 61440, 1e300])
    with np.errstate(all="ignore"):
        rounded = values.astype(dtype)
        most = float(np.array(math.inf).astype(dtype))
    refused = 0
    for value, expected in zip(values.tolist(), rounded, strict=True):
        if math.isfinite(float(expected)) and not (math.isfinite(most) and abs(value) > most):
            assert same(g.constant(np.empty(2, dtype), value), expected)
        else:
            refused += 1
            with pytest.raises(ValueError, match=r"value=.* (overflows|has no negative)"):
                g.constant(np.empty(2, dtype), value)
    assert refused or dtype.name in ("float64", "float128")


def test_infinity_and_nan_go_where_the_dtype_has_them(g):
    assert float(g.constant(np.empty(1, ml_dtypes.float8_e5m2), -math.inf)[0]) == -math.inf
    assert math.isnan(float(g.constant(np.empty(1, ml_dtypes.float8_e4m3fn), math.nan)[0]))
    refused = [
        (ml_dtypes.float8_e4m3fn, math.inf, "value=inf; float8_e4m3fn has no infinity"),
        (ml_dtypes.float8_e5m2fnuz, -math.inf, "value=-inf; float8_e5m2fnuz has no infinity"),
        (ml_dtypes.float4_e2m1fn, math.inf, "value=inf; float4_e2m1fn has no infinity"),
        (ml_dtypes.float4_e2m1fn, math.nan, "value=nan; float4_e2m1fn has no NaN"),
        (ml_dtypes.float8_e8m0fnu, 0, "value=0; float8_e8m0fnu has no zero"),
        (ml_dtypes.float8_e8m0fnu, -2.0, "value=-2.0; float8_e8m0fnu has no negative numbers"),
    ]
    for dtype, value, message in refused:
        with pytest.raises(ValueError, match=message):
            g.constant(np.ones(3, dtype), value)
    for fill in (g.zeros, lambda w: g.identity(w[0]), g.dirac):
        with pytest.raises(ValueError, match=r"float8_e8m0fnu(, which)? has no zero"):
            fill(np.ones((2, 2, 3), ml_dtypes.float8_e8m0fnu))
    with pytest.raises(ValueError, match="out has dtype int1, which has no one; dirac needs it"):
        g.dirac(np.zeros((2, 2, 3), ml_dtypes.int1))


def test_numbers_that_no_double_holds_are_refused_and_told(g):
    most = np.finfo(np.longdouble).max
    if most > np.finfo(np.float64).max:
        for dtype in ("d", "g"):
            with pytest.raises(ValueError, match="is too large for a double"):
                g.constant(np.zeros(2, dtype), most)
        with pytest.raises(ValueError, match="is too large for a double"):
            g.constant(np.zeros(2, "G"), np.clongdouble(most))
    assert np.isinf(g.constant(np.zeros(2, "g"), np.longdouble(math.inf))).all()
    with pytest.raises(ValueError, match="is too large for a double"):
        g.constant(np.zeros(2, complex), Fraction(10**400))
    with pytest.raises(ValueError, match="value=an integer of 16610 bits; accepted for int64 are"):
        g.constant(np.zeros(2, np.int64), 10**5000)


def test_lists_of_values_are_exact(g):
    held = array_in_dtype("value", np.array([2**63 + 1, 1.0, 1], object), np.dtype(np.uint64))
    assert held.tolist() == [2**63 + 1, 1, 1]
    with pytest.raises(ValueError, match=r"value=0\.5"):
        array_in_dtype("value", np.array([[1, 0.5]], object), np.dtype(np.int8))


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_an_array_of_constants_is_what_each_of_them_is_or_refused(g, dtype):
    ends = [np.array([0, 1, 2]), np.array([-1, 0]), np.array([1, 300]), np.array([2**63 - 1, 1]), np.array([2**63 + 9])]
    floats = [
        [0.5, 1.0],
        [1.0, 1e300],
        [-1e300],
        [math.nan, 1],
        [1, math.inf],
        [-math.inf, 1],
        [1.0, 4.0],
        [448, 465.0],
    ]
    arrays = [*map(np.array, floats), np.array([1, 0.5], "e"), np.array([2, 1], ml_dtypes.float8_e5m2)]
    if dtype in LONG:
        del ends[-2:]  # exact in an array; by itself it is a double
    for values in [*ends, *arrays, np.empty(0), np.array([[1j, 2], [0.5, 1e300]]), np.array([True, False])]:
        try:
            expected = np.empty(values.shape, dtype)
            for place, each in np.ndenumerate(values):
                g.constant(expected[(*place, ...)], each)
        except (TypeError, ValueError) as error:
            with pytest.raises(type(error), match="value"):
                array_in_dtype("value", values, dtype)
        else:
            assert same(array_in_dtype("value", values, dtype), expected)


@pytest.mark.parametrize("dtype", [dtype for dtype in NUMBERS if dtype.kind in "cW"], ids=str)
def test_complex_dtypes_take_complex_numbers(g, dtype):
    for value in (1 + 2j, -0.5j, np.complex64(3 - 1j), np.array(0.25 + 1j), 2, 0.5, np.float32(0.5)):
        expected = np.array(complex(value)).astype(dtype)
        assert same(g.constant(np.empty(2, dtype), value), expected)
        assert same(g.identity(np.empty((1, 1), dtype), value), expected)
    assert np.isinf(complex(g.constant(np.empty(1, dtype), complex(math.inf, 1))[0]).real)
    if dtype.itemsize < 16:
        for value in (1e300, 1e300j, complex(math.nan, 1e300)):
            with pytest.raises(ValueError, match=r"value=.* overflows"):
                g.constant(np.empty(2, dtype), value)
    for wrong in ("3", None, [1j], (1,)):
        with pytest.raises(TypeError, match="value must be a number, not"):
            g.constant(np.empty(2, dtype), wrong)
    with pytest.raises(ValueError, match=r"gain=.*accepted is a finite number"):
        g.identity(np.empty((2, 2), dtype), complex(0, math.nan))


@pytest.mark.parametrize("dtype", [d for d in NUMBERS if d.kind not in "cW"], ids=str)
@pytest.mark.parametrize("value", [1j, np.complex64(1), np.array(1 + 0j), "1", None, [1.0]], ids=repr)
def test_real_dtypes_refuse_what_is_not_a_real_number(g, dtype, value):
    for call in (lambda: g.constant(np.ones(3, dtype), value), lambda: g.identity(np.ones((2, 2), dtype), value)):
        with pytest.raises(TypeError, match=f"must be a number, not {type(value).__name__}"):
            call()


# ---- Matrices --------------------------------------------------------------------------------------------------------


def distance_to_orthogonal(q):
    q = q.reshape(len(q), -1).astype(np.float64 if q.dtype != np.float64 else np.longdouble)
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    return float(np.abs(gram - np.eye(len(gram))).max())


ORTHOGONAL = [
    *(
        (1, 1),
        (5, 5),
        (3, 7),
        (7, 3),
        (4, 3, 5),
        (64, 2, 3, 3),
        (BLOCK + 1, BLOCK),
        (2 * BLOCK + 9, 3 * BLOCK),
    ),
    *((64, 64), (256, 256), (2000, 3), (3, 300), (64, 1500), (1000, 100)),
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", ORTHOGONAL)
def test_orthogonal_matrices_are_as_orthogonal_as_those_of_lapack(g, shape, dtype):
    """
    PyTorch's are off by up to 7e-7 and 9e-16. Where the Gram matrix of the reflections is a plain product in the dtype,
    it is up to 2.5e-6 and 4.5e-15.
    """
    if dtype == "f8" and np.finfo(np.longdouble).eps == np.finfo(dtype).eps:
        pytest.skip("no type of NumPy's is more precise here")
    distances = [distance_to_orthogonal(g.orthogonal(np.empty(shape, dtype))) for _ in range(5)]
    assert max(distances) < {"f4": 3, "f8": 7}[dtype] * np.finfo(dtype).eps


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (4, 3, 5), (BLOCK + 8, 2 * BLOCK)])
def test_orthogonal_takes_a_gain(g, shape):
    assert distance_to_orthogonal(g.orthogonal(np.empty(shape), gain=1.5) / 1.5) < 4e-15


@pytest.mark.parametrize("dtype", ["f2", ml_dtypes.bfloat16], ids=str)
def test_orthogonal_of_sixteen_bits_is_orthogonal_to_their_rounding(g, dtype):
    w = g.orthogonal(np.empty((200, 256), dtype)).astype(np.float32)
    assert distance_to_orthogonal(w) < float(ml_dtypes.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3)])
def test_orthogonal_of_nothing_is_nothing(g, shape):
    assert g.orthogonal(np.empty(shape)).shape == shape


@pytest.mark.parametrize("shape", [(6, 4), (BLOCK + 8, BLOCK + 5)])
def test_orthogonal_is_the_product_of_its_reflections(g, shape):
    """The same matrix, one reflection after the other: what QR with a positive diagonal gives for the first column."""
    normals = g.normal(np.empty(shape), stream=3)
    q = np.eye(*shape)
    for j in reversed(range(shape[1])):
        x = normals[j:, j]
        v = x.copy()
        v[0] += math.copysign(np.linalg.norm(x), x[0])
        q[j:, j:] -= 2 * np.outer(v, v @ q[j:, j:]) / (v @ v)
        q[:, j] *= -math.copysign(1, x[0])
    assert np.allclose(g.orthogonal(np.empty(shape), stream=3), q, atol=1e-13)
    assert np.allclose(q[:, 0], normals[:, 0] / np.linalg.norm(normals[:, 0]))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_orthogonal_is_uniform_over_orthogonal_matrices(g, n):
    """A QR factorisation whose signs are left as they come fails the trace and the determinant."""
    q = np.stack([g.orthogonal(np.empty((n, n))) for _ in range(4000)])
    for i, j in ((0, 0), (n - 1, 0), (0, n - 1), (n - 1, n - 1)):
        assert stats.kstest((q[:, i, j] + 1) / 2, stats.beta((n - 1) / 2, (n - 1) / 2).cdf).pvalue > LEAST_P
    trace = np.trace(q, axis1=1, axis2=2)
    assert p_of_sample_mean(trace, 0, 1) > LEAST_P
    assert abs(np.mean(trace**2) - 1) < 5 * np.std(trace**2) / math.sqrt(len(trace))
    assert stats.binomtest(int((np.linalg.det(q) > 0).sum()), len(q)).pvalue > LEAST_P


@pytest.mark.parametrize("shape", [(3, 4, 4), (4, 2, 5), (3, 3, 4, 8), (3, 5, 4, 2, 6), (3, 0, 5)])
def test_delta_orthogonal_is_an_orthogonal_matrix_at_the_center(g, shape):
    w = g.delta_orthogonal(np.full(shape, 9.0), gain=0.5, stream=1)
    center = tuple((size - 1) // 2 for size in shape[:-2])
    matrix = w[center].copy()
    assert np.allclose(matrix @ matrix.T, 0.25 * np.eye(shape[-2]))
    w[center] = 0
    assert not w.any()


@pytest.mark.parametrize("sparsity", [0, 0.1, 0.25, 1 / 3, 0.999, 1])
@pytest.mark.parametrize("shape", [(10, 7), (1, 4), (33, 20), (0, 3), (3, 0)])
def test_sparse_zeroes_that_part_of_each_column_rounded_up(g, shape, sparsity):
    w = g.sparse(np.empty(shape), sparsity, std=2.0, stream=1)
    assert (np.count_nonzero(w == 0, axis=0) == math.ceil(sparsity * shape[0])).all()
    normal = g.normal(np.empty(shape), std=2.0, stream=1)
    assert np.array_equal(w[w != 0], normal[w != 0])


def test_sparse_picks_its_positions_from_the_stream():
    rows, columns = 21, 11
    w = fastinit.Generator(7).sparse(np.empty((rows, columns), np.float32), 0.3, stream=5)
    keys = reference.long_words(7, 5, rows * columns, rows * columns).reshape(rows, columns)
    for column in range(columns):
        assert set(np.flatnonzero(w[:, column] == 0)) == set(np.argsort(keys[:, column] >> 5)[: math.ceil(0.3 * rows)])


def test_sparse_positions_are_uniform_and_differ_between_columns(g):
    zero = g.sparse(np.empty((16, 20_000), np.float32), 0.25, stream=1) == 0
    assert stats.chisquare(zero.sum(axis=1)).pvalue > LEAST_P
    patterns, counts = np.unique(zero.T, axis=0, return_counts=True)
    assert len(patterns) == math.comb(16, 4)
    assert stats.chisquare(counts).pvalue > LEAST_P


# ---- Fans, gains, recommendations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((20, 30), "torch", (30, 20)),
        ((20, 30, 5), "torch", (150, 100)),
        ((20, 30, 5, 7), "torch", (1050, 700)),
        ((20, 30, 5, 7, 2), "torch", (2100, 1400)),
        ((), "keras", (1, 1)),
        ((9,), "keras", (9, 9)),
        ((30, 20), "keras", (30, 20)),
        ((5, 30, 20), "keras", (150, 100)),
        ((5, 7, 30, 20), "keras", (1050, 700)),
        ((5, 7, 2, 30, 20), "keras", (2100, 1400)),
        ((30, 20), "lasagne", (30, 20)),
        ((20, 30, 5), "lasagne", (150, 100)),
        ((20, 30, 5, 7), "lasagne", (1050, 700)),
        ((3, 0), "torch", (0, 3)),
        ([np.int64(2), 3], "torch", (3, 2)),
    ],
)
def test_fans_are_the_frameworks(shape, layout, expected):
    assert fastinit.fans(shape, layout) == expected
    assert fastinit.fans(shape, layout).fan_out == expected[1]


@pytest.mark.parametrize("layout", ["torch", "lasagne"])
@pytest.mark.parametrize("shape", [(), (5,)])
def test_fans_of_fewer_than_two_axes_are_an_error_where_the_framework_has_none(shape, layout):
    with pytest.raises(ValueError, match="of two axes or more"):
        fastinit.fans(shape, layout)


@pytest.mark.parametrize(
    ("nonlinearity", "param", "expected"),
    [
        ("linear", None, 1),
        ("conv", None, 1),
        ("conv_transpose2d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / (1 + 0.01**2))),
        ("leaky_relu", 0.2, math.sqrt(2 / (1 + 0.2**2))),
        ("selu", None, 3 / 4),
    ],
)
def test_gains(nonlinearity, param, expected):
    assert fastinit.gain(nonlinearity, param) == expected


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_recommended_scheme_can_be_called_as_it_is_given(g, nonlinearity):
    scheme, arguments, reason = fastinit.recommend(nonlinearity)
    getattr(g, scheme)(np.empty((4, 3)), layout="torch", **arguments)
    assert reason.endswith(".")
    arguments["stream"] = 5  # the caller's own
    assert "stream" not in fastinit.recommend(nonlinearity).arguments


# ---- Bad input -------------------------------------------------------------------------------------------------------

NOT_POSITIVE = [0, -1, 0.0, math.nan, math.inf, -math.inf, 10**400]


def refusal(call, out):
    """The error of call(out), which wrote nothing and took no stream."""
    before = out.tobytes()
    generator = fastinit.Generator(7)
    with pytest.raises((TypeError, ValueError)) as caught:
        call(generator, out)
    assert out.tobytes() == before
    assert generator.stream == 0
    return caught.value


def numbers_of_schemes():
    """Each argument that is to be positive, and what else the function is given."""
    for row in FAMILIES:
        for name in row.functions:
            fans = {"fan_in": 3, "fan_out": 3} if row.n == "sum" else {"fan_in": 3}
            for argument in fans:
                yield name, argument, {other: 3 for other in fans if other != argument}
            if row.n == "fan":
                yield name, "fan_out", {}
            if row.takes.startswith("gain"):
                yield name, "gain", fans


def missing_fans():
    for row in FAMILIES:
        for name in row.functions:
            yield name, {}, "fan_in"
            if row.n == "sum":
                yield name, {"fan_in": 3}, "fan_out"


@pytest.mark.parametrize("value", [*NOT_POSITIVE, "3", [1.0], 1j], ids=repr)
@pytest.mark.parametrize(
    ("name", "argument", "others"),
    [
        *numbers_of_schemes(),
        ("variance_scaling", "scale", {"fan_in": 3}),
        ("variance_scaling", "fan_in", {}),
        ("orthogonal", "gain", {}),
    ],
)
def test_what_is_not_a_positive_finite_number(name, argument, others, value):
    error = refusal(lambda g, w: getattr(g, name)(w, **{argument: value}, **others), np.ones((2, 3)))
    assert argument in str(error)
    takes_text = argument == "gain" and name.startswith("lasagne")
    wrong_type = isinstance(value, list | complex) or (value == "3" and not takes_text)
    assert type(error) is (TypeError if wrong_type else ValueError)


@pytest.mark.parametrize(
    ("name", "given", "missing"),
    [
        *missing_fans(),
        ("variance_scaling", {}, "fan_in"),
        ("variance_scaling", {"mode": "fan_out", "fan_in": 3}, "fan_out"),
    ],
)
def test_missing_fan_names_both_ways(name, given, missing):
    error = refusal(lambda g, w: getattr(g, name)(w, **given), np.ones((2, 3)))
    assert f"{missing} is missing: give it as a number, or give layout=" in str(error)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda g, w: g.he_normal(w, 3, layout="torch"), "accepted are fans or a layout, not both"),
        (lambda g, w: g.he_normal(w, 3, fan_out=3), "accepted is one of the two"),
        (
            lambda g, w: g.he_normal(w, layout="pytorch"),
            "layout='pytorch'; accepted are torch, keras, jax, flax, tensorflow, lasagne; did you mean 'torch'?",
        ),
        (lambda g, w: g.he_normal(w, layout=3), "layout must be a string, not int"),
        (
            lambda g, w: g.variance_scaling(w, mode="fan"),
            "mode='fan'; accepted are fan_in, fan_out, fan_avg, fan_geo_avg",
        ),
        (
            lambda g, w: g.variance_scaling(w, distribution="cauchy"),
            "distribution='cauchy'; accepted are truncated_normal",
        ),
        (lambda g, w: g.lasagne_uniform(w, 3, 3, gain="tanh"), "gain='tanh'; accepted is a positive finite number or"),
        (lambda g, w: g.he_normal(w, 3, negative_slope=math.nan), "negative_slope=nan; accepted is a finite number"),
        (lambda g, w: g.he_uniform(w, 3, negative_slope=math.inf), "negative_slope=inf; accepted is a finite number"),
        (lambda g, w: g.he_normal(w.astype("f4"), 1e-310), "mean=0.0, std=1.41421356237309"),
        (lambda g, w: g.variance_scaling(w, 1e308, distribution="normal", fan_in=5e-324), "mean=0.0, std=inf"),
        (lambda g, w: g.variance_scaling(w, 1e308, distribution="uniform", fan_in=5e-324), "low=-inf, high=inf"),
        (lambda g, w: g.he_uniform(w.astype("f2"), 1e-12), "do not overflow float16"),
        (lambda g, w: g.lecun_normal(w.astype("f2"), 1e-12, truncated=True), "not overflow float16"),
        (lambda g, w: g.truncated_normal(w, low=1, high=-1), "low=1.0, high=-1.0: accepted are bounds"),
        (lambda g, w: g.truncated_normal(w, low=math.nan), "low=nan, high=2.0: accepted are bounds"),
        (lambda g, w: g.truncated_normal(w, high=math.nan), "low=-2.0, high=nan: accepted are bounds"),
        (lambda g, w: g.truncated_normal(w, low=math.inf, high=math.inf), "low=inf, high=inf: accepted are bounds"),
        (lambda g, w: g.truncated_normal(w, low=-math.inf, high=-math.inf), "accepted are bounds"),
        (lambda g, w: g.truncated_normal(w, std=-1), "std=-1.0"),
        (lambda g, w: g.truncated_normal(w, mean=math.nan), "mean=nan"),
        (lambda g, w: g.truncated_normal(w, std=math.inf), "std=inf"),
        (lambda g, w: g.truncated_normal(w, std=1e308, high=math.inf), "overflow float64"),
        (lambda g, w: g.truncated_normal(w, low=1e300, high=math.inf, std=1e10), "overflow float64"),
        (lambda g, w: g.sparse(w, -0.1), "sparsity=-0.1; accepted is 0 <= sparsity <= 1"),
        (lambda g, w: g.sparse(w, 1.1), "sparsity=1.1; accepted is 0 <= sparsity <= 1"),
        (lambda g, w: g.sparse(w, math.nan), "sparsity=nan"),
        (lambda g, w: g.sparse(w, 0.5, std=-1), "std=-1.0"),
        (lambda g, w: g.identity(w, gain=math.nan), "gain=nan; accepted is a finite number"),
        (lambda g, w: g.constant(w, "1"), "value must be a number, not str"),
        (lambda g, w: g.dirac(w), "out has shape=(2, 3); dirac takes an array of 3 to 5 axes"),
        (
            lambda g, w: g.delta_orthogonal(w),
            "out has shape=(2, 3); delta_orthogonal takes an array of 3 to 5 axes",
        ),
        (lambda g, w: g.delta_orthogonal(w[np.newaxis].transpose(0, 2, 1)), "(*kernel, in, out) with in <= out"),
        (lambda g, w: g.orthogonal(w[0]), "out has shape=(3,); orthogonal takes an array of 2 axes or more"),
        (lambda g, w: g.sparse(w[0], 0.5), "sparse takes an array of 2 axes"),
        (lambda g, w: g.identity(w[0]), "identity takes an array of 2 axes"),
        (lambda g, w: g.dirac(w[..., np.newaxis], groups=0), "groups=0; accepted is a positive integer"),
        (lambda g, w: g.dirac(w[..., np.newaxis], groups=-2), "groups=-2; accepted is a positive integer"),
        (lambda g, w: g.dirac(w[..., np.newaxis], groups=3), "groups=3 does not divide the 2 output channels"),
        (lambda g, w: g.dirac(w[..., np.newaxis], groups=1.0), "groups must be an integer, not float"),
        (lambda g, w: g.orthogonal(w, stream=-1), "stream=-1"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(call, text):
    assert text in str(refusal(call, np.ones((2, 3))))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("call", "name", "value"),
    [
        (lambda g, w: g.he_normal(w, 10, negative_slope=1e200), "std", math.sqrt(0.2) * 1e-200),
        (lambda g, w: g.he_uniform(w, fan_out=1e300), "limit", math.sqrt(6) * 1e-150),
        (lambda g, w: g.xavier_normal(w, 2e200, 2e200, truncated=True), "std", math.sqrt(0.5) / WITHIN_TWO * 1e-100),
        (lambda g, w: g.lasagne_uniform(w, 2, 2, gain=1e-50), "limit", math.sqrt(1.5) * 1e-50),
        (
            lambda g, w: g.variance_scaling(w, 1e-300, "fan_geo_avg", "normal", fan_in=1e99, fan_out=1e-99),
            "std",
            1e-150,
        ),
    ],
)
def test_schemes_whose_scale_the_dtype_holds_as_zero_are_refused(call, name, value, dtype):
    if dtype == np.float64:
        assert call(fastinit.Generator(7), np.zeros((2, 3))).all()
    else:
        message = str(refusal(call, np.ones((2, 3), dtype)))
        given = re.fullmatch(
            rf"these arguments give {name}=(.*), which rounds to 0 in float32; .* of (\w+) .*", message
        )
        assert float(given[1]) == pytest.approx(value)
        assert given[2] == dtype.name


def test_scale_that_no_double_holds_is_refused(g):
    too_small = {"fan_in": 1e308, "fan_out": 1e308, "gain": 1e-200}
    for call in (g.xavier_normal, g.xavier_uniform):
        with pytest.raises(ValueError, match=r"(std|limit)=0\.0, which rounds to 0 in float64"):
            call(np.ones(3), **too_small)
    with pytest.raises(ValueError, match=r"std=0\.0, which rounds to 0 in float64"):
        g.xavier_normal(np.ones(3), truncated=True, **too_small)
    # The least that is taken, and the next.
    assert g.xavier_normal(np.zeros(100), 1, 1, 2.0**-1074).any()
    assert g.xavier_normal(np.zeros(100, np.float32), 1, 1, 2.0**-149).any()
    with pytest.raises(ValueError, match=r"rounds to 0 in float32"):
        g.xavier_normal(np.zeros(100, np.float32), 1, 1, 2.0**-150)


@pytest.mark.parametrize("name", ["zeros", "ones", "identity", "orthogonal"])
@pytest.mark.parametrize(
    ("out", "text"),
    [
        ([[1.0]], "out must be a NumPy array or an array on a CUDA device, not list"),
        (np.ones((2, 2), "M8[s]"), "out has dtype datetime64"),
        (np.ones((2, 2), ">f4"), "byte-swapped"),
        (np.broadcast_to(np.ones(2), (2, 2)), "out is read-only"),
        (np.lib.stride_tricks.as_strided(np.ones(2), (2, 2), (0, 8)), "overlaps itself"),
    ],
)
def test_arrays_that_numpy_writes_are_checked_like_the_others(g, name, out, text):
    with pytest.raises((TypeError, ValueError)) as caught:
        getattr(g, name)(out)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "error"), [(5, TypeError), ((2.0, 3), TypeError), ("ab", TypeError), ((-1, 3), ValueError)]
)
def test_shapes_that_are_none(shape, error):
    with pytest.raises(error, match="shape="):
        fastinit.fans(shape, "torch")


def test_unknown_nonlinearities_and_unwanted_params():
    for function in (fastinit.gain, fastinit.recommend):
        with pytest.raises(ValueError, match=r"nonlinearity='gelu'; accepted are linear, conv, .*leaky_relu, selu"):
            function("gelu")
        with pytest.raises(TypeError, match="nonlinearity must be a string, not NoneType"):
            function(None)
    with pytest.raises(ValueError, match=r"param=0\.2; nonlinearity='tanh' takes none"):
        fastinit.gain("tanh", 0.2)
    with pytest.raises(ValueError, match="param=nan; accepted is a finite number"):
        fastinit.gain("leaky_relu", math.nan)
