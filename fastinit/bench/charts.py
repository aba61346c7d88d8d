"""The pictures of a run: of the page, and of docs/. matplotlib is imported when one is drawn."""

import io
import re
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fastinit.bench.numbers import count_text, digits_text, listed, percent_text, ratio_text, time_text
from fastinit.bench.results import LIMIT, OWN, Measurement, Results
from fastinit.bench.summary import MORE_OF_NUMPY, fastest_peer
from fastinit.drawing import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Style(NamedTuple):
    """How a side is drawn, everywhere: markers and dashes tell apart what colours do not."""

    color: str
    marker: str
    dashes: Any
    width: float


INK, FAINT, GRID, PAPER = "#1b1d1f", "#6b7177", "#d9dde0", "#fefefe"

# The palette of Okabe and Ito ("Color universal design", 2008), which no kind of colour vision confuses.
STYLES = {
    OWN: Style("#d55e00", "o", "-", 2.6),
    "NumPy": Style("#0072b2", "s", "-", 1.4),
    "NumPy SFC64": Style("#56b4e9", "D", (0, (4, 1.5)), 1.4),
    "np.random": Style("#cc79a7", "^", (0, (5, 1, 1, 1)), 1.4),
    "PyTorch": Style("#e69f00", "v", "-", 1.4),
    "JAX": Style("#009e73", "P", (0, (4, 1.5)), 1.4),
    "MKL": Style(INK, "X", (0, (5, 1, 1, 1)), 1.4),
    LIMIT: Style(FAINT, "", (0, (1, 1.5)), 1.6),
}
OTHER = Style(FAINT, "*", "-", 1.4)

# What the colours of the page become on a dark one; the others are light enough.
DARK = {INK: "#e7e9eb", FAINT: "#a0a7ae", GRID: "#3b4147", PAPER: "#16191c", "#0072b2": "#4aa5e0"}

FONT: Any = {"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold"}
COLORS: Any = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}
PANEL = (4.4, 3.3)  # inches: two beside each other on a desk, one on a phone
LABEL_POINTS = 12  # between labels at the ends of lines
AXES_HEIGHT = 0.8  # of the picture, about
MARKER = 4.5
BAR_INCHES = 0.17
MOST_BARS = 44  # of a picture: no more fit on a printed page
NEW_LINE = "\n"


class Chart(NamedTuple):
    """A picture, its caption, and what it says in words."""

    caption: str
    alt: str
    figure: "Figure"


def of_section(results: Results, name: str) -> list[Chart]:
    """The charts of one section of the report."""
    members = results.section(name)
    with styled():
        return [chart for draw in SECTION_CHARTS.get(name, ()) for chart in draw(members)]


def styled() -> Any:
    """A context in which matplotlib draws in the report's fonts and colours."""
    import matplotlib

    return matplotlib.rc_context({**FONT, **COLORS})


def literal(text: str) -> str:
    """The text as matplotlib draws it letter by letter: dollar signs would make a formula of it."""
    return text.replace("$", r"\$")


def style(name: str) -> Style:
    return STYLES.get(name, OTHER)


def sides_of(members: Iterable[Measurement]) -> list[str]:
    """All sides of these cases in the order of the report, fastinit last, so that its line lies above the others."""
    found = dict.fromkeys(name for each in members for name in each.sides)
    return [*(name for name in found if name not in (OWN, LIMIT)), *(name for name in (LIMIT, OWN) if name in found)]


def by_fill(members: Iterable[Measurement]) -> list[tuple[str, list[Measurement]]]:
    """The cases of each draw and dtype, and what to call them."""
    groups: dict[str, list[Measurement]] = {}
    for each in members:
        groups.setdefault(f"{each.key.draw} {each.key.dtype}", []).append(each)
    return [(name, sorted(group, key=lambda each: each.key.elements)) for name, group in groups.items()]


# ---- Time over size --------------------------------------------------------------------------------------------------


