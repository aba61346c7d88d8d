"""The C interface: what C, Cython, Numba and cffi write is what Python writes."""

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from conftest import FLOATS, ROOT, fresh_python, printed_by

import fastinit
from fastinit import capi

EXAMPLE = ROOT / "examples" / "extension"
SEED, STREAM = 7, fastinit.stream_number("fc1.weight")
NUMBERS = {
    "uint32": capi.FASTINIT_UINT32,
    "uint64": capi.FASTINIT_UINT64,
    "float32": capi.FASTINIT_FLOAT32,
    "float64": capi.FASTINIT_FLOAT64,
    "float16": capi.FASTINIT_FLOAT16,
    "bfloat16": capi.FASTINIT_BFLOAT16,
}
WORDS = (np.dtype(np.uint32), np.dtype(np.uint64))
PARAMETERS = {"bits": (), "uniform": (-0.5, 0.25), "normal": (0.1, 0.02), "truncated_normal": (0.1, 0.02, -1.0, 3.0)}
DRAWS = [(draw, dtype) for draw in PARAMETERS for dtype in (WORDS if draw == "bits" else FLOATS)]
of_each_draw = pytest.mark.parametrize(("draw", "dtype"), DRAWS, ids=[f"{draw}-{dtype}" for draw, dtype in DRAWS])


def number_of(dtype):
    return NUMBERS[dtype.name]


def old_values(count, dtype):
    return np.zeros(count, dtype) if dtype in WORDS else np.linspace(-2, 2, count).astype(dtype)


def python_writes(draw, out, **keywords):
    return getattr(fastinit.Generator(SEED), draw)(out, *PARAMETERS[draw], stream="fc1.weight", **keywords)


def fill_of(draw, dtype, accumulate=0, seed=SEED):
    fill = capi.fastinit_fill(seed=seed, stream=STREAM, accumulate=accumulate)
    assert getattr(capi, f"set_{draw}")(fill, number_of(dtype), *PARAMETERS[draw]) == 0
    return fill


def fill_block(fill, out, offset=None, global_shape=None):
    return capi.fill_block(fill, *layout_of(out, offset, global_shape))


def fill_streams(fill, out, streams=None, step=0, offset=None, global_shape=None):
    numbers = None if streams is None else (ctypes.c_uint64 * len(streams))(*streams)
    return capi.fill_streams(fill, numbers, step, *layout_of(out, offset, global_shape))


def layout_of(out, offset, global_shape):
    def sizes(values, kind):
        return None if values is None else (kind * len(values))(*values)

    shape, strides = (sizes(values, ctypes.c_ssize_t) for values in (out.shape, out.strides))
    block = [sizes(values, ctypes.c_uint64) for values in (offset, global_shape)]
    return out.ctypes.data, out.ndim, shape, strides, *block


# ---- What is declared ------------------------------------------------------------------------------------------------

C_TYPES = {
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int32_t": ctypes.c_int32,
    "size_t": ctypes.c_size_t,
    "double": ctypes.c_double,
    "int": ctypes.c_int,
    "void": None,
    "void *": ctypes.c_void_p,
    "const char *": ctypes.c_char_p,
    "const ptrdiff_t *": ctypes.POINTER(ctypes.c_ssize_t),
    "const uint64_t *": ctypes.POINTER(ctypes.c_uint64),
    "fastinit_fill *": ctypes.POINTER(capi.fastinit_fill),
    "const fastinit_fill *": ctypes.POINTER(capi.fastinit_fill),
    "const fastinit_scheme *": ctypes.POINTER(capi.fastinit_scheme),
}


def header():
    text = (Path(fastinit.get_include()) / "fastinit.h").read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def declared(text, name):
    """The body of a structure or enumeration, with its spaces made one."""
    found = re.search(rf"typedef \w+ (?:\w+ )?\{{([^}}]*)\}} {name};", text) or re.search(
        rf"ctypedef \w+ {name}:(.*?)(?=\n    ctypedef|\n    const|\Z)", text, re.S
    )
    return " ".join(found[1].split())


def functions(body):
    """(returned, name, types of the parameters) of each function of a structure's body."""
    for returned, name, parameters in re.findall(r"\b(int|void|const char \*) ?\(\*(\w+)\)\(([^)]*)\)", body):
        types = [re.sub(r"\w+$", "", parameter.strip()).strip() for parameter in parameters.split(",")]
        yield returned, name, [t for t in types if t]


def test_ctypes_has_every_function_of_the_header_with_its_types():
    fields = dict(capi.fastinit_api._fields_)
    table = list(functions(declared(header(), "fastinit_api")))
    assert [*fields] == ["version", "stream_version", *(name for _, name, _ in table)]
    for returned, name, parameters in table:
        assert fields[name]._restype_ is C_TYPES[returned], name
        assert list(fields[name]._argtypes_) == [C_TYPES[parameter] for parameter in parameters], name
        assert ctypes.cast(getattr(capi, name), ctypes.c_void_p).value


@pytest.mark.parametrize("structure", [capi.fastinit_fill, capi.fastinit_scheme])
def test_ctypes_has_the_structures_of_the_header(structure):
    members = []
    for kind, names in re.findall(r"(\w+) ([^;]+);", declared(header(), structure.__name__)):
        for name in names.split(", "):
            size = re.search(r"\[(\d+)\]", name)
            members.append((name.split("[")[0], C_TYPES[kind] * int(size[1]) if size else C_TYPES[kind]))
    assert list(structure._fields_) == members


@pytest.mark.parametrize("enumeration", ["fastinit_dtype", "fastinit_fan_mode", "fastinit_scheme_draw"])
def test_ctypes_and_cython_have_the_numbers_of_the_header(enumeration):
    names = declared(header(), enumeration).split(", ")
    assert [getattr(capi, name) for name in names] == list(range(len(names)))
    assert declared(pxd(), enumeration).split(", ") == names


def codes():
    """The numbers of fastinit_code by their names."""
    members = declared(header(), "fastinit_code").split(", ")
    return {name: int(number) for name, number in (member.split(" = ") for member in members)}


def test_ctypes_cython_and_the_page_have_the_codes_of_the_header():
    assert list(codes().values()) == [-i for i in range(len(codes()))]
    assert {name: getattr(capi, name) for name in codes()} == codes()
    assert re.findall(r"\w+", declared(pxd(), "fastinit_code")) == list(codes())
    page = (ROOT / "docs" / "c_interface.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(FASTINIT_\w+)` \| (-?\d+) \|", page, re.M) == [(n, str(c)) for n, c in codes().items()]


def test_each_code_has_a_message_of_its_own_and_other_numbers_one_that_says_so():
    messages = [capi.message(code) for code in codes().values()]
    assert messages[0] == b"no error"
    unknown = {capi.message(code) for code in (1, min(codes().values()) - 1, 2**31 - 1, -(2**31))}
    assert unknown == {b"an unknown code"}
    assert len({*messages, *unknown}) == len(codes()) + 1


