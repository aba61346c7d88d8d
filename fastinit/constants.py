"""What a constant is in a dtype of numbers: exact in integers, rounded to nearest in all others, or else refused."""

import cmath
import functools
import math
import operator
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from fastinit import _core, hints
from fastinit.dtypes import BY_NAME, REALS

_DType: TypeAlias = np.dtype[Any]

_USERDEF = 256  # NPY_USERDEF: from here on, NumPy numbers dtypes of other packages
_SMALL = 65504.0  # what every one of these holds
_PLAIN = (float, int)
_PACKED = {np.dtype(code).num: struct.Struct(code).pack for code in "fd"}
_NUMPYS = tuple(
    np.dtype(name).num for name in REALS if not BY_NAME[name].is_extension
)  # ml_dtypes uses up their characters


def bytes_in_dtype(name: str, value: object, dtype: _DType) -> bytes:
    """The bytes of an element of the dtype that holds the value."""
    held: bytes = _core.in_standard_environment(_bytes_in_dtype, name, value, dtype)
    return held


def _bytes_in_dtype(name: str, value: Any, dtype: _DType) -> bytes:
    return _held_bytes(_in_dtype(name, value, dtype), dtype)


def held_bytes(held: Any, dtype: _DType) -> bytes:
    """The bytes of an element that holds what in_dtype has made of a value."""
    data: bytes = _core.in_standard_environment(_held_bytes, held, dtype)
    return data


def _held_bytes(held: Any, dtype: _DType) -> bytes:
    if dtype.num in _PACKED:  # which takes a fifth of the time
        return _PACKED[dtype.num](held)
    array = np.zeros((), dtype)
    array[()] = held
    return _without_padding(array.tobytes(), dtype)


def _without_padding(data: bytes, dtype: _DType) -> bytes:
    """The bytes with zeros where x86's long doubles, of ten bytes, leave what was there before."""
    if dtype.type not in (np.longdouble, np.clongdouble) or np.finfo(dtype).nmant != 63:
        return data
    size = np.dtype(np.longdouble).itemsize
    return b"".join(data[i : i + 10] + bytes(size - 10) for i in range(0, len(data), size))


def in_dtype(name: str, value: object, dtype: _DType) -> Any:
    """
    What NumPy is to write for the value of an argument of that name, into an array of a checked dtype.

    TypeError if it is no number, or complex and the dtype is not; ValueError if the dtype holds no such number.
    """
    return _core.in_standard_environment(_in_dtype, name, value, dtype)


def _in_dtype(name: str, value: Any, dtype: _DType) -> Any:
    if type(value) in _PLAIN and dtype.num in _NUMPYS and -_SMALL <= value <= _SMALL:
        return value
    return _rule(dtype)(name, value)


def finite_in_dtype(name: str, value: object, dtype: _DType) -> Any:
    """The same for an argument that is to be finite."""
    held = in_dtype(name, value, dtype)
    if not cmath.isfinite(_core.in_standard_environment(complex, held)):
        raise ValueError(f"{name}={value!r}; accepted is a finite number")
    return held


def array_in_dtype(name: str, values: np.ndarray[Any, Any], dtype: _DType) -> np.ndarray[Any, Any]:
    """The same for an array of values, or of objects that are values."""
    held: np.ndarray[Any, Any] = _core.in_standard_environment(_array_in_dtype, name, values, dtype)
    return held


def _array_in_dtype(name: str, values: np.ndarray[Any, Any], dtype: _DType) -> np.ndarray[Any, Any]:
    if values.dtype == object:
        return np.array([in_dtype(name, each, dtype) for each in values.flat], dtype).reshape(values.shape)
    array = values
    if array.dtype.num >= _USERDEF and array.dtype.kind in "VfW":  # of ml_dtypes: this is exact
        array = array.astype(np.complex128 if array.dtype.kind in "W" else np.float64)
    if array.dtype.kind not in "biufc" or (array.dtype.kind == "c" and dtype.kind not in "cW"):
        raise TypeError(f"{name} must be numbers that {dtype} can hold, not an array of dtype {array.dtype}")
    for part in (array.real, array.imag) if array.dtype.kind == "c" else (array,):
        for each in _telling(part):
            in_dtype(name, each, dtype)
    return np.asarray(_cast(array, dtype))


def _telling(values: np.ndarray[Any, Any]) -> Iterator[Any]:
    """Of real values, those that a dtype refuses if it refuses any: rounding keeps their order, so the ends tell."""
    if values.dtype.kind == "f":
        yield from values[np.isnan(values)][:1]
        yield from values[np.isinf(values)][:1]
        values = values[np.isfinite(values)]
        yield from values[values != np.trunc(values)][:1]
    if values.size:
        yield from (values.min(), values.max())


