"""The report in a terminal, by rich."""

import errno
import os
import re
from collections.abc import Iterator
from typing import Literal, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

from fastinit.bench.summary import ESSENTIAL, Cell, Report, Table

WIDEST, NARROWEST = 120, 40
NARROW = 60  # below, labels and values take turns in one column
WIDTH_OF_FILES = 110
GAP = 2
LABEL_WIDTH = 18
TONES = {"bad": "red", "good": "green", "": ""}
# Behind the ratio to the fastest peer, as boldness alone is lost in a file.
FASTEST = "*"
# What a line may not end within: a number and its unit, or a word, but behind its underscores.
PART = re.compile(rf"[\d.]+ (?:x|%|[nµm]?s|[KMG]i?)(?:{re.escape(FASTEST)}|(?!\S))|[^\s_]*_+|[^\s_]+")


class Printer(Console):
    """A console that tells when nobody reads on, where rich would end the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def show(report: Report, out: TextIO | None = None) -> None:
    """Prints the report to out (standard output): in colour on a terminal, 110 columns wide in a file."""
    console = Printer(file=out, highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        console.width = max(NARROWEST, min(console.width, WIDEST))
        console.print(*parts(report, console.width))
        return
    console.width = WIDTH_OF_FILES
    with console.capture() as text:
        console.print(*parts(report, console.width))
    # Tables fill their lines up with spaces.
    print("\n".join(line.rstrip() for line in text.get().splitlines()), file=out)


def parts(report: Report, width: int) -> Iterator[RenderableType]:
    """The report from top to bottom."""
    yield Text(report.title, style="bold")
    yield labelled(report.facts, width)
    if report.warning:
        yield alarm(report.warning)
    if report.headline.rows:
        yield section(report.headline, width)
    for table in report.tables:
        yield section(table, width)
    yield Text("\nNotes", style="bold")
    yield labelled([*report.notes, (FASTEST, "the fastest of the other libraries in this row")], width)
    if report.warning:
        yield alarm(report.warning)


def alarm(text: str) -> RenderableType:
    """What nobody may overlook."""
    return Panel(Text(f"WARNING: {text}", style="bold red"), border_style="bold red", box=box.ASCII2)


def labelled(lines: list[tuple[str, str]], width: int) -> RenderableType:
    """Values under each other, behind their labels."""
    if width < NARROW:
        return Group(*(Text.assemble((f"{label}: ", "dim"), value) for label, value in lines))
    grid = RichTable.grid(padding=(0, GAP))
    grid.add_column(style="dim", max_width=24, overflow="fold")
    grid.add_column(overflow="fold")
    for label, value in lines:
        grid.add_row(label, value)
    return grid


def section(table: Table, width: int) -> RenderableType:
    """A title, a sentence or two, and the table: columns that have no room are named instead."""
    heading = Text.assemble("\n", (table.title, "bold"), (f": {table.scope}" if table.scope else "", ""))
    content: list[RenderableType] = [heading]
    if table.warning:
        content.append(alarm(table.warning))
    if table.text:
        content.append(Text(table.text, style="dim"))
    shown = fitting(table, width)
    if table.rows:
        content.append(rich_table(table, shown))
    if left_out := [column.title for i, column in enumerate(table.columns) if i not in shown]:
        content.append(Text(f"no room in {width} columns for: {', '.join(left_out)}", style="dim"))
    return Group(*content)


def fitting(table: Table, width: int) -> dict[int, int]:
    """The indices of the columns that there is room for, and their widths: the highest ranks are left out first."""
    shown = list(range(len(table.columns)))
    for i in sorted(shown, key=lambda i: -table.columns[i].rank):
        rank = table.columns[i].rank
        if rank == 0 or total((least if rank <= ESSENTIAL else folded)(table, shown)) <= width:
            break
        shown.remove(i)
    fashions = (whole(table, shown), unfolded(table, shown))
    widths = next((widths for widths in fashions if total(widths) <= width), None) or squeezed(table, shown, width)
    return dict(zip(shown, widths, strict=True))


def total(widths: list[int]) -> int:
    """The width of a table of such columns."""
    return sum(width + GAP for width in widths) - GAP


def whole(table: Table, shown: list[int]) -> list[int]:
    """The widths that titles and cells take in one line."""
    titles = [cell_len(table.columns[i].title) for i in shown]
    return [max(pair) for pair in zip(titles, unfolded(table, shown), strict=True)]


def unfolded(table: Table, shown: list[int]) -> list[int]:
    """The widths that titles take in as many lines as words, and cells in one."""
    return [longest(table.columns[i].title.split() + column_texts(table, i)) for i in shown]


def folded(table: Table, shown: list[int]) -> list[int]:
    """The widths where long labels too take several lines."""
    words = [longest(" ".join([table.columns[i].title, *column_texts(table, i)]).split()) for i in shown]
    narrow = [max(least, LABEL_WIDTH) if table.columns[i].label else 999 for least, i in zip(words, shown, strict=True)]
    return [min(pair) for pair in zip(narrow, unfolded(table, shown), strict=True)]


def longest(texts: list[str]) -> int:
    return max((cell_len(text) for text in texts), default=0)


def least(table: Table, shown: list[int]) -> list[int]:
    """The widths of the longest parts that lines do not end within."""
    return [longest(PART.findall("\n".join([table.columns[i].title, *column_texts(table, i)]))) for i in shown]


def breakable(text: str, width: int) -> str:
    """The text with ends of lines behind the underscores of words that are too long for a line."""
    words = re.split(r"(?<=\s)", text)
    return "".join(re.sub(r"_(?=[^_\s])", "_\n", word) if cell_len(word.rstrip()) > width else word for word in words)


def squeezed(table: Table, shown: list[int], width: int) -> list[int]:
    """
    The widths that fill the terminal: at least the longest word's, and more where there is room, for labels last.

    Where not even words have room, the widest columns break them.
    """
    wanted = unfolded(table, shown)
    widths = least(table, shown)
    while total(widths) > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    for place in sorted(range(len(shown)), key=lambda place: table.columns[shown[place]].label):
        widths[place] += max(0, min(width - total(widths), wanted[place] - widths[place]))
    return widths


def column_texts(table: Table, index: int) -> list[str]:
    """A column's texts; where the fastest are marked, a space keeps the others flush."""
    cells = [row[index] for row in table.rows]
    other = " " if any(cell.fastest for cell in cells) else ""
    return [cell.text + (FASTEST if cell.fastest else other) for cell in cells]


def rich_table(table: Table, shown: dict[int, int]) -> RichTable:
    """The columns shown, with a gap between groups of rows."""
    # Of the gap between two columns, one place is the box's.
    made = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for i, width in shown.items():
        justify: Literal["left", "right"] = "right" if table.columns[i].numeric else "left"
        made.add_column(table.columns[i].title, justify=justify, width=width, overflow="fold")
    texts = {i: iter(column_texts(table, i)) for i in shown}
    for group in table.groups:
        for row in group:
            made.add_row(*(styled(breakable(next(texts[i]), width), row[i]) for i, width in shown.items()))
        made.add_section()
    return made


def styled(text: str, cell: Cell) -> Text:
    """A cell's text as it stands out."""
    return Text(text, style=f"{'bold ' if cell.fastest else ''}{TONES[cell.tone]}".strip())
