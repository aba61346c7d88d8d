"""fastinit.jax: what jax.nn.initializers are, with the values of a fastinit.Generator."""

import contextlib
import doctest
import inspect
import itertools
import json
import math
import re
import runpy
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import conftest
import ml_dtypes
import numpy as np
import pytest
from conftest import fresh_python

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp  # noqa: E402  (after the skip)
from jax.extend.random import define_prng_impl  # noqa: E402
from jax.sharding import AbstractMesh, AxisType, NamedSharding, SingleDeviceSharding  # noqa: E402
from jax.sharding import PartitionSpec as P  # noqa: E402

import fastinit  # noqa: E402
from fastinit import jax as init  # noqa: E402
from fastinit.draw import Drawn  # noqa: E402
from fastinit.jax import tensors  # noqa: E402
from fastinit.jax.functions import _check_axes  # noqa: E402
from fastinit.recipe import Recipe  # noqa: E402

KEY = jax.random.key(7)
DEVICE = SingleDeviceSharding(jax.devices()[0])
KERNEL = (3, 3, 16, 32)  # (*kernel, in, out)
DTYPES = (np.float32, np.float16, ml_dtypes.bfloat16)
KERAS = {"layout": "keras", "stream": 0}
TRUNCATED = {**KERAS, "truncated": True}
WITH_AND_WITHOUT_JIT = jax.jit, lambda function: function


def filled(scheme, shape, *arguments, seed=7, dtype=np.float32, stream=0, **keywords):
    """What the generator of that seed writes to a NumPy array."""
    out = np.empty(shape, dtype)
    return getattr(fastinit.Generator(seed), scheme)(out, *arguments, stream=stream, **keywords)


def same(array, expected):
    return conftest.same(np.asarray(array), expected)


def matrix(shape, axis, gain=1.0, dtype=np.float32, **where):
    """The orthogonal matrix whose columns are along an axis of a tensor of that shape."""
    rest = [size for i, size in enumerate(shape) if i != axis % len(shape)]
    q = filled("orthogonal", (math.prod(rest), shape[axis]), gain, dtype=dtype, **where)
    return np.moveaxis(q.reshape(*rest, shape[axis]), -1, axis)


# An initialiser, and the fill of a kernel that has its values.
CASES = {
    "uniform": (init.uniform(0.5), ("uniform", KERNEL, 0.0, 0.5), {}),
    "normal": (init.normal(0.02), ("normal", KERNEL, 0.0, 0.02), {}),
    "truncated_normal": (
        init.truncated_normal(3.0, lower=-1, upper=2.5),
        ("truncated_normal", KERNEL, 0.0, 3, -1, 2.5),
        {},
    ),
    "one-sided": (init.truncated_normal(3.0, upper=np.inf), ("truncated_normal", KERNEL, 0.0, 3, -2, np.inf), {}),
    "glorot_uniform": (init.glorot_uniform(), ("xavier_uniform", KERNEL), KERAS),
    "glorot_normal": (init.glorot_normal(), ("xavier_normal", KERNEL), TRUNCATED),
    "lecun_uniform": (init.lecun_uniform(), ("lecun_uniform", KERNEL), KERAS),
    "lecun_normal": (init.lecun_normal(), ("lecun_normal", KERNEL), TRUNCATED),
    "he_uniform": (init.he_uniform(), ("he_uniform", KERNEL), KERAS),
    "he_normal": (init.he_normal(), ("he_normal", KERNEL), TRUNCATED),
    "variance_scaling": (
        init.variance_scaling(0.3, "fan_geo_avg", "normal"),
        ("variance_scaling", KERNEL, 0.3, "fan_geo_avg", "normal"),
        KERAS,
    ),
    "delta_orthogonal": (init.delta_orthogonal(2.0), ("delta_orthogonal", KERNEL, 2.0), {}),
}


@pytest.fixture
def no_callback(monkeypatch):
    def fail(*_):
        raise AssertionError("a program called back")

    monkeypatch.setattr(tensors, "_blocks", fail)


@pytest.fixture
def callbacks(monkeypatch):
    """The blocks that programs have called back for."""
    return record_callbacks(monkeypatch)


def record_callbacks(monkeypatch):
    blocks = []
    fill = tensors._blocks

    def recorded(drawn, shape, words, place):
        blocks.append(shape)
        return fill(drawn, shape, words, place)

    monkeypatch.setattr(tensors, "_blocks", recorded)
    return blocks


# ---- Drop-in ---------------------------------------------------------------------------------------------------------


class TestNames:
    NAMES = sorted(name for name in dir(jax.nn.initializers) if not name.startswith("_"))

    @pytest.mark.parametrize("name", NAMES)
    def test_every_name_of_jax_takes_the_same_arguments_with_the_same_defaults(self, name):
        theirs, ours = inspect.signature(getattr(jax.nn.initializers, name)), inspect.signature(getattr(init, name))
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
            (p.name, p.kind, p.default) for p in theirs.parameters.values()
        ]
        assert name in init.__all__

    @pytest.mark.parametrize("name", [name for name in NAMES if name not in ("Initializer", "zeros", "ones")])
    def test_what_they_return_takes_the_arguments_of_jax(self, name):
        arguments = {"variance_scaling": (1.0, "fan_in", "normal"), "constant": (1.0,)}.get(name, ())
        for dtype in (None, jnp.bfloat16):
            theirs = getattr(jax.nn.initializers, name)(*arguments, dtype=dtype)
            ours = getattr(init, name)(*arguments, dtype=dtype)
            parameters = [inspect.signature(each).parameters.values() for each in (ours, theirs)]
            assert [(p.name, p.default) for p in parameters[0]] == [(p.name, p.default) for p in parameters[1]]
            assert isinstance(ours, jax.nn.initializers.Initializer)

    def test_help_shows_each_its_own_name_and_no_placeholder(self):
        for name in ("glorot_uniform", "lecun_normal", "he_normal", "uniform", "orthogonal", "make_array"):
            function = getattr(init, name)
            assert function.__name__ == name
            assert not [
                part for part in ("<axes>", "<dtype>", "<returns", "<example>", "{") if part in function.__doc__
            ]

    @pytest.mark.parametrize("axes", [True, np.True_, (0, False), [np.False_], np.array([True])], ids=repr)
    def test_axes_are_no_bools(self, axes):
        with pytest.raises(TypeError, match=r"in_axis=.*; accepted are axes: integers, not bools"):
            _check_axes("in_axis", axes)
        _check_axes("in_axis", (0, np.int64(-1)))

    def test_examples_print_what_they_show(self):
        pytest.importorskip("haiku", reason="Haiku is not installed")
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        printed = []
        for name in init.__all__:
            for example in doctest.DocTestFinder(recurse=False).find(getattr(init, name), name):
                runner.run(example, out=printed.append)
        assert runner.tries > 60
        assert not runner.failures, "".join(printed)

    def test_without_jax_the_error_says_what_to_install(self):
        run = fresh_python("import sys; sys.modules['jax'] = None; import fastinit.jax")
        assert "ImportError: fastinit.jax needs jax, which `pip install 'fastinit-weights[jax]'`" in run.stderr


