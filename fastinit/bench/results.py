"""What a run measured: the data that every form of the report is made of, and its JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import dropwhile
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any, NamedTuple

from fastinit import files
from fastinit.bench import schema
from fastinit.bench.environment import Environment
from fastinit.bench.schema import Among, Count, Flat, Within

# Of the JSON. A reader refuses any other.
FORMAT = 2
MOST_BYTES = 16 << 20  # of the JSON; a full run with every library takes less than half a megabyte

OWN = "fastinit"
LIMIT = "memset"
# Of the report, in its order: cases.SECTIONS says what each is.
SECTIONS = ("draws", "sizes", "small", "streams", "threads", "pages", "layouts", "adding", "model")
# fastinit's other ways to the rows of an array, which take part beside the one that has a case: what each is.
WAYS = {
    "loop": "fastinit's calls for each row, in a Python loop",
    "fill": "fastinit's fill of the rows, recorded beforehand",
    "one stream": "fastinit's fill of the whole array from one stream, the bound of what streams= can reach",
}

# A measurement is called noisy when the interquartile range of its times exceeds this part of their median ...
NOISY_SPREAD = 0.2
# ... and a run when more than this part of its measurements are.
NOISY_PART = 0.25


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        low, middle, high = quantiles(values, n=4, method="inclusive")
        return cls(low, middle, high)

    @property
    def width(self) -> float:
        """The interquartile range, as a part of the median."""
        return (self.high - self.low) / self.median


# The ranges are wider than any measurement's, and so narrow that no figure of a report overflows.
Name = Annotated[str, Count(1, 100)]
Seconds = Annotated[float, Within(1e-12, 1e6)]
Bytes = Annotated[int, Within(1, 1 << 60)]
Elements = Annotated[int, Within(1, 1 << 53)]


@dataclass(frozen=True)
class Side:
    """What one library ran, and the seconds that a call took, round by round."""

    statement: str
    seconds: Annotated[tuple[Seconds, ...], Count(2, 1000)]


@dataclass(frozen=True)
class Key:
    """Which fill was measured. Two runs measured the same if their keys are equal."""

    section: Annotated[str, Among(SECTIONS)]  # of the report
    draw: Name  # "normal", "he_normal", ...
    dtype: Name  # "float32", ..., "mixed" of a model
    elements: Elements
    threads: Annotated[str, Among(("one", "all"))]
    pages: Annotated[str, Among(("warm", "fresh"))]  # written before, or allocated in the call
    layout: Name  # "contiguous", "Fortran order", ..., "148 arrays" of a model


@dataclass(frozen=True)
class Measurement:
    """One fill by several libraries, which took turns: round i of each side came after round i of the one before."""

    key: Annotated[Key, Flat]
    bytes: Bytes  # of the array
    # fastinit's is OWN, its others, where there are some, WAYS, memset's, where it tells anything, LIMIT.
    sides: Annotated[Mapping[Name, Side], Count(1, 20)]

    def seconds(self, name: str) -> Spread:
        """A call of a side."""
        return Spread.of(list(self.sides[name].seconds))

    def ns_per_element(self, name: str) -> float:
        """The median time of a side."""
        return self.seconds(name).median * 1e9 / self.key.elements

    def ratio(self, name: str) -> Spread:
        """A side's time over fastinit's. A slow moment hits all sides of a round, so ratios are taken within rounds."""
        own = self.sides[OWN].seconds
        return Spread.of([other / mine for other, mine in zip(self.sides[name].seconds, own, strict=True)])

    @cached_property
    def ratios(self) -> dict[str, float]:
        """The median ratio of each peer."""
        return {name: self.ratio(name).median for name in self.peers}

    @property
    def gigabytes_per_second(self) -> float:
        """What fastinit wrote."""
        return self.bytes * 1e-9 / self.seconds(OWN).median

    @property
    def memory_share(self) -> float | None:
        """fastinit's speed as a part of memset's, which only writes."""
        return self.ratio(LIMIT).median if LIMIT in self.sides else None

    @property
    def peers(self) -> list[str]:
        """The sides that draw, other than fastinit."""
        return [name for name in self.sides if name not in (OWN, LIMIT, *WAYS)]

    @cached_property
    def ratios_of_ways(self) -> dict[str, float]:
        """The median ratio of each of fastinit's other ways."""
        return {name: self.ratio(name).median for name in self.sides if name in WAYS}

    @property
    def noisy(self) -> bool:
        return self.seconds(OWN).width > NOISY_SPREAD


@dataclass(frozen=True)
class Results:
    """A whole run."""

    environment: Environment
    peers: Annotated[Mapping[Name, str], Count(0, 20)]  # what each side is: "NumPy": "Generator(PCG64), NumPy 2.4.6"
    missing: Annotated[Mapping[Name, str], Count(0, 40)]  # what was not measured, and why: "JAX": "not installed"
    # A report of more would take minutes; a full run with every library has 180.
    measurements: Annotated[tuple[Measurement, ...], Count(0, 300)]

    @property
    def noisy_part(self) -> float:
        """The part of the measurements that are noisy."""
        return sum(each.noisy for each in self.measurements) / max(len(self.measurements), 1)

    @property
    def noisy(self) -> bool:
        """Whether the run was too noisy to trust."""
        return self.noisy_part > NOISY_PART

    def section(self, name: str) -> list[Measurement]:
        return [each for each in self.measurements if each.key.section == name]