def test_a_fill_lies_in_the_memory_of_callers_as_it_always_did():
    places = {name: getattr(capi.fastinit_fill, name).offset for name, _ in capi.fastinit_fill._fields_}
    members = {"size": 0, "version": 4, "seed": 8, "stream": 16, "accumulate": 24, "dtype": 28, "constants": 32}
    assert places == members
    assert ctypes.sizeof(capi.fastinit_fill) == fill_of("normal", np.dtype(np.float32)).size == 512


def pxd():
    return (Path(fastinit.get_include()) / "fastinit.pxd").read_text(encoding="utf-8")


def test_cython_has_every_function_of_the_header_with_its_types():
    in_header = list(functions(declared(header(), "fastinit_api")))
    body = declared(pxd(), "fastinit_api")
    assert list(functions(body)) == in_header
    assert body.count("noexcept nogil") == len(in_header)


def test_the_versions_are_those_of_the_header_and_of_the_values():
    version = int(re.search(r"#define FASTINIT_API_VERSION (\d+)", header())[1])
    assert capi.api.version == capi.FASTINIT_API_VERSION == version
    assert capi.api.stream_version == fastinit.STREAM_VERSION
    assert capi.simd().decode() == fastinit.simd
    assert capi.num_threads() == fastinit.get_num_threads()


# ---- What is written -------------------------------------------------------------------------------------------------


@of_each_draw
@pytest.mark.parametrize("accumulate", [False, True])
def test_one_call_writes_what_python_writes(draw, dtype, accumulate):
    if draw == "bits" and accumulate:
        pytest.skip("bits are not added")
    out, expected = old_values(1001, dtype), old_values(1001, dtype)
    python_writes(draw, expected, **({"accumulate": True} if accumulate else {}))
    how = () if draw == "bits" else (accumulate,)
    for first, count in ((0, 300), (300, 701)):
        part = out[first : first + count]
        where = part.ctypes.data, count, number_of(dtype)
        assert getattr(capi, draw)(*where, *PARAMETERS[draw], SEED, STREAM, first, *how) == 0
    assert out.tobytes() == expected.tobytes()


@of_each_draw
def test_two_steps_write_what_python_writes_and_the_fill_serves_again(draw, dtype):
    out, expected = np.empty(999, dtype), np.empty(999, dtype)
    fill = fill_of(draw, dtype, seed=SEED + 1)
    assert capi.fill_range(fill, 0, out.size, out.ctypes.data) == 0
    assert out.tobytes() != python_writes(draw, expected).tobytes()
    fill.seed = SEED
    assert capi.fill_range(fill, 0, out.size, out.ctypes.data) == 0
    assert out.tobytes() == expected.tobytes()


@of_each_draw
def test_a_fill_is_set_in_memory_that_holds_anything_and_its_copy_is_as_good(draw, dtype):
    expected = python_writes(draw, np.empty(999, dtype))
    for last in (False, True):  # the caller's own members after the set function, or before it
        fill = capi.fastinit_fill.from_buffer_copy(np.random.default_rng(1).bytes(512))
        for step in (last, not last):
            if step:
                assert getattr(capi, f"set_{draw}")(fill, number_of(dtype), *PARAMETERS[draw]) == 0
            else:
                fill.seed, fill.stream, fill.accumulate = SEED, STREAM, 0
        copy = capi.fastinit_fill.from_buffer_copy(bytes(fill))
        ctypes.memset(ctypes.byref(fill), 0xFF, ctypes.sizeof(fill))
        out, block = np.empty_like(expected), np.empty_like(expected)
        assert capi.fill_range(copy, 0, out.size, out.ctypes.data) == 0
        assert fill_block(copy, block) == 0
        assert out.tobytes() == block.tobytes() == expected.tobytes()


def test_a_set_function_leaves_what_is_the_callers_own():
    fill = capi.fastinit_fill(seed=1, stream=2, accumulate=3)
    assert capi.set_normal(fill, capi.FASTINIT_FLOAT32, 0.0, 1.0) == 0
    assert (fill.seed, fill.stream, fill.accumulate, fill.dtype) == (1, 2, 3, capi.FASTINIT_FLOAT32)


@of_each_draw
def test_a_block_of_any_layout_gets_what_python_writes_on_any_number_of_threads(draw, dtype):
    where = {"offset": (3, 1, 0), "global_shape": (400, 80, 50)}
    expected = python_writes(draw, np.empty((300, 70, 50), dtype), **where)
    memory = np.zeros((50, 300, 141), dtype)
    out = memory[:, :, 140:0:-2].transpose(1, 2, 0)
    assert fill_block(fill_of(draw, dtype), out, **where) == 0
    assert np.array_equal(out, expected)
    assert not memory[:, :, 1::2].any()


@of_each_draw
def test_rows_get_what_python_writes_of_a_stream_each(draw, dtype):
    memory = np.zeros((6, 5, 7), dtype)
    for out in (np.zeros((5, 6), dtype), memory.transpose(1, 2, 0)[:, ::2, 1:]):
        for streams, step, numbers in (
            ([3, 1, STREAM, 1, 2**64 - 1], 0, [3, 1, STREAM, 1, 2**64 - 1]),
            (None, 2, [STREAM + 2 * i for i in range(5)]),
            (None, 0, [STREAM] * 5),
            (None, 2**64 - 1, [STREAM - i for i in range(5)]),
        ):
            assert fill_streams(fill_of(draw, dtype), out, streams, step) == 0
            for row, number in zip(out, numbers, strict=True):
                fill, expected = fill_of(draw, dtype), np.zeros(row.shape, dtype)
                fill.stream = number
                assert fill_block(fill, expected) == 0
                assert np.ascontiguousarray(row).tobytes() == expected.tobytes()


def test_rows_are_blocks_of_their_tensors():
    out, where = np.empty((3, 4, 5)), {"offset": (2, 1), "global_shape": (9, 8)}
    assert fill_streams(fill_of("normal", out.dtype), out, [5, 6, 7], **where) == 0
    expected = [python_writes("normal", np.empty((4, 5)), **where)]
    assert not np.array_equal(out[0], expected[0])
    expected = [fastinit.Generator(SEED).normal(np.empty((4, 5)), 0.1, 0.02, stream=i, **where) for i in (5, 6, 7)]
    assert np.array_equal(out, np.stack(expected))


def test_rows_that_cannot_be_are_refused():
    fill, out = fill_of("normal", np.dtype(np.float64)), np.full((4, 3), 7.0)
    where, _, shape, strides, *_ = layout_of(out, None, None)
    for axes in (0, -1, 65):
        assert capi.fill_streams(fill, None, 1, where, axes, shape, strides, None, None) == capi.FASTINIT_BAD_AXES
    negative = (ctypes.c_ssize_t * 2)(4, -3)
    assert capi.fill_streams(fill, None, 1, where, 2, negative, strides, None, None) == capi.FASTINIT_BAD_SHAPE
    for offset, global_shape in (((1,), None), (None, (9,)), ((7,), (9,)), ((0,), (2,))):
        assert fill_streams(fill, out, None, 1, offset, global_shape) == capi.FASTINIT_BAD_OFFSET
    assert fill_streams(fill, out, None, 1, (0,), (2**63 + 1,)) == capi.FASTINIT_TOO_LARGE
    null = capi.FASTINIT_NULL_POINTER
    assert capi.fill_streams(None, None, 1, where, 2, shape, strides, None, None) == null
    assert capi.fill_streams(fill, None, 1, None, 2, shape, strides, None, None) == null
    assert capi.fill_streams(fill, None, 1, where, 2, None, strides, None, None) == null
    assert capi.fill_streams(fill, None, 1, where, 2, shape, None, None, None) == null
    assert (out == 7).all()


