"""What the schemes that are matrices are made of: orthogonal matrices, the zeros of sparse ones, diagonals."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from fastinit import _core

Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[Any]]
Stack: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]

REFLECTIONS = 64  # reflections applied at a time
BELOW = np.tri(REFLECTIONS, k=-1, dtype=np.bool_)  # what is below the diagonal of a block
SUMMED = 256  # products that are added up one after the other, as rounding errors grow with their number


def haar(
    rows: int,
    columns: int,
    dtype: np.dtype[Any],
    seed: int,
    streams: Sequence[int],
    check: Callable[[], None] = lambda: None,
) -> Stack:
    """
    For each stream a matrix with orthonormal rows or columns, the fewer, uniform over such matrices.

    Column j of the tall form is turned by the reflections of the columns j, j - 1, ..., 0: I - 2 v v^T / v^T v, where v
    comes from a normal vector x that the reflection maps to a multiple of its first axis. Blocks of reflections are
    I - V T V^T with T^-1 the upper triangle of V^T V, its diagonal halved (Joffrain et al., "Accumulating Householder
    transformations, revisited", 2006): all the work is in products of matrices.

    The matrix is as orthogonal as that of LAPACK's QR, as a small part of the work is more precise than the rest: the
    Gram matrix, whose errors would make a block of reflections less than orthogonal; in float32 also T and the columns
    that a block is the first to turn; and long sums of products, which are made from sums of SUMMED each.

    A matrix has the same bits in any stack: NumPy calls its linear algebra once for each matrix of a stack, with the
    same sizes and strides, and what else is summed over a column goes down its rows in order, or matrix by matrix.
    check is called before each block of reflections, to raise where the work is no longer wanted.
    """
    if rows < columns:
        return transposed(haar(columns, rows, dtype, seed, streams, check))
    q = normals((rows, columns), (0, 0), (rows, columns), dtype, seed, streams)  # columns become those of the matrices
    for start in range((columns - 1) // REFLECTIONS * REFLECTIONS, -1, -REFLECTIONS):
        check()
        v = q[:, start:, start : start + REFLECTIONS].copy()
        count = v.shape[2]
        np.copyto(v[:, :count], 0, where=BELOW.T[:count, :count])
        doubles = v.astype(np.float64, copy=False)
        first = diagonals(v[:, :count])
        signs = np.where(first < 0, -1.0, 1.0)
        norms = np.sqrt(_squares(doubles))
        norms[norms == 0] = 1  # a vector of one zero is as good as one of any other number
        first += (signs * norms).astype(dtype)
        diagonals(doubles[:, :count])[...] = first  # as rounded: the reflections are those of v
        gram = transposed(doubles) @ doubles if doubles is not v else _exact_gram(v, norms)
        np.copyto(gram, 0, where=BELOW[:count, :count])
        diagonals(gram)[...] /= 2
        t = np.linalg.inv(gram)
        # The first axis' image is -sign(x[0]) x / |x|; without the sign it is uniform on the sphere.
        own = doubles @ (t @ transposed(doubles[:, :count]))
        diagonals(own[:, :count])[...] -= 1
        own *= signs[:, np.newaxis]
        q[:, start:, start : start + count] = own
        rest = q[:, start:, start + count :]
        if rest.size:
            rest[:, :count] = 0
            products = transposed(v[:, count : count + SUMMED]) @ rest[:, count : count + SUMMED]
            for row in range(count + SUMMED, rest.shape[1], SUMMED):
                products += transposed(v[:, row : row + SUMMED]) @ rest[:, row : row + SUMMED]
            rest -= v @ (t @ products).astype(dtype)
    return q


def multiplications(rows: int, columns: int) -> int:
    """Of the largest product of matrices that haar computes for one."""
    rows, columns = max(rows, columns), min(rows, columns)
    count = min(columns, REFLECTIONS)
    return rows * count * max(count, columns - count)


def _squares(stack: Stack) -> Matrix:
    """The sum of the squares of each column."""
    if stack.shape[2] > 1:
        sums: Matrix = np.einsum("nij,nij->nj", stack, stack)  # row after row
        return sums
    # The sum of a single column has an order of NumPy's, which could be another one in a stack.
    return np.stack([np.einsum("ij,ij->j", matrix, matrix) for matrix in stack])


def _exact_gram(v: Stack, norms: Matrix) -> Stack:
    """
    V^T V, whose sums round in the last place only; no column is longer than twice its norm.

    V is split into multiples of a step, whose sums of products are integers of 53 bits or fewer times its square, and
    into what these leave, which is so small that the errors of its sums do not count.
    """
    step = np.ldexp(1.0, np.frexp(norms.max(axis=1))[1] - 25)
    shift = (1.5 * 2.0**52 * step)[:, np.newaxis, np.newaxis]
    high = v + shift
    high -= shift
    low = v - high
    rows = transposed(high)
    mixed = rows @ low
    gram: Stack = rows @ high + (mixed + transposed(mixed) + transposed(low) @ low)
    return gram


def transposed(stack: Stack) -> Stack:
    """A view of each matrix's transpose."""
    view: Stack = stack.swapaxes(1, 2)
    return view


def diagonals(stack: Stack) -> Matrix:
    """A view of each square matrix's diagonal."""
    view: Matrix = np.einsum("nii->ni", stack)
    return view


def normals(
    shape: Shape,
    offset: Shape,
    global_shape: Shape,
    dtype: np.dtype[Any],
    seed: int,
    streams: Sequence[int],
    std: float = 1.0,
) -> Stack:
    """What normal writes to a block of each stream's tensor."""
    stack = np.empty((len(streams), *shape), dtype)
    numbers = np.array(streams, np.uint64)
    return _core.Generator(seed).normal(stack, 0.0, std, streams=numbers, offset=offset, global_shape=global_shape)


def keys(shape: Shape, offset: Shape, global_shape: Shape, seed: int, streams: Sequence[int]) -> Stack:
    """For each stream random integers for columns of a tensor, from words that none of its draws takes."""
    words: Stack = np.empty((len(streams), *shape), np.uint64)
    first = math.prod(global_shape)
    for out, stream in zip(words, streams, strict=True):
        _core.fill_range(_core.simd, "bits", out, first, seed, stream, offset=offset, global_shape=global_shape)
    # Different in a column.
    words &= ~np.uint64((1 << max(shape[0] - 1, 0).bit_length()) - 1)
    words |= np.arange(shape[0], dtype=np.uint64)[:, np.newaxis]
    return words


def smallest(count: int, keys: Stack) -> np.ndarray[tuple[int, int, int], np.dtype[np.intp]]:
    """The rows of each column's count smallest keys."""
    if count == 0:
        return np.empty((len(keys), 0, keys.shape[2]), np.intp)
    return np.argpartition(keys, count - 1, axis=1)[:, :count]


def diagonal(matrix: np.ndarray[Any, Any], row: int, column: int) -> np.ndarray[Any, Any]:
    """A view of the diagonal that begins at an element, which may lie outside."""
    return matrix[row:, column:].diagonal()


def group_diagonals(
    matrix: np.ndarray[Any, Any], group: int, first: int, column: int
) -> Iterator[np.ndarray[Any, Any]]:
    """
    Views of the diagonals of a matrix whose rows come in groups.

    It is a block of a larger one: its first whole group begins at the row `first`, and its first column is number
    `column` of that.
    """
    rows = matrix.shape[0]
    if first:  # of a group that began before
        yield diagonal(matrix[:first], max(column - (group - first), 0), max(group - first - column, 0))
    whole = max(rows - first, 0) // group
    if whole:
        groups = matrix[first : first + whole * group].reshape(whole, group, matrix.shape[1])
        yield groups[:, column:].diagonal(axis1=1, axis2=2)
    rest = first + whole * group
    if rest < rows:
        yield diagonal(matrix[rest:], column, 0)
