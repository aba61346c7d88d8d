"""The raw bits of seeds and streams as bytes, for batteries of randomness tests."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from fastinit._core import Generator

LONGEST = 2**63  # elements of a tensor
PIECE_WORDS = 1 << 20  # also the most sequences: each has a word in every piece


def pieces(
    seed: int, stream: int = 0, *, seeds: int = 1, streams: int = 1, words: int | None = None
) -> Iterator[NDArray[np.uint32]]:
    """
    The words of seeds * streams sequences in turn: word 0 of each, then word 1 of each, and so on, cut into pieces.

    The sequences are those of (seed, stream), (seed, stream + 1), ..., (seed + 1, stream), ...; each is what
    `fastinit.bits` writes into one long uint32 array. Numbers are little-endian on every machine. Ends after the given
    number of words, or else when a sequence does, after 2^63.

    Raises
    ------
    ValueError
        At once, if a number is out of range.
    """
    if min(seeds, streams) < 1 or seeds * streams > PIECE_WORDS:
        raise ValueError(f"{seeds} seeds and {streams} streams: need at least 1 of each, at most {PIECE_WORDS} in all")
    for name, first, last in (("seeds", seed, seed + seeds - 1), ("streams", stream, stream + streams - 1)):
        if first < 0 or last >= 2**64:
            raise ValueError(f"{name} from {first} to {last}: must lie in [0, 2**64)")
    if words is not None and words < 0:
        raise ValueError(f"{words} words: must not be negative")
    return _pieces([Generator(seed + i) for i in range(seeds)], range(stream, stream + streams), words)


def _pieces(generators: list[Generator], streams: range, words: int | None) -> Iterator[NDArray[np.uint32]]:
    sequences = len(generators) * len(streams)
    rows = PIECE_WORDS // sequences
    left = LONGEST * sequences if words is None else words
    for first in count(0, rows):
        if not left:
            return
        piece = np.empty((rows, len(generators), len(streams)), np.uint32)
        for i, generator in enumerate(generators):
            for j, stream in enumerate(streams):
                generator.bits(piece[:, i, j], stream=stream, offset=(first,), global_shape=(LONGEST,))
        here = piece.reshape(-1)[:left]
        left -= here.size
        yield here.astype("<u4", copy=False)
