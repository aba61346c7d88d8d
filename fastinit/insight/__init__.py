"""
What becomes of a signal in a deep network, by scheme and activation: measured, and drawn for docs/schemes.md.

``signal_propagation`` and ``scheme_histograms`` give numbers and need NumPy alone; ``plot_propagation`` and
``plot_histograms`` draw them with matplotlib, which comes with the extra ``fastinit-weights[plot]``.
"""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fastinit import drawing, files
from fastinit.insight import cases, table
from fastinit.insight.figures import plot_histograms, plot_propagation
from fastinit.insight.histograms import Histogram, scheme_histograms
from fastinit.insight.propagation import Moments, Propagation, signal_propagation
from fastinit.progress import Progress
from fastinit.text import named, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Histogram",
    "Moments",
    "Propagation",
    "plot_histograms",
    "plot_propagation",
    "scheme_histograms",
    "signal_propagation",
]


PICTURES = ("failures.svg", "schemes.svg", "histograms.svg")


def make_folder(folder: Path) -> None:
    """Makes the folder if it is not there; OSError, in one line, if the pictures cannot be written into it."""
    try:
        status = files.status_of(folder)
        if status is not None and not folder.is_dir():
            kind = (
                "a link to nothing"
                if folder.is_symlink() and not folder.exists()
                else files.kind_of(status) or "a file"
            )
            raise OSError(f"it is {kind}; accepted is a folder or a new name")
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(f"cannot write into the folder {named(folder)}: {error.strerror or error}") from None
    for name in PICTURES:
        files.check_target(folder / name, replace=True)


def run(folder: Path, *, depth: int = 50, width: int = 256, out: TextIO | None = None) -> None:
    """
    Draws every picture into the folder; prints their names and a table of the numbers to out (standard output).

    A picture is written and named as soon as its numbers are there. One that cannot be written keeps no other from it:
    at the end OSError names those that failed, or another error of one is raised.
    """
    make_folder(folder)
    failed: dict[str, Exception] = {}
    results: list[Propagation] = []

    def write(name: str, plot: Callable[[], "Figure"]) -> None:
        try:
            drawing.save(plot(), folder / name)
        except Exception as error:
            failed[name] = error
        else:
            print(printable(str(folder / name)), file=out)

    fills = {"failures.svg": lambda _: cases.FAILURES, "schemes.svg": cases.schemes}
    for name, fills_for in fills.items():
        shown = [(label, fill, a) for a in cases.ACTIVATIONS_SHOWN for label, fill in fills_for(a).items()]
        measured = []
        with Progress(len(shown)) as progress:
            for label, fill, activation in shown:
                progress.show(f"{label}, {activation}")
                measured.append(replace(signal_propagation(fill, activation, depth, width), scheme=label))
                progress.advance()
        write(name, functools.partial(plot_propagation, measured))
        results += measured
    write("histograms.svg", lambda: plot_histograms(scheme_histograms()))
    print(f"\n{table.text(results, width)}", file=out)
    for error in failed.values():
        if not isinstance(error, OSError):
            raise error
    if failed:
        reasons = "; ".join(f"{name}: {error.strerror or error}" for name, error in failed.items())  # type: ignore[attr-defined]
        raise OSError(f"not every picture is written: {reasons}")
