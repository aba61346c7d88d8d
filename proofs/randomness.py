"""
Statistical tests of the values that fills write, through the public interface: docs/randomness.md says what and why.

    python proofs/randomness.py            everything
    python proofs/randomness.py --quick    a hundredth of the values
    python proofs/randomness.py --seed 8   of another seed

Each row of the table is a test with a two-sided p: twice the chance, if the values are random, that the statistic
lies as far out on its side of the median. A fit that is too good is as suspicious as a bad one. The exit status is 1 if
any p is below SIGNIFICANCE divided by the number of rows (Bonferroni): random values fail one run in a thousand.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, stats  # type: ignore[import-untyped]
from scipy.special import ndtr  # type: ignore[import-untyped]

import fastinit

SIGNIFICANCE = 1e-3
SEED = 7
QUICK = 0.01

Array = NDArray[Any]
Source = Callable[[int, int], Array]  # (first, count) -> those values of a sequence


class Row(NamedTuple):
    test: str
    n: int  # values, pairs or points
    statistic: str
    p: float


# ---- Sequences of values ---------------------------------------------------------------------------------------------

LONGEST = 2**63
HIGH_WORD = {"f4": 2**34, "f8": 2**33}  # the element where the block's number no longer fits 32 bits
PIECE = 20 << 13  # fits the second-level cache, and divides into points of 2, 4, 5, 10 and 20 values


@dataclass(frozen=True)
class Elements:
    """The elements of one tensor of the longest kind, from `start` on."""

    seed: int
    stream: int | str
    draw: str
    dtype: str
    start: int = 0
    bounds: tuple[float, float] | None = None

    def __call__(self, first: int, count: int) -> Array:
        fill = getattr(fastinit.Generator(self.seed), self.draw)
        bounds = {} if self.bounds is None else dict(zip(("low", "high"), self.bounds, strict=True))
        out = np.empty(count, self.dtype)
        fill(out, stream=self.stream, offset=(self.start + first,), global_shape=(LONGEST,), **bounds)
        return out


@dataclass(frozen=True)
class FirstElements:
    """Element 0 of a uniform float32 tensor, of many streams and seeds."""

    seed: int
    seed_step: int = 0
    stream_step: int = 0
    name: str | None = None

    def __call__(self, first: int, count: int) -> Array:
        out = np.empty(count, "f4")
        for i in range(count):
            number = first + i
            stream = self.stream_step * number if self.name is None else self.name.format(number)
            fastinit.Generator((self.seed + self.seed_step * number) % 2**64).uniform(out[i : i + 1], stream=stream)
        return out


@dataclass(frozen=True)
class Scores:
    """A sequence turned into one of mean 0 and variance 1."""

    source: Source
    score: Callable[[Array], Array]

    def __call__(self, first: int, count: int) -> Array:
        return self.score(self.source(first, count))


def uniform_score(u: Array) -> Array:
    return (u - 0.5) * math.sqrt(12)


def itself(z: Array) -> Array:
    return z


def square(z: Array) -> Array:
    return (z * z - 1) * math.sqrt(0.5)


def size(z: Array) -> Array:
    return (np.abs(z) - math.sqrt(2 / math.pi)) / math.sqrt(1 - 2 / math.pi)


def pieces(source: Source, count: int) -> Iterator[Array]:
    for first in range(0, count, PIECE):
        yield source(first, min(PIECE, count - first))


# ---- p-values --------------------------------------------------------------------------------------------------------


def two_sided(below: float, above: float) -> float:
    """From the chances of at most and of at least what was seen."""
    return min(1.0, 2 * float(min(below, above)))


def p_under(law: Any, statistic: float) -> float:
    return two_sided(law.cdf(statistic), law.sf(statistic))


def chi_square_row(test: str, statistic: float, freedom: int, n: int) -> Row:
    return Row(test, n, f"χ²/df = {statistic / freedom:.6f}", p_under(stats.chi2(freedom), statistic))


def sum_of_squares_row(test: str, scores: Array, n: int) -> Row:
    return chi_square_row(test, float(np.sum(scores**2)), scores.size, n)


def largest_row(test: str, scores: Array, n: int) -> Row:
    """The largest in size of independent standard normals."""
    largest = float(np.abs(scores).max())
    log_below = scores.size * np.log1p(-2 * stats.norm.sf(largest))
    return Row(test, n, f"|r| √n = {largest:.3f}", two_sided(np.exp(log_below), -np.expm1(log_below)))


def anderson_darling_above(x: float) -> float:
    """
    P(A² > x) for many values.

    A² is then the sum of g_j² / (j (j + 1)) over j = 1, 2, ..., with standard normals g_j (Anderson and Darling 1952).
    Smirnov's formula (1937) gives the distribution of such a sum as integrals between every second pair of poles of its
    characteristic function; v runs over the k-th of them, by Gauss-Chebyshev quadrature in s.
    """
    s = np.cos(math.pi * (np.arange(64) + 0.5) / 64)
    k = np.arange(1, 33)
    v = 4 * k[:, np.newaxis] + s
    integrals = np.mean(
        np.exp(-x * (v * v - 1) / 8)
        * (v * np.sqrt(math.pi / (v * v - 1)))
        * np.sqrt((1 - s * s) / np.cos(s * math.pi / 2)),
        axis=1,
    )
    return float(np.sum(-((-1.0) ** k) * integrals))


# ---- Fit to a distribution -------------------------------------------------------------------------------------------

CELLS = 1 << 20

# Rounding to float32 makes the cells of a normal unequal, by up to half a float32 number at each end: χ² of 10^9 values
# sees that (χ²/df = 1.041). It does not in bins that hold a thousand times as many numbers.
COARSE = 1 << 10


def cells_of(probability: Array) -> Array:
    return np.minimum((probability * CELLS).astype(np.int64), CELLS - 1)


def high_bits(u: Array) -> Array:
    return cells_of(u)


def low_bits(u: Array) -> Array:
    bits = 24 if u.dtype == np.float32 else 53
    return (u * 2.0**bits).astype(np.int64) & (CELLS - 1)


def normal_cells(z: Array) -> Array:
    return cells_of(ndtr(z.astype(np.float64)))


def truncated_cells(t: Array, low: float, high: float) -> Array:
    return cells_of((ndtr(t.astype(np.float64)) - ndtr(low)) / (ndtr(high) - ndtr(low)))


def polar(z: Array) -> tuple[Array, Array]:
    """Angle and radius of each Box-Muller pair, as uniforms."""
    x, y = z.astype(np.float64).reshape(-1, 2).T
    return np.arctan2(y, x) / (2 * math.pi) + 0.5, np.exp(-(x * x + y * y) / 2)


def angle_cells(z: Array) -> Array:
    return cells_of(polar(z)[0])


def radius_cells(z: Array) -> Array:
    return cells_of(polar(z)[1])


def polar_cells(z: Array) -> Array:
    angle, radius = (cells_of(u) >> 10 for u in polar(z))
    return angle << 10 | radius


def point_cells(values: Array, dimensions: int, cells: Callable[[Array], Array]) -> Array:
    """Where points of that many consecutive values lie, each coordinate by the first of its cells' 20 bits."""
    bits = 20 // dimensions
    coordinates = (cells(values) >> (20 - bits)).reshape(-1, dimensions)
    return coordinates @ (1 << bits * np.arange(dimensions))


