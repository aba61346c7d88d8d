"""streams=: each row of an array is what the same call writes to it with its own stream, or nothing is written."""

import math
import threading

import ml_dtypes
import numpy as np
import pytest
from conftest import FLOATS, KERNELS, fresh_python, same
from hypothesis import given, settings
from hypothesis import strategies as st
from test_many_fills import array_for, spec_of

import fastinit
from fastinit.generator import SCHEMES

DRAWING = [name for name, draws in SCHEMES.items() if draws]
SEED = 7


def new_generator():
    return fastinit.Generator(SEED)


def rows_filled(out, name, *arguments, streams, **keywords):
    """A loop of calls over the rows, each with its own stream."""
    g = new_generator()
    for i, stream in enumerate(streams):
        row = out[i : i + 1].reshape(out.shape[1:]) if out.ndim == 1 else out[i]
        getattr(g, name)(row, *arguments, stream=stream, **keywords)
    return out


# ---- What is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWING)
def test_every_function_that_draws_takes_a_stream_for_each_row(name):
    row, *arguments = spec_of(name, array_for(name))[0], *spec_of(name, array_for(name))[2:]
    keywords = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
    streams = ["experts/0", 2, "experts/2", 2**63 - 1]
    out = np.stack([row] * len(streams))
    expected = rows_filled(out.copy(), name, *arguments, streams=streams, **keywords)
    g = new_generator()
    assert getattr(g, name)(out, *arguments, streams=streams, **keywords) is out
    assert same(out, expected)
    assert g.stream == 0
    if name != "bits":  # which are not added
        added = rows_filled(expected.copy(), name, *arguments, streams=streams, accumulate=True, **keywords)
        getattr(g, name)(out, *arguments, streams=streams, accumulate=True, **keywords)
        assert same(out, added)


def array_of_layout(layout, shape, dtype):
    """An array of that shape, of zeros, whose memory lies as the layout says."""
    size = np.dtype(dtype).itemsize
    if layout == "unaligned":
        memory = np.zeros(math.prod(shape) * size + 1, np.uint8)[1:]
        return memory.view(dtype).reshape(shape) if memory.size else np.zeros(shape, dtype)
    if layout == "transposed":
        return np.zeros(shape[::-1], dtype).T
    step = {"contiguous": 1, "gaps": 2, "backwards": -1, "wider rows": 1}[layout]
    wider = (*shape[:-1], shape[-1] + 3) if layout == "wider rows" else tuple(abs(step) * n for n in shape)
    steps = tuple(slice(None, None, step) for _ in shape)
    return np.zeros(wider, dtype)[(*steps[:-1], slice(shape[-1])) if layout == "wider rows" else steps]


LAYOUTS = ("contiguous", "gaps", "backwards", "transposed", "wider rows", "unaligned")
DTYPES = [*FLOATS, *map(np.dtype, ("c8", "c16", "u4", "u8"))]
SIZES = st.sampled_from([0, 1, 2, 3, 5, 8, 17, 33, 64, 100])


@st.composite
def calls(draw):
    """An array, streams of its rows, and the name and arguments of a function that can fill it."""
    dtype, layout = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(LAYOUTS))
    count = draw(st.sampled_from([0, 1, 2, 3, 7, 40]))
    row = tuple(draw(st.lists(SIZES, max_size=3)))
    name = {"u": "bits", "c": "normal"}.get(dtype.kind)
    name = name or draw(st.sampled_from(["normal", "uniform", "truncated_normal", "he_normal"]))
    arguments = {"bits": (), "he_normal": (9,), "truncated_normal": (0.5, 2, 1, 3)}.get(name, (0.5, 2))
    keywords = {}
    if draw(st.booleans()):
        keywords["offset"] = tuple(draw(st.sampled_from([0, 1, 5, 2**31 - 1])) for _ in row[:1]) + (3,) * len(row[1:])
        keywords["global_shape"] = tuple(n + o + 1 for n, o in zip(row, keywords["offset"], strict=True))
    if dtype.kind != "u" and draw(st.booleans()):
        keywords["accumulate"] = True
    number = st.integers(0, 2**63 - 1)
    kind = draw(st.sampled_from(["range", "array", "list"]))
    if kind == "range":
        step = draw(st.sampled_from([1, 5, -3, 2**40]))
        start = draw(st.integers(1 << 20, 1 << 40))
        streams = range(start, start + count * step, step)
    elif kind == "array":
        numbers = draw(st.lists(number, min_size=count, max_size=count))
        streams = np.array(numbers, draw(st.sampled_from([np.int64, np.uint64])))
    else:
        streams = draw(st.lists(number | st.text("abc"), min_size=count, max_size=count))
    return array_of_layout(layout, (count, *row), dtype), streams, name, arguments, keywords


