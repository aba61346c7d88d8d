"""The golden vectors of tests/golden.txt: on every kernel, and as the reference computes them from docs/stream.md."""

import math

import golden
import numpy as np
import pytest
import reference

VECTORS = golden.read()


def name(vector):
    fill = vector.fill
    return f"{fill.draw}-{fill.dtype}-{golden.as_shape(fill.shape)}"


def by_reference(fill):
    """The contract's values, row by row."""
    if fill.draw == "complex_normal":
        parts = golden.before(fill)
        write_by_reference(golden.as_complex(fill), golden.complex_view(parts))
        return parts
    return write_by_reference(fill, golden.before(fill))


def write_by_reference(fill, out):
    axes = len(fill.shape)
    whole, offset = fill.global_shape or fill.shape, fill.offset or (0,) * axes
    steps = [math.prod(whole[axis + 1 :]) for axis in range(axes)]
    for row in np.ndindex(fill.shape[:-1]):
        place = (*row, 0)[:axes]
        first = sum((start + index) * step for start, index, step in zip(offset, place, steps, strict=True))
        values = np.atleast_1d(out[row])
        where = first, fill.seed, fill.stream, *(fill.parameters or (0.0, 1.0)), fill.accumulate, fill.bounds
        out[row] = reference.fill(fill.draw, values, *where).reshape(np.shape(out[row]))
    return out


@pytest.mark.parametrize("vector", VECTORS, ids=name)
def test_kernels_write_the_golden_vectors(kernels, vector):
    assert golden.vector(vector.fill, golden.written(kernels, vector.fill)) == vector


# The reference's float64 knows no underflow.
@pytest.mark.parametrize("vector", [v for v in VECTORS if 1e-310 not in v.fill.parameters], ids=name)
def test_the_reference_computes_the_golden_vectors(vector):
    assert golden.vector(vector.fill, by_reference(vector.fill)) == vector


def test_the_file_is_what_its_program_writes():
    assert golden.FILE.read_text(encoding="ascii") == golden.text()
