"""Generator.fill writes what its fills would write one by one, or nothing at all."""

import inspect
import itertools
import math
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest
from conftest import FLOATS, same
from hypothesis import given, settings
from hypothesis import strategies as st
from test_docs import DOCUMENTED

import fastinit
from fastinit import _core
from fastinit.generator import SCHEMES

CONSTANTS = ("zeros", "ones", "constant", "identity", "dirac")
ARGUMENTS = {"constant": (0.5,), "sparse": (0.25,), "orthogonal": (1.5,), "uniform": (-1, 2), "normal": (0.5, 2)}
KEYWORDS = {"truncated_normal": {"std": 0.02, "high": 3}, "identity": {"gain": 2}}
SIGNATURES = {name: inspect.signature(getattr(fastinit, name)).parameters for name in DOCUMENTED}
KEYWORDS |= {name: {"layout": "torch"} for name in DOCUMENTED if "layout" in SIGNATURES[name]}


def array_for(name, dtype="f4"):
    shape = (3, 4, 5) if name in ("dirac", "delta_orthogonal") else (6, 7)
    return np.linspace(-1, 1, math.prod(shape)).reshape(shape).astype("u4" if name == "bits" else dtype)


def spec_of(name, out):
    """A tuple for Generator.fill, with whatever arguments the function needs."""
    return (out, name, *ARGUMENTS.get(name, ()), *([KEYWORDS[name]] if name in KEYWORDS else []))


def called(g, spec, **keywords):
    """The fill of a tuple on its own."""
    out, name, *arguments = spec
    given = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
    return getattr(g, name)(out, *arguments, **given, **keywords)


@pytest.fixture
def threads():
    """Sets the number of threads for one test."""
    before = fastinit.get_num_threads()
    yield fastinit.set_num_threads
    fastinit.set_num_threads(before)


# ---- One by one ------------------------------------------------------------------------------------------------------


def test_every_function_that_fills_can_be_named():
    assert set(SCHEMES) == set(DOCUMENTED) - {"fill"}
    for name, draws in SCHEMES.items():
        assert draws == ("stream" in SIGNATURES[name])


def test_constants_of_every_dtype_are_filled_beside_draws(g):
    steps, mask, scale = np.empty(3, np.int64), np.empty((2, 2), bool), np.empty(4, ml_dtypes.float8_e4m3fn)
    turn, weights = np.empty((2, 3), np.complex64), np.empty((5, 6), np.float32)
    fills = {
        "steps": (steps, "constant", 2**63 - 1),
        "mask": (mask, "ones"),
        "scale": (scale, "zeros"),
        "turn": (turn, "identity", 1j),
        "weights": (weights, "normal"),
    }
    g.fill(fills)
    assert steps.tolist() == [2**63 - 1] * 3
    assert mask.all()
    assert same(scale, np.zeros(4, scale.dtype))
    assert same(turn, (1j * np.eye(2, 3)).astype(np.complex64))
    assert same(weights, g.normal(np.empty_like(weights), stream="weights"))
    before = weights.tobytes()
    with pytest.raises(ValueError, match=r"fills\['mask'\]: value=2; accepted for bool are 0 and 1"):
        g.fill({"weights": (weights, "zeros"), "mask": (mask, "constant", 2)})
    assert weights.tobytes() == before


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_every_function_writes_what_it_writes_alone(g, dtype, accumulate):
    names = [name for name in SCHEMES if not (accumulate and name in ("bits", *CONSTANTS))]
    filled = g.fill({f"{name}.w": spec_of(name, array_for(name, dtype)) for name in names}, accumulate=accumulate)
    assert g.stream == 0
    for name in names:
        keywords = {} if name in CONSTANTS else {"stream": f"{name}.w"}
        if accumulate:
            keywords["accumulate"] = True
        assert same(filled[f"{name}.w"], called(g, spec_of(name, array_for(name, dtype)), **keywords)), name


def test_tuples_alone_take_the_next_streams_in_turn_and_constants_take_none(g):
    names = ["normal", "zeros", "orthogonal", "bits", "dirac", "he_normal", "identity", "sparse"]
    g.stream = 5
    filled = g.fill([spec_of(name, array_for(name)) for name in names])
    assert g.stream == 10
    one_by_one = fastinit.Generator(7, stream=5)
    for name, out in zip(names, filled, strict=True):
        assert same(out, called(one_by_one, spec_of(name, array_for(name)))), name
    assert one_by_one.stream == 10


def test_names_and_numbers_are_streams_and_leave_the_counter_alone(g):
    keys = ["fc1.weight", "", "décodeur", 0, 7, 2**63 - 1, 2**63, 2**64 - 1, np.int64(3)]
    filled = g.fill({key: (np.empty(9), "normal") for key in keys})
    assert g.stream == 0
    assert list(filled) == keys
    for key in keys:
        assert same(filled[key], g.normal(np.empty(9), stream=key))


def test_order_and_company_do_not_matter(g):
    names = ["normal", "zeros", "orthogonal", "uniform", "sparse", "he_normal"]
    together = g.fill({name: spec_of(name, array_for(name)) for name in names})
    backwards = g.fill({name: spec_of(name, array_for(name)) for name in reversed(names)})
    for name in names:
        alone = g.fill({name: spec_of(name, array_for(name))})
        assert same(together[name], backwards[name])
        assert same(together[name], alone[name])


@settings(max_examples=100)
@given(data=st.data(), named=st.booleans(), first=st.integers(0, 2**63 - 20))
def test_any_set_of_fills_is_what_they_are_one_by_one(data, named, first):
    names = data.draw(st.lists(st.sampled_from(sorted(SCHEMES)), max_size=8))
    dtypes = [data.draw(st.sampled_from(FLOATS)) for _ in names]
    specs = [spec_of(name, array_for(name, dtype)) for name, dtype in zip(names, dtypes, strict=True)]
    g, one_by_one = fastinit.Generator(7, first), fastinit.Generator(7, first)
    filled = g.fill(dict(enumerate(specs)) if named else specs)
    for i, (name, dtype) in enumerate(zip(names, dtypes, strict=True)):
        keywords = {"stream": i} if named and name not in CONSTANTS else {}
        assert same(filled[i], called(one_by_one, spec_of(name, array_for(name, dtype)), **keywords))
    assert g.stream == one_by_one.stream


def test_what_is_returned_are_the_arrays_themselves(g):
    a, b, c = np.empty(3), np.empty((2, 2), np.float32)[:, ::-1], np.empty((), np.uint32)
    mapping = g.fill({"a": (a, "normal"), 1: (b, "zeros"), "c": (c, "bits")})
    assert type(mapping) is dict
    assert list(mapping) == ["a", 1, "c"]
    assert mapping["a"] is a
    assert mapping[1] is b
    assert mapping["c"] is c
    in_turn = g.fill([(a, "normal"), (b, "zeros"), (c, "bits")])
    assert type(in_turn) is list
    assert all(x is y for x, y in zip(in_turn, (a, b, c), strict=True))


def test_nothing_to_fill_is_no_error(g):
    assert g.fill({}) == {}
    assert g.fill([]) == []
    assert g.fill(iter(())) == []
    assert g.stream == 0
    assert g.fill([(np.empty(0), "normal"), (np.empty((2, 0)), "normal")])[1].shape == (2, 0)
    assert g.stream == 2


def test_specs_may_come_in_any_mapping_or_iterable_and_be_lists(g):
    expected = [g.normal(np.empty(5), 0, 2, stream=0), g.uniform(np.empty(5), -1, stream=1)]

    def specs():
        yield [np.empty(5), "normal", 0, 2]
        yield np.empty(5), "uniform", {"low": -1}

    for fills in (specs(), tuple(specs()), list(specs())):
        filled = fastinit.Generator(7).fill(fills)
        assert all(same(a, b) for a, b in zip(filled, expected, strict=True))
    filled = g.fill(MappingProxyType(dict(enumerate(specs()))))
    assert all(same(filled[i], expected[i]) for i in range(2))


def test_keyword_dictionary_is_not_changed_and_may_be_shared(g):
    keywords = {"layout": "torch", "truncated": True}
    shared = {"a": (np.empty((3, 4)), "he_normal", keywords), "b": (np.empty((5, 6)), "he_normal", keywords)}
    filled = g.fill(shared, accumulate=False)
    assert keywords == {"layout": "torch", "truncated": True}
    for name, shape in (("a", (3, 4)), ("b", (5, 6))):
        assert same(filled[name], g.he_normal(np.empty(shape), stream=name, **keywords))


def test_single_fills_can_add_while_others_replace(g):
    ones, twos = np.ones(9), np.full(9, 2.0)
    g.fill({"a": (ones, "normal", {"accumulate": True}), "b": (twos, "normal")})
    assert same(ones, g.normal(np.ones(9), stream="a", accumulate=True))
    assert same(twos, g.normal(np.empty(9), stream="b"))


def test_blocks_and_any_layout_can_be_filled_together(g):
    whole = g.he_normal(np.empty((20, 30)), layout="torch", stream="w")
    orthogonal = g.orthogonal(np.empty((20, 30)), stream="q")
    w, q, memory = np.zeros((20, 30), order="F"), np.zeros((30, 20)).T, np.zeros(60)
    block = {"offset": [5, 7], "global_shape": np.array([20, 30])}
    g.fill(
        {
            "w": (w[5:11, 7:20], "he_normal", {"layout": "torch", **block}),
            "q": (q[5:11, 7:20], "orthogonal", block),
            "even": (memory[::2], "normal"),
            "odd": (memory[::-2], "normal"),
        }
    )
    for filled, expected in ((w, whole), (q, orthogonal)):
        assert same(filled[5:11, 7:20], expected[5:11, 7:20])
        filled[5:11, 7:20] = 0
        assert not filled.any()
    assert same(memory[::2], g.normal(np.empty(30), stream="even"))
    assert same(memory[::-2], g.normal(np.empty(30), stream="odd"))


