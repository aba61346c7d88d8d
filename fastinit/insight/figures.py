"""The pictures of docs/schemes.md. matplotlib is imported when one is drawn."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastinit.drawing import new_figure
from fastinit.insight.histograms import Histogram
from fastinit.insight.propagation import Array, Propagation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito ("Color universal design", 2008), which no kind of colour vision confuses. Widths and
# dashes tell lines apart that lie on each other.
LINES = (
    ("#0072B2", "-", 2.4),
    ("#E69F00", (0, (4, 1.5)), 1.8),
    ("#D55E00", "-", 1.4),
    ("#000000", (0, (1, 1.5)), 1.6),
    ("#009E73", (0, (5, 1, 1, 1)), 1.6),
    ("#CC79A7", "-", 1.4),
)
BARS, CURVE, GRID = "#A6CBE3", "#D55E00", "#DDDDDD"
SIZES_SHOWN = (1e-9, 1e5)

# What each row of the propagation's panels shows.
QUANTITIES: tuple[tuple[str, Callable[[Propagation], Array]], ...] = (
    ("std of the activations", lambda result: result.activations.std),
    ("their std over inputs alone", lambda result: result.activations.input_spread),
    ("std of the gradients", lambda result: result.gradients.std),
)


def plot_propagation(results: Sequence[Propagation]) -> "Figure":
    """
    Draws what ``signal_propagation`` measured: a column for each activation, a line for each scheme.

    The rows are the standard deviation of the activations, that over the inputs alone (``input_spread``: what a layer
    still knows of them), and that of the gradients. All panels share one logarithmic axis, from 1e-9 to 1e5: so they
    can be compared, and lines that vanish or explode leave the panel. What is 0 has no line, and a scheme that makes
    all activations equal, such as zeros, has none at all.

    Parameters
    ----------
    results : sequence of Propagation
        All of one depth.

    Returns
    -------
    matplotlib.figure.Figure
        8.6 inches wide, tied to no window; ``figure.savefig(path)`` writes it.

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``fastinit-weights[plot]``.
    ValueError
        If results is empty.

    Examples
    --------
    >>> from fastinit.insight import plot_propagation, signal_propagation
    >>> results = [signal_propagation(s, "relu", depth=5, width=32) for s in ("he_normal", "xavier_normal")]
    >>> figure = plot_propagation(results)
    >>> [axes.get_title() for axes in figure.axes[:1]]
    ['relu']
    """
    if not results:
        raise ValueError("results is empty; accepted is at least one Propagation")
    activations = list(dict.fromkeys(result.activation for result in results))
    schemes = list(dict.fromkeys(result.scheme for result in results))
    figure = new_figure(7.2)
    panels = figure.subplots(len(QUANTITIES), len(activations), sharex=True, sharey=True, squeeze=False)
    lines = {}
    for result in results:
        if not result.activations.std.any():
            continue
        color, dashes, width = LINES[schemes.index(result.scheme) % len(LINES)]
        column = activations.index(result.activation)
        for row, (_, quantity) in enumerate(QUANTITIES):
            values = quantity(result)
            layers = np.arange(1, len(values) + 1)
            axes = panels[row, column]
            (line,) = axes.plot(layers, values, color=color, linestyle=dashes, linewidth=width, label=result.scheme)
            lines[result.scheme] = line
    for axes, activation in zip(panels[0], activations, strict=True):
        axes.set_title(activation)
    for axes in panels[-1]:
        axes.set_xlabel("layer")
    for row, (label, _) in zip(panels, QUANTITIES, strict=True):
        row[0].set_ylabel(label)
    for axes in panels.flat:
        axes.set_yscale("log", nonpositive="mask")
        axes.set(ylim=SIZES_SHOWN, xlim=(1, len(results[0].activations.std)))
        axes.grid(color=GRID, linewidth=0.6)
    figure.legend(handles=list(lines.values()), loc="outside lower center", ncols=4, frameon=False)
    return figure


def plot_histograms(histograms: Sequence[Histogram]) -> "Figure":
    """
    Draws what ``scheme_histograms`` counted: a panel for each scheme, its density as a line over the histogram.

    Parameters
    ----------
    histograms : sequence of Histogram
        Three a row. The panels share both axes.

    Returns
    -------
    matplotlib.figure.Figure
        8.6 inches wide, tied to no window; ``figure.savefig(path)`` writes it.

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``fastinit-weights[plot]``.
    ValueError
        If histograms is empty.

    Examples
    --------
    >>> from fastinit.insight import plot_histograms, scheme_histograms
    >>> figure = plot_histograms(scheme_histograms()[:3])
    >>> len(figure.axes)
    3
    """
    if not histograms:
        raise ValueError("histograms is empty; accepted is at least one Histogram")
    rows = -(-len(histograms) // 3)
    figure = new_figure(1.35 * rows + 0.6)
    panels = figure.subplots(rows, 3, sharex=True, sharey=True, squeeze=False)
    for axes, histogram in zip(panels.flat, histograms, strict=False):
        axes.stairs(histogram.heights, histogram.edges, fill=True, color=BARS, label="drawn")
        weights = np.linspace(histogram.edges[0], histogram.edges[-1], 161)
        axes.plot(weights, histogram.density(weights), color=CURVE, linewidth=1.2, label="the formula's density")
        axes.set_title(f"{histogram.call}\n{histogram.formula}", fontsize=8)
    for axes in panels.flat[len(histograms) :]:
        axes.set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("weight")
    for axes in panels[:, 0]:
        axes.set_ylabel("density")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure
