"""What is measured: the sections of the report, and the fills in each."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from fastinit.bench import environment
from fastinit.bench.models import MODELS, Parameter
from fastinit.bench.results import Key, count_text
from fastinit.dtypes import BY_NAME, REALS, dtype_named

SCALE = 0.05  # a plain draw's deviation, or half its width
ADDED = "w += σz"  # noqa: RUF001
ADDED_SCALE = 0.001


# ---- Draws -----------------------------------------------------------------------------------------------------------


class Draw(NamedTuple):
    """
    A kind of fill: from a distribution, times a scale.

    The scale is the deviation of a normal, half the width of a uniform, and of a truncated normal its deviation before
    it is cut at two of them.
    """

    distribution: str  # "bits", "uniform", "normal", "truncated_normal", "orthogonal"
    scale: Callable[[int, int], float]  # of fan_in and fan_out


def plain(distribution: str) -> Draw:
    """A draw whose scale the caller chose."""
    return Draw(distribution, lambda fan_in, fan_out: SCALE)


# What a normal cut at two deviations keeps of its deviation.
TRUNCATED_DEVIATION = 0.8796256610342398

DRAWS = {
    "bits": plain("bits"),
    "uniform": plain("uniform"),
    "normal": plain("normal"),
    "truncated_normal": plain("truncated_normal"),
    "xavier_uniform": Draw("uniform", lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
    "xavier_normal": Draw("normal", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    "he_uniform": Draw("uniform", lambda fan_in, fan_out: math.sqrt(6 / fan_in)),
    "he_normal": Draw("normal", lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
    "lecun_normal, truncated": Draw(
        "truncated_normal", lambda fan_in, fan_out: math.sqrt(1 / fan_in) / TRUNCATED_DEVIATION
    ),
    "lasagne_uniform": Draw("uniform", lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
    "orthogonal": Draw("orthogonal", lambda fan_in, fan_out: 1.0),
    ADDED: Draw("normal", lambda fan_in, fan_out: ADDED_SCALE),
}
SCHEMES = tuple(name for name in DRAWS if name not in ("bits", "uniform", "normal", "truncated_normal", ADDED))


# ---- Layouts ---------------------------------------------------------------------------------------------------------


# Each takes a function that makes a contiguous array of a shape, NumPy's or PyTorch's, and the rows and columns to get.
LAYOUTS: dict[str, Callable[[Callable[[tuple[int, int]], Any], int, int], Any]] = {
    "contiguous": lambda make, rows, columns: make((rows, columns)),
    "Fortran order": lambda make, rows, columns: make((columns, rows)).T,
    "every second column": lambda make, rows, columns: make((rows, 2 * columns))[:, ::2],
    "rows of a wider array": lambda make, rows, columns: make((rows, columns + 48))[:, 1 : columns + 1],
    "backwards": lambda make, rows, columns: make((rows, columns))[::-1, ::-1],
}

# Arrays of which each index of the first axis is a tensor with a stream of its own: a population, layers, experts.
ROWS = {"10,000 of 64": (10_000, 64), "256 of 64 x 64": (256, 64, 64), "64 of 512 x 512": (64, 512, 512)}


# ---- Cases -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A fill, and the peers that may take part."""

    key: Key
    shape: tuple[int, ...]
    peers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The case in words, for the progress bar."""
        key = self.key
        unusual = (key.layout, "contiguous"), (key.pages, "warm"), (key.threads, "one")
        notes = [value for value, usual in unusual if value != usual]
        return " ".join([key.draw, key.dtype, count_text(key.elements), *notes])

    @property
    def draw(self) -> Draw:
        return DRAWS[self.key.draw]

    @property
    def fan_out(self) -> int:
        return self.shape[0]

    @property
    def fan_in(self) -> int:
        return self.shape[-1]

    @property
    def scale(self) -> float:
        return self.draw.scale(self.fan_in, self.fan_out)

    @property
    def scale_text(self) -> str:
        """As one writes it in a call."""
        return f"{self.scale:.6g}"

    @property
    def adds(self) -> bool:
        """Whether the draws are added to what is in the array."""
        return self.key.draw == ADDED

    @property
    def bytes(self) -> int:
        """Of the array, or of all arrays of a model."""
        return self.key.elements * BY_NAME[self.key.dtype].bits // 8

    @property
    def memory(self) -> int:
        """Bytes that all sides need, about: an array each, and buffers of float32 or float64."""
        largest = max((each.elements for each in self.model), default=self.key.elements)
        return (len(self.peers) + 2) * self.bytes + 32 * largest

    @property
    def has_rows(self) -> bool:
        """Whether each index of the first axis is a tensor with a stream of its own."""
        return self.key.layout in ROWS

    @property
    def model(self) -> list[Parameter]:
        """The parameters of a model; none of another case."""
        return list(MODELS[self.key.draw].parameters()) if self.key.draw in MODELS else []

    def of_shape(self, *shape: int) -> "Case":
        """The same fill of another array."""
        return replace(self, shape=shape, key=replace(self.key, elements=math.prod(shape)))


def fill(section: str, draw: str, dtype: str, shape: tuple[int, ...], **conditions: str) -> Case:
    """A case in the usual conditions, where no others are given."""
    usual = {"threads": "one", "pages": "warm", "layout": "contiguous"}
    return Case(Key(section, draw, dtype, math.prod(shape), **{**usual, **conditions}), shape)


def near_square(elements: int) -> tuple[int, int]:
    """The rows and columns, as nearly as many as can be, of a matrix of so many elements."""
    rows = next(n for n in range(math.isqrt(elements), 0, -1) if elements % n == 0)
    return rows, elements // rows


# ---- Sections --------------------------------------------------------------------------------------------------------


class Section(NamedTuple):
    """A part of the report."""

    title: str
    text: str
    cases: Callable[[bool], Iterable[Case]]  # of a quick run or a full one


MANY = 1 << 20
LARGE = 1 << 24


def draws(quick: bool) -> Iterator[Case]:
    shape = near_square(MANY)
    for dtype in ("uint32", "uint64"):
        yield fill("draws", "bits", dtype, (MANY,))
    for draw in ("uniform", "normal", "truncated_normal"):
        for dtype in REALS:
            if not quick or dtype in ("float32", "bfloat16"):
                yield fill("draws", draw, dtype, (MANY,))
    for scheme in SCHEMES:
        if scheme != "orthogonal" and (not quick or scheme in ("xavier_uniform", "he_normal")):
            yield fill("draws", scheme, "float32", shape)
    if not quick:
        yield fill("draws", "orthogonal", "float32", (512, 512))


def sizes(quick: bool) -> Iterator[Case]:
    counts = [64, 1 << 14, MANY] if quick else [1 << n for n in range(4, 25, 2)] + beyond_cache()
    rows = [(draw, dtype) for draw in ("uniform", "normal") for dtype in ("float32", "float64")]
    for draw, dtype in [*rows, ("truncated_normal", "float32")]:
        if not quick or dtype == "float32":
            for elements in counts:
                yield fill("sizes", draw, dtype, (elements,))


def beyond_cache() -> list[int]:
    """Powers of four above LARGE until float32 takes twice the last-level cache."""
    cache = environment.last_level_cache() or 0
    return [n for n in (LARGE * 4, LARGE * 16) if n // 4 * np.dtype("f4").itemsize < 2 * cache]


SMALL = (16, 24, 32, 48, 64, 96, 100, 128, 192, 256, 384, 500, 512, 768, 1000, 1024, 1536, 2048, 3000, 4096)


def small(quick: bool) -> Iterator[Case]:
    for draw in ("he_normal", "uniform"):
        for elements in (16, 64, 256, 1000, 4096) if quick else SMALL:
            yield fill("small", draw, "float32", near_square(elements))


def streams(quick: bool) -> Iterator[Case]:
    for layout, shape in [*ROWS.items()][: 1 if quick else None]:
        for count in ("one", "all"):
            yield fill("streams", "normal", "float32", shape, threads=count, layout=layout)


def threads(quick: bool) -> Iterator[Case]:
    rows = [(draw, dtype) for draw in ("normal", "uniform") for dtype in ("float32", "float64")]
    for draw, dtype in rows[:1] if quick else [*rows, ("normal", "bfloat16")]:
        for count in ("one", "all"):
            yield fill("threads", draw, dtype, (LARGE,), threads=count)


def pages(quick: bool) -> Iterator[Case]:
    for draw in ("uniform",) if quick else ("normal", "uniform"):
        for count in ("one",) if quick else ("one", "all"):
            for state in ("warm", "fresh"):
                yield fill("pages", draw, "float32", (LARGE,), pages=state, threads=count)


def layouts(quick: bool) -> Iterator[Case]:
    for draw in ("normal",) if quick else ("normal", "uniform"):
        for layout in LAYOUTS:
            shape = (2048, 2000) if layout == "rows of a wider array" else (2048, 2048)
            yield fill("layouts", draw, "float32", shape, layout=layout)


def adding(quick: bool) -> Iterator[Case]:
    for dtype in ("float32", "float64", "bfloat16"):
        for elements in (64, MANY) if quick else (64, 1 << 12, MANY, LARGE):
            if not quick or dtype == "float32":
                yield fill("adding", ADDED, dtype, (elements,))


def model(quick: bool) -> Iterator[Case]:
    for name, each in MODELS.items():
        if quick and name.startswith("GPT-2"):
            continue
        arrays = [parameter.elements for parameter in each.parameters()]
        for count in ("one", "all"):
            yield fill("model", name, "float32", (sum(arrays),), threads=count, layout=f"{len(arrays)} arrays")


SECTIONS = {
    "draws": Section(
        "Draws and schemes",
        "A million elements on one thread, the array contiguous and written before. Where a library has a scheme of "
        "that name which draws the same, that is called; elsewhere its draw is scaled. orthogonal: 512 x 512.",
        draws,
    ),
    "sizes": Section(
        "Sizes",
        "From 16 elements to an array larger than the last-level cache, on one thread. A call of JAX hands a compiled "
        "function to another thread, which is what small arrays cost there.",
        sizes,
    ),
    "small": Section(
        "Small arrays",
        "What a call costs in a hot loop: matrices of 16 to 4096 elements, on one thread, beside NumPy and PyTorch.",
        small,
    ),
    "streams": Section(
        "Many streams in one call",
        "Tensors of one shape in one array, each from a stream of its own. NumPy makes a generator for each, of a "
        "child of SeedSequence.spawn; PyTorch seeds its generator anew for each; JAX maps a compiled function over "
        "split keys.",
        streams,
    ),
    "threads": Section(
        "Threads",
        "16 Mi elements on one thread and on as many as this process may use. NumPy's generators follow the recipe of "
        "its documentation: one for each thread, each for a part of the array. PyTorch, np.random and MKL draw on one.",
        threads,
    ),
    "pages": Section(
        "Fresh and warm pages",
        "16 Mi elements. Warm: the array is filled again and again. Fresh: it is allocated in the call, so that the "
        "system hands out its pages during the fill. JAX allocates in both.",
        pages,
    ),
    "layouts": Section(
        "Layouts",
        "2048 x 2048 float32 elements (rows of a wider array: 2000 of 2048 columns) on one thread. Libraries that "
        "cannot draw into such an array, or do it slowly, draw into a contiguous buffer and copy; into an array in "
        "Fortran order they draw as into its transpose.",
        layouts,
    ),
    "adding": Section(
        "Adding to what is there",
        "w += 0.001 z on one thread, as evolution strategies do. The others draw into a buffer and add that.",
        adding,
    ),
    "model": Section(
        "Whole models",
        "All parameters in one go, float32: normals, zeros and ones. JAX: one compiled function that returns them all.",
        model,
    ),
}
# Who does not take part: it would take time, or in a model memory, and say nothing new. A quick run leaves more out:
# JAX compiles a model for 15 seconds.
SLOWER = ("NumPy SFC64", "np.random")
ABSENT = {"small": (*SLOWER, "JAX", "MKL"), "streams": (*SLOWER, "MKL"), "pages": SLOWER, "model": SLOWER}
ABSENT_IF_QUICK = {
    "threads": SLOWER,
    "pages": ("JAX",),
    "layouts": SLOWER,
    "adding": SLOWER,
    "model": ("JAX",),
}


def chosen(sections: Iterable[str], quick: bool, peers: Iterable[str]) -> list[Case]:
    """The fills of these sections that can be measured here, in the order of the report."""
    return [each for each in listed(sections, quick, peers) if obstacle(each) is None]


def left_out(sections: Iterable[str], quick: bool, peers: Iterable[str]) -> dict[str, str]:
    """What of these sections cannot be measured here, and why."""
    obstacles = (obstacle(each) for each in listed(sections, quick, peers))
    return dict(each for each in obstacles if each is not None)


def listed(sections: Iterable[str], quick: bool, peers: Iterable[str]) -> Iterator[Case]:
    """The fills of these sections, each with the peers that take part in its section."""
    wanted, given = set(sections), tuple(peers)
    for name, section in SECTIONS.items():
        if name in wanted:
            absent = ABSENT.get(name, ()) + (ABSENT_IF_QUICK.get(name, ()) if quick else ())
            here = tuple(peer for peer in given if peer not in absent)
            yield from (replace(each, peers=here) for each in section.cases(quick))


def obstacle(case: Case) -> tuple[str, str] | None:
    """What of a case is missing here, and why it cannot be measured."""
    try:
        dtype_named(case.key.dtype, "checkpoint")
    except ImportError:
        return case.key.dtype, "needs ml_dtypes, which is not installed"
    if case.key.draw == "orthogonal" and environment.linear_algebra() is None:
        return "orthogonal", "the threads of NumPy's linear algebra cannot be set here"
    memory = environment.available_memory()
    if memory is not None and case.memory > memory // 2:
        return case.name, f"takes {case.memory / 1e9:.1f} GB, more than half the memory that is free"
    return None