def test_default_generator_fills_many(g):
    fastinit.seed(7)
    filled = fastinit.fill([(np.empty(5), "normal"), (np.empty(5), "uniform")])
    assert same(filled[0], g.normal(np.empty(5)))
    assert same(filled[1], g.uniform(np.empty(5)))
    assert fastinit.default_generator.stream == g.stream == 2


def test_generator_fills_as_before_after_a_fill_and_after_a_refused_one(g):
    """What keeps the fills for later must not stay."""
    g.fill([(np.empty(5), "normal")])
    with pytest.raises(ValueError, match="std"):
        g.fill([(np.empty(5), "normal", 0, -1)])
    out = np.zeros(5)
    g.normal(out)
    g.zeros(other := np.ones(5))
    assert same(out, fastinit.Generator(7).normal(np.empty(5), stream=1))
    assert not other.any()
    assert g.stream == 2


def test_used_up_streams_are_an_error_before_the_first_byte():
    g = fastinit.Generator(7, stream=2**63 - 1)
    specs = [(np.zeros(5), "normal"), (np.zeros(5), "zeros"), (np.zeros(5), "normal")]
    with pytest.raises(ValueError, match="used up"):
        g.fill(specs)
    assert g.stream == 2**63 - 1
    assert not any(out.any() for out, _ in specs)
    g.fill(specs[:2])
    assert g.stream == 2**63


# ---- Large arrays, several threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [False, True])
def test_large_arrays_hold_the_same_bits_whatever_the_number_of_threads(g, threads, accumulate):
    n = (1 << 18) + 4321
    makers = {
        "a": lambda: (np.ones(n, np.float32), "normal"),
        "b": lambda: (np.ones((1021, 2 * 263), np.float64)[::-1, ::2], "uniform", -1, 1),
        "c": lambda: (np.ones((613, 701), np.float16, order="F"), "he_normal", {"layout": "torch"}),
        "small": lambda: (np.ones(3, np.float32), "truncated_normal"),
        "q": lambda: (np.ones((20, 30)), "orthogonal"),
        "block": lambda: (np.ones((511, 600), "f4"), "normal", {"offset": (3, 5), "global_shape": (600, 613)}),
    }
    threads(1)
    expected = {name: called(g, make(), stream=name, accumulate=accumulate) for name, make in makers.items()}
    for count in (1, 2, 3, 4):
        threads(count)
        filled = g.fill({name: make() for name, make in makers.items()}, accumulate=accumulate)
        for name in makers:
            assert same(filled[name], expected[name]), (name, count)


def test_many_small_arrays_that_are_large_together_hold_the_same_bits(g, threads):
    shapes = [(i % 37 + 1, 3 * i % 101) for i in range(700)]
    assert sum(map(math.prod, shapes)) > 2 * 2**18
    expected = [g.normal(np.empty(shape, np.float32), stream=i) for i, shape in enumerate(shapes)]
    for count in (1, 3):
        threads(count)
        filled = fastinit.Generator(7).fill([(np.empty(shape, np.float32), "normal") for shape in shapes])
        assert all(same(a, b) for a, b in zip(filled, expected, strict=True))


# ---- Bad input -------------------------------------------------------------------------------------------------------


def refusal(fills, **keywords):
    """The error of a fill of many, which wrote nothing and took no stream."""
    specs = [spec for spec in (fills.values() if isinstance(fills, dict) else fills) if isinstance(spec, tuple)]
    arrays = [spec[0] for spec in specs if spec and isinstance(spec[0], np.ndarray)]
    before = [out.tobytes() for out in arrays]
    g = fastinit.Generator(7, stream=3)
    with pytest.raises((TypeError, ValueError)) as caught:
        g.fill(fills, **keywords)
    assert [out.tobytes() for out in arrays] == before
    assert g.state == {"seed": 7, "stream": 3, "spawned": 0}
    return caught.value


def ones(*shape, dtype="f8"):
    return np.ones(shape or (4, 5), dtype)


BAD = [
    ((ones(), "normal", 0, -1), ValueError, "mean=0.0, std=-1.0"),
    ((ones(), "normal", "x"), TypeError, "mean must be a number, not str"),
    ((ones(), "normal", {"sigma": 1}), TypeError, "sigma"),
    ((ones(), "normal", {3: 1}), TypeError, "keywords must be strings"),
    ((ones(), "normal", 0, 1, 2, 3), TypeError, "positional argument"),
    ((ones(), "he_normal"), TypeError, "fan_in is missing"),
    ((ones(), "he_normal", {"layout": "pytorch"}), ValueError, "layout='pytorch'; accepted are torch"),
    ((ones(), np.str_("he_norml")), ValueError, "did you mean 'he_normal'?"),
    ((ones(), "gaussian"), ValueError, "scheme='gaussian'; accepted are bits, constant,"),
    ((ones(), "fill"), ValueError, "scheme='fill'"),
    ((ones(), "reseed"), ValueError, "scheme='reseed'"),
    ((ones(), "_record"), ValueError, "scheme='_record'"),
    ((ones(), fastinit.normal), TypeError, "scheme must be a string, not"),
    ((ones(), None), TypeError, "scheme must be a string, not NoneType"),
    ((ones(),), TypeError, "accepted is a tuple (out, scheme, *arguments)"),
    ((), TypeError, "accepted is a tuple (out, scheme, *arguments)"),
    ("normal", TypeError, "accepted is a tuple (out, scheme, *arguments)"),
    (None, TypeError, "accepted is a tuple (out, scheme, *arguments)"),
    (ones(), TypeError, "accepted is a tuple (out, scheme, *arguments)"),
    ({"out": ones()}, TypeError, "accepted is a tuple (out, scheme, *arguments)"),
    (([1.0], "normal"), TypeError, "out must be a NumPy array or an array on a CUDA device, not list"),
    ((ones(dtype="i4"), "normal"), TypeError, "out has dtype int32"),
    ((ones(), "bits"), TypeError, "accepted are uint32, uint64"),
    ((np.broadcast_to(ones(), (2, 4, 5)), "normal"), ValueError, "out is read-only"),
    ((np.broadcast_to(ones(), (2, 4, 5)), "zeros"), ValueError, "out is read-only"),
    ((np.lib.stride_tricks.as_strided(ones(), (3, 3), (8, 8)), "normal"), ValueError, "overlaps itself"),
    ((np.lib.stride_tricks.as_strided(ones(), (3, 3), (8, 8)), "ones"), ValueError, "overlaps itself"),
    ((ones(), "normal", {"offset": (0, 0)}), ValueError, "accepted are both or neither"),
    ((ones(), "normal", {"offset": (0, 1), "global_shape": (4, 5)}), ValueError, "reach beyond global_shape=(4, 5)"),
    ((ones(), "orthogonal", {"offset": (1, 0), "global_shape": (4, 5)}), ValueError, "reach beyond"),
    ((ones(), "constant", math.nan, 2), TypeError, "positional argument"),
    ((ones(dtype="f2"), "constant", 1e6), ValueError, "value=1000000.0 overflows float16"),
    ((ones(), "dirac"), ValueError, "dirac takes an array of 3"),
    ((ones(), "zeros", {"stream": 3}), TypeError, "stream"),
    ((ones(), "sparse", 2), ValueError, "sparsity=2"),
]


@pytest.mark.parametrize("scheme", ["normal", "zeros"])
def test_fill_in_a_mapping_takes_its_key_as_the_stream_and_no_other(scheme):
    caught = refusal({"fc1": (ones(), scheme, {"stream": "fc2"})})
    assert str(caught) == "fills['fc1']: stream='fc2'; the stream of a fill in a mapping is its key"


@pytest.mark.parametrize(("spec", "error", "text"), BAD)
def test_error_says_whose_fill_is_wrong_and_nothing_is_written(spec, error, text):
    caught = refusal({"fc1": (ones(), "normal"), "fc2.weight": spec, "fc3": (ones(), "zeros")})
    assert type(caught) is error
    assert str(caught).startswith("fills['fc2.weight']: ")
    assert text in str(caught)
    caught = refusal([(ones(), "normal"), (ones(), "zeros"), spec, (ones(), "orthogonal")])
    assert type(caught) is error
    assert str(caught).startswith("fills[2]: ")
    assert text in str(caught)


