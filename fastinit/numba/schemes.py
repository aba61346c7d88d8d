"""Schemes that have names, for code that Numba compiles. Made by tools/make from fastinit/schemes.py."""

from fastinit.numba.arguments import Array, Sizes, Streams
from fastinit.numba.calls import draw, set_scheme
from fastinit.numba.functions import FAN_IN, FAN_SUM, UNIFORM, Members, filling, members, normal_or, one_fan


def _xavier_uniform(fan_in: float, fan_out: float, gain: float = 1.0) -> Members:
    return members(FAN_SUM, UNIFORM, fan_in, fan_out, 2.0, gain, 0.0)


@filling(set_scheme, _xavier_uniform)
def xavier_uniform(
    out: Array,
    fan_in: float,
    fan_out: float,
    gain: float = 1.0,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)): see ``fastinit.Generator.xavier_uniform``."""
    parameters = _xavier_uniform(fan_in, fan_out, gain)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _xavier_normal(fan_in: float, fan_out: float, gain: float = 1.0, truncated: bool = False) -> Members:
    return members(FAN_SUM, normal_or(truncated), fan_in, fan_out, 2.0, gain, 0.0)


@filling(set_scheme, _xavier_normal)
def xavier_normal(
    out: Array,
    fan_in: float,
    fan_out: float,
    gain: float = 1.0,
    *,
    truncated: bool = False,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """N(0, 2 gain**2 / (fan_in + fan_out)): see ``fastinit.Generator.xavier_normal``."""
    parameters = _xavier_normal(fan_in, fan_out, gain, truncated)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _he_uniform(fan_in: float | None = None, negative_slope: float = 0.0, fan_out: float | None = None) -> Members:
    return members(one_fan(fan_in, fan_out), UNIFORM, fan_in, fan_out, 2.0, 1.0, negative_slope)


@filling(set_scheme, _he_uniform)
def he_uniform(
    out: Array,
    fan_in: float | None = None,
    negative_slope: float = 0.0,
    *,
    fan_out: float | None = None,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """U[-a, a), a = sqrt(6 / ((1 + negative_slope**2) fan)): see ``fastinit.Generator.he_uniform``."""
    parameters = _he_uniform(fan_in, negative_slope, fan_out)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _he_normal(
    fan_in: float | None = None, negative_slope: float = 0.0, fan_out: float | None = None, truncated: bool = False
) -> Members:
    return members(one_fan(fan_in, fan_out), normal_or(truncated), fan_in, fan_out, 2.0, 1.0, negative_slope)


@filling(set_scheme, _he_normal)
def he_normal(
    out: Array,
    fan_in: float | None = None,
    negative_slope: float = 0.0,
    *,
    fan_out: float | None = None,
    truncated: bool = False,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """N(0, 2 / ((1 + negative_slope**2) fan)): see ``fastinit.Generator.he_normal``."""
    parameters = _he_normal(fan_in, negative_slope, fan_out, truncated)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _lecun_uniform(fan_in: float) -> Members:
    return members(FAN_IN, UNIFORM, fan_in, None, 1.0, 1.0, 0.0)


@filling(set_scheme, _lecun_uniform)
def lecun_uniform(
    out: Array,
    fan_in: float,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """U[-a, a), a = sqrt(3 / fan_in): see ``fastinit.Generator.lecun_uniform``."""
    parameters = _lecun_uniform(fan_in)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _lecun_normal(fan_in: float, truncated: bool = False) -> Members:
    return members(FAN_IN, normal_or(truncated), fan_in, None, 1.0, 1.0, 0.0)


@filling(set_scheme, _lecun_normal)
def lecun_normal(
    out: Array,
    fan_in: float,
    *,
    truncated: bool = False,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """N(0, 1 / fan_in): see ``fastinit.Generator.lecun_normal``."""
    parameters = _lecun_normal(fan_in, truncated)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _lasagne_uniform(fan_in: float, fan_out: float, gain: float = 1.0) -> Members:
    return members(FAN_SUM, UNIFORM, fan_in, fan_out, 2.0, gain, 0.0)


@filling(set_scheme, _lasagne_uniform)
def lasagne_uniform(
    out: Array,
    fan_in: float,
    fan_out: float,
    gain: float = 1.0,
    *,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)): see ``fastinit.Generator.lasagne_uniform``."""
    parameters = _lasagne_uniform(fan_in, fan_out, gain)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


def _lasagne_normal(fan_in: float, fan_out: float, gain: float = 1.0, truncated: bool = False) -> Members:
    return members(FAN_SUM, normal_or(truncated), fan_in, fan_out, 2.0, gain, 0.0)


@filling(set_scheme, _lasagne_normal)
def lasagne_normal(
    out: Array,
    fan_in: float,
    fan_out: float,
    gain: float = 1.0,
    *,
    truncated: bool = False,
    seed: int,
    stream: int | str | None = None,
    streams: Streams | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
    accumulate: bool = False,
) -> None:
    """N(0, 2 gain**2 / (fan_in + fan_out)): see ``fastinit.Generator.lasagne_normal``."""
    parameters = _lasagne_normal(fan_in, fan_out, gain, truncated)
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)


glorot_uniform = xavier_uniform
glorot_normal = xavier_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal
