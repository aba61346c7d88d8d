"""Fills a new file from its beginning to its end, a buffer at a time, so that it may be larger than memory."""

import contextlib
import io
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

import fastinit
from fastinit import text
from fastinit.checkpoint.files import Growing
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.model import FilePlan
from fastinit.checkpoint.rules import numpy_dtype
from fastinit.draw import Drawn
from fastinit.files import open_regular
from fastinit.progress import Progress
from fastinit.recipe import Recipe
from fastinit.rules import Choice
from fastinit.text import listed, named

_Bytes: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint8]]

# Filled and written at a time, unless a tensor has to be filled as a whole: a share of it for each thread, and little
# enough that the bytes are still in the cache when they are written. A map of the file would cost a page fault for each
# 4 KiB, and a signal where somebody else cuts the file off.
BUFFER_BYTES = 1 << 24


@dataclass(frozen=True)
class Piece:
    """A block of a tensor, bytes begin to end of the data; of a tensor that is drawn, or else copied."""

    tensor: Tensor
    drawn: Drawn | None
    begin: int
    end: int
    offset: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()


def write_file(
    file: Growing,
    plan: FilePlan,
    choices: Mapping[str, Choice],
    generator: fastinit.Generator,
    progress: Progress,
) -> None:
    """Writes the header and the tensors, each from the stream of its name or, where it is copied, from the source."""
    file.append(plan.header.prefix)
    size = plan.header.file_size - len(plan.header.prefix)
    buffer = np.empty(min(size, BUFFER_BYTES), np.uint8)
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(open_regular(plan.source)) if plan.source else None
        _check_source(source, plan)
        for batch in _batches(_pieces(plan.header.tensors, choices)):
            progress.show(text.printable(text.cut(batch[0].tensor.name)))
            begin, size = batch[0].begin, batch[-1].end - batch[0].begin
            data = buffer[:size] if size <= len(buffer) else _room(batch, size)
            _fill(batch, data, begin, generator)
            for piece in batch:
                if piece.drawn is None and source is not None:
                    source.seek(plan.header.source_begin + piece.begin)
                    _copy(source, data[piece.begin - begin : piece.end - begin])
            file.append(data)
            progress.advance(size)
            del data  # before the next one of its size
        _check_source(source, plan)


def _room(batch: list[Piece], size: int) -> _Bytes:
    """A buffer for a batch that is larger than others: a tensor that is filled as a whole."""
    try:
        return np.empty(size, np.uint8)
    except MemoryError as error:
        raise _without_memory(batch, error) from None


def _pieces(tensors: Iterable[Tensor], choices: Mapping[str, Choice]) -> Iterator[Piece]:
    """All tensors' pieces in the order of their data: bytes that follow each other without a hole."""
    for tensor in tensors:
        choice = choices[tensor.name]
        if tensor.begin == tensor.end:
            continue
        if not isinstance(choice, Recipe):
            for begin in range(tensor.begin, tensor.end, BUFFER_BYTES):
                yield Piece(tensor, None, begin, min(begin + BUFFER_BYTES, tensor.end))
            continue
        drawn = Drawn(choice, tensor.shape, numpy_dtype(tensor), stream=tensor.name)
        itemsize = drawn.dtype.itemsize
        begin = tensor.begin
        for offset, shape in drawn.pieces(BUFFER_BYTES // itemsize):
            end = begin + math.prod(shape) * itemsize
            yield Piece(tensor, drawn, begin, end, offset, shape)
            begin = end


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces that share a buffer: as many as it takes, and at least one."""
    batch: list[Piece] = []
    for piece in pieces:
        if batch and piece.end - batch[0].begin > BUFFER_BYTES:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _fill(batch: list[Piece], buffer: _Bytes, begin: int, generator: fastinit.Generator) -> None:
    """Fills the pieces that have recipes, in one call; the buffer has the data's bytes from begin on."""
    specs = []
    for piece in batch:
        if piece.drawn is None:
            continue
        out = buffer[piece.begin - begin : piece.end - begin].view(piece.drawn.dtype).reshape(piece.shape)
        specs.append((piece.tensor.name, piece.drawn.spec(out, piece.offset)))
    try:
        generator._fill(specs, "tensor {!r}")
    except MemoryError as error:
        raise _without_memory(batch, error) from None
    if sys.byteorder == "big":  # the file is little-endian, and the core fills what the machine counts with
        for _, (out, *_) in specs:
            # NumPy swaps the parts of complex numbers apart; of ml_dtypes' numbers it knows the size alone.
            (out if out.dtype.kind == "c" else out.view(f"u{out.itemsize}")).byteswap(inplace=True)


def _without_memory(batch: list[Piece], error: MemoryError) -> MemoryError:
    """The error of a batch for which memory was short, with the names of the tensors that need much of it."""
    names = [piece.tensor.name for piece in batch if piece.drawn and piece.drawn.recipe.is_whole]
    return MemoryError(f"{listed(names)}: the scheme needs the whole matrix in memory: {error}") if names else error


def _check_source(source: io.BufferedReader | None, plan: FilePlan) -> None:
    """OSError if the file that values are copied from is no longer the one whose header was read."""
    if source is None or plan.header.source_status is None:
        return
    now, then = os.fstat(source.fileno()), plan.header.source_status
    if any(getattr(now, name) != getattr(then, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns")):
        raise OSError(f"{named(source.name)} was changed after its header was read")


def _copy(source: io.BufferedReader, data: _Bytes) -> None:
    if source.readinto(data.data) != len(data):
        raise OSError(f"{named(source.name)} ended before its data did; it was changed meanwhile")