def test_matrix_that_no_memory_holds_stops_the_others_too():
    block = {"offset": (0, 0), "global_shape": (2**61, 4)}
    caught = refusal({"fc1": (ones(), "normal"), "fc2": (ones(2, 3), "orthogonal", block), "fc3": (ones(), "zeros")})
    assert str(caught).startswith("fills['fc2']: ")


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (-1, ValueError, "fills[-1]: stream=-1 is out of range"),
        (2**64, ValueError, "accepted is 0 <= stream < 2**64"),
        (None, TypeError, "fills[None]: stream must be an integer or a name"),
        (True, TypeError, "fills[True]: stream must be an integer or a name"),
        (1.0, TypeError, "fills[1.0]: stream must be an integer or a name"),
        (("fc1",), TypeError, "fills[('fc1',)]: stream must be an integer or a name"),
        (b"fc1", TypeError, "fills[b'fc1']: stream must be an integer or a name"),
        ("\ud800", ValueError, "cannot be encoded as UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["normal", "orthogonal", "zeros"])
def test_keys_that_are_no_streams_are_named(name, key, error, text):
    caught = refusal({"fc1": (ones(), "normal"), key: (ones(), name)})
    assert type(caught) is error
    assert text in str(caught)


@pytest.mark.parametrize("name", ["bits", *CONSTANTS])
def test_what_cannot_be_added_is_refused_when_all_are_to_be_added(name):
    caught = refusal({"fc1": (ones(), "normal"), "fc2": spec_of(name, array_for(name, "f8"))}, accumulate=True)
    assert type(caught) is TypeError
    assert str(caught).startswith("fills['fc2']: ")
    assert "accumulate" in str(caught)


@pytest.mark.parametrize("fills", [3, None, 1.5], ids=repr)
def test_what_is_no_collection_of_fills(fills):
    g = fastinit.Generator(7)
    with pytest.raises(TypeError):
        g.fill(fills)
    assert g.stream == 0


# ---- Arrays that share memory ----------------------------------------------------------------------------------------


def test_arrays_that_share_memory_are_refused_by_name(g):
    memory = np.ones(100)
    for a, b in (
        (memory, memory),
        (memory, memory[50:51]),
        (memory[:60], memory[59:]),
        (memory[::2], memory[::3]),
        (memory[::-1], memory[10:12]),
        (memory.reshape(10, 10)[:, 2:5], memory.reshape(10, 10).T[4:]),
        (memory.view(np.uint8)[3:11].view(np.float64), memory[1:]),
        (memory[:50].view(np.float32), memory[49:]),
    ):
        for first, second in ((a, b), (b, a)):
            between = (np.ones(7), "ones")
            caught = refusal({"a": (first, "normal"), "z": between, 5: (second, "zeros")})
            assert type(caught) is ValueError
            assert "fills['a'] and fills[5] share memory" in str(caught)
            assert "fills[1] and fills[2] share memory" in str(refusal([between, (first, "normal"), (second, "zeros")]))


def test_arrays_that_lie_between_each_others_elements_are_filled(g):
    memory = np.zeros((3, 100))
    w, tail, corner = memory[0], memory[1:].reshape(10, 20), np.zeros((8, 8), np.float32)
    views = {
        "even": w[0::2],
        "odd": w[1::2],
        "left": tail[:, :7],
        "right": tail[:, 7:],
        "upper": corner[:4, ::2],
        "beside": corner[:4, 1::2],
        "lower": corner[:3:-1, ::-1],
        "nothing": w[:0],
        "nothing either": w[3:3],
    }
    g.fill({name: (view, "normal") for name, view in views.items()})
    for name, view in views.items():
        assert same(view, g.normal(np.empty(view.shape, view.dtype), stream=name)), name


@settings(max_examples=300)
@given(
    slices=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from([1, 2, 3, 5, -1, -2, -4])), max_size=5
    )
)
def test_any_slices_of_one_buffer_are_filled_if_and_only_if_they_are_apart(slices):
    memory = np.ones(30)
    taken = [set(range(30)[slice(*part)]) for part in slices]
    views = [memory[slice(*part)] for part in slices]
    g = fastinit.Generator(7)
    clash = next(((i, j) for i, j in itertools.combinations(range(len(taken)), 2) if taken[i] & taken[j]), None)
    if clash is None:
        g.fill([(view, "normal") for view in views])
        for i, view in enumerate(views):
            assert same(view, g.normal(np.empty(view.shape), stream=i))
        assert (memory[sorted(set(range(30)).difference(*taken))] == 1).all()
    else:
        with pytest.raises(ValueError, match=r"fills\[(\d)\] and fills\[(\d)\] share memory") as caught:
            g.fill([(view, "normal") for view in views])
        i, j = (int(digit) for digit in str(caught.value) if digit.isdigit())
        assert i < j
        assert taken[i] & taken[j]
        assert (memory == 1).all()
        assert g.stream == 0


# ---- Thousands of views of one array ---------------------------------------------------------------------------------


def matrix(rows, columns, dtype="f4"):
    return np.empty((rows, columns), dtype)  # whose memory is never touched


def columns():
    a = matrix(500, 4096)
    return [a[:, i] for i in range(4096)]


def columns_from_both_ends():
    """Each column in two pieces, whose ends lie at all rows."""
    a = matrix(5000, 3000)
    return [a[: 37 * i % 4999 + 1, i] for i in range(3000)] + [a[37 * i % 4999 + 1 :, i] for i in range(3000)]


def reversed_and_transposed():
    a = matrix(300, 4096)
    return [a.T[i, ::-1] for i in range(0, 4096, 2)] + [a[::-1, i + 1 : i + 2].T for i in range(0, 4096, 2)]


def tiles(size=60, step=64):
    a = matrix(64 * 50, 64 * 50, "f2")
    return [a[i : i + size, j : j + size] for i in range(0, 64 * 50, step) for j in range(0, 64 * 50, step)]


