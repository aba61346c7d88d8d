"""
The C interface by ctypes, for ctypes itself, cffi and Numba: the functions, numbers and structures of fastinit.h.

>>> import numpy as np, fastinit
>>> from fastinit import capi
>>> w = np.empty((2, 3), np.float32)
>>> capi.normal(w.ctypes.data, w.size, capi.FASTINIT_FLOAT32, 0.0, 0.02, 7, fastinit.stream_number("fc1"), 0, 0)
0
>>> np.array_equal(w, fastinit.Generator(7).normal(np.empty_like(w), std=0.02, stream="fc1"))
True

Each function that can refuse returns a code, 0 if all is well; ``capi.message(code)`` says in bytes what it means. None
can see what an address leads to. The address of a function itself is
``ctypes.cast(capi.normal, ctypes.c_void_p).value``. docs/c_interface.md has examples.
"""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    PYFUNCTYPE,
    Structure,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_size_t,
    c_ssize_t,
    c_uint32,
    c_uint64,
    c_void_p,
    py_object,
    pythonapi,
)

from fastinit import _core

FASTINIT_API_VERSION = 2

FASTINIT_UINT32, FASTINIT_UINT64, FASTINIT_FLOAT32, FASTINIT_FLOAT64, FASTINIT_FLOAT16, FASTINIT_BFLOAT16 = range(6)
FASTINIT_FAN_IN, FASTINIT_FAN_OUT, FASTINIT_FAN_SUM, FASTINIT_FAN_AVERAGE, FASTINIT_FAN_GEOMETRIC = range(5)
FASTINIT_SCHEME_UNIFORM, FASTINIT_SCHEME_NORMAL, FASTINIT_SCHEME_TRUNCATED = range(3)

FASTINIT_OK = 0
FASTINIT_NULL_POINTER = -1
FASTINIT_BAD_FILL = -2
FASTINIT_BAD_DTYPE = -3
FASTINIT_BAD_PARAMETERS = -4
FASTINIT_BAD_SCHEME = -5
FASTINIT_BAD_ACCUMULATE = -6
FASTINIT_BITS_ACCUMULATE = -7
FASTINIT_UNALIGNED = -8
FASTINIT_BAD_AXES = -9
FASTINIT_BAD_SHAPE = -10
FASTINIT_BAD_OFFSET = -11
FASTINIT_TOO_LARGE = -12


class fastinit_fill(Structure):
    """Which values are written: set by one of the set functions, but for seed, stream and accumulate, here 0."""

    _fields_ = (
        ("size", c_uint32),
        ("version", c_uint32),
        ("seed", c_uint64),
        ("stream", c_uint64),
        ("accumulate", c_int32),
        ("dtype", c_int32),
        ("constants", c_uint64 * 60),
    )


class fastinit_scheme(Structure):
    """Draws of mean 0 and variance gain**2 scale / ((1 + negative_slope**2) n), n as the mode says."""

    _fields_ = (
        ("mode", c_int32),
        ("fan_in", c_double),
        ("fan_out", c_double),
        ("scale", c_double),
        ("gain", c_double),
        ("negative_slope", c_double),
    )


_RANGE = c_void_p, c_size_t, c_int  # out, count, dtype
_ELEMENTS = c_uint64, c_uint64, c_uint64  # seed, stream, first
_SETTING = POINTER(fastinit_fill), c_int  # fill, dtype
_SHAPE_STRIDES = POINTER(c_ssize_t), POINTER(c_ssize_t)
_BLOCK = POINTER(c_uint64), POINTER(c_uint64)  # offset, global_shape
_ROWS = POINTER(fastinit_fill), POINTER(c_uint64), c_uint64  # fill, streams, step


class fastinit_api(Structure):
    """The table of functions."""

    _fields_ = (
        ("version", c_int32),
        ("stream_version", c_int32),
        ("bits", CFUNCTYPE(c_int, *_RANGE, *_ELEMENTS)),
        ("uniform", CFUNCTYPE(c_int, *_RANGE, *[c_double] * 2, *_ELEMENTS, c_int)),
        ("normal", CFUNCTYPE(c_int, *_RANGE, *[c_double] * 2, *_ELEMENTS, c_int)),
        ("truncated_normal", CFUNCTYPE(c_int, *_RANGE, *[c_double] * 4, *_ELEMENTS, c_int)),
        ("set_bits", CFUNCTYPE(c_int, *_SETTING)),
        ("set_uniform", CFUNCTYPE(c_int, *_SETTING, *[c_double] * 2)),
        ("set_normal", CFUNCTYPE(c_int, *_SETTING, *[c_double] * 2)),
        ("set_truncated_normal", CFUNCTYPE(c_int, *_SETTING, *[c_double] * 4)),
        ("set_scheme", CFUNCTYPE(c_int, *_SETTING, POINTER(fastinit_scheme), c_int)),
        ("fill_range", CFUNCTYPE(c_int, POINTER(fastinit_fill), c_uint64, c_size_t, c_void_p)),
        ("fill_block", CFUNCTYPE(c_int, POINTER(fastinit_fill), c_void_p, c_int, *_SHAPE_STRIDES, *_BLOCK)),
        ("simd", CFUNCTYPE(c_char_p)),
        ("num_threads", CFUNCTYPE(c_int)),
        ("message", CFUNCTYPE(c_char_p, c_int)),
        ("fill_streams", CFUNCTYPE(c_int, *_ROWS, c_void_p, c_int, *_SHAPE_STRIDES, *_BLOCK)),
    )


def _table() -> fastinit_api:
    pointer_of = PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))
    return fastinit_api.from_address(pointer_of(_core.c_api, b"fastinit._core.c_api"))


api: fastinit_api = _table()
bits = api.bits
uniform = api.uniform
normal = api.normal
truncated_normal = api.truncated_normal
set_bits = api.set_bits
set_uniform = api.set_uniform
set_normal = api.set_normal
set_truncated_normal = api.set_truncated_normal
set_scheme = api.set_scheme
fill_range = api.fill_range
fill_block = api.fill_block
simd = api.simd
num_threads = api.num_threads
message = api.message
fill_streams = api.fill_streams
