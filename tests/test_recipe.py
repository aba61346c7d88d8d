"""What the modules for frameworks have in common: recipes, addresses of tensors, pieces, rules, missing extras."""

import math
import pickle

import ml_dtypes
import numpy as np
import pytest
from conftest import fresh_python
from hypothesis import given
from hypothesis import strategies as st

import fastinit
from fastinit import _core
from fastinit.draw import Drawn, pieces, seed_and_stream, shape_of
from fastinit.generator import SCHEMES
from fastinit.recipe import Recipe

F4 = np.dtype(np.float32)


# ---- Recipes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("zeros", "zeros()"),
        (("normal", 0, 0.02), "normal(mean=0, std=0.02)"),
        (["he_normal", {"layout": "torch"}], "he_normal(layout='torch')"),
        (("xavier_uniform", 3, {"fan_out": 4}), "xavier_uniform(fan_in=3, fan_out=4)"),
        (Recipe.of("ones"), "ones()"),
    ],
)
def test_recipe_is_read_from_what_fill_takes_and_printed_by_keyword(spec, text):
    assert str(Recipe.parse(spec)) == text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_recipe_fills_what_the_generator_fills(scheme):
    shape = {"dirac": (6, 4, 3), "delta_orthogonal": (3, 4, 6)}.get(scheme, (6, 4))
    recipe = Recipe.of(scheme, *{"constant": (0.5,), "sparse": (0.25,)}.get(scheme, ())).with_layout("keras")
    dtype = np.dtype(np.uint32) if scheme == "bits" else F4
    named = {"stream": "w"} if SCHEMES[scheme] else {}
    whole = getattr(fastinit.Generator(7), scheme)(np.empty(shape, dtype), **recipe.arguments, **named)
    drawn = Drawn(recipe, shape, dtype, 7, "w")
    drawn.check()
    assert np.array_equal(drawn.array(), whole)
    place = (slice(1, 3), *[slice(None)] * (len(shape) - 1))
    assert np.array_equal(drawn.block(place), whole[place])
    assert recipe.draws == SCHEMES[scheme]
    copy = pickle.loads(pickle.dumps(drawn))
    assert (copy, hash(copy)) == (drawn, hash(drawn))


@pytest.mark.parametrize("shape", [(), (5,), (300, 301)])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_new_arrays_begin_where_frameworks_take_them_without_a_copy(shape, dtype):
    array = Drawn(Recipe.of("normal"), shape, np.dtype(dtype), 7, "w").array()
    assert array.ctypes.data % 64 == 0
    assert (array.shape, array.dtype.str[1:]) == (shape, dtype)
    assert array.flags.c_contiguous
    assert Drawn(Recipe.of("normal"), (0, 3), np.dtype(dtype), 7, "w").array().shape == (0, 3)


def test_layouts_are_for_schemes_that_need_fans_and_were_given_none():
    assert Recipe.of("he_normal").with_layout("torch").arguments == {"layout": "torch"}
    assert Recipe.of("he_normal", 3).with_layout("torch").arguments == {"fan_in": 3}
    assert Recipe.of("he_normal", layout="keras").with_layout("torch").arguments == {"layout": "keras"}
    assert Recipe.of("normal").with_layout("torch").arguments == {}


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("nothing", ValueError, "scheme='nothing'; accepted are bits, constant"),
        ((), TypeError, "accepted is a scheme's name or a tuple"),
        (3, TypeError, "3; accepted is a scheme's name or a tuple"),
        (([],), TypeError, "scheme must be a string, not list"),
        (("normal", 1, 2, 3), TypeError, r"normal: too many positional arguments; accepted are \(mean=0.0, std=1.0\)"),
        (("normal", {"stream": 1}), TypeError, "normal: got an unexpected keyword argument 'stream'"),
        ("sparse", TypeError, "sparse: missing a required argument: 'sparsity'"),
    ],
)
def test_what_is_no_recipe_is_refused(spec, error, message):
    with pytest.raises(error, match=message):
        Recipe.parse(spec)


@pytest.mark.parametrize(
    ("recipe", "shape", "dtype", "message"),
    [
        (Recipe.of("normal", std=-1), (2**40, 2**20), F4, "std=-1"),
        (Recipe.of("normal", std=1e38), (3,), F4, "do not overflow float32"),
        (Recipe.of("normal"), (3,), np.dtype(np.int64), "dtype int64; accepted are float32"),
        (Recipe.of("bits"), (3,), F4, "dtype float32; accepted are uint32"),
        (Recipe.of("he_normal"), (3, 4), F4, "fan_in is missing"),
        (Recipe.of("he_normal", layout="torch"), (3,), F4, r"shape=\(3,\); layout='torch'"),
        (Recipe.of("identity"), (3, 4, 5), F4, r"tensor of shape=\(3, 4, 5\); identity takes an array of 2 axes"),
        (Recipe.of("normal"), (2**40, 2**40), F4, r"more than 2\*\*63 elements"),
        (Recipe.of("orthogonal"), (2**42, 2**20), F4, "which no memory holds"),
    ],
)
def test_check_raises_what_the_fill_would_and_needs_no_memory(recipe, shape, dtype, message):
    with pytest.raises((TypeError, ValueError), match=message):
        recipe.check(shape, dtype)


