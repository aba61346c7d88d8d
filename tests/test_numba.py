"""fastinit.numba: compiled code writes what Python writes, is kept, runs in threads, and refuses what is wrong."""

import doctest
import inspect

import numpy as np
import pytest
from conftest import printed_by, same

import fastinit
from fastinit import capi
from fastinit.schemes import FUNCTIONS

numba = pytest.importorskip("numba")
jit = pytest.importorskip("fastinit.numba")

SEED, G = 7, fastinit.Generator(7)
CALLS = {
    "bits": "",
    "uniform": "-0.5, 0.25",
    "normal": "0.1, 0.02",
    "truncated_normal": "0.1, 0.02, -1.0, 3.0",
    "variance_scaling": '1.7, "fan_geo_avg", "untruncated_normal", fan_in=300, fan_out=70.5',
    "xavier_uniform": "300, 70, 5 / 3",
    "xavier_normal": "300, 70, truncated=True",
    "he_uniform": "fan_out=300",
    "he_normal": "300, 0.2",
    "lecun_uniform": "300",
    "lecun_normal": "300, truncated=True",
    "lasagne_uniform": "300, 70, 2",
    "lasagne_normal": "300, 70",
}
DTYPES = {name: ("uint32", "uint64") if name == "bits" else ("float32", "float64") for name in CALLS}
of_each_function = pytest.mark.parametrize("name", CALLS)


def function_of(body, *names, **options):
    """A function that Numba compiles, of lines of code that use the names of fastinit.numba."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    namespace = {**vars(jit), "np": np, "prange": numba.prange}
    exec(f"def function({', '.join(names)}):\n{lines}", namespace)
    return numba.njit(**options)(namespace["function"])


def run(body, **arguments):
    return function_of(body, *arguments)(*arguments.values())


def python_writes(name, out, where):
    """The same call of Python's, whose arguments are the same text."""
    arguments = ", ".join(filter(None, ("out", CALLS[name], where)))
    eval(f"G.{name}({arguments})", {"G": G, "out": out, "np": np})
    return out


def call_of(name, where, out="out"):
    return f"{name}({', '.join(filter(None, (out, CALLS[name], 'seed=7', where)))})"


def old_values(shape, dtype):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


# ---- What there is ---------------------------------------------------------------------------------------------------


def test_every_draw_and_scheme_is_there_with_the_arguments_of_the_generators():
    names = {name for name, row in FUNCTIONS.items() if row.kind in ("draw", "scheme")}
    assert set(jit.__all__) == names | {"prepare", "fill"}
    for name in names:
        own, original = (
            dict(inspect.signature(getattr(where, name)).parameters) for where in (jit, fastinit.Generator)
        )
        assert own.pop("seed").default is inspect.Parameter.empty
        assert [*own] == [each for each in original if each not in ("self", "layout")], name
        assert {each.kind for each in own.values()} <= {each.kind for each in original.values()}
        for each, parameter in own.items():
            assert parameter.default in (original[each].default, inspect.Parameter.empty), (name, each)
            assert parameter.kind == original[each].kind
        if FUNCTIONS[name].same_as:
            assert getattr(jit, name) is getattr(jit, FUNCTIONS[name].same_as)


def test_the_modules_example_prints_what_it_shows():
    assert doctest.testmod(jit) == (0, 6)


def test_it_is_imported_by_nobody_but_who_asks_for_it():
    code = "import sys, fastinit; print({'numba', 'llvmlite', 'fastinit.numba'} & set(sys.modules))"
    assert printed_by(code) == ["set()"]


def test_without_numba_the_import_says_what_installs_it():
    code = "import sys; sys.modules['numba'] = None\ntry: import fastinit.numba\nexcept ImportError as e: print(e)"
    text = " ".join(printed_by(code))
    assert text == "fastinit.numba needs numba, which `pip install 'fastinit-weights[numba]'` installs"


# ---- What is written -------------------------------------------------------------------------------------------------


