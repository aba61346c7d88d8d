"""
How far the draws are from exact: `python proofs/accuracy.py` runs all 2^32 words of float32 and 10^9 of float64.

It builds proofs/accuracy.c, which feeds words to the functions that fills run, checks that these give what the package
gives and that the references are what mpmath says, and prints the tables of docs/accuracy.md. It fails if a figure is
beyond what docs/stream.md promises. `--quick` takes every 1021st word and fewer of float64: seconds. `--out docs` also
draws docs/images/accuracy.svg.
"""

import argparse
import itertools
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import mpmath  # type: ignore[import-untyped]
import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray

import fastinit
from fastinit import _core

ROOT = Path(__file__).resolve().parent.parent
SEED = 20260  # of every random word

# As CMakeLists.txt has them from there.
TARGETS = [line.split() for line in (ROOT / "src/targets.txt").read_text(encoding="utf-8").splitlines()]
FLAGS = ["-std=c11", "-O3"]
FLAGS += [word for words in TARGETS if words[:1] == ["flags"] for word in words[1:] if not word.startswith("-W")]
SIMD_FLAGS = {words[1]: words[3:] for words in TARGETS if words[:1] == ["kernels"]}

# Bounds of the truncated normal besides (-2, 2), and what docs/stream.md promises of all of them.
INF = math.inf
TWO_SIGMA = (-2.0, 2.0)
BOUNDS = (
    *((-1.0, 2.0), (-0.3, 1.7), (0.5, 0.6), (-3.0, 3.0), (-1.0, 4.0), (-INF, INF), (0.0, INF), (-8.0, 0.2)),
    *((1.0, INF), (2.0, INF), (-4.0, -3.0), (9.6, INF), (30.0, 31.0)),
)
FORMS = ((-1.0, 2.0), (-1.0, 4.0), (1.0, INF), (-4.0, -3.0), (9.6, INF))  # one of each form, and of each kind of tail
RELATIVE_LIMIT = {32: 7e-7, 64: 1.5e-15}

# Limits of normals, in ulp of the exact value: docs/stream.md's, and that of float32 values that round up across a
# power of two. The exact one's ulp is half of theirs there, and the error is up to 3.19 of them.
ULP_LIMIT = 3.0
CROSSING_ULP_LIMIT = 3.2
FLOAT64_ULP_LIMIT = 4.0

# The pair of words with the largest error of all in float32; a full run finds it again.
WORST_PAIR = (2583091392, 4123717400)

Floats = NDArray[np.float64]
Bounds = tuple[float, float]


class Failure(Exception):
    """A check that did not hold."""


def job_of(bounds: Bounds) -> str:
    return "symmetric" if bounds == TWO_SIGMA else "truncated"


def require(holds: bool, message: str) -> None:
    if not holds:
        raise Failure(message)


# ---- How much is run -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effort:
    step: int  # every step-th word of float32
    pairs: int  # random pairs of words, of float32
    words: int  # random words of float64, in pairs for the normals
    other: int  # words for each other bounds, of float32
    other_words: int  # the same, of float64
    references: int  # words whose references mpmath checks
    suspects: int  # pairs of words from the bins that allow the largest errors
    neighbours: int  # of each hard word


FULL = Effort(1, 10**9, 10**9, 2**26, 10**7, 4000, 200_000, 1000)
QUICK = Effort(1021, 10**6, 4 * 10**5, 10**5, 2 * 10**4, 120, 2000, 2)


# ---- The program -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """proofs/accuracy.c, built for one compute type."""

    path: Path
    simd: str
    bits: int  # of a word

    @property
    def integer_bits(self) -> int:
        return 32 if self.bits == 32 else 53

    @property
    def digits(self) -> int:
        return 24 if self.bits == 32 else 53

    @property
    def shift(self) -> int:
        """Bits of a word below its integer."""
        return self.bits - self.integer_bits

    @property
    def word(self) -> type[np.unsignedinteger[Any]]:
        return np.uint32 if self.bits == 32 else np.uint64

    @property
    def scalar(self) -> type[np.floating[Any]]:
        return np.float32 if self.bits == 32 else np.float64

    @property
    def name(self) -> str:
        return "float32" if self.bits == 32 else "float64"

    def run(self, job: str, mode: str, words: "Words", bounds: Bounds | None = None) -> bytes:
        command = [str(self.path), job, mode, words.kind, *(str(n) for n in (words.a, words.b, words.count))]
        listed = np.ascontiguousarray(words.listed, self.word).tobytes() if words.listed is not None else b""
        done = subprocess.run(
            command + bounds_arguments(self, bounds), input=listed, stdout=subprocess.PIPE, check=True
        )
        return done.stdout


