"""
Golden vectors: fills and what they write, as lines of text that a test in any language can read.

    python tests/golden.py > tests/golden.txt

writes them anew with the portable kernel. A line that changes there is a change of the stream contract.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from fastinit import _core

FILE = Path(__file__).parent / "golden.txt"
HEADER = """\
# Golden vectors of fastinit's stream contract, version 1 (docs/stream.md). Each line is a fill and what it writes:
#
#   draw dtype how a b low high seed stream global_shape offset shape hash first values
#
# a and b are low and high of a uniform draw, mean and std of the others; low and high are a truncated normal's bounds
# in standard deviations. complex_normal has the parts of complex numbers as its last axis: a is the real part of the
# mean, low the imaginary one, b the standard deviation of both together. how is = or, for accumulate, +=; then element
# i of the array, in C order, held (i mod 17) - 8. shape is that of the array, a block at offset of a tensor of
# global_shape. - stands for nothing, () for no axes. hash is FNV-1a of 64 bits over the bytes of the array, each
# element's lowest byte first. The first values are decimal numbers, exact when they are read as double.
"""
FIRST_VALUES = 4
DTYPES = {
    "uint32": np.dtype("u4"),
    "uint64": np.dtype("u8"),
    "float32": np.dtype("f4"),
    "float64": np.dtype("f8"),
    "float16": np.dtype("f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
INTEGERS, FLOATS = list(DTYPES)[:2], list(DTYPES)[2:]


class Fill(NamedTuple):
    draw: str
    dtype: str
    accumulate: bool = False
    parameters: tuple[float, ...] = ()
    bounds: tuple[float, ...] = ()
    seed: int = 0x0123456789ABCDEF
    stream: int = 0xFEDCBA9876543210
    global_shape: tuple[int, ...] | None = None
    offset: tuple[int, ...] | None = None
    shape: tuple[int, ...] = (3000,)


class Vector(NamedTuple):
    fill: Fill
    hash: int
    values: list[float]  # the first ones


def before(fill: Fill) -> NDArray:
    """The array as the fill finds it."""
    return (np.arange(math.prod(fill.shape)) % 17 - 8).reshape(fill.shape).astype(DTYPES[fill.dtype])


def as_complex(fill: Fill) -> Fill:
    """The fill whose parts a complex_normal writes, of an array whose elements are they."""
    cut = [None if axes is None else axes[:-1] for axes in (fill.global_shape, fill.offset, fill.shape)]
    mean = complex(fill.parameters[0], fill.bounds[0])
    return Fill("normal", fill.dtype, fill.accumulate, (mean, fill.parameters[1]), (), fill.seed, fill.stream, *cut)


def complex_view(parts: NDArray) -> NDArray:
    return parts.view(np.result_type(parts, np.complex64))[..., 0]


def written(kernels: str, fill: Fill) -> NDArray:
    """What the named kernels make of it."""
    if fill.draw == "complex_normal":
        out, of_both = before(fill), as_complex(fill)
        where = of_both.seed, of_both.stream, *of_both.parameters, of_both.accumulate, None
        block = {"offset": of_both.offset, "global_shape": of_both.global_shape}
        _core.fill_range(kernels, "normal", complex_view(out), 0, *where, **block)
        return out
    where = fill.seed, fill.stream, *(fill.parameters or (0.0, 1.0)), fill.accumulate, fill.bounds or None
    block = {"offset": fill.offset, "global_shape": fill.global_shape}
    return _core.fill_range(kernels, fill.draw, before(fill), 0, *where, **block)


def fnv1a(array: NDArray) -> int:
    value = 0xCBF29CE484222325
    for byte in array.astype(array.dtype.newbyteorder("<")).tobytes():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def vector(fill: Fill, array: NDArray) -> Vector:
    first = array.reshape(-1)[:FIRST_VALUES]
    return Vector(fill, fnv1a(array), (first if fill.draw == "bits" else first.astype(float)).tolist())


# ---- The text --------------------------------------------------------------------------------------------------------


def as_shape(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else "x".join(map(str, shape)) or "()"


def shape_of(text: str) -> tuple[int, ...] | None:
    return None if text == "-" else tuple(map(int, text.split("x"))) if text != "()" else ()


def as_line(vector: Vector) -> str:
    fill = vector.fill
    numbers = [f"{number!r}" for number in (*fill.parameters, *fill.bounds)]
    where = [as_shape(shape) for shape in (fill.global_shape, fill.offset, fill.shape)]
    fields = [fill.draw, fill.dtype, "+=" if fill.accumulate else "=", *numbers, *["-"] * (4 - len(numbers))]
    fields += [f"0x{fill.seed:x}", f"0x{fill.stream:x}", *where, f"{vector.hash:016x}", *map(repr, vector.values)]
    return " ".join(fields)


def vector_of(line: str) -> Vector:
    draw, dtype, how, *rest = line.split()
    numbers = [float(number) for number in rest[:4] if number != "-"]
    seed, stream = (int(number, 16) for number in rest[4:6])
    where = [shape_of(text) for text in rest[6:9]]
    fill = Fill(draw, dtype, how == "+=", tuple(numbers[:2]), tuple(numbers[2:]), seed, stream, *where)
    return Vector(fill, int(rest[9], 16), [(int if draw == "bits" else float)(value) for value in rest[10:]])


def read(path: Path = FILE) -> list[Vector]:
    return [vector_of(line) for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("#")]


# ---- The fills -------------------------------------------------------------------------------------------------------

INF = math.inf
# Every form of the truncated normal, every polynomial and every function of its constants.
BOUNDS = [
    *((-2.0, 2.0), (-0.3, 1.7), (-3.0, 3.0), (-7.0, 0.2), (-INF, INF), (-INF, -0.5), (0.5, 0.5)),
    *((2.0, INF), (-12.0, -10.0), (30.0, 30.01), (-INF, -100.0), (300.0, INF), (2000.0, INF)),
]


def draws() -> Iterator[Fill]:
    """Each draw in each dtype, with the standard parameters and with others."""
    for dtype in INTEGERS:
        yield Fill("bits", dtype)
    for dtype in FLOATS:
        yield Fill("uniform", dtype, parameters=(0.0, 1.0))
        yield Fill("uniform", dtype, parameters=(-0.3, 0.7))
        yield Fill("normal", dtype, parameters=(0.0, 1.0))
        yield Fill("normal", dtype, parameters=(0.1, 0.7))
        for bounds in BOUNDS:
            yield Fill("truncated_normal", dtype, parameters=(0.1, 0.7), bounds=bounds)


def sums() -> Iterator[Fill]:
    for dtype in FLOATS:
        yield Fill("uniform", dtype, True, (-0.3, 0.7))
        yield Fill("normal", dtype, True, (0.0, 1e-3))
        for bounds in ((-2.0, 2.0), (-0.3, 1.7), (-3.0, 3.0), (2.0, INF)):
            yield Fill("truncated_normal", dtype, True, (-0.25, 0.5), bounds)


def one_of_each() -> Iterator[Fill]:
    for dtype in INTEGERS:
        yield Fill("bits", dtype)
    for dtype in FLOATS[:2]:
        yield Fill("uniform", dtype, parameters=(-0.3, 0.7))
        yield Fill("normal", dtype, parameters=(0.1, 0.7))
        yield Fill("truncated_normal", dtype, parameters=(0.0, 1.0), bounds=(-2.0, 2.0))


def seeds_and_streams() -> Iterator[Fill]:
    numbers = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
    for seed, stream in [*((number, 0) for number in numbers), *((0, number) for number in numbers[1:])]:
        yield Fill("bits", "uint32", seed=seed, stream=stream, shape=(100,))
    for fill in one_of_each():
        yield fill._replace(seed=0, stream=0, shape=(100,))
        yield fill._replace(seed=2**64 - 1, stream=2**64 - 1, shape=(100,))


def places() -> Iterator[Fill]:
    """Inside a block, across a change of its index's high word, and at a tensor's end."""
    for fill in one_of_each():
        high_word = 2**32 * (16 // DTYPES[fill.dtype].itemsize)
        for first, count in ((1, 7), (3, 1), (1001, 999), (high_word - 333, 777), (2**63 - 99, 99)):
            yield fill._replace(global_shape=(2**63,), offset=(first,), shape=(count,))


def blocks() -> Iterator[Fill]:
    for fill in one_of_each():
        for global_shape, offset, shape in (
            ((1000, 2111), (3, 5), (23, 97)),
            ((2**40, 1001), (2**34 // 1001, 2), (5, 600)),
            ((64, 5, 3, 3), (31, 1, 1, 0), (33, 4, 1, 3)),
        ):
            yield fill._replace(global_shape=global_shape, offset=offset, shape=shape)
    for shape in ((), (0,), (3, 0, 2), (1,), (2, 3, 4, 5)):
        yield Fill("normal", "float32", parameters=(0.0, 1.0), shape=shape)


def scales() -> Iterator[Fill]:
    """What rounds, underflows or meets an end of its interval."""
    for dtype, tiny, least in (("float32", 1e-40, 2.0**-149), ("float64", 1e-310, 2.0**-1074)):
        yield Fill("normal", dtype, parameters=(0.0, tiny))
        yield Fill("normal", dtype, parameters=(1e4, 1e-9))
        yield Fill("normal", dtype, parameters=(-1.0, 0.0))
        yield Fill("uniform", dtype, parameters=(1.0, 1.0 + 2.0**-20))
        yield Fill("uniform", dtype, parameters=(0.0, least))
        yield Fill("uniform", dtype, parameters=(-tiny, tiny))
        yield Fill("uniform", dtype, parameters=(-1e38, 1e38))
        yield Fill("truncated_normal", dtype, parameters=(3.0, 0.0), bounds=(-1.0, 1.0))
        yield Fill("truncated_normal", dtype, parameters=(1e4, 1e-3), bounds=(-2.0, 2.0))
        yield Fill("truncated_normal", dtype, parameters=(0.0, 1e-10), bounds=(0.0, 1e-30))
    for dtype in ("float16", "bfloat16"):
        yield Fill("normal", dtype, parameters=(0.0, 1e-6))
        yield Fill("uniform", dtype, parameters=(-1e-5, 1.0))


def complex_normals() -> Iterator[Fill]:
    for dtype in FLOATS[:2]:
        for mean, imaginary in ((0.0, 0.0), (0.1, -0.3), (0.0, -0.0)):
            for accumulate in (False, True):
                yield Fill("complex_normal", dtype, accumulate, (mean, 0.7), (imaginary,), shape=(1500, 2))
        whole = {"global_shape": (1000, 2111, 2), "offset": (3, 5, 0), "shape": (15, 97, 2)}
        yield Fill("complex_normal", dtype, False, (0.1, 0.7), (-0.3,))._replace(**whole)
        last = {"global_shape": (2**62, 2), "offset": (2**62 - 99, 0), "shape": (99, 2)}
        yield Fill("complex_normal", dtype, False, (0.1, 0.7), (-0.3,))._replace(**last)


# ---- Words that few fills meet, and the places where Philox has them -------------------------------------------------

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
KEY_STEPS = 0x9E3779B9, 0xBB67AE85


def counter_of(words: tuple[int, ...], seed: int) -> tuple[int, ...]:
    """The counter for which Philox4x32-10 gives the words: its rounds, undone."""
    c = words
    for step in reversed(range(10)):
        k0, k1 = ((key + step * more) % 2**32 for key, more in zip((seed, seed >> 32), KEY_STEPS, strict=True))
        c2, c0 = (low * pow(m, -1, 2**32) % 2**32 for low, m in zip((c[1], c[3]), reversed(MULTIPLIERS), strict=True))
        high0, high1 = c0 * MULTIPLIERS[0] >> 32, c2 * MULTIPLIERS[1] >> 32
        c = (c0, c[0] ^ high1 ^ k0, c2, c[2] ^ high0 ^ k1)
    return c


def at_words(fill: Fill, words: tuple[int, ...]) -> Fill:
    """The fill of the block with these four words, by the first seed for which it lies in a tensor of 2^63 elements."""
    elements = 16 // max(4, DTYPES[fill.dtype].itemsize)
    for seed in range(1000):
        c = counter_of(words, seed)
        first = (c[0] + (c[1] << 32)) * elements
        if first + elements <= 2**63:
            stream = c[2] + (c[3] << 32)
            return fill._replace(seed=seed, stream=stream, global_shape=(2**63,), offset=(first,), shape=(elements,))
    raise ValueError("no seed")


LAST = 2**32 - 1
# Both ends of a word, and both sides of its middle and of its eighths; as long words, low half first, the same.
HARD_WORDS = [
    *((0, 0, 2**31, 2**31), (LAST, LAST, 2**31 - 1, 2**31 - 1), (2**31 + 64, 2**29, 2**31 - 64, 2**29 - 1)),
    *((1, 2**31, 0, 2**31 - 1), (LAST, 2**31, LAST, 2**31 - 1), (2**30, 2**30, 3 * 2**30, 3 * 2**29)),
]


def hard_words() -> Iterator[Fill]:
    for words in HARD_WORDS:
        for dtype in FLOATS[:2]:
            yield at_words(Fill("uniform", dtype, parameters=(0.0, 1.0)), words)
            yield at_words(Fill("normal", dtype, parameters=(0.0, 1.0)), words)
            for bounds in BOUNDS:
                yield at_words(Fill("truncated_normal", dtype, parameters=(0.0, 1.0), bounds=bounds), words)


def fills() -> Iterator[Fill]:
    for group in (draws, sums, seeds_and_streams, places, blocks, scales, hard_words, complex_normals):
        yield from group()


def text() -> str:
    return HEADER + "".join(f"{as_line(vector(fill, written('portable', fill)))}\n" for fill in fills())


if __name__ == "__main__":
    print(text(), end="")