@of_each_function
def test_compiled_code_writes_what_python_writes_in_every_layout(name):
    function = function_of(call_of(name, "stream=3"), "out")
    dtype, another = DTYPES[name]
    memory = np.zeros((6, 40, 30), dtype)
    for out in (
        np.zeros((5, 7), dtype),
        np.zeros((5, 7), another, order="F"),
        memory.transpose(2, 0, 1)[::-2, 1:3],
        np.zeros((), dtype),
        np.zeros((0, 3), dtype),
        np.zeros((70, 500), dtype),  # for which threads may be asked
    ):
        function(out)
        assert same(out, python_writes(name, np.zeros_like(out), "stream=3")), (name, out.shape, out.dtype)


@of_each_function
def test_blocks_are_those_of_the_tensor(name):
    where = "stream=3, offset=(2, np.uint64(1)), global_shape=(np.int32(40), 9)"
    function = function_of(call_of(name, where), "out")
    dtype, another = DTYPES[name]
    for out in (np.zeros((5, 7), dtype), np.zeros((7, 5), another).T):
        function(out)
        assert same(out, python_writes(name, np.zeros_like(out), where))


@of_each_function
def test_each_row_has_a_stream_of_its_own(name):
    given = function_of(call_of(name, "streams=streams"), "out", "streams")
    counted = function_of(call_of(name, "streams=range(start, stop, step)"), "out", "start", "stop", "step")
    (dtype, _) = DTYPES[name]
    for out in (np.zeros((5, 7), dtype), np.zeros((3, 5), dtype).T):
        for streams in (
            np.array([3, 1, 4, 1, 5]),
            np.array([2**63 - 1, 2**62, 3, 0, 7], np.uint64),
            np.arange(5, dtype=np.uint8),
            np.arange(10)[::-2],
        )[slice(None) if name == "normal" else slice(1)]:
            given(out, streams)
            rows = np.stack(
                [python_writes(name, np.zeros_like(row), f"stream={s}") for row, s in zip(out, streams, strict=True)]
            )
            assert same(np.ascontiguousarray(out), rows)
        for start, stop, step in ((0, 5, 1), (9, -1, -2), (3, 100, 20)):
            counted(out, start, stop, step)
            counts = range(start, stop, step)
            rows = [python_writes(name, np.zeros_like(r), f"stream={s}") for r, s in zip(out, counts, strict=True)]
            assert same(np.ascontiguousarray(out), np.stack(rows))


def test_rows_with_streams_are_blocks_and_have_layouts_and_may_be_none():
    where = "offset=(2, 1), global_shape=(40, 9)"
    memory = np.zeros((4, 6, 5))
    out = memory.transpose(2, 0, 1)[::2, 1:]
    run(f"normal(out, seed=7, streams=range(3), {where})", out=out)
    expected = [G.normal(np.empty((3, 6)), stream=i, offset=(2, 1), global_shape=(40, 9)) for i in range(3)]
    assert same(np.ascontiguousarray(out), np.stack(expected))
    assert not memory[0].any()
    run(
        "normal(out, seed=7, streams=range(3, 3))\nnormal(out, seed=7, streams=streams)",
        out=np.empty((0, 3)),
        streams=np.empty(0, int),
    )
    many = np.empty((300, 200), np.float32)
    run("he_normal(out, 64, seed=7, streams=range(300), accumulate=False)", out=many)
    assert same(many, G.he_normal(np.empty_like(many), 64, streams=range(300)))


@of_each_function
def test_values_are_added_where_that_is_asked_for(name):
    if name == "bits":
        pytest.skip("bits are not added")
    for shape, where in (
        ((40,), "stream=3"),
        ((3, 4), "stream=3, offset=(0, 1), global_shape=(9, 9)"),
        ((3, 4), "streams=range(3)"),
    ):
        out, expected = old_values(shape, "float32"), old_values(shape, "float32")
        function = function_of(call_of(name, f"{where}, accumulate=add"), "out", "add")
        function(out, True)
        assert same(out, python_writes(name, expected, f"{where}, accumulate=True"))
        function(out, False)
        assert same(out, python_writes(name, expected, where))


