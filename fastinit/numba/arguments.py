"""
The arguments of the functions of ``fastinit.numba``: their types when a call is compiled, their values when it runs.

What takes values has two bodies: its own, for Python, which runs it where Numba does not compile
(``NUMBA_DISABLE_JIT=1``), and the one that is compiled. Types are checked by the same functions in both.
"""

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core.errors import NumbaError, TypingError
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from fastinit import _core, capi

Array: TypeAlias = NDArray[Any]
Sizes: TypeAlias = tuple[int, ...]
Streams: TypeAlias = NDArray[np.integer[Any]] | range
Kinds: TypeAlias = dict[str, Any]  # Numba's types of arguments, or defaults, by the arguments' names
Body = TypeVar("Body", bound=Callable[..., Any])

# Functions that see of arrays only where they lie: they count no references to them, and calls of them cost nothing.
POINTERS: dict[str, Any] = {"_nrt": False, "forceinline": True}
# Functions that make arrays, which those above may call.
ARRAYS: dict[str, Any] = {"_nrt": True}


def compiled(function: Body, check: Callable[[Kinds], None] | None = None, by_literals: bool = False) -> Body:
    """
    Lets Numba compile calls of a function, by its own source.

    check raises a TypingError of arguments whose types are not accepted: when Numba first looks at the call, so that
    the error is a short one. by_literals has literal strings known when the call is compiled, and the call compiled for
    each. Numba knows nothing of arguments for keywords alone: its body takes all by position, too, and calls by
    position are refused here, since Numba makes them of names in a try block.

    Returns the function, or, with check, one that checks as much when Python calls it.
    """
    code = function.__code__
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    known = function.__kwdefaults__ or {}
    body = FunctionType(
        code.replace(co_argcount=code.co_argcount + len(keywords), co_kwonlyargcount=0),
        function.__globals__,
        function.__name__,
        (*(function.__defaults__ or ()), *(known.get(name) for name in keywords)),
        function.__closure__,
    )
    signature = _with_defaults(inspect.signature(function))

    def typed(*positional: Any, **named: Any) -> Any:
        if check is not None:
            try:
                bound = signature.bind(*positional, **named)
            except TypeError as error:
                raise TypingError(f"{error}{_IN_TRY if keywords else ''}") from None
            bound.apply_defaults()
            check(bound.arguments)
        return body

    options: dict[str, Any] = {"strict": False, "jit_options": POINTERS, "prefer_literal": by_literals}
    overload(function, **options)(typed)
    if check is None:
        return function

    @functools.wraps(function)
    def called(*positional: Any, **named: Any) -> Any:
        bound = signature.bind(*positional, **named)
        bound.apply_defaults()
        try:
            check({name: _type_of(name, value) for name, value in bound.arguments.items()})
        except TypingError as error:
            raise TypeError(str(error)) from None
        return function(*positional, **named)

    overload(called, **options)(typed)
    return cast(Body, called)


_IN_TRY = (
    "; in a try block Numba passes arguments on without their names: there, call a compiled function that has this call"
)


def _with_defaults(signature: inspect.Signature) -> inspect.Signature:
    """One in which what is missing is None, for keywords: so an unknown keyword is what is named in an error."""
    return signature.replace(
        parameters=[
            each.replace(default=None) if each.kind is each.KEYWORD_ONLY and each.default is each.empty else each
            for each in signature.parameters.values()
        ]
    )


def _type_of(name: str, value: Any) -> Any:
    """Numba's type of an argument of Python's, in which every string is as good as a literal one."""
    if isinstance(value, str):
        return types.StringLiteral(value)
    if type(value) is int:
        return types.int64  # one that is larger is refused as a value
    if isinstance(value, range):
        return types.range_state64_type
    try:
        return typeof(value)
    except (ValueError, NumbaError):
        dtype = f" of dtype {value.dtype}" if isinstance(value, np.ndarray) else ""
        raise TypeError(f"{name} is of a type that Numba does not compile: {type(value).__name__}{dtype}") from None


# ---- Types -----------------------------------------------------------------------------------------------------------


def is_none(kind: Any) -> bool:
    """Whether an argument is None, by its type: that of a default is the value, or has it."""
    return getattr(kind, "value", kind) is None or isinstance(kind, types.NoneType)


def _check_word(name: str, kind: Any) -> None:
    if is_none(kind):
        raise TypingError(f"{name} is missing; accepted is an integer{_IN_TRY}")
    if not isinstance(kind, types.Integer):
        mixed = "; some versions of Numba make a float of an int64 and a uint64: convert one of the two"
        raise TypingError(f"{name} must be an integer, not {kind}{mixed if isinstance(kind, types.Float) else ''}")


