"""What a run says, in texts: the facts, tables and notes that every form of the report shows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from statistics import mode
from typing import Any, NamedTuple

from fastinit.bench import cases, facts
from fastinit.bench.numbers import (
    NOTHING,
    count_text,
    digits_text,
    listed,
    percent_text,
    ratio_text,
    several,
    time_text,
)
from fastinit.bench.results import LIMIT, NOISY_SPREAD, OWN, Key, Measurement, Results


class Cell(NamedTuple):
    """One text of a table, and how it may stand out."""

    text: str
    fastest: bool = False  # the ratio to the fastest of several peers
    tone: str = ""  # "bad" or "good"


class Column(NamedTuple):
    """One column of a table."""

    title: str
    numeric: bool = True
    label: bool = False  # tells what was measured
    # The highest rank is left out first where there is no room for all; 0 is never.
    rank: int = 0


@dataclass(frozen=True)
class Table:
    """A section of the report."""

    name: str
    title: str
    scope: str  # what all rows have in common
    text: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    warning: str | None = None

    @property
    def groups(self) -> list[list[tuple[Cell, ...]]]:
        """The rows in groups that share as many of their first labels as leaves groups of two rows or more."""
        for shared in range(sum(column.label for column in self.columns) - 1, 0, -1):
            groups = [list(rows) for _, rows in groupby(self.rows, key=lambda row: row[:shared])]
            if 2 * len(groups) <= len(self.rows):
                return groups
        return [list(self.rows)]


@dataclass(frozen=True)
class Report:
    """Everything that a form of the report shows, in its order."""

    title: str
    warning: str | None
    facts: list[tuple[str, str]]
    headline: Table
    tables: list[Table]
    notes: list[tuple[str, str]]


def report(results: Results, comparison: Table | None = None) -> Report:
    """The report of a run; comparison is one more table."""
    sections = dict.fromkeys(each.key.section for each in results.measurements)
    tables = [section_table(results, name) for name in sections]
    return Report(
        title=title(results),
        warning=warning(results),
        facts=facts.of_run(results.environment),
        headline=headline(results),
        tables=tables if comparison is None else [comparison, *tables],
        notes=notes(results, tables),
    )


def title(results: Results) -> str:
    """Which libraries stand beside fastinit."""
    measured = measured_peers(results)
    peers = [name for name in measured if name not in MORE_OF_NUMPY or "NumPy" not in measured]
    return f"fastinit beside {listed(peers)}" if peers else "fastinit"


def measured_peers(results: Results) -> list[str]:
    """The libraries that took part in a case, in the order of the report."""
    return [name for name in results.peers if any(name in each.sides for each in results.measurements)]


def warning(results: Results) -> str | None:
    """What must not be overlooked."""
    if not results.noisy:
        return None
    noisy = sum(each.noisy for each in results.measurements)
    return (
        f"A noisy run. In {noisy} of {several(len(results.measurements), 'case')} the middle half of fastinit's times "
        f"spreads over more than {percent_text(NOISY_SPREAD)} of their median. Measure again on a quieter machine "
        "before you trust these figures."
    )


# ---- A section -------------------------------------------------------------------------------------------------------


class Label(NamedTuple):
    """What a case can differ in: its text in a column, and among what all rows have in common."""

    in_column: Callable[[Key, int], str]  # of the key, and how many threads are all
    in_common: Callable[[Key, int], str]


def plain_label(field: str) -> Label:
    """A label that is the key's own text."""
    return Label(lambda key, _: str(getattr(key, field)), lambda key, _: str(getattr(key, field)))


LABELS = {
    "draw": plain_label("draw"),
    "dtype": plain_label("dtype"),
    "elements": Label(lambda key, _: count_text(key.elements), lambda key, _: f"{count_text(key.elements)} elements"),
    "threads": Label(
        lambda key, count: key.threads if key.threads == "one" else f"all ({count})",
        lambda key, count: "one thread" if key.threads == "one" else f"all threads ({count})",
    ),
    "pages": Label(lambda key, _: key.pages, lambda key, _: f"{key.pages} pages"),
    "layout": plain_label("layout"),
}
# In which a single row of many may differ: no column then, but a word behind its draw.
SELDOM = ("elements", "threads")
MANY_ROWS = 5
# What the draws' names, or the text of the section, tell already.
TOLD = {"layouts": ("elements",), "model": ("elements",)}


class Base(NamedTuple):
    """What the rows of a column are compared with: the case that differs in this one field of the key."""

    field: str
    value: str
    title: str
    speed: bool  # whether the base's time is over the row's, so that more is better


BASES = (
    Base("threads", "one", "speed of one thread", True),
    Base("pages", "warm", "time of warm pages", False),
    Base("layout", "contiguous", "time of contiguous", False),
)

MORE_OF_NUMPY = ("np.random", "NumPy SFC64")
# Columns of which that with the highest rank is left out first; NumPy's, and others of rank 0, never. Up to ESSENTIAL,
# labels take more lines before a column is left out, as it is in terminals of less than 60 columns.
ESSENTIAL = 3
RANKS = {
    "GB/s": 13,
    "a call": 12,  # where all have as many elements, so that the time of one says as much
    "np.random": 11,
    "NumPy SFC64": 10,
    "of memset": 9,
    "spread": 8,
    "JAX": 7,
    "MKL": 6,
    "PyTorch": 5,
    "a call of any size": 3,
    "ns an element": 2,
    "NumPy": 0,
}
OTHER_RANK = 4
BASE_RANK = 1

Entry = tuple[Column, Callable[[Measurement], Cell]]


def section_table(results: Results, name: str) -> Table:
    """One section: fastinit's figures, and its ratio to every peer measured there."""
    members = results.section(name)
    threads = results.environment.threads
    told = TOLD.get(name, ())
    shown = [field for field in LABELS if field == "draw" or (varies(members, field) and field not in told)]
    seldom = [field for field in SELDOM if field in shown and exceptions(members, field) == 1]
    shown = [field for field in shown if field not in seldom]
    section = cases.SECTIONS.get(name)
    entries = [*label_entries(members, shown, seldom, threads), *own_entries(members, shown), *base_entries(members)]
    entries += [peer_entry(peer) for peer in results.peers if any(peer in each.sides for each in members)]
    common = [
        label.in_common(next(each.key for each in members if usual(members, field, each)), threads)
        for field, label in LABELS.items()
        if field not in shown and (field in seldom or not varies(members, field))
    ]
    return Table(
        name=name,
        title=section.title if section else name,
        scope=", ".join(common),
        text=section.text if section else "",
        columns=tuple(column for column, _ in entries),
        rows=tuple(tuple(cell(each) for _, cell in entries) for each in members),
    )


def varies(members: list[Measurement], field: str) -> bool:
    return len({getattr(each.key, field) for each in members}) > 1


def usual(members: list[Measurement], field: str, each: Measurement) -> bool:
    """Whether the case has what most have."""
    return bool(getattr(each.key, field) == mode(getattr(other.key, field) for other in members))


def exceptions(members: list[Measurement], field: str) -> int:
    """How many of many rows have not what most have; where they are few, all."""
    if len(members) < MANY_ROWS:
        return len(members)
    values = [getattr(each.key, field) for each in members]
    return len(values) - values.count(mode(values))


def label_entries(members: list[Measurement], shown: list[str], seldom: list[str], threads: int) -> Iterator[Entry]:
    """What tells the rows apart."""

    def cell(each: Measurement, field: str) -> Cell:
        special = [other for other in seldom if field == "draw" and not usual(members, other, each)]
        texts = [LABELS[one].in_column(each.key, threads) for one in (field, *special)]
        return Cell(", ".join(texts))

    for field in shown:
        yield Column(field, numeric=field == "elements", label=True), partial(cell, field=field)


def own_entries(members: list[Measurement], shown: list[str]) -> Iterator[Entry]:
    """fastinit's figures."""
    rank = RANKS["a call of any size" if "elements" in shown else "a call"]
    yield Column("a call", rank=rank), lambda each: Cell(time_text(each.seconds(OWN).median))
    yield Column("ns an element", rank=RANKS["ns an element"]), lambda each: Cell(digits_text(each.ns_per_element(OWN)))
    yield Column("spread", rank=RANKS["spread"]), lambda each: Cell(percent_text(each.seconds(OWN).width))
    yield Column("GB/s", rank=RANKS["GB/s"]), lambda each: Cell(digits_text(each.gigabytes_per_second))
    if any(LIMIT in each.sides for each in members):
        yield Column("of memset", rank=RANKS["of memset"]), lambda each: Cell(share_text(each))


def share_text(measurement: Measurement) -> str:
    """The share of memset's speed, where it can be told."""
    return NOTHING if measurement.memory_share is None else percent_text(measurement.memory_share)


def base_entries(members: list[Measurement]) -> Iterator[Entry]:
    """fastinit's time an element beside that of the case's base."""
    for base in BASES:
        if any(beside_base(each, base, members).text != NOTHING for each in members):
            yield Column(base.title, rank=BASE_RANK), partial(beside_base, base=base, members=members)


def beside_base(measurement: Measurement, base: Base, members: list[Measurement]) -> Cell:
    """A case's speed or time as a multiple of its base's; another layout may have a few elements less."""
    key = measurement.key
    changes: dict[str, Any] = {base.field: base.value}
    wanted = replace(key, **changes)
    others = [each for each in members if replace(each.key, elements=key.elements) == wanted]
    if key == wanted or not others:
        return Cell(NOTHING)
    other = min(others, key=lambda each: abs(each.key.elements - key.elements))
    time = measurement.ns_per_element(OWN) / other.ns_per_element(OWN)
    return Cell(ratio_text(1 / time if base.speed else time))