def test_a_tensor_without_axes_and_an_empty_one_are_blocks_too():
    out = np.empty(())
    assert fill_block(fill_of("normal", out.dtype), out) == 0
    assert out == python_writes("normal", np.empty(()))
    assert fill_block(fill_of("normal", out.dtype), np.empty((0, 3))) == 0


def test_where_there_are_no_elements_there_need_be_no_memory():
    fill = fill_of("normal", np.dtype(np.float64))
    nothing = (ctypes.c_ssize_t * 2)(3, 0)
    assert capi.fill_range(fill, 0, 0, None) == 0
    assert capi.fill_range(fill, 2**63, 0, None) == 0
    assert capi.normal(None, 0, capi.FASTINIT_FLOAT64, 0.0, 1.0, SEED, STREAM, 0, 0) == 0
    assert capi.fill_block(fill, None, 2, nothing, nothing, None, None) == 0


def test_the_last_element_of_the_largest_tensor_is_written():
    expected = python_writes("normal", np.empty(1), offset=(2**63 - 1,), global_shape=(2**63,))
    out, block = np.empty(1), np.empty(1)
    fill = fill_of("normal", out.dtype)
    assert capi.fill_range(fill, 2**63 - 1, 1, out.ctypes.data) == 0
    assert fill_block(fill, block, (2**63 - 1,), (2**63,)) == 0
    assert out == block == expected


@pytest.mark.parametrize(
    ("mode", "fans"),
    [
        (capi.FASTINIT_FAN_IN, {"mode": "fan_in", "fan_in": 300.0}),
        (capi.FASTINIT_FAN_OUT, {"mode": "fan_out", "fan_out": 70.0}),
        (capi.FASTINIT_FAN_AVERAGE, {"mode": "fan_avg", "fan_in": 300.0, "fan_out": 70.0}),
        (capi.FASTINIT_FAN_GEOMETRIC, {"mode": "fan_geo_avg", "fan_in": 300.0, "fan_out": 70.0}),
    ],
)
@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (capi.FASTINIT_SCHEME_UNIFORM, "uniform"),
        (capi.FASTINIT_SCHEME_NORMAL, "untruncated_normal"),
        (capi.FASTINIT_SCHEME_TRUNCATED, "truncated_normal"),
    ],
)
def test_schemes_write_what_variance_scaling_writes(mode, fans, draw, distribution):
    expected = np.empty(100)
    fastinit.Generator(SEED).variance_scaling(expected, 1.7, distribution=distribution, stream="fc1.weight", **fans)
    scheme = capi.fastinit_scheme(mode, fans.get("fan_in", 0), fans.get("fan_out", 0), 1.7, 1, 0)
    assert scheme_writes(scheme, draw).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("name", "arguments", "members"),
    [
        ("he_uniform", (300, 0.2), (capi.FASTINIT_FAN_IN, 300, 0, 2, 1, 0.2)),
        ("lecun_uniform", (300,), (capi.FASTINIT_FAN_IN, 300, 0, 1, 1, 0)),
        ("xavier_uniform", (300, 70, 5 / 3), (capi.FASTINIT_FAN_SUM, 300, 70, 2, 5 / 3, 0)),
    ],
)
def test_the_headers_rows_of_schemes_are_the_schemes(name, arguments, members):
    expected = getattr(fastinit.Generator(SEED), name)(np.empty(100), *arguments, stream="fc1.weight")
    scheme = capi.fastinit_scheme(*members)
    assert scheme_writes(scheme, capi.FASTINIT_SCHEME_UNIFORM).tobytes() == expected.tobytes()


def scheme_writes(scheme, draw):
    out = np.empty(100)
    fill = capi.fastinit_fill(seed=SEED, stream=STREAM)
    assert capi.set_scheme(fill, capi.FASTINIT_FLOAT64, scheme, draw) == 0
    assert capi.fill_range(fill, 0, out.size, out.ctypes.data) == 0
    return out


# ---- What is refused -------------------------------------------------------------------------------------------------

NAN, INFINITY = float("nan"), float("inf")
F32 = capi.FASTINIT_FLOAT32
F64 = capi.FASTINIT_FLOAT64
REFUSED = [
    (capi.FASTINIT_BAD_DTYPE, "bits", F32, ()),
    (capi.FASTINIT_BAD_DTYPE, "bits", -1, ()),
    (capi.FASTINIT_BAD_DTYPE, "bits", 6, ()),
    (capi.FASTINIT_BAD_DTYPE, "uniform", capi.FASTINIT_UINT32, (0.0, 1.0)),
    (capi.FASTINIT_BAD_DTYPE, "uniform", -1, (0.0, 1.0)),
    (capi.FASTINIT_BAD_DTYPE, "uniform", 6, (0.0, 1.0)),
    (capi.FASTINIT_BAD_PARAMETERS, "uniform", F32, (1.0, 0.0)),
    (capi.FASTINIT_BAD_PARAMETERS, "uniform", F32, (NAN, 0.0)),
    (capi.FASTINIT_BAD_PARAMETERS, "uniform", F32, (-3e38, 3e38)),
    (capi.FASTINIT_BAD_DTYPE, "normal", capi.FASTINIT_UINT64, (0.0, 1.0)),
    (capi.FASTINIT_BAD_PARAMETERS, "normal", F32, (0.0, -1.0)),
    (capi.FASTINIT_BAD_PARAMETERS, "normal", F32, (0.0, NAN)),
    (capi.FASTINIT_BAD_PARAMETERS, "normal", capi.FASTINIT_FLOAT16, (0.0, 1e4)),
    (capi.FASTINIT_BAD_PARAMETERS, "truncated_normal", F32, (0.0, 1.0, 2.0, -2.0)),
    (capi.FASTINIT_BAD_PARAMETERS, "truncated_normal", F32, (0.0, 1.0, INFINITY, INFINITY)),
    (capi.FASTINIT_BAD_DTYPE, "truncated_normal", capi.FASTINIT_UINT32, (0.0, 1.0, -2.0, 2.0)),
]


