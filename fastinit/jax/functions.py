"""JAX's initialisers, by the names and with the arguments of jax.nn.initializers, and arrays of any sharding."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, SupportsIndex, TypeAlias

import jax
import numpy as np
from jax.nn.initializers import Initializer

from fastinit import _core, hints
from fastinit.docstrings import documented
from fastinit.draw import Columns, Shape, product_along, seed_and_stream
from fastinit.jax.tensors import assembled, check_fit, drawn_as, initialiser
from fastinit.recipe import Recipe
from fastinit.typing import Stream

Axes: TypeAlias = int | Sequence[int]

_PARAGRAPHS = {
    "<axes>": """in_axis, out_axis : int or sequence of int
    The axes of the inputs and of the outputs of a unit.
batch_axis : int or sequence of int
    The axes of weights that are independent of each other. All other axes are the kernel of a convolution.""",
    "<dtype>": """dtype : dtype, optional
    What the returned function takes if it is given none: float32, float16, bfloat16, or float64 where JAX has it
    enabled; by default JAX's own, float32 or float64.""",
    "<complex dtype>": """dtype : dtype, optional
    What the returned function takes if it is given none: float32, float16, bfloat16, complex64, or float64 and
    complex128 where JAX has them enabled; by default JAX's own, float32 or float64.""",
    "<returns and raises>": """Returns
-------
Initializer
    A function (key, shape, dtype, out_sharding) that returns a jax.Array, as those of jax.nn.initializers do.

Raises
------
TypeError, ValueError
    If an argument is not accepted; by the returned function if its key, shape, dtype or sharding is not. Nothing
    is filled then, and under jax.jit it is raised while the function is traced.""",
    "<example>": """Examples
--------
>>> import jax, numpy as np, fastinit
>>> from fastinit import jax as init
>>> weights = init.{name}()(jax.random.key(7), (784, 512))
>>> w = np.empty((784, 512), np.float32)
>>> np.array_equal(weights, fastinit.Generator(7).{same})
True""",
}


# ---- Initialisers ----------------------------------------------------------------------------------------------------


@documented(_PARAGRAPHS, same="uniform(w, 0.0, 0.01, stream=0)")
def uniform(scale: float = 1e-2, dtype: Any = None) -> Initializer:
    """
    An initialiser that draws from U[0, scale).

    Parameters
    ----------
    scale : float
        Finite and >= 0.
    <dtype>

    <returns and raises>

    <example>
    """
    return initialiser(Recipe.of("uniform", 0.0, _not_negative("scale", scale)), dtype)


@documented(_PARAGRAPHS, same="normal(w, 0.0, 0.01, stream=0)")
def normal(stddev: float = 1e-2, dtype: Any = None) -> Initializer:
    """
    An initialiser that draws from N(0, stddev**2).

    Parameters
    ----------
    stddev : float
        Finite and >= 0. Of complex numbers both parts together: each has stddev / sqrt(2).
    <complex dtype>

    <returns and raises>

    <example>
    """
    return initialiser(Recipe.of("normal", 0.0, _not_negative("stddev", stddev)), dtype)