def test_seeds_and_streams_are_integers_of_any_type_up_to_64_bits():
    function = function_of("normal(out, seed=seed, stream=stream)", "out", "seed", "stream")
    out, rows = np.empty(5), np.empty((2, 5))
    # Of Python's integers Numba takes those below 2**63, or the first of all.
    large = (np.uint64(number) for number in (7, 2**63, 2**64 - 1))
    for number in (0, 7, 2**63 - 1, *large, np.int64(7), np.uint8(7), np.int32(7)):
        for seed, stream in ((number, 3), (3, number), (number, number)):
            function(out, seed, stream)
            fill = capi.fastinit_fill(seed=int(seed), stream=int(stream))
            expected = np.empty(5)
            assert capi.set_normal(fill, capi.FASTINIT_FLOAT64, 0.0, 1.0) == 0
            assert capi.fill_range(fill, 0, 5, expected.ctypes.data) == 0
            assert same(out, expected)
            run(
                "normal(out, seed=seed, streams=np.array([3, stream], np.uint64))",
                out=rows,
                seed=seed,
                stream=np.uint64(stream),
            )
            assert same(rows[1], expected)


def test_a_name_in_the_code_is_a_stream():
    out, again = np.empty(5), np.empty(5)
    run('normal(out, seed=7, stream="fc1.weight")', out=out)
    run("normal(out, seed=7, stream=stream)", out=again, stream=fastinit.stream_number("fc1.weight"))
    assert same(out, again)
    assert same(out, G.normal(np.empty(5), stream="fc1.weight"))


# ---- Prepared fills --------------------------------------------------------------------------------------------------

# By position, as prepare() takes them.
POSITIONAL = {
    "variance_scaling": '1.7, "fan_geo_avg", "untruncated_normal", 300, 70.5',
    "xavier_normal": "300, 70, 1.0, True",
    "he_uniform": "None, 0.0, 300",
    "lecun_normal": "300, True",
}


@of_each_function
def test_a_prepared_fill_writes_what_the_function_writes(name):
    parameters = POSITIONAL.get(name, CALLS[name])
    for dtype in DTYPES[name][:1]:
        prepare = function_of(
            f"return prepare({name}, {{}})".format(", ".join(filter(None, ("out.dtype", parameters)))), "out"
        )
        out = np.zeros((5, 7), dtype)
        prepared = prepare(out)
        assert prepared.nbytes == 512
        run("fill(out, prepared, seed=7, stream=3)", out=out, prepared=prepared)
        assert same(out, python_writes(name, np.zeros_like(out), "stream=3"))
        assert same(
            prepared,
            eval(f"jit.prepare(jit.{name}, np.{dtype}{', ' * bool(parameters)}{parameters})", {"jit": jit, "np": np}),
        )


def test_a_prepared_fill_writes_ranges_blocks_and_rows_and_adds():
    prepared = jit.prepare(jit.normal, "float32", 0.1, 0.02)
    whole = G.normal(np.empty(1000, np.float32), 0.1, 0.02, stream=3)
    out = np.zeros((4, 25), np.float32)
    run("fill(out, prepared, seed=7, stream=3, first=first)", out=out, prepared=prepared, first=801)
    assert same(out.ravel(), whole[801:901])
    run(
        "fill(out.T, prepared, seed=7, stream=3, offset=(5, 6), global_shape=(30, 10), accumulate=True)",
        out=out,
        prepared=prepared,
    )
    block = G.normal(np.empty((25, 4), np.float32), 0.1, 0.02, stream=3, offset=(5, 6), global_shape=(30, 10)).T
    assert same(out, whole[801:901].reshape(4, 25) + block)
    run("fill(out, prepared, seed=7, streams=range(4))", out=out, prepared=prepared)
    assert same(out, G.normal(np.empty((4, 25), np.float32), 0.1, 0.02, streams=range(4)))


def test_what_is_no_prepared_fill_for_the_array_is_refused():
    prepared = jit.prepare(jit.normal, np.float32)
    words = prepared.copy()
    words.view(np.uint32)[1] += 1  # the version
    fill = function_of("fill(out, prepared, seed=7, stream=3)", "out", "prepared")
    out = np.full(9, 7, np.float32)
    for call in (fill, fill.py_func):
        for wrong, message in (
            (words, r"not what prepare\(\) has returned"),
            (words[:8], r"not what prepare\(\) has returned"),
            (np.zeros(64, np.uint64), r"not what prepare\(\) has returned"),
            (jit.prepare(jit.normal, np.float64), "another dtype"),
        ):
            with pytest.raises(ValueError, match=message):
                call(out, wrong)
        with pytest.raises(ValueError, match="another dtype"):
            call(out.astype(float), prepared)
    assert (out == 7).all()
    with pytest.raises(numba.TypingError, match=r"must be what prepare\(\) has returned, not array\(float64"):
        fill(out, np.zeros(64))