@pytest.mark.parametrize(("code", "draw", "dtype", "parameters"), REFUSED)
def test_what_is_refused_writes_nothing_and_leaves_the_fill(code, draw, dtype, parameters):
    out = np.full(9, 7, np.uint64)
    how = () if draw == "bits" else (0,)
    assert getattr(capi, draw)(out.ctypes.data, out.size, dtype, *parameters, SEED, STREAM, 0, *how) == code
    assert (out == 7).all()
    fill = fill_of("normal", np.dtype(np.float32))
    before = bytes(fill)
    assert getattr(capi, f"set_{draw}")(fill, dtype, *parameters) == code
    assert bytes(fill) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mode": -1}, capi.FASTINIT_BAD_SCHEME),
        ({"mode": 5}, capi.FASTINIT_BAD_SCHEME),
        ({"fan_in": 0.0}, capi.FASTINIT_BAD_SCHEME),
        ({"fan_in": NAN}, capi.FASTINIT_BAD_SCHEME),
        ({"fan_out": -1.0}, capi.FASTINIT_BAD_SCHEME),
        ({"scale": INFINITY}, capi.FASTINIT_BAD_SCHEME),
        ({"gain": 0.0}, capi.FASTINIT_BAD_SCHEME),
        ({"negative_slope": NAN}, capi.FASTINIT_BAD_SCHEME),
        ({"draw": -1}, capi.FASTINIT_BAD_SCHEME),
        ({"draw": 3}, capi.FASTINIT_BAD_SCHEME),
        ({"gain": 1e39}, capi.FASTINIT_BAD_PARAMETERS),
        ({"dtype": capi.FASTINIT_UINT32}, capi.FASTINIT_BAD_DTYPE),
    ],
)
def test_a_scheme_that_is_none_is_refused(change, code):
    scheme = {"mode": capi.FASTINIT_FAN_SUM, "fan_in": 3.0, "fan_out": 4.0, "scale": 2.0, "gain": 1.0}
    fill, before = capi.fastinit_fill(seed=SEED), bytes(capi.fastinit_fill(seed=SEED))
    asked = {"draw": capi.FASTINIT_SCHEME_NORMAL, "dtype": F32, "negative_slope": 0.0, **scheme, **change}
    draw, dtype = asked.pop("draw"), asked.pop("dtype")
    assert capi.set_scheme(fill, dtype, capi.fastinit_scheme(**asked), draw) == code
    assert bytes(fill) == before


def test_a_scheme_needs_only_the_fans_of_its_mode():
    fill = capi.fastinit_fill()
    for mode, fans in ((capi.FASTINIT_FAN_IN, (3, NAN)), (capi.FASTINIT_FAN_OUT, (NAN, 3))):
        scheme = capi.fastinit_scheme(mode, *fans, 2, 1, 0)
        assert capi.set_scheme(fill, F32, scheme, capi.FASTINIT_SCHEME_NORMAL) == 0


def refused_with(fill, dtype=np.float64):
    """The code with which both functions refuse the fill of an array, having written nothing."""
    out = np.full((4, 3), 7, dtype)
    code = capi.fill_range(fill, 0, out.size, out.ctypes.data)
    assert fill_block(fill, out) == code
    assert fill_streams(fill, out, [1, 2, 3, 4]) == code
    assert fill_streams(fill, out, step=1) == code
    assert (out == 7).all()
    return code


def test_bits_are_not_added_and_not_put_in_the_place_of_what_is_there_either():
    for dtype in WORDS:
        assert refused_with(fill_of("bits", dtype, accumulate=1), dtype) == capi.FASTINIT_BITS_ACCUMULATE


@of_each_draw
@pytest.mark.parametrize("accumulate", [2, -1, 2**31 - 1, -(2**31)])
def test_accumulate_is_0_or_1(draw, dtype, accumulate):
    assert refused_with(fill_of(draw, dtype, accumulate), dtype) == capi.FASTINIT_BAD_ACCUMULATE
    if draw != "bits":
        out = np.full(9, 7, dtype)
        where = out.ctypes.data, out.size, number_of(dtype)
        code = getattr(capi, draw)(*where, *PARAMETERS[draw], SEED, STREAM, 0, accumulate)
        assert code == capi.FASTINIT_BAD_ACCUMULATE
        assert (out == 7).all()


def test_null_is_refused_where_something_must_be():
    null = capi.FASTINIT_NULL_POINTER
    fill, out = fill_of("normal", np.dtype(np.float64)), np.full(4, 7.0)
    sizes, offset = (ctypes.c_ssize_t * 1)(4), (ctypes.c_uint64 * 1)(0)
    assert capi.set_bits(None, capi.FASTINIT_UINT32) == null
    assert capi.set_uniform(None, F32, 0.0, 1.0) == null
    assert capi.set_normal(None, F32, 0.0, 1.0) == null
    assert capi.set_truncated_normal(None, F32, 0.0, 1.0, -2.0, 2.0) == null
    assert capi.set_scheme(fill, F32, None, capi.FASTINIT_SCHEME_NORMAL) == null
    scheme = capi.fastinit_scheme(capi.FASTINIT_FAN_IN, 3, 0, 2, 1, 0)
    assert capi.set_scheme(None, F32, scheme, capi.FASTINIT_SCHEME_NORMAL) == null
    assert capi.fill_range(None, 0, 4, out.ctypes.data) == null
    assert capi.fill_range(fill, 0, 4, None) == null
    assert capi.fill_block(None, out.ctypes.data, 1, sizes, sizes, None, None) == null
    assert capi.fill_block(fill, None, 1, sizes, sizes, None, None) == null
    assert capi.fill_block(fill, None, 0, None, None, None, None) == null
    assert capi.fill_block(fill, out.ctypes.data, 1, None, sizes, None, None) == null
    assert capi.fill_block(fill, out.ctypes.data, 1, sizes, None, None, None) == null
    assert capi.fill_block(fill, out.ctypes.data, 1, sizes, sizes, offset, None) == capi.FASTINIT_BAD_OFFSET
    for draw, dtype in (("bits", 0), ("uniform", F32), ("normal", F32), ("truncated_normal", F32)):
        how = () if draw == "bits" else (0,)
        assert getattr(capi, draw)(None, 1, dtype, *PARAMETERS[draw], SEED, STREAM, 0, *how) == null
    assert (out == 7).all()


@of_each_draw
def test_contiguous_memory_between_the_places_of_elements_is_refused_and_a_block_may_lie_there(draw, dtype):
    expected = python_writes(draw, np.empty(9, dtype))
    fill, how = fill_of(draw, dtype), () if draw == "bits" else (0,)
    for lead in range(1, dtype.itemsize):
        memory = np.full(10 * dtype.itemsize, 7, np.uint8)
        out = memory[lead : lead + expected.nbytes].view(dtype)
        assert capi.fill_range(fill, 0, out.size, out.ctypes.data) == capi.FASTINIT_UNALIGNED
        where = out.ctypes.data, out.size, number_of(dtype)
        code = getattr(capi, draw)(*where, *PARAMETERS[draw], SEED, STREAM, 0, *how)
        assert code == capi.FASTINIT_UNALIGNED
        assert (memory == 7).all()
        assert fill_block(fill, out) == 0
        assert out.tobytes() == expected.tobytes()


