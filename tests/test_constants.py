"""Constants are fills of the core: of any dtype and layout, in threads, interrupted, in blocks of huge tensors."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from conftest import dense, printed_by
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit

VALUES = {
    "?": True,
    "i1": -3,
    "u2": 50_000,
    "f2": 0.1,
    "f4": -0.1,
    "i8": 2**62 + 1,
    "f8": 0.1,
    "c8": 1 - 2j,
    "c16": 0.1 + 0.2j,
    "g": 0.1,
    "G": 1 + 3j,
    ml_dtypes.bfloat16: 0.1,
    ml_dtypes.float8_e4m3fn: 0.4375,
    ml_dtypes.int4: -3,
}
DTYPES = [np.dtype(dtype) for dtype in VALUES]


def check(call, layout, dtype, expected):
    """Checks that call(out) writes these values to an array of that layout, and no byte around it."""
    memory, out = layout.in_memory(dtype)
    expected_memory, whole = layout.in_memory(dtype)
    whole[...] = expected
    assert call(out) is out
    assert np.array_equal(out, whole)
    for element in np.ndindex(out.shape if out.size < 50 else (0,)):
        assert out[element] == whole[element]
    if dtype.char not in "gG":  # whose padding NumPy copies as it likes
        assert np.array_equal(memory, expected_memory)


def layouts(size):
    yield dense((), size)
    yield dense((7,), size)
    yield dense((0, 3), size)
    yield dense((100_003,), size)
    yield dense((300_001,), size, steps=(-1,), lead=1)
    yield dense((70_001,), size, steps=(3,))
    yield dense((70_001,), 2 * size, steps=(-2,), lead=1)
    yield dense((513, 257), size, order=(1, 0))
    yield dense((513, 257), size, order=(1, 0), steps=(1, -2))
    yield dense((70_000, 3), size, steps=(2, 1))
    yield dense((2, 70_000), size, order=(1, 0))
    yield dense((40_000, 2), size, order=(1, 0))
    yield dense((5, 1, 90, 7, 33), size, order=(3, 0, 1, 4, 2), steps=(1, 5, -1, 1, 2), lead=3)
    yield dense((3, 200, 33), size, steps=(1, 1, -1))
    yield dense((2,) * 16, size, steps=(1, -1) * 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_value_fills_any_layout(g, dtype):
    value = VALUES[dtype.char if dtype.char in "gG" else next(each for each in VALUES if np.dtype(each) == dtype)]
    held = np.array(value).astype(dtype)
    for layout in layouts(dtype.itemsize):
        check(lambda out: g.constant(out, value), layout, dtype, held)
        check(g.zeros, layout, dtype, np.zeros((), dtype))


def dirac_of(shape, groups):
    whole = np.zeros(shape)
    size = shape[0] // groups
    for group, d in itertools.product(range(groups), range(min(size, shape[1]))):
        whole[(group * size + d, d, *(n // 2 for n in shape[2:]))] = 1
    return whole


@given(data=st.data())
@settings(max_examples=300)
def test_any_block_of_a_matrix_of_constants_in_any_layout(data):
    g = fastinit.Generator(7)
    dtype = data.draw(st.sampled_from([dtype for dtype in DTYPES if dtype.char not in "gG"]))
    if data.draw(st.booleans()):
        shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
        whole, name, arguments = np.eye(*shape), "identity", ()
    else:
        groups = data.draw(st.integers(1, 4))
        shape = (groups * data.draw(st.integers(1, 5)), *data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
        whole, name, arguments = dirac_of(shape, groups), "dirac", (groups,)
    start = [data.draw(st.integers(0, size - 1)) for size in shape]
    sizes = [data.draw(st.integers(0, size - first)) for size, first in zip(shape, start, strict=True)]
    order = data.draw(st.permutations(range(len(shape))))
    steps = [data.draw(st.sampled_from([1, -1, 2, -3])) for _ in shape]
    layout = dense(sizes, dtype.itemsize, order, steps, data.draw(st.integers(0, 3)))
    place = tuple(slice(first, first + size) for first, size in zip(start, sizes, strict=True))
    where = {"offset": start, "global_shape": shape}
    check(lambda out: getattr(g, name)(out, *arguments, **where), layout, dtype, whole[place].astype(dtype))
    assert g.stream == 0


def test_blocks_of_the_largest_tensors(g):
    part = g.identity(np.full((5, 4), 7.0), 2.0, offset=(2**31 - 5, 2**31 - 6), global_shape=(2**31, 2**32))
    assert np.array_equal(part, 2 * np.eye(5, 4, 1))
    for first in (2**62 - 5, 2**62 - 7, 2**61):
        part = g.dirac(np.full((5, 2, 1), 7.0), offset=(first, 0, 0), global_shape=(2**62, 2, 1))
        assert not part.any()
    part = g.dirac(np.full((5, 2, 1), 7), 2**61, offset=(2**62 - 5, 0, 0), global_shape=(2**62, 2, 1))
    assert part[:, :, 0].tolist() == [[0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"has more than 2\*\*63 elements"):
        g.dirac(part, offset=(2**63 - 5, 0, 0), global_shape=(2**63, 2, 1))
    last = g.dirac(np.full((5, 1, 1), 7.0), offset=(2**63 - 5, 0, 0), global_shape=(2**63, 1, 1))
    assert not last.any()
    first = g.dirac(np.full((5, 1, 1), 7.0), offset=(0, 0, 0), global_shape=(2**63, 1, 1))
    assert first.ravel().tolist() == [1, 0, 0, 0, 0]
    every = g.dirac(np.full((5, 1, 1), 7.0), 2**63, offset=(2**63 - 5, 0, 0), global_shape=(2**63, 1, 1))
    assert every.all()


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads(g, threads):
    before = fastinit.get_num_threads()
    fastinit.set_num_threads(threads)
    try:
        assert (g.constant(np.empty(5_000_001, np.float32), 0.1) == np.float32(0.1)).all()
        assert (g.constant(np.empty((4000, 3001), np.int16).T[::-1, 1:], -7) == -7).all()
        w = g.identity(np.empty((3001, 2500), order="F"), 3)
        assert np.count_nonzero(w) == 2500
        assert (w.diagonal() == 3).all()
        filled = g.fill({i: (np.empty((900, 1000 + i)), "identity", i + 1.0) for i in range(9)})
        for i, out in filled.items():
            assert np.array_equal(out, (i + 1) * np.eye(*out.shape))
    finally:
        fastinit.set_num_threads(before)


INTERRUPTED = """
import signal, sys, time
import numpy as np, fastinit

fastinit.set_num_threads(1)
w = np.empty((16384, 16384), np.float32)  # a gigabyte that the system has to bring while it is filled
w[0, 0] = w[-1, -1] = 7
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.005)
began = time.monotonic()
try:
    fastinit.identity(w, 3)
    print("too fast" if time.monotonic() - began < 0.1 else "not interrupted")
except KeyboardInterrupt:
    print(time.monotonic() - began < 0.6, w[-1, -1] in (3, 7), bool((w[:100] == 3 * np.eye(100, 16384)).all()))
"""


@pytest.mark.slow
def test_ctrl_c_stops_a_long_fill_and_what_is_written_is_right():
    assert printed_by(INTERRUPTED) in (["True", "True", "True"], ["too", "fast"])