def cell_counts(source: Source, count: int, cells: Callable[[Array], Array]) -> Array:
    """How many values, or pairs or points of them, lie in each of CELLS cells."""
    counts = np.zeros(CELLS, np.int64)
    for values in pieces(source, count):
        np.add.at(counts, cells(values), 1)
    return counts


def power_of_two(number: int) -> str:
    return f"2^{number.bit_length() - 1}"


def chi_square(counts: Array, bins: int = CELLS, test: str = "χ²") -> Row:
    binned = counts.reshape(bins, -1).sum(1)
    expected = binned.sum() / bins
    statistic = float(np.sum((binned - expected) ** 2) / expected)
    return chi_square_row(f"{test}, {power_of_two(bins)} bins", statistic, bins - 1, int(counts.sum()))


def excess(counts: Array) -> Array:
    """The empirical distribution function less the true one, where cells meet."""
    empirical: Array = np.cumsum(counts[:-1]) / counts.sum()
    return empirical - np.arange(1, CELLS) / CELLS


def kolmogorov_smirnov(counts: Array) -> Row:
    n, distance = int(counts.sum()), float(np.abs(excess(counts)).max())
    return Row("Kolmogorov-Smirnov", n, f"D √n = {distance * math.sqrt(n):.4f}", p_under(stats.kstwo(n), distance))


