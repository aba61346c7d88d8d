"""
Dask: every draw and scheme of fastinit as a lazy array, of any size, with the same values in any chunks.

>>> import fastinit.dask
>>> w = fastinit.dask.he_normal((2**24, 2**24), "64 MiB", fan_in=2**24, seed=7, stream="w")
>>> w[2**23, :3].compute()  # fills no chunk but the one in which these three lie
array([-0.00024551, -0.00066779, -0.0001067 ], dtype=float32)
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastinit
from fastinit.generator import FILLS
from fastinit.recipe import WHERE, Recipe, address, missing, sizes_of
from fastinit.typing import Stream

try:
    import dask.array as da
    from dask.base import tokenize
except ModuleNotFoundError as error:
    raise missing(error, "dask") from None

__all__ = sorted(FILLS)


@dataclass(frozen=True)
class _Tensor:
    """All that a task must know to make any block of a tensor: what da.from_array takes for an array on a disk."""

    recipe: Recipe
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    seed: int = 0
    stream: Stream = 0


def _block(tensor: _Tensor, place: tuple[slice, ...]) -> np.ndarray[Any, Any]:
    offset = tuple(each.start for each in place)
    shape = tuple(each.stop - each.start for each in place)
    return tensor.recipe.array(shape, tensor.dtype, tensor.seed, tensor.stream, offset, tensor.shape)


def _lazy(recipe: Recipe, shape: Any, chunks: Any, dtype: Any, **source: Any) -> da.Array:
    """The array of a recipe; source is its seed and its stream, if it takes them."""
    shape = sizes_of(shape)
    if dtype is None:  # which NumPy takes for float64
        raise TypeError("dtype=None; accepted is a dtype")
    dtype = np.dtype(dtype)
    recipe.check(shape, dtype)
    chunks = _sizes_of_chunks(chunks, shape, dtype)
    tensor = _Tensor(recipe, shape, dtype, *(address(**source) if recipe.draws else ()))
    array = da.from_array(
        tensor,
        _made_at_once(recipe, chunks),
        name=f"{recipe.scheme}-{tokenize(tensor, chunks)}",
        getitem=_block,
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
    try:
        sizes: tuple[tuple[int, ...], ...] = da.core.normalize_chunks(chunks, shape, dtype=dtype)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"chunks={chunks!r} for shape={shape}: {error}") from None
    return sizes


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
    function.__doc__ = _docstring(scheme, list(signature.parameters))
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
            *(inspect.Parameter(name, _KEYWORD, default=None) for name in ("seed", "stream") if FILLS[scheme]),
        ]
    )


_CHUNKS = """chunks : int, tuple, dict or str
    As everywhere in Dask: sizes for each axis, or how many bytes. The values do not depend on them."""
_SOURCE = """seed : int, optional
    In [0, 2**64). Left out: the default generator's, which fastinit.seed sets.
stream : int or str, optional
    An integer in [0, 2**63) or a name; a seed needs one. Left out: the default generator's next one. It is taken when
    the array is defined, so that the array has the same values each time that it is computed."""
_COSTS = {
    **dict.fromkeys(("orthogonal", "delta_orthogonal"), "\n    One task makes all of it, whichever part is computed."),
    "sparse": "\n    Each task makes whole columns.",
}
_EXAMPLES = {  # a shape, chunks and what the scheme needs besides
    "constant": ("(6, 4)", "3", "0.1"),
    "dirac": ("(4, 6, 3)", "2"),
    "delta_orthogonal": ("(3, 4, 6)", "2"),
    "sparse": ("(6, 4)", "3", "0.25"),
}
_TEMPLATE = """
Lazily {summary}

Parameters
----------
{parameters}

Returns
-------
dask.array.Array
    In any chunks, what ``fastinit.Generator.{scheme}`` writes to an array of that shape.{cost}

Raises
------
TypeError, ValueError
    If an argument is not as above: when the array is defined, not when it is computed.
{notes}
Examples
--------
>>> import numpy as np, fastinit.dask
>>> w = fastinit.dask.{scheme}({shape}, {chunks}{arguments}{source})
>>> whole = fastinit.Generator(7).{scheme}(np.empty({shape}, w.dtype){arguments}{stream})
>>> np.array_equal(w.compute(), whole)
True
"""


def _docstring(scheme: str, names: list[str]) -> str:
    """That of Generator's function, for an array that is still to be made."""
    text = getattr(fastinit.Generator, scheme).__doc__.strip()
    parts = dict(re.findall(r"^(\w+)\n-+\n(.*?)(?=\n\n\w+\n-+\n|\Z)", text, re.M | re.S))
    entries = re.findall(r"^\S.*(?:\n    .*)*", parts["Parameters"], re.M)
    out, *own = [each for each in entries if not each.startswith(("stream", "offset", "accumulate"))]
    out = out.replace("out : numpy.ndarray", "shape, dtype : int or tuple of int, dtype").replace(" and layout", "")
    entries = [out, _CHUNKS, *own, *([_SOURCE] if FILLS[scheme] else [])]
    shape, chunks, *arguments = _EXAMPLES.get(scheme, ("(6, 4)", "3"))
    return _TEMPLATE.format(
        scheme=scheme,
        summary=text.partition("\n\n")[0].replace("Fills", "fills", 1),
        parameters="\n".join(entries).replace("out's shape, or global_shape", "the shape"),
        cost=_COSTS.get(scheme, ""),
        notes=f"\nNotes\n-----\n{parts['Notes']}\n" if "Notes" in parts else "",
        shape=shape,
        chunks=chunks,
        arguments="".join(f", {each}" for each in [*arguments, *(["layout='torch'"] if "layout" in names else [])]),
        source=", seed=7, stream='w'" if FILLS[scheme] else "",
        stream=", stream='w'" if FILLS[scheme] else "",
    )


for _scheme in FILLS:
    globals()[_scheme] = _function(_scheme)