@settings(max_examples=400)
@given(calls(), st.sampled_from(["call", "fill", "list of fills"]))
def test_rows_of_any_size_dtype_and_layout_are_what_a_loop_writes(call, way):
    out, streams, name, arguments, keywords = call
    expected = rows_filled(out.copy(), name, *arguments, streams=list(streams), **keywords)
    accumulate = keywords.pop("accumulate", False)
    g = new_generator()
    if way == "call":
        getattr(g, name)(out, *arguments, streams=streams, **keywords, **({"accumulate": True} if accumulate else {}))
    else:
        spec = (out, name, *arguments, {"streams": streams, **keywords})
        g.fill({"population": spec} if way == "fill" else [spec], accumulate=accumulate)
    assert same(out, expected)
    assert g.stream == 0


DIGEST = """
import hashlib, numpy as np, fastinit

def digest(rows):
    g, found = fastinit.Generator(7), hashlib.sha256()
    for dtype in "f4", "f8", "f2":
        for shape in (50, 1), (50, 3), (50, 64), (50, 100), (3, 20000), (9, 5, 7):
            for order in "CF":
                out = np.zeros(shape, dtype, order)
                for draw in g.normal, g.uniform, g.truncated_normal:
                    if rows:
                        draw(out, streams=range(2**40, 2**40 + len(out)), accumulate=True)
                    else:
                        for i, row in enumerate(out):
                            draw(row, stream=2**40 + i, accumulate=True)
                found.update(out.tobytes())
    return found.hexdigest()
"""


@pytest.mark.parametrize("simd", KERNELS)
def test_every_kernel_writes_the_same_rows(simd):
    here = {}
    exec(DIGEST, here)
    run = fresh_python(f"{DIGEST}\nprint(digest(True))", FASTINIT_SIMD=simd)
    assert (run.stdout.strip(), run.stderr) == (here["digest"](False), "")


