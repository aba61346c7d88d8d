"""A fill of a block writes what the whole tensor holds there: any block, of any tensor, into memory of any layout."""

import functools
import itertools
import math

import ml_dtypes
import numpy as np
import pytest
import reference
from conftest import FILLS, FLOATS, KERNELS, SCALE, SEED, STREAM, Fill, Layout, check_fill, dense, reference_values
from hypothesis import given, settings
from hypothesis import strategies as st
from test_schemes import DRAWN, call

import fastinit
from fastinit import _core

WHOLE = 66_500  # elements of the longest tensor that is compared as a whole


def part_of(offset, shape):
    return tuple(slice(first, first + n) for first, n in zip(offset, shape, strict=True))


def check_block(kernels, fill, layout, offset, global_shape, accumulate=False):
    """Checks that a block is the slice of the whole tensor."""
    whole = reference_values(fill, 0, WHOLE)[: math.prod(global_shape)].reshape(global_shape)
    block = {"offset": offset, "global_shape": global_shape}
    values = whole[part_of(offset, layout.shape)]
    check_fill(kernels, fill, layout, values, accumulate and fill.draw != "bits", **block)


# ---- Any block -------------------------------------------------------------------------------------------------------


@st.composite
def blocks(draw, most=20_000):
    """The shape, the offset and the tensor's shape of a block, and its layout as a function of the element's size."""
    sizes = st.sampled_from([0, 1, 1, 2, 2, 3, 4, 5, 7, 8, 17, 66, 400])
    before = after = st.sampled_from([0, 0, 1, 2, 3, 5])
    axes = draw(st.lists(st.tuples(sizes, before, after), max_size=6))
    while math.prod(map(sum, axes)) > most:
        axes.pop()
    shape = tuple(n for n, _, _ in axes)
    order = draw(st.permutations(range(len(axes))))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 1, -1, -2, 3]), min_size=len(axes), max_size=len(axes)))
    if math.prod(map(abs, steps)) > 18:
        steps = [1] * len(axes)
    gap, lead = draw(st.sampled_from([0, 0, 0, 1, 8])), draw(st.integers(0, 8))
    offset, global_shape = tuple(first for _, first, _ in axes), tuple(map(sum, axes))
    return lambda size: dense(shape, size + gap, order, steps, lead), offset, global_shape


@settings(max_examples=600)
@given(fill=st.sampled_from(FILLS), kernels=st.sampled_from(KERNELS), block=blocks(), accumulate=st.booleans())
def test_any_block_is_the_slice_of_the_whole(fill, kernels, block, accumulate):
    layout, offset, global_shape = block
    check_block(kernels, fill, layout(fill.dtype.itemsize), offset, global_shape, accumulate)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_rows_may_begin_and_end_anywhere_in_a_philox_block_or_a_pair_of_normals(kernels, fill, order):
    for left, width, right in itertools.product(range(5), range(1, 7), (0, 1)):
        layout = dense((6, width), fill.dtype.itemsize, order)
        check_block(kernels, fill, layout, (1, left), (8, left + width + right))


def test_block_of_a_tensor_that_begins_later_in_the_stream(kernels, fill):
    """What sparse draws its positions from."""
    for first in (1, 3, 1001, (4 << 32) - 9):
        out = np.empty((7, 9), fill.dtype)
        block = {"offset": (1, 2), "global_shape": (9, 13)}
        _core.fill_range(kernels, fill.draw, out, first, SEED, STREAM, *SCALE, False, fill.bounds, **block)
        whole = reference_values(fill, first, 9 * 13).reshape(9, 13).astype(fill.dtype)
        assert np.array_equal(out, whole[1:8, 2:11])


