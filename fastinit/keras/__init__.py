"""
Keras 3: its initialisers under their own names, with a stream for each weight and the values of a fastinit.Generator.

>>> import keras, fastinit.keras
>>> layer = keras.layers.Dense(512, kernel_initializer=fastinit.keras.HeNormal(seed=7, stream="fc1/kernel"))

On Keras's JAX and PyTorch backends, under jax.jit and with distribution layouts too. docs/keras.md says what equals
what.
"""

try:
    import keras  # noqa: F401  (what all of this needs)
    import ml_dtypes  # noqa: F401  (Keras needs it; NumPy then knows bfloat16 by its name)
except ModuleNotFoundError as _error:
    from fastinit.distribution import missing

    raise missing(_error, "keras") from None

from fastinit.keras.functions import (
    Constant,
    Identity,
    IdentityInitializer,
    Ones,
    Orthogonal,
    OrthogonalInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)

# Made by tools/make: names.
from fastinit.keras.schemes import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
]
# The end of it.

for _name in __all__:
    globals()[_name].__module__ = __name__  # where users find it, and what a saved model calls it
