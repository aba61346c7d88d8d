"""
Dask: every draw and scheme of fastinit as a lazy array, of any size, with the same values in any chunks.

>>> import fastinit.dask
>>> w = fastinit.dask.he_normal((2**24, 2**24), "64 MiB", fan_in=2**24, seed=7, stream="w")
>>> w[2**23, :3].compute()  # fills no chunk but the one in which these three lie
array([-0.00024551, -0.00066779, -0.0001067 ], dtype=float32)
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

import fastinit
from fastinit import _core
from fastinit.distribution import missing
from fastinit.docstrings import of_lazy_array
from fastinit.draw import Drawn, seed_and_stream, shape_of
from fastinit.generator import SCHEMES
from fastinit.recipe import WHERE, Recipe

try:
    import dask.array as da
    from dask.base import tokenize
except ModuleNotFoundError as error:
    raise missing(error, "dask") from None

__all__ = sorted(SCHEMES)

_Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Chunks: TypeAlias = int | str | tuple[Any, ...] | dict[int, Any]


def _lazy(recipe: Recipe, shape: _Shape, chunks: _Chunks, dtype: DTypeLike, **source: Any) -> da.Array:
    """The array of a recipe; source is its seed and its stream, if it takes them."""
    shape = shape_of(shape)
    if dtype is None:  # which NumPy takes for float64
        raise TypeError("dtype=None; accepted is a dtype")
    dtype = np.dtype(dtype)
    drawn = Drawn(recipe, shape, dtype)
    drawn.check()
    chunks = _sizes_of_chunks(chunks, shape, dtype)
    if recipe.draws:
        seed, stream = seed_and_stream(**source)
        drawn = replace(drawn, seed=seed, stream=stream)
    array = da.from_array(
        drawn,
        _made_at_once(recipe, chunks),
        name=f"{recipe.scheme}-{tokenize(drawn, chunks)}",
        getitem=Drawn.block,
        meta=np.empty((0,) * len(shape), dtype),
        inline_array=True,
    )
    return array if array.chunks == chunks else array.rechunk(chunks, method="tasks")


def _made_at_once(recipe: Recipe, chunks: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """The chunks that a task makes: larger ones where a block costs as much as the whole, or as its whole columns."""
    if not recipe.is_whole:
        return chunks
    rows, *others = ((sum(sizes),) for sizes in chunks)
    return (rows, chunks[1]) if recipe.scheme == "sparse" else (rows, *others)


def _sizes_of_chunks(chunks: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[tuple[int, ...], ...]:
    if _holds_bool(chunks):
        raise TypeError(f"chunks={chunks!r}; a bool is not accepted as a number")
    try:
        sizes: tuple[tuple[int, ...], ...] = da.core.normalize_chunks(chunks, shape, dtype=dtype)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"chunks={chunks!r} for shape={shape}: {error}") from None
    return sizes


def _holds_bool(chunks: Any) -> bool:
    if isinstance(chunks, dict):
        chunks = tuple(chunks.values())
    return any(map(_holds_bool, chunks)) if isinstance(chunks, (tuple, list)) else _core.is_bool(chunks)


# ---- The functions ---------------------------------------------------------------------------------------------------

_POSITIONAL, _KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
_OWN = ("shape", "chunks", "dtype", "seed", "stream")  # what Generator's functions have not


def _function(scheme: str) -> Callable[..., da.Array]:
    """What Generator's function of that name is, with a shape and chunks in the place of the array."""
    signature = _signature(scheme)

    def function(*arguments: Any, **keywords: Any) -> da.Array:
        try:
            bound = signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise TypeError(f"{scheme}: {error}; accepted are {signature}") from None
        recipe = Recipe.of(scheme, **{name: bound.arguments[name] for name in bound.arguments if name not in _OWN})
        bound.apply_defaults()
        return _lazy(recipe, **{name: bound.arguments[name] for name in _OWN if name in bound.arguments})

    function.__name__ = function.__qualname__ = scheme
    function.__doc__ = of_lazy_array(scheme, getattr(fastinit.Generator, scheme).__doc__, signature.parameters)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _signature(scheme: str) -> inspect.Signature:
    parameters = inspect.signature(getattr(fastinit.Generator, scheme)).parameters.values()
    taken = [each for each in parameters if each.name not in ("self", *WHERE)]
    positional = [each for each in taken if each.kind is _POSITIONAL]
    required = any(each.default is each.empty for each in positional)  # no default may come before these
    return inspect.Signature(
        [
            inspect.Parameter("shape", _POSITIONAL),
            inspect.Parameter("chunks", _POSITIONAL, default=inspect.Parameter.empty if required else "auto"),
            *positional,
            *(each for each in taken if each.kind is _KEYWORD),
            inspect.Parameter("dtype", _KEYWORD, default="uint32" if scheme == "bits" else "float32"),
            *(inspect.Parameter(name, _KEYWORD, default=None) for name in ("seed", "stream") if SCHEMES[scheme]),
        ]
    )


for _scheme in SCHEMES:
    globals()[_scheme] = _function(_scheme)
