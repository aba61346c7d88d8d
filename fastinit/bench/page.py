"""The report as one self-contained page of HTML: no script, nothing loaded from elsewhere."""

from collections.abc import Iterator
from html import escape

from fastinit.bench import charts
from fastinit.bench.charts import Chart
from fastinit.bench.results import Results
from fastinit.bench.summary import Cell, Column, Report, Table

STYLE = """
:root { color-scheme: light dark; --ink: #1b1d1f; --faint: #5a6067; --paper: #fefefe; --shade: #f2f4f5;
  --line: #d9dde0; --bad: #b3261e; --good: #0b6b4f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e9eb; --faint: #a0a7ae; --paper: #16191c; --shade: #1f2327; --line: #3b4147;
    --bad: #ff8a80; --good: #6fd1ab; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 3rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0; }
.faint, figcaption, caption { color: var(--faint); }
nav { margin: 1rem 0; }
nav a { display: inline-block; margin: .1rem .9rem .1rem 0; padding: .2rem 0; }
a { color: inherit; text-underline-offset: .15em; }
.alarm { border: 3px solid var(--bad); padding: .7rem 1rem; margin: 1rem 0; color: var(--bad); font-weight: 600; }
.charts { display: grid; gap: 1.4rem 1.6rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  align-items: start; margin: 1.2rem 0; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; max-width: 33rem; height: auto; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 2px solid var(--faint); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: baseline; white-space: nowrap; }
th.number, td.number { text-align: right; }
thead th { border-bottom: 1.5px solid var(--ink); vertical-align: bottom; white-space: normal; font-weight: 600; }
tbody th { font-weight: 400; position: sticky; left: 0; background: var(--paper); }
tbody + tbody tr:first-child > * { border-top: 1px solid var(--line); }
tbody tr:hover > * { background: var(--shade); }
strong { font-weight: 700; text-decoration: underline; text-underline-offset: .2em; text-decoration-thickness: 1px; }
.bad { color: var(--bad); }
.good { color: var(--good); }
dl { display: grid; grid-template-columns: fit-content(11rem) 1fr; gap: .15rem 1.2rem; margin: .8rem 0;
  font-size: .95rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--faint); }
@media (max-width: 34rem) {
  body { padding: 1rem .8rem 3rem; }
  dl { display: block; }
  dd { margin-bottom: .4rem; }
  h2 { margin-top: 2.2rem; }
  table { font-size: .85rem; }
  tbody th { white-space: normal; min-width: 7.5rem; }
  #headline .spare { display: none; } }
@media print {
  :root { color-scheme: light; --ink: #000; --faint: #444; --paper: #fff; --shade: #fff; --line: #bbb; --bad: #900;
    --good: #040; }
  @page { margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  nav, details { display: none; }
  .scroll { overflow: visible; }
  .charts { grid-template-columns: 1fr 1fr; gap: 5mm; }
  table { font-size: 7.5pt; }
  th, td { padding-right: 1.8mm; }
  #draws { break-before: page; }
  tbody, figure, p, dl, .alarm { break-inside: avoid; }
  h2, h2 ~ p, figcaption, caption, thead { break-after: avoid; }
  thead { display: table-header-group; } }
"""


def html(report: Report, results: Results) -> str:
    """The whole page."""
    return "\n".join(lines(report, results)) + "\n"


