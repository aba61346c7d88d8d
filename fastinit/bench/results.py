"""What a run measured: the data that every form of the report is made of, and its JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from fastinit.bench.environment import Environment

# Of the JSON. A reader refuses any other.
FORMAT = 2

OWN = "fastinit"
LIMIT = "memset"

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


@dataclass(frozen=True)
class Side:
    """What one library ran, and the seconds that a call took, round by round."""

    statement: str
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Key:
    """Which fill was measured. Two runs measured the same if their keys are equal."""

    section: str  # of the report: one of cases.SECTIONS
    draw: str  # "normal", "he_normal", ...
    dtype: str  # "float32", ..., "mixed" of a model
    elements: int
    threads: str  # "one" or "all"
    pages: str  # "warm": written before; "fresh": allocated in the call
    layout: str  # "contiguous", "Fortran order", ..., "148 arrays" of a model


@dataclass(frozen=True)
class Measurement:
    """One fill by several libraries, which took turns: round i of each side came after round i of the one before."""

    key: Key
    bytes: int  # of the array
    sides: Mapping[str, Side]  # fastinit's is OWN, memset's, where it tells anything, LIMIT

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
        return [name for name in self.sides if name not in (OWN, LIMIT)]

    @property
    def noisy(self) -> bool:
        return self.seconds(OWN).width > NOISY_SPREAD


@dataclass(frozen=True)
class Results:
    """A whole run."""

    environment: Environment
    peers: Mapping[str, str]  # what each side is: "NumPy": "Generator(PCG64), NumPy 2.4.6"
    missing: Mapping[str, str]  # what was not measured, and why: "JAX": "not installed"
    measurements: tuple[Measurement, ...]

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


def write(results: Results, path: Path) -> None:
    """Writes the run as JSON, a measurement a line."""
    head = {
        "format": FORMAT,
        "environment": asdict(results.environment),
        "peers": dict(results.peers),
        "missing": dict(results.missing),
    }
    lines = ",\n".join(json.dumps(json_ready(each), ensure_ascii=False) for each in results.measurements)
    text = json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}")
    path.write_text(f'{text},\n  "measurements": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


def json_ready(measurement: Measurement) -> dict[str, Any]:
    """A measurement as plain dictionaries and lists; times have four digits, as no more are steady."""
    sides = {
        name: {"statement": side.statement, "seconds": [float(f"{seconds:.4g}") for seconds in side.seconds]}
        for name, side in measurement.sides.items()
    }
    return {**asdict(measurement.key), "bytes": measurement.bytes, "sides": sides}


def read(path: Path) -> Results:
    """Reads what write wrote; ValueError where the file is no such thing."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}; this version reads {FORMAT}")
        return Results(
            Environment.from_json(data["environment"]),
            data["peers"],
            data["missing"],
            tuple(measurement_of(each) for each in data["measurements"]),
        )
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a report of this benchmark: {error!r}") from None


def measurement_of(data: dict[str, Any]) -> Measurement:
    """The measurement that json_ready made the data of."""
    sides = {name: Side(side["statement"], tuple(side["seconds"])) for name, side in data.pop("sides").items()}
    size = data.pop("bytes")
    return Measurement(Key(**data), size, sides)
