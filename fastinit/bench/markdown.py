"""The report as Markdown, for a README or an issue: aligned, so that it can be read as it is too."""

import re
from collections.abc import Iterator

from fastinit.bench.summary import Cell, Column, Report, Table

# What is markup to CommonMark or to GitHub, wherever it stands; the rest stays as it is, to be read in a file too.
MARKUP = re.compile(
    r"""
      (?P<escaped> [\\`*\[\]|~\#] | (?<![^\W_])_ | _(?![^\W_]) )      # an underscore within a word is none
    | (?P<entity> [&<$] )
    | (?P<link> :(?=//) | :(?=[a-z+-][\w+-]*:) | (?<![^\W_])www(?=\.) | @ | \bGH-(?=\d) | \b(?:mailto|xmpp):)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What begins a list, a quotation or a line, where a text begins a line.
BEGIN = re.compile(r"[-+>=]|\d+(?=[.)])")
ENTITIES = {"&": "&amp;", "<": "&lt;", "$": "&#36;"}
# GitHub makes links of addresses, mentions and numbers of issues in text that is escaped too: a space of no width in
# them leaves them text.
BREAK = "&#8203;"


def text(report: Report) -> str:
    """The whole report."""
    return "\n\n".join(blocks(report)) + "\n"


def blocks(report: Report) -> Iterator[str]:
    """The report from top to bottom."""
    yield f"# {escaped(report.title)}"
    if report.warning:
        yield alarm(report.warning)
    yield listing(report.facts)
    if report.headline.rows:
        yield from section(report.headline)
    for table in report.tables:
        yield from section(table)
    yield "## Notes"
    yield listing([*report.notes, ("bold", "the ratio to the fastest of the other libraries in this row")])


def alarm(text: str) -> str:
    return f"> **WARNING:** {escaped(text)}"


def section(table: Table) -> Iterator[str]:
    """A title, what all rows share, a sentence or two, and the table."""
    yield f"## {escaped(table.title)}"
    if table.warning:
        yield alarm(table.warning)
    if table.text:
        yield escaped(table.text)
    if table.scope:
        yield f"Rows: {escaped(table.scope)}."
    if table.rows:
        yield pipe_table(table)


def listing(lines: list[tuple[str, str]]) -> str:
    return "\n".join(f"- {label_text(label)}: {escaped(value)}" for label, value in lines)


def label_text(label: str) -> str:
    """A label, which begins a line."""
    text = escaped(label)
    begin = BEGIN.match(text)
    if begin is None:
        return text
    return f"{text[: begin.end()]}{BREAK}{text[begin.end() :]}" if begin[0].isdigit() else f"\\{text}"


def pipe_table(table: Table) -> str:
    """The rows between pipes, padded to columns."""
    lines = [
        [escaped(column.title) for column in table.columns],
        *([cell_text(cell) for cell in row] for row in table.rows),
    ]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(table.columns))]
    rule = [rule_text(column, width) for column, width in zip(table.columns, widths, strict=True)]
    padded = [
        [padded_text(text, column, width) for text, column, width in zip(line, table.columns, widths, strict=True)]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))


def cell_text(cell: Cell) -> str:
    return f"**{escaped(cell.text)}**" if cell.fastest else escaped(cell.text)


def rule_text(column: Column, width: int) -> str:
    """The line below the titles, which tells the alignment."""
    return "-" * (width - 1) + ":" if column.numeric else "-" * width


def padded_text(text: str, column: Column, width: int) -> str:
    return text.rjust(width) if column.numeric else text.ljust(width)


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
