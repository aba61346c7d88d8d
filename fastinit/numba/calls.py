"""
The C interface as Numba sees it, and the calls of it that ``fastinit.numba`` compiles.

Compiled code calls the functions of fastinit.h by symbols, so that it can be kept in a file, which an address could
not. What is in one version of that interface is, unchanged, in all later ones: code from an older cache still runs.
"""

import ctypes
from collections.abc import Callable
from typing import Any, ClassVar

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.npydecl import parse_dtype
from numba.extending import intrinsic, overload, typeof_impl

from fastinit import capi
from fastinit.numba.arguments import (
    ARRAYS,
    DTYPES,
    FLOATS,
    POINTERS,
    WORDS,
    Array,
    Sizes,
    Streams,
    check_block,
    check_length,
    check_overlap,
    compiled,
    dtype_number,
    dtype_number_of_type,
    first_and_step,
    first_of,
    is_none,
    numbers_of,
    seed_of,
    stream_of,
)

FILL_WORDS = ctypes.sizeof(capi.fastinit_fill) // 8
DTYPE_AT = capi.fastinit_fill.dtype.offset // 4
SIZE_AT = capi.fastinit_fill.size.offset // 4
# Elements from which on fill_block is called, which may take more than one thread: what it costs more is nothing then.
MANY = 1 << 15


class Function:
    """A function of the C interface: Python calls it by ctypes, and compiled code by a symbol."""

    _TYPES: ClassVar[dict[Any, Any]] = {
        ctypes.c_int: types.int32,
        ctypes.c_uint64: types.uint64,
        ctypes.c_size_t: types.uintp,
        ctypes.c_double: types.float64,
    }

    def __init__(self, name: str) -> None:
        self.call: Any = getattr(capi, name)
        parameters = [self._TYPES.get(each, types.uintp) for each in self.call.argtypes]  # all others are addresses
        self.type: Any = types.ExternalFunction(f"fastinit_{name}", types.int32(*parameters))
        llvmlite.binding.add_symbol(self.type.symbol, ctypes.cast(self.call, ctypes.c_void_p).value)

    def __call__(self, *arguments: Any) -> int:
        return int(self.call(*arguments))


@typeof_impl.register(Function)
def _type_of_function(function: Function, _: Any) -> types.Type:
    return function.type


set_bits: Function = Function("set_bits")
set_uniform: Function = Function("set_uniform")
set_normal: Function = Function("set_normal")
set_truncated_normal: Function = Function("set_truncated_normal")
_set_scheme = Function("set_scheme")
_fill_range = Function("fill_range")
_fill_block = Function("fill_block")
_fill_streams = Function("fill_streams")
_IN_ONE_CALL = {f"set_{name}": Function(name) for name in ("uniform", "normal", "truncated_normal")}


# ---- Memory on the stack of the function that is compiled ------------------------------------------------------------


@intrinsic
def _new_fill(_: Any) -> Any:
    """The address of a fill that is still to be set."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory = cgutils.alloca_once(builder, ir.IntType(64), size=FILL_WORDS)
        return builder.ptrtoint(memory, context.get_value_type(types.uintp))

    return types.uintp(), codegen


@intrinsic
def _copied_fill(_: Any, source: Any) -> Any:
    """The address of a copy of the fill at an address: each thread has a seed and a stream of its own."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory = cgutils.alloca_once(builder, ir.IntType(64), size=FILL_WORDS)
        given = builder.inttoptr(arguments[0], memory.type)
        cgutils.raw_memcpy(builder, memory, given, ir.Constant(ir.IntType(64), FILL_WORDS), 8)
        return builder.ptrtoint(memory, context.get_value_type(types.uintp))

    return types.uintp(types.uintp), codegen


@intrinsic
def _set_callers_own(_: Any, fill: Any, seed: Any, stream: Any, accumulate: Any) -> Any:
    """Sets what set functions leave alone."""
    places = [getattr(capi.fastinit_fill, name).offset for name in ("seed", "stream", "accumulate")]

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        fill, *values = arguments
        for at, value in zip(places, values, strict=True):
            address = builder.add(fill, ir.Constant(fill.type, at))
            builder.store(value, builder.inttoptr(address, value.type.as_pointer()))
        return context.get_dummy_value()

    return types.none(types.uintp, types.uint64, types.uint64, types.int32), codegen