class TestValues:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("case", CASES)
    def test_are_those_of_the_generator_with_and_without_jit(self, case, dtype):
        initialiser, (scheme, *arguments), keywords = CASES[case]
        expected = filled(scheme, *arguments, dtype=dtype, **keywords)
        assert same(initialiser(KEY, KERNEL, dtype), expected)
        assert same(jax.jit(lambda key: initialiser(key, KERNEL, dtype))(KEY), expected)

    @pytest.mark.parametrize("axis", [-1, 0, 1, 2])
    @pytest.mark.parametrize("shape", [(24, 10, 6), (6, 10, 24)])
    def test_orthogonal_has_its_columns_along_the_column_axis(self, shape, axis):
        initialiser = init.orthogonal(0.5, column_axis=axis)
        q = np.asarray(initialiser(KEY, shape))
        assert same(q, matrix(shape, axis, 0.5))
        assert same(jax.jit(lambda key: initialiser(key, shape))(KEY), q)
        q = np.moveaxis(q, axis, -1).reshape(-1, shape[axis])
        products = q.T @ q if q.shape[0] > q.shape[1] else q @ q.T
        assert np.allclose(products, 0.25 * np.eye(len(products)), atol=1e-6)

    def test_orthogonal_of_a_matrix_is_the_generators_for_the_same_shape(self):
        for shape in ((8, 4), (4, 8), (6, 6)):
            assert same(init.orthogonal()(KEY, shape), filled("orthogonal", shape))

    def test_empty_and_zero_dimensional_arrays(self):
        assert same(init.normal()(KEY, ()), filled("normal", (), 0.0, 0.01))
        assert same(jax.jit(lambda key: init.normal()(key, ()))(KEY), filled("normal", (), 0.0, 0.01))
        for initialiser in (init.he_normal(), init.orthogonal()):
            for shape in ((0, 3), (3, 0)):
                assert initialiser(KEY, shape).shape == shape

    def test_a_shape_may_be_a_list_or_numpy_integers(self):
        assert same(init.normal()(KEY, [np.int64(2), 3]), filled("normal", (2, 3), 0.0, 0.01))


class TestMeaning:
    """Of the arguments: our draws are spread as JAX's are. 36000 elements tell spreads apart that differ by 3 %."""

    SHAPE = (6, 10, 20, 30)
    MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
    AXES = (
        {},
        {"in_axis": 0, "out_axis": (1, 2)},
        {"in_axis": (0, -1), "batch_axis": 1, "out_axis": 2},
        {"batch_axis": (0,)},
    )

    def check_spread(self, name, *arguments, **keywords):
        key = jax.random.key(7, impl="rbg")  # which XLA compiles ten times faster
        ours, theirs = (
            np.asarray(getattr(module, name)(*arguments, **keywords)(key, self.SHAPE), np.float64)
            for module in (init, jax.nn.initializers)
        )
        assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.03 * theirs.std())
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.03 if name != "normal" else 0.3)

    @pytest.mark.parametrize("axes", AXES)
    @pytest.mark.parametrize("mode", MODES)
    def test_of_modes_and_axes(self, mode, axes):
        self.check_spread("variance_scaling", 0.7, mode, "uniform", **axes)

    @pytest.mark.parametrize("distribution", ["truncated_normal", "uniform"])
    def test_of_distributions(self, distribution):
        self.check_spread("variance_scaling", 0.7, "fan_in", distribution)

    def test_of_bounds_and_spreads(self):
        self.check_spread("truncated_normal", 3.0, lower=-0.5, upper=1.5)
        self.check_spread("normal", 3.0)
        self.check_spread("uniform", 3.0)

    @pytest.mark.parametrize("name", ["glorot", "lecun", "he", "xavier", "kaiming"])
    @pytest.mark.parametrize("form", ["uniform", "normal"])
    def test_of_names(self, name, form):
        self.check_spread(f"{name}_{form}")


class TestDtypes:
    def test_default_is_that_of_jax(self):
        for x64, default in ((False, np.float32), (True, np.float64)):
            with jax.enable_x64(x64):
                for initialiser in (init.normal(), init.normal(dtype=None), init.orthogonal()):
                    assert initialiser(KEY, (2, 3)).dtype == default
                assert same(init.he_normal()(KEY, KERNEL), filled("he_normal", KERNEL, dtype=default, **TRUNCATED))
                assert init.make_array("zeros", (2,), DEVICE).dtype == default

    def test_outer_is_the_default_of_inner(self):
        initialiser = init.normal(dtype=jnp.bfloat16)
        assert initialiser(KEY, (2,)).dtype == jnp.bfloat16
        assert initialiser(KEY, (2,), jnp.float16).dtype == jnp.float16
        assert (
            initialiser(KEY, (2,), None).dtype == jax.nn.initializers.normal(dtype=jnp.bfloat16)(KEY, (2,), None).dtype
        )

    def test_float64_with_x64_is_bit_for_bit_under_jit(self):
        with jax.enable_x64(True):
            expected = filled("normal", (4, 5), 0.0, 0.01, dtype=np.float64)
            assert same(init.normal(dtype=np.float64)(KEY, (4, 5)), expected)
            assert same(jax.jit(lambda key: init.normal()(key, (4, 5)))(KEY), expected)

    @pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
    def test_complex_numbers_are_drawn_by_normals_that_are_not_truncated(self, dtype):
        with jax.enable_x64(dtype is np.complex128):
            for initialiser, expected in (
                (init.normal(0.5), filled("normal", KERNEL, 0.0, 0.5, dtype=dtype)),
                (init.normal(0.5, dtype), filled("normal", KERNEL, 0.0, 0.5, dtype=dtype)),
                (
                    init.variance_scaling(0.3, "fan_geo_avg", "normal", dtype=dtype),
                    filled("variance_scaling", KERNEL, 0.3, "fan_geo_avg", "normal", dtype=dtype, layout="jax"),
                ),
            ):
                assert same(initialiser(KEY, KERNEL, dtype), expected)
                assert same(jax.jit(lambda key, draw=initialiser: draw(key, KERNEL, dtype))(KEY), expected)
                several = jax.vmap(lambda key, draw=initialiser: draw(key, KERNEL, dtype))(jax.random.split(KEY, 3))
                assert (several.shape, several.dtype) == ((3, *KERNEL), dtype)
                assert len(np.unique(several)) == several.size

    def test_complex_normals_have_the_variance_of_jaxs(self):
        for name, arguments in (("normal", (3.0,)), ("variance_scaling", (2.0, "fan_out", "normal"))):
            ours, theirs = (
                np.asarray(getattr(module, name)(*arguments)(KEY, (200, 500), np.complex64))
                for module in (init, jax.nn.initializers)
            )
            for part in (np.real, np.imag, np.abs):
                assert np.mean(part(ours) ** 2) == pytest.approx(np.mean(part(theirs) ** 2), rel=0.05)

    @pytest.mark.parametrize("jit", WITH_AND_WITHOUT_JIT)
    def test_other_draws_refuse_complex_numbers_and_say_what_draws_them(self, jit, no_callback):
        drawn_by = r'complex numbers are drawn by normal and by variance_scaling\(..., "normal"\)'
        for initialiser in (
            *(
                getattr(init, f"{name}_{form}")()
                for name in ("glorot", "lecun", "he")
                for form in ("normal", "uniform")
            ),
            init.variance_scaling(1.0, "fan_in", "truncated_normal"),
            init.truncated_normal(),
            init.uniform(),
            init.orthogonal(),
            init.delta_orthogonal(),
        ):
            with pytest.raises(TypeError, match=rf"dtype=complex64; accepted are float32, .*; {drawn_by}"):
                jit(lambda key, draw=initialiser: draw(key, KERNEL, np.complex64))(KEY)

    def test_float64_without_x64_warns_and_is_float32_as_in_jax(self):
        with pytest.warns(UserWarning, match="float64"):
            assert same(init.normal()(KEY, (4, 5), np.float64), filled("normal", (4, 5), 0.0, 0.01))


# ---- Keys ------------------------------------------------------------------------------------------------------------


class TestKeys:
    def expected(self, seed, stream=0):
        return filled("normal", (4, 5), 0.0, 0.01, seed=seed, stream=stream)

    def check(self, key, seed, stream=0):
        assert same(init.normal()(key, (4, 5)), self.expected(seed, stream))
        assert same(jax.jit(lambda key: init.normal()(key, (4, 5)))(key), self.expected(seed, stream))

    def test_two_words_are_the_seed(self):
        for seed in (0, 7, 2**32 - 1):
            self.check(jax.random.key(seed), seed)
        self.check(jax.random.wrap_key_data(np.array([3, 5], np.uint32)), 3 * 2**32 + 5)
        self.check(jax.random.wrap_key_data(np.full(2, 2**32 - 1, np.uint32)), 2**64 - 1)

    def test_split_keys_are_seeds_of_their_own(self):
        for key in jax.random.split(KEY, 3):
            high, low = map(int, jax.random.key_data(key))
            self.check(key, high * 2**32 + low)

    def test_four_words_are_seed_and_stream(self):
        self.check(jax.random.key(7, impl="rbg"), 7, 7)
        words = np.array([1, 2, 3, 4], np.uint32)
        self.check(jax.random.wrap_key_data(words, impl="rbg"), 2**32 + 2, 3 * 2**32 + 4)

    def test_a_stream_is_below_2_to_the_63(self):
        words = np.array([0, 7, 2**32 - 1, 4], np.uint32)
        self.check(jax.random.wrap_key_data(words, impl="rbg"), 7, (2**31 - 1) * 2**32 + 4)

    def test_one_word_is_the_seed(self):
        self.check(jax.random.wrap_key_data(np.array([9], np.uint32), impl="philox2x32"), 9)

    def test_old_keys_are_as_new_ones(self):
        self.check(jax.random.PRNGKey(7), 7)
        self.check(np.array([0, 7], np.uint32), 7)

    @pytest.mark.parametrize("key", [None, 7, "7", [0, 7], np.zeros(3, np.uint32), np.zeros(2, np.int32), np.zeros(2)])
    def test_no_key(self, key, no_callback):
        with pytest.raises(TypeError, match=r"key=.*; accepted is a key as jax.random.key makes it"):
            init.normal()(key, (4, 5))

    def test_a_key_of_more_words_than_a_seed_and_a_stream_is_refused(self, no_callback):
        def unused(*_):
            raise AssertionError

        parts = dict.fromkeys(("seed", "split", "random_bits", "fold_in"), unused)
        six = define_prng_impl(key_shape=(6,), name="six words", tag="6w", **parts)
        key = jax.random.wrap_key_data(np.zeros(6, np.uint32), impl=six)
        with pytest.raises(ValueError, match="key has 6 words; accepted are keys of up to four, a seed and a stream"):
            init.normal()(key, (4, 5))

    @pytest.mark.parametrize("jit", [False, True])
    def test_an_array_of_keys_is_refused(self, jit, no_callback):
        for keys in (jax.random.split(KEY, 3), np.zeros((3, 2), np.uint32)):
            initialise = (
                jax.jit(lambda key: init.normal()(key, (4, 5))) if jit else lambda key: init.normal()(key, (4, 5))
            )
            with pytest.raises(
                ValueError, match=r"key is an array of keys, of shape=\(3,\); accepted is one, see jax.vmap"
            ):
                initialise(keys)


# ---- Transformations -------------------------------------------------------------------------------------------------


def he_normal(key, shape=(4, 5)):
    return init.he_normal()(key, shape)


def expected_for(keys, shape=(4, 5)):
    """The values of he_normal for an array of keys, by the generators of their seeds."""
    words = np.asarray(jax.random.key_data(keys), np.uint64)
    seeds = words[..., 0] << np.uint64(32) | words[..., 1]
    tensors = [filled("he_normal", shape, seed=int(seed), **TRUNCATED) for seed in seeds.ravel()]
    return np.stack(tensors).reshape(*seeds.shape, *shape)


class TestTransformations:
    ONE = expected_for(KEY)

    def test_a_known_key_takes_no_callback(self, no_callback):
        assert same(he_normal(KEY), self.ONE)
        assert same(jax.grad(lambda x: (x * he_normal(KEY)).sum())(jnp.ones((4, 5))), self.ONE)
        with jax.disable_jit():
            assert same(jax.jit(he_normal)(KEY), self.ONE)

    def test_jit_calls_back_once_a_call(self, callbacks):
        compiled = jax.jit(he_normal)
        for calls in (1, 2):
            assert same(compiled(KEY), self.ONE)
            assert len(callbacks) == calls

    def test_a_key_from_outside_of_jit_is_drawn_when_the_program_runs(self, callbacks):
        compiled = jax.jit(lambda: he_normal(KEY)).lower().compile()
        assert not callbacks
        assert same(compiled(), self.ONE)

    def test_what_was_filled_becomes_the_array_without_a_copy(self, monkeypatch):
        made = []
        monkeypatch.setattr(Drawn, "fill", lambda *args, fill=Drawn.fill: made.append(fill(*args)) or made[-1])
        for shape in ((1000, 1000), (77, 33)):
            eager = init.he_normal()(KEY, shape)
            sharded = init.make_array("normal", shape, DEVICE, 7, "w")
            for array, filled in zip((eager, sharded), made[-2:], strict=True):
                assert array.unsafe_buffer_pointer() == filled.ctypes.data

    def test_eval_shape_fills_nothing(self, no_callback):
        for shape in (
            jax.eval_shape(lambda key: he_normal(key, (10**6, 10**6)), KEY),
            jax.eval_shape(lambda: he_normal(KEY, (10**6, 10**6))),
        ):
            assert (shape.shape, shape.dtype) == ((10**6, 10**6), np.float32)

    @pytest.mark.parametrize("jit", WITH_AND_WITHOUT_JIT)
    def test_vmap_over_keys_is_one_callback(self, jit, callbacks):
        keys = jax.random.split(KEY, 3)
        assert same(jit(jax.vmap(he_normal))(keys), expected_for(keys))
        assert len(callbacks) == 1
        assert same(jit(jax.vmap(he_normal, out_axes=1))(keys), expected_for(keys).swapaxes(0, 1))
        keys = jax.random.split(KEY, (2, 3))
        assert same(jit(jax.vmap(jax.vmap(he_normal, in_axes=0), in_axes=1))(keys), expected_for(keys).swapaxes(0, 1))

    def test_vmap_of_matrices_and_of_scalars(self):
        keys = jax.random.split(KEY, 2)
        orthogonal = jax.vmap(lambda key: init.orthogonal()(key, (3, 4)))(keys)
        assert same(orthogonal, np.stack([init.orthogonal()(key, (3, 4)) for key in keys]))
        scalars = jax.vmap(lambda key: init.normal()(key, ()))(keys)
        assert same(scalars, np.stack([init.normal()(key, ()) for key in keys]))

    def test_vmap_again_compiles_nothing(self, caplog):
        keys = jax.random.split(KEY, 3)
        for compiles in (True, False):
            caplog.clear()
            with jax.log_compiles():
                jax.vmap(lambda key: he_normal(key, (13, 7)))(keys)
            assert any("compil" in record.message for record in caplog.records) == compiles
            keys = keys[::-1]

    def test_disable_jit(self):
        keys = jax.random.split(KEY, 3)
        with jax.disable_jit():
            assert same(jax.vmap(he_normal)(keys), expected_for(keys))

    def test_loops_and_branches(self):
        keys = jax.random.split(KEY, 3)
        assert same(jax.lax.map(he_normal, keys), expected_for(keys))
        assert same(jax.lax.cond(keys.size > 2, he_normal, lambda key: jnp.zeros((4, 5)), KEY), self.ONE)

    @pytest.mark.parametrize("jit", WITH_AND_WITHOUT_JIT)
    def test_gradients_pass_by(self, jit):
        def loss(x, key):
            return (x * x * he_normal(key)).sum()

        x = jnp.ones((4, 5))
        for function in (loss, jax.checkpoint(loss)):
            assert same(jit(jax.grad(function))(x, KEY), 2 * self.ONE)
        _, pull_back = jax.vjp(loss, x, KEY)
        assert same(pull_back(1.0)[0], 2 * self.ONE)
        tangent = np.zeros((), jax.dtypes.float0)
        assert not jax.jvp(he_normal, (KEY,), (tangent,))[1].any()

    def test_donated_values_are_drawn_anew(self):
        weights = he_normal(KEY)
        jax.jit(lambda w: w + 1, donate_argnums=0)(weights).block_until_ready()
        assert same(he_normal(KEY), self.ONE)