NAMES = ("float32", "float64", "float16", "bfloat16", "uint32", "uint64", "complex64", "complex128", "int32", "bool")
ANY_DTYPE = [(name, {"constant": {"value": 1}, "sparse": {"sparsity": 0.25}}.get(name, {})) for name in SCHEMES] + [
    *((f"{name}_normal", {"truncated": cut}) for name in ("he", "xavier", "lecun", "lasagne") for cut in (False, True)),
    *(
        ("variance_scaling", {"distribution": name})
        for name in ("truncated_normal", "untruncated_normal", "normal", "uniform")
    ),
]


@pytest.mark.parametrize(("scheme", "keywords"), ANY_DTYPE, ids=str)
def test_recipe_tells_which_dtypes_the_core_draws(scheme, keywords):
    recipe = Recipe.of(scheme, **keywords).with_layout("keras")
    shape = {"dirac": (6, 4, 3), "delta_orthogonal": (3, 4, 6)}.get(scheme, (6, 4))
    errors = {}
    for name in NAMES:
        try:
            recipe.fill(fastinit.Generator(7), np.empty(shape, getattr(ml_dtypes, name, name)))
        except TypeError as error:
            errors[name] = str(error)
    assert set(NAMES) - set(errors) == (set(recipe.dtypes) if SCHEMES[scheme] else set(NAMES))
    assert recipe.takes_complex == ("complex64" not in errors)
    for name, error in errors.items():
        assert error.startswith(f"out has dtype {name}; accepted are ")
        assert error.endswith(recipe.if_complex("complex" in name))
    assert not recipe.if_complex(False)


# ---- Rows with streams of their own ----------------------------------------------------------------------------------

ROWS = ["a", 2, "c", 2**63 - 1, 0, 2, 9]


def drawn_rows(streams, scheme="he_normal", shape=(7, 6, 4), **arguments):
    recipe = Recipe.of(scheme, **arguments).with_layout("torch")
    return Drawn(recipe, shape, F4, 7, streams=_core.rows_of(None, streams))


@pytest.mark.parametrize("streams", [ROWS, range(3, 10), range(20, 13, -1), np.arange(7)], ids=str)
def test_blocks_of_rows_with_streams_are_those_of_the_whole(streams):
    drawn = drawn_rows(streams)
    drawn.check()
    whole = drawn.array()
    for row, stream in zip(whole, streams, strict=True):
        assert np.array_equal(row, fastinit.Generator(7).he_normal(np.empty_like(row), 4, stream=stream))
    for place in (np.s_[2:5, :, :], np.s_[:, 1:4, 2:], np.s_[6:7, 5:6, 3:4], np.s_[3:3, :, :], np.s_[1:3, 2:2, :]):
        assert np.array_equal(drawn.block(place), whole[place])
    for elements in (1, 3, 5, 10, 24, 30, 100, 1000):
        for recipe in (drawn.recipe, Recipe.of("orthogonal")):
            filled = np.empty_like(whole)
            for offset, size in Drawn(recipe, (7, 6, 4), F4, 7, streams=drawn.streams).pieces(elements):
                assert math.prod(size) <= (elements if recipe is drawn.recipe else max(elements, 24))
                assert recipe is drawn.recipe or size[1:] == (6, 4)
                place = tuple(slice(start, start + n) for start, n in zip(offset, size, strict=True))
                filled[place] = drawn.block(place)
            assert np.array_equal(filled, whole)


def test_fill_of_rows_is_one_of_many():
    drawn, g = drawn_rows(ROWS), fastinit.Generator(7)
    part = np.empty((3, 2, 4), np.float32)
    whole, other = np.empty((7, 6, 4), np.float32), np.empty(5)
    g.fill([drawn.spec(part, (2, 3, 0)), (other, "normal"), drawn.spec(whole, (0, 0, 0))])
    assert np.array_equal(whole, drawn.array())
    assert np.array_equal(part, whole[2:5, 3:5])
    assert g.stream == 1


def test_rows_are_compared_hashed_and_pickled_by_their_streams():
    drawn = drawn_rows(ROWS)
    same = drawn_rows([*ROWS])
    assert (same, hash(same)) == (drawn, hash(drawn))
    for streams in ([*ROWS[:-1], 8], ROWS[::-1], range(7)):
        assert drawn_rows(streams) != drawn
    assert Drawn(drawn.recipe, drawn.shape, F4, 7) != drawn
    as_range, as_array = drawn_rows(range(30, 2, -4)), drawn_rows(np.arange(30, 2, -4))
    assert (as_range, hash(as_range)) == (as_array, hash(as_array))
    assert drawn_rows(range(7)) != drawn_rows(range(0, 14, 2))
    assert as_range.streams != range(30, 2, -4)
    for each in (drawn, as_range, drawn_rows([], shape=(0, 6, 4)), drawn_rows(range(0), shape=(0, 6, 4))):
        copy = pickle.loads(pickle.dumps(each))
        assert (copy, hash(copy)) == (each, hash(each))
        assert np.array_equal(copy.array(), each.array())
    assert drawn_rows([], shape=(0, 6, 4)) == drawn_rows(range(0), shape=(0, 6, 4))
    part = pickle.loads(pickle.dumps(drawn.streams[2:5]))
    assert part == _core.rows_of(None, ROWS[2:5])
    assert part == drawn.streams[2:5]
    assert as_range.streams[5:] == _core.rows_of(None, range(10, 2, -4))
    assert as_range.streams[6:3] == _core.rows_of(None, [])