def build(simd: str, folder: Path) -> dict[int, Program]:
    """The programs by the bits of a word; float64's only where long double is longer than double."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    sources = [ROOT / "proofs/accuracy.c", *(ROOT / "src" / name for name in ("dtypes.c", "scale.c", "truncated.c"))]
    header = f'-DFI_SIMD_HEADER="simd/{simd}.h"'
    started = {}
    for bits in (32, 64):
        path = folder / f"{simd}{bits}"
        options = [*FLAGS, *SIMD_FLAGS[simd], f"-DBITS={bits}", header, f"-I{ROOT / 'src'}"]
        command = [*compiler, *options, *map(str, sources), "-o", str(path), "-lm"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        started[bits] = process, Program(path, simd, bits)
    programs = {}
    for bits, (process, program) in started.items():
        errors = process.communicate()[1]
        if process.returncode == 0:
            programs[bits] = program
        elif bits == 64 and "long double" in errors:
            print("float64 left out: its references need a long double longer than double", file=sys.stderr)
        else:
            raise Failure(f"{compiler[0]} failed:\n{errors}")
    return programs


@dataclass(frozen=True)
class Words:
    """Words a, a + b, a + 2 b, ... (range); b, b + 1, ... of seed a (random); or those listed."""

    kind: str
    a: int
    b: int
    count: int
    listed: NDArray[Any] | None = None

    def slices(self, pieces: int, each: int) -> Iterator["Words"]:
        """Cuts at multiples of `each` words."""
        size = -(-self.count // (pieces * each)) * each
        for start in range(0, self.count, size):
            count = min(size, self.count - start)
            if self.listed is not None:
                yield Words("list", 0, 0, count, self.listed[start : start + count])
            elif self.kind == "range":
                yield Words("range", (self.a + start * self.b) % 2**64, self.b, count)
            else:
                yield Words("random", self.a, self.b + start, count)

    def word_at(self, index: int) -> str:
        if self.listed is not None:
            return f"word {int(self.listed[index]):#x}"
        return f"word {(self.a + self.b * index) % 2**32:#x}" if self.kind == "range" else f"word {index} of {self}"


def listed(words: NDArray[Any]) -> Words:
    return Words("list", 0, 0, words.size, words.reshape(-1))


def every(step: int) -> Words:
    """Every step-th 32-bit word."""
    return Words("range", 0, step, -(-(2**32) // step))


def at_random(count: int, first: int = 0) -> Words:
    return Words("random", SEED, first, count)


# ---- What a run finds ------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """The errors of a quantity, in ulp of the exact value, and what else was kept of it."""

    count: int = 0
    correctly_rounded: int = 0
    most: float = -1.0
    total: float = 0.0
    worst: tuple[int, int] = (0, 0)
    most_relative: float = 0.0
    profile: Floats = field(default_factory=lambda: np.zeros(0))  # rows: count, most, sum
    moments: tuple[Fraction, Fraction, Fraction] = (Fraction(0),) * 3  # sums of the 1st, 2nd and 4th power
    least: Floats = field(default_factory=lambda: np.zeros(0))  # relative errors by significand, and their words
    greatest: Floats = field(default_factory=lambda: np.zeros(0))
    least_word: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    greatest_word: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))

    @property
    def mean(self) -> float:
        return self.total / self.count

    def add(self, found: dict[str, Any]) -> None:
        self.count += found["count"]
        self.correctly_rounded += found["correctly_rounded"]
        self.total += found["sum"]
        self.most_relative = max(self.most_relative, found["most_relative"])
        if found["most"] > self.most:
            self.most, self.worst = found["most"], tuple(found["worst"])
        profile = np.array(found["profile"])
        if self.profile.size:
            profile[:, 1] = np.maximum(profile[:, 1], self.profile[:, 1])
            profile[:, [0, 2]] += self.profile[:, [0, 2]]
        self.profile = profile
        if "moments" in found:
            sums = (Fraction(high) + Fraction(low) for high, low in found["moments"])
            self.moments = tuple(a + b for a, b in zip(self.moments, sums, strict=True))  # type: ignore[assignment]
            self.add_extremes(found["by_significand"])

    def add_extremes(self, rows: list[list[Any]]) -> None:
        least, greatest, least_word, greatest_word = zip(*rows, strict=True)
        new = Tally(
            least=np.array(least),
            greatest=np.array(greatest),
            least_word=np.array(least_word, np.uint64),
            greatest_word=np.array(greatest_word, np.uint64),
        )
        if self.least.size:
            lower, higher = self.least < new.least, self.greatest > new.greatest
            new.least[lower], new.least_word[lower] = self.least[lower], self.least_word[lower]
            new.greatest[higher], new.greatest_word[higher] = self.greatest[higher], self.greatest_word[higher]
        self.least, self.least_word = new.least, new.least_word
        self.greatest, self.greatest_word = new.greatest, new.greatest_word

    def mean_power(self, which: int) -> Fraction:
        return self.moments[which] / self.count


@dataclass
class Findings:
    violations: int = 0
    beyond: dict[float, float] = field(default_factory=dict)
    rounding: Floats = field(default_factory=lambda: np.zeros(4))
    quantities: dict[str, Tally] = field(default_factory=dict)

    def add(self, found: dict[str, Any]) -> None:
        self.violations += found["violations"]
        self.rounding = self.rounding + found["rounding"]
        for limit, number in found["beyond"]:
            self.beyond[limit] = self.beyond.get(limit, 0.0) + number
        for name, tally in found["quantities"].items():
            self.quantities.setdefault(name, Tally()).add(tally)


def cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measure(program: Program, job: str, words: Words, bounds: Bounds | None = None) -> Findings:
    """Runs a job over words on all CPUs."""
    findings = Findings()
    with ThreadPoolExecutor(cpus()) as pool:
        slices = words.slices(cpus() if words.count < 1 << 27 else 4 * cpus(), 2)
        for out in pool.map(lambda part: program.run(job, "measure", part, bounds), slices):
            findings.add(json.loads(out))
    what = f"{program.name} {job}{'' if bounds is None else f' {bounds}'}"
    require(findings.violations == 0, f"{what}: {findings.violations} words break what must hold for all")
    return findings


# ---- The exact values, in mpmath -------------------------------------------------------------------------------------

mp.dps = 60


def upper_tail(t: mpf) -> mpf:
    return mpmath.erfc(t / mpmath.sqrt(2)) / 2


def centered_cdf(t: mpf) -> mpf:
    return mpmath.erf(t / mpmath.sqrt(2)) / 2


def probability_between(low: float, high: float) -> mpf:
    """P(low < Z < high), from the tails where these are small."""
    if low >= 1:
        return upper_tail(mpf(low)) - upper_tail(mpf(high))
    if high <= -1:
        return upper_tail(mpf(-high)) - upper_tail(mpf(-low))
    return centered_cdf(mpf(high)) - centered_cdf(mpf(low))


def in_two(x: mpf) -> list[str]:
    """x as the sum of two doubles."""
    high = float(x)
    return [high.hex(), float(x - high).hex()]


def word_of_zero(program: Program, bounds: Bounds) -> int:
    """The last integer before t changes its sign, or the one nearest to that."""
    low, high = bounds
    last = (1 << program.integer_bits) - 1
    if low >= 0 or high <= 0:
        return 0 if low >= 0 else last
    crossing = -centered_cdf(mpf(low)) / probability_between(low, high) * 2**program.integer_bits
    return min(int(crossing), last)


def bounds_arguments(program: Program, bounds: Bounds | None) -> list[str]:
    """What the program wants to know of the bounds of a truncated normal."""
    if bounds is None:
        return []
    low, high = bounds
    step = probability_between(low, high) / 2**program.integer_bits
    anchor = word_of_zero(program, bounds)
    center = centered_cdf(mpf(low)) + (anchor + mpf(0.5)) * step
    members = (upper_tail(mpf(-low)), upper_tail(mpf(high)), step, mpf(anchor), center)
    return [low.hex(), high.hex(), *itertools.chain(*map(in_two, members))]


class Exact:
    """What docs/stream.md says of a word, in 60 digits."""

    def __init__(self, program: Program) -> None:
        self.bits, self.shift, self.scalar = program.integer_bits, program.shift, program.scalar

    def signed(self, integer: int) -> int:
        half = 1 << (self.bits - 1)
        return (integer + half) % (2 * half) - half

    def rounded(self, integer: int) -> mpf:
        return mpf(float(self.scalar(integer)))

    def radius(self, word: int, bounds: Bounds | None) -> list[mpf]:
        k = self.signed(word >> self.shift)
        unrounded = (k + mpf(0.5)) / 2**self.bits
        stated = mpf(float(self.scalar(float((self.rounded(k) + mpf(0.5)) / 2**self.bits))))
        return [mpmath.sqrt(-2 * (mpmath.log(y) if y > 0 else mpmath.log1p(y))) for y in (stated, unrounded)]

    def angle(self, word: int, bounds: Bounds | None) -> list[mpf]:
        k = self.signed(4 * (word >> self.shift))
        angles = [x / 2**self.bits * mp.pi / 2 for x in (self.rounded(k), mpf(k))]
        return [f(angle) for angle in angles for f in (mpmath.cos, mpmath.sin)]

    def truncated(self, word: int, bounds: Bounds, reference: mpf) -> mpf:
        """A step of Newton's method from the reference, which doubles its digits."""
        low, high = bounds
        u = ((word >> self.shift) + mpf(0.5)) / 2**self.bits
        width, density = probability_between(low, high), mpmath.exp(-(reference**2) / 2) / mpmath.sqrt(2 * mp.pi)
        if reference > 1:
            beyond = upper_tail(mpf(high)) + (1 - u) * width
            return reference + upper_tail(reference) / density * mpmath.log(upper_tail(reference) / beyond)
        if reference < -1:
            below = upper_tail(mpf(-low)) + u * width
            return reference - upper_tail(-reference) / density * mpmath.log(upper_tail(-reference) / below)
        return reference + (centered_cdf(mpf(low)) + u * width - centered_cdf(reference)) / density


# ---- The program gives what the package gives, and its references are exact ------------------------------------------


def shown(program: Program, job: str, words: NDArray[Any], bounds: Bounds | None = None) -> NDArray[np.float64]:
    """Rows of four doubles a quantity: the value as the sum of two, the reference likewise."""
    lines = program.run(job, "show", listed(words), bounds).decode().splitlines()
    return np.array([[float.fromhex(x) for x in line.split()[2:]] for line in lines])


def check_package(programs: Iterable[Program]) -> int:
    """Compares the program's values with those of the installed package, bit for bit; returns how many."""
    count, generator, compared = 4096, fastinit.Generator(SEED), 0
    for program in programs:
        words = generator.bits(np.empty(count, program.word), stream=1)
        quarters = ((words[1::2] >> (program.bits - 3)) + program.word(1)) >> program.word(1) & program.word(3)
        turn = quarters.astype(np.intp)
        normals = shown(program, "normal", words)
        x, y = normals[:, 12], normals[:, 16]
        pairs = [np.choose(turn, (x, -y, -x, y)), np.choose(turn, (y, x, -y, -x))]
        checks: list[tuple[str, dict[str, float], Any]] = [
            ("normal", {}, np.stack(pairs, -1).reshape(-1)),
            ("uniform", {}, shown(program, "uniform", words)[:, 0]),
        ]
        for bounds in (TWO_SIGMA, *BOUNDS):
            t = shown(program, job_of(bounds), words, bounds)[:, 0]
            checks.append(("truncated_normal", dict(zip(("low", "high"), bounds, strict=True)), t))
        for method, keywords, values in checks:
            drawn = getattr(generator, method)(np.empty(count, program.scalar), stream=1, **keywords)
            require(np.array_equal(values, drawn), f"{program.name} {method} {keywords}: not what the package draws")
            compared += count
    return compared


