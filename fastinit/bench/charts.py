"""The pictures of a run: of the page, and of docs/. matplotlib is imported when one is drawn."""

import io
import re
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from fastinit.bench.report import MORE_OF_NUMPY
from fastinit.bench.results import (
    LIMIT,
    OWN,
    WAYS,
    Measurement,
    Results,
    count_text,
    digits_text,
    percent_text,
    ratio_text,
    time_text,
    with_and,
)
from fastinit.drawing import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Style(NamedTuple):
    """How a line is drawn, everywhere: markers and dashes tell apart what colours do not."""

    color: str
    marker: str
    dashes: Any = "-"
    width: float = 1.4


INK, FAINT, GRID, PAPER = "#1b1d1f", "#6b7177", "#d9dde0", "#fefefe"
DASHED, DASH_DOT, DOTTED = (0, (4, 1.5)), (0, (5, 1, 1, 1)), (0, (1, 1.5))

# The palette of Okabe and Ito ("Color universal design", 2008), which no kind of colour vision confuses.
STYLES = {
    OWN: Style("#d55e00", "o", width=2.6),
    "NumPy": Style("#0072b2", "s"),
    "NumPy SFC64": Style("#56b4e9", "D", DASHED),
    "np.random": Style("#cc79a7", "^", DASH_DOT),
    "PyTorch": Style("#e69f00", "v"),
    "JAX": Style("#009e73", "P", DASHED),
    "MKL": Style(INK, "X", DASH_DOT),
    LIMIT: Style(FAINT, "", DOTTED, 1.6),
    **dict.fromkeys(WAYS, Style("#d55e00", "o")),
}
OTHER = Style(FAINT, "*")
# For lines that are all fastinit's.
FILL_STYLES = [STYLES[name] for name in (OWN, "NumPy", "JAX", "np.random", "PyTorch", "MKL")]

# What the colours of the page become on a dark one; the others are light enough.
DARK = {INK: "#e7e9eb", FAINT: "#a0a7ae", GRID: "#3b4147", PAPER: "#16191c", "#0072b2": "#4aa5e0"}

COLORS: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), PAPER),
    "axes.edgecolor": FAINT,
    "grid.color": GRID,
}
LOOK: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.markersize": 4.5,
}
PANEL = (4.4, 3.3)  # inches: two beside each other on a desk, one on a phone
LABEL_POINTS = 12  # between labels at the ends of lines
AXES_HEIGHT = 0.8  # of the picture, about
BAR_INCHES = 0.17
MOST_BARS = 44  # of a picture: no more fit on a printed page
MOST_CHARTS = 16  # of a section; a full run has up to six, and the tables have all figures


class Chart(NamedTuple):
    """A picture, its caption, and what it says in words."""

    caption: str
    alt: str
    figure: "Figure"


def of_section(results: Results, name: str) -> list[Chart]:
    """The charts of one section of the report."""
    members = results.section(name)
    with styled():
        return list(islice((chart for draw in SECTION_CHARTS.get(name, ()) for chart in draw(members)), MOST_CHARTS))


def styled() -> Any:
    """A context in which matplotlib draws in the report's fonts and colours."""
    import matplotlib

    return matplotlib.rc_context({**LOOK, **COLORS})


def panel(height: float = PANEL[1]) -> "tuple[Figure, Axes]":
    """A picture of one panel."""
    figure = new_figure(height, PANEL[0])
    return figure, figure.subplots()


def literal(text: str) -> str:
    """The text as matplotlib draws it letter by letter: dollar signs would make a formula of it."""
    return text.replace("$", r"\$")


def style(name: str) -> Style:
    return STYLES.get(name, OTHER)


def fill(measurement: Measurement, between: str = " ") -> str:
    return f"{measurement.key.draw}{between}{measurement.key.dtype}"


def by_fill(members: Sequence[Measurement]) -> list[tuple[str, list[Measurement]]]:
    """The cases of each draw and dtype, and what to call them."""
    groups: dict[str, list[Measurement]] = {fill(each): [] for each in members}
    for each in sorted(members, key=lambda each: each.key.elements):
        groups[fill(each)].append(each)
    return list(groups.items())


