"""
Draws and schemes for code that Numba compiles, with ``njit``, in ``prange``, and kept by ``cache=True``.

>>> import numba, numpy as np, fastinit
>>> from fastinit.numba import he_normal
>>> @numba.njit
... def layers(weights, seed):
...     for i in range(weights.shape[0]):
...         he_normal(weights[i], 784, seed=seed, stream=i)
>>> weights = np.empty((10, 512, 784), np.float32)
>>> layers(weights, 7)
>>> np.array_equal(weights[3], fastinit.Generator(7).he_normal(weights[3].copy(), 784, stream=3))
True

Each function is the method of ``fastinit.Generator`` of that name, bit for bit, with the generator's seed as an
argument; it returns nothing. docs/numba.md says what is accepted.
"""

try:
    import numba  # noqa: F401  (what all of this needs)
except ModuleNotFoundError as _error:
    from fastinit.distribution import missing

    raise missing(_error, "numba") from None

from fastinit.numba.functions import (
    bits,
    fill,
    normal,
    prepare,
    truncated_normal,
    uniform,
    variance_scaling,
)

# Made by tools/make: names.
from fastinit.numba.schemes import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lasagne_normal,
    lasagne_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)

__all__ = [
    "bits",
    "fill",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lasagne_normal",
    "lasagne_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "prepare",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
]
# The end of it.

for _name in __all__:
    globals()[_name].__module__ = __name__  # where users find it
