"""Two runs beside each other: what became faster or slower beyond the noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from fastinit.bench.report import Column, Table, escaped, marked
from fastinit.bench.results import (
    OWN,
    Key,
    Measurement,
    Results,
    Spread,
    count_text,
    percent_text,
    ratio_text,
    several,
    time_text,
)

# Times of another run, maybe on another day, say little; what counts is fastinit's time beside this peer's in the same
# rounds. But the peer may have met a slower moment than fastinit, or a fuller cache: a change that the time alone
# denies is none.
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
    by_time: float  # how many times faster fastinit became by its time alone, had the machine not changed

    @property
    def speedup(self) -> float:
        """How many times faster fastinit became: the less of what ratios and times tell, 1 where they disagree."""
        by_ratio = self.new.median / self.old.median if self.relative else self.by_time
        if (by_ratio > 1) != (self.by_time > 1):
            return 1.0
        return min(by_ratio, self.by_time) if by_ratio > 1 else max(by_ratio, self.by_time)

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
    machine = machine_change(common)
    return Comparison(
        changes=tuple(change(*pair, machine or 1.0) for pair in common),
        only_old=tuple(key for key in before if key not in now),
        only_new=tuple(key for key in now if key not in before),
        machine=machine,
        differences=tuple(differences(old, new)),
    )


def change(old: Measurement, new: Measurement, machine: float) -> Change:
    """The change of one case, between two runs of which a machine took as many times as long in the second."""
    before, now = old.seconds(OWN), new.seconds(OWN)
    by_time = before.median / now.median * machine
    if statement(old) == statement(new) != "":
        return Change(new.key, True, old.ratio(YARDSTICK), new.ratio(YARDSTICK), by_time)
    return Change(new.key, False, before, now, by_time)


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

COLUMNS = (Column("case", numeric=False), *map(Column, ("then", "now", "change")), Column("", numeric=False))
KEYS_NAMED = 8


def table(comparison: Comparison, name: str) -> Table:
    """The comparison as a section of the report; name says which run it is with."""
    return Table(
        f"Compared with {name}",
        COLUMNS,
        [row(change) for change in comparison.changed],
        " ".join(sentences(comparison)),
        f"The runs differ: {'; '.join(comparison.differences)}." if comparison.differences else "",
    )


def row(change: Change) -> list[str]:
    """One change that exceeds the noise."""
    figures = (
        f"{ratio_text(spread.median)} {YARDSTICK}" if change.relative else time_text(spread.median)
        for spread in (change.old, change.new)
    )
    verdict = marked(change.verdict, change.verdict == "slower")
    return [escaped(key_text(change.key)), *figures, ratio_text(change.size), verdict]


def sentences(comparison: Comparison) -> Iterator[str]:
    """The comparison in words: the counts first."""
    faster = sum(change.verdict == "faster" for change in comparison.changes)
    slower = sum(change.verdict == "slower" for change in comparison.changes)
    unchanged = len(comparison.changes) - faster - slower
    both = several(len(comparison.changes), "case")
    yield f"{both} in both runs: {faster} faster, {slower} slower, {unchanged} unchanged."
    yield (
        f"Compared is the ratio to {YARDSTICK} in the same rounds, where both runs have it; a change counts if the "
        f"middle halves do not overlap, it exceeds {percent_text(LEAST_CHANGE)}, and fastinit's time, less what the "
        "machine changed, says the same."
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
