"""Bad input gets an error that names the argument and what is accepted, before the first byte is written."""

import inspect
import math

import ml_dtypes
import numpy as np
import pytest
import reference

import fastinit
from fastinit import _core

FLOATS = ["f4", "f8", "f2", ml_dtypes.bfloat16]


def untouched_by(call, array):
    """That call(array) raises without writing: the array's bytes are as they were."""
    before = array.tobytes()
    try:
        call(array)
    except Exception as error:
        assert array.tobytes() == before
        return error
    raise AssertionError("accepted")


@pytest.mark.parametrize("out", [[1.0], (2, 3), 3.0, None, "x", np.float32(1)], ids=repr)
@pytest.mark.parametrize("draw", ["bits", "uniform", "normal"])
def test_what_is_not_an_array(g, draw, out):
    with pytest.raises(TypeError, match="out must be a NumPy array or an array on a CUDA device, not"):
        getattr(g, draw)(out)


@pytest.mark.parametrize("dtype", ["i4", "u4", "u8", "G", "g", "?", "O", "U3", "M8[s]", ">f4", ">f8", ">f2", "V2"])
def test_dtypes_that_are_not_filled(g, dtype):
    error = untouched_by(g.normal, np.zeros(5, dtype))
    assert isinstance(error, TypeError)
    assert "out has dtype" in str(error)
    assert ("byte-swapped" if dtype.startswith(">") else "float32, float64, float16, bfloat16") in str(error)


@pytest.mark.parametrize("dtype", ["f4", "i4", "u2", "?", ">u4"])
def test_dtypes_that_bits_does_not_fill(g, dtype):
    error = untouched_by(g.bits, np.zeros(5, dtype))
    assert isinstance(error, TypeError)
    assert ("byte-swapped" if dtype.startswith(">") else "uint32, uint64") in str(error)


def test_other_eight_bit_exponent_types_are_refused(g):
    with pytest.raises(TypeError, match="float8_e4m3fn"):
        g.normal(np.zeros(5, ml_dtypes.float8_e4m3fn))


def test_every_unsigned_type_of_c_is_filled_by_bits(g):
    expected = g.bits(np.empty(4, np.uint64), stream=1)
    for dtype in ("L", "Q", "P"):
        assert np.array_equal(g.bits(np.empty(4, dtype), stream=1), expected)


def test_read_only_array(g):
    array = np.zeros(5)
    array.flags.writeable = False
    error = untouched_by(g.normal, array)
    assert isinstance(error, ValueError)
    assert "out is read-only" in str(error)


@pytest.mark.parametrize(
    ("shape", "strides"), [((4,), (0,)), ((3, 3), (8, 8)), ((5,), (4,)), ((2, 3), (8, -8)), ((2, 2, 2), (8, 16, 24))]
)
def test_array_that_overlaps_itself(g, shape, strides):
    array = np.lib.stride_tricks.as_strided(np.zeros(20)[8:], shape, strides)
    error = untouched_by(g.normal, array)
    assert isinstance(error, ValueError)
    assert f"out with shape={shape} and strides={strides} overlaps itself; accepted are arrays" in str(error)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (2, 3, 4)])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_any_contiguous_shape_works(g, shape, dtype):
    flat = g.normal(np.empty(int(np.prod(shape)), dtype), stream=1)
    assert g.normal(np.empty(shape, dtype), stream=1).tobytes() == flat.tobytes()


def test_subclasses_and_memory_maps_work(g, tmp_path):
    expected = g.normal(np.empty(6), stream=1)
    mapped = np.memmap(tmp_path / "w", dtype=np.float64, mode="w+", shape=(2, 3))
    assert g.normal(mapped, stream=1) is mapped
    assert np.array_equal(mapped.ravel(), expected)
    masked = g.normal(np.ma.zeros(6), stream=1)
    assert np.array_equal(masked.data, expected)


NOT_NUMBERS = ["3", None, [1.0, 2.0], 1j, (3,)]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("he_normal", "negative_slope"),
        ("normal", "std"),
        ("normal", "mean"),
        ("uniform", "low"),
        ("uniform", "high"),
        ("truncated_normal", "mean"),
        ("truncated_normal", "low"),
        ("truncated_normal", "high"),
    ],
)
def test_numbers_of_a_wrong_type(g, method, name, value):
    error = untouched_by(lambda w: getattr(g, method)(w, **{name: value}), np.zeros(5))
    assert isinstance(error, TypeError)
    assert f"{name} must be a number, not {type(value).__name__}" in str(error)