# ---- Bad input -------------------------------------------------------------------------------------------------------


class TestBadInput:
    @pytest.mark.parametrize("jit", WITH_AND_WITHOUT_JIT)
    @pytest.mark.parametrize("dtype", [np.int32, bool, jnp.float8_e4m3fn])
    def test_dtypes_that_cannot_be_drawn(self, jit, dtype, no_callback):
        for initialiser in (init.normal(), init.he_uniform(), init.orthogonal()):
            with pytest.raises(TypeError, match="accepted are float32, float64, float16, bfloat16"):
                jit(lambda key, initialiser=initialiser: initialiser(key, (3, 4), dtype))(KEY)

    @pytest.mark.parametrize("jit", WITH_AND_WITHOUT_JIT)
    @pytest.mark.parametrize(
        ("initialiser", "shape", "message"),
        [
            (init.he_normal(), (3,), r"shape=\(3,\) with in_axis=-2"),
            (init.he_normal(in_axis=2), (3, 4), r"in_axis=2; accepted are axes of shape=\(3, 4\)"),
            (init.he_normal(out_axis="a"), (3, 4), "out_axis='a'"),
            (init.he_normal(batch_axis=(0, 5)), (3, 4), r"batch_axis=\(0, 5\)"),
            (init.orthogonal(), (3,), "orthogonal takes one of two axes or more"),
            (init.orthogonal(column_axis=2), (3, 4), "column_axis="),
            (init.delta_orthogonal(), (3, 4), "3 to 5 axes"),
            (init.delta_orthogonal(), (3, 4, 2), "with in <= out"),
            (init.variance_scaling(1.0, "fan", "normal"), (3, 4), "mode='fan'; accepted are"),
            (init.variance_scaling(1.0, "fan_in", "norm"), (3, 4), "distribution='norm'; accepted are"),
            (init.truncated_normal(lower=2, upper=1), (3,), "low <= high"),
            (init.normal(1e38), (3,), "overflow float32"),
        ],
    )
    def test_shapes_and_arguments_that_do_not_fit(self, jit, initialiser, shape, message, no_callback):
        with pytest.raises(ValueError, match=message):
            jit(lambda key: initialiser(key, shape))(KEY)

    @pytest.mark.parametrize("shape", [(-1, 2), (2.0, 3), None, "ab", (True, 2), [2, np.True_], True])
    def test_shapes_that_are_none(self, shape, no_callback):
        with pytest.raises(TypeError, match=r"[Ss]hape"):
            init.normal()(KEY, shape)

    @pytest.mark.parametrize(
        ("name", "arguments", "message"),
        [
            ("normal", {"stddev": -1.0}, "stddev=-1.0; accepted"),
            ("normal", {"stddev": "1"}, "stddev must be a number"),
            ("normal", {"stddev": True}, "stddev must be a number, not bool"),
            ("uniform", {"scale": np.True_}, "scale must be a number, not bool"),
            ("uniform", {"scale": jnp.array(True)}, "scale must be a number, not ArrayImpl of dtype bool"),
            ("truncated_normal", {"upper": True}, "upper must be a number, not bool"),
            ("orthogonal", {"scale": True}, "scale must be a number, not bool"),
            ("orthogonal", {"column_axis": True}, "column_axis=True; accepted are axes: integers, not bools"),
            ("delta_orthogonal", {"column_axis": True}, "column_axis=True; accepted are axes: integers, not bools"),
            ("he_normal", {"in_axis": False}, "in_axis=False; accepted are axes: integers, not bools"),
            ("lecun_uniform", {"batch_axis": (0, True)}, r"batch_axis=\(0, True\); accepted are axes"),
            ("uniform", {"scale": math.nan}, "scale=nan; accepted"),
            ("truncated_normal", {"lower": None}, "lower must be a number"),
            ("orthogonal", {"scale": 0}, "scale=0; accepted is a positive"),
            ("delta_orthogonal", {"scale": -1}, "scale=-1; accepted is a positive"),
            ("delta_orthogonal", {"column_axis": 2}, "column_axis=2; accepted"),
            ("variance_scaling", {"scale": 0.0, "mode": "fan_in", "distribution": "normal"}, "scale=0.0; accepted"),
        ],
    )
    def test_arguments_of_the_outer_function(self, name, arguments, message):
        with pytest.raises((TypeError, ValueError), match=message):
            getattr(init, name)(**arguments)

    TRACED: ClassVar = {
        "uniform scale": ("scale", lambda x, i: init.uniform(x)),
        "normal stddev": ("stddev", lambda x, i: init.normal(x)),
        "truncated stddev": ("stddev", lambda x, i: init.truncated_normal(x)),
        "lower": ("lower", lambda x, i: init.truncated_normal(1.0, None, x, 2.0)),
        "upper": ("upper", lambda x, i: init.truncated_normal(1.0, None, -2.0, x)),
        "scale": ("scale", lambda x, i: init.variance_scaling(x, "fan_in", "normal")),
        "in_axis": ("in_axis", lambda x, i: init.he_normal(i)),
        "out_axis": ("out_axis", lambda x, i: init.glorot_uniform(-2, (-1, i))),
        "batch_axis": ("batch_axis", lambda x, i: init.lecun_normal(batch_axis=[i])),
        "orthogonal scale": ("scale", lambda x, i: init.orthogonal(x)),
        "orthogonal column_axis": ("column_axis", lambda x, i: init.orthogonal(1.0, i)),
        "delta scale": ("scale", lambda x, i: init.delta_orthogonal(x)),
        "delta column_axis": ("column_axis", lambda x, i: init.delta_orthogonal(1.0, i)),
        "make_array's std": ("std", lambda x, i: init.make_array("normal", (4,), DEVICE, 7, "w", std=x)),
        "make_array's fan": ("fan_in", lambda x, i: init.make_array("he_normal", (4, 4), DEVICE, 7, "w", fan_in=i)),
        "make_array's gain": ("gain", lambda x, i: init.make_array("identity", (4, 4), DEVICE, gain=x)),
        "make_array's value": ("value", lambda x, i: init.make_array("constant", (4,), DEVICE, dtype="i4", value=i)),
        "make_array's seed": ("seed", lambda x, i: init.make_array("normal", (4,), DEVICE, i, "w")),
        "make_array's stream": ("stream", lambda x, i: init.make_array("normal", (4,), DEVICE, 7, i)),
        "a fill's std": ("std", lambda x, i: fastinit.normal(np.empty(4), 0.0, x)),
        "a fill's stream": ("stream", lambda x, i: fastinit.normal(np.empty(4), stream=i)),
        "a fill's offset": ("offset", lambda x, i: fastinit.normal(np.empty(4), offset=[i], global_shape=[8])),
        "a constant": ("value", lambda x, i: fastinit.constant(np.empty(4, int), i)),
        "a complex constant": ("value", lambda x, i: fastinit.constant(np.empty(4, complex), x)),
        "the sparsity": ("sparsity", lambda x, i: fastinit.sparse(np.empty((4, 4)), x)),
        "groups": ("groups", lambda x, i: fastinit.dirac(np.empty((4, 4, 4)), i)),
        "a shape": ("shape", lambda x, i: fastinit.fans((i, 4), "torch")),
        "a gain's slope": ("param", lambda x, i: fastinit.gain("leaky_relu", x)),
        "a generator's seed": ("seed", lambda x, i: fastinit.Generator(i)),
    }

    @pytest.mark.parametrize("case", TRACED)
    @pytest.mark.parametrize("transform", [jax.jit, jax.vmap])
    def test_a_traced_argument_is_refused_with_the_reason(self, case, transform):
        name, call = self.TRACED[case]
        x, i = (jnp.ones(2), jnp.ones(2, int)) if transform is jax.vmap else (0.5, 1)
        with pytest.raises(TypeError, match=rf"{name}\b.*JAX traces it.*Pass a number of Python's.*static_argnums"):
            transform(lambda x, i: call(x, i) and 0)(x, i)

    def test_what_the_error_of_a_traced_std_advises_works(self):
        with pytest.raises(TypeError, match=re.escape("as in std * fastinit.jax.normal(1.0)(key, shape)")):
            jax.jit(lambda std: init.normal(std)(KEY, (4,)))(0.5)
        scaled = jax.jit(lambda std: std * init.normal(1.0)(KEY, (4,)))(0.5)
        static = jax.jit(lambda std: init.normal(std)(KEY, (4,)), static_argnums=0)(0.5)
        assert np.array_equal(scaled, static)
        assert same(static, filled("normal", (4,), 0.0, 0.5))

    def test_a_traced_array_is_not_filled(self):
        with pytest.raises(TypeError, match=r"or an array on a CUDA device, not .*fastinit\.jax has initialisers"):
            jax.jit(fastinit.normal)(np.ones(4))

    def test_shardings_that_are_none_or_have_no_mesh(self, no_callback):
        for sharding, error in ((SingleDeviceSharding(jax.devices()[0]), TypeError), (P("x"), ValueError)):
            with pytest.raises(error, match=r"Sharding|mesh"):
                init.normal()(KEY, (4,), None, sharding)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the peak of a process's memory")
