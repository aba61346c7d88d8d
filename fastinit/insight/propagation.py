"""How a signal and its gradient fare in a deep network whose weights one scheme drew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import fastinit
from fastinit import _core
from fastinit.activations import DEFAULT_NEGATIVE_SLOPE

Array: TypeAlias = NDArray[np.float64]
Fill: TypeAlias = Callable[[fastinit.Generator, Array, str], object]

# Inputs that run through the network side by side.
INPUTS = 256

# Of SELU: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, equation 14.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

# Each activation and its derivative, the derivative as a function of the activation's own value.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "linear": (lambda h: h, np.ones_like),
    "tanh": (np.tanh, lambda y: 1 - y**2),
    "sigmoid": (lambda h: 0.5 + 0.5 * np.tanh(0.5 * h), lambda y: y * (1 - y)),
    "relu": (lambda h: np.maximum(h, 0), lambda y: np.where(y > 0, 1.0, 0.0)),
    "leaky_relu": (
        lambda h: np.maximum(h, DEFAULT_NEGATIVE_SLOPE * h),
        lambda y: np.where(y > 0, 1.0, DEFAULT_NEGATIVE_SLOPE),
    ),
    "selu": (
        lambda h: SELU_SCALE * np.where(h > 0, h, SELU_ALPHA * np.expm1(np.minimum(h, 0))),
        lambda y: np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA),
    ),
}

# The schemes that a name can stand for: those that need the array and at most its layout.
SCALED_BY_FANS = tuple(
    f"{family}_{distribution}"
    for family in ("xavier", "glorot", "he", "kaiming", "lecun", "lasagne")
    for distribution in ("uniform", "normal")
)
DRAWN = ("orthogonal",)
FIXED = ("zeros", "ones", "identity")


@dataclass(frozen=True, eq=False)
class Moments:
    """
    The size of a quantity x[unit, input] layer by layer; each field an array of shape (depth,), first layer first.

    ``std`` is taken over units and inputs, ``rms`` is sqrt(mean x²). ``unit_spread`` is the standard deviation over the
    units, of each input apart: 0, up to rounding, where all units of a layer do the same. ``input_spread`` is the one
    over the inputs, of each unit apart: near 0 where a layer no longer tells its inputs apart. Both are root mean
    squares over the other axis.
    """

    std: Array
    rms: Array
    unit_spread: Array
    input_spread: Array

    @classmethod
    def of(cls, layers: list[Array]) -> "Moments":
        return cls(
            std=np.array([x.std() for x in layers]),
            rms=np.array([np.sqrt(np.mean(x**2)) for x in layers]),
            unit_spread=np.array([np.sqrt(x.var(axis=0).mean()) for x in layers]),
            input_spread=np.array([np.sqrt(x.var(axis=1).mean()) for x in layers]),
        )


@dataclass(frozen=True, eq=False)
class Propagation:
    """What ``signal_propagation`` measured: the moments of the activations and of the gradients."""

    scheme: str
    activation: str
    activations: Moments
    gradients: Moments


def signal_propagation(
    scheme: str | Fill, activation: str, depth: int = 50, width: int = 256, seed: int = 0
) -> Propagation:
    """
    Measures activations and gradients in a network of equal layers: y[l] = f(W[l] y[l-1]), y[0] ~ N(0, 1).

    The gradients run back from g[depth] ~ N(0, 1): g[l-1] = W[l]ᵀ (f'(W[l] y[l-1]) g[l]). So g[l] is the gradient, with
    respect to y[l], of a linear read-out with random weights. There are no biases, every W[l] has the shape
    (width, width), 256 inputs run side by side, all in float64.

    Parameters
    ----------
    scheme : str or callable
        The name of a scheme, with its defaults ("he_normal", "orthogonal", "zeros", …), or a function
        ``fill(generator, out, stream)`` that fills ``out`` from that stream of the generator.
    activation : str
        f: "linear", "tanh", "sigmoid", "relu", "leaky_relu" (slope 0.01) or "selu".
    depth, width : int
        Layers, and units in each; positive.
    seed : int
        Everything is drawn from ``fastinit.Generator(seed)``, on the streams "input", "weight.1", "weight.2", … and
        "gradient".

    Returns
    -------
    Propagation
        ``activations`` holds the moments of y[1], …, y[depth], ``gradients`` those of g[1], …, g[depth]; they are inf
        or nan where float64 overflows.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    With ReLU and weights of variance σ², each layer multiplies the second moment by width σ² / 2, forth and back: He's
    σ² = 2 / width keeps it, Xavier's 1 / width halves it. That is the mean over all weights; from network to network,
    the logarithm of a signal's second moment after l layers has a variance of about 5 l / width, and its mean lies
    2.5 l / width below the logarithm of that mean. Sources: Glorot and Bengio, "Understanding the difficulty of
    training deep feedforward neural networks", AISTATS 2010; He, Zhang, Ren and Sun, "Delving deep into rectifiers",
    ICCV 2015; Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", ICLR 2014.

    Examples
    --------
    >>> from fastinit.insight import signal_propagation
    >>> he = signal_propagation("he_normal", "relu", depth=20)
    >>> he.activations.rms[[0, 9, 19]].round(2)
    array([1.01, 0.95, 0.77])
    >>> small = signal_propagation(lambda g, w, stream: g.normal(w, std=0.01, stream=stream), "relu", depth=20)
    >>> f"{small.activations.rms[-1]:.0e}"
    '9e-20'
    """
    fill = scheme if callable(scheme) else named_fill(scheme)
    function, derivative = _core.choice("activation", activation, ACTIVATIONS)
    depth, width = _core.positive_integer("depth", depth), _core.positive_integer("width", width)

    generator = fastinit.Generator(seed)
    weights = [np.zeros((width, width)) for _ in range(depth)]
    for layer, weight in enumerate(weights, 1):
        fill(generator, weight, f"weight.{layer}")
    signal = generator.normal(np.empty((width, INPUTS)), stream="input")
    gradient = generator.normal(np.empty((width, INPUTS)), stream="gradient")

    with np.errstate(over="ignore", invalid="ignore"):
        outputs = []
        for weight in weights:
            signal = function(weight @ signal)
            outputs.append(signal)
        gradients = []
        for weight, output in zip(reversed(weights), reversed(outputs), strict=True):
            gradients.append(gradient)
            gradient = weight.T @ (derivative(output) * gradient)
        return Propagation(
            scheme=scheme if isinstance(scheme, str) else getattr(scheme, "__name__", repr(scheme)),
            activation=activation,
            activations=Moments.of(outputs),
            gradients=Moments.of(gradients[::-1]),
        )


def named_fill(scheme: str) -> Fill:
    """The scheme of that name with its defaults, as a function of generator, array and stream."""
    if scheme in SCALED_BY_FANS:
        return lambda generator, out, stream: getattr(generator, scheme)(out, layout="torch", stream=stream)
    if scheme in DRAWN:
        return lambda generator, out, stream: getattr(generator, scheme)(out, stream=stream)
    if scheme in FIXED:
        return lambda generator, out, stream: getattr(generator, scheme)(out)
    names = ", ".join((*SCALED_BY_FANS, *DRAWN, *FIXED))
    raise ValueError(f"scheme={scheme!r}; accepted is a function fill(generator, out, stream) or one of {names}")