def test_elements_beyond_the_largest_tensor_are_refused():
    fill, out = fill_of("normal", np.dtype(np.float64)), np.full(4, 7.0)
    for first, count in (
        (2**63 - 1, 2),
        (2**63, 1),
        (2**64 - 1, 4),
        (2**63 + 1, 0),
        (0, 2**63 + 1),
        (2**62, 2**64 - 1),
    ):
        assert capi.fill_range(fill, first, count, out.ctypes.data) == capi.FASTINIT_TOO_LARGE
        code = capi.normal(out.ctypes.data, count, F64, 0.0, 1.0, SEED, STREAM, first, 0)
        assert code == capi.FASTINIT_TOO_LARGE
    assert (out == 7).all()


@pytest.mark.parametrize(
    ("offset", "global_shape", "code"),
    [
        ((1, 0), None, capi.FASTINIT_BAD_OFFSET),
        (None, (9, 9), capi.FASTINIT_BAD_OFFSET),
        ((6, 0), (9, 9), capi.FASTINIT_BAD_OFFSET),
        ((2**64 - 1, 0), (9, 9), capi.FASTINIT_BAD_OFFSET),
        ((0, 0), (3, 9), capi.FASTINIT_BAD_OFFSET),
        ((0, 2**63), (9, 9), capi.FASTINIT_BAD_OFFSET),
        ((0, 0), (2**32, 2**32), capi.FASTINIT_TOO_LARGE),
        ((0, 0), (2**31 + 1, 2**32), capi.FASTINIT_TOO_LARGE),
        ((0, 0), (4, 2**63), capi.FASTINIT_TOO_LARGE),
        ((0, 0), (2**64 - 1, 3), capi.FASTINIT_TOO_LARGE),
    ],
)
def test_a_block_outside_its_tensor_is_refused_and_nothing_is_written(offset, global_shape, code):
    out = np.full((4, 3), 7.0)
    assert fill_block(fill_of("normal", out.dtype), out, offset, global_shape) == code
    assert (out == 7).all()


@pytest.mark.parametrize(
    ("shape", "global_shape", "code"),
    [
        ((0, 0), (2**31, 2**32), 0),  # as many elements as there may be
        ((0, 0), (2**32, 2**31 + 1), capi.FASTINIT_TOO_LARGE),
        ((0, 0, 0), (2**63, 2**63, 0), 0),  # none, however long the other axes are
        ((0, 0, 0), (0, 2**64 - 1, 2**64 - 1), 0),
        ((0, 1, 1), (2**62, 3, 1), capi.FASTINIT_TOO_LARGE),
    ],
)
def test_a_tensor_has_up_to_2_to_the_63_elements_and_an_empty_one_axes_of_any_length(shape, global_shape, code):
    assert fill_block(fill_of("normal", np.dtype(float)), np.empty(shape), (0,) * len(shape), global_shape) == code


def test_a_block_may_have_64_axes():
    shape = (1,) * 30 + (2, 3) + (1,) * 31 + (5,)
    out = np.empty(shape)
    assert fill_block(fill_of("normal", out.dtype), out) == 0
    assert np.array_equal(out, python_writes("normal", np.empty(shape)))


def test_a_negative_size_and_too_many_axes_are_refused():
    fill, out = fill_of("normal", np.dtype(np.float64)), np.full(4, 7.0)
    sizes = (ctypes.c_ssize_t * 65)(*[1] * 65)
    for axes in (65, -1, 2**31 - 1, -(2**31)):
        assert capi.fill_block(fill, out.ctypes.data, axes, sizes, sizes, None, None) == capi.FASTINIT_BAD_AXES
    for sizes[0] in (-1, -(2**63)):
        assert capi.fill_block(fill, out.ctypes.data, 1, sizes, sizes, None, None) == capi.FASTINIT_BAD_SHAPE
    assert (out == 7).all()


NORMAL = {
    "out": 0,
    "count": 0,
    "dtype": F32,
    "mean": 0.0,
    "std": 1.0,
    "seed": SEED,
    "stream": 3,
    "first": 0,
    "accumulate": 0,
}
WRONG = [
    *(
        (name, value, ValueError, rf"{name}={re.escape(str(value))} is out of range; accepted is 0 <= {name} < 2\*\*64")
        for name in ("out", "count", "seed", "stream", "first")
        for value in (-1, 2**64, np.int64(-3))
    ),
    *(
        (name, value, ValueError, rf"{name}={value} is out of range; accepted is -2\*\*31 <= {name} < 2\*\*31")
        for name in ("dtype", "accumulate")
        for value in (2**32, 2**31, -(2**31) - 1)
    ),
    *(
        (name, value, TypeError, f"{name} must be an integer, not {type(value).__name__}")
        for name in ("count", "dtype", "seed", "stream", "first")
        for value in (True, 1.0, None, "1", np.float64(1))
    ),
    *((name, True, TypeError, f"{name} must be a number, not bool") for name in ("mean", "std")),
    *((name, "1", TypeError, f"{name} must be a number, not str") for name in ("mean", "std")),
    ("accumulate", 1.0, TypeError, "accumulate must be an integer, not float"),
    ("out", True, TypeError, "out must be an integer, not bool"),
    ("out", b"bytes are not to be written to", TypeError, "out must be an address, or an object of ctypes, not bytes"),
    ("out", "nor strings", TypeError, "out must be an address, or an object of ctypes, not str"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), WRONG)
def test_ctypes_makes_no_other_number_of_an_argument(name, value, error, message):
    out = np.full(4, 7, np.float32)
    arguments = {**NORMAL, "out": out.ctypes.data, "count": 4, name: value}
    with pytest.raises(error, match=message):
        capi.normal(*arguments.values())
    assert (out == 7).all()


@pytest.mark.parametrize(("name", "value", "error", "message"), [row for row in WRONG if row[0] in ("seed", "stream")])
def test_ctypes_makes_no_other_number_of_a_fills_member(name, value, error, message):
    with pytest.raises(error, match=message):
        capi.fastinit_fill(**{name: value})
    fill = capi.fastinit_fill(seed=1, stream=2)
    with pytest.raises(error, match=message):
        setattr(fill, name, value)
    assert (fill.seed, fill.stream) == (1, 2)