@documented(_PARAGRAPHS, same="truncated_normal(w, 0.0, 0.01, stream=0)")
def truncated_normal(stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """
    An initialiser that draws from N(0, stddev**2) what lies in [lower stddev, upper stddev].

    Parameters
    ----------
    stddev : float
        Of the normal before it is cut, finite and >= 0; the spread is not corrected for the cut.
    <dtype>
    lower, upper : float
        The bounds in standard deviations, with lower <= upper; infinities are accepted.

    <returns and raises>

    <example>
    """
    bounds = _core.number("lower", lower), _core.number("upper", upper)
    return initialiser(Recipe.of("truncated_normal", 0.0, _not_negative("stddev", stddev), *bounds), dtype)


@documented(_PARAGRAPHS)
def variance_scaling(
    scale: float,
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"],
    distribution: Literal["truncated_normal", "normal", "uniform"],
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Initializer:
    """
    An initialiser that draws with mean 0 and variance scale / n: the rule behind those that have names.

    Parameters
    ----------
    scale : float
        Positive and finite.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        n: the number of inputs, of outputs, their average or their geometric average.
    distribution : {"truncated_normal", "normal", "uniform"}
        A normal cut at two standard deviations, whose own are corrected so that the variance is the formula's; a whole
        normal, which alone draws complex numbers too; U[-a, a) with a = sqrt(3 scale / n).
    <axes>
    <complex dtype>

    <returns and raises>

    Notes
    -----
    The values of ``fastinit.variance_scaling(out, scale, mode, distribution, fan_in=..., fan_out=...)``.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> weights = init.variance_scaling(0.5, "fan_out", "normal")(jax.random.key(7), (3, 3, 16, 32))
    >>> w = np.empty((3, 3, 16, 32), np.float32)
    >>> _ = fastinit.Generator(7).variance_scaling(w, 0.5, "fan_out", "normal", layout="keras", stream=0)
    >>> np.array_equal(weights, w)
    True
    """
    rule = _core.positive("scale", scale), mode, distribution
    for name, axes in (("in_axis", in_axis), ("out_axis", out_axis), ("batch_axis", batch_axis)):
        _check_axes(name, axes)

    def recipe_of(shape: Shape) -> Recipe:
        fan_in, fan_out = _fans(shape, in_axis, out_axis, batch_axis)
        return Recipe.of("variance_scaling", *rule, fan_in=fan_in, fan_out=fan_out)

    return initialiser(recipe_of, dtype)


@documented(_PARAGRAPHS)
def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """
    An initialiser that draws a random orthogonal matrix, times scale: rows or columns, the fewer, are orthonormal.

    Parameters
    ----------
    scale : float
        Positive and finite.
    column_axis : int
        The axis of the matrix's columns; all others are its rows. The shape has two axes or more.
    <dtype>

    <returns and raises>

    Notes
    -----
    The values of ``fastinit.orthogonal(out, scale)`` for the matrix, equal from machine to machine up to rounding. The
    whole of it is computed for any sharding. Source: Saxe, McClelland and Ganguli, "Exact
    solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from fastinit import jax as init
    >>> q = init.orthogonal()(jax.random.key(7), (2, 3))
    >>> np.allclose(q @ q.T, np.eye(2), atol=1e-6)
    True
    """
    gain = {"gain": _core.positive("scale", scale)}
    _check_axes("column_axis", column_axis)
    return initialiser(Columns("orthogonal", gain, column_axis), dtype)


@documented(_PARAGRAPHS)
def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """
    An initialiser for convolutions: an orthogonal matrix, times scale, at the kernel's center, and zeros around it.

    Parameters
    ----------
    scale : float
        Positive and finite.
    column_axis : {-1, -2, 0, 1}
        The axis of the matrix's columns: makes no difference, as the matrix is orthogonal either way. The shape is
        (\\*kernel, in, out) with one to three kernel axes and in <= out.
    <dtype>

    <returns and raises>

    Notes
    -----
    The values of ``fastinit.delta_orthogonal(out, scale)``, equal from machine to machine up to rounding. Source: Xiao
    et al., "Dynamical isometry and a mean field theory of CNNs", ICML 2018.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from fastinit import jax as init
    >>> w = init.delta_orthogonal()(jax.random.key(7), (3, 3, 4, 8))
    >>> np.allclose(w[1, 1] @ w[1, 1].T, np.eye(4), atol=1e-6)
    True
    """
    _check_axes("column_axis", column_axis)
    if column_axis not in (-2, -1, 0, 1):
        raise ValueError(f"column_axis={column_axis!r}; accepted is an axis of a matrix: -2, -1, 0, 1")
    return initialiser(Recipe.of("delta_orthogonal", _core.positive("scale", scale)), dtype)


def for_haiku(initialiser: Initializer) -> Callable[[Sequence[int], Any], jax.Array]:
    """
    An initialiser as Haiku's modules take it: a function (shape, dtype), with the key of hk.next_rng_key().

    Parameters
    ----------
    initialiser : Initializer
        Any that takes (key, shape, dtype).

    Returns
    -------
    Callable
        What hk.Linear takes as w_init, hk.get_parameter as init.

    Examples
    --------
    >>> import haiku as hk, jax, jax.numpy as jnp
    >>> from fastinit import jax as init
    >>> model = hk.transform(lambda x: hk.Linear(512, w_init=init.for_haiku(init.he_normal()))(x))
    >>> model.init(jax.random.key(7), jnp.ones((1, 784)))["linear"]["w"].shape
    (784, 512)
    """
    import haiku

    return lambda shape, dtype: initialiser(haiku.next_rng_key(), shape, dtype)


# ---- Sharded arrays --------------------------------------------------------------------------------------------------


def make_array(
    scheme: str,
    shape: Sequence[SupportsIndex],
    sharding: jax.sharding.Sharding,
    seed: SupportsIndex | np.random.SeedSequence | None = None,
    stream: Stream | None = None,
    dtype: Any = None,
    **arguments: Any,
) -> jax.Array:
    """
    A jax.Array of any sharding, each of whose shards is filled by itself: equal for every sharding.

    Parameters
    ----------
    scheme : str
        The name of a fastinit function that fills arrays, such as "he_normal".
    shape : sequence of int
        The whole tensor's.
    sharding : jax.sharding.Sharding
        As jax.make_array_from_callback takes it.
    seed : int or numpy.random.SeedSequence, optional
        In [0, 2**64). Without one it is a fill by the default generator, which several processes do not share: an array
        of theirs needs a seed.
    stream : int or str, optional
        Which stream of the seed the tensor is, an integer in [0, 2**64) or a name; needed if there is a seed.
    dtype : dtype, optional
        Float32, float16, bfloat16, or float64 where JAX has it enabled; for normals that are not truncated complex64,
        and complex128 likewise; for constants any dtype of numbers; by default JAX's own.
    **arguments
        The scheme's own, by name; for a scheme that needs fans, these or ``layout="jax"``, which is Keras's too.

    Returns
    -------
    jax.Array
        With the values of ``getattr(fastinit.Generator(seed), scheme)(out, stream=stream, **arguments)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted; nothing is filled then.

    Notes
    -----
    A process fills the shards of its own devices and no others, those that are replicated once. The schemes that
    compute a whole matrix for a block of it (orthogonal, delta_orthogonal, sparse) compute it once a process.

    Examples
    --------
    >>> import jax, numpy as np, fastinit
    >>> from fastinit import jax as init
    >>> sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    >>> weights = init.make_array("he_normal", (784, 512), sharding, 7, "fc1.weight", layout="keras")
    >>> w = fastinit.Generator(7).he_normal(np.empty((784, 512), np.float32), layout="keras", stream="fc1.weight")
    >>> np.array_equal(weights, w)
    True
    """
    drawn = drawn_as(Recipe.of(scheme, **arguments), shape, dtype)
    drawn.check()
    if not isinstance(sharding, jax.sharding.Sharding):
        raise TypeError(f"sharding={sharding!r}; accepted is a jax.sharding.Sharding")
    check_fit(drawn, sharding)
    if not drawn.recipe.draws:
        return assembled(drawn, sharding)
    if seed is None and not sharding.is_fully_addressable:
        raise TypeError("seed is missing: the processes of the sharding do not share a default generator")
    seed, stream = seed_and_stream(seed, stream)
    return assembled(replace(drawn, seed=seed, stream=stream), sharding)


# ---- What the schemes need -------------------------------------------------------------------------------------------


def _fans(shape: Shape, in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    """The inputs and the outputs of a unit; of an empty tensor, which has no unit, 1."""
    if in_axis == -2 and len(shape) < 2:
        raise ValueError(
            f"shape={shape} with in_axis=-2, the default; accepted are two axes or more, or another in_axis"
        )
    inputs, outputs = product_along(shape, "in_axis", in_axis), product_along(shape, "out_axis", out_axis)
    independent = product_along(shape, "batch_axis", batch_axis)
    elements = math.prod(shape)
    return (elements / (outputs * independent), elements / (inputs * independent)) if elements else (1.0, 1.0)


def _not_negative(name: str, value: Any) -> float:
    number = _core.finite(name, value)
    if number < 0:
        raise ValueError(f"{name}={value!r}; accepted is a finite number >= 0")
    return number


def _check_axes(name: str, axes: object) -> None:
    """TypeError for axes, or one, that are bools or that JAX traces."""
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        if traced := hints.if_traced(axis):
            raise TypeError(f"{name}={axes!r}; accepted are axes{traced}")
        if _core.is_bool(axis):
            raise TypeError(f"{name}={axes!r}; accepted are axes: integers, not bools")
