"""Keras's initialisers, by its names and with its arguments, and a stream for each weight."""

import cmath
import inspect
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, SupportsIndex, TypeAlias, TypeVar

import keras
import numpy as np

import fastinit
from fastinit import _core, hints
from fastinit.constants import array_in_dtype
from fastinit.docstrings import documented
from fastinit.draw import Columns, Drawn, Shape, product_along, seed_and_stream, shape_of
from fastinit.keras.tensors import tensor_of
from fastinit.recipe import Recipe
from fastinit.typing import Stream

_Seed: TypeAlias = int | keras.random.SeedGenerator | None
_Axes: TypeAlias = Sequence[int] | None
_Class = TypeVar("_Class", bound=type)

_COMPLEX_BY = 'RandomNormal and by VarianceScaling(distribution="untruncated_normal")'

_PARAGRAPHS = {
    "<seed>": """seed : int or keras.random.SeedGenerator, optional
    An integer in [0, 2**64): the same values at each call. A SeedGenerator: others at each call. Left out: an
    integer of Keras's, which keras.utils.set_random_seed governs.
stream : int or str
    Which stream of the seed, an integer in [0, 2**64) or a name: weights that share both share their numbers.""",
    "<axes>": """input_axes, output_axes : sequence of int, optional
    The axes whose product is fan_in, and fan_out. Without both, the shape is (\\*kernel, in, out).""",
    "<raises>": """Raises
------
TypeError, ValueError
    If an argument is not accepted: at once, or at the call if that depends on the shape or the dtype.""",
    "<example>": """Examples
--------
>>> import numpy as np, fastinit.keras
>>> weights = fastinit.keras.{name}({arguments})((64, 32))
>>> w = np.empty((64, 32), np.float32)
>>> np.array_equal(weights, fastinit.Generator(7).{same})
True""",
    "<drawn example>": """Examples
--------
>>> import numpy as np, fastinit.keras
>>> weights = fastinit.keras.{name}(seed=7, stream="w")((64, 32))
>>> w = np.empty((64, 32), np.float32)
>>> np.array_equal(weights, fastinit.Generator(7).{same})
True""",
}


def registered(initialiser: _Class) -> _Class:
    """The class, which Keras then finds by the name in a saved model."""
    made: _Class = keras.saving.register_keras_serializable(package="fastinit")(initialiser)
    return made


# ---- From a recipe to a tensor of the backend ------------------------------------------------------------------------


class Filled(keras.initializers.Initializer):
    """What all initialisers have in common; stands before Keras's own class among the bases."""

    def __call__(self, shape: Sequence[SupportsIndex], dtype: Any = None, layout: Any = None) -> Any:
        """
        A tensor of the backend.

        Parameters
        ----------
        shape : sequence of int
            The whole tensor's.
        dtype : str, optional
            "float32", "float64", "float16" or "bfloat16"; for RandomNormal and VarianceScaling("untruncated_normal")
            also "complex64" and "complex128"; for constants any of the backend's for numbers. By default
            keras.config.floatx().
        layout : keras.distribution.TensorLayout, or the backend's, optional
            How the tensor is distributed. On JAX, each device's block of it is filled apart.

        Raises
        ------
        TypeError, ValueError
            If an argument is not accepted; nothing is filled then.
        """
        sizes = shape_of(shape)
        name = keras.backend.standardize_dtype(dtype)
        recipe = self._recipe(sizes)
        if recipe.draws and name not in recipe.dtypes:
            more = recipe.if_complex("complex" in name, _COMPLEX_BY)
            raise ValueError(f"{type(self).__name__}: dtype={name!r}; accepted are {', '.join(recipe.dtypes)}{more}")
        empty = keras.ops.zeros((0,), dtype=name)
        name = keras.backend.standardize_dtype(empty.dtype)  # JAX may have no float64
        drawn = Drawn(recipe, sizes, np.dtype(name), stream=self._stream())
        drawn.check()
        if getattr(empty, "is_meta", False):  # PyTorch asks for the shape alone
            return keras.ops.zeros(sizes, dtype=name)
        return tensor_of(drawn, self._words, layout, empty)

    def _recipe(self, shape: Shape) -> Recipe:
        raise NotImplementedError

    def _stream(self) -> Stream:
        return 0

    def _words(self) -> Any:
        """The seed of this call: its low and its high 32 bits."""
        return np.zeros(2, np.uint32)


# ---- Constants -------------------------------------------------------------------------------------------------------


