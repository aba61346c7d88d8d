"""
Recipe: a scheme and its arguments, apart from any array; what rules, lazy arrays and frameworks' initialisers hold.

With it, what the modules for frameworks have in common: which stream a tensor takes, and how a large one is cut.
"""

import functools
import inspect
import itertools
import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

import fastinit
from fastinit import _core, hints
from fastinit.dtypes import COMPLEX, REALS, WORDS
from fastinit.generator import FILLS
from fastinit.text import meant, quoted
from fastinit.typing import Array, Sizes, Stream

_Shape: TypeAlias = tuple[int, ...]

WHERE = ("out", "stream", "offset", "global_shape", "accumulate")  # what a tensor has and a recipe has not
CACHE_LINE = 64  # bytes
WHOLE = frozenset(("orthogonal", "delta_orthogonal", "sparse"))  # a block of these costs as much as all of it


@dataclass(frozen=True)
class Recipe:
    """
    The name of a function that fills arrays, and its arguments by keyword: all but the array, its stream and its block.

    >>> from fastinit.recipe import Recipe
    >>> print(Recipe.of("normal", 0.0, 0.02))
    normal(mean=0.0, std=0.02)
    """

    scheme: str
    arguments: dict[str, Any]

    @classmethod
    def of(cls, scheme: str, /, *arguments: Any, **keywords: Any) -> "Recipe":
        """The recipe for arguments as the function takes them after the array; TypeError, ValueError if it does not."""
        _core.choice("scheme", scheme, FILLS)
        parameters = _parameters(scheme)
        try:
            bound = parameters.bind(*arguments, **keywords)
        except TypeError as error:
            problem, hint = str(error), ""
            names = tuple(parameters.parameters)
            for name in (name for name in keywords if name not in names):
                problem = problem.replace(repr(name), quoted(name))
                hint = hint or hints.of_keyword(scheme, name, names) or meant(name, names)
            accepted = ", ".join(map(str, parameters.parameters.values()))
            raise TypeError(f"{scheme}: {problem}; accepted are ({accepted}){hint}") from None
        return cls(scheme, bound.arguments)

    @classmethod
    def parse(cls, spec: object) -> "Recipe":
        """The recipe for a scheme's name or a tuple (scheme, *arguments), a dictionary at whose end holds keywords."""
        if isinstance(spec, Recipe):
            return spec
        if isinstance(spec, str):
            return cls.of(spec)
        if not isinstance(spec, (tuple, list)) or not spec:
            raise TypeError(f"{spec!r}; accepted is a scheme's name or a tuple (scheme, *arguments)")
        scheme, *arguments = spec
        keywords = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        return cls.of(scheme, *arguments, **keywords)

    def __str__(self) -> str:
        return f"{self.scheme}({', '.join(f'{name}={quoted(value)}' for name, value in self.arguments.items())})"

    @property
    def draws(self) -> bool:
        """Whether it takes a stream."""
        return FILLS[self.scheme]

    @property
    def takes_complex(self) -> bool:
        """Whether it fills arrays of complex numbers: constants do, and normals that are not truncated."""
        if not self.draws or self.scheme == "normal":
            return True
        if self.scheme == "variance_scaling":
            return self.arguments.get("distribution") in ("normal", "untruncated_normal")
        is_scheme = self.scheme.endswith("_normal") and self.scheme != "truncated_normal"
        return is_scheme and not self.arguments.get("truncated")

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The names of the dtypes that it draws."""
        if self.scheme == "bits":
            return WORDS
        return REALS + COMPLEX if self.takes_complex else REALS

    def if_complex(self, is_complex: bool, by: str = "normal and by the normal schemes that are not truncated") -> str:
        """What an error about a dtype says besides where that is complex: what draws such numbers."""
        says_more = is_complex and not self.takes_complex and self.scheme != "bits"
        return f"; complex numbers are drawn by {by}" if says_more else ""

    @property
    def is_whole(self) -> bool:
        """Whether a block of it costs as much as the whole tensor."""
        return self.scheme in WHOLE

    @property
    def takes_layout(self) -> bool:
        """Whether it is missing the fans that a layout would give it."""
        return "layout" in _parameters(self.scheme).parameters and not {"layout", "fan_in", "fan_out"} & set(
            self.arguments
        )

    def with_layout(self, layout: str) -> "Recipe":
        """Itself, with its fans by that layout if it needs some and was given none."""
        return Recipe(self.scheme, {**self.arguments, "layout": layout}) if self.takes_layout else self

    def spec(
        self,
        out: np.ndarray[Any, Any],
        stream: Stream | None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
    ) -> tuple[Any, str, dict[str, Any]]:
        """One of many fills, as Generator.fill takes them: of the array, or the block of a tensor that it is."""
        keywords = dict(self.arguments)
        if self.draws:
            keywords["stream"] = stream
        if offset is not None or global_shape is not None:
            keywords |= {"offset": offset, "global_shape": global_shape}
        return out, self.scheme, keywords

    def fill(
        self,
        generator: fastinit.Generator,
        out: Array,
        *,
        stream: Stream | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
    ) -> Array:
        """Fills the array, or the block of a tensor that it is."""
        _, scheme, keywords = self.spec(out, stream, offset, global_shape)
        filled: Array = getattr(generator, scheme)(out, **keywords)
        return filled

    def pieces(self, shape: _Shape, elements: int) -> Iterator[tuple[_Shape, _Shape]]:
        """The blocks to fill a tensor in, of at most that many elements; all of it at once if that is as much work."""
        return pieces(shape, math.prod(shape) if self.is_whole else elements)

    def array(
        self,
        shape: _Shape,
        dtype: np.dtype[Any],
        seed: int,
        stream: Stream,
        offset: _Shape | None = None,
        global_shape: _Shape | None = None,
    ) -> np.ndarray[Any, Any]:
        """A new array, or block of a tensor."""
        where = {"offset": offset, "global_shape": global_shape}
        return self.fill(fastinit.Generator(seed), empty(shape, dtype), stream=stream, **where)

    def check(self, shape: _Shape, dtype: np.dtype[Any]) -> None:
        """Raises what the fill of a tensor of that shape and dtype would raise, and fills nothing."""
        out = np.empty((0,) * len(shape), dtype)
        spec = self.spec(out, 0, (0,) * len(shape), tuple(shape))
        generators = fastinit.Generator(0), fastinit.Generator(0)
        _core.record(*generators, FILLS, [(self, spec)], False, False, self.scheme)


@functools.cache
def _parameters(scheme: str) -> inspect.Signature:
    """What a recipe for the scheme may hold."""
    parameters = inspect.signature(getattr(fastinit.Generator, scheme)).parameters.values()
    return inspect.Signature([each for each in parameters if each.name not in ("self", *WHERE)])


def empty(shape: _Shape, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """A new array that begins at a cache line: frameworks take such memory as it is, where they copy other memory."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def address(seed: SupportsIndex | np.random.SeedSequence | None, stream: Stream | None) -> tuple[int, Stream]:
    """
    The seed and the stream of a tensor, from what its maker was given.

    Without a seed it is a fill by the default generator, whose next unnamed stream it takes if it was given none. With
    a seed it needs a stream too: tensors that share both would be parts of the same numbers.
    """
    if seed is None:
        return fastinit.default_generator._address(stream)
    if stream is None:
        number = fastinit.Generator(seed).seed
        raise TypeError(f"seed={number} without stream; give each tensor its own: a name or an integer in [0, 2**63)")
    return fastinit.Generator(seed)._address(stream)


