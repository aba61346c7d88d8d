"""
Threads, layouts, blocks, calls and many arrays, each beside its plain NumPy way: `python benchmarks/shapes.py`.

Prints tables of docs/benchmarks.md. All sides of a row take turns in one run; times are medians, ratios are medians
of the ratios within rounds. Four minutes; a name, as in `shapes.py blocks`, chooses one table.
"""

import itertools
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import fastinit
from fastinit.bench import environment, measure

EFFORT = measure.Effort(rounds=15, batch_seconds=5e-3, case_seconds=20)
SIDE = 4096
NUMPY_DRAWS = {"normal": "rng.standard_normal(out=z, dtype='f4')", "uniform": "rng.random(out=z, dtype='f4')"}
DRAW = "rng.standard_normal(out=z, dtype=z.dtype); np.multiply(z, 0.05, out=z)"
SMALL = "rng.standard_normal(out=z, dtype=z.dtype); np.multiply(z, std, out=z)"


class Row(NamedTuple):
    """A fill, what it is compared with, and how NumPy does the same, as statements."""

    title: str
    fill: str
    base: str
    numpy: str
    names: dict[str, Any]
    elements: int
    base_elements: int = 0  # elements, if that is another number


def zeros(shape: tuple[int, ...], dtype: str = "f4", order: str = "C") -> np.ndarray[Any, Any]:
    return np.full(shape, 0, dtype, order)  # its pages are written


def threads() -> Iterator[Row]:
    """Base: one thread."""
    several = max(2, environment.cpus_available())
    for draw, numpy in (("normal", DRAW), ("uniform", "rng.random(out=z, dtype=z.dtype); np.multiply(z, 0.1, out=z)")):
        for dtype in ("f4", "f8"):
            for elements in (1 << 19, 1 << 20, 1 << 22, 1 << 24):
                w = zeros((elements,), dtype)
                fill = f"g.{draw}(w, 0.0, 0.05)"
                names = {"w": w, "z": w, "several": several}
                title = f"{draw} {w.dtype}, {elements >> 10} Ki, {several} threads"
                yield Row(title, f"set(several); {fill}", f"set(1); {fill}", f"{numpy}", names, elements)


