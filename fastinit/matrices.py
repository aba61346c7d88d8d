"""What the schemes that are matrices are made of: orthogonal matrices, the zeros of sparse ones, diagonals."""

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from fastinit import _core

Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]

REFLECTIONS = 64  # reflections applied at a time
SUMMED = 256  # products that are added up one after the other, as rounding errors grow with their number


def haar(rows: int, columns: int, dtype: np.dtype[Any], seed: int, stream: int) -> Matrix:
    """
    A matrix with orthonormal rows or columns, the fewer, uniform over such matrices.

    Column j of the tall form is turned by the reflections of the columns j, j - 1, ..., 0: I - 2 v v^T / v^T v, where v
    comes from a normal vector x that the reflection maps to a multiple of its first axis. Blocks of reflections are
    I - V T V^T with T^-1 the upper triangle of V^T V, its diagonal halved (Joffrain et al., "Accumulating Householder
    transformations, revisited", 2006): all the work is in products of matrices.

    The matrix is as orthogonal as that of LAPACK's QR, as a small part of the work is more precise than the rest: the
    Gram matrix, whose errors would make a block of reflections less than orthogonal; in float32 also T and the columns
    that a block is the first to turn; and long sums of products, which are made from sums of SUMMED each.
    """
    if rows < columns:
        return haar(columns, rows, dtype, seed, stream).T
    x = normals((rows, columns), (0, 0), (rows, columns), dtype, seed, stream)
    q = np.zeros((rows, columns), dtype)
    for start in range((columns - 1) // REFLECTIONS * REFLECTIONS, -1, -REFLECTIONS):
        v = np.tril(x[start:, start : start + REFLECTIONS])
        count = v.shape[1]
        doubles = v.astype(np.float64, copy=False)
        first = np.einsum("ii->i", v[:count])
        signs = np.where(first < 0, -1.0, 1.0)
        norms = np.sqrt(np.einsum("ij,ij->j", doubles, doubles))
        norms[norms == 0] = 1  # a vector of one zero is as good as one of any other number
        first += (signs * norms).astype(dtype)
        np.einsum("ii->i", doubles[:count])[...] = first  # as rounded: the reflections are those of v
        gram = doubles.T @ doubles if doubles is not v else _exact_gram(v, norms)
        t = np.linalg.inv(np.triu(gram, 1) + np.diag(np.diag(gram) / 2))
        # The first axis' image is -sign(x[0]) x / |x|; without the sign it is uniform on the sphere.
        own = doubles @ (t @ doubles[:count].T)
        np.einsum("ii->i", own[:count])[...] -= 1
        q[start:, start : start + count] = own * signs
        rest = q[start:, start + count :]  # zero in the block's own rows
        if rest.size:
            products = v[count : count + SUMMED].T @ rest[count : count + SUMMED]
            for row in range(count + SUMMED, len(rest), SUMMED):
                products += v[row : row + SUMMED].T @ rest[row : row + SUMMED]
            rest -= v @ (t @ products).astype(dtype)
    return q


def _exact_gram(v: Matrix, norms: Matrix) -> Matrix:
    """
    V^T V, whose sums round in the last place only; no column is longer than twice its norm.

    V is split into multiples of a step, whose sums of products are integers of 53 bits or fewer times its square, and
    into what these leave, which is so small that the errors of its sums do not count.
    """
    step = 2.0 ** -((51 - 2 * math.frexp(float(norms.max()))[1]) // 2)
    shift = 1.5 * 2.0**52 * step
    high = (v + shift) - shift
    low = v - high
    mixed = high.T @ low
    return high.T @ high + (mixed + mixed.T + low.T @ low)


def normals(
    shape: Shape, offset: Shape, global_shape: Shape, dtype: np.dtype[Any], seed: int, stream: int, std: float = 1.0
) -> np.ndarray[Any, Any]:
    """What normal writes to a block of the stream's tensor."""
    out = np.empty(shape, dtype)
    where = 0, seed, stream, 0.0, std
    return _core.fill_range(_core.simd, "normal", out, *where, offset=offset, global_shape=global_shape)


def keys(shape: Shape, offset: Shape, global_shape: Shape, seed: int, stream: int) -> Matrix:
    """Random integers for columns of a tensor, from words that none of its draws takes; different in a column."""
    words = np.empty(shape, np.uint64)
    first = math.prod(global_shape)
    _core.fill_range(_core.simd, "bits", words, first, seed, stream, offset=offset, global_shape=global_shape)
    mask = np.uint64((1 << max(shape[0] - 1, 0).bit_length()) - 1)
    return words & ~mask | np.arange(shape[0], dtype=np.uint64)[:, np.newaxis]


def smallest(count: int, keys: Matrix) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """The rows of each column's count smallest keys."""
    if count == 0:
        return np.empty((0, keys.shape[1]), np.intp)
    return np.argpartition(keys, count - 1, axis=0)[:count]


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
