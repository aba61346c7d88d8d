"""
Initialisers for JAX, Flax and Haiku: ``from fastinit import jax as init`` takes the place of jax.nn.initializers.

The key gives the seed and the stream, so that the values are those of a fastinit.Generator, bit for bit; see make_array
for tensors whose shards are filled apart. docs/jax.md shows both.
"""

try:
    import jax  # noqa: F401  (what all of this needs)
except ModuleNotFoundError as _error:
    from fastinit.distribution import missing

    raise missing(_error, "jax") from None

from jax.nn.initializers import Initializer, constant, ones, zeros

from fastinit.jax.functions import (
    delta_orthogonal,
    for_haiku,
    make_array,
    normal,
    orthogonal,
    truncated_normal,
    uniform,
    variance_scaling,
)

# Made by tools/make: names.
from fastinit.jax.schemes import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "for_haiku",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "make_array",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
# The end of it.

for _name in __all__:
    if globals()[_name].__module__.startswith(f"{__name__}."):
        globals()[_name].__module__ = __name__  # where users find it
