"""What is measured: a draw is one row of DRAWS, a case is a draw in a dtype at a size."""

import ctypes
import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastinit

ALL_DTYPES = ("float32", "float64", "float16", "bfloat16")
DRAWN_BY_NUMPY = ("float32", "float64")
ALL_ELEMENTS = (64, 1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 24)

# A call through ctypes takes as long as the writing of some 32 KiB: below, memset's speed cannot be told.
MEMSET_FROM_ELEMENTS = 1 << 14


@dataclass(frozen=True)
class Draw:
    """
    One kind of fill, as the two statements that are timed.

    fastinit's fills the array w. NumPy's makes the same draws in z: w itself, or a second buffer where w has a dtype
    that NumPy does not draw or where the draws are added to w.
    """

    name: str
    fastinit_statement: str
    numpy_statement: str
    dtypes: tuple[str, ...] = ALL_DTYPES
    elements: tuple[int, ...] = ALL_ELEMENTS
    accumulate: bool = False


DRAWS = (
    Draw(
        "uniform",
        "g.uniform(w, -0.05, 0.05)",
        "rng.random(out=z, dtype=dtype); np.multiply(z, width, out=z); np.add(z, low, out=z)",
    ),
    Draw(
        "normal",
        "g.normal(w, 0.0, 0.05)",
        "rng.standard_normal(out=z, dtype=dtype); np.multiply(z, std, out=z)",
    ),
    Draw(
        "normal, accumulate",
        "g.normal(w, std=0.001, accumulate=True)",
        "rng.standard_normal(out=z, dtype=dtype); np.multiply(z, small_std, out=z)",
        dtypes=("float32",),
        accumulate=True,
    ),
    Draw(
        "truncated normal",
        "g.truncated_normal(w, 0.0, 0.05)",
        "rng.standard_normal(out=z, dtype=dtype); redraw_beyond_two(rng, z); np.multiply(z, std, out=z)",
        dtypes=DRAWN_BY_NUMPY,
    ),
    Draw(
        "he_normal",
        "g.he_normal(w, fan_in)",
        "rng.standard_normal(out=z, dtype=dtype); np.multiply(z, math.sqrt(2 / fan_in), out=z)",
        dtypes=("float32",),
        elements=(64,),
    ),
)


@dataclass(frozen=True)
class Case:
    """A draw in a dtype at a size."""

    draw: Draw
    dtype: str
    elements: int

    @property
    def name(self) -> str:
        """The case in words, for the progress bar."""
        return f"{self.draw.name} {self.dtype} {elements_text(self.elements)}"

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return numpy_dtype(self.dtype).itemsize

    @property
    def tells_memset(self) -> bool:
        """Whether memset's speed can be told at this size."""
        return self.elements >= MEMSET_FROM_ELEMENTS

    @property
    def fastinit_statement(self) -> str:
        """Fills w."""
        return self.draw.fastinit_statement

    @property
    def numpy_statement(self) -> str:
        """Fills w as fastinit_statement does."""
        draw = self.draw.numpy_statement
        if self.draw.accumulate:
            return f"{draw}; np.add(w, z, out=w)"
        if self.dtype not in DRAWN_BY_NUMPY:
            return f"{draw}; np.copyto(w, z, casting='unsafe')"
        return draw

    def names(self) -> dict[str, object]:
        """The names in the statements; the buffers are new, and their pages written."""
        w = np.full(self.elements, 0, numpy_dtype(self.dtype))
        dtype = np.dtype(self.dtype if self.dtype in DRAWN_BY_NUMPY else "float32")
        z = np.full(self.elements, 0, dtype) if self.draw.accumulate or dtype != w.dtype else w

        def constant(value: float) -> np.ndarray[Any, Any]:
            # As an operand, a 0-d array of z's dtype costs NumPy half as much a call as a Python float.
            return np.array(value, dtype)

        return {
            "np": np,
            "math": math,
            "w": w,
            "z": z,
            "dtype": dtype,
            "g": fastinit.Generator(7),
            "rng": np.random.Generator(np.random.PCG64(7)),
            "low": constant(-0.05),
            "width": constant(0.1),
            "std": constant(0.05),
            "small_std": constant(0.001),
            "redraw_beyond_two": redraw_beyond_two,
            "fan_in": 64,
            "memset": ctypes.memset,
            "address": w.ctypes.data,
            "size": w.nbytes,
        }


def redraw_beyond_two(rng: np.random.Generator, z: np.ndarray[Any, Any]) -> None:
    """Truncates standard normals to [-2, 2] in NumPy's way: draws those outside again until none is."""
    beyond = np.flatnonzero(np.abs(z) > 2)
    while beyond.size:
        z[beyond] = rng.standard_normal(beyond.size, dtype=z.dtype.type)
        beyond = beyond[np.abs(z[beyond]) > 2]


def of_sizes(elements: tuple[int, ...] = ALL_ELEMENTS) -> list[Case]:
    """The cases at the given sizes whose dtype exists here, draw by draw."""
    missing = missing_dtypes()
    return [
        Case(draw, dtype, n)
        for draw in DRAWS
        for dtype in draw.dtypes
        if dtype not in missing
        for n in draw.elements
        if n in elements
    ]


def missing_dtypes() -> tuple[str, ...]:
    """The dtypes that cannot be measured here."""
    try:
        numpy_dtype("bfloat16")
    except ImportError:
        return ("bfloat16",)
    return ()


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype of that name; bfloat16 needs ml_dtypes."""
    scalar_type: type[Any] | str = importlib.import_module("ml_dtypes").bfloat16 if name == "bfloat16" else name
    return np.dtype(scalar_type)


def elements_text(n: int) -> str:
    """1048576 -> '1 Mi'."""
    for unit, size in (("Mi", 1 << 20), ("Ki", 1 << 10)):
        if n >= size and n % size == 0:
            return f"{n // size} {unit}"
    return str(n)