# ---- JSON ------------------------------------------------------------------------------------------------------------


def write(results: Results, path: Path) -> None:
    """Writes the run as JSON, in the place of a file that is there."""
    files.write(path, text(results))


def text(results: Results) -> str:
    """The run as JSON, a measurement a line."""
    head = {
        "format": FORMAT,
        "environment": asdict(results.environment),
        "peers": dict(results.peers),
        "missing": dict(results.missing),
    }
    lines = ",\n".join(json.dumps(json_ready(each), ensure_ascii=False) for each in results.measurements)
    start = json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}")
    return f'{start},\n  "measurements": [\n{lines}\n  ]\n}}\n'


def json_ready(measurement: Measurement) -> dict[str, Any]:
    """A measurement as plain dictionaries and lists; times have four digits, as no more are steady."""
    sides = {
        name: {"statement": side.statement, "seconds": [float(f"{seconds:.4g}") for seconds in side.seconds]}
        for name, side in measurement.sides.items()
    }
    return {**asdict(measurement.key), "bytes": measurement.bytes, "sides": sides}


def read(path: Path) -> Results:
    """Reads what write wrote; ValueError, in one line, where the file is no such thing."""
    return of_json(files.read_regular(path, MOST_BYTES, "a report"))


def of_json(content: bytes) -> Results:
    """The run of which the content is the JSON; ValueError, in one line, where it is no such thing."""
    try:
        data = schema.parsed(content)
        if not isinstance(data, dict) or "format" not in data:
            raise ValueError(f"{schema.shown(data)} without a format")
    except ValueError as error:
        raise ValueError(f"not a report of this benchmark: {error}") from None
    if isinstance(data["format"], bool) or data["format"] != FORMAT:
        raise ValueError(f"its format is {schema.shown(data['format'])}; this version reads {FORMAT}")
    del data["format"]
    results = schema.value_of(Results, data)
    check(results)
    return results


def check(results: Results) -> None:
    """ValueError, in one line, if parts of the run contradict each other."""
    for name in (OWN, LIMIT, *WAYS):
        if name in results.peers:
            raise ValueError(f"peers.{name}: it is no other library; accepted are names of others")
    known = (OWN, LIMIT, *WAYS, *results.peers)
    places: dict[Key, int] = {}
    for i, each in enumerate(results.measurements):
        path = f"measurements[{i}]"
        first = places.setdefault(each.key, i)
        if first != i:
            raise ValueError(f"{path}: the same fill as measurements[{first}]; accepted is each once")
        if OWN not in each.sides:
            raise ValueError(f"{path}.sides.{OWN}: it is missing")
        rounds = len(each.sides[OWN].seconds)
        for name, side in each.sides.items():
            place = schema.below(f"{path}.sides", name)
            if name not in known:
                own = ", ".join((OWN, LIMIT, *WAYS))
                raise ValueError(f"{place}: it is unknown; accepted are {own} and the keys of peers")
            if len(side.seconds) != rounds:
                raise ValueError(f"{place}.seconds: {len(side.seconds)} rounds; {OWN} has {rounds}")


# ---- Numbers in words ------------------------------------------------------------------------------------------------

# With the digits that are steady from run to run, and no more.
NOTHING = "-"
TIME_UNITS = (("ns", 1e9), ("µs", 1e6), ("ms", 1e3))
SIZE_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def time_text(seconds: float) -> str:
    """Three digits and a unit: '1.84 µs'."""
    unit, scale = next(dropwhile(lambda each: seconds * each[1] >= 999.5, TIME_UNITS), ("s", 1.0))
    return f"{digits_text(seconds * scale)} {unit}"


def digits_text(value: float) -> str:
    """Three digits, more before the point where it needs them: '0.404', '12.3', '1450'."""
    return f"{value:.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")


def ratio_text(ratio: float) -> str:
    """'0.87 x', '5.8 x', '659 x': near 1, where it matters, with one digit more."""
    places = 2 if ratio < 1.995 else 1 if ratio < 99.95 else 0
    return f"{ratio:.{places}f} x"


def percent_text(part: float) -> str:
    """'7 %'; a smaller one than 1 % with its first digit: '0.3 %'."""
    return f"{part * 100:.{1 if 0 < part < 0.00995 else 0}f} %"


def count_text(n: int) -> str:
    """1048576 -> '1 Mi', 1048577 -> '1.05 M', 1025 -> '1025'."""
    unit, size = next(((unit, size) for unit, size in SIZE_UNITS if n >= size and n % size == 0), ("", 1))
    if unit:
        return f"{n // size} {unit}"
    return f"{digits_text(n / 1e6)} M" if n >= 1e6 else str(n)


def several(count: int, thing: str) -> str:
    """'1 case', '2 cases'."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def with_and(words: list[str]) -> str:
    """'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