def charts_of_sizes(members: list[Measurement]) -> Iterator[Chart]:
    """Time an element over size: a chart for each draw and dtype, a line for each side."""
    for fill, group in by_fill(members):
        if len(group) > 1:
            figure, axes = panel()
            draw_sizes(axes, group)
            label_sides(axes, group, ns_an_element)
            yield Chart(f"{fill}: time an element over size", alt_of_sizes(fill, group), figure)


def draw_sizes(axes: "Axes", group: list[Measurement]) -> None:
    """Time an element over size, on logarithmic axes; the bands are the middle halves."""
    for name in sides_of(group):
        draw_line(axes, name, [each for each in group if name in each.sides], ns_an_element)
    elements_axis(axes, group)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylabel("ns an element")


def ns_an_element(measurement: Measurement, name: str) -> tuple[float, ...]:
    """Median and quartiles."""
    return tuple(seconds * 1e9 / measurement.key.elements for seconds in measurement.seconds(name))


def ns_a_call(measurement: Measurement, name: str) -> tuple[float, ...]:
    """Median and quartiles."""
    return tuple(seconds * 1e9 for seconds in measurement.seconds(name))


Spreads = Callable[[Measurement, str], tuple[float, ...]]


def draw_line(axes: "Axes", name: str, group: list[Measurement], spreads: Spreads, label: str = "") -> None:
    """One side's medians, and a band between its quartiles."""
    color, marker, dashes, width = style(name)
    x = [each.key.elements for each in group]
    low, middle, high = zip(*(spreads(each, name) for each in group), strict=True)
    axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
    axes.plot(
        x,
        middle,
        color=color,
        marker=marker,
        linestyle=dashes,
        linewidth=width,
        markersize=MARKER,
        label=literal(label or name),
    )


def elements_axis(axes: "Axes", group: list[Measurement]) -> None:
    """A logarithmic axis of elements, with every second or fourth power of two."""
    x = [each.key.elements for each in group]
    axes.set_xscale("log", base=2)
    step = 2 if max(x) < min(x) << 10 else 4
    axes.set_xticks([1 << k for k in range(0, 64, step) if min(x) <= 1 << k <= max(x)])
    axes.xaxis.set_major_formatter(lambda value, _: count_text(round(value)))
    axes.set_xlabel("elements")
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def label_sides(axes: "Axes", group: list[Measurement], spreads: Spreads) -> None:
    """Names the line of each side behind its end."""
    ends = {}
    for name in sides_of(group):
        last = [each for each in group if name in each.sides][-1]
        ends[name] = spreads(last, name)[1]
    label_ends(axes, ends, {name: style(name) for name in ends})


def label_ends(axes: "Axes", ends: Mapping[str, float], styles: Mapping[str, Style]) -> None:
    """Names each line behind its end, far enough from the names of others."""
    transform = axes.transLimits.transform
    scaled = {name: transform(axes.transScale.transform((1, end)))[1] for name, end in ends.items()}
    names = sorted(ends, key=lambda name: scaled[name])
    points = axes.figure.bbox.height / axes.figure.dpi * 72 * AXES_HEIGHT
    places = spread_out([scaled[name] for name in names], LABEL_POINTS / points)
    for name, place in zip(names, places, strict=True):
        color, marker, dashes, width = styles[name]
        options: dict[str, Any] = {"color": color, "transform": axes.transAxes, "clip_on": False}
        axes.plot([1.03, 1.09], [place, place], linestyle=dashes, linewidth=width, **options)
        axes.plot([1.06], [place], marker=marker, markersize=MARKER, **options)
        axes.text(1.11, place, literal(name), transform=axes.transAxes, va="center", weight=weight(name))


def weight(name: str) -> str:
    return "bold" if name == OWN else "normal"