def sizes_of(shape: object) -> _Shape:
    """A shape as a tuple of int, from what NumPy would take for one."""
    try:
        sizes = tuple(map(_integer, (shape,) if isinstance(shape, SupportsIndex) else shape))  # type: ignore[call-overload]
    except TypeError as error:
        traced = "".join(map(hints.if_traced, shape if isinstance(shape, (tuple, list)) else (shape,)))
        refused = TypeError(f"shape={shape!r}; accepted is an integer or a tuple of integers{traced}")
        raise refused from None if traced else error.__cause__
    if any(size < 0 for size in sizes):
        raise ValueError(f"shape={shape!r}; accepted are sizes of zero and more")
    return sizes


def _integer(value: object) -> int:
    """value as an int; a TypeError if it is none, or a bool, whose cause is what its own __index__ raised."""
    try:
        if not _core.is_bool(value):
            return operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        if hasattr(type(value), "__index__"):
            raise TypeError from error
    raise TypeError


def check_axes(name: str, axes: object) -> None:
    """TypeError for axes, or one, that are bools or that JAX traces."""
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        if traced := hints.if_traced(axis):
            raise TypeError(f"{name}={axes!r}; accepted are axes{traced}")
        if _core.is_bool(axis):
            raise TypeError(f"{name}={axes!r}; accepted are axes: integers, not bools")


def product_along(shape: _Shape, name: str, axes: int | Iterable[int]) -> int:
    """The product of a shape's sizes along axes, which an argument of that name gave."""
    try:
        return math.prod(shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes))
    except (IndexError, TypeError):
        raise ValueError(f"{name}={axes!r}; accepted are axes of shape={shape}") from None


def pieces(shape: _Shape, elements: int) -> Iterator[tuple[_Shape, _Shape]]:
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