def test_rows_that_begin_blocks_in_a_tensor_but_not_in_its_stream(kernels, fill):
    """So many of them that a tile is full."""
    for first in (0, 1, 2, 4):
        out = np.empty((26, 7, 28), fill.dtype)[::-1].transpose(1, 0, 2)
        _core.fill_range(kernels, fill.draw, out, first, SEED, STREAM, *SCALE, False, fill.bounds)
        expected = reference_values(fill, first, out.size).reshape(out.shape).astype(fill.dtype)
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("turned", [False, True])
def test_block_of_64_axes(kernels, fill, turned):
    shape, more = (2, 1, 1, 1, 2, 1, 1, 1) * 4 + (1,) * 32, (0, 0, 1, 0) * 4 + (0,) * 48
    offset, global_shape = more, tuple(n + m for n, m in zip(shape, more, strict=True))
    layout = dense(shape, fill.dtype.itemsize, range(64)[:: -1 if turned else 1])
    check_block(kernels, fill, layout, offset, global_shape)


def test_empty_blocks_are_filled_with_nothing_even_of_an_empty_tensor(kernels, fill):
    most = 2**63 - 1
    for shape, offset, global_shape in (
        ((0,), (0,), (0,)),
        ((0,), (5,), (5,)),
        ((3, 0), (1, 2), (4, 2)),
        ((0, 0), (0, 1), (0, 4)),
        ((0, 3), (0, most - 3), (0, most)),
        ((0, 2, 2), (0, 1, 1), (0, most, most)),
    ):
        nothing = reference_values(fill, 0, 0)
        layout = dense(shape, fill.dtype.itemsize)
        check_fill(kernels, fill, layout, nothing, offset=offset, global_shape=global_shape)


# ---- Large blocks, each way that they are cut into tiles -------------------------------------------------------------

ROWS, COLUMNS = (0, 1), (1, 0)
# The block's shape, its offset, the rest of the tensor behind it, the order of axes in memory, bytes between elements.
LARGE = [
    ((3, 5000), (1, 3), (0, 2), ROWS, 0),
    ((2, 9001), (0, 0), (1, 0), ROWS, 1),
    ((2, 33_000), (0, 1), (0, 1), ROWS, 0),
    ((4, 1024), (0, 1), (0, 0), ROWS, 0),
    ((4, 1023), (0, 1), (0, 0), ROWS, 0),
    ((9, 4353), (0, 0), (0, 1), ROWS, 0),
    ((8, 4400), (1, 5), (1, 0), ROWS, 2),
    ((2000, 3), (2, 1), (1, 3), ROWS, 0),
    ((700, 31), (1, 1), (0, 1), ROWS, 0),
    ((700, 31), (1, 1), (0, 1), ROWS, 1),
    ((6000, 1), (1, 4), (2, 2), ROWS, 0),
    ((8000, 1), (1, 3), (0, 0), ROWS, 0),
    ((1, 40_000), (0, 1), (0, 2), ROWS, 0),
    ((190, 201), (1, 2), (3, 4), ROWS, 0),
    ((190, 201), (1, 2), (3, 4), COLUMNS, 0),
    ((190, 201), (1, 2), (3, 4), COLUMNS, 3),
    ((63, 63), (1, 0), (0, 1), COLUMNS, 0),
    ((64, 64), (1, 1), (0, 0), COLUMNS, 0),
    ((65, 65), (0, 2), (0, 1), COLUMNS, 0),
    ((129, 31), (0, 3), (0, 2), COLUMNS, 0),
    ((127, 33), (0, 3), (0, 2), COLUMNS, 0),
    ((5, 3000), (1, 1), (1, 1), COLUMNS, 0),
    ((3000, 5), (1, 1), (1, 1), COLUMNS, 0),
    ((3000, 2), (1, 3), (1, 1), COLUMNS, 0),
    ((190, 201), (0, 0), (0, 0), COLUMNS, 0),
    ((5000, 7), (0, 0), (0, 0), COLUMNS, 0),
    ((520, 8), (0, 0), (0, 4), COLUMNS, 0),
    ((90, 128), (0, 0), (0, 8), ROWS, 0),
    ((90, 255), (2, 1), (0, 3), ROWS, 0),
    ((50, 513), (0, 3), (1, 0), ROWS, 0),
    ((300, 2, 50), (0, 0, 1), (1, 1, 1), (2, 0, 1), 0),
    ((400, 3, 37), (1, 0, 2), (0, 1, 0), (2, 0, 1), 0),
    ((400, 3, 37), (0, 0, 0), (0, 0, 0), (0, 2, 1), 0),
    *(((17, 23, 29), (1, 2, 3), (1, 0, 0), order, 0) for order in itertools.permutations(range(3))),
    *(((61, 3, 67), (1, 0, 2), (0, 1, 0), order, 1) for order in itertools.permutations(range(3))),
    *(((5, 7, 11, 13), (1, 0, 1, 3), (0, 1, 1, 0), order, 0) for order in itertools.permutations(range(4))),
]


