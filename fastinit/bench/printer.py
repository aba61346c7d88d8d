"""The report in a terminal: its Markdown by rich, with tables that have room."""

import errno
import os
import re
from collections.abc import Sequence
from typing import ClassVar, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement, TableElement
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from fastinit.bench.report import BREAK, groups, labels_of

WIDEST, NARROWEST = 120, 40
WIDTH_OF_FILES = 110
GAP = 2
FASTEST = "*"  # behind what is bold: that alone is lost in a file
FASTER = "faster"
THEME = {"em": "red", "strong": "bold", "block_quote": "bold red", "h1": "bold", "h2": "bold", "item.bullet": "dim"}
# Columns of which that with the highest rank is left out first; the others, such as NumPy's, never. Up to ESSENTIAL,
# labels are broken before a column is left out.
RANKS = {
    "GB/s": 13,
    "vs np.random": 11,
    "vs NumPy SFC64": 10,
    "of memset": 9,
    "spread": 8,
    "vs JAX": 7,
    "vs MKL": 6,
    "vs PyTorch": 5,
    "a call": 3,
    "ns an element": 2,
    "then": 2,
    "now": 1,
    **dict.fromkeys(("speed of one thread", "time of warm pages", "time of contiguous"), 1),
}
RANK_OF_ANOTHER, RANK_OF_SAME_CALL = 4, 12  # a call says less where all have as many elements
ESSENTIAL = 3
# What a line may not end within: a number and its unit, or a word; where there is less room, behind its underscores.
WORD = re.compile(rf"[\d.]+ (?:x|%|[nµm]?s|[KMG]i?)(?:{re.escape(FASTEST)}|(?!\S))|\S+")
PART = re.compile(rf"{WORD.pattern.removesuffix('|' + chr(92) + 'S+')}|[^\s_]*_+|[^\s_]+")


class Printer(Console):
    """A console that tells when nobody reads on, where rich would end the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def show(text: str, out: TextIO | None = None, **options: object) -> None:
    """Prints the report to out (standard output): in colour on a terminal, 110 columns wide in a file."""
    theme = Theme({f"markdown.{name}": style for name, style in THEME.items()})
    console = Printer(file=out, highlight=False, theme=theme, **options)  # type: ignore[arg-type]
    if console.is_terminal:
        console.width = max(NARROWEST, min(console.width, WIDEST))
    elif "width" not in options:
        console.width = WIDTH_OF_FILES
    with console.capture() as printed:
        console.print(Report(text.replace(BREAK, "")))
    # rich fills lines up with spaces.
    print(re.sub(r" +((?:\x1b\[0m)?)$", r"\1", printed.get(), flags=re.MULTILINE), end="", file=out)


class ReportHeading(Heading):
    """A heading at the left, a section's right above what it heads."""

    @property
    def new_line(self) -> bool:  # type: ignore[override]
        return self.tag == "h1"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.text


class ReportTable(TableElement):
    """A table as wide as the terminal at most: columns that have no room are named instead."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        assert self.header is not None
        assert self.header.row is not None
        assert self.body is not None
        heads, width = self.header.row.cells, options.max_width
        columns = [[starred(row.cells[i].content) for row in self.body.rows] for i in range(len(heads))]
        for column in columns:
            if any(text.plain.endswith(FASTEST) for text in column):  # the others stay flush
                for text in column:
                    text.append("" if text.plain.endswith(FASTEST) else " ")
        titles = [head.content.plain for head in heads]
        texts = [[title, *(text.plain for text in column)] for title, column in zip(titles, columns, strict=True)]
        shown = fitting(titles, texts, width)
        # Of the gap between two columns, one place is the box's.
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
        for i, size in shown.items():
            justify = "right" if heads[i].justify == "right" else "left"
            table.add_column(titles[i], justify=justify, width=size, overflow="fold")  # type: ignore[arg-type]
        rows = [list(row) for row in zip(*(column for column in columns), strict=True)]
        ends, end = set(), 0
        for size in groups(titles, [[text.plain for text in row] for row in rows]):
            ends.add(end := end + size)
        for n, row in enumerate(rows, 1):
            table.add_row(*(breakable(row[i], size) for i, size in shown.items()), end_section=n in ends)
        yield table
        if left_out := [title for i, title in enumerate(titles) if i not in shown]:
            yield Text(f"no room in {width} columns for: {', '.join(left_out)}", style="dim")


class Report(Markdown):
    """The report as rich prints it."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": ReportHeading,
        "table_open": ReportTable,
    }


def starred(text: Text) -> Text:
    """A cell as it stands out without bold letters, too."""
    if any(getattr(span.style, "bold", False) for span in text.spans):
        text.append(FASTEST, text.spans[0].style)
    elif text.plain == FASTER:
        text.stylize("green")
    return text


def fitting(titles: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """The indices of the columns that there is room for, and their widths: the highest ranks are left out first."""
    shown = list(range(len(titles)))

    def least(i: int, rank: int = 0) -> int:
        return longest((PART if rank <= ESSENTIAL else WORD).findall("\n".join(texts[i])))

    for rank, i in sorted(((rank_of(titles, i), i) for i in shown), reverse=True):
        if rank == 0 or total([least(i, rank) for i in shown]) <= width:
            break
        shown.remove(i)
    widths = {i: least(i) for i in shown}
    while total([*widths.values()]) > width and max(widths.values()) > 1:  # not even words have room
        widths[max(widths, key=lambda i: widths[i])] -= 1
    cells = {i: longest(texts[i][1:]) for i in shown}
    whole = {i: max(cell_len(titles[i]), cells[i]) for i in shown}
    for wanted in (whole,) if total([*whole.values()]) <= width else (cells,):
        for i in sorted(shown, key=lambda i: i < labels_of(titles)):
            widths[i] += max(0, min(width - total([*widths.values()]), wanted[i] - widths[i]))
    return widths


def rank_of(titles: Sequence[str], i: int) -> int:
    """0 for what is never left out."""
    if titles[i] == "a call" and "elements" not in titles:
        return 1 if titles[0] == "fill" else RANK_OF_SAME_CALL
    others = titles[i].startswith("vs ") and titles[i] not in ("vs NumPy", "vs the fastest other")
    return RANKS.get(titles[i], RANK_OF_ANOTHER if others else 0)


def total(widths: Sequence[int]) -> int:
    """The width of a table of such columns."""
    return sum(width + GAP for width in widths) - GAP


def longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def breakable(text: Text, width: int) -> Text:
    """The text with ends of lines behind the underscores of words that are too long for a line."""
    ends = [
        word.start() + found.end()
        for word in re.finditer(r"\S+", text.plain)
        if cell_len(word[0]) > width
        for found in re.finditer(r"_(?=[^_])", word[0])
    ]
    return Text("\n").join(text.divide(ends)) if ends else text