# ---- Threads, caches, memory -----------------------------------------------------------------------------------------


def test_threads_of_numba_write_what_a_loop_writes():
    body = """
prepared = prepare(normal, np.float32, 0.0, 0.02)
for i in prange(len(out)):
    he_normal(out[i], 64, seed=7, stream=i)
    fill(out[i], prepared, seed=7, stream=np.uint64(i), accumulate=True)
"""
    out = np.empty((400, 64), np.float32)
    function_of(body, "out", parallel=True, nogil=True)(out)
    expected = G.he_normal(np.empty_like(out), 64, streams=range(400))
    assert same(out, G.normal(expected, std=0.02, streams=range(400), accumulate=True))


CACHED = """
import sys, warnings, numba, numpy as np
warnings.simplefilter("error")
sys.path.insert(0, sys.argv[1])
import cached
out = np.empty((3, 50), np.float32)
cached.fill_rows(out, 7)
hits = sum(cached.fill_rows.stats.cache_hits.values())
print(hits, sum(cached.fill_rows.stats.cache_misses.values()), out.tobytes().hex())
"""
MODULE = """
import numba, numpy as np
from fastinit.numba import fill, he_normal, normal, prepare

@numba.njit(cache=True)
def fill_rows(out, seed):
    he_normal(out[0], 64, seed=seed, stream="a name")
    fill(out[1:], prepare(normal, np.float32, 0.0, 0.5), seed=seed, streams=np.array([5, 6]))
    normal(out[2:], seed=seed, stream=3, offset=(0, 0), global_shape=(9, 50), accumulate=True)
"""


def test_compiled_code_is_kept_in_a_file_and_the_next_process_has_it_from_there(tmp_path):
    (tmp_path / "cached.py").write_text(MODULE, encoding="utf-8")
    where = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    first, second = (printed_by(CACHED, str(tmp_path), **where) for _ in range(2))
    assert first[:2] == ["0", "1"]
    assert second[:2] == ["1", "0"]
    expected = np.empty((3, 50), np.float32)
    G.he_normal(expected[0], 64, stream="a name")
    G.normal(expected[1:], 0.0, 0.5, streams=[5, 6])
    G.normal(expected[2:], stream=3, offset=(0, 0), global_shape=(9, 50), accumulate=True)
    assert first[2] == second[2] == expected.tobytes().hex()


def test_nothing_is_left_in_memory():
    from numba.core.runtime import _nrt_python, rtsys

    _nrt_python.memsys_enable_stats()
    body = """
p = prepare(normal, np.float32)
fill(out, p, seed=7, streams=streams)
normal(out, seed=7, streams=streams)
he_normal(out[0], 64, seed=7, stream=3)
"""
    function = function_of(body, "out", "streams")
    out, streams = np.empty((3, 5), np.float32), np.arange(3)
    function(out, streams)
    before = rtsys.get_allocation_stats()
    for _ in range(100):
        function(out, streams)
    after = rtsys.get_allocation_stats()
    assert after.alloc - before.alloc == after.free - before.free == 500


def test_the_ctypes_functions_of_capi_compile_too():
    normal, number = capi.normal, capi.FASTINIT_FLOAT32

    @numba.njit
    def fill(w, seed, stream):
        return normal(w.ctypes, w.size, number, 0.0, 0.5, seed, stream, 0, 0)

    out = np.empty(9, np.float32)
    assert fill(out, 7, 3) == 0
    assert same(out, G.normal(np.empty_like(out), 0.0, 0.5, stream=3))