def test_rows_by_a_range_take_no_memory():
    drawn = drawn_rows(range(5, 2**40 + 5), shape=(2**40, 6, 4))
    assert len(pickle.dumps(drawn)) < 1000
    assert pickle.loads(pickle.dumps(drawn)) == drawn
    block = drawn.block(np.s_[2**39 : 2**39 + 2, :, :])
    row = fastinit.Generator(7).he_normal(np.empty((6, 4), np.float32), 4, stream=2**39 + 6)
    assert np.array_equal(block[1], row)


def test_streams_are_no_part_of_a_recipe():
    with pytest.raises(TypeError, match="normal: got an unexpected keyword argument 'streams'"):
        Recipe.of("normal", streams=range(3))


# ---- Addresses -------------------------------------------------------------------------------------------------------


def test_tensor_without_a_seed_takes_the_default_generators_next_stream():
    fastinit.seed(7)
    assert [seed_and_stream(None, None), seed_and_stream(None, "w"), seed_and_stream(None, None)] == [
        (7, 0),
        (7, "w"),
        (7, 1),
    ]
    assert fastinit.default_generator.stream == 2


def test_seed_needs_a_stream_as_tensors_that_share_both_would_be_parts_of_the_same_numbers():
    assert seed_and_stream(3, "w") == (3, "w")
    assert seed_and_stream(np.uint64(2**64 - 1), 0) == (2**64 - 1, 0)
    with pytest.raises(TypeError, match="seed=3 without stream"):
        seed_and_stream(3, None)
    with pytest.raises(ValueError, match="seed=-1"):
        seed_and_stream(-1, 0)
    with pytest.raises(ValueError, match="stream=-1"):
        seed_and_stream(3, -1)
    with pytest.raises(TypeError, match="seed must be"):
        seed_and_stream(True, 0)


def test_seed_sequence_is_a_seed():
    sequence = np.random.SeedSequence(3)
    seed = fastinit.Generator(sequence).seed
    assert seed_and_stream(sequence, "w") == (seed, "w")
    with pytest.raises(TypeError, match=f"^seed={seed} without stream"):
        seed_and_stream(sequence, None)


# ---- Shapes and pieces -----------------------------------------------------------------------------------------------


def test_shapes_are_what_numpy_takes_for_one():
    assert shape_of(3) == (3,)
    assert shape_of([3, np.int8(4)]) == (3, 4)
    assert shape_of(()) == ()
    for shape in (3.0, "3", (3, None), True, (3, True), np.array([True, False]), (np.True_,)):
        with pytest.raises(TypeError, match="shape="):
            shape_of(shape)
    with pytest.raises(ValueError, match="shape="):
        shape_of((3, -1))


def test_error_of_an_index_stays_the_cause():
    class Size:
        def __index__(self):
            raise TypeError("not known yet")

    for shape in (Size(), (3, Size())):
        with pytest.raises(TypeError, match=r"shape=.*; accepted is an integer or a tuple") as caught:
            shape_of(shape)
        assert str(caught.value.__cause__) == "not known yet"


@given(shape=st.lists(st.integers(0, 7), max_size=4).map(tuple), elements=st.integers(1, 100))
def test_pieces_are_small_and_together_the_tensor_in_c_order(shape, elements):
    numbers, seen = np.arange(math.prod(shape)).reshape(shape), []
    for offset, size in pieces(shape, elements):
        assert math.prod(size) <= elements
        part = numbers[tuple(slice(first, first + n) for first, n in zip(offset, size, strict=True))]
        assert part.shape == size
        seen += part.ravel().tolist()
    assert seen == list(range(math.prod(shape)))


def test_pieces_are_as_large_as_they_may_be():
    assert len(list(pieces((1000, 1000), 250_000))) == 4
    assert len(list(pieces((1000, 1000), 600))) == 2000
    assert list(pieces((2**40,), 2**40)) == [((0,), (2**40,))]


# ---- Extras ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["torch", "jax", "keras", "dask"])
def test_module_without_its_framework_says_what_to_install(framework):
    code = f"import sys; sys.modules[{framework!r}] = None; import fastinit.{framework}"
    advice = f"`pip install 'fastinit-weights[{framework}]'` installs"
    message = f"ImportError: fastinit.{framework} needs {framework}, which {advice}"
    assert fresh_python(code).stderr.strip().endswith(message)


def test_importing_fastinit_imports_no_framework():
    code = "import sys, fastinit; print(*{'torch', 'jax', 'keras', 'dask', 'ml_dtypes'} & set(sys.modules))"
    assert fresh_python(code).stdout.strip() == ""