def check_large_blocks(kernels, fill, accumulate=False):
    for shape, offset, behind, order, gap in LARGE:
        global_shape = tuple(map(sum, zip(offset, shape, behind, strict=True)))
        layout = dense(shape, fill.dtype.itemsize + gap, order)
        check_block(kernels, fill, layout, offset, global_shape, accumulate)


def test_blocks_of_many_tiles_are_slices_whatever_their_shape_and_order_in_memory(kernels, fill):
    check_large_blocks(kernels, fill)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_blocks_of_many_tiles_are_added_to_what_is_there(kernels, dtype):
    check_large_blocks(kernels, Fill("normal", dtype), accumulate=True)


def test_steps_of_columns_and_rows_do_not_change_large_blocks(kernels):
    for fill in (Fill("normal", FLOATS[0]), Fill("normal", FLOATS[1]), Fill("uniform", FLOATS[2])):
        for order, steps in itertools.product((ROWS, COLUMNS), itertools.product((1, -1, 2, -3), repeat=2)):
            layout = dense((131, 139), fill.dtype.itemsize, order, steps)
            check_block(kernels, fill, layout, (2, 1), (133, 142))


def test_rows_of_every_width(kernels):
    """Some are drawn into their places, some moved there in pieces of several sizes."""
    for i, dtype in enumerate(("f4", "f8", "f2", "u4", "u8")):
        fill = Fill("bits" if dtype[0] == "u" else "normal", np.dtype(dtype))
        size = fill.dtype.itemsize
        for width in (*range(1, 150), *range(150, 1100, 41)):
            start, global_shape = (1, (width + i) % 5), (5, width + 7)
            check_block(kernels, fill, Layout((3, width), ((width + 1) * size, size)), start, global_shape)
            check_block(kernels, fill, Layout((3, width), ((width + 2) * size, size), 1), start, global_shape)
            check_block(
                kernels, fill, Layout((3, width), (width * size + 2, size)), start, global_shape, width % 2 == 0
            )


@pytest.mark.parametrize("dtype", ["u4", "u8", "f4", "f8", "c8"])
def test_rows_of_whole_philox_blocks_one_behind_the_other(kernels, dtype):
    """The kernels write them, up to the last group: of arrays that are small and of large ones."""
    fill = Fill("bits" if dtype[0] == "u" else "normal", np.dtype(dtype))
    sizes = itertools.product((4, 8, 12, 20, 64, 136), (2, 3, 7, 33, 129))
    for width, rows in (*sizes, (4, 1400), (12, 1400), (64, 520)):
        check_block(kernels, fill, dense((rows, width), fill.dtype.itemsize), (1, 8), (rows + 2, width + 12))
        thin = dense((1, rows, 1, width), fill.dtype.itemsize)
        check_block(kernels, fill, thin, (0, 2, 0, 4), (1, rows + 2, 1, width + 4))
    check_block(kernels, fill, dense((5, 3, 8), fill.dtype.itemsize), (1, 2, 4), (7, 6, 16))
    check_block(kernels, fill, dense((5, 3, 8), fill.dtype.itemsize), (1, 0, 0), (7, 3, 8))
    check_block(kernels, fill, dense((5, 3, 8), fill.dtype.itemsize), (1, 2, 0), (7, 6, 8))
    check_block(kernels, fill, dense((5, 8), fill.dtype.itemsize), (1, 4), (7, 16), fill.draw != "bits")