def peer_entry(peer: str) -> Entry:
    """The ratio to a peer."""
    return Column(f"vs {peer}", rank=RANKS.get(peer, OTHER_RANK)), partial(ratio_cell, peer=peer)


def ratio_cell(measurement: Measurement, peer: str) -> Cell:
    """The ratio to a peer."""
    if peer not in measurement.sides:
        return Cell(NOTHING)
    ratio = measurement.ratio(peer).median
    fastest = len(measurement.peers) > 1 and fastest_peer(measurement) == peer
    return Cell(ratio_text(ratio), fastest, "bad" if ratio < 1 else "")


def fastest_peer(measurement: Measurement) -> str:
    """The peer that came nearest to fastinit, or was ahead of it."""
    return min(measurement.peers, key=lambda peer: measurement.ratio(peer).median)


# ---- The headline ----------------------------------------------------------------------------------------------------


class Figure(NamedTuple):
    """One of the few figures by which fastinit is judged (docs/benchmarks.md)."""

    draw: str
    dtype: str
    elements: int
    threads: str = "one"


MILLION = 1 << 20
FIGURES = (
    Figure("normal", "float32", MILLION),
    Figure("uniform", "float32", MILLION),
    Figure("normal", "float64", MILLION),
    Figure("uniform", "float64", MILLION),
    Figure("normal", "float16", MILLION),
    Figure("normal", "bfloat16", MILLION),
    Figure(cases.ADDED, "float32", MILLION),
    Figure("truncated_normal", "float32", MILLION),
    Figure("he_normal", "float32", 64),
    Figure("normal", "float32", 16 * MILLION, "all"),
)
HEADLINE_COLUMNS = (
    Column("fill", numeric=False, label=True),
    Column("a call", rank=1),
    Column("ns an element", rank=2),
    Column("vs NumPy"),
    Column("vs the fastest other"),
)


def headline(results: Results) -> Table:
    """The figures of FIGURES that the run contains."""
    usual = [each for each in results.measurements if (each.key.pages, each.key.layout) == ("warm", "contiguous")]
    found = (next((each for each in usual if figure_of(each) == figure), None) for figure in FIGURES)
    rows = [headline_row(each, results) for each in found if each is not None]
    return Table("headline", "In short", "", "", HEADLINE_COLUMNS, tuple(rows))


def figure_of(measurement: Measurement) -> Figure:
    key = measurement.key
    return Figure(key.draw, key.dtype, key.elements, key.threads)


def headline_row(measurement: Measurement, results: Results) -> tuple[Cell, ...]:
    """A figure: its times, and the ratios to NumPy and to the fastest peer."""
    key = measurement.key
    threads = "" if key.threads == "one" else f", {several(results.environment.threads, 'thread')}"
    to_fastest = Cell(NOTHING)
    if measurement.peers:
        fastest = fastest_peer(measurement)
        ratio = ratio_cell(measurement, fastest)
        to_fastest = Cell(f"{ratio.text} {fastest}", tone=ratio.tone)
    return (
        Cell(f"{key.draw} {key.dtype}, {count_text(key.elements)}{threads}"),
        Cell(time_text(measurement.seconds(OWN).median)),
        Cell(digits_text(measurement.ns_per_element(OWN))),
        ratio_cell(measurement, "NumPy")._replace(fastest=False),
        to_fastest,
    )


# ---- The notes -------------------------------------------------------------------------------------------------------


def notes(results: Results, tables: list[Table]) -> list[tuple[str, str]]:
    """What a reader must know to read the tables rightly: a term and its meaning."""
    return [
        ("a call", f"the median of {rounds_text(results.measurements)}; in each, all sides take turns"),
        ("spread", "the middle half of fastinit's times, as a part of their median"),
        ("vs", "the other's time / fastinit's in the same round, the median; below 1 x fastinit is slower"),
        ("GB/s", "bytes of the array over the time of a call"),
        *memset_note(results),
        *base_notes(tables),
        *((name, results.peers[name]) for name in measured_peers(results)),
        *((name, f"not measured: {reason}") for name, reason in results.missing.items()),
    ]


def memset_note(results: Results) -> Iterator[tuple[str, str]]:
    told = [each.key.elements for each in results.measurements if LIMIT in each.sides]
    if told:
        text = "fastinit's speed as a part of memset's, which only writes: the limit that memory sets"
        yield "of memset", f"{text}; told from {count_text(min(told))} elements on"


def base_notes(tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """How the columns of BASES came about: not within rounds, like the others."""
    shown = {column.title for table in tables for column in table.columns}
    titles = [base.title for base in BASES if base.title in shown]
    if titles:
        yield listed(titles), "medians of two cases that were measured one after the other, not in turns"


def rounds_text(measurements: Iterable[Measurement]) -> str:
    """'25 rounds', '3 to 25 rounds'."""
    counts = {len(each.sides[OWN].seconds) for each in measurements}
    if not counts:
        return "no rounds"
    fewest, most = min(counts), max(counts)
    return several(most, "round") if fewest == most else f"{fewest} to {most} rounds"