@intrinsic
def _on_stack(_: Any, values: Any) -> Any:
    """The address of a tuple's integers, 64 bits each; 0 of none."""
    integers = [] if is_none(values) else [*values]

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, address = ir.IntType(64), context.get_value_type(types.uintp)
        if not integers:
            return ir.Constant(address, 0)
        memory = cgutils.alloca_once(builder, word, size=len(integers))
        for i, kind in enumerate(integers):
            value = context.cast(builder, builder.extract_value(arguments[0], i), kind, types.int64)
            builder.store(value, cgutils.gep_inbounds(builder, memory, i))
        return builder.ptrtoint(memory, address)

    return types.uintp(values), codegen


@intrinsic
def _new_scheme(_: Any, mode: Any, fan_in: Any, fan_out: Any, scale: Any, gain: Any, negative_slope: Any) -> Any:
    """The address of a fastinit_scheme."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory = cgutils.alloca_once(builder, ir.LiteralStructType([value.type for value in arguments]))
        for i, value in enumerate(arguments):
            builder.store(value, cgutils.gep_inbounds(builder, memory, 0, i))
        return builder.ptrtoint(memory, context.get_value_type(types.uintp))

    return types.uintp(types.int32, *[types.float64] * 5), codegen


# ---- What is refused -------------------------------------------------------------------------------------------------

_NOT_PREPARED = "prepared is not what prepare() has returned"
_ANOTHER_DTYPE = "out has another dtype than the one that prepare() was given"


def _refuser(parameters: str = "") -> Callable[[int], None]:
    """What raises the error of a code; in compiled code the text of an error is a constant."""

    def refuse(code: int) -> None:
        if code == capi.FASTINIT_OK:
            return
        if code == capi.FASTINIT_BAD_PARAMETERS or code == capi.FASTINIT_BAD_SCHEME:
            raise ValueError(parameters)
        if code == capi.FASTINIT_BAD_FILL:
            raise ValueError(_NOT_PREPARED)
        if code == capi.FASTINIT_BITS_ACCUMULATE:
            raise ValueError("accumulate is True, and bits are not added")
        if code == capi.FASTINIT_BAD_OFFSET:
            raise ValueError(
                "offset and out's shape reach beyond global_shape; accepted is offset + shape <= global_shape in each "
                "axis"
            )
        if code == capi.FASTINIT_TOO_LARGE:
            raise ValueError("an element's number is not below 2**63, or the tensor has more elements")
        if code == capi.FASTINIT_UNALIGNED:
            raise ValueError("out's address is no multiple of the size of an element, as first needs it")
        raise ValueError("a function of fastinit.h has refused its arguments")

    return compiled(refuse)


_refuse = _refuser()
_NORMAL = "a finite mean and std >= 0 whose draws do not overflow out's dtype"
_REFUSERS = {
    "set_bits": _refuse,
    "set_uniform": _refuser(
        "low, high: accepted are finite numbers with low <= high whose values and difference do not overflow out's "
        "dtype"
    ),
    "set_normal": _refuser(f"mean, std: accepted are {_NORMAL}"),
    "set_truncated_normal": _refuser(
        f"mean, std, low, high: accepted are {_NORMAL}, and bounds in standard deviations with low <= high, low < inf "
        "and high > -inf"
    ),
    "set_scheme": _refuser(
        "fans, scale, gain, negative_slope: accepted are positive finite numbers, and any finite negative_slope, whose "
        "draws do not overflow out's dtype and do not all round to 0"
    ),
}


# ---- Setting ---------------------------------------------------------------------------------------------------------


def set_scheme(
    fill: Any, dtype: int, mode: int, draw: int, fan_in: float, fan_out: float, scale: float, gain: float, slope: float
) -> int:
    """The C interface's, with the members of a fastinit_scheme as arguments."""
    return _set_scheme(fill, dtype, capi.fastinit_scheme(mode, fan_in, fan_out, scale, gain, slope), draw)


@overload(set_scheme, strict=False, jit_options=POINTERS)
def _(*_: Any) -> Any:
    def body(fill, dtype, mode, draw, fan_in, fan_out, scale, gain, slope):  # type: ignore[no-untyped-def]
        return _set_scheme(fill, dtype, _new_scheme(mode, fan_in, fan_out, scale, gain, slope), draw)

    return body


def _name_of(setter: Any) -> str:
    """A set function's, by itself or by Numba's type of it."""
    if isinstance(setter, Function):
        setter = setter.type
    name = (
        setter.symbol if isinstance(setter, types.ExternalFunction) else getattr(setter, "typing_key", setter).__name__
    )
    return str(name).removeprefix("fastinit_")


def dtypes_of(setter: Any) -> dict[str, int]:
    """What it draws in."""
    return WORDS if _name_of(setter) == "set_bits" else FLOATS


