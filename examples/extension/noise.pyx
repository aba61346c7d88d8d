# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Noise on some rows of a matrix, from Cython without the GIL: examples of docs/c_interface.md."""

from cython cimport floating
from fastinit cimport FASTINIT_FLOAT32, FASTINIT_FLOAT64, FASTINIT_OK, fastinit_api, fastinit_fill, fastinit_import
from libc.stdint cimport uint64_t

cdef const fastinit_api *api = fastinit_import()


def add_noise(floating[:, ::1] weights, double std, uint64_t seed, uint64_t stream, Py_ssize_t start, Py_ssize_t stop):
    """
    Adds std z to the rows start to stop of weights: what fastinit.normal(..., accumulate=True) adds to the whole.

    Threads may take different rows of one matrix at the same time.
    """
    cdef fastinit_fill fill
    cdef Py_ssize_t row, columns = weights.shape[1]
    cdef int code
    if not 0 <= start <= stop <= weights.shape[0]:
        raise ValueError(f"start={start}, stop={stop}; accepted is 0 <= start <= stop <= {weights.shape[0]}")
    fill.seed, fill.stream, fill.accumulate = seed, stream, 1
    code = api.set_normal(&fill, FASTINIT_FLOAT32 if floating is float else FASTINIT_FLOAT64, 0, std)
    if code != FASTINIT_OK:
        raise ValueError(f"std={std}: {api.message(code).decode()}")
    with nogil:
        for row in range(start, stop):
            code = api.fill_range(&fill, row * columns, columns, &weights[row, 0])
            if code != FASTINIT_OK:
                break
    if code != FASTINIT_OK:
        raise ValueError(f"weights: {api.message(code).decode()}")