def anderson_darling(counts: Array) -> Row:
    n, probability = int(counts.sum()), np.arange(1, CELLS) / CELLS
    statistic = n * float(np.sum(excess(counts) ** 2 / (probability * (1 - probability)))) / CELLS
    above = anderson_darling_above(statistic)
    return Row("Anderson-Darling", n, f"A² = {statistic:.4f}", two_sided(1 - above, above))


def fit(source: Source, count: int, cells: Callable[[Array], Array], bins: int = CELLS) -> list[Row]:
    counts = cell_counts(source, count, cells)
    return [chi_square(counts, bins), kolmogorov_smirnov(counts), anderson_darling(counts)]


def bits_fit(source: Source, count: int) -> list[Row]:
    return [chi_square(cell_counts(source, count, low_bits), test="χ² of the lowest 20 bits")]


def points(source: Source, count: int, dimensions: int, cells: Callable[[Array], Array], what: str = "") -> list[Row]:
    counts = cell_counts(source, count, partial(point_cells, dimensions=dimensions, cells=cells))
    return [chi_square(counts, test=f"χ² in {dimensions} dimensions{what}")]


# ---- Tails -----------------------------------------------------------------------------------------------------------

SIGMAS = (4, 5, 6)


def tails(source: Source, count: int) -> list[Row]:
    beyond = dict.fromkeys([side * sigma for sigma in SIGMAS for side in (-1, 1)], 0)
    for z in pieces(source, count):
        outer = z[np.abs(z) > min(SIGMAS)]
        for bound in beyond:
            beyond[bound] += int(np.count_nonzero(outer > bound if bound > 0 else outer < bound))
    return [tail_row(bound, seen, count) for bound, seen in beyond.items()]


def tail_row(bound: int, seen: int, n: int) -> Row:
    law = stats.binom(n, ndtr(-abs(bound)))
    p = two_sided(law.cdf(seen), law.sf(seen - 1))
    return Row(f"beyond {bound:+d} sigma", n, f"{seen:,}, expected {law.mean():,.1f}", p)


# ---- Correlations ----------------------------------------------------------------------------------------------------


def lag_scores(first: Source, second: Source, count: int, lags: int) -> Array:
    """r √n of first[i] and second[i + lag] over all i < count, for lag = 0, ..., lags - 1."""
    spectrum = np.zeros(lags + 1, np.complex128)
    for start in range(0, count, lags):
        left = fft.rfft(first(start, lags), 2 * lags)
        right = fft.rfft(second(start, 2 * lags))
        spectrum += left.conj() * right
    return np.asarray(fft.irfft(spectrum)[:lags]) / math.sqrt(count)


