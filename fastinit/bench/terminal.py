"""The report in a terminal, by rich."""

from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

from rich import box, progress
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

from fastinit.bench.summary import Cell, Report, Table

WIDEST, NARROWEST = 120, 60
WIDTH_OF_FILES = 110
GAP = 2
LABEL_WIDTH = 18
TONES = {"bad": "red", "good": "green", "": ""}
# Behind the ratio to the fastest peer, as boldness alone is lost in a file.
FASTEST = "*"


def show(report: Report, out: TextIO | None = None) -> None:
    """Prints the report to out (standard output): in colour on a terminal, 110 columns wide in a file."""
    console = Console(file=out, highlight=False, emoji=False, markup=False)
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
    yield labelled(report.facts)
    if report.warning:
        yield alarm(report.warning)
    if report.headline.rows:
        yield section(report.headline, width)
    for table in report.tables:
        yield section(table, width)
    yield Text("\nNotes", style="bold")
    yield labelled([*report.notes, (FASTEST, "the fastest of the other libraries in this row")])
    if report.warning:
        yield alarm(report.warning)


class Bar:
    """fastinit.progress.Progress, with the time gone and left: on standard error, if that is a terminal."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        self.bar: progress.Progress = progress.Progress(
            progress.BarColumn(24),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("gone,"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("left  {task.description}", markup=False),
            console=console,
            transient=True,
            auto_refresh=False,  # by a thread, which would run while something is measured
            disable=not console.is_terminal,
        )
        self.task: progress.TaskID = self.bar.add_task("", total=total)

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def show(self, label: str) -> None:
        """Names what is being measured."""
        self.bar.update(self.task, description=label, refresh=True)

    def advance(self) -> None:
        """One more case is done."""
        self.bar.advance(self.task)


def alarm(text: str) -> RenderableType:
    """What nobody may overlook."""
    return Panel(Text(f"WARNING: {text}", style="bold red"), border_style="bold red", box=box.ASCII2)


def labelled(lines: list[tuple[str, str]]) -> RenderableType:
    """Values under each other, behind their labels."""
    grid = RichTable.grid(padding=(0, GAP))
    grid.add_column(style="dim", max_width=24)
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
        if total(folded(table, shown)) <= width or table.columns[i].rank == 0:
            break
        shown.remove(i)
    fashions = [whole(table, shown), unfolded(table, shown), folded(table, shown)]
    widths = next((widths for widths in fashions if total(widths) <= width), fashions[-1])
    return dict(zip(shown, widths, strict=True))


def total(widths: list[int]) -> int:
    """The width of a table of such columns."""
    return sum(width + GAP for width in widths) - GAP


def whole(table: Table, shown: list[int]) -> list[int]:
    """The widths that titles and cells take in one line."""
    titles = [len(table.columns[i].title) for i in shown]
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
    return max((len(text) for text in texts), default=0)


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
        made.add_column(table.columns[i].title, justify="right" if table.columns[i].numeric else "left", width=width)
    texts = {i: iter(column_texts(table, i)) for i in shown}
    for group in table.groups:
        for row in group:
            made.add_row(*(styled(next(texts[i]), row[i]) for i in shown))
        made.add_section()
    return made


def styled(text: str, cell: Cell) -> Text:
    """A cell's text as it stands out."""
    return Text(text, style=f"{'bold ' if cell.fastest else ''}{TONES[cell.tone]}".strip())
