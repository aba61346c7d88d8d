"""A fill writes a tensor's values in C order into an array of any layout, and no byte beside them."""

import array
import ctypes
import functools
import itertools
import math
import mmap
import subprocess
import sys
import threading
from multiprocessing import shared_memory

import numpy as np
import pytest
from conftest import FILLS, FLOATS, KERNELS, SCALE, SEED, STREAM, Fill, Layout, check_fill, dense, reference_values
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from test_schemes import DRAWN, call

import fastinit
from fastinit import _core

# Layouts for elements of a given number of bytes; none has more than MOST elements.
MOST = 4500
SKINNY = *range(2, 10), 12, 15, 16, 17, 31, 48, 150, 160, 200
LAYOUTS = {
    "contiguous": lambda size: dense((701,), size),
    "unaligned": lambda size: dense((701,), size, lead=1),
    "sliced": lambda size: dense((701,), size, steps=(3,)),
    "backwards": lambda size: dense((701,), size, steps=(-1,)),
    "sliced backwards": lambda size: dense((701,), size, steps=(-2,)),
    "a byte between elements": lambda size: dense((701,), size + 1),
    "a byte between elements backwards": lambda size: dense((701,), -size - 1),
    "Fortran": lambda size: dense((37, 23), size, order=(1, 0)),
    "Fortran unaligned": lambda size: dense((37, 23), size, order=(1, 0), lead=1),
    "Fortran backwards": lambda size: dense((37, 23), size, order=(1, 0), steps=(-1, -1)),
    "some columns": lambda size: Layout((37, 23), (40 * size, size)),
    "some rows of Fortran": lambda size: Layout((37, 23), (size, 40 * size)),
    "every other row, third column": lambda size: dense((37, 23), size, steps=(2, 3)),
    "rows backwards": lambda size: Layout((37, 23), (-23 * size, size)),
    "columns backwards": lambda size: Layout((37, 23), (23 * size, -size)),
    "rows that are not aligned": lambda size: Layout((37, 23), (23 * size + 1, size)),
    "long rows with gaps": lambda size: Layout((3, 1500), (1501 * size, size)),
    "long rows backwards": lambda size: Layout((3, 1500), (-1500 * size, size)),
    "long rows that are not aligned": lambda size: Layout((3, 1500), (1500 * size + 1, size), 1),
    "long columns": lambda size: dense((1500, 3), size, order=(1, 0)),
    "middle axis last": lambda size: dense((7, 11, 13), size, order=(0, 2, 1)),
    "axes turned": lambda size: dense((7, 11, 13), size, order=(1, 2, 0), steps=(1, 2, -1)),
    "axes of one element": lambda size: Layout((1, 9, 1, 7, 1), (0, 8 * size, -size, size, 3)),
    "64 axes": lambda size: dense((2, 1, 1, 1, 1, 1, 1, 3) * 4 + (1,) * 32, size, order=[*range(1, 64), 0]),
    **{f"{rows} rows of Fortran": functools.partial(dense, (rows, MOST // rows), order=(1, 0)) for rows in SKINNY},
    **{
        f"{rows} rows of Fortran, with gaps": functools.partial(
            dense, (rows, 1500 // rows), order=(1, 0), steps=(1, 3), lead=rows % 2
        )
        for rows in SKINNY[::3]
    },
    "many matrices of 3 rows of Fortran": lambda size: dense((20, 3, 70), size, order=(0, 2, 1)),
    "many matrices of 5 columns": lambda size: dense((2, 70, 5), size, order=(1, 0, 2)),
    "braided": lambda size: Layout((2, 3), (3 * size, 2 * size)),
    "braided, longer": lambda size: Layout((21, 31), (31 * size, -22 * size)),
    "one element": lambda size: Layout((1, 1), (0, -5), 1),
    "no axes": lambda size: Layout((), ()),
    "no axes, unaligned": lambda size: Layout((), (), 1),
    "empty": lambda size: Layout((0,), (0,)),
    "empty with any strides": lambda size: Layout((3, 0, 2), (-8, 1, 0), 1),
}


@pytest.mark.parametrize("accumulate", [False, True])
def test_any_layout_holds_the_values_in_c_order_and_its_gaps_stay(kernels, fill, accumulate):
    for layout in LAYOUTS.values():
        placed = layout(fill.dtype.itemsize)
        values = reference_values(fill, 0, MOST)[: math.prod(placed.shape)]
        check_fill(kernels, fill, placed, values, accumulate and fill.draw != "bits")


@pytest.mark.parametrize("steps", [(1, 1, 1, 1), (-1, 2, 1, -2)])
def test_axes_may_lie_in_any_order_in_memory(kernels, steps):
    for fill in (Fill("normal", np.dtype("f4")), Fill("uniform", np.dtype("f8")), Fill("bits", np.dtype("u4"))):
        for order in itertools.permutations(range(4)):
            layout = dense((5, 3, 7, 6), fill.dtype.itemsize, order, steps)
            check_fill(kernels, fill, layout, reference_values(fill, 0, 630))


@st.composite
def views(draw, most=2000):
    """What slicing, turning and reinterpreting an array can give, as a function of the element's size."""
    shape = draw(st.lists(st.sampled_from([0, 1, 1, 2, 2, 3, 4, 5, 7, 8, 17, 65, 300]), max_size=6))
    while math.prod(shape) > most:
        shape.pop()
    order = draw(st.permutations(range(len(shape))))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, -1, 2, -3]), min_size=len(shape), max_size=len(shape)))
    assume(math.prod(map(abs, steps)) <= 27)
    gap, lead = draw(st.sampled_from([0, 0, 0, 1, 2, 8])), draw(st.integers(0, 8))
    return lambda size: dense(shape, size + gap, order, steps, lead)


