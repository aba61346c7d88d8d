"""What was done to each tensor, as a table and as JSON, and how far it is."""

import functools
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastinit
from fastinit import text
from fastinit.checkpoint.files import FileWritten
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.rules import COPY
from fastinit.progress import Progress
from fastinit.recipe import Recipe

GAP = "  "
INDENT = "    "
HEADS = ("name", "shape", "dtype", "scheme")
LEAST_COLUMNS = 20  # of a terminal; one that says that it has fewer wraps the lines itself
MOST_PADDED = 60  # columns, in a file: one name of a megabyte must not make every line as long
MOST_OF_SHAPE = 72  # characters: a tensor may have a million axes
JSON_FORMAT = 1  # goes up when a reader of the JSON would have to change

BytesProgress: functools.partial[Progress] = functools.partial(Progress, unit="bytes")


class Initialised(NamedTuple):
    """A tensor of the new checkpoint, and what filled it: a recipe, or None where its values were copied."""

    tensor: Tensor
    recipe: Recipe | None

    @property
    def scheme(self) -> str:
        return COPY if self.recipe is None else str(self.recipe)


class Written(NamedTuple):
    """What a run made, or would have made: the tensors, in the order of the files and their data, and the files."""

    seed: int
    tensors: list[Initialised]
    rules: Mapping[str, int]  # by the tensors' names: the number of the rule that applied
    places: Mapping[str, Path]  # and the file
    files: list[FileWritten]


# ---- The table -------------------------------------------------------------------------------------------------------


def table(done: Sequence[Initialised], width: int | None = None) -> str:
    """
    The tensors, their shapes and dtypes and what filled them: a line for each, whole, where no width is given.

    In a terminal of so many columns no line is wider. A scheme that has no room goes to lines of its own; where names,
    shapes and dtypes have none either, each tensor has its name, folded, and below it the rest.
    """
    rows = [HEADS, *(_cells(each) for each in done)]
    widths = [max(text.width(row[column]) for row in rows) for column in range(3)]
    if width is None:
        return "\n".join(_line(row, [min(each, MOST_PADDED) for each in widths]) for row in rows)
    width = max(width, LEAST_COLUMNS)
    if sum(widths) + 2 * len(GAP) > width:
        return "\n".join(line for row in rows for line in _stacked(row, width))
    return "\n".join(line for row in rows for line in _in_columns(row, widths, width))


def totals(done: Sequence[Initialised], seconds: float | None = None) -> str:
    """The sums under the table."""
    elements = sum(each.tensor.elements for each in done)
    size = sum(each.tensor.end - each.tensor.begin for each in done)
    took = "" if seconds is None else f", {seconds:.2f} seconds"
    return f"{_counted(len(done), 'tensor')}, {_counted(elements, 'element')}, {_counted(size, 'byte')}{took}"


def shape_text(done: Initialised) -> str:
    """The shape; of one that is longer than any real one the beginning."""
    return text.cut(" x ".join(map(str, done.tensor.shape[:MOST_OF_SHAPE])), MOST_OF_SHAPE) or "scalar"


def _cells(done: Initialised) -> tuple[str, ...]:
    return text.printable(done.tensor.name), shape_text(done), done.tensor.dtype, text.printable(done.scheme)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """The cells beside each other, as wide as the columns; the last one as it is."""
    padded = (cell + " " * (width - text.width(cell)) for cell, width in zip(row, widths, strict=False))
    return GAP.join([*padded, *row[len(widths) :]])


def _in_columns(row: Sequence[str], widths: Sequence[int], most: int) -> list[str]:
    whole = _line(row, widths)
    return [whole] if text.width(whole) <= most else [_line(row[:3], widths).rstrip(), *_indented(row[3], most)]


def _stacked(row: Sequence[str], most: int) -> list[str]:
    name, *rest = row
    together = GAP.join(rest)
    below = [together] if text.width(INDENT + together) <= most else [GAP.join(rest[:2]), rest[2]]
    return [*text.folded(name, most), *(line for part in below for line in _indented(part, most))]


def _indented(part: str, most: int) -> list[str]:
    return [INDENT + line for line in text.folded(part, most - len(INDENT))]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# ---- JSON ------------------------------------------------------------------------------------------------------------


def as_json(run: Written, dry_run: bool = False) -> str:
    """
    What a run wrote, as one JSON object in one line of ASCII: the files, and what filled each of their tensors.

    A tensor that was filled has ``scheme`` and ``arguments``, a copied one ``"copy": true``; ``rule`` is the number,
    from 1 on, of the rule that applied to it. Arguments are what the rules say. JSON has no numbers for infinities and
    NaN, and none that are complex: these are strings, as TOML and Python write them ("inf", "-inf", "nan", "(1+2j)").
    """
    content = {
        "format": JSON_FORMAT,
        "fastinit": fastinit.__version__,
        "stream_version": fastinit.STREAM_VERSION,
        "seed": run.seed,
        "dry_run": dry_run,
        "files": [{"path": os.fspath(file.path), "bytes": file.size, "sha256": file.sha256} for file in run.files],
        "tensors": [
            {
                "name": tensor.name,
                "file": os.fspath(run.places[tensor.name]),
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "rule": run.rules[tensor.name],
                **_what_filled(recipe),
            }
            for tensor, recipe in run.tensors
        ],
    }
    return json.dumps(content, allow_nan=False)


def _what_filled(recipe: Recipe | None) -> dict[str, Any]:
    if recipe is None:
        return {COPY: True}
    return {"scheme": recipe.scheme, "arguments": {name: _plain(value) for name, value in recipe.arguments.items()}}


def _plain(value: object) -> object:
    """An argument as JSON has it; of what JSON has not, its text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value)
