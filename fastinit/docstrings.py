"""
What docstrings share stands once, and is written out where they are read: here at run time, by tools/stubs.py for IDEs.

This module imports nothing of fastinit: tools/stubs.py uses it before there is a core.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

_Class = TypeVar("_Class", bound=type)
_Object = TypeVar("_Object", bound=Callable[..., Any])  # a function or a class


def documented(paragraphs: Mapping[str, str], **words: str) -> Callable[[_Object], _Object]:
    """Writes out the docstring of a function or a class; the words are those of its example."""

    def complete(function: _Object) -> _Object:
        function.__doc__ = written_out(function.__doc__ or "", paragraphs, name=function.__name__, **words)
        return function

    return complete


def written_out(text: str, paragraphs: Mapping[str, str], **words: str) -> str:
    """
    The text with each line that is a mark such as <stream> replaced by its paragraph, indented as the mark is.

    Then each word in braces, such as {name}, is replaced by what it stands for.
    """

    def paragraph(found: re.Match[str]) -> str:
        indent, mark = found.groups()
        return "\n".join(indent + line if line else line for line in paragraphs[mark].split("\n"))

    text = re.sub(r"^( *)(<[a-z_ ]+>)$", paragraph, text, flags=re.M)
    for word, meaning in words.items():
        text = text.replace(f"{{{word}}}", meaning)
    return text


# ---- Generator's functions, of the core and of fastinit/generator.py -------------------------------------------------

_OUT = "out : numpy.ndarray, or an array on a CUDA device"
PARAGRAPHS = {
    "<out>": f"""{_OUT}
    Of any shape and layout, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes).""",
    "<normal out>": f"""{_OUT}
    Of any shape and layout, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes), complex64 or complex128. The
    two parts of a complex number have half the variance each; a truncated draw has none.""",
    "<constant out>": f"""{_OUT}
    Of any shape and layout, of any dtype of numbers: bool, integers, floating-point or complex; of ml_dtypes too.""",
    "<fans>": """fan_in, fan_out : float, optional
    Inputs and outputs of a unit, positive and finite. Left out with a layout.""",
    "<fan>": """fan_in : float, optional
    Inputs of a unit, positive and finite. Left out with a layout, or for fan_out.
fan_out : float, optional
    Outputs of a unit, in the place of fan_in: keeps the variance of the gradients instead of the activations'.""",
    "<fan_in>": """fan_in : float, optional
    Inputs of a unit, positive and finite. Left out with a layout.""",
    "<gain>": """gain : float
    Positive and finite: the activation's, see fastinit.gain.""",
    "<lasagne gain>": """gain : float or "relu"
    Positive and finite; "relu" is sqrt(2).""",
    "<slope>": """negative_slope : float
    Slope of the rectifier below zero: 0 is ReLU's.""",
    "<layout>": """layout : {"torch", "keras", "jax", "flax", "tensorflow", "lasagne"}, optional
    Takes the fans from out's shape, or global_shape: see fastinit.fans.""",
    "<truncated>": """truncated : bool
    Cut at two standard deviations, as Keras and JAX do, with the spread corrected so that the variance is the same:
    ``truncated_normal(out, 0.0, std / 0.87962566103423978)``.""",
    "<stream>": """stream : int or str, optional
    The stream: an integer in [0, 2**64) or a name. Left out: the generator's next one.""",
    "<streams>": """streams : array of int, range, or list of int and str, optional
    Instead of stream, one for each index of out's first axis: out[i] gets what a call with out[i] and
    ``stream=streams[i]`` would write. offset and global_shape, and the fans of a layout, are those of out[i] then.""",
    "<block>": """offset, global_shape : tuple of int, optional
    out is the block of a tensor of that shape which begins at that offset, and gets what the tensor would hold there.
    One integer for each axis; at most 2**63 elements.""",
    "<accumulate>": """accumulate : bool
    Add the values to what is there.""",
    "<returns and raises>": """Returns
-------
numpy.ndarray
    out.

Raises
------
TypeError, ValueError
    If an argument is not as above; nothing is written and no stream is taken then.""",
}


def complete(cls: _Class) -> _Class:
    """Writes out the docstrings of a class's functions."""
    for method in vars(cls).values():
        text = getattr(method, "__doc__", None)
        if text and "Parameters\n" in text:
            if text.startswith("\n        "):  # Cython and Python before 3.13 keep the indentation
                text = text.replace("\n        ", "\n")
            for mark, paragraph in PARAGRAPHS.items():  # written_out() would take longer than all else of the import
                text = text.replace(mark, paragraph)
            method.__doc__ = text.strip()
    return cls


# ---- Lazy arrays: what fastinit.dask makes of the docstrings of Generator's functions -------------------------------

_CHUNKS = """chunks : int, tuple, dict or str
    As everywhere in Dask: sizes for each axis, or how many bytes. The values do not depend on them."""
_SOURCE = """seed : int or numpy.random.SeedSequence, optional
    In [0, 2**64). Left out: the default generator's, which fastinit.seed sets.
stream : int or str, optional
    An integer in [0, 2**64) or a name; a seed needs one. Left out: the default generator's next one. It is taken when
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


def of_lazy_array(scheme: str, text: str, names: Iterable[str]) -> str:
    """The docstring of Generator's function, for an array that is still to be made with arguments of these names."""
    text = text.strip()
    names = set(names)
    draws = "stream" in names
    parts = dict(re.findall(r"^(\w+)\n-+\n(.*?)(?=\n\n\w+\n-+\n|\Z)", text, re.M | re.S))
    entries = re.findall(r"^\S.*(?:\n    .*)*", parts["Parameters"], re.M)
    out, *own = [each for each in entries if not each.startswith(("stream", "offset", "accumulate"))]
    out = re.sub("^out : numpy.ndarray.*", "shape, dtype : int or tuple of int, dtype", out).replace(" and layout", "")
    entries = [out, _CHUNKS, *own, *([_SOURCE] if draws else [])]
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
        source=", seed=7, stream='w'" if draws else "",
        stream=", stream='w'" if draws else "",
    )