def lags_for(count: int) -> int:
    """A power of two that is small beside the count: the scores of so many lags are as good as independent."""
    return 1 << (count // 256).bit_length() - 1


def serial(source: Source, count: int) -> list[Row]:
    lags = lags_for(count)
    n = count // lags * lags
    scores = lag_scores(source, source, n, lags)
    return [
        sum_of_squares_row("correlation at lags 1 to 64", scores[1:65], n),
        sum_of_squares_row(f"... 1, 2, 4, 8, ..., {lags // 2:,}", scores[1 << np.arange(lags.bit_length() - 1)], n),
        sum_of_squares_row(f"... 1 to {lags - 1:,}", scores[1:], n),
        largest_row("... the largest of these", scores[1:], n),
    ]


def cross(first: Source, second: Source, count: int) -> list[Row]:
    lags = lags_for(count)
    n = count // lags * lags
    back, forth = lag_scores(second, first, n, lags)[1:], lag_scores(first, second, n, lags)
    scores = np.concatenate([back, forth])
    return [
        sum_of_squares_row(f"correlation at lags {1 - lags:,} to {lags - 1:,}", scores, n),
        largest_row("... the largest of these", scores, n),
    ]


def column(source: Source, count: int) -> list[Row]:
    """Fit and serial correlation of uniforms that are slow to make."""
    values = source(0, count + lags_for(count))

    def held(first: int, count: int) -> Array:
        return values[first : first + count]

    return [*fit(held, count, high_bits), *serial(Scores(held, uniform_score), count)]


COLUMNS = 1 << 13  # of the sequences at a time


def matrix(sources: Sequence[Source], count: int) -> list[Row]:
    """Correlations of all pairs of the sequences."""
    products = np.zeros((len(sources), len(sources)))
    for first in range(0, count, COLUMNS):
        scores = np.stack([source(first, COLUMNS) for source in sources])
        products += scores @ scores.T
    length = np.sqrt(products.diagonal())
    pairs = (products / np.outer(length, length))[np.triu_indices(len(sources), 1)] * math.sqrt(count)
    return [
        sum_of_squares_row(f"correlations of all {pairs.size:,} pairs", pairs, count),
        largest_row("... the largest of these", pairs, count),
    ]


# Each with the scores of z0 and z1 that are multiplied.
PAIR_SCORES = {
    "z0, z1": (itself, itself),
    "z0², z1²": (square, square),
    "z0, z1²": (itself, square),
    "z0², z1": (square, itself),
    "|z0|, |z1|": (size, size),
}


def pair_correlations(source: Source, count: int) -> list[Row]:
    sums = dict.fromkeys(PAIR_SCORES, 0.0)
    for z in pieces(source, count):
        z0, z1 = z.astype(np.float64).reshape(-1, 2).T
        for name, (of_z0, of_z1) in PAIR_SCORES.items():
            sums[name] += of_z0(z0) @ of_z1(z1)
    scores = {name: total / math.sqrt(count / 2) for name, total in sums.items()}
    return [
        Row(f"correlation of {name}", count // 2, f"r √n = {score:+.3f}", p_under(stats.norm, score))
        for name, score in scores.items()
    ]


def polar_fit(source: Source, count: int) -> list[Row]:
    fits = {"angle": angle_cells, "radius": radius_cells}
    rows = [
        row._replace(test=f"{row.test}, {name}")
        for name, cells in fits.items()
        for row in fit(source, count, cells, COARSE)
    ]
    return [*rows, chi_square(cell_counts(source, count, polar_cells), test="χ² of angle and radius")]


# ---- What is tested --------------------------------------------------------------------------------------------------


class Job(NamedTuple):
    values: str
    test: Callable[[], list[Row]]

    def rows(self) -> list[Row]:
        return self.test()


class Plan:
    """The jobs of a seed, all counts scaled. A test of one stream has one of its own, named by the job's number."""

    def __init__(self, seed: int, scale: float) -> None:
        self.seed = seed
        self.scale = scale
        self.jobs: list[Job] = []

    def count(self, full: int) -> int:
        return math.ceil(full * self.scale / PIECE) * PIECE

    def elements(self, draw: str, dtype: str, start: int = 0, bounds: tuple[float, float] | None = None) -> Elements:
        return Elements(self.seed, f"job {len(self.jobs)}", draw, dtype, start, bounds)

    def across_high_word(self, draw: str, dtype: str, count: int) -> Elements:
        return self.elements(draw, dtype, HIGH_WORD[dtype] - count // 2)

    def add(self, values: str, test: Callable[..., list[Row]], *arguments: Any) -> None:
        self.jobs.append(Job(values, partial(test, *arguments)))


NAME = {"f4": "float32", "f8": "float64"}
TRUNCATED_STD = 0.87962566103423978  # of a standard normal truncated to [-2, 2]


def plan_fits(plan: Plan) -> None:
    for dtype, full in (("f4", 10**10), ("f8", 2 * 10**9)):
        count = plan.count(full)
        plan.add(f"uniform {NAME[dtype]}", fit, plan.across_high_word("uniform", dtype, count), count, high_bits)
        plan.add(f"uniform {NAME[dtype]}", bits_fit, plan.across_high_word("uniform", dtype, count), count)
    count = plan.count(10**9)
    for dtype, bins in (("f4", COARSE), ("f8", CELLS)):
        normal = plan.across_high_word("normal", dtype, count)
        plan.add(f"normal {NAME[dtype]}", fit, normal, count, normal_cells, bins)
    for bounds, full in (((-2.0, 2.0), 10**9), ((-1.0, 4.0), 10**8), ((3.0, math.inf), 10**8)):
        low, high = bounds
        for dtype, bins in (("f4", COARSE), ("f8", CELLS)):
            truncated = plan.elements("truncated_normal", dtype, bounds=bounds)
            cells = partial(truncated_cells, low=low, high=high)
            values = f"truncated normal ({low:g}, {high:g}) {NAME[dtype]}"
            plan.add(values, fit, truncated, plan.count(full), cells, bins)


def plan_tails(plan: Plan) -> None:
    for dtype, full in (("f4", 4 * 10**10), ("f8", 5 * 10**9)):
        plan.add(f"normal {NAME[dtype]}", tails, plan.elements("normal", dtype), plan.count(full))


def plan_neighbours(plan: Plan) -> None:
    count = plan.count(10**9)
    for dimensions, start in ((2, 0), (2, 1), (4, 0), (4, 2), (5, 0), (10, 0), (20, 0)):
        uniform = plan.elements("uniform", "f4", start)
        plan.add(f"uniform float32 from element {start}", points, uniform, count, dimensions, high_bits)
    for dimensions in (2, 20):
        uniform = plan.elements("uniform", "f4")
        plan.add("uniform float32", points, uniform, count, dimensions, low_bits, ", of the lowest 20 bits")
    for start in (0, 1):
        normal = plan.elements("normal", "f4", start)
        plan.add(f"normal float32 from element {start}", points, normal, count, 2, normal_cells)
    for dtype in ("f4", "f8"):
        plan.add(f"pairs of normal {NAME[dtype]}", pair_correlations, plan.elements("normal", dtype), count)
        plan.add(f"pairs of normal {NAME[dtype]}", polar_fit, plan.elements("normal", dtype), count)


def truncated_score(t: Array) -> Array:
    return t / TRUNCATED_STD


SERIES: tuple[tuple[str, str, str, Callable[[Array], Array]], ...] = (
    ("uniform float32", "uniform", "f4", uniform_score),
    ("uniform float64", "uniform", "f8", uniform_score),
    ("normal float32", "normal", "f4", itself),
    ("normal float32, squared", "normal", "f4", square),
    ("normal float64", "normal", "f8", itself),
    ("truncated normal (-2, 2) float32", "truncated_normal", "f4", truncated_score),
)


def plan_series(plan: Plan) -> None:
    for values, draw, dtype, score in SERIES:
        plan.add(values, serial, Scores(plan.elements(draw, dtype), score), plan.count(1 << 28))


def plan_pairs(plan: Plan) -> None:
    one = Elements(plan.seed, 0, "normal", "f4")
    next_seed, far_seed = (replace(one, seed=(plan.seed + step) % 2**64) for step in (1, 2**32))
    pairs = {
        "streams 0 and 1": (one, replace(one, stream=1)),
        "streams 0 and 2^32": (one, replace(one, stream=2**32)),
        "streams 0 and 'w'": (one, replace(one, stream="w")),
        "seeds s and s + 1": (one, next_seed),
        "seeds s and s + 2^32": (one, far_seed),
        "stream 1 of s and 0 of s + 1": (replace(one, stream=1), next_seed),
        "elements 0 and 2^34 on": (one, replace(one, start=HIGH_WORD["f4"])),
    }
    for values, pair in pairs.items():
        plan.add(f"normal float32, {values}", cross, *pair, plan.count(1 << 26))


def plan_matrices(plan: Plan) -> None:
    one = Elements(plan.seed, 0, "normal", "f4")
    streams: list[int | str] = [*range(1024), *(2**k for k in range(10, 63)), *(f"layer.{i}.weight" for i in range(64))]
    seeds = [*range(1024), *(2**k for k in range(10, 64))]
    sets = {
        "streams 0 to 1023, 2^k, 64 names": [replace(one, stream=stream) for stream in streams],
        "seeds 0 to 1023, 2^k": [replace(one, seed=seed) for seed in seeds],
    }
    count = max(2, round((1 << 20) * plan.scale / COLUMNS)) * COLUMNS
    for values, sources in sets.items():
        plan.add(f"normal float32, {values}", matrix, sources, count)
        plan.add(f"their squares, {values}", matrix, [Scores(source, square) for source in sources], count)


def plan_columns(plan: Plan) -> None:
    columns = {
        "streams 0, 1, 2, ...": FirstElements(plan.seed, stream_step=1),
        "streams 0, 2^32, 2 2^32, ...": FirstElements(plan.seed, stream_step=2**32),
        "streams 'layer.0.weight', ...": FirstElements(plan.seed, name="layer.{}.weight"),
        "seeds s, s + 1, s + 2, ...": FirstElements(plan.seed, seed_step=1),
        "seeds s, s + 2^32, ...": FirstElements(plan.seed, seed_step=2**32),
        "streams i of seeds s + i": FirstElements(plan.seed, seed_step=1, stream_step=1),
    }
    for values, source in columns.items():
        plan.add(f"first uniform float32, {values}", column, source, plan.count(10**7))


PLANS = (plan_fits, plan_tails, plan_neighbours, plan_series, plan_pairs, plan_matrices, plan_columns)


def planned(seed: int, scale: float) -> list[Job]:
    plan = Plan(seed, scale)
    for add_jobs in PLANS:
        add_jobs(plan)
    return plan.jobs


# ---- The report ------------------------------------------------------------------------------------------------------

TITLES = ("values", "test", "n", "statistic", "p")
WIDTHS = (58, 48, 8, 34, 8)
Line = Callable[[Sequence[str]], str]


def text_line(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def header(line: Line) -> str:
    return f"{line(TITLES)}\n{line(['---'] * len(TITLES))}"


def section(job: Job, rows: Sequence[Row], line: Line) -> str:
    cells = [[job.values, row.test, f"{row.n:.2e}", row.statistic, f"{row.p:.3g}"] for row in rows]
    for repeated in cells[1:]:
        repeated[0] = ""
    return "\n".join(map(line, cells))


def limit(results: Sequence[tuple[Job, Row]]) -> float:
    return SIGNIFICANCE / len(results)


def failures(results: Sequence[tuple[Job, Row]]) -> list[tuple[Job, Row]]:
    return [(job, row) for job, row in results if not row.p >= limit(results)]


def summary(results: Sequence[tuple[Job, Row]]) -> str:
    job, worst = min(results, key=lambda result: result[1].p)
    uniformity = stats.kstest([row.p for _, row in results], "uniform").pvalue
    failed = failures(results)
    return "\n".join(
        [
            f"{len(results)} tests; one fails if its p is below {limit(results):.2g}.",
            f"Smallest p: {worst.p:.3g} ({job.values}: {worst.test}).",
            f"All p beside the uniform distribution, as if independent (Kolmogorov-Smirnov): p = {uniformity:.3g}.",
            *(f"FAILED: {job.values}: {row.test}, {row.statistic}, p = {row.p:.3g}" for job, row in failed),
            "failed" if failed else "passed",
        ]
    )


def arguments_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tests of the randomness of the values; see docs/randomness.md.")
    parser.add_argument("--seed", type=int, default=SEED, help="the seed that is tested (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="that part of the values (default: 1)")
    parser.add_argument("--quick", dest="scale", action="store_const", const=QUICK, help=f"short for --scale {QUICK}")
    parser.add_argument(
        "--processes", type=int, default=fastinit.get_num_threads(), metavar="N", help="at a time (default: one a CPU)"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    chosen = parser.parse_args(arguments)
    if not 0 <= chosen.seed < 2**64:
        parser.error("--seed must be in [0, 2^64)")
    if not 0 < chosen.scale <= 1:
        parser.error("--scale must be in (0, 1]")
    if chosen.processes < 1:
        parser.error("--processes must be positive")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = arguments_of(arguments)
    line = markdown_line if chosen.markdown else text_line
    jobs = planned(chosen.seed, chosen.scale)
    results: list[tuple[Job, Row]] = []
    # The processes are all the parallelism there should be; they read these when they start.
    os.environ.update(FASTINIT_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    print(header(line))
    with ProcessPoolExecutor(chosen.processes, get_context("spawn")) as processes:
        for job, rows in zip(jobs, processes.map(Job.rows, jobs), strict=True):
            results += [(job, row) for row in rows]
            print(section(job, rows, line), flush=True)
    print("", summary(results), sep="\n")
    return 1 if failures(results) else 0


if __name__ == "__main__":
    sys.exit(main())