def spread_out(places: list[float], gap: float) -> list[float]:
    """Ascending places, moved so little that neighbours are a gap apart and none is above 1."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    limit = 1.0
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - gap
    return moved


def alt_of_sizes(fill: str, group: list[Measurement]) -> str:
    """The ends of the lines."""
    ends = listed(
        [f"{digits_text(each.ns_per_element(OWN))} ns at {count_text(each.key.elements)}" for each in ends_of(group)]
    )
    return (
        f"Line chart of the time an element over the number of elements, {fill}, both axes logarithmic. "
        f"fastinit: {ends}. {others_text(group[-1])}"
    )


def ends_of(group: Sequence[Measurement]) -> list[Measurement]:
    return [group[0], group[-1]]


def others_text(last: Measurement) -> str:
    """The ratios at the right end of a chart."""
    ratios = [f"{name} {ratio_text(last.ratio(name).median)}" for name in last.peers]
    return f"There the others' times over fastinit's: {', '.join(ratios)}." if ratios else ""


# ---- A call of few elements ------------------------------------------------------------------------------------------


FEW = 512


def charts_of_small(members: list[Measurement]) -> Iterator[Chart]:
    """Time a call over few elements: fastinit's alone, where a step would show, and beside the others."""
    for fill, group in by_fill(members):
        few = [each for each in group if each.key.elements <= FEW]
        if len(few) > 1:
            figure, axes = panel()
            draw_few(axes, few)
            alt = f"Line chart of fastinit's time a call, {fill}, from 0 on linear axes. {calls_text(few)}"
            yield Chart(f"{fill}: fastinit's time a call of few elements", alt, figure)
        if len(group) > 1 and group[-1].peers:
            figure, axes = panel()
            draw_small(axes, group)
            label_sides(axes, group, ns_a_call)
            text = f"{calls_text(group)} {others_text(group[-1])}"
            alt = f"Line chart of the time a call, {fill}, on logarithmic axes. {text}"
            yield Chart(f"{fill}: time a call beside the others", alt, figure)


def draw_few(axes: "Axes", group: list[Measurement]) -> None:
    """fastinit's time a call from 0 on, on linear axes."""
    draw_line(axes, OWN, group, ns_a_call)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("elements")
    axes.set_ylabel("ns a call")
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def draw_small(axes: "Axes", group: list[Measurement]) -> None:
    """All sides' time a call, on logarithmic axes."""
    for name in sides_of(group):
        draw_line(axes, name, [each for each in group if name in each.sides], ns_a_call)
    elements_axis(axes, group)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: time_text(value * 1e-9).replace(".00", "").replace(".0", ""))
    axes.set_ylabel("time a call")


def calls_text(group: list[Measurement]) -> str:
    """The ends of fastinit's line."""
    ends = [
        f"{time_text(each.seconds(OWN).median)} for {count_text(each.key.elements)} elements" for each in ends_of(group)
    ]
    return f"fastinit: {listed(ends)}."


# ---- Ratios ----------------------------------------------------------------------------------------------------------


def charts_of_ratios(members: list[Measurement]) -> Iterator[Chart]:
    """Bars of the ratio to each peer, in as many charts as pages need."""
    groups = parts([each for each in members if each.peers])
    limits = ratio_limits(members)
    for number, part in enumerate(groups, 1):
        figure, axes = panel(bars_height(part))
        draw_ratios(axes, part, limits)
        place = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
        yield Chart(f"The others' times over fastinit's{place}", alt_of_ratios(part), figure)


