"""The report as one self-contained page of HTML, made from its Markdown: no script, nothing loaded from elsewhere."""

import re
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from fastinit.bench import cases, charts
from fastinit.bench.report import BREAK, groups
from fastinit.bench.results import Results

if TYPE_CHECKING:
    from markdown_it.token import Token

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
figcaption { color: var(--faint); }
nav { margin: 1rem 0; }
nav a { display: inline-block; margin: .1rem .9rem .1rem 0; padding: .2rem 0; }
a { color: inherit; text-underline-offset: .15em; }
blockquote { border: 3px solid var(--bad); max-width: 46rem; padding: .3rem 1rem; margin: 1rem 0;
  color: var(--bad); font-weight: 600; }
.charts { display: grid; gap: 1.4rem 1.6rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  align-items: start; margin: 1.2rem 0; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; max-width: 33rem; height: auto; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 2px solid var(--faint); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: baseline; white-space: nowrap; }
.number { text-align: right; }
thead th { border-bottom: 1.5px solid var(--ink); vertical-align: bottom; white-space: normal; font-weight: 600; }
tbody th { font-weight: 400; position: sticky; left: 0; background: var(--paper); }
tr.group > * { border-top: 1px solid var(--line); }
tbody tr:hover > * { background: var(--shade); }
td strong { font-weight: 700; text-decoration: underline; text-underline-offset: .2em; text-decoration-thickness: 1px; }
td em { color: var(--bad); font-style: normal; }
.good { color: var(--good); }
ul { list-style: none; margin: .8rem 0; padding: 0; font-size: .95rem; }
li { display: grid; grid-template-columns: 11rem 1fr; gap: 0 1.2rem; margin: .15rem 0; overflow-wrap: anywhere; }
li strong { color: var(--faint); font-weight: 400; }
dl { display: grid; grid-template-columns: fit-content(11rem) 1fr; gap: .15rem 1.2rem; margin: .8rem 0;
  font-size: .95rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--faint); }
@media (max-width: 34rem) {
  body { padding: 1rem .8rem 3rem; }
  dl, li { display: block; }
  dd { margin-bottom: .4rem; }
  h2 { margin-top: 2.2rem; }
  table { font-size: .85rem; }
  tbody th { white-space: normal; min-width: 7.5rem; }
  #in-short ~ .scroll :is(th, td):is(:nth-child(2), :nth-child(3)) { display: none; } }
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
  tr, figure, p, ul, blockquote { break-inside: avoid; }
  h2, h2 ~ p, figcaption, thead { break-after: avoid; }
  thead { display: table-header-group; } }
"""


NAMES = {section.title: name for name, section in cases.SECTIONS.items()}


def html(report: str, results: Results) -> str:
    """The whole page, of the report in Markdown."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(report.replace(BREAK, ""))
    begins = [i for i, token in enumerate(tokens) if token.type == "heading_open"]
    parts = [tokens[begin:end] for begin, end in pairwise([*begins, len(tokens)])]
    titles = [said(part[1]) for part in parts]
    names = [NAMES.get(title, re.sub("[^a-z0-9]+", "-", title.lower())) for title in titles]

    def section(part: list["Token"], name: str) -> Iterator[str]:
        """A title, a sentence or two, charts, all rows, and what was run."""
        part[0].attrSet("id", name)
        prepare(part)
        before = next((i for i, token in enumerate(part) if token.type == "table_open"), len(part))
        yield reader.renderer.render(part[:before], reader.options, {})
        if pictures := charts.of_section(results, name):
            yield f'<div class="charts">{"".join(map(picture, pictures))}</div>'
        if before < len(part):
            table = reader.renderer.render(part[before:], reader.options, {})
            yield f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">{table}</div>'
        yield from statements(results, name)

    links = (f'<a href="#{name}">{escape(title)}</a>' for title, name in zip(titles[1:], names[1:], strict=True))
    top, *rest = ("\n".join(section(part, name)) for part, name in zip(parts, names, strict=True))
    body = "\n".join(f"<section>\n{each}</section>" for each in rest)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(titles[0])}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
{top}<nav aria-label="Sections">{" ".join(links)}</nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def said(token: "Token") -> str:
    """The text of a title or a cell."""
    return "".join(child.content for child in token.children or ())


def prepare(part: list["Token"]) -> None:
    """Marks warnings, row headers, numbers and groups of rows."""
    rows: list[list[str]] = []
    opened: list[Token] = []
    for token, inner in pairwise([*part, part[-1]]):
        if token.type == "blockquote_open":
            token.attrSet("role", "alert")
        elif token.type == "tr_open":
            rows.append([])
            opened.append(token)
        elif token.type in ("th_open", "td_open"):
            token.attrs = {"class": "number"} if "right" in str(token.attrGet("style")) else {}
            if token.type == "th_open" or not rows[-1]:
                token.attrSet("scope", "col" if token.type == "th_open" else "row")
                token.tag = "th"
            if said(inner) == "faster":
                token.attrJoin("class", "good")
            rows[-1].append(said(inner))
        elif token.type == "td_close" and len(rows[-1]) == 1:
            token.tag = "th"
    if rows:
        first = 1
        for size in groups(rows[0], rows[1:])[:-1]:
            first += size
            opened[first].attrSet("class", "group")


def picture(chart: charts.Chart) -> str:
    """A chart as an image that the page contains."""
    return (
        f'<figure><figcaption>{escape(chart.caption)}</figcaption><img src="{charts.data_uri(chart.figure)}" '
        f'alt="{escape(chart.alt)}"></figure>\n'
    )


def statements(results: Results, name: str) -> Iterator[str]:
    """What each side ran in a section, each statement once."""
    found = {
        (f"{side}: {each.key.draw} {each.key.dtype}", ran.statement): None
        for each in results.section(name)
        for side, ran in each.sides.items()
    }
    if found:
        pairs = (f"<dt>{escape(who)}</dt><dd><code>{escape(text)}</code></dd>\n" for who, text in found)
        yield f"<details><summary>The statements that were timed</summary><dl>\n{''.join(pairs)}</dl></details>\n"