def check_overflow(name: str, value: float, dtype: _DType) -> float:
    """value, unless the rounding to a dtype that is drawn would make it infinite."""
    if abs(value) > _SMALL and math.isfinite(value) and np.isinf(_core.in_standard_environment(_cast, value, dtype)):
        raise ValueError(f"{name}={value!r} overflows {dtype}")
    return value


@functools.cache
def _rule(dtype: _DType) -> Callable[[str, Any], Any]:
    """What turns an argument's name and value into a value of the dtype."""
    if dtype.name in REALS:
        return lambda name, value: check_overflow(name, _real(name, value), dtype)
    if dtype == np.bool_:
        return lambda name, value: _integer(name, int(value) if _core.is_bool(value) else value, dtype, 0, 1)
    if integers := re.fullmatch(r"(u?)int(\d+)", dtype.name):  # ml_dtypes' too, of which NumPy's iinfo knows nothing
        unsigned, bits = integers[1], int(integers[2])
        low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return lambda name, value: _integer(name, value, dtype, low, high)
    if dtype.kind in "cW":  # under W ml_dtypes registers its own
        return lambda name, value: _complex(name, value, dtype)
    most = float(_cast(math.inf, dtype))
    return lambda name, value: _float(name, value, dtype, most)


def _integer(name: str, value: Any, dtype: _DType, low: int, high: int) -> Any:
    """Exact: an integer of Python or NumPy is never a float on its way."""
    number = None
    if _core.is_bool(value):
        _core.number(name, value)  # refuses it
    try:
        number = operator.index(value)
    except TypeError:
        approximate = _real(name, value)
        if math.isfinite(approximate):
            number = int(value if hasattr(value, "__int__") else approximate)
    if number is None or number != value or not low <= number <= high:
        held = "0 and 1" if dtype == np.bool_ else f"the integers from {low} to {high}"
        raise ValueError(f"{name}={_shown(value)}; accepted for {dtype} are {held}")
    return _cast(number, dtype)


def _float(name: str, value: object, dtype: _DType, most: float) -> Any:
    """A dtype of floating-point numbers may lack infinity, NaN, zero or the sign; most is what infinity becomes."""
    number = _real(name, value)
    rounded = _cast(number, dtype)
    got = float(rounded)
    if math.isnan(number) or math.isinf(number):
        if got != number and not (math.isnan(number) and math.isnan(got)):
            raise ValueError(f"{name}={value!r}; {dtype} has no {'NaN' if math.isnan(number) else 'infinity'}")
    elif number == 0 and got != 0:
        raise ValueError(f"{name}={value!r}; {dtype} has no zero")
    elif number < 0 and math.isnan(float(_cast(-1.0, dtype))):
        raise ValueError(f"{name}={value!r}; {dtype} has no negative numbers")
    elif not math.isfinite(got) or (math.isfinite(most) and abs(number) > most):
        raise ValueError(f"{name}={value!r} overflows {dtype}")
    return rounded


def _complex(name: str, value: Any, dtype: _DType) -> Any:
    if hasattr(value, "__complex__") and not _core.is_bool(value):
        try:
            number = complex(value)
        except OverflowError as error:
            raise ValueError(f"{name} is too large for a double") from error
        except (TypeError, ValueError) as error:
            traced = hints.if_traced(value)
            refused = TypeError(f"{name} must be a number, not {type(value).__name__}{traced}")
            raise refused from (None if traced else error)
    else:
        number = complex(_core.number(name, value))
    _check_finite(name, value, number)
    rounded = _cast(number, dtype)
    got = complex(rounded)
    parts = (number.real, got.real), (number.imag, got.imag)
    if any(math.isfinite(exact) and not math.isfinite(held) for exact, held in parts):
        raise ValueError(f"{name}={value!r} overflows {dtype}")
    return rounded


def _real(name: str, value: Any) -> float:
    if type(value) not in _PLAIN and _core.is_complex(value):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}: the array is not complex")
    number = _core.number(name, value)
    _check_finite(name, value, number)
    return number


def _check_finite(name: str, value: Any, number: complex) -> None:
    """ValueError for a longdouble that is finite and larger than any double."""
    if not cmath.isfinite(number) and isinstance(value, (np.longdouble, np.clongdouble)) and np.isfinite(value):
        raise ValueError(f"{name}={value!r} is too large for a double")


def _shown(value: Any) -> str:
    """As errors show it: of a very large integer Python writes no digits."""
    try:
        return repr(value)
    except ValueError:
        return f"an integer of {operator.index(value).bit_length()} bits"


def _cast(number: Any, dtype: _DType) -> Any:
    """Inside the standard floating-point environment."""
    with np.errstate(all="ignore"):
        return np.array(number).astype(dtype)[()]
