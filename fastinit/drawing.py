"""What the pictures of several commands share: empty figures, and SVG. matplotlib is imported when one is drawn."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fastinit import files
from fastinit.distribution import command_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 8.6  # inches, of the pictures of docs/


def figure_class() -> "type[Figure]":
    """matplotlib's Figure; an error that says how to get it where it is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"drawing needs matplotlib, which {command_for('plot')} installs") from None
    return Figure


def new_figure(height: float, width: float = WIDTH) -> "Figure":
    """An empty figure of so many inches that no window and no global state knows."""
    return figure_class()(figsize=(width, height), layout="constrained")


def save(figure: "Figure", to: Path | TextIO) -> None:
    """
    Writes the figure as SVG, the same bytes whenever it is drawn again by the same matplotlib.

    A file gets its name when all of it is on the disk; one that is there is replaced.
    """
    import matplotlib

    picture = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "fastinit", "svg.fonttype": "none"}):
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    if isinstance(to, Path):
        files.write(to, picture.getvalue())
    else:
        to.write(picture.getvalue().decode())