def test_large_arrays_are_the_same_on_any_number_of_threads():
    before = fastinit.get_num_threads()
    try:
        for shape in ((300_000, 3), (9000, 64), (3, 400_000)):
            streams = range(shape[0])
            written = []
            for threads in (1, 2, 5):
                fastinit.set_num_threads(threads)
                written.append(new_generator().normal(np.zeros(shape, np.float32), streams=streams))
            assert same(written[0], written[1])
            assert same(written[0], written[2])
            some = [0, 1, shape[0] // 2, shape[0] - 1]
            assert same(written[0][some], rows_filled(np.zeros((len(some), *shape[1:]), "f4"), "normal", streams=some))
    finally:
        fastinit.set_num_threads(before)


def test_fans_of_a_layout_are_those_of_a_row():
    experts = np.empty((8, 20, 30), np.float32)
    fastinit.Generator(SEED).he_normal(experts, layout="torch", streams=range(8))
    assert same(experts[3], new_generator().he_normal(np.empty((20, 30), np.float32), 30, stream=3))


def test_offset_and_global_shape_are_those_of_a_row():
    whole = new_generator().xavier_normal(np.empty((4, 10, 12)), layout="torch", streams=range(4))
    shard = np.empty((4, 3, 12))
    new_generator().xavier_normal(shard, layout="torch", streams=range(4), offset=(5, 0), global_shape=(10, 12))
    assert same(shard, whole[:, 5:8])


def test_what_stands_for_streams_is_read_once_and_copied():
    streams = np.arange(3)
    view = np.lib.stride_tricks.as_strided(streams, (3,), (8,))
    assert same(
        new_generator().normal(np.empty((3, 5)), streams=view),
        new_generator().normal(np.empty((3, 5)), streams=range(3)),
    )
    out = np.arange(3, dtype=np.uint64)  # the streams are what is filled
    expected = rows_filled(np.zeros(3, np.uint64), "bits", streams=[0, 1, 2])
    assert same(new_generator().bits(out, streams=out), expected)

    class Counted(list):
        def __iter__(self):
            read.append(1)
            return super().__iter__()

    read = []
    new_generator().normal(np.empty((3, 5)), streams=Counted([1, 2, 3]))
    assert read == [1]


def test_empty_arrays_take_streams_and_the_counter_stays():
    g = new_generator()
    assert g.normal(np.empty((0, 5)), streams=[]).shape == (0, 5)
    assert g.normal(np.empty((3, 0)), streams=range(3)).shape == (3, 0)
    assert g.normal(np.empty((0, 5)), streams=range(0)).shape == (0, 5)
    assert g.stream == 0


def test_the_default_generator_and_threads_of_the_program_take_streams():
    fastinit.seed(SEED)
    out = np.empty((40, 1000), np.float32)
    parts = [
        threading.Thread(target=fastinit.normal, args=(out[i : i + 10],), kwargs={"streams": range(i, i + 10)})
        for i in range(0, 40, 10)
    ]
    for part in parts:
        part.start()
    for part in parts:
        part.join()
    assert same(out, new_generator().normal(np.empty_like(out), streams=range(40)))


# ---- What is refused -------------------------------------------------------------------------------------------------

ROWS = np.zeros((10, 4), np.float32)
REFUSED = [
    (
        {"streams": range(9)},
        ValueError,
        "streams has 9 streams, and out has shape=(10, 4); accepted is one for each index",
    ),
    ({"streams": range(10), "stream": 1}, ValueError, "stream=1, streams=range(0, 10); accepted is one of the two"),
    ({"streams": [*range(9), -1]}, ValueError, "streams[9]: stream=-1 is out of range"),
    ({"streams": np.array([0] * 7 + [-5] * 3)}, ValueError, "streams[7]: stream=-5 is out of range"),
    ({"streams": range(-1, 9)}, ValueError, "streams[0]: stream=-1 is out of range"),
    ({"streams": range(8, -2, -1)}, ValueError, "streams[9]: stream=-1 is out of range"),
    ({"streams": range(2**64)}, ValueError, "more streams than an array has rows"),
    ({"streams": [*range(9), 2**64]}, ValueError, "streams[9]: stream=18446744073709551616 is out of range"),
    ({"streams": [*range(9), 1.0]}, TypeError, "streams[9]: stream must be an integer or a name (a string), not float"),
    ({"streams": [*range(9), None]}, TypeError, "streams[9]: stream must be an integer or a name"),
    ({"streams": [True] * 10}, TypeError, "streams[0]: stream must be an integer or a name (a string), not bool"),
    (
        {"streams": np.zeros(10, bool)},
        TypeError,
        "streams[0]: stream must be an integer or a name (a string), not bool",
    ),
    ({"streams": np.zeros(10)}, TypeError, "streams[0]: stream must be an integer or a name (a string), not float"),
    ({"streams": np.zeros((10, 1), int)}, ValueError, "streams has shape=(10, 1); accepted is one axis"),
    ({"streams": np.array(3)}, ValueError, "streams has shape=(); accepted is one axis"),
    ({"streams": ["a"] * 9 + ["\ud800"]}, ValueError, "streams[9]: stream='\\ud800' cannot be encoded as UTF-8"),
    (
        {"streams": "abcdefghij"},
        TypeError,
        "streams must be an array of integers, a range or a list of integers and names, not str",
    ),
    ({"streams": dict.fromkeys(range(10))}, TypeError, "not dict"),
    ({"streams": {*range(10)}}, TypeError, "not set"),
    ({"streams": 10}, TypeError, "not int"),
    (
        {"streams": range(10), "offset": (0, 0), "global_shape": (10, 4)},
        ValueError,
        "accepted are 1 integer each, one for each axis of out[i]",
    ),
    (
        {"streams": range(10), "offset": (3,), "global_shape": (6,)},
        ValueError,
        "offset=(3,) and the shape of out[i], (4,), reach beyond",
    ),
    ({"streams": np.ma.array([1] * 10, mask=[0] * 9 + [1])}, TypeError, "streams[9]: stream must be an integer"),
    ({"streams": range(10), "offset": (3,)}, ValueError, "accepted are both or neither"),
]


@pytest.mark.parametrize(("keywords", "kind", "said"), REFUSED, ids=[f"{case[0]!r:.60}" for case in REFUSED])
def test_bad_streams_are_refused_before_the_first_byte(keywords, kind, said):
    g, out = new_generator(), ROWS.copy()
    with pytest.raises(kind) as caught:
        g.normal(out, **keywords)
    assert said in str(caught.value)
    with pytest.raises(kind) as caught:
        g.fill([(np.zeros(3), "normal"), (out, "normal", keywords)])
    assert said in str(caught.value)
    assert str(caught.value).startswith("fills[1]: ")
    assert same(out, ROWS)
    assert g.stream == 0


def test_streams_of_an_array_without_axes_are_refused():
    with pytest.raises(ValueError, match="out has no axes; accepted with streams= is an array of one axis or more"):
        new_generator().normal(np.zeros(()), streams=[1])


def test_an_array_that_the_streams_change_is_checked_as_it_is_then():
    class Shrinking:
        def __index__(self):
            out.resize((2, 4), refcheck=False)
            return 0

    out = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"streams has 3 streams, and out has shape=\(2, 4\)"):
        new_generator().normal(out, streams=[0, 1, Shrinking()])