def test_a_sharded_tensor_takes_its_own_memory_but_for_out_shardings_of_jit():
    """What docs/jax.md says; when out_shardings takes less, the page is to say that."""
    peak = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "jax_memory.py"))["peak"]
    mebibytes = 32
    for way in ("make_array", "fastinit.jax, out_sharding= to the initialiser"):
        assert 0.5 < peak(way, mebibytes, 8) / mebibytes < 2
    assert peak("fastinit.jax, jit, out_sharding= to the initialiser", mebibytes, 8) / mebibytes < 4
    assert peak("fastinit.jax, jit with out_shardings=", mebibytes, 8) / mebibytes > 4


# ---- make_array on one device ----------------------------------------------------------------------------------------


class TestMakeArray:
    def test_is_the_fill_of_that_name(self):
        made = init.make_array("he_normal", (8, 6), DEVICE, 7, "w", layout="keras")
        assert same(made, filled("he_normal", (8, 6), layout="keras", stream="w"))
        made = init.make_array("uniform", (8, 6), DEVICE, 7, 3, jnp.bfloat16, low=-1, high=2)
        assert same(made, filled("uniform", (8, 6), -1, 2, stream=3, dtype=ml_dtypes.bfloat16))
        assert same(
            init.make_array("bits", (8,), DEVICE, 7, 3, jnp.uint32),
            filled("bits", (8,), stream=3, dtype=np.uint32),
        )

    @pytest.mark.parametrize(
        "dtype", ["bool", "int4", "int8", "uint8", "int32", "float8_e4m3fn", "float8_e5m2", "bfloat16", "complex64"]
    )
    def test_constants_take_every_dtype_of_jax(self, dtype):
        for scheme, arguments in (("zeros", {}), ("ones", {}), ("constant", {"value": 1}), ("identity", {"gain": 1})):
            made = init.make_array(scheme, (8, 6), DEVICE, dtype=dtype, **arguments)
            assert made.dtype == jnp.dtype(dtype)
            expected = np.eye(8, 6) if scheme == "identity" else np.full((8, 6), scheme != "zeros")
            assert same(made, expected.astype(made.dtype))
        with pytest.raises(ValueError, match="value="):
            init.make_array("constant", (8, 6), DEVICE, dtype=dtype, value=1e300)
        if dtype != "bfloat16":
            with pytest.raises(TypeError, match=f"dtype {dtype}; accepted are float32"):
                init.make_array("uniform", (8, 6), DEVICE, 7, "w", dtype=dtype)

    def test_complex_arrays(self):
        for scheme, arguments in (("normal", {"mean": 1j}), ("he_normal", {"layout": "jax"})):
            made = init.make_array(scheme, (8, 6), DEVICE, 7, "w", np.complex64, **arguments)
            assert same(made, filled(scheme, (8, 6), stream="w", dtype=np.complex64, **arguments))
        for scheme, arguments in (("he_normal", {"layout": "flax", "truncated": True}), ("orthogonal", {})):
            with pytest.raises(
                TypeError, match=r"dtype complex64; .*; complex numbers are drawn by normal and by the "
            ):
                init.make_array(scheme, (8, 6), DEVICE, 7, "w", np.complex64, **arguments)

    def test_seed_may_be_a_seed_sequence(self):
        sequence = np.random.SeedSequence(3)
        made = init.make_array("normal", (8, 6), DEVICE, sequence, "w")
        assert same(made, filled("normal", (8, 6), stream="w", seed=sequence))

    def test_number_of_a_name_is_the_stream_of_the_name(self):
        numbered = init.make_array("normal", (8, 6), DEVICE, 7, fastinit.stream_number("w"))
        assert same(numbered, filled("normal", (8, 6), stream="w"))

    def test_a_bool_is_a_constant_of_bools_alone(self):
        assert np.asarray(init.make_array("constant", (2,), DEVICE, dtype=bool, value=True)).all()
        with pytest.raises(TypeError, match="value must be a number, not bool"):
            init.make_array("constant", (2,), DEVICE, value=True)

    def test_without_a_seed_it_is_a_fill_by_the_default_generator(self):
        fastinit.seed(7)
        stream = fastinit.default_generator.stream
        assert same(init.make_array("normal", (8, 6), DEVICE), filled("normal", (8, 6), stream=stream))
        assert same(init.make_array("normal", (8, 6), DEVICE, stream="w"), filled("normal", (8, 6), stream="w"))
        assert not np.asarray(init.make_array("zeros", (8, 6), DEVICE)).any()
        assert fastinit.default_generator.stream == stream + 1

    @pytest.mark.parametrize(
        ("arguments", "keywords", "message"),
        [
            (("he_norml", (8, 6), DEVICE, 7, 0), {}, "scheme='he_norml'; accepted are"),
            ((7, (8, 6), DEVICE, 7, 0), {}, "scheme must be a string, not int"),
            (("he_normal", (8, 6), DEVICE, 7, 0), {}, "fan_in is missing"),
            (("normal", (8, 6), DEVICE, 7, 0), {"stdev": 1}, "'stdev'; accepted are"),
            (("normal", (8, 6), DEVICE, 7), {"streams": range(8)}, "keyword argument 'streams'; accepted are"),
            (("normal", (8, 6), DEVICE, 7, 0, jnp.int32), {}, "dtype int32; accepted are"),
            (("normal", (8, 6), DEVICE, 7), {}, "seed=7 without stream"),
            (("normal", (8, True), DEVICE, 7, 0), {}, "shape="),
            (("normal", (8, 6), DEVICE, True, 0), {}, "seed must be"),
            (("he_normal", (8, 6), DEVICE, 7, 0), {"fan_in": True}, "fan_in must be a number, not bool"),
            (("normal", (8, 6), DEVICE, -1, 0), {}, "seed=-1 is out of range"),
            (("normal", (8, 6), DEVICE, 7, 2**64), {}, "stream=.* is out of range"),
            (("normal", (8, -6), DEVICE, 7, 0), {}, "shape"),
            (("normal", (8, 6), P("x"), 7, 0), {}, "sharding=.*; accepted is a jax.sharding.Sharding"),
            (("delta_orthogonal", (8, 6), DEVICE, 7, 0), {}, "3 to 5 axes"),
        ],
    )
    def test_bad_input(self, arguments, keywords, message, monkeypatch):
        monkeypatch.setattr(Drawn, "fill", None)
        stream = fastinit.default_generator.stream
        with pytest.raises((TypeError, ValueError), match=message):
            init.make_array(*arguments, **keywords)
        assert fastinit.default_generator.stream == stream