@pytest.mark.parametrize(
    ("dtype", "mean", "std"),
    [
        ("f8", 0.0, -1.0),
        ("f8", 0.0, float("nan")),
        ("f8", 0.0, float("inf")),
        ("f8", float("nan"), 1.0),
        ("f8", float("-inf"), 1.0),
        ("f8", 0.0, 1e308),
        ("f8", 1.7e308, 1e307),
        ("f4", 0.0, 1e39),
        ("f4", 0.0, 1e38),
        ("f4", 3.5e38, 0.0),
        ("f2", 0.0, 10_000.0),
        ("f2", 65_520.0, 0.0),
        (ml_dtypes.bfloat16, 0.0, 1e38),
    ],
)
def test_normals_that_cannot_be_or_would_overflow(g, dtype, mean, std):
    error = untouched_by(lambda w: g.normal(w, mean, std), np.zeros(5, dtype))
    assert isinstance(error, ValueError)
    assert f"mean={mean}, std={std}" in str(error)
    assert str(np.dtype(dtype)) in str(error)


@pytest.mark.parametrize(("dtype", "std"), [("f4", 5e37), ("f8", 2e307), ("f2", 9_670.0), (ml_dtypes.bfloat16, 5e37)])
def test_normals_up_to_the_edge_of_the_dtype_stay_finite(g, dtype, std):
    assert np.isfinite(g.normal(np.empty(100_000, dtype), 0.0, std).astype(np.float64)).all()


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("f8", 1.0, 0.0),
        ("f8", float("nan"), 1.0),
        ("f8", 0.0, float("nan")),
        ("f8", 0.0, float("inf")),
        ("f8", float("-inf"), 0.0),
        ("f8", -1e308, 1e308),
        ("f4", -2e38, 2e38),
        ("f4", 0.0, 1e39),
        ("f2", 0.0, 65_520.0),
        ("f2", -1e5, 0.0),
        (ml_dtypes.bfloat16, 0.0, 3.4e38),
    ],
)
def test_uniform_ranges_that_cannot_be_or_overflow(g, dtype, low, high):
    error = untouched_by(lambda w: g.uniform(w, low, high), np.zeros(5, dtype))
    assert isinstance(error, ValueError)
    assert f"low={low}, high={high}" in str(error)


@pytest.mark.parametrize(
    ("dtype", "end"), [("f2", 65_504.0), ("f4", 1.7e38), ("f8", 8e307), (ml_dtypes.bfloat16, 1.6e38)]
)
def test_uniform_ranges_up_to_the_edge_of_the_dtype_stay_finite(g, dtype, end):
    assert np.isfinite(g.uniform(np.empty(100_000, dtype), -end, end).astype(np.float64)).all()


# Of each dtype: its end, and standard deviations 6.77 (8.66 in float64) of which just fit, or just do not.
REACH = {"f4": (3.4e38, 5e37, 5.1e37), "f8": (1.79e308, 2e307, 2.1e307), "f2": (65_504.0, 9_670.0, 9_690.0)}
REACH[ml_dtypes.bfloat16] = (3.38e38, 4.9e37, 5.1e37)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("far", [7e4, 1e5, 1e40, 1e300, 1.7976931348623157e308, math.inf])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_bound_that_no_draw_reaches_does_not_overflow(g, dtype, far, mirrored):
    end, fits, overflows = REACH[dtype]

    def fill(w, mean, std, low, high):
        return g.truncated_normal(w, mean, std, *((-high, -low) if mirrored else (low, high)), stream=1)

    sign = -1 if mirrored else 1
    for mean, std, low in ((0.0, fits, -2.0), (sign * 0.9 * end, end / 100, -3.0), (0.0, end / 100, 80.0)):
        values = fill(np.empty(10_000, dtype), mean, std, low, far).astype(np.float64) * sign
        assert np.isfinite(values).all()
        assert values.min() >= (sign * mean + low * std) - 0.01 * end
    assert not fill(np.ones(9, dtype), 0.0, 0.0, -far, far).any()
    for mean, std, low in ((0.0, overflows, -2.0), (sign * 0.9 * end, end / 50, -3.0), (0.0, end / 100, 95.0)):
        error = untouched_by(lambda w, given=(mean, std, low, far): fill(w, *given), np.zeros(5, dtype))
        assert isinstance(error, ValueError)
        assert f"do not overflow {np.dtype(dtype)}" in str(error)


@pytest.mark.parametrize(("low", "high"), [(7e4, 7e4), (7e4, 1e5), (-1e6, -7e4), (-math.inf, -7e4), (1e300, 1e300)])
def test_bounds_whose_draws_all_overflow_are_refused(g, low, high):
    error = untouched_by(lambda w: g.truncated_normal(w, low=low, high=high), np.zeros(5, np.float16))
    assert f"low={low}, high={high}: accepted are a finite mean and std >= 0 whose draws do not" in str(error)


