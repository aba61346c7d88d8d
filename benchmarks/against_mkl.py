"""
fastinit beside MKL's own functions, without Python's in between: `python benchmarks/against_mkl.py`.

A million elements, one thread, interleaved in one run. mkl_random, which `python -m fastinit bench` measures, draws
float64 only and into new arrays; MKL itself draws both and fills buffers. Needs MKL (`pip install mkl`).
"""

import ctypes
import sys
from collections.abc import Iterator
from importlib import metadata
from statistics import median
from typing import Any

import numpy as np

import fastinit
from fastinit.bench import environment, measure

ELEMENTS = 1 << 20
EFFORT = measure.Effort(rounds=25, batch_seconds=5e-3, case_seconds=60)
# As mkl_vsl_defines.h numbers them.
GENERATORS = {"MT19937": 8 << 20, "SFMT19937": 13 << 20, "ARS5": 15 << 20, "PHILOX4X32X10": 16 << 20}
NORMALS = {"Box-Muller": 0, "Box-Muller 2": 1, "inverse": 2}
DTYPES = {"float32": ("s", ctypes.c_float), "float64": ("d", ctypes.c_double)}


def library() -> ctypes.CDLL:
    """MKL, on one thread."""
    names = [f for f in metadata.files("mkl") or () if "libmkl_rt.so" in f.name]
    if not names:
        sys.exit("needs MKL for Linux: pip install mkl")
    mkl = ctypes.CDLL(str(names[0].locate()))
    mkl.MKL_Set_Num_Threads(1)
    return mkl


def new_stream(mkl: ctypes.CDLL, generator: int) -> ctypes.c_void_p:
    stream = ctypes.c_void_p()
    if mkl.vslNewStream(ctypes.byref(stream), generator, 7):
        sys.exit("MKL makes no stream")
    return stream


def fills(mkl: ctypes.CDLL, dtype: str, address: int) -> Iterator[tuple[str, str, Any]]:
    """Draw, name and a function that fills: each generator with each method."""
    letter, real = DTYPES[dtype]
    for name, number in GENERATORS.items():
        stream = new_stream(mkl, number)
        uniform, normal = mkl[f"v{letter}RngUniform"], mkl[f"v{letter}RngGaussian"]
        uniform.argtypes = normal.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, real, real)
        yield "uniform", name, lambda f=uniform, s=stream: f(0, s, ELEMENTS, address, -0.05, 0.05)
        for method, code in NORMALS.items():
            yield (
                "normal",
                f"{name}, {method}",
                lambda f=normal, s=stream, code=code: f(code, s, ELEMENTS, address, 0, 0.05),
            )


def main() -> None:
    mkl = library()
    fastinit.set_num_threads(1)
    version = metadata.version("mkl")
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}), MKL {version}, {environment.cpu_model()}")
    for dtype in DTYPES:
        w, other = (np.full(ELEMENTS, 0, dtype) for _ in range(2))
        every = list(fills(mkl, dtype, other.ctypes.data))
        for draw, arguments in (("uniform", "-0.05, 0.05"), ("normal", "0.0, 0.05")):
            calls = {name: call for kind, name, call in every if kind == draw}
            statements = {"fastinit": f"g.{draw}(w, {arguments})", **{name: f"calls[{name!r}]()" for name in calls}}
            seconds = measure.interleaved(statements, {"g": fastinit.Generator(7), "w": w, "calls": calls}, EFFORT)
            if abs(float(other.mean())) > 1e-3:
                sys.exit("MKL did not fill the array")
            for name, rounds in seconds.items():
                ratio = median(b / a for a, b in zip(seconds["fastinit"], rounds, strict=True))
                print(f"{draw:8} {dtype}  {name:28} {median(rounds) * 1e9 / ELEMENTS:6.3f} ns  {ratio:5.2f} x")


if __name__ == "__main__":
    main()