def test_ctypes_makes_no_other_number_of_what_is_left():
    fill = fill_of("normal", np.dtype(np.float64))
    for call, message in (
        (lambda: capi.message(2**32), "code=4294967296 is out of range"),
        (lambda: capi.fastinit_scheme(mode=2**32), "mode=4294967296 is out of range"),
        (lambda: capi.fastinit_fill(1, -1), r"version=-1 is out of range; accepted is 0 <= version < 2\*\*32"),
        (lambda: capi.fastinit_fill(accumulate=2**32), "accumulate=4294967296 is out of range"),
        (lambda: capi.set_normal(fill, F64 + 2**32, 0.0, 1.0), "dtype=4294967299 is out of range"),
        (lambda: capi.set_scheme(fill, F64, None, 2**32), "draw=4294967296 is out of range"),
        (lambda: capi.fill_range(fill, -1, 0, None), "first=-1 is out of range"),
        (lambda: capi.fill_block(fill, None, 2**32, None, None, None, None), "axes=4294967296 is out of range"),
        (lambda: capi.fill_streams(fill, None, 2**64, None, 1, None, None, None, None), "step=18446744073709551616 is"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="gain must be a number, not bool"):
        capi.fastinit_scheme(gain=True)
    with pytest.raises(TypeError, match=r"normal takes 9 arguments \(out, count, .*, accumulate\), not 10"):
        capi.normal(*NORMAL.values(), 0)
    with pytest.raises(TypeError, match="normal takes 9 arguments"):
        capi.normal(*[*NORMAL.values()][:-1])
    with pytest.raises(TypeError, match=r"^normal\(\) got an unexpected keyword argument 'accumulate'"):
        capi.normal(*[*NORMAL.values()][:-1], accumulate=0)


@pytest.mark.parametrize(("structure", "member"), [(capi.fastinit_fill, "seed"), (capi.fastinit_scheme, "gain")])
def test_structures_have_no_other_members(structure, member):
    one = structure()
    for call in (lambda: setattr(one, "sed", 3), lambda: structure(sed=3)):
        with pytest.raises(AttributeError, match=rf"{structure.__name__} has no member sed; it has .*{member}"):
            call()
    setattr(one, member, 3)
    assert getattr(one, member) == 3


def test_numbers_of_any_kind_are_accepted_by_ctypes_as_by_python():
    expected = np.empty(4, np.float32)
    arguments = {**NORMAL, "out": expected.ctypes.data, "count": 4, "seed": 2**64 - 1, "stream": 2**64 - 1}
    assert capi.normal(*arguments.values()) == 0
    for change in (
        {"out": expected.ctypes, "count": np.int64(4), "std": 1, "accumulate": False},
        {"accumulate": np.bool_(False)},
        {"out": ctypes.c_void_p(expected.ctypes.data), "seed": np.uint64(2**64 - 1), "std": np.float32(1)},
        {"seed": ctypes.c_uint64(2**64 - 1), "stream": ctypes.c_uint64(2**64 - 1), "mean": ctypes.c_double(0)},
    ):
        before = expected.copy()
        expected[:] = 7
        assert capi.normal(*{**arguments, **change}.values()) == 0
        assert np.array_equal(expected, before)
    for true in (True, np.bool_(True)):
        fill = capi.fastinit_fill(seed=np.uint64(2**64 - 1), stream=2**64 - 1, accumulate=true)
        assert (fill.seed, fill.stream, fill.accumulate) == (2**64 - 1, 2**64 - 1, 1)


def test_steps_between_streams_go_backwards_too():
    fill, out = capi.fastinit_fill(seed=SEED, stream=9), np.empty((3, 5))
    assert capi.set_normal(fill, F64, 0.0, 1.0) == 0
    shape, strides = ((ctypes.c_ssize_t * 2)(*sizes) for sizes in (out.shape, out.strides))
    assert capi.fill_streams(fill, None, -4, out.ctypes.data, 2, shape, strides, None, None) == 0
    assert np.array_equal(out, fastinit.Generator(SEED).normal(np.empty((3, 5)), streams=range(9, 0, -4)))


# ---- Fills that no set function has set, in a Python of their own that a crash would end -----------------------------


UNSET = """
import ctypes, sys
import numpy as np
from fastinit import capi

random = np.random.default_rng(5)
sizes, strides = (ctypes.c_ssize_t * 2)(4, 3), (ctypes.c_ssize_t * 2)(24, 8)
memory = np.full(40, 7, np.uint64)  # twelve elements of any dtype, and what lies around them

def codes_of(content):
    fill = capi.fastinit_fill.from_buffer_copy(content)
    for write, where in (
        (capi.fill_range, (0, 12, memory[8:].ctypes.data)),
        (capi.fill_block, (memory[8:].ctypes.data, 2, sizes, strides, None, None)),
        (capi.fill_streams, (None, 1, memory[8:].ctypes.data, 2, sizes, strides, None, None)),
    ):
        memory[:] = 7
        code = write(fill, *where)
        assert (memory[:8] == 7).all() and (memory[20:] == 7).all(), content
        assert code == 0 or (memory == 7).all(), content
        assert bytes(fill) == content
        yield code

def changed(fill, place, value):
    content = bytearray(bytes(fill))
    content[place : place + 4] = (value % 2**32).to_bytes(4, sys.byteorder)
    return bytes(content)

def set_fills():
    for accumulate in (0, 1):
        for dtype in range(6):
            fill = capi.fastinit_fill(seed=7, stream=3, accumulate=accumulate if dtype > 1 else 0)
            if dtype < 2:
                assert capi.set_bits(fill, dtype) == 0
                yield fill
            else:
                assert capi.set_uniform(fill, dtype, -0.5, 0.25) == 0
                yield capi.fastinit_fill.from_buffer_copy(fill)
                assert capi.set_normal(fill, dtype, 0.1, 0.02) == 0
                yield capi.fastinit_fill.from_buffer_copy(fill)
                for low, high in ((-2.0, 2.0), (-1.0, 2.0), (-3.0, 4.0), (2.0, 5.0), (-9.0, -8.0)):
                    assert capi.set_truncated_normal(fill, dtype, 0.1, 0.02, low, high) == 0
                    yield capi.fastinit_fill.from_buffer_copy(fill)
"""


def test_a_fill_of_garbage_or_zeros_is_refused():
    garbage = """
for content in [bytes(512), bytes([255] * 512), *(random.bytes(512) for _ in range(20_000))]:
    print(*codes_of(content))
"""
    assert {*printed_by(UNSET + garbage)} == {str(capi.FASTINIT_BAD_FILL)}


def test_the_size_and_version_alone_make_no_fill():
    code = """
fill = next(set_fills())
for content in [bytes(504), bytes([255] * 504), *(random.bytes(504) for _ in range(20_000))]:
    print(*codes_of(bytes(fill)[:8] + content))
"""
    zeros, *others = np.array(printed_by(UNSET + code), int).reshape(-1, 3).tolist()
    assert zeros == [0, 0, 0]  # bits: whose number is 0, as that of uint32 is
    assert {tuple(codes) for codes in others} == {(capi.FASTINIT_BAD_FILL,) * 3}


def test_no_word_of_a_set_fill_that_is_overwritten_leads_out_of_the_memory():
    code = """
for fill in set_fills():
    assert [*codes_of(bytes(fill))] == [0, 0, 0]
    refused = set()
    for place in range(0, 512, 4):
        for value in (2**31 - 1, *range(-2, 12), 255, *random.integers(0, 2**32, 4).tolist()):
            codes = {*codes_of(changed(fill, place, value))}
            assert len(codes) == 1
            if value == 2**31 - 1 and codes != {0}:
                refused.add(place)
    print(fill.dtype, *refused)
"""
    common = {0, 4, 24, 28, 32}  # size, version, accumulate, dtype, and the draw
    run = fresh_python(UNSET + code, timeout=300)
    assert run.returncode == 0, run.stderr
    places = [{int(place) for place in line.split()[1:]} for line in run.stdout.splitlines()]
    assert len(places) == 2 * (2 + 4 * 7)
    rows = [found - common for found in places]
    assert all(found >= common for found in places)
    # Two of the truncated normals lie in a tail, and have a row of a table.
    assert sum(map(bool, rows)) == 2 * 4 * 2
    assert len(set().union(*rows)) == 1


def test_a_fill_of_another_version_or_size_is_refused():
    for change in ({"version": 1}, {"version": 0}, {"size": 256}, {"size": 0}):
        fill = fill_of("normal", np.dtype(np.float64))
        for name, value in change.items():
            setattr(fill, name, value)
        assert refused_with(fill) == capi.FASTINIT_BAD_FILL


# ---- The header ------------------------------------------------------------------------------------------------------

INCLUDES = {
    "behind Python.h": "#include <Python.h>\n#include <fastinit.h>\n",
    "before Python.h, and again": "#include <fastinit.h>\n#include <Python.h>\n#include <fastinit.h>\n",
    "twice": "#include <Python.h>\n#include <fastinit.h>\n#include <fastinit.h>\n",
    "around it, twice": "#include <fastinit.h>\n" * 2 + "#include <Python.h>\n" + "#include <fastinit.h>\n" * 2,
}
CALLER = """
static fastinit_fill kept = FASTINIT_FILL_INIT;

int draw(float *out, size_t count);

int draw(float *out, size_t count) {
    const fastinit_api *api = fastinit_import();
    fastinit_fill fill = FASTINIT_FILL_INIT;
    if (!api) return -1;
    fill.seed = kept.seed;
    if (api->set_normal(&fill, FASTINIT_FLOAT32, 0, 1) != FASTINIT_OK) return -1;
    return api->fill_range(&fill, 0, count, out);
}
"""
WITHOUT_PYTHON = """#include <fastinit.h>

const char *why(const fastinit_api *api, const fastinit_fill *fill, double *out);

const char *why(const fastinit_api *api, const fastinit_fill *fill, double *out) {
    return api->message(api->fill_range(fill, 0, 1, out));
}
"""
NAMED = [shutil.which(name) for name in ("gcc", "g++", "clang", "clang++")]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror", "-fsyntax-only"]
C_STRICT = [*STRICT, "-Wstrict-prototypes", "-Wmissing-prototypes"]
CXX_STRICT = [*STRICT, "-Wold-style-cast", "-Wzero-as-null-pointer-constant"]


@pytest.mark.parametrize("standard", ["c99", "c11", "c++11", "c++14", "c++17", "c++20"])
@pytest.mark.parametrize("compilers", [("cc", "c++"), ("gcc", "g++"), ("clang", "clang++")], ids=lambda names: names[0])
def test_compilers_have_nothing_to_warn_of_in_the_header(tmp_path, compilers, standard):
    is_cxx = "++" in standard
    compiler = shutil.which(compilers[is_cxx])
    if compiler is None:
        pytest.skip(f"there is no {compilers[is_cxx]}")
    if compilers[0] == "cc" and os.path.realpath(compiler) in map(os.path.realpath, filter(None, NAMED)):
        pytest.skip("another name of a compiler that the other cases have")
    source = tmp_path / ("caller.cc" if is_cxx else "caller.c")
    flags = [f"-std={standard}", *(CXX_STRICT if is_cxx else C_STRICT), f"-I{fastinit.get_include()}"]
    for text in (WITHOUT_PYTHON, *(includes + CALLER for includes in INCLUDES.values())):
        source.write_text(text, encoding="utf-8")
        command = [compiler, *flags, "-isystem", sysconfig.get_path("include"), source]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, text + run.stderr


# ---- The examples ----------------------------------------------------------------------------------------------------


def copied(folder):
    """The example, where it can be built."""
    compiler = (sysconfig.get_config_var("CC") or "cl").split()[0]
    for needed in ("setuptools", "Cython"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no compiler {compiler}")
    for file in EXAMPLE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    return folder


def run_in(folder, *arguments, **environment):
    """Runs a command of Python in the folder; it must end well."""
    command, env = [sys.executable, "-P", *arguments], {**os.environ, **environment}
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def extension(tmp_path_factory):
    """The folder of the example's modules, built; their __file__ tells which."""
    folder = copied(tmp_path_factory.mktemp("extension"))
    run_in(folder, "setup.py", "-q", "build_ext", "--inplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_cython_example_adds_noise_in_threads_as_python_does(extension, dtype):
    import noise

    weights, expected = (np.linspace(-1, 1, 60 * 41).astype(dtype).reshape(60, 41) for _ in range(2))
    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(noise.add_noise, weights, 0.1, SEED, STREAM, row, row + 15) for row in range(0, 60, 15)]
    for part in parts:
        part.result()
    fastinit.Generator(SEED).normal(expected, std=0.1, stream="fc1.weight", accumulate=True)
    assert weights.tobytes() == expected.tobytes()
    with pytest.raises(ValueError, match="std=-1"):
        noise.add_noise(weights, -1, SEED, STREAM, 0, 60)
    with pytest.raises(ValueError, match="stop=61"):
        noise.add_noise(weights, 1, SEED, STREAM, 0, 61)


def test_the_c_example_projects_as_the_whole_matrix_would(extension):
    import projection

    x, out = fastinit.Generator(1).normal(np.empty(3000, np.float32)), np.empty(50, np.float32)
    projection.project(x, out, SEED, STREAM)
    matrix = np.empty((50, 3000), np.float32)
    fastinit.Generator(SEED).normal(matrix, std=50**-0.5, stream="fc1.weight")
    np.testing.assert_allclose(out, matrix.astype(np.float64) @ x, atol=1e-4)
    with pytest.raises(ValueError, match="float32 vectors"):
        projection.project(x.astype(np.float64), out, SEED, STREAM)


def test_the_example_installs_as_it_says_without_an_index_beside_the_installed_fastinit(tmp_path):
    (tmp_path / "source").mkdir()
    folder = copied(tmp_path / "source")
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not installed")
    if int(metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("setuptools is older than the example asks for")
    (command,) = re.findall(r"^ +pip (install .*) \.$", (EXAMPLE / "setup.py").read_text(encoding="utf-8"), re.M)
    assert {"--no-index", "--no-build-isolation"} <= set(command.split())
    run_in(folder, "-m", "pip", *command.split(), "--quiet", "--prefix", str(tmp_path / "installed"), ".", CFLAGS="-O0")
    (module,) = (path for path in (tmp_path / "installed").rglob("projection.*") if path.suffix in (".so", ".pyd"))
    code = "import sys; sys.path.insert(0, sys.argv[1]); import noise, projection; print(projection.__file__)"
    assert printed_by(code, str(module.parent)) == [str(module)]


def test_a_module_built_for_a_later_interface_says_so_at_import(extension, tmp_path):
    later = "#define FASTINIT_API_VERSION 1000"
    text = (Path(fastinit.get_include()) / "fastinit.h").read_text(encoding="utf-8")
    (tmp_path / "fastinit.h").write_text(re.sub("#define FASTINIT_API_VERSION .*", later, text), encoding="utf-8")
    source = (EXAMPLE / "projection.c").read_text(encoding="utf-8")
    (tmp_path / "projection.c").write_text(source.replace("<fastinit.h>", '"fastinit.h"'), encoding="utf-8")
    setup = "from setuptools import *; setup(ext_modules=[Extension('projection', ['projection.c'])])"
    command = [sys.executable, "-P", "-c", setup, "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=200, check=True)
    run = fresh_python("import sys; sys.path.insert(0, sys.argv[1]); import projection", str(tmp_path))
    assert f"ImportError: the installed fastinit has version {capi.api.version} of the C interface" in run.stderr
    assert "version 1000" in run.stderr


def blocks(kind):
    page = (ROOT / "docs" / "c_interface.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.S | re.M)


def test_the_pages_excerpts_are_of_the_example():
    source = (EXAMPLE / "projection.c").read_text(encoding="utf-8")
    whole, *excerpts = blocks("c")
    assert "PyInit_first" in whole
    assert len(excerpts) == 2
    for block in excerpts:
        assert block in source


def test_the_pages_cython_is_the_example():
    (block,) = blocks("cython")
    source = (EXAMPLE / "noise.pyx").read_text(encoding="utf-8")
    assert re.sub(r'^ *"""(.*?)"""\n', "", source, flags=re.S | re.M).replace("\n\n", "\n", 1) == block


def test_the_pages_modules_build_as_they_stand_there(tmp_path, monkeypatch):
    copied(tmp_path)
    (setup,) = (block for block in blocks("python") if "setuptools" in block)
    for name, text in (("first.c", blocks("c")[0]), ("setup.py", setup), ("page.pyx", blocks("cython")[0])):
        (tmp_path / name).write_text(text, encoding="utf-8")
    run_in(tmp_path, "setup.py", "-q", "build_ext", "--inplace", CFLAGS="-O0")
    cython = "from setup_of_pages import *; cythonized('page')"
    (tmp_path / "setup_of_pages.py").write_text(CYTHONIZED, encoding="utf-8")
    run_in(tmp_path, "-c", f"import sys; sys.path.insert(0, '.'); {cython}", CFLAGS="-O0")
    monkeypatch.syspath_prepend(tmp_path)
    import first
    import page

    out = np.empty(99, np.float32)
    first.draw(out, SEED)
    assert np.array_equal(out, fastinit.Generator(SEED).normal(np.empty_like(out), std=0.02, stream=3))
    with pytest.raises(TypeError):
        first.draw(out[::2], SEED)
    weights, expected = np.zeros((4, 5)), np.zeros((4, 5))
    page.add_noise(weights, 0.1, SEED, STREAM, 0, 4)
    assert np.array_equal(weights, fastinit.Generator(SEED).normal(expected, std=0.1, stream="fc1.weight"))


# Builds a module of Cython's in the folder.
CYTHONIZED = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
import fastinit

def cythonized(*names):
    include = [fastinit.get_include()]
    modules = [Extension(name, [f"{name}.pyx"], include_dirs=include) for name in names]
    arguments = ["-q", "build_ext", "--inplace"]
    setup(name="pages", ext_modules=cythonize(modules, include_path=include), script_args=arguments)
"""
UNSET_IN_C = """
# cython: language_level=3
from fastinit cimport fastinit_api, fastinit_fill, fastinit_import
from libc.string cimport memset

cdef const fastinit_api *api = fastinit_import()

cdef extern from *:
    '''
    #include <fastinit.h>
    static int unset_in_c(const fastinit_api *table, int which, unsigned version, double *out) {
        fastinit_fill fill = FASTINIT_FILL_INIT;
        const ptrdiff_t shape[] = {2, 3}, strides[] = {24, 8};
        if (version) {
            table->set_normal(&fill, FASTINIT_FLOAT64, 0, 1);
            fill.version = version;
        }
        if (which == 0) return table->fill_range(&fill, 0, 6, out);
        if (which == 1) return table->fill_block(&fill, out, 2, shape, strides, NULL, NULL);
        return table->fill_streams(&fill, NULL, 1, out, 2, shape, strides, NULL, NULL);
    }
    '''
    int unset_in_c(const fastinit_api *table, int which, unsigned version, double *out)

def codes(double[::1] out, unsigned version):
    cdef fastinit_fill fill
    cdef ptrdiff_t[2] shape = [2, 3]
    cdef ptrdiff_t[2] strides = [24, 8]
    memset(&fill, 0, sizeof(fill))
    if version:
        api.set_normal(&fill, 3, 0, 1)
        fill.version = version
    return [
        api.fill_range(&fill, 0, 6, &out[0]),
        api.fill_block(&fill, &out[0], 2, shape, strides, NULL, NULL),
        api.fill_streams(&fill, NULL, 1, &out[0], 2, shape, strides, NULL, NULL),
        unset_in_c(api, 0, version, &out[0]),
        unset_in_c(api, 1, version, &out[0]),
        unset_in_c(api, 2, version, &out[0]),
    ]
"""


def test_a_zeroed_fill_and_one_of_another_version_are_refused_in_c_and_cython(tmp_path, monkeypatch):
    copied(tmp_path)
    (tmp_path / "setup_of_pages.py").write_text(CYTHONIZED, encoding="utf-8")
    (tmp_path / "unset.pyx").write_text(UNSET_IN_C, encoding="utf-8")
    code = "import sys; sys.path.insert(0, '.'); from setup_of_pages import *; cythonized('unset')"
    run_in(tmp_path, "-c", code, CFLAGS="-O0")
    monkeypatch.syspath_prepend(tmp_path)
    import unset

    out = np.full(6, 7.0)
    for version in (0, 1, 0x4649FFFF):
        assert unset.codes(out, version) == [capi.FASTINIT_BAD_FILL] * 6
        assert (out == 7).all()
    fill = fill_of("normal", np.dtype(np.float64))
    assert unset.codes(out, fill.version) == [0] * 6
    assert (out != 7).all()


def test_the_number_of_a_stream_is_what_generators_draw_from():
    named = fastinit.Generator(SEED).bits(np.empty(4, np.uint32), stream="fc1.weight")
    out = np.empty(4, np.uint32)
    assert capi.bits(out.ctypes.data, 4, capi.FASTINIT_UINT32, SEED, STREAM, 0) == 0
    assert np.array_equal(out, named)
    for number in (0, 2**30, 2**63 - 1, 2**63, 2**64 - 1, STREAM):
        assert fastinit.stream_number(number) == number
    for bad, error in ((2**64, ValueError), (-1, ValueError), (True, TypeError), (1.5, TypeError), (None, TypeError)):
        with pytest.raises(error, match="stream"):
            fastinit.stream_number(bad)