def test_small_blocks_together_are_those_that_are_filled_alone(g):
    shapes = [(2, 8), (8, 8), (33, 12), (5, 4), (64, 128)]
    blocks = [
        {"offset": (3, 4), "global_shape": (rows + 5, width + 8), "stream": i} for i, (rows, width) in enumerate(shapes)
    ]
    together = [np.empty(shape, np.float32) for shape in shapes]
    g.fill([(out, "normal", block) for out, block in zip(together, blocks, strict=True)])
    for out, block in zip(together, blocks, strict=True):
        assert out.tobytes() == g.normal(np.empty_like(out), **block).tobytes()


def test_rows_one_behind_the_other_across_a_change_of_the_high_word(kernels):
    for dtype, elements in (("u4", 4), ("u8", 2)):
        fill, width = Fill("bits", np.dtype(dtype)), 4 * elements
        shape, global_shape = (9, width), (2**32, 2 * width)
        offset = (
            (elements << 32) // global_shape[1] - 4,
            width,
        )  # the fifth row begins with block 2^32 + 4
        values = far_values(fill, offset, shape, global_shape)
        check_fill(kernels, fill, dense(shape, fill.dtype.itemsize), values, offset=offset, global_shape=global_shape)


def test_rows_that_begin_apart_by_odd_bytes(kernels):
    """The first row is aligned, the others are not: neither short nor long ones may be taken for aligned."""
    for fill in (Fill("normal", FLOATS[0]), Fill("uniform", FLOATS[1]), Fill("normal", FLOATS[3])):
        size = fill.dtype.itemsize
        for rows, columns in ((90, 50), (5, 2048), (3, 6001)):
            width = columns * size
            for stride, lead in ((width + 1, 0), (width, 1), (-width - size // 2, size // 2)):
                layout = Layout((rows, columns), (stride, size), lead)
                check_block(kernels, fill, layout, (1, 1), (rows + 2, columns + 3))


# ---- Tensors of up to 2^63 elements ----------------------------------------------------------------------------------


def far_blocks(per_block):
    """Offset, shape and the tensor's shape; a change of the high word of the block number is a multiple of this."""
    change = per_block << 32
    yield (2**32 - 5,), (21,), (2**32 + 100,)
    yield (2**34 - 5,), (21,), (2**34 + 100,)
    yield (2**40 + 1,), (37,), (2**41,)
    yield (2**62 - 41,), (41,), (2**62,)
    yield (2**63 - 1 - 41,), (41,), (2**63 - 1,)
    yield (2**31 - 3, 2**32 - 13), (3, 13), (2**31, 2**32)  # the last ones of 2^63
    # Rows that cross it, in and between Philox blocks, at the end, the beginning and in the middle of the row.
    for before in (1, 2, 3, 8, 17):
        yield (change - before,), (18,), (2**40,)
        yield (5, 2**59 - before), (1, 18), (6, 2**60)
    yield (change - 2100,), (4300,), (change * 3,)
    yield (7 * change - 4997,), (5003,), (2**40,)
    yield (1, change - 1500), (3, 1505), (4, change + 10)
    yield (1, change - 290), (3, 300), (4, change + 70)
    yield (1, change - 90), (3, 150), (4, change + 70)
    # Rows of a block or two on both sides of it; and tiles in which several rows cross one.
    for width, apart in ((1, 1), (3, 2), (4, 1), (5, 4), (9, 1)):
        row = change // (width + apart)
        yield (row - 6, 0), (14, width), (row + 10, width + apart)
        yield (row - 6, apart), (14, width), (row + 10, width + apart)
        yield (change // width - 6, 0), (14, width), (2**40, width)
    yield (2, change // 2 - 8), (9, 11), (12, change // 2 + 3)
    # Rows further apart than 2^32 blocks, and single columns of them.
    yield (1, 2**35 - 5), (6, 7), (8, 2**36)
    yield (0, change + 3), (11, 1), (12, change + 7)
    yield (2**20, 3 * change // 2 - 1), (7, 3), (2**21, 3 * change // 2 + 2)
    yield (3, 1, change - 3), (2, 4, 6), (6, 5, 2 * change + 1)
    yield (2**26 - 2, 2**18 - 3, 2**19 - 9), (2, 3, 9), (2**26, 2**18, 2**19)


@functools.cache
def far_values(fill, offset, shape, global_shape):
    """Row by row from the reference."""
    rows = []
    for index in np.ndindex(shape[:-1]):
        first = 0
        for place, start, size in zip((*index, 0), offset, global_shape, strict=True):
            first = first * size + start + place
        rows.append(reference_values(fill, first, shape[-1]))
    return np.concatenate(rows)


@pytest.mark.parametrize("fill", [fill for fill in FILLS if fill.bounds in (None, (-0.5, 1.5))], ids=str)
def test_blocks_of_tensors_of_up_to_2_to_the_63_elements(kernels, fill):
    for offset, shape, global_shape in far_blocks(2 if fill.dtype.itemsize == 8 else 4):
        if fill.dtype.kind == "c" and math.prod(global_shape) > 2**62:
            continue  # 2**62 elements are the most that are accepted of complex numbers
        values = far_values(fill, offset, shape, global_shape)
        block = {"offset": offset, "global_shape": global_shape}
        for order in (range(len(shape)), range(len(shape))[::-1]):
            check_fill(kernels, fill, dense(shape, fill.dtype.itemsize, order), values, **block)
        check_fill(kernels, fill, dense(shape, fill.dtype.itemsize + 1, lead=1), values, **block)
        if fill.draw != "bits":
            check_fill(kernels, fill, dense(shape, fill.dtype.itemsize, steps=[-2] * len(shape)), values, True, **block)


@pytest.mark.parametrize("dtype", ["u4", "u8"])
def test_many_rows_each_of_which_needs_another_high_word(kernels, dtype):
    fill, change = Fill("bits", np.dtype(dtype)), (2 if dtype == "u8" else 4) << 32
    for offset, shape, global_shape in (
        ((1, change - 2), (1500, 1), (1501, change)),
        ((1, change - 3), (1500, 3), (1501, change)),
        ((1, change // 2 - 1), (1500, 2), (1501, change // 2 + 1)),
    ):
        values = far_values(fill, offset, shape, global_shape)
        for order in (ROWS, COLUMNS):
            layout = dense(shape, fill.dtype.itemsize, order)
            check_fill(kernels, fill, layout, values, offset=offset, global_shape=global_shape)


@settings(max_examples=300)
@given(
    fill=st.sampled_from(FILLS),
    kernels=st.sampled_from(KERNELS),
    powers=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    data=st.data(),
)
def test_any_block_of_any_large_tensor(fill, kernels, powers, data):
    most_elements = 62 if fill.dtype.kind == "c" else 63  # as a power of two
    while sum(powers) > most_elements or max(powers) > 62:
        powers.pop()
    global_shape = tuple(data.draw(st.integers(2 ** max(0, power - 1), 2**power)) for power in powers)
    offset = tuple(data.draw(st.one_of(st.just(n - 1), st.integers(0, n - 1))) for n in global_shape)
    most = (4,) * (len(powers) - 1) + (40,)
    rest = (min(n - first, m) for n, first, m in zip(global_shape, offset, most, strict=True))
    shape = tuple(data.draw(st.integers(1, n)) for n in rest)
    layout = dense(shape, fill.dtype.itemsize, data.draw(st.permutations(range(len(shape)))))
    values = far_values(fill, offset, shape, global_shape)
    check_fill(kernels, fill, layout, values, offset=offset, global_shape=global_shape)


# ---- Shards ----------------------------------------------------------------------------------------------------------


def in_pieces(shape, cuts):
    """The offsets and shapes of the shards between the cuts of each axis."""
    ends = [(0, *cut, n) for n, cut in zip(shape, cuts, strict=True)]
    for corner in itertools.product(*(range(len(end) - 1) for end in ends)):
        offset = tuple(end[i] for end, i in zip(ends, corner, strict=True))
        yield offset, tuple(end[i + 1] - end[i] for end, i in zip(ends, corner, strict=True))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(
    "cuts",
    [((), ()), ((1, 40, 41), ()), ((), (3, 10, 77)), ((33,), (77,)), ((1, 2, 60), (1, 2, 3, 100)), ((33, 33), (0, 5))],
    ids=["whole", "rows", "columns", "quarters", "uneven", "empty ones too"],
)
@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal"])
def test_shards_together_are_the_whole_tensor(name, cuts, dtype):
    g = fastinit.Generator(7)
    whole = getattr(g, name)(np.empty((64, 101), dtype), stream="w")
    together, copied = np.full((2, 64, 101), np.nan, dtype)
    for offset, shape in in_pieces(whole.shape, cuts):
        block = {"stream": "w", "offset": offset, "global_shape": whole.shape}
        place = part_of(offset, shape)
        getattr(g, name)(together[place], **block)
        copied[place] = getattr(g, name)(np.empty(shape, dtype, order="F"), **block)
    assert together.tobytes() == copied.tobytes() == whole.tobytes()


def test_shards_of_random_bits_are_the_words_of_the_whole():
    g = fastinit.Generator(7)
    for dtype in (np.uint32, np.uint64):
        whole, together = g.bits(np.empty((9, 10, 11), dtype), stream=3), np.zeros((9, 10, 11), dtype)
        for offset, shape in in_pieces(whole.shape, ((2, 7), (5,), (1, 2, 10))):
            g.bits(together[part_of(offset, shape)], stream=3, offset=offset, global_shape=whole.shape)
        assert np.array_equal(together, whole)


@settings(max_examples=100)
@given(
    shape=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    fill=st.sampled_from(["normal", "uniform"]),
    dtype=st.sampled_from(FLOATS),
    data=st.data(),
)
def test_any_grid_of_shards_is_the_whole_tensor(shape, fill, dtype, data):
    cuts = [sorted(data.draw(st.lists(st.integers(0, n), max_size=3))) for n in shape]
    g = fastinit.Generator(7)
    whole, together = getattr(g, fill)(np.empty(shape, dtype), stream=0), np.full(shape, np.nan, dtype)
    for offset, size in in_pieces(shape, cuts):
        getattr(g, fill)(together[part_of(offset, size)], stream=0, offset=offset, global_shape=shape)
    assert together.tobytes() == whole.tobytes()


def test_block_of_an_unnamed_stream_takes_one_as_any_fill_does():
    g, other = fastinit.Generator(7), fastinit.Generator(7)
    parts = [g.normal(np.empty((3, 4)), offset=(first, 0), global_shape=(6, 4)) for first in (0, 3)]
    wholes = [other.normal(np.empty((6, 4))) for _ in range(2)]
    assert g.stream == 2
    assert np.array_equal(parts[0], wholes[0][:3])
    assert np.array_equal(parts[1], wholes[1][3:])


@pytest.mark.parametrize("kind", [list, np.array, lambda n: tuple(np.int16(i) for i in n), lambda n: np.array(n, "u1")])
def test_offset_and_global_shape_may_be_any_sequences_of_integers(kind):
    g = fastinit.Generator(7)
    expected = g.normal(np.empty((5, 6)), stream=1)[2:4, 3:]
    block = {"stream": 1, "offset": kind((2, 3)), "global_shape": kind((5, 6))}
    assert np.array_equal(g.normal(np.empty((2, 3)), **block), expected)
    he = g.he_normal(np.empty((5, 6)), layout="torch", stream=1)[2:4, 3:]
    assert np.array_equal(g.he_normal(np.empty((2, 3)), layout="torch", **block), he)
    orthogonal = g.orthogonal(np.empty((5, 6)), stream=1)[2:4, 3:]
    assert np.array_equal(g.orthogonal(np.empty((2, 3)), **block), orthogonal)


# ---- Schemes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", DRAWN)
def test_block_of_every_scheme_is_the_slice_of_the_whole(name, dtype, accumulate):
    g, shape = fastinit.Generator(7), (3, 4, 5, 8) if name == "delta_orthogonal" else (20, 31)
    old = np.linspace(-1, 1, math.prod(shape)).reshape(shape).astype(dtype)
    whole = call(g, name, old.copy(), stream="w", accumulate=accumulate)
    cuts = ((1,), (2,), (1, 4), (3,)) if name == "delta_orthogonal" else ((3, 11), (1, 2, 20))
    for turned in (False, True):
        together = old[..., np.newaxis].repeat(2, axis=-1)[..., 0]
        for offset, size in in_pieces(shape, cuts):
            part = together[part_of(offset, size)]
            out = np.asfortranarray(part) if turned else part
            block = {"offset": offset, "global_shape": shape}
            assert call(g, name, out, stream="w", accumulate=accumulate, **block) is out
            part[...] = out
        assert together.tobytes() == whole.tobytes()


def test_large_orthogonal_and_sparse_matrices_are_cut_alike():
    g = fastinit.Generator(7)
    for name, shape in (("orthogonal", (150, 90)), ("orthogonal", (70, 140)), ("sparse", (150, 90))):
        whole = call(g, name, np.empty(shape, np.float32), stream=1)
        for offset, size in in_pieces(shape, ((64,), (1, 65))):
            part = call(g, name, np.empty(size, np.float32), stream=1, offset=offset, global_shape=shape)
            assert np.array_equal(part, whole[part_of(offset, size)])


@pytest.mark.parametrize("layout", ["torch", "keras", "lasagne"])
@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"orthogonal", "delta_orthogonal", "sparse", "variance_scaling"}))
def test_fans_are_the_whole_tensors_not_the_shards(name, layout):
    g, block = fastinit.Generator(7), {"offset": (2, 4, 1, 0), "global_shape": (6, 8, 3, 5)}
    part = getattr(g, name)(np.empty((2, 4, 1, 5)), layout=layout, stream=1, **block)
    whole = getattr(g, name)(np.empty((6, 8, 3, 5)), layout=layout, stream=1)
    assert np.array_equal(part, whole[2:4, 4:, 1:2])
    fans = fastinit.fans((6, 8, 3, 5), layout)
    given = {"fan_in": fans.fan_in} if name.startswith(("he", "lecun")) else fans._asdict()
    assert np.array_equal(part, getattr(g, name)(np.empty((2, 4, 1, 5)), **given, stream=1, **block))
    own = fastinit.fans(part.shape, layout)
    given = {"fan_in": own.fan_in} if name.startswith(("he", "lecun")) else own._asdict()
    assert not np.array_equal(part, getattr(g, name)(np.empty((2, 4, 1, 5)), **given, stream=1, **block))


def test_truncated_and_scaled_variants_take_blocks_too():
    g, block = fastinit.Generator(7), {"stream": 1, "offset": (3, 5), "global_shape": (9, 20)}
    for name, arguments, keywords in (
        ("he_normal", (), {"truncated": True, "layout": "torch"}),
        ("variance_scaling", (2.0, "fan_out", "uniform"), {"layout": "keras"}),
        ("lasagne_uniform", (), {"gain": "relu", "layout": "lasagne"}),
        ("truncated_normal", (0.5, 0.1, -1.0, 3.0), {}),
        ("sparse", (0.3,), {"std": 2.0}),
        ("orthogonal", (), {"gain": 1.5}),
    ):
        whole = getattr(g, name)(np.empty((9, 20)), *arguments, stream=1, **keywords)
        part = getattr(g, name)(np.empty((4, 15)), *arguments, **keywords, **block)
        assert np.array_equal(part, whole[3:7, 5:])


@pytest.mark.parametrize(
    ("name", "shape", "offset", "global_shape"),
    [
        ("orthogonal", (0, 3), (2, 1), (5, 4)),
        ("orthogonal", (0, 3), (0, 0), (0, 3)),
        ("orthogonal", (3, 0), (1, 0), (5, 0)),
        ("delta_orthogonal", (1, 0, 4), (1, 2, 0), (3, 4, 4)),
        ("delta_orthogonal", (0, 2, 2), (0, 1, 1), (0, 4, 4)),
        ("sparse", (0, 3), (2, 1), (5, 4)),
        ("sparse", (3, 0), (2, 4), (5, 4)),
        ("sparse", (0, 3), (0, 0), (0, 3)),
        ("he_normal", (0, 3), (5, 1), (5, 4)),
        ("he_normal", (0, 3), (0, 1), (0, 4)),
    ],
)
def test_empty_block_of_a_scheme_is_filled_with_nothing(name, shape, offset, global_shape):
    g = fastinit.Generator(7)
    keywords = {"sparse": {"sparsity": 0.5}, "he_normal": {"layout": "torch"}}.get(name, {})
    out = getattr(g, name)(np.empty(shape), **keywords, offset=offset, global_shape=global_shape)
    assert out.shape == shape
    assert g.stream == 1


def test_shard_next_to_the_kernels_center_holds_the_zeros_around_it():
    g = fastinit.Generator(7)
    whole = g.delta_orthogonal(np.empty((3, 3, 2, 4)), stream=1)
    for offset in itertools.product(range(3), range(3)):
        out = np.full((1, 1, 2, 4), 9.0)
        g.delta_orthogonal(out, stream=1, offset=(*offset, 0, 0), global_shape=whole.shape)
        assert np.array_equal(out[0, 0], whole[offset])
        assert out.any() == (offset == (1, 1))


@pytest.mark.parametrize("dtype", [*FLOATS, *map(np.dtype, "bQFi"), np.dtype(ml_dtypes.float8_e5m2)], ids=str)
@pytest.mark.parametrize(
    ("name", "arguments", "shape", "cuts"),
    [
        ("zeros", (), (7, 9), ((2, 3), (4,))),
        ("ones", (), (7, 9), ((2, 3), (4,))),
        ("constant", (3,), (7, 9), ((2, 3), (4,))),
        ("identity", (2.0,), (7, 9), ((2, 3), (1, 4, 8))),
        ("identity", (), (9, 4), ((2, 5), (1, 3))),
        ("dirac", (), (6, 4, 3), ((1, 4), (3,), (1,))),
        ("dirac", (3,), (6, 4, 3, 2), ((1, 2, 5), (1, 3), (1, 2), (1,))),
        ("dirac", (2,), (8, 2, 1, 1, 5), ((3,), (1,), (), (), (2, 3))),
    ],
)
def test_blocks_of_constants_together_are_the_whole(name, arguments, shape, cuts, dtype):
    g = fastinit.Generator(7)
    whole, together = getattr(g, name)(np.empty(shape, dtype), *arguments), np.full(shape, 7).astype(dtype)
    for offset, size in in_pieces(shape, cuts):
        getattr(g, name)(together[part_of(offset, size)], *arguments, offset=offset, global_shape=shape)
    assert together.tobytes() == whole.tobytes()
    assert g.stream == 0


def test_dirac_counts_the_groups_of_the_whole_tensor():
    block = {"offset": (2, 0, 0), "global_shape": (6, 2, 3)}
    assert fastinit.dirac(np.ones((1, 2, 3)), groups=3, **block).sum() == 1
    with pytest.raises(ValueError, match=r"groups=4 does not divide the 6 output channels of shape=\(6, 2, 3\)"):
        fastinit.dirac(np.ones((4, 2, 3)), groups=4, **block)


def test_blocks_of_enormous_schemes_need_only_their_own_memory():
    block = {"stream": 1, "offset": (2**40 - 3, 2**22 - 5), "global_shape": (2**40, 2**22)}
    g, first = fastinit.Generator(7), (2**40 - 3) * 2**22 + 2**22 - 5
    rows = [reference.fill("normal", np.empty(5), first + row * 2**22, 7, 1) for row in range(3)]
    assert np.array_equal(g.normal(np.empty((3, 5)), **block), rows)
    scaled = g.he_normal(np.empty((3, 5)), layout="torch", **block)
    assert np.array_equal(scaled, g.normal(np.empty((3, 5)), 0.0, math.sqrt(2 / 2**22), **block))