@pytest.mark.parametrize("seed", [-1, 2**64, 2**70])
def test_seed_out_of_range(seed):
    with pytest.raises(ValueError, match=r"seed=.* accepted is 0 <= seed < 2\*\*64"):
        fastinit.Generator(seed)


@pytest.mark.parametrize(
    "seed", [True, False, 1.0, "7", [7], np.True_, b"7", np.array(1.5), np.array([7, 8])], ids=repr
)
def test_seed_of_a_wrong_type(seed):
    with pytest.raises(TypeError, match="seed must be an integer"):
        fastinit.Generator(seed)


@pytest.mark.parametrize("stream", [-1, -(2**63) - 1, -(2**70), 2**64, 2**70, np.int64(-5)])
def test_stream_out_of_range(g, stream):
    error = untouched_by(lambda w: g.normal(w, stream=stream), np.zeros(5))
    assert isinstance(error, ValueError)
    assert "accepted is 0 <= stream < 2**64" in str(error)


@pytest.mark.parametrize("stream", [True, np.True_, 1.0, b"fc1", ("fc1",), np.float32(1), np.array(1.5)], ids=repr)
def test_stream_of_a_wrong_type(g, stream):
    error = untouched_by(lambda w: g.normal(w, stream=stream), np.zeros(5))
    assert isinstance(error, TypeError)
    assert "stream must be an integer or a name" in str(error)


def test_stream_name_that_is_no_text(g):
    with pytest.raises(ValueError, match="UTF-8"):
        g.normal(np.zeros(5), stream="\ud800")


@pytest.mark.parametrize("state", [None, 7, {}, {"seed": 1}, {"seed": 1, "stream": 0, "x": 1}], ids=repr)
def test_state_of_a_wrong_form(g, state):
    with pytest.raises(ValueError, match="accepted is a dictionary"):
        g.state = state
    assert g.state == {"seed": 7, "stream": 0, "spawned": 0}


@pytest.mark.parametrize("state", [{"seed": -1, "stream": 0}, {"seed": 1, "stream": 2**63 + 1}])
def test_state_out_of_range_changes_nothing(g, state):
    with pytest.raises(ValueError, match="out of range"):
        g.state = state
    assert g.state == {"seed": 7, "stream": 0, "spawned": 0}


def test_streams_and_flags_are_keywords(g):
    with pytest.raises(TypeError):
        g.normal(np.zeros(5), 0.0, 1.0, 3)
    assert str(inspect.signature(g.normal)) == (
        "(out, mean=0.0, std=1.0, *, stream=None, streams=None, offset=None, global_shape=None, accumulate=False)"
    )


# ---- Blocks ----------------------------------------------------------------------------------------------------------

# For a block of shape (2, 3): offset, global_shape, the error, and parts of its message.
BAD_BLOCKS = [
    ((0, 0), None, ValueError, ["offset=(0, 0), global_shape=None", "accepted are both or neither"]),
    (None, (4, 5), ValueError, ["offset=None, global_shape=(4, 5)", "accepted are both or neither"]),
    ((0,), (4, 5), ValueError, ["offset=(0,), global_shape=(4, 5)", "accepted are 2 integers each"]),
    ((0, 0), (4,), ValueError, ["offset=(0, 0), global_shape=(4,)", "accepted are 2 integers each"]),
    ((0, 0, 0), (4, 5, 6), ValueError, ["offset=(0, 0, 0), global_shape=(4, 5, 6)", "one for each axis of out"]),
    ((), (), ValueError, ["offset=(), global_shape=()", "accepted are 2 integers each"]),
    ((-1, 0), (4, 5), ValueError, ["offset=(-1, 0)", "0 <= offset[0] <= 2**63"]),
    ((0, -(2**70)), (4, 5), ValueError, [f"offset=(0, {-(2**70)})", "0 <= offset[1] <= 2**63"]),
    ((0, np.int8(-3)), (4, 5), ValueError, ["offset=", "0 <= offset[1] <= 2**63"]),
    ((0, 0), (4, -5), ValueError, ["global_shape=(4, -5)", "0 <= global_shape[1] <= 2**63"]),
    ((2**63 + 1, 0), (4, 5), ValueError, [f"offset=({2**63 + 1}, 0)", "0 <= offset[0] <= 2**63"]),
    ((0, 2**64), (4, 5), ValueError, [f"offset=(0, {2**64})", "0 <= offset[1] <= 2**63"]),
    ((0, 0), (4, 2**63 + 1), ValueError, [f"global_shape=(4, {2**63 + 1})", "0 <= global_shape[1] <= 2**63"]),
    ((0, 0), (2**200, 5), ValueError, [f"global_shape=({2**200}, 5)", "0 <= global_shape[0] <= 2**63"]),
    *(
        (offset, (4, 5), TypeError, [f"offset[{axis}] must be an integer, not {kind}"])
        for axis, kind, offset in (
            (0, "bool", (True, 0)),
            (1, "bool", (0, np.True_)),
            (1, "float", (0, 1.0)),
            (0, "float64", np.zeros(2)),
            (0, "NoneType", (None, 0)),
            (1, "str", (0, "1")),
            (0, "str", "ab"),
            (0, "list", ([0], 0)),
            (0, "ndarray", np.zeros((2, 1), int)),
            (0, "tuple", ((0, 0), (4, 5))),
        )
    ),
    *(
        ((0, 0), global_shape, TypeError, [f"global_shape[{axis}] must be an integer, not {kind}"])
        for axis, kind, global_shape in (
            (1, "bool", (2, True)),
            (0, "float", (4.0, 5)),
            (1, "NoneType", (4, None)),
            (0, "str", ("4", 5)),
        )
    ),
    (3, (4, 5), TypeError, ["offset must be a tuple of integers, not int"]),
    (1.5, (4, 5), TypeError, ["offset must be a tuple of integers, not float"]),
    (np.array(3), (4, 5), TypeError, ["offset must be a tuple of integers, not ndarray"]),
    ((0, 0), 7, TypeError, ["global_shape must be a tuple of integers, not int"]),
    ((3, 0), (4, 5), ValueError, ["offset=(3, 0)", "out's shape (2, 3)", "beyond global_shape=(4, 5)"]),
    ((0, 3), (4, 5), ValueError, ["offset=(0, 3)", "out's shape (2, 3)", "beyond global_shape=(4, 5)"]),
    ((0, 0), (1, 3), ValueError, ["offset=(0, 0)", "beyond global_shape=(1, 3)"]),
    ((0, 0), (0, 5), ValueError, ["offset=(0, 0)", "beyond global_shape=(0, 5)"]),
    ((2**63 - 1, 0), (2**63 - 1, 5), ValueError, [f"offset=({2**63 - 1}, 0)", "beyond global_shape"]),
    ((0, 2**32), (4, 5), ValueError, [f"offset=(0, {2**32})", "beyond global_shape=(4, 5)"]),
    *(
        ((0, 0), shape, ValueError, [f"global_shape={shape} has more than 2**63 elements"])
        for shape in (
            *((2**61 + 1, 4), (4, 2**61 + 1), (2**62, 3), (2**32, 2**32), (2**62, 4), (2**40, 2**40)),
            (2**63 - 1, 2**63 - 1),
        )
    ),
]
BLOCK_FILLS = {
    "normal": lambda g, w, **block: g.normal(w, **block),
    "bits": lambda g, w, **block: g.bits(w.view(np.uint64), **block),
    "he_normal": lambda g, w, **block: g.he_normal(w, 3, **block),
    "he_normal of a layout": lambda g, w, **block: g.he_normal(w, layout="torch", **block),
    "orthogonal": lambda g, w, **block: g.orthogonal(w, **block),
    "sparse": lambda g, w, **block: g.sparse(w, 0.5, **block),
    "zeros": lambda g, w, **block: g.zeros(w, **block),
    "identity": lambda g, w, **block: g.identity(w, **block),
}


@pytest.mark.parametrize("fill", BLOCK_FILLS)
@pytest.mark.parametrize(("offset", "global_shape", "error", "parts"), BAD_BLOCKS)
def test_blocks_that_cannot_be(g, fill, offset, global_shape, error, parts):
    caught = untouched_by(lambda w: BLOCK_FILLS[fill](g, w, offset=offset, global_shape=global_shape), np.ones((2, 3)))
    assert type(caught) is error
    for part in parts:
        assert part in str(caught)
    assert g.stream == 0


@pytest.mark.parametrize(("offset", "global_shape"), [((1, 0, 0), (1, 2, 3)), ((0, 0, 1), (1, 2, 3)), ((0, 0), (2, 3))])
def test_blocks_of_delta_orthogonal_that_cannot_be(g, offset, global_shape):
    where = {"offset": offset, "global_shape": global_shape}
    caught = untouched_by(lambda w: g.delta_orthogonal(w, **where), np.ones((1, 2, 3)))
    assert isinstance(caught, ValueError)
    assert f"offset={offset}" in str(caught)
    assert f"global_shape={global_shape}" in str(caught)
    tall = untouched_by(lambda w: g.delta_orthogonal(w, offset=(0, 0, 0), global_shape=(1, 5, 4)), np.ones((1, 2, 3)))
    assert "shape=(1, 5, 4)" in str(tall)
    assert "in <= out" in str(tall)
    assert g.stream == 0


@pytest.mark.parametrize("fans", [{"fan_in": 3}, {"layout": "torch"}], ids=["fan", "layout"])
def test_tensor_whose_number_of_elements_no_machine_holds(g, fans):
    block = {"offset": (0,) * 64, "global_shape": (2**62,) * 64}
    for call in (lambda w: g.normal(w, **block), lambda w: g.he_normal(w, **fans, **block)):
        caught = untouched_by(call, np.ones((1,) * 64))
        assert type(caught) is ValueError
        assert "has more than 2**63 elements" in str(caught)
        assert g.stream == 0


@pytest.mark.parametrize("global_shape", [(2**62, 2), (2, 2**62), (2**31, 2**32), (2**63, 1), (1, 2**63)])
def test_tensor_of_2_to_the_63_elements_is_the_largest(g, global_shape):
    offset = tuple(n - 1 for n in global_shape)
    out = g.bits(np.empty((1, 1), np.uint32), stream=0, offset=offset, global_shape=global_shape)
    last = math.prod(global_shape) - 1
    assert out == reference.fill("bits", np.empty(1, np.uint32), last, 7, 0)


@pytest.mark.parametrize("name", ["orthogonal", "sparse"])
def test_matrix_that_no_memory_holds_takes_no_stream(g, name):
    """Their blocks need all of the matrix, or of its columns."""
    arguments = {"sparse": (0.5,)}.get(name, ())
    block = {"offset": (0, 0), "global_shape": (2**61, 4)}
    caught = untouched_by(lambda w: getattr(g, name)(w, *arguments, **block), np.ones((2, 3)))
    assert isinstance(caught, ValueError | MemoryError)
    assert g.stream == 0


def test_no_axes_are_a_block_of_no_axes(g):
    expected = g.normal(np.empty(()), stream=1)
    assert g.normal(np.empty(()), stream=1, offset=(), global_shape=()) == expected
    caught = untouched_by(lambda w: g.normal(w, offset=(0,), global_shape=(1,)), np.ones(()))
    assert "accepted are 0 integers each" in str(caught)


@pytest.mark.parametrize(("dtype", "last", "first"), [("f2", 65519.996, 65519.999), ("f4", 3.4028234e38, 3.4028236e38)])
def test_number_that_the_dtype_would_round_to_an_infinity_is_refused_also_if_float32_rounds_it_first(
    dtype, last, first
):
    assert np.isfinite(fastinit.uniform(np.empty(9, dtype), last, last)).all()
    with pytest.raises(ValueError, match="low"):
        fastinit.uniform(np.empty(9, dtype), first, first)


# ---- Memory of other libraries ---------------------------------------------------------------------------------------


def test_borrowed_memory_is_an_array_that_keeps_its_owner():
    owner = np.arange(12, dtype=np.float32)
    array = _core.borrowed(owner.ctypes.data, owner.nbytes, (4, 3), (1, 4), owner.dtype, owner)
    assert array.base is owner
    assert np.array_equal(array, owner.reshape(3, 4).T)
    fastinit.zeros(array)
    assert not owner.any()
    alone = _core.borrowed(owner.ctypes.data, 4, (1, 1), (2**62, 2**62), owner.dtype, owner)  # no step is taken
    assert alone.shape == (1, 1)
    assert _core.borrowed(0, 0, (0, 5), (1, 2**62), owner.dtype, None).shape == (0, 5)


@pytest.mark.parametrize(
    ("available", "shape", "strides"),
    [
        (47, (3, 4), (4, 1)),
        (48, (4, 4), (4, 1)),
        (48, (2,), (2**62,)),
        (0, (1,), (1,)),
        (48, (3, 4), (4,)),
        (48, (1,) * 65, (1,) * 65),
    ],
)
def test_memory_that_reaches_too_far_is_not_borrowed(available, shape, strides):
    owner = np.zeros(12, np.float32)
    with pytest.raises(ValueError, match=r"shape=.*strides="):
        _core.borrowed(owner.ctypes.data, available, shape, strides, owner.dtype, owner)
    with pytest.raises(ValueError, match=r"take 4 bytes of 4"):
        _core.borrowed(0, 4, (1,), (1,), owner.dtype, None)