def sides_of(members: Iterable[Measurement]) -> list[str]:
    """All sides of these cases in the order of the report, fastinit last, so that its line lies above the others."""
    found = dict.fromkeys(name for each in members for name in each.sides)
    return sorted(found, key=lambda name: (name == OWN, name == LIMIT))


# ---- Lines over the number of elements -------------------------------------------------------------------------------


def charts_of_sizes(members: list[Measurement]) -> Iterator[Chart]:
    """Time an element over size: a chart for each draw and dtype, a line for each side."""
    for name, group in by_fill(members):
        if len(group) > 1:
            figure, axes = panel()
            label_ends(axes, draw_sizes(axes, group))
            times = with_and([f"{digits_text(each.ns_per_element(OWN))} ns at {at(each)}" for each in ends_of(group)])
            alt = (
                f"Line chart of the time an element over the number of elements, {name}, both axes logarithmic. "
                f"fastinit: {times}. {others_text(group[-1])}"
            )
            yield Chart(f"{name}: time an element over size", alt, figure)


def charts_of_small(members: list[Measurement]) -> Iterator[Chart]:
    """Time a call over few elements: fastinit's alone, where a step would show, and beside the others."""
    for name, group in by_fill(members):
        few = [each for each in group if each.key.elements <= FEW]
        if len(few) > 1:
            figure, axes = panel()
            draw_line(axes, few, style(OWN), ns_a_call)
            axes.set(xlim=(0, None), ylim=(0, None), xlabel="elements", ylabel="ns a call")
            alt = f"Line chart of fastinit's time a call, {name}, from 0 on linear axes. {calls_text(few)}"
            yield Chart(f"{name}: fastinit's time a call of few elements", alt, figure)
        if len(group) > 1 and group[-1].peers:
            figure, axes = panel()
            label_ends(axes, draw_small(axes, group))
            alt = f"Line chart of the time a call, {name}, on logarithmic axes. {calls_text(group)} "
            yield Chart(f"{name}: time a call beside the others", alt + others_text(group[-1]), figure)


def charts_of_shares_over_size(members: list[Measurement]) -> Iterator[Chart]:
    """fastinit's share of memset's speed over size, a line for each draw and dtype."""
    with_limit = [each for each in members if LIMIT in each.sides]
    told = [(name, group) for name, group in by_fill(with_limit) if len(group) > 1]
    if told:
        figure, axes = panel()
        ends = {}
        for i, (name, group) in enumerate(told):
            look = FILL_STYLES[i % len(FILL_STYLES)]._replace(width=1.6)
            ends[name] = look, draw_line(axes, group, look, lambda each, _: [100 * (each.memory_share or 0.0)])
        elements_axis(axes, [each for _, group in told for each in group])
        axes.set(ylim=(0, None), ylabel="% of memset's speed")
        label_ends(axes, ends)
        texts = (f"{name} {with_and([f'{share_text(each)} at {at(each)}' for each in ends_of(group)])}"
                 for name, group in told)  # fmt: skip
        alt = f"Line chart of fastinit's speed as a part of memset's over the number of elements: {'; '.join(texts)}."
        yield Chart("fastinit's share of the speed of memory over size", alt, figure)


FEW = 512
Spreads = Callable[[Measurement, str], Sequence[float]]  # a side's median, or that between its quartiles
Ends = dict[str, tuple[Style, float]]  # of lines: how each is drawn, and where it ends


def ns_an_element(measurement: Measurement, name: str) -> Sequence[float]:
    return [seconds * 1e9 / measurement.key.elements for seconds in measurement.seconds(name)]


def ns_a_call(measurement: Measurement, name: str) -> Sequence[float]:
    return [seconds * 1e9 for seconds in measurement.seconds(name)]


def draw_sizes(axes: "Axes", group: list[Measurement]) -> Ends:
    """All sides' time an element."""
    ends = draw_sides(axes, group, ns_an_element)
    axes.set(yscale="log", ylabel="ns an element")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return ends


def draw_small(axes: "Axes", group: list[Measurement]) -> Ends:
    """All sides' time a call."""
    ends = draw_sides(axes, group, ns_a_call)
    axes.set(yscale="log", ylabel="time a call")
    axes.yaxis.set_major_formatter(lambda value, _: time_text(value * 1e-9).replace(".00", "").replace(".0", ""))
    return ends