def parts(group: list[Measurement], most: float = 0) -> list[list[Measurement]]:
    """The cases in parts of about as many bars: most, or what MOST_BARS allows."""
    bars = sum(len(each.peers) for each in group)
    most = most or bars / max(1, -(-bars // MOST_BARS))
    found: list[list[Measurement]] = []
    done = 0
    for each in group:
        if done >= most * len(found):
            found.append([])
        found[-1].append(each)
        done += len(each.peers)
    return found


def bars_height(group: list[Measurement]) -> float:
    """Inches."""
    return 0.75 + BAR_INCHES * sum(len(each.peers) + 1 for each in group)


def ratio_limits(members: list[Measurement]) -> tuple[float, float]:
    """Of the axis, with room for the texts."""
    ratios = [each.ratio(name).median for each in members for name in each.peers]
    least = min(ratios, default=1.0)
    return least / 4 if least < 1 else 0.8, max(ratios, default=1.0) * 6


def draw_ratios(axes: "Axes", group: list[Measurement], limits: tuple[float, float]) -> None:
    """A bar for each peer of each case, from 1 x on a logarithmic axis; its name and its ratio at its end."""
    y, middles = 0.0, []
    axes.set_xscale("log")
    axes.set_xlim(limits)
    for each in group:
        middles.append(y + (len(each.peers) - 1) / 2)
        for name in each.peers:
            draw_ratio(axes, y, name, each.ratio(name).median)
            y += 1
        y += 1
    axes.axvline(1, color=INK, linewidth=1.2)
    axes.set_ylim(y - 1.2, -0.8)
    axes.set_yticks(middles, [fill_lines(each) for each in group])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} x")
    axes.xaxis.set_minor_formatter("")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("time over fastinit's; left of 1 x: faster than fastinit")


def draw_ratio(axes: "Axes", y: float, name: str, ratio: float) -> None:
    """One bar, with its text on the side away from 1 x."""
    axes.barh(y, ratio - 1, left=1, height=0.82, color=style(name).color)
    offset, side = (3, "left") if ratio >= 1 else (-3, "right")
    place: dict[str, Any] = {"xytext": (offset, 0), "textcoords": "offset points", "ha": side, "va": "center"}
    axes.annotate(literal(f"{ratio_text(ratio)} {name}"), (ratio, y), fontsize=8, **place)


def fill_lines(measurement: Measurement) -> str:
    """The draw above its dtype."""
    key = measurement.key
    return literal(f"{key.draw.replace(', ', NEW_LINE)}\n{key.dtype}")


def alt_of_ratios(group: list[Measurement]) -> str:
    """The nearest peer of each draw."""
    nearest = [
        f"{each.key.draw} {each.key.dtype} {ratio_text(each.ratio(name).median)} {name}"
        for each, name in ((each, fastest_peer(each)) for each in group)
    ]
    return f"Bar chart of the others' times over fastinit's. The fastest of the others: {'; '.join(nearest)}."


# ---- Share of memory speed -------------------------------------------------------------------------------------------


def charts_of_shares(members: list[Measurement]) -> Iterator[Chart]:
    """Bars of fastinit's share of memset's speed."""
    told = [each for each in members if each.memory_share is not None]
    if told:
        figure, axes = panel(0.9 + 0.24 * len(told))
        draw_shares(axes, told)
        shares = [f"{each.key.draw} {each.key.dtype} {share_text(each)}" for each in told]
        alt = f"Bar chart of fastinit's speed as a part of memset's: {', '.join(shares)}."
        yield Chart("fastinit's share of the speed of memory", alt, figure)


def draw_shares(axes: "Axes", told: list[Measurement]) -> None:
    """A bar for each case, and memset's speed as the limit."""
    shares = [each.memory_share or 0.0 for each in told]
    bars = axes.barh(range(len(told)), [100 * share for share in shares], height=0.7, color=style(OWN).color)
    axes.bar_label(bars, [share_text(each) for each in told], padding=3, fontsize=8)
    axes.set_yticks(range(len(told)), [literal(f"{each.key.draw}, {each.key.dtype}") for each in told])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, max(112, *(115 * share for share in shares)))
    axes.axvline(100, color=INK, linestyle=style(LIMIT).dashes, linewidth=1.6)
    axes.set_xlabel("% of memset's speed (dotted)")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def share_text(measurement: Measurement) -> str:
    return percent_text(measurement.memory_share or 0.0)


# For lines that are all fastinit's.
FILL_STYLES = (
    Style("#d55e00", "o", "-", 2.0),
    Style("#0072b2", "s", "-", 1.6),
    Style("#009e73", "D", (0, (4, 1.5)), 1.6),
    Style("#cc79a7", "^", (0, (5, 1, 1, 1)), 1.6),
    Style("#e69f00", "v", "-", 1.6),
    Style(INK, "X", (0, (1, 1.5)), 1.6),
)


def charts_of_shares_over_size(members: list[Measurement]) -> Iterator[Chart]:
    """fastinit's share of memset's speed over size, a line for each draw and dtype."""
    told = [(fill, group) for fill, group in by_fill(each for each in members if LIMIT in each.sides) if len(group) > 1]
    if told:
        figure, axes = panel()
        draw_shares_over_size(axes, told)
        ends = "; ".join(f"{fill} {listed([share_at(each) for each in ends_of(group)])}" for fill, group in told)
        alt = f"Line chart of fastinit's speed as a part of memset's over the number of elements: {ends}."
        yield Chart("fastinit's share of the speed of memory over size", alt, figure)


def draw_shares_over_size(axes: "Axes", told: list[tuple[str, list[Measurement]]]) -> None:
    """Lines of percents; memset is 100."""
    styles = {fill: FILL_STYLES[i % len(FILL_STYLES)] for i, (fill, _) in enumerate(told)}
    ends = {}
    for fill, group in told:
        color, marker, dashes, width = styles[fill]
        shares = [100 * (each.memory_share or 0.0) for each in group]
        ends[fill] = shares[-1]
        x = [each.key.elements for each in group]
        axes.plot(x, shares, color=color, marker=marker, linestyle=dashes, linewidth=width, markersize=MARKER)
    elements_axis(axes, [each for _, group in told for each in group])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("% of memset's speed")
    label_ends(axes, ends, styles)


def share_at(measurement: Measurement) -> str:
    return f"{share_text(measurement)} at {count_text(measurement.key.elements)}"


# ---- Threads ---------------------------------------------------------------------------------------------------------


def charts_of_threads(members: list[Measurement]) -> Iterator[Chart]:
    """Bars of elements a nanosecond, on one thread and on all: a chart for each draw and dtype."""
    for fill, group in by_fill(members):
        pair = {each.key.threads: each for each in group}
        if len(pair) == len(group) == 2:
            one, all_threads = pair["one"], pair["all"]
            names = [name for name in one.sides if name in all_threads.sides and name != LIMIT]
            figure, axes = panel(1.0 + 0.45 * len(names))
            draw_threads(axes, names, one, all_threads)
            gains = ", ".join(f"{name} {ratio_text(gain(name, one, all_threads))}" for name in names)
            alt = f"Bar chart of elements a nanosecond on one thread and on all, {fill}. All threads over one: {gains}."
            yield Chart(f"{fill}: one thread and all", alt, figure)


