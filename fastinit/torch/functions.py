"""The functions of torch.nn.init, by the same names and with the same arguments, filled by fastinit."""

import math
from collections.abc import Sequence
from typing import TypedDict, Unpack

import fastinit
from fastinit import Generator, _core
from fastinit.docstrings import documented
from fastinit.recipe import Recipe
from fastinit.torch.tensors import Tensor, check, fill, target_of
from fastinit.typing import Stream, Streams


class Place(TypedDict, total=False):
    """Keyword arguments that torch.nn.init has not: which stream or streams, and which block of a larger tensor."""

    stream: Stream | None
    streams: Streams | None
    offset: Sequence[int]
    global_shape: Sequence[int]


_COMPLEX_BY = "normal_, xavier_normal_ and kaiming_normal_"
_PARAGRAPHS = {
    "<tensor>": """tensor : torch.Tensor
    Of dtype float32, float64, float16 or bfloat16, of any strides; on the meta device nothing happens. A DTensor gets
    the shards that this process holds.""",
    "<normal tensor>": """tensor : torch.Tensor
    Of dtype float32, float64, float16, bfloat16, complex64 or complex128, of any strides; on the meta device nothing
    happens. A DTensor gets the shards that this process holds.""",
    "<constant tensor>": """tensor : torch.Tensor
    Of any boolean, integer, float or complex dtype that NumPy or ml_dtypes has (so float8 too), of any strides; on the
    meta device nothing happens. A DTensor gets the shards that this process holds.""",
    "<weight>": """tensor : torch.Tensor
    (out, in, \\*kernel), of two axes or more, of dtype float32, float64, float16 or bfloat16, of any strides.""",
    "<normal weight>": """tensor : torch.Tensor
    (out, in, \\*kernel), of two axes or more, of dtype float32, float64, float16, bfloat16, complex64 or complex128, of
    any strides.""",
    "<rectifier>": """a : float
    The negative slope of "leaky_relu"; the other nonlinearities do not look at it.
mode : {"fan_in", "fan_out"}
    The fan: "fan_in" keeps the variance of the activations, "fan_out" that of the gradients.
nonlinearity : str
    Whose gain: see calculate_gain.""",
    "<place>": """generator : fastinit.Generator, optional
    Left out: the default generator, which fastinit.seed seeds.
stream : int or str, optional
    The stream: an integer in [0, 2**64) or a name. Left out: the generator's next one.
streams : array or tensor of int, range, or list of int and str, optional
    Instead of stream, one for each index of tensor's first axis: tensor[i] gets what a call with tensor[i] and
    ``stream=streams[i]`` would write. Fans, offset and global_shape are those of tensor[i] then. Of a DTensor there is
    one for each index of the global first axis.
offset, global_shape : sequence of int, optional
    The tensor is the block of one of that shape which begins at that offset. Not for DTensors, which know both.""",
    "<block>": """offset, global_shape : sequence of int, optional
    The tensor is the block of one of that shape which begins at that offset. Not for DTensors, which know both.""",
    "<example>": """Examples
--------
>>> import torch, fastinit, fastinit.torch as init""",
    "<returns and raises>": """Returns
-------
torch.Tensor
    tensor.

Raises
------
TypeError, ValueError
    If an argument is not as above; nothing is written and no stream is taken then.""",
}


def _fill(tensor: Tensor, recipe: Recipe, generator: object = None, place: Place | None = None) -> Tensor:
    place = place or {}
    unknown = set(place) - set(Place.__optional_keys__)
    if unknown:
        raise TypeError(
            f"unexpected keyword argument {min(unknown)!r}; accepted are {', '.join(Place.__annotations__)}"
        )
    chosen = fastinit.default_generator if generator is None else generator
    if not isinstance(chosen, fastinit.Generator):
        kind = type(chosen)  # PyTorch's has the same name
        raise TypeError(f"generator must be a fastinit.Generator or None, not {kind.__module__}.{kind.__qualname__}")
    target = target_of(tensor, recipe, **place, by=_COMPLEX_BY)
    if target.is_sharded and recipe.draws and chosen._from_entropy:
        raise ValueError(
            "tensor is a DTensor and the generator is not seeded: each process would draw from its own seed"
        )
    if tensor.is_meta:
        check(target)
    else:
        fill(target, chosen)
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """
    The gain of an activation, as torch.nn.init.calculate_gain: fastinit.gain, which explains it.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv1d" and so on, "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
    param : float, optional
        The negative slope of "leaky_relu", 0.01 if left out. The others do not look at it.

    Returns
    -------
    float
        The gain.

    Raises
    ------
    TypeError, ValueError
        If the nonlinearity is none of these.

    Examples
    --------
    >>> import fastinit.torch as init
    >>> init.calculate_gain("relu")
    1.4142135623730951
    """
    return fastinit.gain(nonlinearity, param if nonlinearity == "leaky_relu" else None)