@settings(max_examples=500)
@given(fill=st.sampled_from(FILLS), kernels=st.sampled_from(KERNELS), view=views(), accumulate=st.booleans())
def test_any_view_of_any_array(fill, kernels, view, accumulate):
    layout = view(fill.dtype.itemsize)
    values = reference_values(fill, 0, 2000)[: math.prod(layout.shape)]
    check_fill(kernels, fill, layout, values, accumulate and fill.draw != "bits")


# ---- Moves by vectors ------------------------------------------------------------------------------------------------

# A draw of each size of element, one that is stored in another type, and one of two words.
MOVED = [
    Fill("uniform", np.dtype("f2")),
    Fill("bits", np.dtype("u4")),
    Fill("normal", np.dtype("f4")),
    Fill("bits", np.dtype("u8")),
]
# Around the squares that a vector transposes, of 2 to 32 elements a side.
SIDES = 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 48, 65


@pytest.mark.parametrize("moved", MOVED, ids=str)
@pytest.mark.parametrize("accumulate", [False, True])
def test_columns_of_any_height_and_width_that_begin_anywhere(kernels, moved, accumulate):
    size = moved.dtype.itemsize
    for height, width in itertools.product(SIDES, SIDES):
        values = reference_values(moved, 0, MOST)[: height * width]
        begins = (height * 5 + width * 3) % (64 // size) * size  # in a cache line
        for gap in (0, -height % (64 // size) * size):  # dense, or each column begins at the same place in a line
            layout = Layout((height, width), (size, height * size + gap), begins)
            check_fill(kernels, moved, layout, values, accumulate and moved.draw != "bits")


@pytest.mark.parametrize("moved", MOVED, ids=str)
@pytest.mark.parametrize(("rows", "columns"), [(200, 40), (97, 33), (450, 10)])
def test_long_columns_begin_anywhere_in_a_cache_line(kernels, moved, rows, columns):
    size = moved.dtype.itemsize
    values = reference_values(moved, 0, 8192)[: rows * columns]
    for begins in range(0, 64, size):
        check_fill(kernels, moved, Layout((rows, columns), (size, 512 * size), begins), values)


@pytest.mark.parametrize("moved", MOVED, ids=str)
@pytest.mark.parametrize("step", [-1, 2, -2, 3, -3])
def test_rows_with_gaps_of_any_length_begin_anywhere_in_a_cache_line(kernels, moved, step):
    size = moved.dtype.itemsize
    for begins in range(0, 64, size):
        for length in (*range(begins // size, 70, 9), 255, 256 + begins // size, 1100):
            values = reference_values(moved, 0, MOST)[:length]
            check_fill(kernels, moved, dense((length,), size, steps=(step,), lead=begins), values)
    for length in (70, 600):
        values = reference_values(moved, 0, MOST)[:length]
        check_fill(kernels, moved, dense((length,), size, steps=(step,), lead=1), values)


INTERLACED = {
    "every second": lambda w: (w[::2], w[1::2]),
    "every second backwards": lambda w: (w[::-2], w[-2::-2]),
    "every third": lambda w: (w[::3], w[1::3]),
    "upper rows of Fortran": lambda w: (w.reshape(64, -1).T[:-3], w.reshape(64, -1).T[-3:]),
    "every second row of Fortran": lambda w: (w.reshape(64, -1).T[::2], w.reshape(64, -1).T[1::2]),
}


@pytest.mark.parametrize("moved", MOVED, ids=str)
@pytest.mark.parametrize("view", INTERLACED)
def test_what_another_thread_writes_between_the_elements_of_a_fill_stays(kernels, moved, view):
    """A fill that wrote back what lay between its elements would undo now and then what was written there meanwhile."""
    out, others = INTERLACED[view](np.zeros(3 << 16, moved.dtype))
    assert out.size >= 1 << 15  # from there on a fill does not hold Python's lock
    done = threading.Event()

    def fill_on():
        while not done.is_set():
            _core.fill_range(kernels, moved.draw, out, 0, SEED, STREAM, *SCALE)

    thread = threading.Thread(target=fill_on)
    thread.start()
    try:
        for value in range(1, 150):
            others[...] = value
            assert (others == value).all()
    finally:
        done.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="protects memory by Linux's mprotect")
@pytest.mark.parametrize("moved", MOVED, ids=str)
def test_gaps_may_lie_in_memory_that_cannot_be_touched(kernels, moved):
    """The vector that holds the last element may reach into a page that nobody may read or write."""
    page, size = mmap.PAGESIZE, moved.dtype.itemsize
    memory = mmap.mmap(-1, 3 * page)
    address = np.frombuffer(memory, np.uint8).ctypes.data
    mprotect = ctypes.CDLL(None, use_errno=True).mprotect

    def protect(mode):
        for guard in (address, address + 2 * page):
            assert mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(page), mode) == 0

    def check(out, accumulate=False):
        out[...] = 0
        _core.fill_range(kernels, moved.draw, out, 0, SEED, STREAM, *SCALE, accumulate)
        assert np.array_equal(out, reference_values(moved, 0, MOST)[: out.size].astype(moved.dtype).reshape(out.shape))

    protect(0)
    try:
        for count, begins in ((page // size, 0), (page // size - 1, 1), (page // size - 1, size - 1)):
            inside = np.ndarray((count,), moved.dtype, memory, page + begins)
            for step in (2, -2, 3, -3, -1):
                for out in (inside[::step], inside[1::step], inside[:-1][::step]):
                    check(out)
                    check(out, moved.draw != "bits")
            check(inside[: count // 4 * 4].reshape(4, -1).T[:, ::2])
            check(inside[count % 4 :].reshape(4, -1).T[:, ::2])
    finally:
        protect(mmap.PROT_READ | mmap.PROT_WRITE)


# ---- Where arrays come from ------------------------------------------------------------------------------------------


def of_memory(buffer, dtype, shape):
    return np.frombuffer(buffer, dtype, math.prod(shape)).reshape(shape)


ARRAYS = {
    "bytearray": lambda dtype, shape: of_memory(bytearray(8 * math.prod(shape)), dtype, shape),
    "memoryview": lambda dtype, shape: of_memory(memoryview(bytearray(999 + 8 * math.prod(shape)))[3:], dtype, shape),
    "array.array": lambda dtype, shape: of_memory(array.array("d", bytes(8 * math.prod(shape))), dtype, shape),
    "mmap": lambda dtype, shape: of_memory(mmap.mmap(-1, 8 * math.prod(shape)), dtype, shape),
    "ctypes": lambda dtype, shape: of_memory((ctypes.c_double * math.prod(shape))(), dtype, shape),
    "asfortranarray": lambda dtype, shape: np.asfortranarray(np.zeros(shape, dtype)),
    "transposed": lambda dtype, shape: np.zeros(shape[::-1], dtype).T,
    "masked": lambda dtype, shape: np.ma.zeros(shape[::-1], dtype).T,
    "matrix": lambda dtype, shape: np.zeros(shape[::-1], dtype).view(np.matrix).T,
    "packed field": lambda dtype, shape: np.zeros(shape, [("tag", "u1"), ("w", dtype)])["w"],
    "flipped": lambda dtype, shape: np.flip(np.zeros(shape, dtype)),
    "diagonal": lambda dtype, shape: np.einsum("iij->ij", np.zeros((shape[0], *shape), dtype)),
    "swapped axes": lambda dtype, shape: np.moveaxis(np.zeros((*shape[::-1], 2), dtype), 0, 1)[..., 1],
}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("kind", ARRAYS)
def test_whatever_holds_the_memory(kind, dtype):
    out = ARRAYS[kind](dtype, (19, 31))
    assert fastinit.Generator(7).normal(out, stream=1) is out
    expected = fastinit.Generator(7).normal(np.empty((19, 31), dtype), stream=1)
    assert np.asarray(out).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_real_and_imaginary_parts_are_filled_apart(dtype):
    z = np.zeros((19, 31), "c8" if dtype == "f4" else "c16")
    g = fastinit.Generator(7)
    g.normal(z.real, stream=1)
    assert not z.imag.any()
    g.normal(z.imag, stream=2)
    for part, stream in ((z.real, 1), (z.imag, 2)):
        assert np.array_equal(part, g.normal(np.empty((19, 31), dtype), stream=stream))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("begins", [0, 3, 4096])
def test_memory_mapped_file_holds_the_values_on_disk(tmp_path, order, begins):
    path = tmp_path / "w"
    mapped = np.memmap(path, np.float32, "w+", begins, (190, 201), order)
    assert fastinit.Generator(7).normal(mapped, stream=1) is mapped
    mapped.flush()
    stored = np.fromfile(path, np.float32, offset=begins).reshape((190, 201), order=order)
    assert np.array_equal(stored, fastinit.Generator(7).normal(np.empty((190, 201), np.float32), stream=1))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_memory_shared_between_processes_is_filled_where_all_see_it(dtype):
    owner = shared_memory.SharedMemory(create=True, size=8 * 19 * 31 + 1)
    try:
        out = np.ndarray((19, 31), dtype, owner.buf, 1, order="F")
        fastinit.Generator(7).normal(out, stream=1)
        seen = shared_memory.SharedMemory(owner.name)
        values = np.ndarray((19, 31), dtype, seen.buf, 1, order="F").tobytes()
        assert values == fastinit.Generator(7).normal(np.empty((19, 31), dtype), stream=1).tobytes()
        del out
        seen.close()
    finally:
        owner.close()
        owner.unlink()


# ---- Every scheme ----------------------------------------------------------------------------------------------------

VIEWS = {
    "Fortran": lambda shape, size: dense(shape, size, range(len(shape))[::-1]),
    "sliced and backwards": lambda shape, size: dense(shape, size, steps=(-2,) * len(shape)),
    "unaligned": lambda shape, size: dense(shape, size + 1, lead=1),
}


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", DRAWN)
def test_every_scheme_fills_any_layout(name, dtype, accumulate):
    g, shape = fastinit.Generator(7), (3, 3, 4, 5) if name == "delta_orthogonal" else (20, 30)
    start = np.linspace(-1, 1, math.prod(shape)).reshape(shape).astype(dtype)
    values = call(g, name, start.copy(), stream=1, accumulate=accumulate)
    for layout in VIEWS.values():
        memory, out = layout(shape, dtype.itemsize).in_memory(dtype)
        expected_memory, expected = layout(shape, dtype.itemsize).in_memory(dtype)
        out[...], expected[...] = start, values
        call(g, name, out, stream=1, accumulate=accumulate)
        assert np.array_equal(memory, expected_memory)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(
    ("name", "shape"), [("zeros", (4, 5)), ("ones", (4, 5)), ("identity", (4, 5)), ("dirac", (4, 3, 5))]
)
def test_every_constant_fills_any_layout(name, shape, dtype):
    g = fastinit.Generator(7)
    for layout in VIEWS.values():
        memory, out = layout(shape, dtype.itemsize).in_memory(dtype)
        expected_memory, expected = layout(shape, dtype.itemsize).in_memory(dtype)
        expected[...] = getattr(g, name)(np.empty(shape, dtype))
        getattr(g, name)(out)
        assert np.array_equal(memory, expected_memory)


# ---- Arrays that overlap themselves ----------------------------------------------------------------------------------


def shares_bytes(layout, size):
    """Whether two elements have a byte in common: all of their bytes, one by one."""
    axes = (np.arange(n) * stride for n, stride in zip(layout.shape, layout.strides, strict=True))
    addresses = functools.reduce(np.add.outer, axes, np.arange(size))
    return len(np.unique(addresses)) < addresses.size


def check_overlap(layout, dtype):
    """Checks that an array is filled if its elements are apart, and refused untouched otherwise."""
    memory, out = layout.in_memory(dtype)
    expected_memory, expected = layout.in_memory(dtype)
    g, overlaps = fastinit.Generator(7), shares_bytes(layout, out.itemsize)
    if out.size:
        assert _core.overlaps_itself(out) == overlaps
    if overlaps:
        with pytest.raises(ValueError, match="overlaps itself"):
            g.normal(out)
    else:
        g.normal(out)
        expected[...] = fastinit.Generator(7).normal(np.empty(layout.shape, dtype))
    assert np.array_equal(memory, expected_memory)
    assert g.stream == (0 if overlaps else 1)
    return overlaps


@pytest.mark.parametrize(
    ("layout", "overlaps"),
    [
        (Layout((4,), (0,)), True),
        (Layout((3, 3), (8, 8)), True),
        (Layout((3, 4), (8, 0)), True),
        (Layout((5,), (4,)), True),
        (Layout((5,), (-7,)), True),
        (Layout((2, 2), (8, 12)), True),
        (Layout((3, 4), (3 * 8, 2 * 8)), True),
        (Layout((4, 4, 4), (8, 16, 32)), True),
        (Layout((1000, 1000), (8, 8)), True),
        (Layout((2, 3), (3 * 8, 2 * 8)), False),
        (Layout((3, 2), (-2 * 8, 3 * 8)), False),
        (Layout((1, 5), (0, 8)), False),
        (Layout((5, 1), (8, 4)), False),
        (Layout((2, 2), (8, 20)), False),
        (Layout((0, 5), (0, 0)), False),
        (Layout((5, 0, 5), (1, -1, 3)), False),
        (Layout((), ()), False),
    ],
    ids=str,
)
def test_arrays_that_overlap_themselves_are_refused_and_no_others(layout, overlaps):
    assert check_overlap(layout, np.float64) == overlaps


def test_array_that_reaches_farther_than_memory_is_refused():
    for shape, stride in (((3,), 2**61), ((2,), -(2**62)), ((2**40,), 2**50)):
        assert _core.overlaps_itself(np.lib.stride_tricks.as_strided(np.zeros(1), shape, (stride,)))
    assert not _core.overlaps_itself(np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (2**59,)))


def test_every_small_array_of_two_axes_is_refused_if_and_only_if_elements_share_bytes():
    found = 0
    for shape in itertools.product(range(1, 5), repeat=2):
        for strides in itertools.product(range(-7, 8), repeat=2):
            found += check_overlap(Layout(shape, strides), np.float16)
    assert 0 < found < 16 * 15**2


@settings(max_examples=500)
@given(
    dtype=st.sampled_from(FLOATS),
    axes=st.lists(st.tuples(st.integers(0, 4), st.integers(-40, 40)), max_size=5),
    unit=st.sampled_from([1, 2, 4, 8]),
)
@example(np.dtype("f2"), [(2, 3), (2, 5), (2, 6), (2, 7)], 2)  # distinct sums, though no axis steps over the others
@example(np.dtype("f2"), [(2, 3), (2, 5), (2, 6), (2, 8)], 2)  # 3 + 5 = 8
def test_any_small_array_is_refused_if_and_only_if_elements_share_bytes(dtype, axes, unit):
    layout = Layout(tuple(n for n, _ in axes), tuple(unit * stride for _, stride in axes))
    check_overlap(layout, dtype)


@pytest.mark.parametrize("name", ["uniform", "he_normal", "orthogonal", "sparse", "zeros", "identity"])
def test_every_kind_of_fill_refuses_arrays_that_overlap_themselves(name):
    g, memory = fastinit.Generator(7), np.ones(9)
    arguments = {"he_normal": (3,), "sparse": (0.5,)}.get(name, ())
    with pytest.raises(ValueError, match=r"shape=\(3, 3\) and strides=\(8, 8\) overlaps itself"):
        getattr(g, name)(as_strided(memory, (3, 3), (8, 8)), *arguments)
    assert (memory == 1).all()
    assert g.stream == 0


def test_matrix_whose_elements_interlace_does_not_hang_the_check():
    """A row of a matrix is a matrix again, of two axes: looking for the last axis must end nevertheless."""
    code = (
        "import numpy as np, fastinit; from numpy.lib.stride_tricks import as_strided;"
        "w = as_strided(np.zeros(9).view(np.matrix).T, (2, 3), (24, 16), subok=True);"
        "print(type(fastinit.Generator(7).normal(w)).__name__)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert run.stdout.strip() == "matrix"


@pytest.mark.parametrize("dtype", [fill.dtype for fill in FILLS[:6]], ids=str)
def test_dtypes_of_a_byte_view_are_filled_wherever_it_begins(dtype):
    memory = np.zeros(8 * 21, np.uint8)
    name = "bits" if dtype.kind == "u" else "normal"
    expected = getattr(fastinit.Generator(7), name)(np.empty(20, dtype))
    for begin in range(8):
        out = memory[begin : begin + 20 * dtype.itemsize].view(dtype)
        assert getattr(fastinit.Generator(7), name)(out).tobytes() == expected.tobytes()
