"""
Initialisers for JAX, Flax and Haiku: ``from fastinit import jax as init`` takes the place of jax.nn.initializers.

The key gives the seed and the stream, so that the values are those of a fastinit.Generator, bit for bit; see make_array
for tensors whose shards are filled apart. docs/jax.md shows both.
"""

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np

from fastinit import _core
from fastinit.distribution import missing
from fastinit.docstrings import documented
from fastinit.draw import Columns, Drawn, Shape, check_axes, product_along, seed_and_stream
from fastinit.recipe import Recipe
from fastinit.typing import Stream

try:
    import jax
    import jax.numpy as jnp
    from jax.nn.initializers import Initializer, constant, ones, zeros
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
except ModuleNotFoundError as error:
    raise missing(error, "jax") from None

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

_Index: TypeAlias = tuple[slice, ...]
_Axes: TypeAlias = int | Sequence[int]

_COMPLEX_BY = 'normal and by variance_scaling(..., "normal"), which are not truncated'
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
    return _initialiser(Recipe.of("uniform", 0.0, _not_negative("scale", scale)), dtype)


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
    return _initialiser(Recipe.of("normal", 0.0, _not_negative("stddev", stddev)), dtype)


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
    return _initialiser(Recipe.of("truncated_normal", 0.0, _not_negative("stddev", stddev), *bounds), dtype)


