"""Fills a new file in place, a window of it at a time, so that a file may be larger than memory."""

import contextlib
import io
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

import numpy as np

import fastinit
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.model import Part
from fastinit.checkpoint.rules import numpy_dtype
from fastinit.progress import Progress
from fastinit.recipe import Recipe, listed

_Bytes: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint8]]

WINDOW_BYTES = 1 << 26  # of the file, mapped and filled at a time, unless a tensor has to be filled as a whole


@dataclass(frozen=True)
class Piece:
    """A block of a tensor, bytes begin to end of the data, and the recipe that fills it; without one it is copied."""

    tensor: Tensor
    recipe: Recipe | None
    begin: int
    end: int
    offset: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()


def fill_file(
    file: BinaryIO,
    part: Part,
    recipes: Mapping[str, Recipe | None],
    generator: fastinit.Generator,
    progress: Progress,
) -> None:
    """Writes the header and the tensors, each from the stream of its name or, without a recipe, from the source."""
    file.seek(0)
    file.write(part.header.prefix)
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(part.source.open("rb")) if part.source else None
        for batch in _batches(_pieces(part.header.tensors, recipes)):
            progress.show(printable(batch[0].tensor.name))
            begin, end = batch[0].begin, batch[-1].end
            window = np.memmap(file, np.uint8, "r+", offset=len(part.header.prefix) + begin, shape=(end - begin,))
            _fill(batch, window, begin, generator)
            for piece in batch:
                if piece.recipe is None and source is not None:
                    source.seek(part.header.source_begin + piece.begin)
                    _copy(source, window[piece.begin - begin : piece.end - begin])
            del window
            _let_go(file, len(part.header.prefix) + begin, end - begin)
            progress.advance(end - begin)


def printable(name: str) -> str:
    """A name as a terminal can show it: what would move its cursor is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _pieces(tensors: Iterable[Tensor], recipes: Mapping[str, Recipe | None]) -> Iterator[Piece]:
    """All tensors' pieces in the order of their data: bytes that follow each other without a hole."""
    for tensor in tensors:
        recipe = recipes[tensor.name]
        if tensor.begin == tensor.end:
            continue
        if recipe is None:
            for begin in range(tensor.begin, tensor.end, WINDOW_BYTES):
                yield Piece(tensor, None, begin, min(begin + WINDOW_BYTES, tensor.end))
            continue
        itemsize = numpy_dtype(tensor).itemsize
        begin = tensor.begin
        for offset, shape in recipe.pieces(tensor.shape, WINDOW_BYTES // itemsize):
            end = begin + math.prod(shape) * itemsize
            yield Piece(tensor, recipe, begin, end, offset, shape)
            begin = end


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces that share a window: as many as it takes, and at least one."""
    batch: list[Piece] = []
    for piece in pieces:
        if batch and piece.end - batch[0].begin > WINDOW_BYTES:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _fill(batch: list[Piece], window: _Bytes, begin: int, generator: fastinit.Generator) -> None:
    """Fills the pieces that have recipes, in one call; the window shows the data's bytes from begin on."""
    specs = []
    for piece in batch:
        if piece.recipe is None:
            continue
        tensor, data = piece.tensor, window[piece.begin - begin : piece.end - begin]
        out = data.view(numpy_dtype(tensor)).reshape(piece.shape)
        specs.append((tensor.name, piece.recipe.spec(out, tensor.name, piece.offset, tensor.shape)))
    try:
        generator._fill(specs, "tensor {!r}")
    except MemoryError as error:
        names = [piece.tensor.name for piece in batch if piece.recipe and piece.recipe.is_whole]
        if not names:
            raise
        raise MemoryError(f"{listed(names)}: the scheme needs the whole matrix in memory: {error}") from None
    if sys.byteorder == "big":  # the file is little-endian, and the core fills what the machine counts with
        for _, (out, *_) in specs:
            # NumPy swaps the parts of complex numbers apart; of ml_dtypes' numbers it knows the size alone.
            (out if out.dtype.kind == "c" else out.view(f"u{out.itemsize}")).byteswap(inplace=True)


def _copy(source: io.BufferedReader, data: _Bytes) -> None:
    if source.readinto(data.data) != len(data):
        raise OSError(f"{source.name} ended before its data did; it was changed meanwhile")


def _let_go(file: BinaryIO, begin: int, size: int) -> None:
    """
    Begins to write the window to the disk, while the next one is filled.

    Its pages are then clean soon, and the system can take them back as it needs memory. It would write them out itself,
    but only when many have come together, and make the next fills wait for that.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), begin, size, os.POSIX_FADV_DONTNEED)