def _check_stream(name: str, kind: Any) -> None:
    if isinstance(kind, types.UnicodeType):
        raise TypingError(
            "stream must be an integer or a literal string, not a string that is made at run time; outside of compiled "
            "code, fastinit.stream_number(name) gives the number of a name"
        )
    if not is_none(kind) and not isinstance(kind, types.StringLiteral):
        _check_word(name, kind)


def _check_streams(name: str, kind: Any) -> None:
    is_array = isinstance(kind, types.Array) and kind.ndim == 1 and isinstance(kind.dtype, types.Integer)
    if not is_none(kind) and not is_array and not isinstance(kind, types.RangeType):
        raise TypingError(f"streams must be an array of integers of one axis, or a range, not {kind}")


def _check_first(name: str, kind: Any) -> None:
    if not is_none(kind):
        _check_word(name, kind)


def _check_sizes(name: str, kind: Any) -> None:
    integers = isinstance(kind, types.BaseTuple) and all(isinstance(each, types.Integer) for each in kind)
    if not is_none(kind) and not integers:
        raise TypingError(f"{name} must be a tuple of integers, not {kind}")


def _check_bool(name: str, kind: Any) -> None:
    if not isinstance(getattr(kind, "value", kind), types.Boolean | bool):
        raise TypingError(f"{name} must be a bool, not {kind}")


def _check_string(name: str, kind: Any) -> None:
    if not isinstance(getattr(kind, "value", kind), types.UnicodeType | types.StringLiteral | str):
        raise TypingError(f"{name} must be a string, not {kind}")


def _check_number(name: str, kind: Any) -> None:
    number = getattr(kind, "value", kind)
    if name in ("fan_in", "fan_out") and is_none(kind):
        return
    if isinstance(number, bool) or not isinstance(number, types.Integer | types.Float | int | float):
        raise TypingError(f"{name} must be a number, not {kind}")


def _check_prepared(name: str, kind: Any) -> None:
    if not isinstance(kind, types.Array) or (kind.dtype, kind.ndim, kind.layout) != (types.uint64, 1, "C"):
        raise TypingError(f"{name} must be what prepare() has returned, not {kind}")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "prepared": _check_prepared,
    "seed": _check_word,
    "stream": _check_stream,
    "streams": _check_streams,
    "first": _check_first,
    "offset": _check_sizes,
    "global_shape": _check_sizes,
    "accumulate": _check_bool,
    "truncated": _check_bool,
    "mode": _check_string,
    "distribution": _check_string,
}


def check_parameters(kinds: Kinds) -> None:
    """Raises a TypingError if arguments of these types are not accepted."""
    for name, kind in kinds.items():
        _CHECKS.get(name, _check_number)(name, kind)


def checked_with(dtypes: dict[str, int], is_added: bool = True) -> Callable[[Kinds], None]:
    """What checks the arguments of a function that fills arrays of these dtypes."""

    def check(kinds: Kinds) -> None:
        out = kinds["out"]
        if not isinstance(out, types.Array):
            raise TypingError(f"out must be an array, not {out}")
        if not out.mutable:
            raise TypingError("out is read-only; a writeable array is accepted")
        dtype_number_of_type(dtypes, "out has dtype", out.dtype)
        check_parameters({name: kind for name, kind in kinds.items() if name != "out"})
        _check_place(out.ndim, kinds)

    return check


def _check_place(axes: int, kinds: Kinds) -> None:
    many, is_block = not is_none(kinds["streams"]), not is_none(kinds["offset"])
    if is_none(kinds["stream"]) is not many:
        raise TypingError("accepted is one of stream, an integer or a literal string, and streams, an array or a range")
    if many and axes == 0:
        raise TypingError("streams, and out has no axes; accepted is one stream for each index of the first axis")
    if is_none(kinds["global_shape"]) is is_block:
        raise TypingError("one of offset and global_shape is missing; accepted are both or neither")
    for name in ("offset", "global_shape") if is_block else ():
        if len(kinds[name]) != axes - many:
            of = "out[i]" if many else "out"
            raise TypingError(f"{name} has {len(kinds[name])} numbers; accepted are {axes - many}, the axes of {of}")
    if not is_none(kinds.get("first")) and (many or is_block or kinds["out"].layout != "C"):
        raise TypingError("first is accepted of a contiguous array and without streams, offset and global_shape")


# ---- Dtypes ----------------------------------------------------------------------------------------------------------

WORDS: dict[str, int] = {"uint32": capi.FASTINIT_UINT32, "uint64": capi.FASTINIT_UINT64}
FLOATS: dict[str, int] = {"float32": capi.FASTINIT_FLOAT32, "float64": capi.FASTINIT_FLOAT64}
DTYPES: dict[str, int] = WORDS | FLOATS


def dtype_number(numbers: dict[str, int], name: str, dtype: Any) -> np.int32:
    """The number of a dtype, NumPy's or Numba's, in the C interface."""
    if str(dtype) not in numbers:
        raise TypeError(f"{name} {dtype}; accepted are {', '.join(numbers)}")
    return np.int32(numbers[str(dtype)])


