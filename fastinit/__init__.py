"""
Seeded random initialisation of weight arrays, in place, many times faster than numpy.random.

>>> import numpy as np, fastinit
>>> w = np.empty((512, 784), np.float32)
>>> g = fastinit.Generator(7)
>>> _ = g.he_normal(w, 784, stream="fc1.weight")

The values depend on (seed, stream, index) and on nothing else: not on the CPU's instruction set, not on the order of
fills, not on the shape of other layers.

Every function is a method of ``Generator``; under its own name in this module it belongs to ``default_generator``,
which ``fastinit.seed`` seeds and which otherwise starts from fresh entropy, in every forked process anew.
"""

import os

import fastinit.startup  # before all that takes time

try:
    import fastinit._core  # noqa: F401  (used below, once it can be found)
except ModuleNotFoundError:
    # Imported from its source tree, as `python -m` does there: the compiled core is in the installed package.
    import importlib.util
    import pkgutil

    __path__ = pkgutil.extend_path(__path__, __name__)
    if importlib.util.find_spec("fastinit._core") is None:
        raise ImportError("the compiled core of fastinit is not installed; `pip install .` builds it") from None

from fastinit import _core
from fastinit._core import STREAM_VERSION, get_num_threads, set_num_threads, simd, stream_number
from fastinit._core import version as __version__
from fastinit.activations import Recommendation, gain, recommend
from fastinit.distribution import warn_of_other
from fastinit.fans import Fans, fans
from fastinit.generator import DefaultFunctions, Generator

warn_of_other(_core.__file__, __version__)

if hasattr(os, "register_at_fork") and "_functions" not in globals():
    os.register_at_fork(after_in_child=lambda: _functions._after_fork_in_child())
# importlib.reload keeps those that are there.
default_generator: Generator = globals().get("default_generator") or Generator()
_functions: DefaultFunctions = globals().get("_functions") or DefaultFunctions(globals())

seed = _functions.reseed
fill = _functions.fill


def get_include() -> str:
    """
    The folder of fastinit.h and fastinit.pxd: for extensions in C or Cython that fill without Python.

    Returns
    -------
    str
        An absolute path, for the compiler's and Cython's include paths.

    Examples
    --------
    >>> import fastinit, os
    >>> sorted(os.listdir(fastinit.get_include()))
    ['fastinit.h', 'fastinit.pxd']
    """
    return os.path.join(os.path.dirname(os.path.abspath(_core.__file__)), "include")


def __dir__() -> list[str]:
    """What is public: modules that only fastinit itself uses are not."""
    modules = ("capi", "checkpoint", "dask", "insight", "jax", "keras", "numba", "torch", "typing")
    return sorted(name for name in globals() if name in (*__all__, *modules) or name.startswith("__"))


__all__ = [
    "STREAM_VERSION",
    "Fans",
    "Generator",
    "Recommendation",
    "__version__",
    "default_generator",
    "fans",
    "fill",
    "gain",
    "get_include",
    "get_num_threads",
    "recommend",
    "seed",
    "set_num_threads",
    "simd",
    "stream_number",
]

# Made by tools/make: functions.
bits = _functions.bits
uniform = _functions.uniform
normal = _functions.normal
truncated_normal = _functions.truncated_normal
xavier_uniform = _functions.xavier_uniform
glorot_uniform = _functions.glorot_uniform
xavier_normal = _functions.xavier_normal
glorot_normal = _functions.glorot_normal
he_uniform = _functions.he_uniform
kaiming_uniform = _functions.kaiming_uniform
he_normal = _functions.he_normal
kaiming_normal = _functions.kaiming_normal
lecun_uniform = _functions.lecun_uniform
lecun_normal = _functions.lecun_normal
lasagne_uniform = _functions.lasagne_uniform
lasagne_normal = _functions.lasagne_normal
variance_scaling = _functions.variance_scaling
orthogonal = _functions.orthogonal
delta_orthogonal = _functions.delta_orthogonal
sparse = _functions.sparse
identity = _functions.identity
dirac = _functions.dirac
zeros = _functions.zeros
ones = _functions.ones
constant = _functions.constant

__all__ += [
    "bits",
    "constant",
    "delta_orthogonal",
    "dirac",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "lasagne_normal",
    "lasagne_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
# The end of it.