def draw_threads(axes: "Axes", names: list[str], one: Measurement, all_threads: Measurement) -> None:
    """Two bars for each side: one thread pale, all threads full, with the gain."""
    for y, name in enumerate(names):
        color = style(name).color
        pale, full = (1 / each.ns_per_element(name) for each in (one, all_threads))
        axes.barh(y - 0.19, pale, height=0.36, color=color, alpha=0.45)
        axes.barh(y + 0.19, full, height=0.36, color=color)
        place: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 8}
        axes.annotate("one", (pale, y - 0.19), **place)
        axes.annotate(f"all: {ratio_text(gain(name, one, all_threads))} one", (full, y + 0.19), **place)
    axes.set_yticks(range(len(names)), [literal(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.margins(x=0.32)
    axes.set_xlim(left=0)
    axes.set_xlabel("elements a nanosecond")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def gain(name: str, one: Measurement, all_threads: Measurement) -> float:
    """The speed of all threads over that of one."""
    return one.seconds(name).median / all_threads.seconds(name).median


# ---- On the page -----------------------------------------------------------------------------------------------------

SECTION_CHARTS: dict[str, tuple[Callable[[list[Measurement]], Iterator[Chart]], ...]] = {
    "draws": (charts_of_ratios, charts_of_shares),
    "sizes": (charts_of_sizes, charts_of_shares_over_size),
    "small": (charts_of_small,),
    "threads": (charts_of_threads,),
}


# ---- For docs/ -------------------------------------------------------------------------------------------------------


def picture(results: Results, name: str) -> "Figure":
    """One of PICTURES, as wide as the other pictures of docs/; ValueError where the run has not its cases."""
    with styled():
        return PICTURES[name](results)


def picture_of_sizes(results: Results) -> "Figure":
    """Time an element over size: uniforms above, normals below, float32 on the left, float64 on the right."""
    wanted = [each for each in results.section("sizes") if each.key.draw in ("uniform", "normal")]
    panels = by_fill(wanted)
    check_panels(panels, "sizes")
    return picture_of_lines(panels, draw_sizes, 6.6)


def picture_of_small(results: Results) -> "Figure":
    """Time a call over few elements."""
    panels = by_fill(results.section("small"))
    check_panels(panels, "small")
    return picture_of_lines(panels, draw_small, 3.6)


def picture_of_lines(
    panels: list[tuple[str, list[Measurement]]], draw: Callable[["Axes", list[Measurement]], None], height: float
) -> "Figure":
    """Panels in two columns that share their axes, and one legend for all."""
    figure = new_figure(height)
    grid = figure.subplots(-(-len(panels) // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, (fill, group) in zip(grid.flat, panels, strict=False):
        draw(axes, group)
        axes.set_title(literal(fill))
        axes.spines[["top", "right"]].set_visible(False)
        axes.label_outer()
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    order = sorted(labels, key=lambda name: (name != OWN, name == LIMIT))
    options: dict[str, Any] = {"loc": "outside lower center", "ncols": 4 if len(order) > 5 else 5, "frameon": False}
    figure.legend([named[name] for name in order], order, **options)
    return figure


def picture_of_ratios(results: Results) -> "Figure":
    """Bars of the plain draws, in two columns; NumPy by its Generator(PCG64) alone."""
    draws = ("uniform", "normal", "truncated_normal")
    members = [
        replace(each, sides={name: side for name, side in each.sides.items() if name not in MORE_OF_NUMPY})
        for each in results.section("draws")
        if each.key.draw in draws
    ]
    check_panels([("draws", members)] if members else [], "draws")
    halves = parts(members, sum(len(each.peers) for each in members) / 2)
    figure = new_figure(max(bars_height(half) for half in halves))
    for axes, half in zip(figure.subplots(1, len(halves), squeeze=False).flat, halves, strict=True):
        draw_ratios(axes, half, ratio_limits(members))
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def check_panels(panels: list[Any], section: str) -> None:
    """Refuses a run without that section."""
    if not panels:
        raise ValueError(f"the run has no cases of the section {section!r}")


PICTURES = {"sizes": picture_of_sizes, "ratios": picture_of_ratios, "small": picture_of_small}


# ---- Figures ---------------------------------------------------------------------------------------------------------


def panel(height: float = PANEL[1]) -> "tuple[Figure, Axes]":
    """A picture of one panel."""
    figure = new_figure(height, PANEL[0])
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg(figure: "Figure") -> str:
    """The picture as SVG whose colours follow the reader's: dark on light, or light on dark."""
    import matplotlib

    written = io.StringIO()
    with matplotlib.rc_context(COLORS), warnings.catch_warnings():
        # Of letters that its font lacks, which the reader's browser has, and of names that leave no room for lines.
        warnings.simplefilter("ignore", UserWarning)
        save(figure, written)
    return themed(written.getvalue())


def themed(text: str) -> str:
    """An SVG of the colours of DARK with a style that turns them where the reader prefers it."""
    names = {color: f"--c{i}" for i, color in enumerate(DARK)}
    pattern = re.compile("|".join(names))
    # In tags alone: a text stays what it is.
    text = re.sub(r"<[^>]*>", lambda tag: pattern.sub(lambda color: f"var({names[color[0]]})", tag[0]), text)
    light = ";".join(f"{name}:{color}" for color, name in names.items())
    dark = ";".join(f"{name}:{DARK[color]}" for color, name in names.items())
    rules = f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return text.replace('<style type="text/css">', f'<style type="text/css">{rules}', 1)


def data_uri(figure: "Figure") -> str:
    """The picture as an address that contains it: so ids of several cannot collide."""
    return f"data:image/svg+xml;base64,{b64encode(svg(figure).encode()).decode('ascii')}"