# ---- Frameworks on JAX -----------------------------------------------------------------------------------------------


class TestFlax:
    @pytest.fixture
    def linen(self):
        return pytest.importorskip("flax.linen", reason="Flax is not installed")

    @pytest.fixture
    def nnx(self):
        return pytest.importorskip("flax.nnx", reason="Flax is not installed")

    def test_linen_has_the_same_weights_with_and_without_jit(self, linen):
        model = linen.Sequential(
            [
                linen.Conv(8, (3, 3), kernel_init=init.he_normal(), bias_init=init.zeros),
                linen.relu,
                linen.Dense(5, kernel_init=init.orthogonal(), bias_init=init.normal(0.1)),
            ]
        )
        x = jnp.ones((1, 6, 6, 3))
        weights = model.init(KEY, x)
        compiled = jax.jit(model.init)(KEY, x)
        assert jax.tree.all(jax.tree.map(lambda a, b: same(a, np.asarray(b)), weights, compiled))
        kernel = np.asarray(weights["params"]["layers_0"]["kernel"])
        assert kernel.std() == pytest.approx(math.sqrt(2 / 27), rel=0.1)

    def test_linen_makes_shapes_without_values(self, linen, no_callback):
        model = linen.Dense(10**6, kernel_init=init.he_normal())
        shapes = jax.eval_shape(model.init, KEY, jax.ShapeDtypeStruct((1, 10**6), jnp.float32))
        assert shapes["params"]["kernel"].shape == (10**6, 10**6)

    def test_nnx_has_the_same_weights_with_and_without_jit(self, nnx):
        def make():
            return nnx.Linear(16, 32, kernel_init=init.he_normal(), bias_init=init.zeros, rngs=nnx.Rngs(7))

        key = nnx.Rngs(7).params()
        kernel = make().kernel[...]
        assert same(kernel, expected_for(key, (16, 32)))
        assert same(nnx.jit(make)().kernel[...], np.asarray(kernel))
        assert nnx.eval_shape(make).kernel.shape == (16, 32)

    def test_nnx_ensembles_by_vmap(self, nnx):
        @nnx.split_rngs(splits=3)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def make(rngs):
            return nnx.Linear(4, 5, kernel_init=init.he_normal(), rngs=rngs)

        kernels = np.asarray(make(nnx.Rngs(7)).kernel[...])
        assert kernels.shape == (3, 4, 5)
        assert len(np.unique(kernels)) == kernels.size


class TestHaiku:
    @pytest.fixture
    def hk(self):
        return pytest.importorskip("haiku", reason="Haiku is not installed")

    def test_a_module_takes_them_with_its_key(self, hk):
        def forward(x):
            return hk.Linear(5, w_init=init.for_haiku(init.he_normal()), b_init=init.for_haiku(init.zeros))(x)

        model = hk.transform(forward)
        weights = model.init(KEY, jnp.ones((1, 4)))["linear"]
        key, _ = hk.transform(lambda: (hk.next_rng_key(), None)).apply({}, KEY)
        assert same(weights["w"], expected_for(key))
        assert same(jax.jit(model.init)(KEY, jnp.ones((1, 4)))["linear"]["w"], expected_for(key))
        assert weights["b"].shape == (5,)


# ---- Eight devices ---------------------------------------------------------------------------------------------------


