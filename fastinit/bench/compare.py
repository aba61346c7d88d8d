"""Two runs beside each other: what became faster or slower beyond the noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from fastinit.bench.numbers import count_text, percent_text, ratio_text, several, time_text
from fastinit.bench.results import OWN, Key, Measurement, Results, Spread
from fastinit.bench.summary import Cell, Column, Table

# Times of another run, maybe on another day, say little; what counts is fastinit's time beside this peer's in the same
# rounds.
YARDSTICK = "NumPy"
# The quartile ranges of a change do not overlap, and it exceeds this part.
LEAST_CHANGE = 0.05


@dataclass(frozen=True)
class Change:
    """A case in both runs: the ratio to NumPy, or seconds where the runs cannot be compared through it."""

    key: Key
    relative: bool
    old: Spread
    new: Spread

    @property
    def speedup(self) -> float:
        """How many times faster fastinit became."""
        return self.new.median / self.old.median if self.relative else self.old.median / self.new.median

    @property
    def size(self) -> float:
        """The change in whichever direction, at least 1."""
        return max(self.speedup, 1 / self.speedup)

    @property
    def verdict(self) -> str:
        """What the change amounts to: "slower", "faster" or, within the noise, nothing."""
        apart = self.new.low > self.old.high or self.new.high < self.old.low
        if not apart or self.size <= 1 + LEAST_CHANGE:
            return ""
        return "faster" if self.speedup > 1 else "slower"


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common, and what not."""

    changes: tuple[Change, ...]
    only_old: tuple[Key, ...]
    only_new: tuple[Key, ...]
    # By how much the peers' own times moved: nothing of fastinit's, so the machine, or another version of theirs.
    machine: float | None
    differences: tuple[str, ...]

    @property
    def changed(self) -> list[Change]:
        """What became faster or slower, the largest change first."""
        beyond_noise = [change for change in self.changes if change.verdict]
        return sorted(beyond_noise, key=lambda change: change.size, reverse=True)


def compare(old: Results, new: Results) -> Comparison:
    """Compares the cases that both runs measured."""
    before = {each.key: each for each in old.measurements}
    now = {each.key: each for each in new.measurements}
    common = [(before[key], now[key]) for key in now if key in before]
    return Comparison(
        changes=tuple(change(*pair) for pair in common),
        only_old=tuple(key for key in before if key not in now),
        only_new=tuple(key for key in now if key not in before),
        machine=machine_change(common),
        differences=tuple(differences(old, new)),
    )


def change(old: Measurement, new: Measurement) -> Change:
    """The change of one case."""
    if statement(old) == statement(new) != "":
        return Change(new.key, True, old.ratio(YARDSTICK), new.ratio(YARDSTICK))
    return Change(new.key, False, old.seconds(OWN), new.seconds(OWN))


def statement(measurement: Measurement) -> str:
    """What the yardstick ran; two runs that ran different statements cannot be compared through them."""
    return measurement.sides[YARDSTICK].statement if YARDSTICK in measurement.sides else ""


def machine_change(common: list[tuple[Measurement, Measurement]]) -> float | None:
    """The median, over cases and peers, of a peer's new time over its old one."""
    moves = [
        new.seconds(peer).median / old.seconds(peer).median
        for old, new in common
        for peer in new.peers
        if peer in old.sides and old.sides[peer].statement == new.sides[peer].statement
    ]
    return median(moves) if moves else None


def differences(old: Results, new: Results) -> Iterator[str]:
    """What else than fastinit's code may explain a change."""
    for label, name in (("CPU", "cpu"), ("kernel", "kernel"), ("NumPy", "numpy")):
        before, now = getattr(old.environment, name), getattr(new.environment, name)
        if before != now:
            yield f"another {label}: {before} then, {now} now"
    for run, when in ((old, "then"), (new, "now")):
        if run.noisy:
            yield f"a noisy run {when}"


# ---- In the report ---------------------------------------------------------------------------------------------------

COLUMNS = (
    Column("case", numeric=False),
    Column("then"),
    Column("now"),
    Column("change"),
    Column("", numeric=False),
)
KEYS_NAMED = 8


def table(comparison: Comparison, name: str) -> Table:
    """The comparison as a section of the report; name says which run it is with."""
    return Table(
        name="compared",
        title=f"Compared with {name}",
        scope="",
        text=" ".join(sentences(comparison)),
        columns=COLUMNS if comparison.changed else (),
        rows=tuple(row(change) for change in comparison.changed),
        warning=f"The runs differ: {'; '.join(comparison.differences)}." if comparison.differences else None,
    )


def row(change: Change) -> tuple[Cell, ...]:
    """One change that exceeds the noise."""
    figure = yardsticks if change.relative else time_text
    tone = "bad" if change.verdict == "slower" else "good"
    return (
        Cell(key_text(change.key)),
        Cell(figure(change.old.median)),
        Cell(figure(change.new.median)),
        Cell(ratio_text(change.size)),
        Cell(change.verdict, tone=tone),
    )


def yardsticks(ratio: float) -> str:
    return f"{ratio_text(ratio)} {YARDSTICK}"


def sentences(comparison: Comparison) -> Iterator[str]:
    """The comparison in words: the counts first."""
    faster = sum(change.verdict == "faster" for change in comparison.changes)
    slower = sum(change.verdict == "slower" for change in comparison.changes)
    unchanged = len(comparison.changes) - faster - slower
    both = several(len(comparison.changes), "case")
    yield f"{both} in both runs: {faster} faster, {slower} slower, {unchanged} unchanged."
    yield (
        f"Compared is the ratio to {YARDSTICK} in the same rounds, where both runs have it; a change counts if the "
        f"middle halves do not overlap and it exceeds {percent_text(LEAST_CHANGE)}."
    )
    absolute = sum(not change.relative for change in comparison.changes)
    if absolute:
        cases = several(absolute, "case")
        yield f"{cases} without {YARDSTICK}, or with another statement of it: compared by time alone."
    if comparison.machine is not None:
        yield f"{machine_text(comparison.machine)}."
    for keys, where in ((comparison.only_old, "then"), (comparison.only_new, "now")):
        if keys:
            yield f"Only {where}, {several(len(keys), 'case')}: {keys_text(keys)}."


def machine_text(times: float) -> str:
    """How much the peers' times moved."""
    if abs(times - 1) < 0.005:
        return "The other libraries took as long as then"
    word = "slower" if times > 1 else "faster"
    return f"The machine was {ratio_text(max(times, 1 / times))} {word} than then, by the other libraries' times"


def keys_text(keys: tuple[Key, ...]) -> str:
    """The first of the cases, and how many more there are."""
    named = "; ".join(key_text(key) for key in keys[:KEYS_NAMED])
    return f"{named}; and {len(keys) - KEYS_NAMED} more" if len(keys) > KEYS_NAMED else named


def key_text(key: Key) -> str:
    """A case in words: what is ordinary is left out."""
    special = [
        f"{count_text(key.elements)}",
        "all threads" if key.threads != "one" else "",
        f"{key.pages} pages" if key.pages != "warm" else "",
        key.layout if key.layout != "contiguous" else "",
    ]
    return f"{key.section}: {key.draw} {key.dtype}, {', '.join(text for text in special if text)}"