IN_PYTHON = """
import numba, numpy as np, fastinit
from fastinit.numba import *
@numba.njit
def fill_rows(out, seed):
    he_normal(out[0], fan_out=64, seed=seed, stream="a name")
    prepared = prepare(variance_scaling, np.float32, 2.0, "fan_in", "uniform", 3)
    fill(out[1:], prepared, seed=seed, streams=np.array([5, 6]))
    normal(out[2:], seed=seed, stream=3, offset=(0, 0), global_shape=(9, 50), accumulate=True)
    fill(out[1], prepare(normal, np.float32), seed=seed, stream=3, first=11)
assert not hasattr(fill_rows, "signatures")
out, expected = np.empty((3, 50), np.float32), np.empty((3, 50), np.float32)
fill_rows(out, 7)
g = fastinit.Generator(7)
g.he_normal(expected[0], fan_out=64, stream="a name")
g.variance_scaling(expected[1:], 2.0, "fan_in", "uniform", fan_in=3, streams=[5, 6])
g.normal(expected[2:], stream=3, offset=(0, 0), global_shape=(9, 50), accumulate=True)
expected[1] = g.normal(np.empty(61, np.float32), stream=3)[11:]
print(np.array_equal(out, expected))
"""


def test_without_compiling_the_same_code_runs_in_python():
    assert printed_by(IN_PYTHON, NUMBA_DISABLE_JIT="1") == ["True"]


@of_each_function
def test_called_from_python_the_functions_do_what_they_do_compiled(name):
    for dtype in DTYPES[name]:
        for where in ("stream=3", "streams=np.array([5, 6, 7])", "stream=3, offset=(1, 2), global_shape=(9, 9)"):
            out = np.zeros((3, 5), dtype)
            eval(f"jit.{call_of(name, where)}", {"jit": jit, "out": out, "np": np})
            assert same(out, python_writes(name, np.zeros_like(out), where))


# ---- What is refused -------------------------------------------------------------------------------------------------

VALUES = [
    ("normal(out, std=-1.0, seed=7, stream=3)", "mean, std: accepted are a finite mean and std >= 0"),
    ("normal(out, std=1e39, seed=7, stream=3)", "mean, std: accepted are"),
    ("normal(out, np.nan, seed=7, stream=3, offset=(0, 0), global_shape=(9, 9))", "mean, std: accepted are"),
    ("uniform(out, 1.0, 0.0, seed=7, stream=3)", "low, high: accepted are finite numbers with low <= high"),
    ("truncated_normal(out, 0.0, 1.0, 2.0, -2.0, seed=7, stream=3)", "bounds in standard deviations with low <= high"),
    ("he_normal(out, 0, seed=7, stream=3)", "fans, scale, gain, negative_slope: accepted are positive finite numbers"),
    ("he_normal(out, 3, np.inf, seed=7, stream=3)", "fans, scale, gain, negative_slope"),
    ("xavier_normal(out, 3, 4, 1e39, seed=7, stream=3)", "do not overflow out's dtype"),
    ("he_normal(out, seed=7, stream=3)", "accepted is one of fan_in and fan_out"),
    ("he_normal(out, 3, fan_out=4, seed=7, stream=3)", "accepted is one of fan_in and fan_out"),
    ("variance_scaling(out, seed=7, stream=3)", "fans, scale, gain"),
    (
        'variance_scaling(out, 1.0, "fan", fan_in=3, seed=7, stream=3)',
        "mode is not known; accepted are fan_in, fan_out",
    ),
    (
        'variance_scaling(out, 1.0, "fan_in", "u", fan_in=3, seed=7, stream=3)',
        "distribution is not known; accepted are",
    ),
    ("normal(out, seed=-1, stream=3)", r"seed is out of range; accepted is 0 <= seed < 2\*\*64"),
    ("normal(out, seed=7, stream=-1)", r"stream is out of range; accepted is 0 <= stream < 2\*\*64"),
    ("normal(out, seed=7, streams=range(3, -1, -1))", None),
    ("normal(out, seed=7, streams=range(2, -2, -1))", "stream is out of range"),
    ("normal(out, seed=7, streams=np.array([1, 2, 3, -4]))", "stream is out of range"),
    ("normal(out, seed=7, streams=range(3))", "streams and out's first axis differ in length"),
    ("normal(out, seed=7, streams=np.arange(5))", "streams and out's first axis differ in length"),
    ("normal(out, seed=7, stream=3, offset=(6, 0), global_shape=(9, 9))", "reach beyond global_shape"),
    ("normal(out, seed=7, stream=3, offset=(-1, 0), global_shape=(9, 9))", "offset or global_shape is negative"),
    ("normal(out, seed=7, stream=3, offset=(0, 0), global_shape=(-9, 9))", "offset or global_shape is negative"),
    ("normal(out, seed=7, streams=range(4), offset=(-1,), global_shape=(9,))", "offset or global_shape is negative"),
    ("normal(out, seed=7, stream=3, offset=(0, 0), global_shape=(2**33, 2**33))", r"not below 2\*\*63"),
    ("fill(out, prepare(normal, np.float32), seed=7, stream=3, first=-1)", "first is out of range"),
    ("fill(out, prepare(normal, np.float32), seed=7, stream=3, first=2**63 - 1)", r"not below 2\*\*63"),
    ("prepare(normal, np.float32, 0.0, -1.0)", "mean, std: accepted are"),
    ("fill(words, prepare(bits, np.uint32), seed=7, stream=3, accumulate=True)", "bits are not added"),
]