def set_fill(setter: Any, parameters: tuple[Any, ...], dtype: Any) -> Array:
    """A fill that is set, as an array."""
    prepared = np.zeros(FILL_WORDS, np.uint64)
    number = dtype_number(dtypes_of(setter), "dtype is", np.dtype(dtype))
    _REFUSERS[_name_of(setter)](setter(capi.fastinit_fill.from_buffer(prepared.data), number, *parameters))
    return prepared


@overload(set_fill, strict=False, jit_options=ARRAYS)
def _(setter: Any, parameters: Any, dtype: Any) -> Any:
    number = dtype_number_of_type(dtypes_of(setter), "dtype is", parse_dtype(dtype))
    refuse = _REFUSERS[_name_of(setter)]

    def body(setter, parameters, dtype):  # type: ignore[no-untyped-def]
        prepared = np.zeros(FILL_WORDS, np.uint64)
        refuse(setter(prepared.ctypes.data, number, *parameters))
        return prepared

    return body


# ---- Drawing ---------------------------------------------------------------------------------------------------------


def draw(
    setter: Any,
    parameters: tuple[Any, ...],
    out: Array,
    seed: int,
    stream: int | str | None,
    streams: Streams | None,
    offset: Sizes | None,
    global_shape: Sizes | None,
    accumulate: bool,
) -> None:
    """Fills an array with what a set function sets."""
    prepared = set_fill(setter, parameters, out.dtype)
    write_prepared(prepared, None, out, seed, stream, streams, offset, global_shape, accumulate)


@overload(draw, strict=False, jit_options=POINTERS)
def _(setter: Any, parameters: Any, out: Any, seed: Any, stream: Any, streams: Any, offset: Any, *_: Any) -> Any:
    name = _name_of(setter)
    in_one_call: Any = _IN_ONE_CALL.get(name)
    refuse, dtype = _REFUSERS[name], np.int32(DTYPES[str(out.dtype)])

    def in_two_steps(  # type: ignore[no-untyped-def]
        setter, parameters, out, seed, stream, streams, offset, global_shape, accumulate
    ):
        fill = _new_fill()
        refuse(setter(fill, dtype, *parameters))
        _write(fill, out, seed, stream, streams, offset, global_shape, accumulate)

    def in_one(  # type: ignore[no-untyped-def]
        setter, parameters, out, seed, stream, streams, offset, global_shape, accumulate
    ):
        if _is_for_one_call(out):
            source = seed_of(seed), stream_of(stream), 0, accumulate
            refuse(in_one_call(out.ctypes.data, out.size, dtype, *parameters, *source))
        else:
            fill = _new_fill()
            refuse(setter(fill, dtype, *parameters))
            _write(fill, out, seed, stream, streams, offset, global_shape, accumulate)

    is_plain = is_none(streams) and is_none(offset) and out.layout == "C"
    return in_one if in_one_call is not None and is_plain else in_two_steps


def write_prepared(
    prepared: Array,
    first: int | None,
    out: Array,
    seed: int,
    stream: int | str | None,
    streams: Streams | None,
    offset: Sizes | None,
    global_shape: Sizes | None,
    accumulate: bool,
) -> None:
    """Fills an array with what a prepared fill describes."""
    if prepared.size != FILL_WORDS or prepared.view(np.uint32)[SIZE_AT] != prepared.nbytes:
        raise ValueError(_NOT_PREPARED)
    fill = capi.fastinit_fill.from_buffer_copy(prepared.tobytes())
    if dtype_number(DTYPES, "out has dtype", out.dtype) != fill.dtype:
        raise ValueError(_ANOTHER_DTYPE)
    fill.seed, fill.accumulate = seed_of(seed), accumulate
    check_block(offset, global_shape)
    check_overlap(out)
    sizes = (out.shape, ctypes.c_ssize_t), (out.strides, ctypes.c_ssize_t)
    block = (offset, ctypes.c_uint64), (global_shape, ctypes.c_uint64)
    given = [None if values is None else (kind * len(values))(*values) for values, kind in sizes + block]
    if streams is not None:
        numbers = numbers_of(streams)
        check_length(numbers.size, out)
        address = numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_uint64))
        _refuse(_fill_streams(fill, address, 0, out.ctypes.data, out.ndim, *given))
        return
    fill.stream = stream_of(stream)
    if first is None:
        _refuse(_fill_block(fill, out.ctypes.data, out.ndim, *given))
    else:
        _refuse(_fill_range(fill, first_of(first), out.size, out.ctypes.data))


@overload(write_prepared, strict=False, jit_options=POINTERS)
def _(prepared: Any, first: Any, out: Any, *_: Any) -> Any:
    number, is_range = np.int32(DTYPES[str(out.dtype)]), not is_none(first)

    def body(  # type: ignore[no-untyped-def]
        prepared, first, out, seed, stream, streams, offset, global_shape, accumulate
    ):
        if prepared.size != FILL_WORDS or prepared.view(np.uint32)[SIZE_AT] != 8 * FILL_WORDS:
            raise ValueError(_NOT_PREPARED)
        if prepared.view(np.int32)[DTYPE_AT] != number:
            raise ValueError(_ANOTHER_DTYPE)
        fill = _copied_fill(prepared.ctypes.data)
        if is_range:
            _set_callers_own(fill, seed_of(seed), stream_of(stream), accumulate)
            _refuse(_fill_range(fill, first_of(first), out.size, out.ctypes.data))
        else:
            _write(fill, out, seed, stream, streams, offset, global_shape, accumulate)

    return body


# ---- Writing, in compiled code alone ---------------------------------------------------------------------------------


def _is_for_one_call(out: Array) -> bool:
    """Whether a contiguous array is small, and aligned: fill_block fills all."""
    raise NotImplementedError


@overload(_is_for_one_call, strict=False, jit_options=POINTERS)
def _(out: Any) -> Any:
    mask = np.uintp(out.dtype.bitwidth // 8 - 1)
    return lambda out: out.size < MANY and np.uintp(out.ctypes.data) & mask == 0


def _write(*arguments: Any) -> None:
    """Fills an array with what the fill at an address describes."""
    raise NotImplementedError


@overload(_write, strict=False, jit_options=POINTERS)
def _(fill: Any, out: Any, seed: Any, stream: Any, streams: Any, offset: Any, *_: Any) -> Any:
    if isinstance(streams, types.RangeType):
        return _write_range_of_streams
    if not is_none(streams):
        return _write_streams
    return _write_contiguous if is_none(offset) and out.layout == "C" else _write_block


def _write_contiguous(  # type: ignore[no-untyped-def]
    fill, out, seed, stream, streams, offset, global_shape, accumulate
):
    _set_callers_own(fill, seed_of(seed), stream_of(stream), accumulate)
    if _is_for_one_call(out):
        _refuse(_fill_range(fill, 0, out.size, out.ctypes.data))
    else:
        shape, strides = _on_stack(out.shape), _on_stack(out.strides)
        _refuse(_fill_block(fill, out.ctypes.data, out.ndim, shape, strides, 0, 0))


def _write_block(  # type: ignore[no-untyped-def]
    fill, out, seed, stream, streams, offset, global_shape, accumulate
):
    check_block(offset, global_shape)
    check_overlap(out)
    _set_callers_own(fill, seed_of(seed), stream_of(stream), accumulate)
    shape, strides = _on_stack(out.shape), _on_stack(out.strides)
    block, whole = _on_stack(offset), _on_stack(global_shape)
    _refuse(_fill_block(fill, out.ctypes.data, out.ndim, shape, strides, block, whole))


def _write_range_of_streams(  # type: ignore[no-untyped-def]
    fill, out, seed, stream, streams, offset, global_shape, accumulate
):
    check_block(offset, global_shape)
    check_length(len(streams), out)
    check_overlap(out)
    if len(streams) > 0:
        first, step = first_and_step(streams)
        _set_callers_own(fill, seed_of(seed), first, accumulate)
        shape, strides = _on_stack(out.shape), _on_stack(out.strides)
        block, whole = _on_stack(offset), _on_stack(global_shape)
        _refuse(_fill_streams(fill, 0, step, out.ctypes.data, out.ndim, shape, strides, block, whole))


def _write_streams(  # type: ignore[no-untyped-def]
    fill, out, seed, stream, streams, offset, global_shape, accumulate
):
    check_block(offset, global_shape)
    check_overlap(out)
    _set_callers_own(fill, seed_of(seed), 0, accumulate)
    shape, strides = _on_stack(out.shape), _on_stack(out.strides)
    block, whole = _on_stack(offset), _on_stack(global_shape)
    _fill_numbers(fill, streams, out, shape, strides, block, whole)


def _fill_numbers(*arguments: Any) -> None:
    """Fills from an array of streams, which may have to be copied."""
    raise NotImplementedError


@overload(_fill_numbers, strict=False, jit_options=ARRAYS)
def _(*_: Any) -> Any:
    def body(fill, streams, out, shape, strides, block, whole):  # type: ignore[no-untyped-def]
        check_length(streams.size, out)
        numbers = numbers_of(streams)
        address = numbers.ctypes.data
        _refuse(_fill_streams(fill, address, 0, out.ctypes.data, out.ndim, shape, strides, block, whole))

    return body