def first_difference(programs: Sequence[Program], job: str, words: Words, bounds: Bounds | None) -> int | None:
    """The place of the first of the words of which the programs draw different bits."""
    if len({program.run(job, "digest", words, bounds) for program in programs}) == 1:
        return None
    if words.count == 1:
        return 0
    before = 0
    for half in words.slices(2, 1):
        place = first_difference(programs, job, half, bounds)
        if place is not None:
            return before + place
        before += half.count
    return None


def compare_kernels(programs: Sequence[Program], effort: Effort) -> None:
    """One program for each instruction set: all words of float32, random ones of float64, and the hard ones of both."""
    one = programs[0]
    hard = listed(words_of(one, hard_integers(one, effort.neighbours)))
    some, fewer = at_random(effort.words // 10), at_random(effort.words // 100)
    if one.bits == 32:
        some, fewer = every(effort.step), every(61 * effort.step)
    fast = [program for program in programs if program.simd != "portable"]  # plain C takes ten times as long
    jobs: list[tuple[str, Bounds | None]] = [("radius", None), ("angle", None), ("uniform", None)]
    jobs += [(job_of(bounds), bounds) for bounds in (TWO_SIGMA, *FORMS)]
    for job, bounds in jobs:
        for those, words in ((programs, hard), (programs, fewer), (fast, some)):
            compare_digests(those, job, words, bounds)
    print(f"{one.name}: {', '.join(program.simd for program in programs)} draw the same bits", flush=True)


def compare_digests(programs: Sequence[Program], job: str, words: Words, bounds: Bounds | None) -> None:
    if len(programs) < 2:
        return
    parts = list(words.slices(4 * cpus(), 1))
    with ThreadPoolExecutor(cpus()) as pool:
        places = list(pool.map(lambda part: first_difference(programs, job, part, bounds), parts))
    for part, place in zip(parts, places, strict=True):
        what = f"{programs[0].name} {job}{'' if bounds is None else f' {bounds}'}"
        names = ", ".join(program.simd for program in programs)
        require(place is None, f"{what}: {names} draw different bits of {part.word_at(place or 0)}")


def hard_integers(program: Program, neighbours: int) -> NDArray[np.uint64]:
    """Both ends, eighths of the whole, powers of two counted from each of these, and their neighbours."""
    whole = 2**program.integer_bits
    eighths = [i * whole // 8 for i in range(9)]
    powers = [2**k for k in range(program.integer_bits - 3)]
    centers = {*eighths, *(e + sign * p for e in eighths for p in powers for sign in (1, -1))}
    around = np.array(sorted(c % whole for c in centers), np.uint64)[:, None]
    offsets = np.arange(-neighbours, neighbours + 1).astype(np.uint64)
    return np.unique((around + offsets) % np.uint64(whole))


def words_of(program: Program, integers: NDArray[np.uint64]) -> NDArray[Any]:
    return (integers << np.uint64(program.shift)).astype(program.word)


def check_references(program: Program, count: int) -> float:
    """The largest difference between a reference and mpmath, in ulp of the compute type."""
    rng = np.random.default_rng(SEED)
    hard = rng.choice(hard_integers(program, 1), count // 2)
    integers = np.concatenate([hard, rng.integers(0, 2**program.integer_bits, count // 2, np.uint64)])
    words, exact = words_of(program, integers), Exact(program)

    def differences() -> Iterator[tuple[mpf, mpf]]:
        for job, quantities, of in (("radius", (0, 1), exact.radius), ("angle", (0, 1, 2, 3), exact.angle)):
            for word, row in zip(words.tolist(), shown(program, job, words), strict=True):
                for q, truth in zip(quantities, of(word, None), strict=True):
                    if 4 * q < row.size:
                        yield mpf(row[4 * q + 2]) + mpf(row[4 * q + 3]), truth
        for bounds in (TWO_SIGMA, *BOUNDS):
            some = words[:: len(BOUNDS)]
            for word, row in zip(some.tolist(), shown(program, job_of(bounds), some, bounds), strict=True):
                reference = mpf(row[2]) + mpf(row[3])
                yield reference, exact.truncated(word, bounds, reference)

    return max(float(abs(found - truth) / ulp(program, truth)) for found, truth in differences() if truth)


def ulp(program: Program, exact: mpf) -> mpf:
    return mpf(2) ** (mpmath.frexp(abs(exact))[1] - program.digits)


# ---- Whole float32 normals: all pairs of words -----------------------------------------------------------------------


@dataclass(frozen=True)
class PairBound:
    """
    The most that the product of a radius and a cosine or sine can be off, over all pairs of words: from the largest
    errors of the two in each bin of their significands.
    """

    staying: float  # in ulp of the exact value
    crossing: (
        float  # of values that round up across a power of two, where half an ulp is a whole one of the exact value
    )
    suspects: NDArray[np.uint64]  # pairs of words whose bins allow the most


SLACK = 1e-5  # ulp; covers the references' errors, and bins by the exact instead of the computed value


def bound_pairs(radius: Tally, factor: Tally, digits: int, suspects: int) -> PairBound:
    bins = radius.least.size
    low = 1 + np.arange(bins) / bins
    above, below = np.zeros((bins, bins), np.float32), np.zeros((bins, bins), np.float32)
    staying = crossing = 0.0
    for i in range(bins):
        up = (1 + radius.greatest[i]) * (1 + factor.greatest) - 1
        down = 1 - (1 + radius.least[i]) * (1 + factor.least)
        least, most = low[i] * low, (low[i] + 1 / bins) * (low + 1 / bins)
        for end in (2.0, 4.0):  # of a binade, in which the exact value lies
            exact, unit = np.minimum(most, end), end * 2.0**-digits
            inside = (least < end) & (most > end / 2)
            upwards, downwards = np.where(inside, up * exact / unit, 0), np.where(inside, down * exact / unit, 0)
            staying = max(staying, upwards.max() + 0.5, downwards.max() + 0.5)
            crosses = inside & (exact + upwards * unit >= end + unit)
            crossing = max(crossing, (upwards[crosses] + 1).max(initial=0))
            np.maximum(above[i], upwards, out=above[i])
            np.maximum(below[i], downwards, out=below[i])
    pairs = [
        extreme_pairs(above, radius.greatest_word, factor.greatest_word, suspects),
        extreme_pairs(below, radius.least_word, factor.least_word, suspects),
    ]
    return PairBound(staying + SLACK, crossing + SLACK, np.concatenate(pairs))


def extreme_pairs(
    bound: NDArray[np.float32], first: NDArray[np.uint64], second: NDArray[np.uint64], count: int
) -> NDArray[np.uint64]:
    near = np.flatnonzero(bound > 0.9 * bound.max())
    row, column = np.unravel_index(near[np.argsort(bound.flat[near])[-count:]], bound.shape)
    return np.stack([first[row], second[column]], -1)


def distinct(largest: int) -> Iterator[Words]:
    """Words, as signed integers from -2^largest to 2^largest - 1, whose floats are all that occur."""
    yield Words("range", 2**64 - 2**24, 1, 2**25)
    for bits in range(24, largest):
        for start in (2**bits, 2**64 - 2 ** (bits + 1)):
            yield Words("range", start, 2 ** (bits - 23), 2**23)
    yield Words("range", 2**largest - 1, 1, 1)


ABSENT = -1.0  # of a significand that no word gives, as in accuracy.c


def extremes(program: Program, job: str, largest: int) -> tuple[Floats, NDArray[np.uint32]]:
    """For each significand of a float32 value its largest relative excess over the exact value, and the word."""
    fields = np.dtype([("most", np.float32), ("word", np.uint32)])
    most, word = np.full(2**23, ABSENT, np.float32), np.zeros(2**23, np.uint32)
    with ThreadPoolExecutor(cpus()) as pool:
        for out in pool.map(lambda words: program.run(job, "extremes", words), distinct(largest)):
            found = np.frombuffer(out, fields)
            more = found["most"] > most
            most[more], word[more] = found["most"][more], found["word"][more]
    return most.astype(np.float64), word


class Crossings(NamedTuple):
    most: float  # ulp of the exact value
    above_three: int  # pairs of significands that allow more than 3
    pairs: NDArray[np.uint64]  # of words, of the largest errors


def sine_crossings(program: Program) -> Crossings:
    """
    The float32 sine halves that round up across a power of two, all of them: for each significand of the radius only a
    few of the sine lead there, and their largest errors give the largest of the product.
    """
    radius, radius_word = extremes(program, "radius", 31)
    sine, sine_word = extremes(program, "angle", 29)
    first = 2**23 + np.arange(2**23)
    errors, pairs = [], []
    for power in (46, 47, 48):
        unit = 2 ** (power - 24)  # below the power of two
        for step in range(5):
            second = (2**power + unit) // first + 1 + step
            valid = (second >= 2**23) & (second < 2**24) & (first * second < 2**power + 4 * unit)
            a, b = first[valid] - 2**23, second[valid] - 2**23
            occur = (radius[a] > ABSENT) & (sine[b] > ABSENT)
            a, b = a[occur], b[occur]
            product = ((2**23 + a) * (2**23 + b)).astype(np.float64)
            exact = product / ((1 + radius[a]) * (1 + sine[b]))
            drawn = np.rint(product / (2 * unit)) * (2 * unit)
            crosses = exact < 2.0**power
            errors.append(((drawn - exact) / unit)[crosses])
            pairs.append(np.stack([radius_word[a], sine_word[b]], -1)[crosses])
    error, pair = np.concatenate(errors), np.concatenate(pairs).astype(np.uint64)
    top = np.argsort(error)[-1000:]
    return Crossings(float(error[top[-1]]) + SLACK, int(np.count_nonzero(error > 3)), pair[top])


def pairs_below_powers_of_two(program: Program, radii: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Words of radii, each with angles whose sine or cosine leads to the neighbourhood of a power of two."""
    integers = radii >> np.uint64(program.shift)
    whole = 2.0**program.integer_bits
    y = np.where(integers < whole / 2, integers + 0.5, integers - whole + 0.5) / whole
    with np.errstate(invalid="ignore"):
        r = np.sqrt(-2 * np.where(y > 0, np.log(y), np.log1p(y)))[:, None]
    powers, offsets = 2.0 ** -np.arange(-2, 24), np.arange(-6, 7)
    ratio = np.minimum(powers / r, 1)
    turns = np.stack([np.arcsin(ratio), np.arccos(ratio)]) / (2 * np.pi)
    angles = np.floor(turns * whole)[..., None] + offsets
    words = words_of(program, (angles % whole).astype(np.uint64)).astype(np.uint64)
    return np.stack(np.broadcast_arrays(radii[:, None, None], words), -1).reshape(-1, 2)


# ---- The proof -------------------------------------------------------------------------------------------------------


Row = Sequence[str]


class Table(NamedTuple):
    title: str
    head: Row
    rows: Sequence[Row]

    def __str__(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


ERROR_HEAD = ("", "words", "largest", "at", "mean", "correctly rounded")


FIRST, SECOND, BOTH = slice(0, 1), slice(1, 2), slice(0, 2)


def error_row(name: str, tally: Tally, words: slice = FIRST) -> Row:
    at = " ".join(f"{w:#x}" for w in list(tally.worst)[words])
    share = f"{100 * tally.correctly_rounded / tally.count:.2f} %"
    return name, f"{tally.count:.4g}", f"{tally.most:.4f}", at, f"{tally.mean:.4f}", share


@dataclass
class Proof:
    """The figures, as tables to print, and what is drawn."""

    tables: list[Table] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    float32: dict[str, Tally] = field(default_factory=dict)


def prove_words(proof: Proof, program: Program, effort: Effort) -> dict[str, Findings]:
    """All words of float32 through each function of one word."""
    words = every(effort.step)
    found = {job: measure(program, job, words) for job in ("radius", "angle", "uniform")}
    found["symmetric"] = measure(program, "symmetric", words, TWO_SIGMA)
    names = {"t": "truncated normal in [-2, 2]", "u": "uniform"}
    for findings in found.values():
        proof.float32 |= findings.quantities
    rows = [error_row(names.get(name, name), tally) for name, tally in proof.float32.items()]
    proof.tables.append(Table("float32, one word, in ulp of the exact value", ERROR_HEAD, rows))
    proof.figures |= {f"float32 {name}": tally.most for name, tally in proof.float32.items()}
    require(proof.float32["u"].most <= 0, "float32 uniforms are not exact")
    require_relative(proof.float32["t"], program, TWO_SIGMA)
    return found


HALVES = {"r cos": "cos", "r sin": "sin"}  # of a pair of normals


def prove_normals(proof: Proof, program: Program, effort: Effort) -> None:
    """Pairs of float32 words: at random, those of the largest errors, and a bound over all."""
    sampled = measure(program, "normal", at_random(2 * effort.pairs))
    r = proof.float32["r"]
    bounds = {n: bound_pairs(r, proof.float32[of], program.digits, effort.suspects) for n, of in HALVES.items()}
    crossings = sine_crossings(program) if effort.step == 1 else None
    suspects = [np.array([WORST_PAIR], np.uint64), *(bound.suspects for bound in bounds.values())]
    suspects += [crossings.pairs] if crossings else []
    directed = measure(program, "normal", listed(np.concatenate(suspects)))
    names = [name for name in sampled.quantities if name.startswith("r ")]
    rows = [error_row(f"{name}, random pairs", sampled.quantities[name], BOTH) for name in names]
    rows += [error_row(f"{name}, pairs of the largest errors", directed.quantities[name], BOTH) for name in HALVES]
    proof.tables.append(Table("float32 normals, in ulp of the exact value", ERROR_HEAD, rows))
    add_rounding(proof, sampled)
    worst = max(findings.quantities[name].most for findings in (sampled, directed) for name in HALVES)
    prove_bounds_of_pairs(proof, bounds, crossings, worst)


def prove_bounds_of_pairs(
    proof: Proof, bounds: dict[str, PairBound], crossings: Crossings | None, worst: float
) -> None:
    staying = max(bound.staying for bound in bounds.values())
    crossing = {name: bound.crossing for name, bound in bounds.items()}
    rows = [
        *((f"{name}, all but what follows", f"{bound.staying:.3f}") for name, bound in bounds.items()),
        *((f"{name}, rounded up across a power of two", f"{most:.3f}") for name, most in crossing.items()),
    ]
    if crossings:
        crossing["r sin"] = crossings.most
        rows.append(("the same, from single significands", f"{crossings.most:.3f}"))
        rows.append(("pairs of significands that allow more than 3", f"{crossings.above_three}"))
    rows.append(("largest found", f"{worst:.4f}"))
    proof.tables.append(Table("float32 normals: bounds over all 2^64 pairs of words", ("", "ulp"), rows))
    proof.figures |= {"float32 normal, bound": staying, "float32 normal, worst": worst}
    require(staying <= ULP_LIMIT, f"float32 normals may be {staying:.2f} ulp off")
    require(worst <= CROSSING_ULP_LIMIT, f"a float32 normal is {worst:.2f} ulp off")
    good = crossings is None or max(crossing.values()) <= CROSSING_ULP_LIMIT
    require(good, f"float32 normals may be {max(crossing.values()):.2f} ulp off")


def add_rounding(proof: Proof, sampled: Findings) -> None:
    square, fourth, of_square, of_fourth = sampled.rounding
    proof.figures |= {"rounding of z^2": of_square / square, "rounding of z^4": of_fourth / fourth}


def prove_float64(proof: Proof, program: Program, effort: Effort) -> None:
    """Random words and the hard ones."""
    hard = words_of(program, hard_integers(program, effort.neighbours))
    sampled = measure(program, "normal", at_random(effort.words))
    directed = measure(program, "normal", listed(hard_pairs(program, hard, sampled.quantities, effort)))
    found: dict[str, Tally] = {}
    for job, words in (("radius", hard), ("angle", hard)):
        for name, tally in measure(program, job, listed(words)).quantities.items():
            found[f"{name}, hard words"] = tally
    truncated, uniform = "truncated normal in [-2, 2]", "uniform"
    for kind, some, fewer in (
        (", random words", at_random(effort.words), at_random(effort.words // 10)),
        (", hard words", listed(hard), listed(hard)),
    ):
        found[truncated + kind] = measure(program, "symmetric", some, TWO_SIGMA).quantities["t"]
        found[uniform + kind] = measure(program, "uniform", fewer).quantities["u"]
        require_relative(found[truncated + kind], program, TWO_SIGMA)
        require(found[uniform + kind].most <= 0, "float64 uniforms are not exact")
    places = {"r": FIRST, "cos": SECOND, "sin": SECOND}
    rows = [error_row(f"{n}, random words", sampled.quantities[n], place) for n, place in places.items()]
    rows += [error_row(name, tally) for name, tally in found.items()]
    for kind, findings in (("random pairs", sampled), ("hard pairs", directed)):
        rows += [error_row(f"{name}, {kind}", findings.quantities[name], BOTH) for name in HALVES]
    proof.tables.append(Table("float64, in ulp of the exact value", ERROR_HEAD, rows))
    worst = max(findings.quantities[name].most for findings in (sampled, directed) for name in HALVES)
    proof.figures |= {"float64 normal, worst": worst, **{f"float64 {name}": t.most for name, t in found.items()}}
    require(worst <= FLOAT64_ULP_LIMIT, f"a float64 normal is {worst:.2f} ulp off")


def hard_pairs(program: Program, hard: NDArray[Any], sampled: dict[str, Tally], effort: Effort) -> NDArray[np.uint64]:
    """Of hard words, of words with the largest errors in the sample, and pairs that lead to powers of two."""
    r, rng = sampled["r"], np.random.default_rng(SEED)
    largest = np.argsort(r.greatest)[-min(200, effort.suspects // 20) :]
    suspects = [bound_pairs(r, sampled[of], program.digits, effort.suspects).suspects for of in HALVES.values()]
    shuffled = np.stack([hard, rng.permutation(hard)], -1).astype(np.uint64)
    return np.concatenate([shuffled, *suspects, pairs_below_powers_of_two(program, r.greatest_word[largest])])


def require_relative(t: Tally, program: Program, bounds: Bounds) -> None:
    good = t.most_relative <= RELATIVE_LIMIT[program.bits]
    require(good, f"{program.name} truncated {bounds}: relative error {t.most_relative:.3g}")


def prove_other_bounds(proof: Proof, programs: dict[int, Program], effort: Effort) -> None:
    counts = {32: effort.other, 64: effort.other_words}
    rows = []
    for bounds in BOUNDS:
        row = ["({:g}, {:g})".format(*bounds).replace("inf", "∞")]
        for bits, program in programs.items():
            zero = word_of_zero(program, bounds)
            near = (zero + np.arange(-effort.neighbours, effort.neighbours)) % 2**program.integer_bits
            integers = np.concatenate([hard_integers(program, effort.neighbours), near.astype(np.uint64)])
            hard = measure(program, "truncated", listed(words_of(program, integers)), bounds).quantities["t"]
            sampled = measure(program, "truncated", at_random(counts[bits]), bounds).quantities["t"]
            most = max(sampled.most_relative, hard.most_relative)
            row += [f"{sampled.most_relative:.3g}", f"{hard.most_relative:.3g}", f"{sampled.mean:.3f}"]
            proof.figures[f"{program.name} {bounds}"] = most
            require_relative(sampled, program, bounds)
            require_relative(hard, program, bounds)
        rows.append(row)
    head = ["bounds"]
    for program in programs.values():
        head += [f"{program.name}, random words", "hard words", "mean, in ulp"]
    proof.tables.append(Table("Truncated normals between other bounds: largest relative error", head, rows))


# ---- Moments and tails -----------------------------------------------------------------------------------------------


def decimals(x: Fraction | mpf | float) -> str:
    value = mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpf(x)
    return str(mpmath.nstr(value, 13, strip_zeros=False, min_fixed=-4, max_fixed=6))


def moment_rows(name: str, first: Any, second: Any, fourth: Any, exact: tuple[Any, Any, Any]) -> list[Row]:
    names = ("mean", "variance", "fourth moment")
    return [
        (f"{name}: {which}", decimals(value), decimals(truth), f"{float(as_mpf(value) - as_mpf(truth)):.2e}")
        for which, value, truth in zip(names, (first, second, fourth), exact, strict=True)
    ]


def as_mpf(x: Any) -> mpf:
    return mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpf(x)


def prove_moments(proof: Proof, found: dict[str, Findings]) -> None:
    """
    Of the float32 draws over all words. The word of an angle a quarter turn on turns the pair by as much, as the job
    `angle` checks: so mean and correlation of a pair are 0, and both halves have the same moments.
    """
    r, cos, sin = (proof.float32[name] for name in ("r", "cos", "sin"))
    square = r.mean_power(1) * (cos.mean_power(1) + sin.mean_power(1)) / 2
    fourth = r.mean_power(2) * (cos.mean_power(2) + sin.mean_power(2)) / 2
    t, u = proof.float32["t"], proof.float32["u"]
    density = 2 * mpmath.exp(-2) / mpmath.sqrt(2 * mp.pi) / probability_between(*TWO_SIGMA)
    truncated = 1 - 2 * density
    uniform_mean = Fraction(1, 2) + u.mean_power(0)
    rows = [
        *moment_rows("normal", 0, square, fourth, (0, 1, 3)),
        ("normal: excess kurtosis", decimals(fourth / square**2 - 3), "0", f"{float(fourth / square**2 - 3):.2e}"),
        *moment_rows("truncated", t.mean_power(0), t.mean_power(1) - t.mean_power(0) ** 2, t.mean_power(2),
                     (0, truncated, 3 * truncated - 8 * density)),
        *moment_rows("uniform", uniform_mean, u.mean_power(1) - u.mean_power(0) ** 2, u.mean_power(2),
                     (Fraction(1, 2), Fraction(1, 12), Fraction(1, 80))),
    ]  # fmt: skip
    head = ("float32", "over all words", "of the distribution", "difference")
    proof.tables.append(Table("Moments", head, rows))
    proof.figures |= {"normal variance": float(square - 1), "normal fourth moment": float(fourth - 3)}
    proof.figures["uniform mean"] = float(uniform_mean)
    rounding = [(name, f"{proof.figures[name]:.2e}") for name in ("rounding of z^2", "rounding of z^4")]
    proof.tables.append(Table("What the last rounding of a normal adds", ("", "relative, in the sample"), rounding))
    tails = []
    for limit, number in found["radius"].beyond.items():
        share, exact = number / r.count, 2 * float(upper_tail(mpf(limit)))
        tails.append((f"{limit:g}", f"{share:.5g}", f"{exact:.5g}", f"{share / exact:.6f}"))
        proof.figures[f"tail {limit:g}"] = share / exact
    head = ("t", "P(abs(z) > t) over all words", "of the distribution", "ratio")
    proof.tables.append(Table("Tails of the float32 normal", head, tails))


# ---- The picture -----------------------------------------------------------------------------------------------------

MOST_COLOUR, MEAN_COLOUR, GRID = "#0072B2", "#D55E00", "#DDDDDD"  # of Okabe and Ito, as in fastinit.insight
LONGEST = 9.0  # radius of a profile, as in accuracy.c


class Panel(NamedTuple):
    title: str
    label: str
    profile: Floats
    span: Bounds  # of the profile
    shown: Bounds


def around_quarters(profile: Floats) -> Floats:
    """The profile of a whole turn as that of the distance to the nearest quarter turn."""
    count, most, total = np.roll(profile, len(profile) // 8, 0).reshape(4, -1, 3).transpose(2, 0, 1)
    return np.stack([count.sum(0), most.max(0), total.sum(0)], -1)


def draw(tallies: dict[str, Tally], path: Path) -> None:
    """Largest and mean error over the radius, the angle and the truncated draw."""
    from fastinit.drawing import new_figure, save

    eighth, angle = (-0.125, 0.125), "turns from the nearest quarter turn"
    cos, sin = (around_quarters(tallies[name].profile) for name in ("cos", "sin"))
    panels = (
        Panel("radius r", "r", tallies["r"].profile, (0, LONGEST), (0, 6.77)),
        Panel("truncated normal t in [-2, 2]", "t", tallies["t"].profile, TWO_SIGMA, TWO_SIGMA),
        Panel("cosine", angle, cos, eighth, eighth),
        Panel("sine", angle, sin, eighth, eighth),
    )
    figure = new_figure(6.2)
    axes = figure.subplots(2, 2)
    for place, panel in zip(axes.flat, panels, strict=True):
        count, most, total = np.where(panel.profile[:, :1] > 0, panel.profile, np.nan).T
        edges = np.linspace(*panel.span, count.size + 1)
        place.stairs(most, edges, color=MOST_COLOUR, linewidth=1.2, baseline=None, label="largest error")
        place.stairs(total / count, edges, color=MEAN_COLOUR, linewidth=1.2, baseline=None, label="mean error")
        place.set(xlim=panel.shown, ylim=(0, 1.08 * np.nanmax(most)), xlabel=panel.label, title=panel.title)
        place.set_axisbelow(True)
        place.grid(color=GRID, linewidth=0.6)
    for place in axes[:, 0]:
        place.set_ylabel("error in ulp")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)


# ---- The command -----------------------------------------------------------------------------------------------------


def prove(effort: Effort, simd: str) -> Proof:
    proof = Proof()
    with tempfile.TemporaryDirectory() as folder:
        programs = build(simd, Path(folder))
        compared = check_package(programs.values())
        print(f"{compared} values are those of fastinit {fastinit.__version__}, bit for bit ({simd})", flush=True)
        for program in programs.values():
            difference = check_references(program, effort.references)
            proof.figures[f"{program.name} references"] = difference
            print(f"{program.name}: references and mpmath differ by at most {difference:.2g} ulp", flush=True)
            require(difference < 0.01, f"the references of {program.name} are {difference:.2g} ulp off")
        others = [build(name, Path(folder)) for name in _core.available_kernels() if name != simd]
        for bits, program in programs.items():
            compare_kernels([program, *(other[bits] for other in others)], effort)
        found = prove_words(proof, programs[32], effort)
        prove_normals(proof, programs[32], effort)
        if 64 in programs:
            prove_float64(proof, programs[64], effort)
        prove_other_bounds(proof, programs, effort)
        prove_moments(proof, found)
    return proof


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], prog="python proofs/accuracy.py")
    parser.add_argument("--quick", action="store_true", help="every 1021st word of float32, fewer of float64: seconds")
    parser.add_argument(
        "--simd", choices=SIMD_FLAGS, default=fastinit.simd, help="the kernels (all give the same bits)"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="draw FOLDER/images/accuracy.svg")
    options = parser.parse_args()
    start = time.perf_counter()
    try:
        proof = prove(QUICK if options.quick else FULL, options.simd)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    for table in proof.tables:
        print(f"\n{table}", end="")
    if options.out:
        draw(proof.float32, options.out / "images" / "accuracy.svg")
    print(f"\n{time.perf_counter() - start:.0f} s on {cpus()} CPUs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