@pytest.mark.parametrize(("call", "message"), VALUES)
def test_a_value_that_is_refused_raises_in_compiled_code_and_writes_nothing(call, message):
    function = function_of(call, "out", "words")
    for each in (function, function.py_func):
        for out in (np.full((4, 3), 7, np.float32), np.full((3, 4), 7, np.float32).T):
            words = np.full(5, 7, np.uint32)
            if "first" in call and not out.flags.c_contiguous:
                continue
            if message is None:
                each(out, words)
                continue
            with pytest.raises(ValueError, match=message):
                each(out, words)
            assert (out == 7).all()
            assert (words == 7).all()


TYPES = [
    ("normal(out, seed=1.5, stream=3)", "seed must be an integer, not float64"),
    ("normal(out, seed=True, stream=3)", "seed must be an integer, not"),
    (
        "normal(out, seed=7, stream=np.float32(3))",
        "stream must be an integer, not float32; some versions of Numba make",
    ),
    ("normal(out, stream=3)", "seed is missing; accepted is an integer"),
    ("normal(out, seed=None, stream=3)", "seed is missing; accepted is an integer"),
    ("normal(out, seed=7)", "accepted is one of stream, an integer or a literal string, and streams"),
    ("normal(out, seed=7, stream=3, streams=range(4))", "accepted is one of stream"),
    ("normal(out, seed=7, stream=str(out.size))", "not a string that is made at run time"),
    ("normal(out, seed=7, streams=[0, 1, 2, 3])", "streams must be an array of integers of one axis, or a range"),
    ("normal(out, seed=7, streams=np.ones(4))", "streams must be an array of integers of one axis, or a range"),
    ("normal(out, seed=7, streams=np.ones((4, 1), np.int64))", "streams must be an array of integers of one axis"),
    ("normal(out[0, 0:1].reshape(()), seed=7, streams=np.arange(1))", "out has no axes"),
    ("normal(out, 0.0, True, seed=7, stream=3)", "std must be a number, not bool"),
    ("normal(out, 1j, seed=7, stream=3)", "mean must be a number, not complex128"),
    ("normal(out, seed=7, stream=3, accumulate=1)", "accumulate must be a bool, not"),
    ("he_normal(out, 3, truncated=1, seed=7, stream=3)", "truncated must be a bool, not"),
    ("normal(out, seed=7, stream=3, offset=(0, 0))", "one of offset and global_shape is missing"),
    ("normal(out, seed=7, stream=3, global_shape=(9, 9))", "one of offset and global_shape is missing"),
    ("normal(out, seed=7, stream=3, offset=(0,), global_shape=(9,))", "offset has 1 numbers; accepted are 2"),
    (
        "normal(out, seed=7, streams=range(4), offset=(0, 0), global_shape=(9, 9))",
        r"accepted are 1, the axes of out\[i\]",
    ),
    ("normal(out, seed=7, stream=3, offset=(0.5, 0), global_shape=(9, 9))", "offset must be a tuple of integers"),
    ("normal(out, seed=7, stream=3, offset=0, global_shape=(9, 9))", "offset must be a tuple of integers"),
    ("normal(3, seed=7, stream=3)", "out must be an array"),
    ("normal([1.0], seed=7, stream=3)", "out must be an array"),
    ('normal(out, seed="a name", stream=3)', "seed must be an integer"),
    ("normal(out, 0.0, 1.0, 7, 3)", "too many positional arguments"),
    ("normal(out.astype(np.int32), seed=7, stream=3)", "out has dtype int32; accepted are float32, float64"),
    ("normal(out.astype(np.complex64), seed=7, stream=3)", "out has dtype complex64; accepted are"),
    ("bits(out, seed=7, stream=3)", "out has dtype float32; accepted are uint32, uint64"),
    ("normal(out, sed=7, stream=3)", "unexpected keyword argument 'sed'"),
    ("variance_scaling(out, 1.0, 3, fan_in=3, seed=7, stream=3)", "mode must be a string"),
    ("prepare(np.sum, np.float32)", "accepted are the draws and schemes of fastinit.numba"),
    ("prepare(normal, np.int32)", "dtype is int32; accepted are float32, float64"),
    ("prepare(normal, np.float32, 0.0, True)", "std must be a number, not bool"),
    ("prepare(normal, np.float32, 0.0, 1.0, 2.0)", "too many positional arguments"),
    ("fill(out.T, prepare(normal, np.float32), seed=7, stream=3, first=1)", "first is accepted of a contiguous array"),
    ("fill(out, prepare(normal, np.float32), seed=7, streams=range(4), first=1)", "first is accepted of"),
    ("fill(out, prepare(normal, np.float32), seed=7, stream=3, first=1.0)", "first must be an integer"),
    (
        "fill(out, prepare(normal, np.float32), seed=7, stream=3, first=1, offset=(0, 0), global_shape=(9, 9))",
        "first is accepted of",
    ),
    ("fill(out[:, :2], prepare(normal, np.float32), seed=7, stream=3, first=1)", "first is accepted of a contiguous"),
    ("fill(out[::-1], prepare(normal, np.float32), seed=7, stream=3, first=1)", "first is accepted of a contiguous"),
]