# ---- Draws -----------------------------------------------------------------------------------------------------------


@documented(_PARAGRAPHS)
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None, **place: Unpack[Place]
) -> Tensor:
    """
    Fills a tensor with uniform draws: U[a, b).

    Parameters
    ----------
    <tensor>
    a, b : float
        The interval: a <= b.
    <place>

    <returns and raises>

    Notes
    -----
    Generator.uniform; ``torch.nn.init.uniform_``.

    <example>
    >>> init.uniform_(torch.empty(3), -1, 1, generator=fastinit.Generator(42))
    tensor([ 0.2259, -0.0628, -0.8535])
    """
    recipe = Recipe("uniform", {"low": _core.number("a", a), "high": _core.number("b", b)})
    return _fill(tensor, recipe, generator, place)


@documented(_PARAGRAPHS)
def normal_(
    tensor: Tensor, mean: complex = 0.0, std: float = 1.0, generator: Generator | None = None, **place: Unpack[Place]
) -> Tensor:
    """
    Fills a tensor with normal draws: N(mean, std**2).

    Parameters
    ----------
    <normal tensor>
    mean : float
        Finite; complex, too, if the tensor is.
    std : float
        Finite, std >= 0. Of complex numbers both parts together: each has std / sqrt(2).
    <place>

    <returns and raises>

    Notes
    -----
    Generator.normal; ``torch.nn.init.normal_``.

    <example>
    >>> init.normal_(torch.empty(3), generator=fastinit.Generator(42))
    tensor([-0.9702,  0.1940, -1.2356])
    """
    return _fill(tensor, Recipe("normal", {"mean": mean, "std": std}), generator, place)


@documented(_PARAGRAPHS)
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
    **place: Unpack[Place],
) -> Tensor:
    """
    Fills a tensor with normal draws N(mean, std**2) between a and b.

    Parameters
    ----------
    <tensor>
    mean, std : float
        Of the normal distribution before it is cut; std > 0.
    a, b : float
        The bounds themselves, not in standard deviations: a <= b. Infinities are allowed.
    <place>

    <returns and raises>

    Notes
    -----
    Generator.truncated_normal with low = (a - mean) / std and high = (b - mean) / std. By the inverse of the
    distribution function, not by rejection: exact also where bounds are far from the mean.
    ``torch.nn.init.trunc_normal_``.

    <example>
    >>> init.trunc_normal_(torch.empty(3), std=0.02, a=-0.02, b=0.02, generator=fastinit.Generator(42))
    tensor([ 0.0039, -0.0011, -0.0162])
    """
    width = _core.positive("std", std)
    low = _standardised("a", a, mean, width, math.inf)
    high = _standardised("b", b, mean, width, -math.inf)
    if not a <= b:
        raise ValueError(f"a={a}, b={b}; accepted is a <= b")
    recipe = Recipe("truncated_normal", {"mean": mean, "std": std, "low": min(low, high), "high": high})
    return _fill(tensor, recipe, generator, place)


def _standardised(name: str, bound: float, mean: float, std: float, inwards: float) -> float:
    """
    A bound in standard deviations, from which no draw gets beyond the bound itself, whatever its rounding.

    Unless both bounds lie between two neighbouring doubles of the size of the mean: then nothing does.
    """
    bound = _core.number(name, bound)
    center = _core.finite("mean", mean)
    z = (bound - center) / std
    while math.isfinite(z) and (center + z * std - bound) * inwards < 0:
        z = math.nextafter(z, inwards)
    return z


# ---- Schemes ---------------------------------------------------------------------------------------------------------


