"""The functions of ``fastinit.numba``, but for the schemes that have names."""

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.extending import overload
from numpy.typing import DTypeLike, NDArray

from fastinit import capi
from fastinit.numba import calls
from fastinit.numba.arguments import (
    ARRAYS,
    DTYPES,
    POINTERS,
    Array,
    Body,
    Sizes,
    Streams,
    check_parameters,
    checked_with,
    compiled,
    is_none,
)
from fastinit.numba.calls import draw, set_fill, set_scheme, write_prepared

# By function: what sets a fill for it, and what makes that function's arguments of its own parameters.
_RULES: dict[Any, tuple[Any, Callable[..., tuple[Any, ...]]]] = {}


def filling(setter: Any, rule: Callable[..., tuple[Any, ...]], by_literals: bool = False) -> Callable[[Body], Body]:
    """Lets Numba compile calls of a function that fills arrays, and prepare() take it."""

    def register(function: Body) -> Body:
        checked = compiled(function, checked_with(calls.dtypes_of(setter)), by_literals)
        _RULES[checked] = setter, compiled(rule, check_parameters, by_literals)
        return checked

    return register


# ---- Draws -----------------------------------------------------------------------------------------------------------


@filling(calls.set_bits, lambda: ())
def bits(
    out: Array,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
) -> None:
    """Fills an array of uint32 or uint64 with random bits: see ``fastinit.Generator.bits``."""
    draw(calls.set_bits, (), out, seed, stream, streams, offset, global_shape, False)