@pytest.mark.parametrize(("call", "message"), TYPES)
def test_a_type_that_is_refused_does_not_compile_and_does_not_run_in_python(call, message):
    out = np.full((4, 3), 7, np.float32)
    function = function_of(call, "out")
    with pytest.raises(numba.TypingError, match=message):
        function(out)
    if "str(out.size)" not in call:  # of Python's strings none is a literal
        with pytest.raises(TypeError, match=message):
            function.py_func(out)
    assert (out == 7).all()


def test_python_writes_nothing_beside_a_view():
    memory = np.zeros(16, np.float32)
    prepared = jit.prepare(jit.normal, np.float32, 0.0, 1.0)
    for view in (memory[:8][::-1], memory[::2], memory[:12].reshape(3, 4)[:, 1:3], memory.reshape(4, 4).T):
        with pytest.raises(TypeError, match="first is accepted of a contiguous array"):
            jit.fill(view, prepared, seed=1, stream=1, first=0)
    for offset, whole in (((0,), (5,)), ((0, 0, 0), (5, 5, 5)), ((), ())):
        with pytest.raises(TypeError, match=rf"offset has {len(offset)} numbers; accepted are 2"):
            jit.normal(np.zeros((2, 2)), seed=1, stream=1, offset=offset, global_shape=whole)
    assert not memory.any()
    with pytest.raises(TypeError, match="prepared must be what prepare"):
        jit.fill(memory, prepared.view(np.uint8), seed=1, stream=1)
    jit.fill(memory[4:8], prepared, seed=7, stream=1, first=4)
    assert same(memory[4:8], G.normal(np.zeros(8, np.float32), stream=1)[4:])
    assert not memory[:4].any()
    assert not memory[8:].any()