def dtype_number_of_type(numbers: dict[str, int], name: str, dtype: Any) -> np.int32:
    try:
        return dtype_number(numbers, name, dtype)
    except TypeError as error:
        raise TypingError(str(error)) from None


# ---- Values ----------------------------------------------------------------------------------------------------------


def _word(name: str) -> Callable[[Any], int]:
    """What makes an argument of that name 64 bits without a sign."""
    refused = f"{name} is out of range; accepted is 0 <= {name} < 2**64"

    def word(value: Any) -> int:
        if name == "stream" and isinstance(value, str):
            return _core.stream_number(value)
        integer = int(_core.integer_of(name, value, "an integer"))
        if not 0 <= integer < 2**64:
            raise ValueError(refused)
        return integer

    @overload(word, strict=False, jit_options=POINTERS)
    def _(value: Any) -> Any:
        if isinstance(value, types.StringLiteral):
            number = np.uint64(_core.stream_number(value.literal_value))
            return lambda value: number
        if isinstance(value, types.UnicodeType):
            return None  # Numba asks with the literal next
        if not value.signed:
            return lambda value: np.uint64(value)

        def body(value):  # type: ignore[no-untyped-def]
            if value < 0:
                raise ValueError(refused)
            return np.uint64(value)

        return body

    return word


seed_of: Callable[[Any], int] = _word("seed")
stream_of: Callable[[Any], int] = _word("stream")
first_of: Callable[[Any], int] = _word("first")


def numbers_of(streams: Any) -> NDArray[np.uint64]:
    """Streams as a contiguous array of 64 bits each."""
    return np.array([stream_of(each) for each in streams], np.uint64)


@overload(numbers_of, strict=False)
def _(streams: Any) -> Any:
    if streams.dtype == types.uint64 and streams.layout == "C":
        return lambda streams: streams

    def body(streams):  # type: ignore[no-untyped-def]
        numbers = np.empty(streams.size, np.uint64)
        for i in range(streams.size):
            numbers[i] = stream_of(streams[i])
        return numbers

    return body


def first_and_step(streams: range) -> tuple[int, int]:
    """The same of a range that is not empty, in compiled code alone."""
    raise NotImplementedError


@overload(first_and_step, strict=False, jit_options=POINTERS)
def _(streams: Any) -> Any:
    if not streams.dtype.signed:
        return lambda streams: (np.uint64(streams.start), np.uint64(streams.step))

    def body(streams):  # type: ignore[no-untyped-def]
        stream_of(streams.start + (len(streams) - 1) * streams.step)
        return stream_of(streams.start), np.uint64(streams.step)

    return body


@compiled
def check_length(streams: int, out: Array) -> None:
    """That there are as many streams as rows."""
    if streams != out.shape[0]:
        raise ValueError(
            "streams and out's first axis differ in length; accepted is one stream for each index of the axis"
        )


def check_overlap(out: Array) -> None:
    """That no two elements surely share memory, as far as that is seen at once."""
    for i in range(out.ndim if out.size > 1 else 0):
        step = abs(out.strides[i])
        if out.shape[i] > 1 and step < out.itemsize:
            raise ValueError(_OVERLAPS)
        for j in range(out.ndim):
            small = abs(out.strides[j])
            # One index further in axis i is some indices further in axis j.
            if i != j and out.shape[i] > 1 and small <= step < out.shape[j] * small and step % small == 0:
                raise ValueError(_OVERLAPS)


_OVERLAPS = "out overlaps itself; accepted are arrays whose elements do not share memory"


@overload(check_overlap, strict=False, jit_options=POINTERS)
def _(out: Any) -> Any:
    return check_overlap if out.layout == "A" else lambda out: None


@compiled
def check_block(offset: Sizes | None, global_shape: Sizes | None) -> None:
    """That no number is negative, which would be a large one in C."""
    if _has_negative(offset) or _has_negative(global_shape):
        raise ValueError("a number of offset or global_shape is negative")


def _has_negative(sizes: Sizes | None) -> bool:
    return sizes is not None and min(sizes, default=0) < 0


@intrinsic
def _compiled_has_negative(_: Any, values: Any) -> Any:
    integers = [] if is_none(values) else [*values]

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = ir.Constant(ir.IntType(1), 0)
        for i, kind in enumerate(integers):
            if kind.signed:
                value = builder.extract_value(arguments[0], i)
                found = builder.or_(found, builder.icmp_signed("<", value, ir.Constant(value.type, 0)))
        return found

    return types.boolean(values), codegen


@overload(_has_negative, strict=False, jit_options=POINTERS)
def _(sizes: Any) -> Any:
    return lambda sizes: _compiled_has_negative(sizes)
