"""Histograms of what the schemes draw, each with the density that its formula promises."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

import fastinit
from fastinit.insight.propagation import Array
from fastinit.schemes import FAMILIES

Density: TypeAlias = Callable[[Array], Array]

# A layer whose fans differ, so that the schemes do.
FAN_IN, FAN_OUT = 512, 128

# Holds every density below to its limits or to 3.4 standard deviations and more.
EDGES = np.linspace(-0.3, 0.3, 61)

# The variance of a standard normal that is cut at two standard deviations.
CUT_VARIANCE = 1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))


@dataclass(frozen=True, eq=False)
class Histogram:
    """
    What one scheme drew, and the density of its formula.

    ``call`` is the scheme with its arguments, ``formula`` the distribution in words. The bins lie between ``edges``, of
    shape (bins + 1,); ``heights``, of shape (bins,), is the share of the draws in each bin over the bin's width.
    ``draws`` is the number of draws, ``density`` maps weights to the density there.
    """

    call: str
    formula: str
    edges: Array
    heights: Array
    draws: int
    density: Density


def scheme_histograms(seed: int = 0) -> list[Histogram]:
    """
    Draws the weights of one layer by each scheme that has a density: fan_in = 512, fan_out = 128, 65536 weights.

    Parameters
    ----------
    seed : int
        Everything is drawn from ``fastinit.Generator(seed)``, each scheme on the stream named as its call.

    Returns
    -------
    list of Histogram
        Three for each row of ``plot_histograms``.

    Raises
    ------
    TypeError, ValueError
        If seed is none that ``fastinit.Generator`` takes.

    Notes
    -----
    Of ``sparse``, what is not zero is counted. The entries of ``orthogonal`` are distributed as a coordinate of a
    random point on the unit sphere in fan_in dimensions, nearly N(0, 1 / fan_in). Sources: the papers that each
    scheme's docstring names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastinit.insight import scheme_histograms
    >>> he = next(h for h in scheme_histograms() if h.call == "he_normal()")
    >>> middles = (he.edges[:-1] + he.edges[1:]) / 2
    >>> bool(np.allclose(he.heights, he.density(middles), atol=0.2))
    True
    """
    generator = fastinit.Generator(seed)
    histograms = []
    for scheme, arguments, formula, density in cases():
        call = f"{scheme}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
        layout = {"layout": "torch"} if "fan" in formula else {}
        w = np.empty((FAN_OUT, FAN_IN))
        getattr(generator, scheme)(w, **arguments, **layout, stream=call)
        drawn = w[w != 0]
        counts, _ = np.histogram(drawn, EDGES)
        heights = counts / (drawn.size * np.diff(EDGES))
        histograms.append(Histogram(call, formula, EDGES, heights, drawn.size, density))
    return histograms


def cases() -> Iterator[tuple[str, dict[str, object], str, Density]]:
    """Each scheme: its name, its arguments besides the layout, its distribution in words, and its density."""
    yield "uniform", {"low": -0.1, "high": 0.1}, "U[-0.1, 0.1)", uniform(0.1)
    yield "normal", {"std": 0.05}, "N(0, 0.05²)", normal(0.05)
    yield "truncated_normal", {"std": 0.05}, "N(0, 0.05²), cut at 2 std", cut_normal(0.05)
    for row in FAMILIES:
        gain = {"gain": "relu"} if row.takes == "gain or relu" else {}
        drawn = row._replace(scale=2 * row.scale) if gain else row
        text = f"variance {drawn.framework_formula('normal')}"
        for draw, density in (("uniform", uniform), ("normal", normal)):
            yield f"{row.name}_{draw}", {**gain}, text, density(drawn.parameter(draw, FAN_IN, FAN_OUT))
        cut = cut_normal(drawn.parameter("normal", FAN_IN, FAN_OUT) / math.sqrt(CUT_VARIANCE))
        yield f"{row.name}_normal", {**gain, "truncated": True}, text, cut
    cut = cut_normal(math.sqrt(0.5 / FAN_OUT / CUT_VARIANCE))
    yield "variance_scaling", {"scale": 0.5, "mode": "fan_out"}, "variance 0.5 / fan_out", cut
    yield "orthogonal", {}, "rows of length 1 at right angles", coordinate_on_sphere(FAN_IN)
    yield "sparse", {"sparsity": 0.9, "std": 0.05}, "N(0, 0.05²) where not zero", normal(0.05)


def uniform(limit: float) -> Density:
    """The density of U[-limit, limit)."""
    return lambda x: np.where(np.abs(x) < limit, 0.5 / limit, 0.0)


def normal(std: float) -> Density:
    """The density of N(0, std²)."""
    return lambda x: np.exp(-0.5 * (x / std) ** 2) / (std * math.sqrt(2 * math.pi))


def cut_normal(std: float) -> Density:
    """The density of N(0, std²) cut at two of these standard deviations."""
    whole = normal(std)
    return lambda x: np.where(np.abs(x) < 2 * std, whole(x) / math.erf(math.sqrt(2)), 0.0)


def coordinate_on_sphere(dimensions: int) -> Density:
    """The density of a coordinate of a random point on the unit sphere: c (1 - x²)^((dimensions - 3) / 2)."""
    log_c = math.lgamma(dimensions / 2) - math.lgamma((dimensions - 1) / 2) - 0.5 * math.log(math.pi)
    return lambda x: np.exp(log_c + 0.5 * (dimensions - 3) * np.log1p(-(x**2)))