@documented(_PARAGRAPHS)
def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None, **place: Unpack[Place]
) -> Tensor:
    """
    Fills a weight with Glorot's uniform draws: U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    <weight>
    gain : float
        Positive: see calculate_gain.
    <place>

    <returns and raises>

    Notes
    -----
    Generator.xavier_uniform with layout="torch"; ``torch.nn.init.xavier_uniform_``. Glorot and Bengio, AISTATS 2010.

    <example>
    >>> init.xavier_uniform_(torch.empty(1, 3), generator=fastinit.Generator(42))
    tensor([[ 0.2767, -0.0769, -1.0454]])
    """
    return _fill(tensor, Recipe("xavier_uniform", {"gain": gain, "layout": "torch"}), generator, place)


@documented(_PARAGRAPHS)
def xavier_normal_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None, **place: Unpack[Place]
) -> Tensor:
    """
    Fills a weight with Glorot's normal draws: N(0, 2 gain**2 / (fan_in + fan_out)).

    Parameters
    ----------
    <normal weight>
    gain : float
        Positive: see calculate_gain.
    <place>

    <returns and raises>

    Notes
    -----
    Generator.xavier_normal with layout="torch"; ``torch.nn.init.xavier_normal_``. Glorot and Bengio, AISTATS 2010.

    <example>
    >>> init.xavier_normal_(torch.empty(1, 3), generator=fastinit.Generator(42))
    tensor([[-0.6860,  0.1372, -0.8737]])
    """
    return _fill(tensor, Recipe("xavier_normal", {"gain": gain, "layout": "torch"}), generator, place)


@documented(_PARAGRAPHS)
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
    **place: Unpack[Place],
) -> Tensor:
    """
    Fills a weight with He's uniform draws: U[-bound, bound), bound = gain sqrt(3 / fan).

    Parameters
    ----------
    <weight>
    <rectifier>
    <place>

    <returns and raises>

    Notes
    -----
    Generator.he_uniform with layout="torch"; variance_scaling with scale = gain**2 for "fan_out" and for nonlinearities
    other than "relu" and "leaky_relu". ``torch.nn.init.kaiming_uniform_``. He et al., ICCV 2015.

    <example>
    >>> init.kaiming_uniform_(torch.empty(1, 3), nonlinearity="relu", generator=fastinit.Generator(42))
    tensor([[ 0.3195, -0.0889, -1.2071]])
    """
    return _fill(tensor, _kaiming("uniform", a, mode, nonlinearity), generator, place)


@documented(_PARAGRAPHS)
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
    **place: Unpack[Place],
) -> Tensor:
    """
    Fills a weight with He's normal draws: N(0, gain**2 / fan).

    Parameters
    ----------
    <normal weight>
    <rectifier>
    <place>

    <returns and raises>

    Notes
    -----
    Generator.he_normal with layout="torch"; variance_scaling with scale = gain**2 for "fan_out" and for nonlinearities
    other than "relu" and "leaky_relu". ``torch.nn.init.kaiming_normal_``. He et al., ICCV 2015.

    <example>
    >>> init.kaiming_normal_(torch.empty(1, 3), nonlinearity="relu", generator=fastinit.Generator(42))
    tensor([[-0.7922,  0.1584, -1.0089]])
    """
    return _fill(tensor, _kaiming("normal", a, mode, nonlinearity), generator, place)


def _kaiming(distribution: str, a: float, mode: str, nonlinearity: str) -> Recipe:
    slopes = {"relu": 0.0, "leaky_relu": _core.finite("a", a)}
    gain = calculate_gain(nonlinearity, a)
    _core.choice("mode", mode, {"fan_in": 1, "fan_out": 0})
    if nonlinearity not in slopes:
        return _scaled(gain**2, mode, distribution)
    slope = slopes[nonlinearity]
    if mode == "fan_in":
        return Recipe(f"he_{distribution}", {"negative_slope": slope, "layout": "torch"})
    return _scaled(2 / (1 + slope**2), mode, distribution)


def _scaled(scale: float, mode: str, distribution: str) -> Recipe:
    arguments = {"scale": scale, "mode": mode, "distribution": distribution, "layout": "torch"}
    return Recipe("variance_scaling", arguments)


