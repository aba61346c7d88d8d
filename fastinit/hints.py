"""What errors say besides the problem: what is meant, and what to take for what another library gives."""

import re
from collections.abc import Iterable

import numpy as np

from fastinit import _core

# ---- Names -----------------------------------------------------------------------------------------------------------

# What other libraries call fastinit's schemes, where it is not a matter of spelling.
_SCHEMES_ELSEWHERE = {
    "eye": "identity",
    "full": "constant",
    "random_normal": "normal",
    "random_uniform": "uniform",
    "trunc_normal": "truncated_normal",
}


def closest(name: str, accepted: Iterable[str]) -> str | None:
    """Which of the accepted names is meant by one like "kaiming_normal_", "HeNormal" or "he_norml"; None if none is."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_")
    words = _SCHEMES_ELSEWHERE.get(words, words)
    if words in accepted:
        return words
    import difflib  # which takes as long to import as all of fastinit

    return next(iter(difflib.get_close_matches(words, accepted, 1, 0.82)), None)


# Keywords of other libraries' functions, and what fastinit's take for them: the first that the function has.
_KEYWORDS_ELSEWHERE = {
    **dict.fromkeys(("loc", "mu", "center"), ("mean", "low")),
    **dict.fromkeys(("stddev", "sigma"), ("std",)),
    "scale": ("std", "high"),
    **dict.fromkeys(("a", "minval", "minimum", "lower"), ("low", "negative_slope")),
    **dict.fromkeys(("b", "maxval", "maximum", "upper"), ("high",)),
    **dict.fromkeys(("val", "fill_value"), ("value",)),
    **dict.fromkeys(("in_features", "fan"), ("fan_in",)),
    "out_features": ("fan_out",),
    "out_sharding": ("global_shape",),
    "name": ("stream",),
}
_INSTEAD_OF_KEYWORDS = {
    **dict.fromkeys(("size", "shape"), "out is an array of that shape, which the fill writes to"),
    "dtype": "out is an array of that dtype, which the fill writes to",
    **dict.fromkeys(
        ("rng", "generator", "key", "random_state"), "fastinit.Generator(seed) has these functions as methods"
    ),
    "seed": "fastinit.Generator(seed) has these functions as methods, and fastinit.seed seeds those of the module",
    "mode": "fan_in= or fan_out= says which it is",
    "nonlinearity": "fastinit.recommend(nonlinearity) names the scheme and its arguments",
}


def of_keyword(function: str, keyword: str, names: tuple[str, ...] | None = None) -> str:
    """What the error about a keyword that a method does not take says besides; names are those that it takes."""
    if names is None:
        code = getattr(getattr(_core.Generator, function, None), "__code__", None)
        names = () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for meant in _KEYWORDS_ELSEWHERE.get(keyword, ()):
        if meant in names:
            return f"; did you mean {meant}=?"
    if keyword == "mode" and not ("negative_slope" in names and "fan_out" in names):
        return ""
    if "out" in names and keyword in _INSTEAD_OF_KEYWORDS:
        return f"; {_INSTEAD_OF_KEYWORDS[keyword]}"
    return ""


# ---- Values ----------------------------------------------------------------------------------------------------------

UNIT_DRAW = ", or scale a draw by it in the program, as in std * fastinit.jax.normal(1.0)(key, shape)"


def if_traced(value: object, advice: str = "") -> str:
    """What an error about a value says besides if JAX traces it, as inside of jax.jit; JAX need not be imported."""
    if any(each.__name__ == "Tracer" and each.__module__.partition(".")[0] == "jax" for each in type(value).__mro__):
        return (
            ": JAX traces it, so it has no value yet, and an initialiser needs one when it is made, a fill when it is "
            f"called. Pass a number of Python's, or inside of jax.jit make it static (static_argnums){advice}"
        )
    return ""


def instead_of_array(out: object) -> str:
    """What an error says besides where out is no array."""
    if if_traced(out):
        return ": JAX traces it, so it has no memory yet; fastinit.jax has initialisers"
    library = type(out).__module__.partition(".")[0]
    if library == "torch":
        return "; fastinit.torch fills tensors"
    if library in ("jax", "jaxlib"):
        return ", which cannot be written to; fastinit.jax has initialisers"
    if hasattr(type(out), "__jax_array__"):  # a variable of Flax's, for instance
        return ", which holds an array of JAX's; fastinit.jax has initialisers"
    if library == "cupy":
        return " of CuPy's for ROCm; cupy.asarray(array) makes one of a NumPy array that was filled"
    if library in ("keras", "tensorflow"):
        return "; fastinit.keras has initialisers"
    if library == "dask":
        return "; fastinit.dask makes such arrays"
    if isinstance(out, (list, tuple, int)):
        return "; make one with numpy.empty(shape, dtype), which the fill then writes to"
    if isinstance(out, np.generic):
        return ", which is a copy of an element; an array of no axes, numpy.empty(()), can be filled"
    try:
        memoryview(out)  # type: ignore[arg-type]
    except TypeError:
        return ""
    return "; numpy.asarray(out) is an array of the same memory"


_SEED_HINTS = {
    "fastinit": "Generator.spawn makes other generators of one",
    "numpy": "int.from_bytes(rng.bytes(8), 'little') draws one",
    "torch": "generator.initial_seed() is one",
}


def instead_of_seed(seed: object) -> str:
    """What is no seed, and what to take in its place; nothing of what may be an integer."""
    kind, library = type(seed).__name__, type(seed).__module__.partition(".")[0]
    if library in _SEED_HINTS and kind in ("Generator", "RandomState"):
        return f"a {library} {kind}; {_SEED_HINTS[library]}"
    if isinstance(seed, (list, tuple)) or getattr(seed, "ndim", False):
        return f"{kind}; of several integers, numpy.random.SeedSequence(seed) makes a seed that is accepted"
    return ""