def _number(name: str, value: Any) -> complex:
    """A number as one of Python's, which Keras can save; an integer stays one: some dtypes hold it exactly."""
    if _core.is_bool(value):
        return bool(value)  # which bool tensors hold, and others refuse
    if isinstance(value, (complex, np.complexfloating)):
        return complex(value)
    try:
        return operator.index(value)
    except TypeError:
        return _core.number(name, value)


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    """A copy of an array, or of a list as Python's numbers: of large integers NumPy would make floats, inexactly."""
    if text := hints.if_traced(value):
        raise TypeError(f"{name} must be a number or an array of numbers, not {type(value).__name__}{text}")
    if isinstance(value, (list, tuple)):
        leaves = np.array(value, object)
        numbers = np.empty(leaves.size, object)
        numbers[:] = [_number(name, each) for each in leaves.flat]
        return numbers.reshape(leaves.shape)
    array = np.array(keras.ops.convert_to_numpy(value))
    if array.dtype.kind not in "biufcV":
        raise TypeError(f"{name} must be a number or an array of numbers, not an array of dtype {array.dtype}")
    return array


@registered
@documented(_PARAGRAPHS, same="zeros(w)", arguments="")
class Zeros(Filled, keras.initializers.Zeros):
    """
    Zeros: for biases.

    <example>
    """

    def _recipe(self, shape: Shape) -> Recipe:
        return Recipe.of("zeros")


@registered
@documented(_PARAGRAPHS, same="ones(w)", arguments="")
class Ones(Filled, keras.initializers.Ones):
    """
    Ones: for the scales of normalisation layers.

    <example>
    """

    def _recipe(self, shape: Shape) -> Recipe:
        return Recipe.of("ones")


@registered
@documented(_PARAGRAPHS, same="constant(w, 0.1)", arguments="0.1")
class Constant(Filled, keras.initializers.Constant):
    """
    One value, or those of an array.

    Parameters
    ----------
    value : float, int, complex or array
        Any number that the dtype holds; or an array of them, or a list, that broadcasts to the shape.

    <example>
    """

    def __init__(self, value: Any = 0.0) -> None:
        is_list = isinstance(value, (list, tuple))
        self._values = _array("value", value) if is_list or getattr(value, "ndim", 0) > 0 else None
        if self._values is None:
            super().__init__(_number("value", value))
        else:
            super().__init__(self._values.tolist() if is_list else self._values)

    def _recipe(self, shape: Shape) -> Recipe:
        if self._values is None:
            return Recipe.of("constant", self.value)
        return _Values("constant", {"value": self._values})


@dataclass(frozen=True)
class _Values(Recipe):
    """A recipe for an array of values, broadcast to the tensor's shape."""

    @property
    def is_whole(self) -> bool:
        """All of them are in memory anyway."""
        return True

    def check(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        values = self.arguments["value"]
        try:
            fits = np.broadcast_shapes(values.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"value is an array of shape={values.shape}, which does not broadcast to shape={shape}")
        array_in_dtype("value", values, dtype)

    def fill(self, generator: fastinit.Generator, out: Any, **where: Any) -> Any:
        """Fills the whole of a new tensor; there are no blocks of it."""
        out[...] = array_in_dtype("value", self.arguments["value"], out.dtype)
        return out


@registered
@documented(_PARAGRAPHS, same="identity(w, 0.5)", arguments="0.5")
class Identity(Filled, keras.initializers.Identity):
    """
    gain times the identity matrix: ones on the diagonal, which may be shorter than a side.

    Parameters
    ----------
    gain : float, int or complex
        Finite, and a number that the dtype holds.

    <example>
    """

    def __init__(self, gain: Any = 1.0) -> None:
        if not cmath.isfinite(number := _number("gain", gain)):
            raise ValueError(f"gain={gain!r}; accepted is a finite number")
        super().__init__(number)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}  # Keras's own leaves it out

    def _recipe(self, shape: Shape) -> Recipe:
        return Recipe.of("identity", self.gain)


# ---- Draws -----------------------------------------------------------------------------------------------------------


class _Random(Filled):
    """What draws has a seed, as in Keras, and a stream."""

    stream: str | int

    def __init__(self, *arguments: Any, stream: Stream) -> None:
        for i, value in enumerate(arguments):  # before Keras compares them
            each = value if isinstance(value, (tuple, list)) else (value,)
            traced = "".join(map(hints.if_traced, each))
            if traced or any(map(_core.is_bool, each)):
                name = list(inspect.signature(type(self)).parameters)[i]
                raise TypeError(f"{name}={value!r}{traced or '; a bool is not accepted as a number'}")
        super().__init__(*arguments)
        seed_and_stream(self.seed if isinstance(self.seed, int) else 0, stream)
        self.stream = stream if isinstance(stream, str) else operator.index(stream)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stream": self.stream}

    def _stream(self) -> Stream:
        return self.stream

    def _words(self) -> Any:
        if isinstance(self.seed, keras.random.SeedGenerator):
            return self.seed.next()
        return np.array([self.seed % 2**32, self.seed >> 32], np.uint32)


@registered
@documented(_PARAGRAPHS, same='normal(w, 0.0, 0.05, stream="w")')
class RandomNormal(_Random, keras.initializers.RandomNormal):
    """
    N(mean, stddev**2).

    Parameters
    ----------
    mean : float
        Finite; complex, too, for a complex dtype.
    stddev : float
        Finite, stddev >= 0. Of complex numbers both parts together: each has stddev / sqrt(2).
    <seed>

    <raises>

    <drawn example>
    """

    def __init__(self, mean: complex = 0.0, stddev: float = 0.05, seed: _Seed = None, *, stream: Stream = 0) -> None:
        super().__init__(mean, stddev, seed, stream=stream)

    def _recipe(self, shape: Shape) -> Recipe:
        return Recipe.of("normal", self.mean, self.stddev)


