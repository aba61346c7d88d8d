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
can see what an address leads to. Where ctypes would make another number of an argument or of a structure's member, so
that C could not refuse it (a negative seed, a stream of more than 64 bits, a bool), there is a TypeError or a
ValueError. The address of a function itself is ``ctypes.cast(capi.normal, ctypes.c_void_p).value``.
docs/c_interface.md has examples.
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
    sizeof,
)
from math import inf
from typing import Any

import numpy as np

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


# What an integer can be where ctypes would cut off its upper bits: 1 more than the largest, as a message shows it, too.
_LIMITS: dict[Any, tuple[int, int, str, str]] = {
    c_int: (-(2**31), 2**31, "-2**31", "2**31"),
    c_int32: (-(2**31), 2**31, "-2**31", "2**31"),
    c_uint32: (0, 2**32, "0", "2**32"),
    c_uint64: (0, 2**64, "0", "2**64"),
    c_size_t: (0, 2 ** (8 * sizeof(c_size_t)), "0", f"2**{8 * sizeof(c_size_t)}"),
}


def _integer(name: str, kind: Any, value: Any) -> Any:
    """An integer that the type holds; what ctypes has made already stays as it is."""
    if isinstance(value, kind):
        return value
    if name == "accumulate" and isinstance(value, bool | np.bool_):
        return int(value)
    integer = _core.integer_of(name, value, "an integer")
    low, end, low_text, end_text = _LIMITS[kind]
    if name == "step":  # which is added modulo 2**64
        low, low_text = -(2**63), "-2**63"
    if not low <= integer < end:
        raise ValueError(f"{name}={integer} is out of range; accepted is {low_text} <= {name} < {end_text}")
    return integer


def _double(name: str, kind: Any, value: Any) -> Any:
    return value if isinstance(value, kind) else _core.number(name, value)


def _address(name: str, kind: Any, value: Any) -> Any:
    """What memory is written to: an address, or what ctypes takes for one, but for constants of Python's."""
    if isinstance(value, bytes | str):
        raise TypeError(f"{name} must be an address, or an object of ctypes, not {type(value).__name__}")
    if isinstance(value, int | np.integer):
        return _integer(name, c_size_t, value)
    return value


_CONVERSIONS: dict[Any, Any] = {**dict.fromkeys(_LIMITS, _integer), c_double: _double, c_void_p: _address}


def _converted(member: tuple[str, Any], value: Any) -> Any:
    name, kind = member
    return _CONVERSIONS[kind](name, kind, value) if kind in _CONVERSIONS else value


class _Members(Structure):
    """A structure whose members are as set, or refused."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            accepted = ", ".join(member for member, *_ in self._fields_)
            raise AttributeError(f"{type(self).__name__} has no member {name}; it has {accepted}")
        kinds: dict[str, Any] = {name: kind for name, kind, *_ in self._fields_}
        super().__setattr__(name, _converted((name, kinds.get(name)), value))


class fastinit_fill(_Members):
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


class fastinit_scheme(_Members):
    """Draws of mean 0 and variance gain**2 scale / ((1 + negative_slope**2) n), n as the mode says."""

    _fields_ = (
        ("mode", c_int32),
        ("fan_in", c_double),
        ("fan_out", c_double),
        ("scale", c_double),
        ("gain", c_double),
        ("negative_slope", c_double),
    )


def _function(name: str, returned: Any, *parameters: tuple[str, Any]) -> tuple[str, Any]:
    """A member of the table: a function that refuses what ctypes would make another number of."""
    prototype: Any = CFUNCTYPE(returned, *(kind for _, kind in parameters))
    usual = tuple(
        (i, int, *_LIMITS[c_size_t if kind is c_void_p else kind][:2])
        if kind is not c_double
        else (i, float, -inf, inf)
        for i, (_, kind) in enumerate(parameters)
        if kind in _CONVERSIONS
    )

    def call(self: Any, *arguments: Any) -> Any:
        if len(arguments) != len(parameters):  # C's own functions may take more than they declare
            names = ", ".join(parameter for parameter, _ in parameters)
            raise TypeError(f"{name} takes {len(parameters)} arguments ({names}), not {len(arguments)}")
        for i, kind, low, end in usual:
            if type(arguments[i]) is not kind or not low <= arguments[i] < end:
                return prototype.__call__(self, *map(_converted, parameters, arguments))
        return prototype.__call__(self, *arguments)

    call.__qualname__ = name  # as errors of Python's show it
    own = {"_flags_": prototype._flags_, "_restype_": returned, "_argtypes_": prototype._argtypes_}
    return name, type(name, (prototype,), {**own, "__call__": call, "__module__": __name__})


_FILL = ("fill", POINTER(fastinit_fill))
_OUT, _DTYPE = ("out", c_void_p), ("dtype", c_int)
_RANGE = _OUT, ("count", c_size_t), _DTYPE
_ELEMENTS = ("seed", c_uint64), ("stream", c_uint64), ("first", c_uint64)
_ACCUMULATE = ("accumulate", c_int)
_LOW_HIGH, _MEAN_STD = (("low", c_double), ("high", c_double)), (("mean", c_double), ("std", c_double))
_LAYOUT = _OUT, ("axes", c_int), ("shape", POINTER(c_ssize_t)), ("strides", POINTER(c_ssize_t))
_BLOCK = ("offset", POINTER(c_uint64)), ("global_shape", POINTER(c_uint64))
_SCHEME = ("scheme", POINTER(fastinit_scheme)), ("draw", c_int)
_STREAMS = ("streams", POINTER(c_uint64)), ("step", c_uint64)


class fastinit_api(Structure):
    """The table of functions."""

    _fields_ = (
        ("version", c_int32),
        ("stream_version", c_int32),
        _function("bits", c_int, *_RANGE, *_ELEMENTS),
        _function("uniform", c_int, *_RANGE, *_LOW_HIGH, *_ELEMENTS, _ACCUMULATE),
        _function("normal", c_int, *_RANGE, *_MEAN_STD, *_ELEMENTS, _ACCUMULATE),
        _function("truncated_normal", c_int, *_RANGE, *_MEAN_STD, *_LOW_HIGH, *_ELEMENTS, _ACCUMULATE),
        _function("set_bits", c_int, _FILL, _DTYPE),
        _function("set_uniform", c_int, _FILL, _DTYPE, *_LOW_HIGH),
        _function("set_normal", c_int, _FILL, _DTYPE, *_MEAN_STD),
        _function("set_truncated_normal", c_int, _FILL, _DTYPE, *_MEAN_STD, *_LOW_HIGH),
        _function("set_scheme", c_int, _FILL, _DTYPE, *_SCHEME),
        _function("fill_range", c_int, _FILL, ("first", c_uint64), ("count", c_size_t), _OUT),
        _function("fill_block", c_int, _FILL, *_LAYOUT, *_BLOCK),
        _function("simd", c_char_p),
        _function("num_threads", c_int),
        _function("message", c_char_p, ("code", c_int)),
        _function("fill_streams", c_int, _FILL, *_STREAMS, *_LAYOUT, *_BLOCK),
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