@documented(_PARAGRAPHS)
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None, **place: Unpack[Place]) -> Tensor:
    """
    Fills a tensor with a random orthogonal matrix, times gain: rows or columns, the fewer, are orthonormal.

    Parameters
    ----------
    tensor : torch.Tensor
        Of two axes or more, of dtype float32, float64, float16 or bfloat16; the matrix is the first axis by all others.
    gain : float
        Positive: see calculate_gain.
    <place>

    <returns and raises>

    Notes
    -----
    Generator.orthogonal: equal from machine to machine up to rounding. For a block the whole matrix is computed.
    ``torch.nn.init.orthogonal_``. Saxe, McClelland and Ganguli, ICLR 2014.

    <example>
    >>> q = init.orthogonal_(torch.empty(2, 3), generator=fastinit.Generator(42))
    >>> torch.allclose(q @ q.T, torch.eye(2), atol=1e-6)
    True
    """
    return _fill(tensor, Recipe("orthogonal", {"gain": gain}), generator, place)


@documented(_PARAGRAPHS)
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None, **place: Unpack[Place]
) -> Tensor:
    """
    Fills a matrix with N(0, std**2), and a part of each column with zeros.

    Parameters
    ----------
    tensor : torch.Tensor
        Of two axes, of dtype float32, float64, float16 or bfloat16.
    sparsity : float
        The part of each column that is zero, in [0, 1]; rounded up to whole elements.
    std : float
        Of the others; finite and >= 0.
    <place>

    <returns and raises>

    Notes
    -----
    Generator.sparse; ``torch.nn.init.sparse_``. Martens, ICML 2010.

    <example>
    >>> (init.sparse_(torch.empty(10, 4), sparsity=0.25) == 0).sum(0)
    tensor([3, 3, 3, 3])
    """
    return _fill(tensor, Recipe("sparse", {"sparsity": sparsity, "std": std}), generator, place)


# ---- Constants -------------------------------------------------------------------------------------------------------


@documented(_PARAGRAPHS)
def constant_(tensor: Tensor, val: complex) -> Tensor:
    """
    Fills a tensor with one value.

    Parameters
    ----------
    <constant tensor>
    val : bool, int, float or complex
        Any number that the tensor's dtype holds: an integer dtype takes no fraction, a real one no complex number.

    <returns and raises>

    <example>
    >>> init.constant_(torch.empty(3), 0.1)
    tensor([0.1000, 0.1000, 0.1000])
    """
    return _fill(tensor, Recipe("constant", {"value": val}))


@documented(_PARAGRAPHS)
def ones_(tensor: Tensor) -> Tensor:
    """
    Fills a tensor with ones.

    Parameters
    ----------
    <constant tensor>

    <returns and raises>

    <example>
    >>> init.ones_(torch.empty(3))
    tensor([1., 1., 1.])
    """
    return _fill(tensor, Recipe("ones", {}))


@documented(_PARAGRAPHS)
def zeros_(tensor: Tensor) -> Tensor:
    """
    Fills a tensor with zeros.

    Parameters
    ----------
    <constant tensor>

    <returns and raises>

    <example>
    >>> init.zeros_(torch.empty(3))
    tensor([0., 0., 0.])
    """
    return _fill(tensor, Recipe("zeros", {}))


@documented(_PARAGRAPHS)
def eye_(tensor: Tensor, **place: Unpack[Place]) -> Tensor:
    """
    Fills a matrix with the identity: ones on the diagonal, which may be shorter than a side.

    Parameters
    ----------
    tensor : torch.Tensor
        Of two axes, of any dtype that ``constant_`` takes.
    <block>

    <returns and raises>

    Notes
    -----
    Generator.identity; ``torch.nn.init.eye_``.

    <example>
    >>> init.eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    return _fill(tensor, Recipe("identity", {}), None, place)


@documented(_PARAGRAPHS)
def dirac_(tensor: Tensor, groups: int = 1, **place: Unpack[Place]) -> Tensor:
    """
    Fills the weight of a convolution so that it passes its input channels on: as many as there are outputs.

    Parameters
    ----------
    tensor : torch.Tensor
        Of three to five axes (out, in, \\*kernel), of any dtype that ``constant_`` takes.
    groups : int
        Groups of output channels, each of which passes on the same input channels; divides the first axis.
    <block>

    <returns and raises>

    Notes
    -----
    Generator.dirac; ``torch.nn.init.dirac_``.

    <example>
    >>> init.dirac_(torch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    return _fill(tensor, Recipe("dirac", {"groups": groups}), None, place)
