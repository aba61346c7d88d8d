"""The fans of a weight array, by the layouts of the frameworks."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, SupportsIndex

from fastinit import _core, hints
from fastinit.typing import Layout


class Fans(NamedTuple):
    """The inputs and the outputs of a unit, as the schemes count them."""

    fan_in: int
    fan_out: int


def fans(shape: Iterable[SupportsIndex], layout: Layout) -> Fans:
    """
    The fans of a weight array: how many inputs a unit sums, and how many units an input reaches.

    Parameters
    ----------
    shape : tuple of int
        The array's shape.
    layout : {"torch", "keras", "jax", "flax", "tensorflow", "lasagne"}
        What the axes mean, with f the product of the kernel's axes:

        - "torch", (out, in, \\*kernel): fan_in = in f, fan_out = out f. Fewer than two axes are an error, as there.
        - "keras", (\\*kernel, in, out), also by the names "jax", "flax" and "tensorflow": the same. One axis of n is
          fan_in = fan_out = n, none is 1, as in Keras.
        - "lasagne": (in, out) for a dense layer; (filters, in, \\*kernel) for a convolution, whose fan_in = in f and
          fan_out = filters f add up to f times the first two axes. Fewer than two axes are an error, as there.

    Returns
    -------
    Fans
        A named tuple (fan_in, fan_out) of int.

    Raises
    ------
    TypeError, ValueError
        If shape is not of non-negative integers, or layout is unknown or does not fit it.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.fans((64, 3, 7, 7), "torch")
    Fans(fan_in=147, fan_out=3136)
    >>> fastinit.fans((7, 7, 3, 64), "keras")
    Fans(fan_in=147, fan_out=3136)
    """
    sizes = sizes_of(shape, shape, "a tuple of integers")
    inputs, outputs = _core.fan_axes(layout, sizes)
    kernel = math.prod(size for axis, size in enumerate(sizes) if axis not in (inputs, outputs))
    return Fans(*(kernel * sizes[axis] if axis >= 0 else 1 for axis in (inputs, outputs)))


def sizes_of(shape: object, sizes: Any, accepted: str) -> tuple[int, ...]:
    """The sizes of a shape, which errors name, as integers of Python's."""
    try:
        integers = tuple([_core.integer_of("shape", size, "of integers") for size in sizes])
    except TypeError as error:
        traced = "".join(map(hints.if_traced, shape if isinstance(shape, (tuple, list)) else (shape,)))
        raise TypeError(f"shape={shape!r}; accepted is {accepted}{traced}") from error.__cause__
    if any(size < 0 for size in integers):
        raise ValueError(f"shape={shape!r}; accepted are sizes of zero and more")
    return integers


# As they are pickled.
Fans.__module__ = fans.__module__ = "fastinit"