@registered
@documented(_PARAGRAPHS, same='uniform(w, -0.05, 0.05, stream="w")')
class RandomUniform(_Random, keras.initializers.RandomUniform):
    """
    U[minval, maxval).

    Parameters
    ----------
    minval, maxval : float
        Finite, minval <= maxval.
    <seed>

    <raises>

    <drawn example>
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: _Seed = None, *, stream: Stream = 0) -> None:
        super().__init__(minval, maxval, seed, stream=stream)

    def _recipe(self, shape: Shape) -> Recipe:
        return Recipe.of("uniform", self.minval, self.maxval)


@registered
@documented(_PARAGRAPHS, same='truncated_normal(w, 0.0, 0.05, stream="w")')
class TruncatedNormal(_Random, keras.initializers.TruncatedNormal):
    """
    N(mean, stddev**2) cut at two standard deviations, the spread not corrected for the cut.

    Parameters
    ----------
    mean, stddev : float
        Of the normal before it is cut; finite, stddev >= 0.
    <seed>

    <raises>

    <drawn example>
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: _Seed = None, *, stream: Stream = 0) -> None:
        super().__init__(mean, stddev, seed, stream=stream)

    def _recipe(self, shape: Shape) -> Recipe:
        return Recipe.of("truncated_normal", self.mean, self.stddev)


class _Scaled(_Random):
    """What scales its draws by the fans."""

    def _recipe(self, shape: Shape) -> Recipe:
        fans: tuple[int, int] = fastinit.fans(shape, "keras")
        if self.input_axes is not None and self.output_axes is not None:
            fans = (
                product_along(shape, "input_axes", self.input_axes),
                product_along(shape, "output_axes", self.output_axes),
            )
        fan_in, fan_out = (max(fan, 1) for fan in fans)  # as Keras does for an empty tensor
        return Recipe.of("variance_scaling", self.scale, self.mode, self.distribution, fan_in=fan_in, fan_out=fan_out)


@registered
@documented(_PARAGRAPHS, same='variance_scaling(w, 1.0, "fan_in", "truncated_normal", layout="keras", stream="w")')
class VarianceScaling(_Scaled, keras.initializers.VarianceScaling):
    """
    Draws of mean 0 and variance scale / n: the rule behind the six initialisers that have names.

    Parameters
    ----------
    scale : float
        Positive and finite.
    mode : {"fan_in", "fan_out", "fan_avg"}
        n: the number of inputs of a unit, of outputs, or their average.
    distribution : {"truncated_normal", "normal", "untruncated_normal", "uniform"}
        A normal cut at two standard deviations, whose own are corrected so that the variance is the formula's, by two
        names; a whole normal, which alone draws complex numbers too; U[-a, a) with a = sqrt(3 scale / n).
    <seed>
    <axes>

    <raises>

    <drawn example>
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: _Seed = None,
        input_axes: _Axes = None,
        output_axes: _Axes = None,
        *,
        stream: Stream = 0,
    ) -> None:
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes, stream=stream)


class Named(_Scaled):
    """What has its scale, mode and distribution from Keras's class of the name."""

    def __init__(
        self, seed: _Seed = None, input_axes: _Axes = None, output_axes: _Axes = None, *, stream: Stream = 0
    ) -> None:
        super().__init__(seed, input_axes, output_axes, stream=stream)


class OfRule(keras.initializers.VarianceScaling):
    """What Keras has no class for: as those of a name that it has, with this scale, mode and distribution."""

    rule: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: _Seed = None, input_axes: _Axes = None, output_axes: _Axes = None) -> None:
        super().__init__(*self.rule, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in config if name not in ("scale", "mode", "distribution")}


@registered
@documented(_PARAGRAPHS, same='orthogonal(w, 1.0, stream="w")')
class Orthogonal(_Random, keras.initializers.Orthogonal):
    """
    A random orthogonal matrix, times gain: rows or columns, the fewer, are orthonormal.

    Parameters
    ----------
    gain : float
        Positive and finite.
    <seed>

    <raises>

    Notes
    -----
    The matrix is all axes but the last by the last. It is equal up to rounding from machine to machine, and computed
    whole for any layout. Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", ICLR 2014.

    <drawn example>
    """

    def __init__(self, gain: float = 1.0, seed: _Seed = None, *, stream: Stream = 0) -> None:
        super().__init__(_core.positive("gain", gain), seed, stream=stream)

    def _recipe(self, shape: Shape) -> Recipe:
        if len(shape) < 2:
            raise ValueError(f"shape={shape}; Orthogonal takes one of two axes or more")
        return Columns("orthogonal", {"gain": self.gain})


IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal
