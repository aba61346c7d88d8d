"""
Drawn: a tensor that is still to be drawn, of which every framework draws the blocks that it needs.

With it what says which tensor that is: its shape, its seed and its stream, and how a large one is cut.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

import fastinit
from fastinit import _core
from fastinit.fans import sizes_of
from fastinit.recipe import Recipe
from fastinit.typing import OnDevice, Output, Sizes, Stream

Shape: TypeAlias = tuple[int, ...]

CACHE_LINE = 64  # bytes


@dataclass(frozen=True)
class Drawn:
    """
    All that makes any block of a tensor, in any process: it can be compared, hashed and pickled.

    >>> import numpy as np
    >>> from fastinit.draw import Drawn
    >>> from fastinit.recipe import Recipe
    >>> drawn = Drawn(Recipe.of("normal"), (2**40, 3), np.dtype(np.float32), seed=7, stream="w")
    >>> drawn.block((slice(2**39, 2**39 + 2), slice(1, None))).shape
    (2, 2)
    """

    recipe: Recipe
    shape: Shape
    dtype: np.dtype[Any]
    seed: int = 0
    stream: Stream | None = 0  # None: the next one of the generator that fills it
    streams: _core.Rows | None = None  # instead: one for each row, an index of the first axis, which is a tensor then

    def __hash__(self) -> int:
        return hash((self.recipe.scheme, self.shape, self.dtype, self.seed, self.stream, self.streams))

    def check(self) -> None:
        """Raises what drawing any block would raise, and draws nothing."""
        self.recipe.check(self.shape if self.streams is None else self.shape[1:], self.dtype)

    def array(self) -> np.ndarray[Any, Any]:
        """A new array of all of it."""
        return self.fill(empty(self.shape, self.dtype))

    def block(self, place: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        """A new array of the block that a slice of each axis, of step 1, cuts out."""
        bounds = [each.indices(size) for each, size in zip(place, self.shape, strict=True)]
        out = empty(tuple(stop - start for start, stop, _ in bounds), self.dtype)
        return self.fill(out, tuple(start for start, _, _ in bounds))

    def fill(self, out: Output, offset: Sizes = (), generator: fastinit.Generator | None = None) -> Output:
        """Fills an array: all of the tensor, or the block of it at that offset; by its seed, or by a generator."""
        chosen = fastinit.Generator(self.seed) if generator is None else generator
        if self.streams is None and out.shape == self.shape and not any(offset):  # as where() has it, in less time
            return self.recipe.fill(chosen, out, stream=self.stream)
        return self.recipe.fill(chosen, out, **self.where(out, tuple(offset)))

    def spec(self, out: np.ndarray[Any, Any] | OnDevice, offset: Sizes) -> tuple[Any, str, dict[str, Any]]:
        """The fill of a block as one of many, as Generator.fill takes them."""
        return self.recipe.spec(out, **self.where(out, tuple(offset)))

    def where(self, out: np.ndarray[Any, Any] | OnDevice, offset: tuple[Any, ...]) -> dict[str, Any]:
        """The keywords of the fill of an array that is the block at that offset, or all of the tensor."""
        keywords: dict[str, Any] = {"stream": self.stream}
        shape, whole = out.shape, self.shape
        if self.streams is not None:
            first = offset[0] if offset else 0
            keywords = {"streams": self.streams[first : first + shape[0]]}
            offset, shape, whole = offset[1:], shape[1:], whole[1:]
        if shape != whole or any(offset):
            keywords |= {"offset": offset, "global_shape": whole}
        return keywords

    def pieces(self, elements: int) -> Iterator[tuple[Shape, Shape]]:
        """
        Blocks (offset, shape) of at most that many elements, which follow each other in C order.

        A tensor whose blocks cost as much as all of it is one piece, and so is a row that has a stream of its own.
        """
        at_once = self.shape if self.streams is None else self.shape[1:]
        return pieces(self.shape, max(elements, math.prod(at_once)) if self.recipe.is_whole else elements)


@dataclass(frozen=True)
class Columns(Recipe):
    """A recipe for a matrix, whose columns are along one axis of the tensor and whose rows along all others."""

    axis: int = -1

    def check(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        if len(shape) < 2:
            raise ValueError(f"shape={shape}; {self.scheme} takes one of two axes or more")
        columns = product_along(shape, "column_axis", (self.axis,))
        super().check((math.prod(shape) // max(columns, 1), columns), dtype)

    def fill(self, generator: fastinit.Generator, out: Any, **where: Any) -> Any:
        """Fills the whole tensor; there are no blocks of it."""
        tensor = np.moveaxis(out, self.axis, -1)
        matrix = tensor.reshape(math.prod(tensor.shape[:-1]), tensor.shape[-1])  # a copy if the axis is not the last
        super().fill(generator, matrix, stream=where["stream"])
        if not np.may_share_memory(matrix, out):
            tensor[...] = matrix.reshape(tensor.shape)
        return out


def empty(shape: Shape, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """A new array that begins at a cache line: frameworks take such memory as it is, where they copy other memory."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def pieces(shape: Shape, elements: int) -> Iterator[tuple[Shape, Shape]]:
    """Cuts a tensor into blocks of at most that many elements, (offset, shape), that follow each other in C order."""
    if not shape:
        yield (), ()
        return
    if 0 in shape:
        return
    axis = next(axis for axis in range(len(shape)) if math.prod(shape[axis + 1 :]) <= elements)
    rest = shape[axis + 1 :]
    step = elements // math.prod(rest)
    for outer in itertools.product(*map(range, shape[:axis])):
        for first in range(0, shape[axis], step):
            size = min(step, shape[axis] - first)
            yield (*outer, first, *(0,) * len(rest)), (*(1,) * axis, size, *rest)


def seed_and_stream(seed: SupportsIndex | np.random.SeedSequence | None, stream: Stream | None) -> tuple[int, Stream]:
    """
    The seed and the stream of a tensor, from what its maker was given.

    Without a seed it is a fill by the default generator, whose next unnamed stream it takes if it was given none. With
    a seed it needs a stream too: tensors that share both would be parts of the same numbers.
    """
    if seed is None:
        return fastinit.default_generator._address(stream)
    if stream is None:
        number = fastinit.Generator(seed).seed
        raise TypeError(f"seed={number} without stream; give each tensor its own: a name or an integer in [0, 2**64)")
    return fastinit.Generator(seed)._address(stream)


def shape_of(shape: object) -> Shape:
    """A shape as a tuple of int, from what NumPy would take for one."""
    sizes = (shape,) if isinstance(shape, SupportsIndex) else shape
    return sizes_of(shape, sizes, "an integer or a tuple of integers")


def product_along(shape: Shape, name: str, axes: int | Iterable[int]) -> int:
    """The product of a shape's sizes along axes, which an argument of that name gave."""
    try:
        return math.prod(shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes))
    except (IndexError, TypeError):
        raise ValueError(f"{name}={axes!r}; accepted are axes of shape={shape}") from None