def test_a_list_that_grows_while_it_is_read_is_read_as_it_was():
    class Growing:
        def __index__(self):
            streams.extend(range(100))
            return 3

    streams = [Growing(), 1]
    out = np.zeros((2, 5))
    new_generator().normal(out, streams=streams)
    assert same(out, new_generator().normal(np.zeros((2, 5)), streams=[3, 1]))


def test_rows_that_share_memory_are_refused():
    overlapping = np.lib.stride_tricks.as_strided(np.zeros(20), (10, 4), (8, 8))
    with pytest.raises(ValueError, match="overlaps itself"):
        new_generator().normal(overlapping, streams=range(10))


def test_constants_take_no_streams():
    with pytest.raises(TypeError):
        fastinit.zeros(np.empty((3, 4)), streams=range(3))


def test_a_fill_with_streams_needs_no_stream_of_its_own():
    a, b = np.zeros((3, 4)), np.zeros(5)
    g = new_generator()
    g.fill([(b, "normal"), (a, "normal", {"streams": range(3)}), (a.copy(), "uniform")])
    assert g.stream == 2
    assert same(a, new_generator().normal(np.zeros((3, 4)), streams=range(3)))
    named = {"a": (a, "normal", {"streams": ["x", "y", "z"]}), "b": (b, "normal")}
    g.fill(named)
    assert same(a[1], new_generator().normal(np.zeros(4), stream="y"))
    assert same(b, new_generator().normal(np.zeros(5), stream="b"))


def test_bfloat16_rows_are_what_a_loop_writes():
    out = np.zeros((20, 7), ml_dtypes.bfloat16)
    expected = rows_filled(out.copy(), "normal", streams=range(20))
    assert same(new_generator().normal(out, streams=range(20)), expected)
