"""Keras's initialisers that have names. Made by tools/make from the rows of fastinit/schemes.py."""

import keras

from fastinit.keras.functions import Named, registered


@registered
class GlorotUniform(Named, keras.initializers.GlorotUniform):
    r"""
    U[-a, a) with a = sqrt(6 / (fan_in + fan_out)): for layers with tanh.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
        integer of Keras's, which keras.utils.set_random_seed governs.
    stream : int or str
        Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.
    input_axes, output_axes : sequence of int, optional
        The axes whose product is fan_in, and fan_out. Without both, the shape is (\*kernel, in, out).

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 16.

    Examples
    --------
    >>> import numpy as np, fastinit.keras
    >>> weights = fastinit.keras.GlorotUniform(seed=7, stream="w")((64, 32))
    >>> w = np.empty((64, 32), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).xavier_uniform(w, layout="keras", stream="w"))
    True
    """


@registered
class GlorotNormal(Named, keras.initializers.GlorotNormal):
    r"""
    N(0, 2 / (fan_in + fan_out)), cut at two standard deviations, the spread corrected: for layers with tanh.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
        integer of Keras's, which keras.utils.set_random_seed governs.
    stream : int or str
        Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.
    input_axes, output_axes : sequence of int, optional
        The axes whose product is fan_in, and fan_out. Without both, the shape is (\*kernel, in, out).

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 12.

    Examples
    --------
    >>> import numpy as np, fastinit.keras
    >>> weights = fastinit.keras.GlorotNormal(seed=7, stream="w")((64, 32))
    >>> w = np.empty((64, 32), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).xavier_normal(w, layout="keras", truncated=True, stream="w"))
    True
    """


@registered
class HeUniform(Named, keras.initializers.HeUniform):
    r"""
    U[-a, a) with a = sqrt(6 / fan_in): for layers with ReLU.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
        integer of Keras's, which keras.utils.set_random_seed governs.
    stream : int or str
        Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.
    input_axes, output_axes : sequence of int, optional
        The axes whose product is fan_in, and fan_out. Without both, the shape is (\*kernel, in, out).

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

    Examples
    --------
    >>> import numpy as np, fastinit.keras
    >>> weights = fastinit.keras.HeUniform(seed=7, stream="w")((64, 32))
    >>> w = np.empty((64, 32), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).he_uniform(w, layout="keras", stream="w"))
    True
    """


@registered
class HeNormal(Named, keras.initializers.HeNormal):
    r"""
    N(0, 2 / fan_in), cut at two standard deviations, the spread corrected: for layers with ReLU.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
        integer of Keras's, which keras.utils.set_random_seed governs.
    stream : int or str
        Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.
    input_axes, output_axes : sequence of int, optional
        The axes whose product is fan_in, and fan_out. Without both, the shape is (\*kernel, in, out).

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

    Examples
    --------
    >>> import numpy as np, fastinit.keras
    >>> weights = fastinit.keras.HeNormal(seed=7, stream="w")((64, 32))
    >>> w = np.empty((64, 32), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).he_normal(w, layout="keras", truncated=True, stream="w"))
    True
    """


@registered
class LecunUniform(Named, keras.initializers.LecunUniform):
    r"""
    U[-a, a) with a = sqrt(3 / fan_in): for layers with SELU or no activation.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
        integer of Keras's, which keras.utils.set_random_seed governs.
    stream : int or str
        Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.
    input_axes, output_axes : sequence of int, optional
        The axes whose product is fan_in, and fan_out. Without both, the shape is (\*kernel, in, out).

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6.

    Examples
    --------
    >>> import numpy as np, fastinit.keras
    >>> weights = fastinit.keras.LecunUniform(seed=7, stream="w")((64, 32))
    >>> w = np.empty((64, 32), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).lecun_uniform(w, layout="keras", stream="w"))
    True
    """


@registered
class LecunNormal(Named, keras.initializers.LecunNormal):
    r"""
    N(0, 1 / fan_in), cut at two standard deviations, the spread corrected: for layers with SELU or no activation.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
        integer of Keras's, which keras.utils.set_random_seed governs.
    stream : int or str
        Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.
    input_axes, output_axes : sequence of int, optional
        The axes whose product is fan_in, and fan_out. Without both, the shape is (\*kernel, in, out).

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6; for SELU: Klambauer et al.,
    "Self-normalizing neural networks", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np, fastinit.keras
    >>> weights = fastinit.keras.LecunNormal(seed=7, stream="w")((64, 32))
    >>> w = np.empty((64, 32), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).lecun_normal(w, layout="keras", truncated=True, stream="w"))
    True
    """
