"""
What becomes of a signal in a deep network, by scheme and activation: measured, and drawn for docs/schemes.md.

``signal_propagation`` and ``scheme_histograms`` give numbers and need NumPy alone; ``plot_propagation`` and
``plot_histograms`` draw them with matplotlib, which comes with the extra ``fastinit-weights[plot]``.
"""

from dataclasses import replace
from pathlib import Path
from typing import TextIO

from fastinit import drawing
from fastinit.insight import cases, table
from fastinit.insight.figures import plot_histograms, plot_propagation
from fastinit.insight.histograms import Histogram, scheme_histograms
from fastinit.insight.propagation import Moments, Propagation, signal_propagation
from fastinit.progress import Progress

__all__ = [
    "Histogram",
    "Moments",
    "Propagation",
    "plot_histograms",
    "plot_propagation",
    "scheme_histograms",
    "signal_propagation",
]


def run(folder: Path, *, depth: int = 50, width: int = 256, out: TextIO | None = None) -> None:
    """Draws every picture into the folder; prints their names and a table of the numbers to out (standard output)."""
    failures = [(label, fill, a) for a in cases.ACTIVATIONS_SHOWN for label, fill in cases.FAILURES.items()]
    schemes = [(label, fill, a) for a in cases.ACTIVATIONS_SHOWN for label, fill in cases.schemes(a).items()]
    results = []
    with Progress(len(failures) + len(schemes)) as progress:
        for label, fill, activation in failures + schemes:
            progress.show(f"{label}, {activation}")
            results.append(replace(signal_propagation(fill, activation, depth, width), scheme=label))
            progress.advance()
    pictures = {
        "failures.svg": plot_propagation(results[: len(failures)]),
        "schemes.svg": plot_propagation(results[len(failures) :]),
        "histograms.svg": plot_histograms(scheme_histograms()),
    }
    for name, figure in pictures.items():
        drawing.save(figure, folder / name)
        print(folder / name, file=out)
    print(f"\n{table.text(results, width)}", file=out)
