"""JAX's initialisers that have names. Made by tools/make from the rows of fastinit/schemes.py."""

from typing import Any

from jax.nn.initializers import Initializer

from fastinit.jax.functions import Axes, variance_scaling


def glorot_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """
    Glorot's uniform initialiser: U[-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    in_axis, out_axis : int or sequence of int
        The axes of the inputs and of the outputs of a unit.
    batch_axis : int or sequence of int
        The axes of weights that are independent of each other. All other axes are the kernel of a convolution.
    dtype : dtype, optional
        What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
        enabled; by default JAX's own, float32 or float64.

    Returns
    -------
    Initializer
        A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
        is filled then, and under jax.jit it is raised while the function is traced.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 16.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.glorot_uniform()(jax.random.key(7), (784, 512))
    >>> w = np.empty((784, 512), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).xavier_uniform(w, layout="keras", stream=0))
    True
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """
    Glorot's normal initialiser: N(0, 2 / (fan_in + fan_out)), cut at two standard deviations, the spread corrected.

    Parameters
    ----------
    in_axis, out_axis : int or sequence of int
        The axes of the inputs and of the outputs of a unit.
    batch_axis : int or sequence of int
        The axes of weights that are independent of each other. All other axes are the kernel of a convolution.
    dtype : dtype, optional
        What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
        enabled; by default JAX's own, float32 or float64.

    Returns
    -------
    Initializer
        A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
        is filled then, and under jax.jit it is raised while the function is traced.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 12.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.glorot_normal()(jax.random.key(7), (784, 512))
    >>> w = np.empty((784, 512), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).xavier_normal(w, layout="keras", truncated=True, stream=0))
    True
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """
    He's uniform initialiser: U[-a, a) with a = sqrt(6 / fan_in).

    Parameters
    ----------
    in_axis, out_axis : int or sequence of int
        The axes of the inputs and of the outputs of a unit.
    batch_axis : int or sequence of int
        The axes of weights that are independent of each other. All other axes are the kernel of a convolution.
    dtype : dtype, optional
        What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
        enabled; by default JAX's own, float32 or float64.

    Returns
    -------
    Initializer
        A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
        is filled then, and under jax.jit it is raised while the function is traced.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.he_uniform()(jax.random.key(7), (784, 512))
    >>> w = np.empty((784, 512), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).he_uniform(w, layout="keras", stream=0))
    True
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """
    He's normal initialiser: N(0, 2 / fan_in), cut at two standard deviations, the spread corrected.

    Parameters
    ----------
    in_axis, out_axis : int or sequence of int
        The axes of the inputs and of the outputs of a unit.
    batch_axis : int or sequence of int
        The axes of weights that are independent of each other. All other axes are the kernel of a convolution.
    dtype : dtype, optional
        What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
        enabled; by default JAX's own, float32 or float64.

    Returns
    -------
    Initializer
        A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
        is filled then, and under jax.jit it is raised while the function is traced.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.he_normal()(jax.random.key(7), (784, 512))
    >>> w = np.empty((784, 512), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).he_normal(w, layout="keras", truncated=True, stream=0))
    True
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def lecun_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """
    LeCun's uniform initialiser: U[-a, a) with a = sqrt(3 / fan_in).

    Parameters
    ----------
    in_axis, out_axis : int or sequence of int
        The axes of the inputs and of the outputs of a unit.
    batch_axis : int or sequence of int
        The axes of weights that are independent of each other. All other axes are the kernel of a convolution.
    dtype : dtype, optional
        What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
        enabled; by default JAX's own, float32 or float64.

    Returns
    -------
    Initializer
        A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
        is filled then, and under jax.jit it is raised while the function is traced.

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.lecun_uniform()(jax.random.key(7), (784, 512))
    >>> w = np.empty((784, 512), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).lecun_uniform(w, layout="keras", stream=0))
    True
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """
    LeCun's normal initialiser: N(0, 1 / fan_in), cut at two standard deviations, the spread corrected.

    Parameters
    ----------
    in_axis, out_axis : int or sequence of int
        The axes of the inputs and of the outputs of a unit.
    batch_axis : int or sequence of int
        The axes of weights that are independent of each other. All other axes are the kernel of a convolution.
    dtype : dtype, optional
        What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
        enabled; by default JAX's own, float32 or float64.

    Returns
    -------
    Initializer
        A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
        is filled then, and under jax.jit it is raised while the function is traced.

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6; for SELU: Klambauer et al.,
    "Self-normalizing neural networks", NeurIPS 2017.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.lecun_normal()(jax.random.key(7), (784, 512))
    >>> w = np.empty((784, 512), np.float32)
    >>> np.array_equal(weights, fastinit.Generator(7).lecun_normal(w, layout="keras", truncated=True, stream=0))
    True
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal
