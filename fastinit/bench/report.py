"""The report of a run in Markdown, once: a terminal, the page and docs/ show this text."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import mode
from typing import Any, NamedTuple

from fastinit.bench import cases, environment
from fastinit.bench.results import (
    LIMIT,
    NOISY_SPREAD,
    NOTHING,
    OWN,
    WAYS,
    Key,
    Measurement,
    Results,
    count_text,
    digits_text,
    percent_text,
    ratio_text,
    several,
    time_text,
    with_and,
)


class Column(NamedTuple):
    """One column of a table."""

    title: str
    numeric: bool = True


class Table(NamedTuple):
    """A section of the report."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]  # in Markdown: the fastest of several peers is bold, what is slower is emphasised
    text: str = ""
    warning: str = ""


def markdown(results: Results, comparison: Table | None = None) -> str:
    """The report; comparison is one more table, behind the figures that matter most."""
    tables = [section_table(results, name) for name in dict.fromkeys(each.key.section for each in results.measurements)]
    head = headline(results)
    blocks = [
        f"# {escaped(title(results))}",
        *alarm(warning(results)),
        *(blocks_of(head) if head.rows else ()),
        "## Where and when",
        listing(environment.facts(results.environment)),
        *(block for table in ([comparison] if comparison else []) + tables for block in blocks_of(table)),
        "## Notes",
        listing(notes(results, tables)),
        *alarm(warning(results)),
    ]
    return "\n\n".join(blocks) + "\n"


def title(results: Results) -> str:
    """Which libraries stand beside fastinit."""
    measured = measured_peers(results)
    peers = [name for name in measured if name not in MORE_OF_NUMPY or "NumPy" not in measured]
    return f"fastinit beside {with_and(peers)}" if peers else "fastinit"


def measured_peers(results: Results) -> list[str]:
    """The libraries that took part in a case, in the order of the report."""
    return [name for name in results.peers if any(name in each.sides for each in results.measurements)]


def warning(results: Results) -> str:
    """What must not be overlooked."""
    noisy = sum(each.noisy for each in results.measurements)
    text = (
        f"A noisy run. In {noisy} of {several(len(results.measurements), 'case')} the middle half of fastinit's times "
        f"spreads over more than {percent_text(NOISY_SPREAD)} of their median. Measure again on a quieter machine "
        "before you trust these figures."
    )
    return text if results.noisy else ""


# ---- Markdown --------------------------------------------------------------------------------------------------------

# What is markup to CommonMark or to GitHub, wherever it stands; the rest stays as it is, to be read in a file too.
MARKUP = re.compile(
    r"""
      (?P<escaped> [\\`*\[\]|~\#] | (?<![^\W_])_ | _(?![^\W_]) )      # an underscore within a word is none
    | (?P<entity> [&<$] )
    | (?P<link> :(?=//) | :(?=[a-z+-][\w+-]*:) | (?<![^\W_])www(?=\.) | @(?=\w) | \bGH-(?=\d) | \b(?:mailto|xmpp):)
    """,
    re.VERBOSE | re.IGNORECASE,
)
ENTITIES = {"&": "&amp;", "<": "&lt;", "$": "&#36;"}
# GitHub makes links of addresses, mentions and numbers of issues in text that is escaped too: a space of no width in
# them leaves them text. Other readers need none.
BREAK = "&#8203;"


def escaped(text: str) -> str:
    """The text in one line, of which Markdown shows every character as it is."""
    return MARKUP.sub(replacement, " ".join(text.split()))


def replacement(found: re.Match[str]) -> str:
    text = found[0]
    if found["entity"]:
        return ENTITIES[text]
    if found["link"]:
        return text + BREAK
    number = text == "#" and found.string[found.end() : found.end() + 1].isalnum()
    return f"\\{text}{BREAK if number else ''}"


def alarm(text: str) -> list[str]:
    """What nobody may overlook, if there is any."""
    return [f"> **WARNING:** {escaped(text)}"] if text else []


def blocks_of(table: Table) -> Iterator[str]:
    """A title, some sentences, and the rows between pipes, padded to columns."""
    yield f"## {escaped(table.title)}"
    yield from alarm(table.warning)
    if table.text:
        yield escaped(table.text)
    if table.rows:
        lines = [[escaped(column.title) for column in table.columns], *table.rows]
        widths = [max(3, *map(len, texts)) for texts in zip(*lines, strict=True)]
        sides = [">" if column.numeric else "<" for column in table.columns]
        padded = [
            [f"{text:{side}{width}}" for text, side, width in zip(line, sides, widths, strict=True)] for line in lines
        ]
        rule = ["-" * (width - 1) + ("-" if side == "<" else ":") for side, width in zip(sides, widths, strict=True)]
        yield "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))