@documented(_PARAGRAPHS)
def variance_scaling(
    scale: float,
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"],
    distribution: Literal["truncated_normal", "normal", "uniform"],
    in_axis: _Axes = -2,
    out_axis: _Axes = -1,
    batch_axis: _Axes = (),
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
        check_axes(name, axes)

    def recipe_of(shape: Shape) -> Recipe:
        fan_in, fan_out = _fans(shape, in_axis, out_axis, batch_axis)
        return Recipe.of("variance_scaling", *rule, fan_in=fan_in, fan_out=fan_out)

    return _initialiser(recipe_of, dtype)


@documented(_PARAGRAPHS, same='xavier_uniform(w, layout="keras", stream=0)')
def glorot_uniform(in_axis: _Axes = -2, out_axis: _Axes = -1, batch_axis: _Axes = (), dtype: Any = None) -> Initializer:
    """
    Glorot's uniform initialiser: U[-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    <axes>
    <dtype>

    <returns and raises>

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    <example>
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


@documented(_PARAGRAPHS, same='xavier_normal(w, layout="keras", truncated=True, stream=0)')
def glorot_normal(in_axis: _Axes = -2, out_axis: _Axes = -1, batch_axis: _Axes = (), dtype: Any = None) -> Initializer:
    """
    Glorot's normal initialiser: N(0, 2 / (fan_in + fan_out)), cut at two standard deviations, the spread corrected.

    Parameters
    ----------
    <axes>
    <dtype>

    <returns and raises>

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    <example>
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


@documented(_PARAGRAPHS, same='lecun_uniform(w, layout="keras", stream=0)')
def lecun_uniform(in_axis: _Axes = -2, out_axis: _Axes = -1, batch_axis: _Axes = (), dtype: Any = None) -> Initializer:
    """
    LeCun's uniform initialiser: U[-a, a) with a = sqrt(3 / fan_in).

    Parameters
    ----------
    <axes>
    <dtype>

    <returns and raises>

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    <example>
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


@documented(_PARAGRAPHS, same='lecun_normal(w, layout="keras", truncated=True, stream=0)')
def lecun_normal(in_axis: _Axes = -2, out_axis: _Axes = -1, batch_axis: _Axes = (), dtype: Any = None) -> Initializer:
    """
    LeCun's normal initialiser: N(0, 1 / fan_in), cut at two standard deviations, the spread corrected.

    Parameters
    ----------
    <axes>
    <dtype>

    <returns and raises>

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    <example>
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


@documented(_PARAGRAPHS, same='he_uniform(w, layout="keras", stream=0)')
def he_uniform(in_axis: _Axes = -2, out_axis: _Axes = -1, batch_axis: _Axes = (), dtype: Any = None) -> Initializer:
    """
    He's uniform initialiser: U[-a, a) with a = sqrt(6 / fan_in).

    Parameters
    ----------
    <axes>
    <dtype>

    <returns and raises>

    Notes
    -----
    He et al., "Delving deep into rectifiers", ICCV 2015.

    <example>
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


@documented(_PARAGRAPHS, same='he_normal(w, layout="keras", truncated=True, stream=0)')
def he_normal(in_axis: _Axes = -2, out_axis: _Axes = -1, batch_axis: _Axes = (), dtype: Any = None) -> Initializer:
    """
    He's normal initialiser: N(0, 2 / fan_in), cut at two standard deviations, the spread corrected.

    Parameters
    ----------
    <axes>
    <dtype>

    <returns and raises>

    Notes
    -----
    He et al., "Delving deep into rectifiers", ICCV 2015.

    <example>
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal


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
    check_axes("column_axis", column_axis)
    return _initialiser(Columns("orthogonal", gain, column_axis), dtype)


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
    check_axes("column_axis", column_axis)
    if column_axis not in (-2, -1, 0, 1):
        raise ValueError(f"column_axis={column_axis!r}; accepted is an axis of a matrix: -2, -1, 0, 1")
    return _initialiser(Recipe.of("delta_orthogonal", _core.positive("scale", scale)), dtype)


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
        Which stream of the seed the tensor is, an integer in [0, 2**63) or a name; needed if there is a seed.
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
    drawn = _drawn(Recipe.of(scheme, **arguments), _like(shape, dtype))
    if not isinstance(sharding, jax.sharding.Sharding):
        raise TypeError(f"sharding={sharding!r}; accepted is a jax.sharding.Sharding")
    check_fit(drawn, sharding)
    if not drawn.recipe.draws:
        return assembled(drawn, sharding)
    if seed is None and not sharding.is_fully_addressable:
        raise TypeError("seed is missing: the processes of the sharding do not share a default generator")
    seed, stream = seed_and_stream(seed, stream)
    return assembled(replace(drawn, seed=seed, stream=stream), sharding)


def check_fit(drawn: Drawn, sharding: Any) -> None:
    """ValueError if the sharding does not cut the tensor into equal shards."""
    try:
        sharding.shard_shape(drawn.shape)
    except (IndexError, ValueError) as error:
        raise ValueError(f"sharding={sharding} does not fit shape={drawn.shape}: {error}") from None


def assembled(drawn: Drawn, sharding: Any) -> Any:
    """The array whose shards are drawn apart, replicated ones once."""
    whole = functools.cache(drawn.array)

    @functools.cache
    def block(*bounds: tuple[int, int, int]) -> np.ndarray[Any, Any]:
        return drawn.block(tuple(slice(*each) for each in bounds))

    def shard(index: _Index) -> np.ndarray[Any, Any]:
        if drawn.recipe.is_whole:
            return whole()[index]
        return block(*(axis.indices(size) for axis, size in zip(index, drawn.shape, strict=True)))

    return jax.make_array_from_callback(drawn.shape, sharding, shard, drawn.dtype)


# ---- From a key to values --------------------------------------------------------------------------------------------


def _initialiser(recipe: Recipe | Callable[[Shape], Recipe], dtype: Any) -> Initializer:
    """The function that draws by a recipe, or by the one for a shape; its default dtype is that one."""

    def init(key: Any, shape: Sequence[SupportsIndex], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        like = _like(shape, dtype, out_sharding)
        checked = recipe if isinstance(recipe, Recipe) else recipe(like.shape)
        if more := checked.if_complex(like.dtype.kind == "c", _COMPLEX_BY):
            raise TypeError(f"dtype={like.dtype}; accepted are {', '.join(checked.dtypes)}{more}")
        drawn = _drawn(checked, like)
        sharding = _sharding(out_sharding)
        words = _words(key)
        if isinstance(words, jax.core.Tracer):
            return _staged(drawn, sharding, words)
        drawn = _of_key(drawn, np.asarray(words))
        return _placed(drawn.array(), key) if sharding is None else assembled(drawn, _concrete(sharding))

    return init


def _drawn(recipe: Recipe, like: Any) -> Drawn:
    """What the recipe draws of that shape and dtype, checked."""
    drawn = Drawn(recipe, like.shape, like.dtype)
    drawn.check()
    return drawn


def _like(shape: Sequence[SupportsIndex], dtype: Any, out_sharding: Any = None) -> Any:
    """The shape and dtype of an array that JAX would make of these, with its rules, defaults and errors."""
    is_plain = isinstance(shape, (tuple, list)) and all(type(size) is int for size in shape)  # 3.0 == 3 is no size
    if is_plain and isinstance(dtype, Hashable) and out_sharding is None:
        return _remembered(tuple(shape), dtype, jax.config.jax_enable_x64)
    return _like_jax(shape, dtype, out_sharding)


def _like_jax(shape: Sequence[SupportsIndex], dtype: Any, out_sharding: Any) -> Any:
    if any(map(_core.is_bool, shape if isinstance(shape, (tuple, list)) else (shape,))):
        raise TypeError(f"shape={shape!r}; accepted are integers, not bools")
    return jax.eval_shape(lambda: jnp.zeros(shape, dtype, out_sharding=out_sharding))


@functools.lru_cache(maxsize=4096)
def _remembered(shape: Shape, dtype: Any, x64: bool) -> Any:
    """Asking JAX takes three times as long as all else for a small array."""
    return _like_jax(shape, dtype, None)


def _sharding(out_sharding: Any) -> Any:
    """What an initialiser was given, as a NamedSharding; None where there are no axes of a mesh to shard over."""
    if isinstance(out_sharding, PartitionSpec):
        out_sharding = NamedSharding(jax.sharding.get_abstract_mesh(), out_sharding)
    return out_sharding if out_sharding is not None and out_sharding.mesh.abstract_mesh.explicit_axes else None


def _concrete(sharding: Any) -> Any:
    """The sharding with its devices."""
    return sharding if isinstance(sharding.mesh, Mesh) else NamedSharding(jax.sharding.get_mesh(), sharding.spec)


def _words(key: Any) -> Any:
    """The words of a key: of one, not of an array of keys."""
    try:
        words = jax.random.key_data(key)
    except TypeError as error:
        raise TypeError(f"key={key!r}; accepted is a key as jax.random.key makes it ({error})") from None
    if words.ndim != 1:
        raise ValueError(f"key is an array of keys, of shape={words.shape[:-1]}; accepted is one, see jax.vmap")
    if words.size > 4:
        raise ValueError(f"key has {words.size} words; accepted are keys of up to four, a seed and a stream")
    return words


def _of_key(drawn: Drawn, words: np.ndarray[Any, Any]) -> Drawn:
    """The seed is the first two words of a key, the stream the others, if it has any, less the highest bit."""
    seed, stream = (int.from_bytes(part.astype(">u4").tobytes(), "big") for part in (words[:2], words[2:]))
    return replace(drawn, seed=seed, stream=stream % 2**63)


def _placed(values: np.ndarray[Any, Any], key: Any) -> Any:
    """The values where JAX's draws are: on the devices that the key is committed to, or else the default one."""
    if getattr(key, "committed", False):
        return jax.device_put(values, key.sharding)
    if not jax.sharding.get_abstract_mesh().empty:
        return jnp.asarray(values)  # on all devices of the mesh
    return jax.device_put(values)  # which takes the memory over, where asarray copies it


def _staged(drawn: Drawn, sharding: Any, words: Any) -> Any:
    """The values for a key that is traced: the compiled program calls back for them, device by device if sharded."""
    if sharding is None or sharding.is_fully_replicated or drawn.recipe.is_whole:
        whole = _called_back(drawn, drawn.shape, words, [0] * len(drawn.shape))
        return whole if sharding is None else jax.sharding.reshard(whole, sharding)
    axes = (*sharding.spec, *[None] * (len(drawn.shape) - len(sharding.spec)))

    def block(words: Any) -> Any:
        place = [0 if names is None else jax.lax.axis_index(names) for names in axes]
        return _called_back(drawn, sharding.shard_shape(drawn.shape), words, place)

    return jax.shard_map(block, mesh=sharding.mesh, in_specs=PartitionSpec(), out_specs=sharding.spec)(words)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _called_back(drawn: Drawn, shape: Shape, words: Any, place: list[Any]) -> Any:
    def blocks(words: Any, place: Any) -> np.ndarray[Any, Any]:
        return _blocks(drawn, shape, words, place)

    result = jax.ShapeDtypeStruct(shape, drawn.dtype)
    values = jax.pure_callback(blocks, result, words, jnp.array(place, np.int32), vmap_method="broadcast_all")
    # What a callback returns is on one of the program's devices; only behind the barrier may it be on all of them.
    return jax.lax.optimization_barrier(values)


def _blocks(drawn: Drawn, shape: Shape, words: Any, place: Any) -> np.ndarray[Any, Any]:
    """The block of that shape at a place among the equal blocks of a tensor, for each key of a batch."""
    words, offset = np.asarray(words), np.asarray(place, np.int64) * np.array(shape, np.int64)
    out = np.empty((*words.shape[:-1], *shape), drawn.dtype)
    for i in np.ndindex(words.shape[:-1]):
        _of_key(drawn, words[i]).fill(out[(*i, ...)], offset[i].tolist())
    return out


# ---- What the schemes need -------------------------------------------------------------------------------------------


def _fans(shape: Shape, in_axis: _Axes, out_axis: _Axes, batch_axis: _Axes) -> tuple[float, float]:
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