def lines(report: Report, results: Results) -> Iterator[str]:
    """The page from top to bottom."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(report.title)}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield from top(report)
    yield "<main>"
    for table in report.tables:
        yield from section(table, charts.of_section(results, table.name), statements(results, table.name))
    yield from listing(
        "notes", "Notes", [*report.notes, ("underlined", "the fastest of the other libraries in its row")]
    )
    yield "</main>"
    yield "</body>"
    yield "</html>"


def top(report: Report) -> Iterator[str]:
    """What a reader in a hurry needs, and the way to the rest."""
    yield "<header>"
    yield f"<h1>{escape(report.title)}</h1>"
    if report.warning:
        yield alarm(report.warning)
    if report.headline.rows:
        yield from section(report.headline, [], [])
    yield from listing("machine", "Where and when", report.facts)
    links = [*((table.name, table.title) for table in report.tables), ("notes", "Notes")]
    yield f'<nav aria-label="Sections">{" ".join(link(*each) for each in links)}</nav>'
    yield "</header>"


def alarm(text: str) -> str:
    """What nobody may overlook."""
    return f'<p class="alarm" role="alert">WARNING: {escape(text)}</p>'


def link(name: str, title: str) -> str:
    return f'<a href="#{escape(name)}">{escape(title)}</a>'


def listing(name: str, title: str, pairs: list[tuple[str, str]]) -> Iterator[str]:
    """Terms and what they mean."""
    yield f'<section id="{escape(name)}"><h2>{escape(title)}</h2>'
    yield "<dl>"
    for term, text in pairs:
        yield f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>"
    yield "</dl></section>"


def section(table: Table, pictures: list[Chart], ran: list[tuple[str, str]]) -> Iterator[str]:
    """A title, a sentence or two, charts, all rows, and what was run."""
    name = escape(table.name)
    yield f'<section id="{name}"><h2 id="{name}-title">{escape(table.title)}</h2>'
    if table.warning:
        yield alarm(table.warning)
    if table.text:
        yield f"<p>{escape(table.text)}</p>"
    if pictures:
        yield '<div class="charts">'
        yield from (picture(each) for each in pictures)
        yield "</div>"
    if table.rows:
        yield f'<div class="scroll" role="region" aria-labelledby="{name}-title" tabindex="0">'
        yield from rows_of(table)
        yield "</div>"
    if ran:
        yield "<details><summary>The statements that were timed</summary><dl>"
        yield from map(statement, ran)
        yield "</dl></details>"
    yield "</section>"


def picture(chart: Chart) -> str:
    """A chart as an image that the page contains."""
    return (
        f'<figure><figcaption>{escape(chart.caption)}</figcaption><img src="{charts.data_uri(chart.figure)}" '
        f'alt="{escape(chart.alt)}"></figure>'
    )


def rows_of(table: Table) -> Iterator[str]:
    """The table, its groups of rows apart."""
    yield "<table>"
    if table.scope:
        yield f"<caption>Rows: {escape(table.scope)}</caption>"
    yield f"<thead><tr>{''.join(title(column) for column in table.columns)}</tr></thead>"
    for group in table.groups:
        yield "<tbody>"
        for row in group:
            cells = (cell(*pair, first=i == 0) for i, pair in enumerate(zip(row, table.columns, strict=True)))
            yield f"<tr>{''.join(cells)}</tr>"
        yield "</tbody>"
    yield "</table>"


def title(column: Column) -> str:
    return f'<th scope="col"{class_of(column)}>{escape(column.title)}</th>'


def class_of(column: Column, tone: str = "") -> str:
    """The attribute by which STYLE knows a cell."""
    words = ["number" if column.numeric else "", "spare" if column.rank else "", tone]
    return f' class="{" ".join(word for word in words if word)}"' if any(words) else ""


def cell(content: Cell, column: Column, first: bool) -> str:
    """One cell; a row's first is its header."""
    text = f"<strong>{escape(content.text)}</strong>" if content.fastest else escape(content.text)
    attribute = class_of(column, content.tone)
    return f'<th scope="row"{attribute}>{text}</th>' if first else f"<td{attribute}>{text}</td>"


def statements(results: Results, name: str) -> list[tuple[str, str]]:
    """What each side ran in a section, each statement once."""
    found = {
        (f"{side}: {each.key.draw} {each.key.dtype}", ran.statement): None
        for each in results.section(name)
        for side, ran in each.sides.items()
    }
    return list(found)


def statement(ran: tuple[str, str]) -> str:
    return f"<dt>{escape(ran[0])}</dt><dd><code>{escape(ran[1])}</code></dd>"