def layouts() -> Iterator[Row]:
    """Base: the contiguous array of as many elements."""
    c, f, bytes_ = zeros((SIDE, SIDE)), zeros((SIDE, SIDE), order="F"), np.zeros(4 * SIDE * SIDE + 1, np.uint8)
    views = {
        "Fortran order": f,
        "transposed": zeros((SIDE, SIDE)).T,
        "backwards": zeros((SIDE, SIDE))[::-1, ::-1],
        "every second column": zeros((SIDE, 2 * SIDE))[:, ::2],
        "rows [:, 1:4001]": zeros((SIDE, SIDE))[:, 1:4001],
        "unaligned": bytes_[1:].view("f4").reshape(SIDE, SIDE),
        "permuted (64, 256, 1024)": zeros((1024, 64, 256)).transpose(1, 2, 0),
        "transposed (N, 2)": zeros((SIDE * SIDE // 2, 2)).T,
        "transposed (N, 16)": zeros((SIDE * SIDE // 16, 16)).T,
    }
    for title, w in views.items():
        for draw, arguments in (("normal", ""), ("uniform", ""), ("normal", ", accumulate=True")):
            name = f"{title}, {draw} float32{', +=' if arguments else ''}"
            names = {"w": w, "c": c, "z": np.zeros(w.shape, "f4")}
            store = "np.add(w, z, out=w)" if arguments else "np.copyto(w, z)"
            fill, base = f"g.{draw}(w{arguments})", f"g.{draw}(c{arguments})"
            numpy = NUMPY_DRAWS[draw]
            yield Row(name, fill, base, f"{numpy}; {store}", names, w.size, c.size)
    w8 = zeros((SIDE // 2, SIDE), "f8", "F")
    names = {"w": w8, "c": zeros(w8.shape, "f8"), "z": np.zeros(w8.shape)}
    numpy = "rng.standard_normal(out=z); np.copyto(w, z)"
    yield Row("Fortran order, normal float64", "g.normal(w)", "g.normal(c)", numpy, names, w8.size)


def strided() -> Iterator[Row]:
    """Base: the contiguous array of as many elements. 2048 x 2048, so that the array stays near the CPU."""
    side = 2048
    views = {
        "Fortran order": lambda dtype: zeros((side, side), dtype, "F"),
        "every second column": lambda dtype: zeros((side, 2 * side), dtype)[:, ::2],
        "backwards": lambda dtype: zeros((side, side), dtype)[::-1, ::-1],
        "rows of a wider array": lambda dtype: zeros((side, side + 96), dtype)[:, 1 : side + 1],
        "permuted (64, 256, 256)": lambda dtype: zeros((256, 64, 256), dtype).transpose(1, 2, 0),
    }
    for title, view in views.items():
        for draw, dtype, arguments in (
            ("normal", "f4", ""),
            ("uniform", "f4", ""),
            ("normal", "f8", ""),
            ("normal", "f4", ", accumulate=True"),
        ):
            w = view(dtype)
            names = {"w": w, "c": zeros((side, side), dtype), "z": np.zeros(w.shape, dtype)}
            function = {"normal": "standard_normal", "uniform": "random"}[draw]
            store = "np.add(w, z, out=w)" if arguments else "np.copyto(w, z)"
            yield Row(
                f"{title}, {draw} {w.dtype}{', +=' if arguments else ''}",
                f"g.{draw}(w{arguments})",
                f"g.{draw}(c{arguments})",
                f"rng.{function}(out=z, dtype=z.dtype); {store}",
                names,
                w.size,
                side * side,
            )


def blocks() -> Iterator[Row]:
    """Base: a contiguous fill of as many elements. NumPy draws the whole tensor and copies the block."""
    z = np.zeros((SIDE, SIDE), "f4")
    for shape, left in (
        ((SIDE, 1024), 1024),
        ((SIDE, 256), 256),
        ((SIDE, 256), 257),
        ((SIDE, 16), 256),
        ((SIDE, 16), 257),
        ((SIDE, 1), 257),
        ((256, SIDE), 0),
    ):
        for draw in ("normal", "uniform"):
            where = f"offset=(0, {left}), global_shape=({SIDE}, {SIDE})"
            numpy = NUMPY_DRAWS[draw]
            copy = f"np.copyto(w, z[:{shape[0]}, {left}:{left + shape[1]}])"
            names = {"w": zeros(shape), "c": zeros(shape), "z": z}
            title = f"{shape[0]} x {shape[1]} at column {left}, {draw} float32"
            elements = shape[0] * shape[1]
            yield Row(title, f"g.{draw}(w, {where})", f"g.{draw}(c)", f"{numpy}; {copy}", names, elements)


def calls() -> Iterator[Row]:
    """Base: the plain call. 64 float32 elements; NumPy's named streams are seeds of their own."""
    names = {"w": zeros((64,)), "p": zeros((8, 8)), "t": zeros((8, 8)).T, "z": zeros((64,)), "std": np.float32(0.18)}
    names["steps"] = itertools.count()  # for names that no call had before
    base = "g.he_normal(w, 64)"
    seeded = f"rng = np.random.Generator(np.random.PCG64([7, 3])); {SMALL}"
    for title, fill, numpy in (
        ("he_normal(w, 64)", base, SMALL),
        ("... of the default generator", "fastinit.he_normal(w, 64)", SMALL),
        ("... stream=3", "g.he_normal(w, 64, stream=3)", seeded),
        ('... stream="fc1.weight"', 'g.he_normal(w, 64, stream="fc1.weight")', seeded),
        ('... stream=f"fc1/{step}", a new name', 'g.he_normal(w, 64, stream=f"fc1/{next(steps)}")', seeded),
        (
            "... offset=(8, 16), global_shape=(64, 64)",
            "g.he_normal(p, 64, stream=3, offset=(8, 16), global_shape=(64, 64))",
            seeded,
        ),
        ("... Fortran order", "g.he_normal(t, 64)", f"{SMALL}; np.copyto(t, z.reshape(8, 8))"),
        ("... accumulate=True", "g.he_normal(w, 64, accumulate=True)", f"{SMALL}; np.add(w, z, out=w)"),
    ):
        yield Row(title, fill, base, numpy, names, 64)


def additions() -> Iterator[Row]:
    """Base: a fill without adding. w += 0.001 z."""
    for elements in (64, 1 << 10, 1 << 16, 1 << 20, 1 << 24):
        names = {"w": zeros((elements,)), "z": zeros((elements,)), "std": np.float32(0.001)}
        fill = "g.normal(w, std=0.001, accumulate=True)"
        yield Row(
            f"{elements} elements", fill, "g.normal(w, std=0.001)", f"{SMALL}; np.add(w, z, out=w)", names, elements
        )


def many() -> Iterator[Row]:
    """Base: a loop over the arrays, one fill each, on as many threads. NumPy: the same loop."""
    for count, elements in ((100, 64), (100, 4096), (100, 65536), (8, 1 << 20)):
        yield many_row(f"{count} arrays of {elements}", [zeros((elements,)) for _ in range(count)], SMALL)
    # NumPy fills no view with gaps.
    copy = f"w, z = z, np.empty(z.shape, z.dtype); {SMALL}; w[...] = z"
    yield many_row("8192 columns of 64 of one array", list(zeros((64, 8192)).T), copy)


def many_row(title: str, weights: list[np.ndarray[Any, Any]], numpy: str) -> Row:
    arrays = {f"layer{i}.weight": w for i, w in enumerate(weights)}
    names = {
        "arrays": arrays,
        "fills": {name: (w, "he_normal", 64) for name, w in arrays.items()},
        "std": np.float32(0.18),
        "several": environment.cpus_available(),
    }
    fill = "set(several); g.fill(fills)"
    base = "set(several)\nfor name, w in arrays.items(): g.he_normal(w, 64, stream=name)"
    loop = f"for z in arrays.values(): {numpy}"
    return Row(title, fill, base, loop, names, sum(w.size for w in weights))


TABLES = {table.__name__: table for table in (threads, layouts, strided, blocks, calls, additions, many)}


def line(row: Row) -> str:
    names = {
        "np": np,
        "fastinit": fastinit,
        "set": fastinit.set_num_threads,
        "g": fastinit.Generator(7),
        "rng": np.random.default_rng(7),
        **row.names,
    }
    fastinit.set_num_threads(1)
    statements = {"fill": row.fill, "base": row.base, "numpy": row.numpy}
    seconds = measure.interleaved(statements, names, EFFORT)
    share = row.elements / (row.base_elements or row.elements)
    to_base = median(a / (b * share) for a, b in zip(seconds["fill"], seconds["base"], strict=True))
    to_numpy = median(b / a for a, b in zip(seconds["fill"], seconds["numpy"], strict=True))
    own, numpy = (median(seconds[side]) for side in ("fill", "numpy"))
    per_element = f"{own / row.elements * 1e9:.2f} ns" if row.elements > 64 else f"{own * 1e9:.0f} ns a call"
    of_numpy = f"{numpy / row.elements * 1e9:.2f} ns" if row.elements > 64 else f"{numpy * 1e9:.0f} ns a call"
    return f"| {row.title} | {per_element} | {to_base:.2f} x | {of_numpy} | {to_numpy:.1f} x |"


def main() -> None:
    chosen = sys.argv[1:] or list(TABLES)
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}), NumPy {np.__version__}, {environment.cpu_model()}")
    for name in chosen:
        print(f"\n{name}: {TABLES[name].__doc__}\n")
        print("| | fastinit | to the base | NumPy | NumPy to fastinit |\n|---|---|---|---|---|")
        for row in TABLES[name]():
            print(line(row), flush=True)
    fastinit.set_num_threads(None)


if __name__ == "__main__":
    main()
