"""What was done to each tensor, as a table, and how far it is."""

from collections.abc import Sequence
from typing import NamedTuple

from fastinit.checkpoint.fills import printable
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.rules import COPY
from fastinit.progress import Progress
from fastinit.recipe import Recipe

GAP = "  "
INDENT = "    "
MEBI = 1 << 20


class Initialised(NamedTuple):
    """A tensor of the new checkpoint, and what filled it: a recipe, or None where its values were copied."""

    tensor: Tensor
    recipe: Recipe | None

    @property
    def scheme(self) -> str:
        return COPY if self.recipe is None else str(self.recipe)


class BytesProgress(Progress):
    """Shows how many mebibytes of all are written."""

    def count(self) -> str:
        return f"{self.done // MEBI:,} of {self.total // MEBI:,} MiB"


def table(done: Sequence[Initialised], width: int | None = None) -> str:
    """A line for each tensor; where one is longer than the width, its scheme goes to a line of its own."""
    heads = ("name", "shape", "dtype", "scheme")
    rows = [heads, *((printable(e.tensor.name), shape_text(e), e.tensor.dtype, e.scheme) for e in done)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(_line(row, widths, width) for row in rows)


def totals(done: Sequence[Initialised], seconds: float | None = None) -> str:
    """The sums under the table."""
    elements = sum(each.tensor.elements for each in done)
    size = sum(each.tensor.end - each.tensor.begin for each in done)
    took = "" if seconds is None else f", {seconds:.2f} seconds"
    return f"{_counted(len(done), 'tensor')}, {_counted(elements, 'element')}, {_counted(size, 'byte')}{took}"


def shape_text(done: Initialised) -> str:
    return " x ".join(map(str, done.tensor.shape)) or "scalar"


def _line(row: tuple[str, ...], widths: list[int], most: int | None) -> str:
    *cells, scheme = row
    left = GAP.join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    whole = f"{left}{GAP}{scheme}"
    return whole if most is None or len(whole) <= most else f"{left.rstrip()}\n{INDENT}{scheme}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