def listing(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms, and what they mean."""
    return "\n".join(f"- **{escaped(term)}:** {escaped(text)}" for term, text in pairs)


def labels_of(titles: Sequence[str]) -> int:
    """How many columns tell what was measured."""
    return titles.index("a call") if "a call" in titles else 1


def groups(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """How many rows stand together: those that share as many labels as leaves groups of two rows or more."""
    for shared in range(labels_of(titles) - 1, 0, -1):
        sizes = [len(list(group)) for _, group in groupby(rows, key=lambda row: row[:shared])]
        if 2 * len(sizes) <= len(rows):
            return sizes
    return [len(rows)]


# ---- A section -------------------------------------------------------------------------------------------------------

# What a case can differ in: its text in a column, and among what all rows have in common. Of the key, and how many
# threads are all.
Label = Callable[[Key, int], str]
LABELS: dict[str, tuple[Label, Label]] = {
    "draw": (lambda key, _: key.draw,) * 2,
    "dtype": (lambda key, _: key.dtype,) * 2,
    "elements": (lambda key, _: count_text(key.elements), lambda key, _: f"{count_text(key.elements)} elements"),
    "threads": (
        lambda key, count: key.threads if key.threads == "one" else f"all ({count})",
        lambda key, count: "one thread" if key.threads == "one" else f"all threads ({count})",
    ),
    "pages": (lambda key, _: key.pages, lambda key, _: f"{key.pages} pages"),
    "layout": (lambda key, _: key.layout,) * 2,
}
# In which a single row of many may differ: no column then, but a word behind its draw.
SELDOM = ("elements", "threads")
MANY_ROWS = 5
# What the draws' names, or the text of the section, tell already.
TOLD = {"layouts": ("elements",), "model": ("elements",), "streams": ("elements",)}
MORE_OF_NUMPY = ("np.random", "NumPy SFC64")


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


def section_table(results: Results, name: str) -> Table:
    """One section: fastinit's figures, and its ratio to every peer measured there."""
    members, threads = results.section(name), results.environment.threads
    usual = {field: mode(getattr(each.key, field) for each in members) for field in LABELS}
    others = {field: sum(getattr(each.key, field) != usual[field] for each in members) for field in LABELS}
    varying = [field for field in LABELS if field == "draw" or (others[field] and field not in TOLD.get(name, ()))]
    seldom = [field for field in SELDOM if field in varying and others[field] == 1 and len(members) >= MANY_ROWS]
    shown = [field for field in varying if field not in seldom]
    like_most = next(each.key for each in members if all(getattr(each.key, field) == usual[field] for field in seldom))
    common = [
        in_common(like_most, threads)
        for field, (_, in_common) in LABELS.items()
        if field in seldom or (not others[field] and field not in shown)
    ]
    bases = {base: beside(base, members) for base in BASES}
    bases = {base: texts for base, texts in bases.items() if set(texts) > {NOTHING}}
    peers = [name for name in results.peers if any(name in each.sides for each in members)]
    ways = [way for way in WAYS if any(way in each.sides for each in members)]
    memset = [column for column in ("of memset",) if any(LIMIT in each.sides for each in members)]

    def row(i: int, each: Measurement) -> list[str]:
        special = [field for field in seldom if getattr(each.key, field) != usual[field]]
        draw, *labels = (LABELS[field][0](each.key, threads) for field in shown)
        seconds = each.seconds(OWN)
        return [
            escaped(", ".join([draw, *(LABELS[field][0](each.key, threads) for field in special)])),
            *map(escaped, labels),
            time_text(seconds.median),
            digits_text(each.ns_per_element(OWN)),
            percent_text(seconds.width),
            digits_text(each.gigabytes_per_second),
            *(share_text(each) for _ in memset),
            *(column[i] for column in bases.values()),
            *(ratio_text(each.ratios_of_ways[way]) if way in each.sides else NOTHING for way in ways),
            *ratio_texts(each, peers),
        ]

    section = cases.SECTIONS[name]
    columns = [
        *(Column(field, numeric=field == "elements") for field in shown),
        *map(Column, ("a call", "ns an element", "spread", "GB/s", *memset)),
        *(Column(base.title) for base in bases),
        *(Column(f"vs {other}") for other in (*ways, *peers)),
    ]
    rows = [row(i, each) for i, each in enumerate(members)]
    scope = f" Rows: {', '.join(common)}." if common else ""
    return Table(section.title, columns, rows, section.text + scope)


def share_text(measurement: Measurement) -> str:
    """The share of memset's speed, where it can be told."""
    return NOTHING if measurement.memory_share is None else percent_text(measurement.memory_share)


def beside(base: Base, members: list[Measurement]) -> list[str]:
    """The speed or time an element of each case as a multiple of its base's, which may have a few elements more."""
    found: dict[Key, list[Measurement]] = {}
    for each in members:
        if getattr(each.key, base.field) == base.value:
            found.setdefault(replace(each.key, elements=1), []).append(each)

    def text(each: Measurement) -> str:
        change: dict[str, Any] = {base.field: base.value}
        others = found.get(replace(each.key, elements=1, **change), [])
        if getattr(each.key, base.field) == base.value or not others:
            return NOTHING
        other = min(others, key=lambda other: abs(other.key.elements - each.key.elements))
        time = each.ns_per_element(OWN) / other.ns_per_element(OWN)
        return ratio_text(1 / time if base.speed else time)

    return [text(each) for each in members]


def ratio_texts(measurement: Measurement, peers: Sequence[str]) -> list[str]:
    """The ratios to these peers: bold is the fastest of several, emphasised what is faster than fastinit."""
    ratios = measurement.ratios
    fastest = min(ratios, key=lambda name: ratios[name]) if len(ratios) > 1 else None
    return [marked(ratio_text(ratios[name]), ratios[name] < 1, name == fastest) if name in ratios else NOTHING
            for name in peers]  # fmt: skip


def marked(text: str, bad: bool, bold: bool = False) -> str:
    """The text with Markdown's emphasis, or strong emphasis, or both."""
    stars = "*" * (bad + 2 * bold)
    return f"{stars}{escaped(text)}{stars}"


# ---- The headline ----------------------------------------------------------------------------------------------------

MILLION = 1 << 20
# By which fastinit is judged (docs/benchmarks.md): draw, dtype, elements, threads.
FIGURES = (
    ("normal", "float32", MILLION, "one"),
    ("uniform", "float32", MILLION, "one"),
    ("normal", "float64", MILLION, "one"),
    ("uniform", "float64", MILLION, "one"),
    ("normal", "float16", MILLION, "one"),
    ("normal", "bfloat16", MILLION, "one"),
    (cases.ADDED, "float32", MILLION, "one"),
    ("truncated_normal", "float32", MILLION, "one"),
    ("he_normal", "float32", 64, "one"),
    ("normal", "float32", 16 * MILLION, "all"),
)


def headline(results: Results) -> Table:
    """The figures of FIGURES that the run contains."""
    found = {
        (key.draw, key.dtype, key.elements, key.threads): each
        for each in reversed(results.measurements)  # the first of several
        if (key := each.key).pages == "warm" and key.layout == "contiguous"
    }
    columns = (
        Column("fill", numeric=False),
        *map(Column, ("a call", "ns an element", "vs NumPy", "vs the fastest other")),
    )
    rows = [headline_row(found[figure], results.environment.threads) for figure in FIGURES if figure in found]
    return Table("In short", columns, rows)


def headline_row(measurement: Measurement, threads: int) -> list[str]:
    """A figure: its times, and the ratios to NumPy and to the fastest peer."""
    key, ratios = measurement.key, measurement.ratios
    all_threads = "" if key.threads == "one" else f", {several(threads, 'thread')}"
    fastest = min(ratios, key=lambda name: ratios[name], default="")
    return [
        escaped(f"{key.draw} {key.dtype}, {count_text(key.elements)}{all_threads}"),
        time_text(measurement.seconds(OWN).median),
        digits_text(measurement.ns_per_element(OWN)),
        marked(ratio_text(ratios["NumPy"]), ratios["NumPy"] < 1) if "NumPy" in ratios else NOTHING,
        marked(f"{ratio_text(ratios[fastest])} {fastest}", ratios[fastest] < 1) if fastest else NOTHING,
    ]


# ---- The notes -------------------------------------------------------------------------------------------------------


def notes(results: Results, tables: list[Table]) -> Iterator[tuple[str, str]]:
    """What a reader must know to read the tables rightly: a term and its meaning."""
    yield "a call", f"the median of {rounds_text(results.measurements)}; in each, all sides take turns"
    yield "spread", "the middle half of fastinit's times, as a part of their median"
    yield "vs", "the other's time / fastinit's in the same round, the median; below 1 x fastinit is slower"
    ways = (way for way in WAYS if any(way in each.sides for each in results.measurements))
    yield from ((f"vs {way}", WAYS[way]) for way in ways)
    yield "bold, in a terminal with a star", "the fastest of the other libraries in this row"
    yield "GB/s", "bytes of the array over the time of a call"
    if told := [each.key.elements for each in results.measurements if LIMIT in each.sides]:
        text = "fastinit's speed as a part of memset's, which only writes: the limit that memory sets"
        yield "of memset", f"{text}; told from {count_text(min(told))} elements on"
    shown = {column.title for table in tables for column in table.columns}
    if titles := [base.title for base in BASES if base.title in shown]:
        yield with_and(titles), "medians of two cases that were measured one after the other, not in turns"
    yield from ((name, results.peers[name]) for name in measured_peers(results))
    yield from ((name, f"not measured: {reason}") for name, reason in results.missing.items())


def rounds_text(measurements: Iterable[Measurement]) -> str:
    """'25 rounds', '3 to 25 rounds'."""
    counts = {len(each.sides[OWN].seconds) for each in measurements}
    if not counts:
        return "no rounds"
    fewest, most = min(counts), max(counts)
    return several(most, "round") if fewest == most else f"{fewest} to {most} rounds"