@filling(calls.set_uniform, lambda low=0.0, high=1.0: (low, high))
def uniform(
    out: Array,
    low: float = 0.0,
    high: float = 1.0,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """Fills an array with U[low, high): see ``fastinit.Generator.uniform``."""
    draw(calls.set_uniform, (low, high), out, seed, stream, streams, offset, global_shape, accumulate)


@filling(calls.set_normal, lambda mean=0.0, std=1.0: (mean, std))
def normal(
    out: Array,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """Fills an array with N(mean, std**2): see ``fastinit.Generator.normal``."""
    draw(calls.set_normal, (mean, std), out, seed, stream, streams, offset, global_shape, accumulate)


@filling(calls.set_truncated_normal, lambda mean=0.0, std=1.0, low=-2.0, high=2.0: (mean, std, low, high))
def truncated_normal(
    out: Array,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """
    Fills an array with N(mean, std**2), cut low and high standard deviations from the mean.

    See ``fastinit.Generator.truncated_normal``.
    """
    parameters = mean, std, low, high
    draw(calls.set_truncated_normal, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


# ---- Schemes ---------------------------------------------------------------------------------------------------------

FAN_IN, FAN_OUT, FAN_SUM = capi.FASTINIT_FAN_IN, capi.FASTINIT_FAN_OUT, capi.FASTINIT_FAN_SUM
UNIFORM, NORMAL, TRUNCATED = capi.FASTINIT_SCHEME_UNIFORM, capi.FASTINIT_SCHEME_NORMAL, capi.FASTINIT_SCHEME_TRUNCATED
Members: TypeAlias = tuple[int, int, float, float, float, float, float]


@compiled
def members(
    mode: int, draw: int, fan_in: float | None, fan_out: float | None, scale: float, gain: float, slope: float
) -> Members:
    """What set_scheme takes; a fan that is None is not read."""
    return mode, draw, _number_or_nan(fan_in), _number_or_nan(fan_out), scale, gain, slope


def _number_or_nan(number: float | None) -> float:
    return math.nan if number is None else number


@overload(_number_or_nan, strict=False, jit_options=POINTERS)
def _(number: Any) -> Any:
    return (lambda number: math.nan) if is_none(number) else (lambda number: np.float64(number))


@compiled
def normal_or(truncated: bool) -> int:
    """The draw of a normal scheme."""
    return TRUNCATED if truncated else NORMAL


@compiled
def one_fan(fan_in: float | None, fan_out: float | None) -> int:
    """The mode of a scheme that takes the one fan or the other."""
    if (fan_in is None) == (fan_out is None):
        raise ValueError("accepted is one of fan_in and fan_out")
    return FAN_IN if fan_out is None else FAN_OUT


_MODES = {
    "fan_in": FAN_IN,
    "fan_out": FAN_OUT,
    "fan_avg": capi.FASTINIT_FAN_AVERAGE,
    "fan_geo_avg": capi.FASTINIT_FAN_GEOMETRIC,
}
_DISTRIBUTIONS = {"truncated_normal": TRUNCATED, "untruncated_normal": NORMAL, "normal": NORMAL, "uniform": UNIFORM}


def _choice(name: str, accepted: dict[str, int]) -> Callable[[str], int]:
    """What makes a number of a string: when a call is compiled, if the string is a literal."""
    refused = f"{name} is not known; accepted are {', '.join(accepted)}"
    texts, numbers = tuple(accepted), tuple(accepted.values())

    def choice(value: str) -> int:
        if value not in accepted:
            raise ValueError(refused)
        return accepted[value]

    @overload(choice, strict=False, prefer_literal=True)
    def _(value: Any) -> Any:
        if isinstance(value, types.StringLiteral):
            if value.literal_value not in accepted:
                raise TypingError(refused)
            number = accepted[value.literal_value]
            return lambda value: number

        def body(value):  # type: ignore[no-untyped-def]
            for text, number in zip(texts, numbers):  # noqa: B905  (Numba's has no strict)
                if value == text:
                    return number
            raise ValueError(refused)

        return body

    return choice


_mode_of = _choice("mode", _MODES)
_distribution_of = _choice("distribution", _DISTRIBUTIONS)


def _variance_scaling(
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    fan_in: float | None = None,
    fan_out: float | None = None,
) -> Members:
    return members(_mode_of(mode), _distribution_of(distribution), fan_in, fan_out, scale, 1.0, 0.0)


@filling(set_scheme, _variance_scaling, by_literals=True)
def variance_scaling(
    out: Array,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    *,
    fan_in: float | None = None,
    fan_out: float | None = None,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """
    Fills an array with draws of variance scale / n, n as the mode says.

    See ``fastinit.Generator.variance_scaling``.
    """
    parameters = _variance_scaling(scale, mode, distribution, fan_in, fan_out)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


# ---- Prepared fills --------------------------------------------------------------------------------------------------


def prepare(function: Callable[..., None], dtype: DTypeLike, *parameters: Any) -> NDArray[np.uint64]:
    """
    Checks the parameters of a draw or a scheme once, for many fills by ``fill``.

    Parameters
    ----------
    function : function of this module
        A draw or a scheme: ``prepare(normal, np.float32, 0.0, 0.02)``.
    dtype : dtype
        That of the arrays.
    *parameters : float, int, str or bool
        The function's parameters up to ``seed``, by position; those that it takes as keywords follow in their order:
        ``fan_out`` and ``truncated``.

    Returns
    -------
    numpy.ndarray
        512 bytes, which any number of threads may use at once, and which only ``prepare`` can make.

    Raises
    ------
    ValueError
        If the function would raise one for the parameters. Of types that are not accepted, compiling raises a
        ``numba.TypingError``.
    """
    if function not in _RULES:
        raise TypeError(f"function is {function!r}; {_PREPARED}")
    setter, rule = _RULES[function]
    return set_fill(setter, rule(*parameters), dtype)


_PREPARED = "accepted are the draws and schemes of fastinit.numba"


@overload(prepare, strict=False, jit_options=ARRAYS)
def _(function: Any, dtype: Any, *parameters: Any) -> Any:
    key = getattr(function, "typing_key", None)
    if key not in _RULES:
        raise TypingError(f"function is {function}; {_PREPARED}")
    setter, rule = _RULES[key]

    def body(function, dtype, *parameters):  # type: ignore[no-untyped-def]
        return set_fill(setter, rule(*parameters), dtype)

    return body


@functools.partial(compiled, check=checked_with(DTYPES))
def fill(
    out: Array,
    prepared: NDArray[np.uint64],
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    first: int | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """
    Fills an array with what ``prepare`` has returned.

    Parameters
    ----------
    out : numpy.ndarray
        An array of the dtype that ``prepare`` was given.
    prepared : numpy.ndarray
        What it has returned.
    seed, stream, streams, offset, global_shape, accumulate
        As for the draws.
    first : int, optional
        Instead of ``offset`` and ``global_shape``, of a contiguous array: its elements are number first, first + 1, ...
        of the stream's tensor. On the calling thread.
    """
    write_prepared(prepared, first, out, seed, stream, streams, offset, global_shape, accumulate)