def tiles_and_a_column_beside():
    views = tiles(63)
    return [*views, views[0].base[:, 63]]


def bricks():
    """Tiles of which each row is shifted, with a column that links all of them."""
    a = matrix(64 * 50, 64 * 60, "f2")
    shifted = [(i, i // 64 * 7 + j + 1) for i in range(0, 64 * 50, 64) for j in range(0, 64 * 50, 64)]
    return [a[i : i + 64, j : j + 64] for i, j in shifted] + [a[:, 0]]


def tiles_cut_in_different_ways():
    """Whole, or every second row, column or both of them, linked by a column."""
    a = matrix(53 * 40, 51 * 40 + 1)
    views = [a[:, -1]]
    for n, (i, j) in enumerate(itertools.product(range(0, 53 * 40, 53), range(0, 51 * 40, 51))):
        tile, p = a[i : i + 53, j : j + 51], n % 7 % 4
        views += [tile[k :: 1 + p % 2, m :: 1 + p // 2] for k in range(1 + p % 2) for m in range(1 + p // 2)]
    return views


def triangles():
    a = matrix(3000, 3000)
    return [a[i:, i] for i in range(3000)] + [a[i, i + 1 :] for i in range(2999)]


def triangles_of_columns():
    a = matrix(3000, 3000)
    return [a[i:, i] for i in range(3000)] + [a[:i, i] for i in range(1, 3000)]


def diagonals():
    a = matrix(1500, 1500)
    return [np.diagonal(a, k) for k in range(-1499, 1500)]


def last_axes():
    a = np.empty((30, 20, 50, 40), np.float32)
    return [a[:, :, i, j] for i in range(50) for j in range(40)]


def middle_axes():
    a = np.empty((60, 30, 40), np.float32)
    return [a[i, :, j] for i in range(60) for j in range(40)]


def alternate_axes():
    a = np.empty((25, 40, 30, 50), np.float32)
    halves = [a[:, i, :, j] for i in range(0, 40, 2) for j in range(50)]
    return halves + [a[:, i, j] for i in range(1, 40, 2) for j in range(30)]


def heads():
    """The queries of each head as they are, the keys row by row, the values by every eighth column of a row."""
    a = matrix(64 * 3 * 40, 64).reshape(64, 3, 40, 64)
    return [a[:, 0], *(a[:, 1, i] for i in range(40)), *(a[:, 2, i, j::8] for i in range(40) for j in range(8))]


def steps():
    a = np.empty(10**6, np.float32)
    return [a[0::2], a[1::4], *(a[3 + 4 * i :: 4000] for i in range(1000))]


def steps_of_several_lengths():
    a = np.empty(10**6, np.float32)
    return [a[3 * i :: 2997] for i in range(999)] + [a[1 + 3 * i :: 999] for i in range(333)] + [a[2::6], a[5::6]]


def slices_from_the_middle_of_a_row():
    """Columns of 3000 elements apart, and tiles of a matrix with rows of 3000 that begins in the middle of one."""
    a = np.empty(3000 * 3001, np.float32)
    b = a[3000 * 1500 + 777 :][: 3000 * 1500].reshape(1500, 3000)
    return [a[i : 3000 * 1500 + 777 : 3000] for i in range(3000)] + [
        b[i : i + 50, j : j + 50] for i in range(0, 1500, 50) for j in range(0, 3000, 50)
    ]


def flat_pieces_between_rows():
    """What lies between two columns of a matrix, from one row to the next, and all of both columns."""
    a = matrix(3001, 500)
    return [a[:, 3], a[:, 200]] + [a.ravel()[500 * i + 201 : 500 * i + 503] for i in range(3000)]


def real_and_imaginary_parts():
    a = matrix(200, 2000, "c8")
    return [a[:, i].real for i in range(2000)] + [a[:, i].imag for i in range(2000)]


def many_bases():
    views = []
    for _ in range(40):
        a = matrix(200, 300)
        views += [a[:, i] for i in range(150)]
        views += [a[i : i + 50, j : j + 25] for i in range(0, 200, 50) for j in range(150, 300, 25)]
    return views


def separate():
    return [np.empty(20) for _ in range(5000)]


FAMILIES = [
    *(columns, columns_from_both_ends, reversed_and_transposed, tiles, tiles_and_a_column_beside, bricks),
    *(tiles_cut_in_different_ways, triangles, triangles_of_columns, diagonals, last_axes, middle_axes, alternate_axes),
    *(heads, steps, steps_of_several_lengths, slices_from_the_middle_of_a_row, flat_pieces_between_rows),
    *(real_and_imaginary_parts, many_bases, separate),
]
# Steps of the search for an array. Pairs would be half as many as there are arrays.
MOST_STEPS = 300


def halves(a, depth, rng):
    """a, cut in two so many times, at any place along any axis, or into its even and odd parts."""
    axes = [axis for axis in range(a.ndim) if a.shape[axis] > 1]
    if depth == 0 or not axes:
        return [a]
    a = np.moveaxis(a, rng.choice(axes), 0)
    at = rng.integers(1, len(a))
    both = (a[::2], a[1::2]) if rng.random() < 0.2 else (a[:at], a[at:])
    return [part for half in both for part in halves(half, depth - 1, rng)]


def one_element(view, rng):
    """A view of any element, or of a byte of it."""
    at = [rng.integers(n) for n in view.shape]
    element = view[tuple(slice(i, i + 1) for i in at)]
    if rng.random() < 0.5:
        return element
    bytes_ = np.lib.stride_tricks.as_strided(element, (1,) * view.ndim).reshape(1).view(np.uint8)
    return bytes_[rng.integers(len(bytes_)) :][:1]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_thousands_of_views_are_told_apart_in_few_steps_and_a_byte_in_two_of_them_is_found(family):
    rng = np.random.default_rng(7)
    views = family()
    for order in (range(len(views)), rng.permutation(len(views))):
        shared, work = _core.overlap_of([views[i] for i in order])
        assert shared is None
        assert work < MOST_STEPS * len(views)
    for _ in range(10):
        i, place = rng.integers(len(views)), rng.integers(len(views) + 1)
        planted = [*views[:place], one_element(views[i], rng), *views[place:]]
        shared, work = _core.overlap_of(planted)
        assert shared == tuple(sorted((place, i + (i >= place))))
        assert work < MOST_STEPS * len(views)


@pytest.mark.parametrize("shape", [(4000,), (900, 1100), (100, 90, 80), (30, 31, 32, 33)], ids=str)
def test_views_of_any_steps_within_each_other_take_at_most_twice_as_many_steps_as_there_are_pairs(shape):
    rng = np.random.default_rng(7)
    for depth in (3, 6, 9, 11):
        views = halves(np.empty(shape, np.float32), depth, rng)
        pairs = len(views) * (len(views) - 1) / 2
        shared, work = _core.overlap_of(views)
        assert shared is None
        assert work < 2 * pairs + 1000 * len(views)
        i = rng.integers(len(views))
        assert _core.overlap_of([*views, one_element(views[i], rng)])[0] == (i, len(views))


def test_arrays_of_many_axes_and_such_as_are_woven_into_each_other():
    a = np.zeros((3,) * 9, np.float32)
    parts = [a[tuple(slice(k, None, 2) for k in at)] for at in itertools.product((0, 1), repeat=9)]
    assert _core.overlap_of(parts)[0] is None
    assert _core.overlap_of([*parts, a[1:2, 2:, 1:2, 2:, :1, :1, :1, :1, :1]])[0] == (0b101000000, 512)
    memory = np.zeros(600)  # strides of 16 and 24 bytes: elements 0, 2, 3, 4, 5 and 7 of nine
    woven = [np.lib.stride_tricks.as_strided(memory[9 * i :], (2, 3), (24, 16)) for i in range(60)]
    between = [memory[9 * i + k : 9 * i + k + 1] for i in range(60) for k in (1, 6, 8)]
    assert _core.overlap_of(woven + between)[0] is None
    for k in (0, 2, 3, 4, 5, 7):
        assert _core.overlap_of([*woven, *between, memory[9 * 31 + k :][:1]])[0] == (31, 240)


def test_arrays_that_the_stride_of_others_would_cut_into_too_many_pieces():
    memory = np.zeros(331 * 1000, np.uint8)
    as_strided = np.lib.stride_tricks.as_strided
    # Two lanes of runs in slots of 331 bytes; between them columns, whose stride is three slots and a byte.
    lanes = [as_strided(memory[331 * k :], (21, 155), (331, 1)) for k in range(0, 960, 21)]
    lanes += [as_strided(memory[331 * k + 165 :], (21, 155), (331, 1)) for k in range(10, 960, 21)]
    columns = [as_strided(memory[331 * k + 155 :], (10,), (994,)) for k in range(0, 900, 70)]
    assert _core.overlap_of(lanes + columns)[0] is None
    assert _core.overlap_of([*lanes, *columns, memory[331 * 500 + 164 :][:2]])[0] == (69, 105)
    assert _core.overlap_of([*lanes, *columns, columns[8][4:5]])[0] == (100, 105)


def marked(view):
    """Whether a byte of a view is not 0; makes all of them such."""
    before = bool(view.any())
    view[...] = np.iinfo(view.dtype).max
    return before


@st.composite
def views_of_a_few_bases(draw):
    views = []
    for _ in range(draw(st.integers(1, 2))):
        shape = draw(st.sampled_from([(48,), (6, 8), (7, 9), (4, 3, 6), (3, 4, 2, 5)]))
        a = np.zeros(shape, draw(st.sampled_from(["u1", "u2", "u4", "u8"])))
        slices = [
            st.builds(slice, st.integers(0, n), st.integers(0, n), st.sampled_from([1, 1, 2, 3, -1, -2])) for n in shape
        ]
        for cut in draw(st.lists(st.tuples(*slices), max_size=25)):
            view = a[cut].transpose(draw(st.permutations(range(a.ndim))))
            views.append(view.view("u1") if view.flags.c_contiguous and draw(st.booleans()) else view)
    return draw(st.permutations(views))


@settings(max_examples=300)
@given(views=views_of_a_few_bases(), apart=st.booleans())
def test_any_views_share_memory_if_and_only_if_a_byte_is_in_two_of_them(views, apart):
    taken = []
    for view in views:
        if not (apart and view.any()):  # or else it is left out
            taken.append((view, marked(view)))
    shared, _ = _core.overlap_of([view for view, _ in taken])
    assert (shared is not None) == any(before for _, before in taken)
    if shared is not None:
        i, j = shared
        assert i < j
        assert np.shares_memory(taken[i][0], taken[j][0])


def test_thousands_of_columns_are_filled_and_one_that_comes_twice_is_named(g):
    a = np.zeros((5, 3000))
    fills = {f"column {i}": (a[:, i], "normal") for i in range(3000)}
    g.fill(fills)
    for i in (0, 1, 1234, 2999):
        assert same(a[:, i].copy(), g.normal(np.empty(5), stream=f"column {i}"))
    before = a.tobytes()
    fills["again"] = (a[3:4, 1234], "normal")
    with pytest.raises(ValueError, match=r"fills\['column 1234'\] and fills\['again'\] share memory"):
        g.fill(fills)
    assert a.tobytes() == before


def test_no_code_of_a_subclass_runs_while_memory_is_checked(g):
    class Loud(np.ndarray):
        def fail(self, *arguments, **keywords):
            raise AssertionError("called")

        view = reshape = __getitem__ = __len__ = __array_finalize__ = fail
        shape = strides = ndim = data = __array_interface__ = property(fail)

    def loud(array):
        return np.ndarray.view(array, Loud)

    del Loud.__array_finalize__
    memory = np.zeros(40)
    woven = loud(np.lib.stride_tricks.as_strided(memory, (2, 3), (24, 16)))
    overlapping = loud(np.lib.stride_tricks.as_strided(memory, (3, 3), (8, 8)))
    assert g.normal(woven, stream=1) is woven
    with pytest.raises(ValueError, match=r"out with shape=\(3, 3\) and strides=\(8, 8\) overlaps itself"):
        g.normal(overlapping)
    apart = {"a": (woven, "normal"), "b": (loud(memory[1:2]), "uniform"), "c": (loud(memory[10::2]), "normal")}
    g.fill(apart)
    with pytest.raises(ValueError, match=r"fills\['a'\] and fills\['d'\] share memory"):
        g.fill({**apart, "d": (loud(memory[7:8]), "normal")})


@pytest.mark.parametrize("axes", range(8))
def test_arrays_of_any_number_of_axes_are_filled_and_looked_after(axes, g):
    class Reshaping:
        def __float__(self):
            out.shape = (*reversed(shape),) if axes > 1 else (1, *shape)
            return 1.0

    shape = tuple(range(2, 2 + axes))
    out = np.zeros(shape, np.float32)
    expected = fastinit.Generator(g.seed).normal(np.zeros(shape, np.float32), stream="a")
    g.fill({"a": (out, "normal"), "b": (np.zeros(3), "normal", 0.0, 2.0)})
    assert same(out, expected)
    with pytest.raises(
        ValueError, match=r"fills\['a'\] was changed while the arguments were read: it had dtype float32"
    ):
        g.fill({"a": (out, "normal"), "b": (np.zeros(3), "normal", 0.0, Reshaping())})
    assert same(out.reshape(shape), expected)


def test_a_fill_of_many_arguments_is_what_a_call_with_them_is(g):
    out = np.zeros((3, 4), np.float32)
    with pytest.raises(TypeError, match="positional arguments"):
        g.fill([(out, "normal", *range(12))])
    keywords = {"mean": 0.5, "std": 2, "offset": (0, 0), "global_shape": (3, 9)}
    g.fill({"a": (out, "normal", keywords)}, accumulate=True)
    expected = fastinit.Generator(g.seed).normal(np.zeros((3, 4), np.float32), stream="a", accumulate=True, **keywords)
    assert same(out, expected)


def test_a_tuple_that_yields_less_than_it_holds_is_refused(g):
    class Short(tuple):
        def __iter__(self):
            return iter(())

    with pytest.raises(TypeError, match=r"fills\[0\]: accepted is a tuple \(out, scheme, \*arguments\), not one of 0"):
        g.fill([Short((np.zeros(3), "normal"))])