def draw_sides(axes: "Axes", group: list[Measurement], spreads: Spreads) -> Ends:
    """A line for each side."""
    members = {name: [each for each in group if name in each.sides] for name in sides_of(group)}
    ends = {name: (style(name), draw_line(axes, those, style(name), spreads, name)) for name, those in members.items()}
    elements_axis(axes, group)
    return ends


def draw_line(axes: "Axes", group: list[Measurement], look: Style, spreads: Spreads, name: str = OWN) -> float:
    """One line of medians, and a band between its quartiles, the middle half; returns where it ends."""
    x = [each.key.elements for each in group]
    values = [spreads(each, name) for each in group]
    if len(values[0]) == 3:
        low, _, high = zip(*values, strict=True)
        axes.fill_between(x, low, high, color=look.color, alpha=0.18, linewidth=0)
    middle = [value[len(value) // 2] for value in values]
    line = {"color": look.color, "marker": look.marker, "linestyle": look.dashes, "linewidth": look.width}
    axes.plot(x, middle, label=literal(name), **line)
    return middle[-1]


def elements_axis(axes: "Axes", group: list[Measurement]) -> None:
    """A logarithmic axis of elements, with every second or fourth power of two."""
    x = [each.key.elements for each in group]
    axes.set_xscale("log", base=2)
    step = 2 if max(x) < min(x) << 10 else 4
    axes.set_xticks([1 << k for k in range(0, 64, step) if min(x) <= 1 << k <= max(x)])
    axes.xaxis.set_major_formatter(lambda value, _: count_text(round(value)))
    axes.set_xlabel("elements")


def label_ends(axes: "Axes", ends: Ends) -> None:
    """Names each line behind its end, far enough from the names of others."""
    transform = axes.transLimits.transform
    scaled = {name: transform(axes.transScale.transform((1, end)))[1] for name, (_, end) in ends.items()}
    names = sorted(ends, key=lambda name: scaled[name])
    points = axes.figure.bbox.height / axes.figure.dpi * 72 * AXES_HEIGHT
    places = spread_out([scaled[name] for name in names], LABEL_POINTS / points)
    for name, place in zip(names, places, strict=True):
        color, marker, dashes, width = ends[name][0]
        options: dict[str, Any] = {"color": color, "transform": axes.transAxes, "clip_on": False}
        axes.plot([1.03, 1.09], [place, place], linestyle=dashes, linewidth=width, **options)
        axes.plot([1.06], [place], marker=marker, **options)
        weight = "bold" if name == OWN else "normal"
        axes.text(1.11, place, literal(name), transform=axes.transAxes, va="center", weight=weight)


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


def ends_of(group: Sequence[Measurement]) -> list[Measurement]:
    return [group[0], group[-1]]


def at(measurement: Measurement) -> str:
    return count_text(measurement.key.elements)


def others_text(last: Measurement) -> str:
    """The ratios at the right end of a chart."""
    ratios = [f"{name} {ratio_text(ratio)}" for name, ratio in last.ratios.items()]
    return f"There the others' times over fastinit's: {', '.join(ratios)}." if ratios else ""


def calls_text(group: list[Measurement]) -> str:
    """The ends of fastinit's line."""
    times = [f"{time_text(each.seconds(OWN).median)} for {at(each)} elements" for each in ends_of(group)]
    return f"fastinit: {with_and(times)}."


# ---- Bars ------------------------------------------------------------------------------------------------------------


def charts_of_ratios(members: list[Measurement]) -> Iterator[Chart]:
    """Bars of the ratio to each peer, and to fastinit's other ways, in as many charts as pages need."""
    groups = parts([each for each in members if ratios_of(each)])
    for number, part in enumerate(groups, 1):
        figure, axes = panel(bars_height(part))
        draw_ratios(axes, part, members)
        place = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
        nearest = [
            f"{row_name(each, ' ')} {ratio_text(ratio)} {name}"
            for each in part
            for name, ratio in [min(ratios_of(each).items(), key=lambda item: item[1])]
        ]
        alt = f"Bar chart of the others' times over fastinit's. The fastest of the others: {'; '.join(nearest)}."
        yield Chart(f"The others' times over fastinit's{place}", alt, figure)


def charts_of_shares(members: list[Measurement]) -> Iterator[Chart]:
    """Bars of fastinit's share of memset's speed."""
    told = [each for each in members if each.memory_share is not None]
    if told:
        figure, axes = panel(0.9 + 0.24 * len(told))
        shares = [100 * (each.memory_share or 0.0) for each in told]
        bars = axes.barh(range(len(told)), shares, height=0.7, color=style(OWN).color)
        axes.bar_label(bars, [share_text(each) for each in told], padding=3, fontsize=8)
        rows_axis(axes, range(len(told)), [fill(each, ", ") for each in told])
        axes.set(xlim=(0, max(112, 1.15 * max(shares))), xlabel="% of memset's speed (dotted)")
        axes.axvline(100, color=INK, linestyle=style(LIMIT).dashes, linewidth=1.6)
        texts = ", ".join(f"{fill(each)} {share_text(each)}" for each in told)
        yield Chart(
            "fastinit's share of the speed of memory",
            f"Bar chart of fastinit's speed as a part of memset's: {texts}.",
            figure,
        )


def charts_of_threads(members: list[Measurement]) -> Iterator[Chart]:
    """Bars of elements a nanosecond, one thread pale and all full, with the gain: a chart for each draw and dtype."""
    for fill_name, group in by_fill(members):
        pair = {each.key.threads: each for each in group}
        if len(pair) != len(group) or len(group) != 2:
            continue
        one, every = pair["one"], pair["all"]
        names = [name for name in one.sides if name in every.sides and name != LIMIT]
        gains = [ratio_text(one.seconds(name).median / every.seconds(name).median) for name in names]
        figure, axes = panel(1.0 + 0.45 * len(names))
        colors = [style(name).color for name in names]
        for each, place, alpha, texts in (
            (one, -0.19, 0.45, ["one"] * len(names)),
            (every, 0.19, 1.0, [f"all: {gain} one" for gain in gains]),
        ):
            speeds = [1 / each.ns_per_element(name) for name in names]
            bars = axes.barh([y + place for y in range(len(names))], speeds, height=0.36, color=colors, alpha=alpha)
            axes.bar_label(bars, texts, padding=3, fontsize=8)
        axes.margins(x=0.32)
        axes.set(xlim=(0, None), xlabel="elements a nanosecond")
        rows_axis(axes, range(len(names)), names)
        told = ", ".join(f"{name} {gain}" for name, gain in zip(names, gains, strict=True))
        alt = f"Bar chart of elements a nanosecond on one thread and on all, {fill_name}. All threads over one: {told}."
        yield Chart(f"{fill_name}: one thread and all", alt, figure)


def parts(group: list[Measurement], most: float = 0) -> list[list[Measurement]]:
    """The cases in parts of about as many bars: most, or what MOST_BARS allows."""
    bars = sum(len(ratios_of(each)) for each in group)
    most = most or bars / max(1, -(-bars // MOST_BARS))
    found: list[list[Measurement]] = []
    done = 0
    for each in group:
        if done >= most * len(found):
            found.append([])
        found[-1].append(each)
        done += len(ratios_of(each))
    return found


def ratios_of(measurement: Measurement) -> dict[str, float]:
    """Of fastinit's other ways, where there are some, and of the peers."""
    return measurement.ratios_of_ways | measurement.ratios


def row_name(measurement: Measurement, between: str) -> str:
    """What a row of bars is called: in cases of many rows the draw is the same, and their shapes differ."""
    key = measurement.key
    if measurement.ratios_of_ways:
        return between.join((key.layout, f"{key.threads} thread{'' if key.threads == 'one' else 's'}"))
    return between.join((key.draw, key.dtype))


def bars_height(group: list[Measurement]) -> float:
    """Inches."""
    return 0.75 + BAR_INCHES * sum(len(ratios_of(each)) + 1 for each in group)


def draw_ratios(axes: "Axes", part: list[Measurement], members: list[Measurement]) -> None:
    """A bar for each peer of each case, from 1 x on a logarithmic axis that has room for all members."""
    ratios = [ratio for each in members for ratio in ratios_of(each).values()] or [1.0]
    least, most = min(ratios), max(ratios)
    axes.set(xscale="log", xlim=(min(least, 1.0) * 0.8, most * 6))
    y = 0
    middles: list[float] = []
    places: list[int] = []
    bars: list[tuple[str, float]] = []
    for each in part:
        own = ratios_of(each)
        places += range(y, y + len(own))
        bars += own.items()
        middles.append(y + (len(own) - 1) / 2)
        y += len(own) + 1
    colors = [style(name).color for name, _ in bars]
    axes.barh(places, [ratio - 1 for _, ratio in bars], left=1, height=0.82, color=colors)
    for place, (name, ratio) in zip(places, bars, strict=True):  # right of the bar: on its left are the rows' names
        text, end = literal(f"{ratio_text(ratio)} {name}"), (max(ratio, 1.0), place)
        axes.annotate(text, end, (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(1, color=INK, linewidth=1.2)
    rows_axis(axes, middles, [row_name(each, NEW_LINE).replace(", ", NEW_LINE) for each in part])
    axes.set(ylim=(y - 1.2, -0.8), xlabel="time over fastinit's; left of 1 x: faster than fastinit")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} x")
    axes.xaxis.set_minor_formatter("")


NEW_LINE = "\n"


def rows_axis(axes: "Axes", places: Sequence[float], names: list[str]) -> None:
    """Names beside bars, from above to below."""
    axes.set_yticks(places, [literal(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()


def share_text(measurement: Measurement) -> str:
    return percent_text(measurement.memory_share or 0.0)


SECTION_CHARTS: dict[str, tuple[Callable[[list[Measurement]], Iterator[Chart]], ...]] = {
    "draws": (charts_of_ratios, charts_of_shares),
    "sizes": (charts_of_sizes, charts_of_shares_over_size),
    "small": (charts_of_small,),
    "streams": (charts_of_ratios,),
    "threads": (charts_of_threads,),
}


# ---- For docs/ -------------------------------------------------------------------------------------------------------


def picture(results: Results, name: str) -> "Figure":
    """One of PICTURES, as wide as the other pictures of docs/; ValueError where the run has not its cases."""
    section, draws = PICTURES[name]
    members = [each for each in results.section(section) if not draws or each.key.draw in draws]
    if not members:
        raise ValueError(f"the run has no cases of the section {section!r}")
    with styled():
        return picture_of_ratios(members) if name == "ratios" else picture_of_lines(members, name)


def picture_of_lines(members: list[Measurement], name: str) -> "Figure":
    """Panels of draws and dtypes in two columns that share their axes, and one legend for all."""
    panels = by_fill(members)
    draw, height = (draw_sizes, 6.6) if name == "sizes" else (draw_small, 3.6)
    figure = new_figure(height)
    grid = figure.subplots(-(-len(panels) // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, (title, group) in zip(grid.flat, panels, strict=False):
        draw(axes, group)
        axes.set_title(literal(title))
        axes.label_outer()
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    order = sorted(labels, key=lambda name: (name != OWN, name == LIMIT))
    options: dict[str, Any] = {"loc": "outside lower center", "ncols": 4 if len(order) > 5 else 5, "frameon": False}
    figure.legend([named[name] for name in order], order, **options)
    return figure


def picture_of_ratios(members: list[Measurement]) -> "Figure":
    """Bars in two columns; NumPy by its Generator(PCG64) alone."""
    members = [
        replace(each, sides={name: side for name, side in each.sides.items() if name not in MORE_OF_NUMPY})
        for each in members
    ]
    halves = parts(members, sum(len(each.peers) for each in members) / 2)
    figure = new_figure(max(bars_height(half) for half in halves))
    for axes, half in zip(figure.subplots(1, len(halves), squeeze=False).flat, halves, strict=True):
        draw_ratios(axes, half, members)
    return figure


# The section of each, and the draws in it: time an element over size, the others' times, and a call of few elements.
PICTURES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sizes": ("sizes", ("uniform", "normal")),
    "ratios": ("draws", ("uniform", "normal", "truncated_normal")),
    "small": ("small", ()),
}


# ---- SVG -------------------------------------------------------------------------------------------------------------


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
