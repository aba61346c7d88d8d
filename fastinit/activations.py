"""What an activation asks of the weights before it: gains, and which scheme to take."""

import math
from typing import Any, NamedTuple

from fastinit import _core

DEFAULT_NEGATIVE_SLOPE = 0.01

_LINEAR = ("linear", "conv", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")

_GAINS = {
    **dict.fromkeys(_LINEAR, 1.0),
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + DEFAULT_NEGATIVE_SLOPE**2)),
    "selu": 3 / 4,
}


def gain(nonlinearity: str, param: float | None = None) -> float:
    """
    The gain of an activation: what its scheme multiplies the weights' standard deviation by.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv" (also "conv1d" and so on, as PyTorch names them) and "sigmoid": 1; "tanh": 5/3; "relu":
        sqrt(2); "leaky_relu": sqrt(2 / (1 + param**2)); "selu": 3/4.
    param : float, optional
        The negative slope of "leaky_relu", 0.01 if left out; no other activation takes one.

    Returns
    -------
    float
        The gain.

    Raises
    ------
    TypeError, ValueError
        If the nonlinearity is none of these, or param is not finite or not wanted.

    Notes
    -----
    The values of torch.nn.init.calculate_gain. sqrt(2) makes up for the half that a rectifier cuts off (He et al.,
    "Delving deep into rectifiers", ICCV 2015); 5/3 and 3/4 are rules of thumb. The paper that SELU comes from takes 1
    (Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017), and so does fastinit.recommend.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.gain("leaky_relu", 0.2)
    1.3867504905630728
    """
    value = _core.choice("nonlinearity", nonlinearity, _GAINS)
    if param is None:
        return float(value)
    if nonlinearity != "leaky_relu":
        raise ValueError(f"param={param!r}; nonlinearity={nonlinearity!r} takes none, only 'leaky_relu' does")
    return _core.in_standard_environment(_leaky_gain, _core.finite("param", param))


def _leaky_gain(slope: float) -> float:
    square = slope * slope
    return math.sqrt(2 / (1 + square)) if math.isfinite(square) else math.sqrt(2) / abs(slope)


class Recommendation(NamedTuple):
    """A scheme, the arguments that it takes besides the array and its fans, and why."""

    scheme: str
    arguments: dict[str, Any]
    reason: str


_RECOMMENDATIONS = {
    **dict.fromkeys(
        _LINEAR,
        Recommendation(
            "xavier_normal",
            {},
            "Without an activation, the variance 1 / fan_in keeps that of the activations and 1 / fan_out that of the "
            "gradients; 2 / (fan_in + fan_out) lies between the two. orthogonal keeps both exactly.",
        ),
    ),
    "sigmoid": Recommendation(
        "xavier_uniform",
        {"gain": 4.0},
        "The slope of a sigmoid is 1/4 at zero and less elsewhere; four times the weights make up for the 1/4. Over "
        "more than a few layers the gradients vanish all the same: there, take another activation.",
    ),
    "tanh": Recommendation(
        "xavier_uniform",
        {"gain": 5 / 3},
        "tanh is linear near zero and squeezes what is larger; 5/3 makes up for the squeezing, so that activations do "
        "not vanish. The gradients grow by a tenth a layer: over many layers, take gain 1 or orthogonal.",
    ),
    "relu": Recommendation(
        "he_normal",
        {},
        "A rectifier cuts off half of the second moment; weights of variance 2 / fan_in make up for it.",
    ),
    "leaky_relu": Recommendation(
        "he_normal",
        {"negative_slope": DEFAULT_NEGATIVE_SLOPE},
        "A leaky rectifier of slope a keeps (1 + a**2) / 2 of the second moment; weights of variance "
        "2 / ((1 + a**2) fan_in) make up for the rest.",
    ),
    "selu": Recommendation(
        "lecun_normal",
        {},
        "SELU draws activations towards mean 0 and variance 1 by itself if the weights have variance 1 / fan_in.",
    ),
}


def recommend(nonlinearity: str) -> Recommendation:
    """
    The scheme that fits an activation, with its reason.

    Parameters
    ----------
    nonlinearity : str
        One of those that fastinit.gain takes.

    Returns
    -------
    Recommendation
        A named tuple: the name of the scheme, the arguments that it takes besides the array and its fans, the reason.

    Raises
    ------
    TypeError, ValueError
        If the nonlinearity is none of these.

    Notes
    -----
    Sources: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010; Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012 (the sigmoid);
    He et al., "Delving deep into rectifiers", ICCV 2015; Klambauer et al., "Self-normalizing neural networks", NeurIPS
    2017. docs/schemes.md shows what happens with others.

    Examples
    --------
    >>> import numpy as np, fastinit
    >>> scheme, arguments, reason = fastinit.recommend("leaky_relu")
    >>> scheme, arguments
    ('he_normal', {'negative_slope': 0.01})
    >>> w = np.empty((4, 3), np.float32)
    >>> _ = getattr(fastinit.Generator(42), scheme)(w, layout="torch", **arguments)
    """
    found: Recommendation = _core.choice("nonlinearity", nonlinearity, _RECOMMENDATIONS)
    return found._replace(arguments=dict(found.arguments))