class EightDevices:
    """Checks that a Python of its own runs, with eight virtual devices; the tests below report them one by one."""

    MESHES: ClassVar = {
        "x8": ((8,), ("x",)),
        "x4 y2": ((4, 2), ("x", "y")),
        "x2 y2 z2": ((2, 2, 2), ("x", "y", "z")),
    }
    SPECS: ClassVar = {
        "x8": (P(), P("x"), P(None, None, "x"), P(None, None, None, "x")),
        "x4 y2": (
            P("x", None, "y"),
            P(None, None, "x", "y"),
            P(("x", "y")),
            P(None, None, ("y", "x")),
            P("y"),
            P(None, None, "x"),
        ),
        "x2 y2 z2": (P("x", None, "y", "z"), P(None, None, ("x", "z"), "y"), P("z"), P(("z", "y", "x"))),
    }
    SHAPE = (8, 3, 16, 32)  # (*kernel, in, out)

    @classmethod
    def mesh(cls, name="x4 y2", axis_type=AxisType.Explicit):
        sizes, names = cls.MESHES[name]
        return jax.make_mesh(sizes, names, axis_types=(axis_type,) * len(names))

    @classmethod
    def shardings(cls):
        for name, axis_type in itertools.product(cls.MESHES, (AxisType.Explicit, AxisType.Auto)):
            yield from (NamedSharding(cls.mesh(name, axis_type), spec) for spec in cls.SPECS[name])
        yield SingleDeviceSharding(jax.devices()[5])

    @classmethod
    def check_shards(cls, array, sharding, expected):
        assert array.sharding.is_equivalent_to(sharding, expected.ndim), (array.sharding, sharding)
        assert len(array.addressable_shards) == len(sharding.device_set)
        for shard in array.addressable_shards:
            assert same(shard.data, np.ascontiguousarray(expected[shard.index])), (sharding, shard.index)

    def make_array_is_the_same_for_every_sharding(self):
        schemes = {"he_normal": {"layout": "keras"}, "truncated_normal": {"low": -1}, "delta_orthogonal": {}}
        for scheme, arguments in schemes.items():
            expected = filled(scheme, self.SHAPE, stream="w", **arguments)
            for sharding in self.shardings():
                made = init.make_array(scheme, self.SHAPE, sharding, 7, "w", **arguments)
                self.check_shards(made, sharding, expected)

    def make_array_of_matrices_and_constants(self):
        sharding = NamedSharding(self.mesh(), P("x", "y"))
        for scheme, arguments in {"orthogonal": {"gain": 2.0}, "sparse": {"sparsity": 0.3}}.items():
            made = init.make_array(scheme, (8, 6), sharding, 7, "w", **arguments)
            self.check_shards(made, sharding, filled(scheme, (8, 6), stream="w", **arguments))
        made = init.make_array("identity", (8, 6), sharding, gain=2.0)
        self.check_shards(made, sharding, 2 * np.eye(8, 6, dtype=np.float32))

    def make_array_of_every_dtype(self):
        sharding = NamedSharding(self.mesh(), P("x", "y"))
        for dtype in (*DTYPES, np.float64, np.complex64, np.complex128):
            with jax.enable_x64(dtype in (np.float64, np.complex128)):
                made = init.make_array("normal", (8, 6), sharding, 7, "w", dtype)
            self.check_shards(made, sharding, filled("normal", (8, 6), stream="w", dtype=dtype))

    def complex_shards_are_filled_by_themselves(self):
        expected = filled("normal", (8, 16), 0.0, 0.5, dtype=np.complex64)
        with jax.set_mesh(self.mesh()):
            sharding = NamedSharding(jax.sharding.get_mesh(), P("x", "y"))
            for jit in WITH_AND_WITHOUT_JIT:
                made = jit(lambda key: init.normal(0.5)(key, (8, 16), np.complex64, P("x", "y")))(KEY)
                self.check_shards(made, sharding, expected)

    def make_array_fills_each_block_once_and_no_more(self):
        with pytest.MonkeyPatch.context() as patch:
            shapes = record_fills(patch)
            mesh = self.mesh()
            for spec, count, shape in (
                (P("x", "y"), 8, (2, 3)),
                (P("x"), 4, (2, 6)),
                (P(None, "y"), 2, (8, 3)),
                (P(), 1, (8, 6)),
            ):
                init.make_array("normal", (8, 6), NamedSharding(mesh, spec), 7, "w")
                assert shapes == [shape] * count, (spec, shapes)
                shapes.clear()
            init.make_array("orthogonal", (8, 6), NamedSharding(mesh, P("x", "y")), 7, "w")
            assert shapes == [(8, 6)]

    def make_array_refuses_what_a_sharding_does_not_divide(self):
        with pytest.MonkeyPatch.context() as patch:
            shapes = record_fills(patch)
            for shape in ((9, 6), (8,), ()):
                with pytest.raises(ValueError, match="does not fit shape="):
                    init.make_array("normal", shape, NamedSharding(self.mesh(), P("x", "y")), 7, "w")
            assert not shapes

    def a_donated_replica_leaves_the_others_alone(self):
        made = init.make_array("normal", (512, 512), NamedSharding(self.mesh(), P()), 7, "w")
        expected = np.array(made)
        first, *others = [shard.data for shard in made.addressable_shards]
        jax.jit(lambda a: a * 0 + 5, donate_argnums=0)(first).block_until_ready()
        assert all(same(other, expected) for other in others)

    def a_known_key_fills_each_shard_by_itself(self):
        expected = expected_for(KEY, (8, 16))
        mesh = self.mesh()
        with pytest.MonkeyPatch.context() as patch:
            shapes = record_fills(patch)
            named = NamedSharding(mesh, P("x", "y"))
            self.check_shards(init.he_normal()(KEY, (8, 16), None, named), named, expected)
            with jax.set_mesh(mesh):
                self.check_shards(init.he_normal()(KEY, (8, 16), None, named), named, expected)
                self.check_shards(init.he_normal()(KEY, (8, 16), None, P("x", "y")), named, expected)
            assert shapes == [(2, 8)] * 24
            shapes.clear()
            with jax.set_mesh(mesh):
                q = init.orthogonal()(KEY, (8, 16), None, P("x", "y"))
            self.check_shards(q, named, filled("orthogonal", (8, 16)))
            assert shapes == [(8, 16)]

    def a_traced_key_fills_each_shard_by_itself(self):
        expected = expected_for(KEY, (8, 16))
        with pytest.MonkeyPatch.context() as patch, jax.set_mesh(self.mesh()) as _:
            mesh = jax.sharding.get_mesh()
            blocks = record_callbacks(patch)
            for spec in (P("x", "y"), P("y"), P(None, ("y", "x")), P(("x", "y"), None)):
                sharding = NamedSharding(mesh, spec)
                for given in (spec, sharding):
                    made = jax.jit(lambda key, given=given: init.he_normal()(key, (8, 16), None, given))(KEY)
                    self.check_shards(made, sharding, expected)
                    assert blocks == [sharding.shard_shape((8, 16))] * 8, (spec, blocks)
                    blocks.clear()
            made = jax.jit(lambda key: init.he_normal()(key, (8, 16), None, P()))(KEY)
            self.check_shards(made, NamedSharding(mesh, P()), expected)
            made = jax.jit(lambda key: init.orthogonal()(key, (8, 16), None, P("x", "y")))(KEY)
            self.check_shards(made, NamedSharding(mesh, P("x", "y")), filled("orthogonal", (8, 16)))
            assert blocks == [(8, 16)] * 2

    def vmapped_keys_fill_each_shard_by_itself(self):
        with jax.set_mesh(self.mesh()):
            keys = jax.random.split(jax.random.key(7), 3)
            for jit in WITH_AND_WITHOUT_JIT:
                made = jit(jax.vmap(lambda key: init.he_normal()(key, (8, 16), None, P("x", "y"))))(keys)
                self.check_shards(
                    made, NamedSharding(jax.sharding.get_mesh(), P(None, "x", "y")), expected_for(keys, (8, 16))
                )

    def without_out_sharding_arrays_are_where_those_of_jax_are(self):
        """And arrays on the mesh can be added to them."""
        expected = filled("he_normal", (8, 16), layout="keras", truncated=True, stream=7)
        functions = [
            lambda key, module=module: module.he_normal()(key, (8, 16)) for module in (init, jax.nn.initializers)
        ]
        meshes = [self.mesh(axis_type=axis_type) for axis_type in (AxisType.Explicit, AxisType.Auto)]
        places = [None, jax.devices()[3], NamedSharding(meshes[1], P())]
        for mesh, place in [(mesh, None) for mesh in meshes] + [(None, place) for place in places]:
            with jax.set_mesh(mesh) if mesh else contextlib.nullcontext():
                key = jax.device_put(jax.random.key(7, impl="rbg"), place)
                for ours, theirs in (functions, map(jax.jit, functions)):
                    made = ours(key)
                    assert same(made, expected)
                    assert made.sharding.is_equivalent_to(theirs(key).sharding, 2), (made.sharding, mesh, place)
                    assert same(made + made, expected + expected)

    def out_shardings_of_jit(self):
        mesh = self.mesh(axis_type=AxisType.Auto)
        for spec in (P("x", "y"), P(None, "x"), P()):
            sharding = NamedSharding(mesh, spec)
            made = jax.jit(lambda key: init.he_normal()(key, (8, 16)), out_shardings=sharding)(KEY)
            self.check_shards(made, sharding, expected_for(KEY, (8, 16)))

    def inside_of_shard_map(self):
        with jax.set_mesh(self.mesh()):
            keys = jax.random.split(jax.random.key(7), 4)

            def of_own_key(keys):
                return init.he_normal()(keys[0], (8, 16))[None]

            made = jax.jit(jax.shard_map(of_own_key, in_specs=P("x"), out_specs=P("x")))(jax.device_put(keys, P("x")))
            assert same(made, expected_for(keys, (8, 16)))

    def a_mesh_of_explicit_and_automatic_axes(self):
        types = (AxisType.Explicit, AxisType.Auto)
        with jax.set_mesh(jax.make_mesh((4, 2), ("x", "y"), axis_types=types)) as _:
            sharding = NamedSharding(jax.sharding.get_mesh(), P("x"))
            for jit in WITH_AND_WITHOUT_JIT:
                made = jit(lambda key: init.he_normal()(key, (8, 16), None, P("x")))(jax.random.key(7))
                self.check_shards(made, sharding, expected_for(KEY, (8, 16)))

    def a_sharding_over_no_axes_is_as_none(self):
        no_axes = AbstractMesh((), ())
        for mesh in (self.mesh(axis_type=AxisType.Auto), no_axes):
            sharding = NamedSharding(mesh, P())
            for jit in WITH_AND_WITHOUT_JIT:
                made = jit(lambda key, sharding=sharding: init.he_normal()(key, (8, 16), None, sharding))(KEY)
                assert same(made, expected_for(KEY, (8, 16)))
                assert made.sharding == SingleDeviceSharding(jax.devices()[0])

    def shardings_that_jax_refuses(self):
        with pytest.MonkeyPatch.context() as patch:
            shapes = record_fills(patch)
            explicit, automatic = (self.mesh(axis_type=each) for each in (AxisType.Explicit, AxisType.Auto))
            for shape, sharding in (
                ((9, 16), NamedSharding(explicit, P("x"))),
                ((8, 16), NamedSharding(automatic, P("x"))),
            ):
                for jit in WITH_AND_WITHOUT_JIT:
                    with pytest.raises(ValueError, match=r"divide|Auto"):
                        jit(lambda key, a=shape, b=sharding: init.normal()(key, a, None, b))(KEY)
            assert not shapes


def record_fills(patch):
    """The shapes of the blocks that are filled, as a list that grows."""
    shapes = []
    fill = Recipe.fill

    def recorded(self, generator, out, **where):
        shapes.append(out.shape)
        return fill(self, generator, out, **where)

    patch.setattr(Recipe, "fill", recorded)
    return shapes


EIGHT_DEVICES = [name for name in vars(EightDevices) if inspect.isfunction(vars(EightDevices)[name])]


def report():
    """Prints, as JSON, what went wrong in each check."""
    assert len(jax.devices()) == 8
    failures = {}
    for name in EIGHT_DEVICES:
        try:
            getattr(EightDevices(), name)()
        except BaseException:
            failures[name] = traceback.format_exc()
    print(json.dumps(failures))


@pytest.fixture(scope="module")
def failures():
    code = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import test_jax; test_jax.report()"
    devices = "--xla_force_host_platform_device_count=8"
    run = fresh_python(code, timeout=240, XLA_FLAGS=devices, JAX_PLATFORMS="cpu")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", EIGHT_DEVICES)
def test_on_eight_devices(failures, name):
    assert name not in failures, failures[name]


PROCESS = """
import sys
import jax
jax.distributed.initialize(f"localhost:{sys.argv[1]}", 2, int(sys.argv[2]))
import numpy as np, fastinit
from fastinit import jax as init
from jax.sharding import NamedSharding, PartitionSpec as P
sharding = NamedSharding(jax.make_mesh((4,), ("x",)), P("x"))
made = init.make_array("normal", (8, 6), sharding, 7, "w")
whole = fastinit.Generator(7).normal(np.empty((8, 6), np.float32), stream="w")
assert len(made.addressable_shards) == 2
assert all(np.array_equal(shard.data, whole[shard.index]) for shard in made.addressable_shards)
with jax.set_mesh(sharding.mesh):
    drawn = jax.jit(lambda key: init.normal(1.0)(key, (8, 6), None, P("x")))(jax.random.key(7))
whole = fastinit.Generator(7).normal(np.empty((8, 6), np.float32), stream=0)
assert all(np.array_equal(shard.data, whole[shard.index]) for shard in drawn.addressable_shards)
try:
    init.make_array("normal", (8, 6), sharding)
except TypeError as error:
    assert "seed is missing" in str(error)
else:
    assert False, "each process would have drawn from its own default generator"
print("right")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="JAX's processes of one machine are tested on Linux only")
def test_two_processes_fill_their_own_shards_of_one_array():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    environment = {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
    }
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda rank: fresh_python(PROCESS, port, rank, **environment), "01"))
    for run in runs:
        assert run.stdout.endswith("right\n"), run.stderr


@pytest.mark.parametrize("axis", [-2, -1, 0, 1])
def test_delta_orthogonal_takes_both_axes_of_the_matrix_counted_from_either_end(axis):
    expected = init.delta_orthogonal(2.0)(KEY, KERNEL)
    assert same(init.delta_orthogonal(2.0, column_axis=axis)(KEY, KERNEL), expected)