@pytest.mark.parametrize(
    "call", ["bits(words, stream=3, seed=1)", "normal(out, seed=1, stream=3)", "normal(out, std=2.0, seed=1, stream=3)"]
)
def test_in_a_try_block_of_which_numba_drops_the_names_nothing_is_compiled_with_other_arguments(call):
    body = f"""
try:
    {call}
except Exception:
    return 1
return 0
"""
    given, expected = ((np.zeros(3), np.zeros(3, np.uint32)) for _ in range(2))
    function_of(call, "out", "words")(*expected)
    refusal = ""
    try:
        function_of(body, "out", "words")(*given)
    except numba.TypingError as error:
        refusal = str(error)
    if refusal:
        expected = np.zeros(3), np.zeros(3, np.uint32)
    assert not refusal or "in a try block Numba passes arguments on without their names" in refusal
    assert all(map(same, given, expected))  # of a Numba that keeps the names, too


def test_a_function_that_draws_can_be_called_in_a_try_block():
    @numba.njit
    def draw(out, std):
        jit.normal(out, 0.0, std, stream=3, seed=7)

    @numba.njit
    def tried(out, std):
        try:
            draw(out, std)
        except Exception:
            return 1
        return 0

    out = np.zeros(3)
    assert tried(out, -1.0) == 1
    assert not out.any()
    assert tried(out, 1.0) == 0
    assert same(out, G.normal(np.zeros(3), stream=3))


@pytest.mark.parametrize("where", ["stream=3", "streams=range(out.shape[0])", "streams=np.arange(out.shape[0])"])
def test_arrays_that_surely_overlap_themselves_are_refused(where):
    function = function_of(f"normal(out, seed=7, {where})", "out")
    memory = np.zeros(100)
    strided = np.lib.stride_tricks.as_strided
    for shape, strides in (
        ((5,), (0,)),
        ((5,), (4,)),
        ((5,), (-4,)),
        ((2, 5), (8, 0)),
        ((5, 3), (8, 8)),
        ((5, 3), (8, 16)),
        ((3, 5), (16, -8)),
        ((2, 1, 3), (16, 8, 8)),
    ):
        out = strided(memory[50:], shape, strides)
        for call in (function, function.py_func):
            with pytest.raises(ValueError, match="out overlaps itself; accepted are arrays"):
                call(out)
        assert not memory.any()
    for shape, strides in (((5,), (16,)), ((1, 5), (0, 16)), ((3, 2), (8, 24)), ((2, 3), (-24, 8)), ((0, 5), (8, 0))):
        out, expected = strided(memory[50:], shape, strides), np.zeros(shape)
        for call in (function, function.py_func):
            call(out)
            eval(f"G.normal(expected, {where})", {"G": G, "expected": expected, "out": out, "np": np})
            assert same(np.ascontiguousarray(out), expected)


def test_unaligned_arrays_are_filled_and_with_first_refused():
    memory = np.zeros(8 * 12 + 1, np.uint8)
    prepared = jit.prepare(jit.normal, float)
    for call in (
        "normal(out, seed=7, stream=3)",
        "fill(out, prepared, seed=7, stream=3)",
        "he_normal(out, 2, seed=7, stream=3)",
    ):
        function = function_of(call, "out", "prepared")
        expected = np.zeros((3, 4))
        function(expected, prepared)
        for each in (function, function.py_func):
            out = memory[1:].view(float).reshape(3, 4)
            out[:] = 0
            each(out, prepared)
            assert same(out.copy(), expected)
    function = function_of("fill(out, prepared, seed=7, stream=3, first=0)", "out", "prepared")
    for each in (function, function.py_func):
        with pytest.raises(ValueError, match="out's address is no multiple of the size of an element"):
            each(out, prepared)
        assert same(out.copy(), expected)


def test_arrays_that_numba_knows_and_fastinit_does_not_fill_are_refused():
    function = function_of("normal(out, seed=7, stream=3)", "out")
    for out in (np.empty(3, np.float16), np.empty(3, np.float32).view()):
        out.flags.writeable = out.dtype == np.float16
        with pytest.raises(numba.TypingError, match=r"out has dtype float16|out is read-only"):
            function(out)
        with pytest.raises((TypeError, ValueError), match=r"out has dtype float16|out is read-only"):
            function.py_func(out)
