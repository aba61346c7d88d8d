"""
Mutated reports of the benchmark: each is refused in one line, or rendered in every form with nothing foreign alive.

`python tests/fuzz/reports.py [--seed N] [--cases N | --seconds S]` prints one line of figures; at the first failure it
saves the case and ends with 1. Needs rich; markdown-it and matplotlib check and draw more where they are installed.
"""

import argparse
import copy
import io
import json
import random
import re
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from rich.cells import cell_len

from fastinit.bench import compare, environment, page, printer, report, results
from fastinit.text import printable

try:
    from markdown_it import MarkdownIt
except ModuleNotFoundError:
    MarkdownIt = None
try:
    import matplotlib
except ModuleNotFoundError:
    matplotlib = None

CASES = 3000
PAGES = 0.15  # of the accepted reports: a page with its charts takes half a second
LONGEST_LINE = 500
WIDTHS = (40, 61, 80, 110)


# ---- A report --------------------------------------------------------------------------------------------------------


def original() -> dict[str, Any]:
    """A small report with cases of every kind of chart."""
    random_times = random.Random(1)

    def measurement(section: str, draw: str, elements: int, **changes: str) -> dict[str, Any]:
        sides = {}
        for name, ns in (("fastinit", 0.5), ("NumPy", 8), ("PyTorch", 4), ("np.random", 9), ("memset", 0.1)):
            seconds = [float(f"{ns * 1e-9 * elements * random_times.uniform(0.95, 1.1):.4g}") for _ in range(5)]
            sides[name] = {"statement": f"{name}.{draw}(w)", "seconds": seconds}
        usual = {"threads": "one", "pages": "warm", "layout": "contiguous"}
        key = {"section": section, "draw": draw, "dtype": "float32", "elements": elements, **usual, **changes}
        return {**key, "bytes": 4 * elements, "sides": sides}

    return {
        "format": results.FORMAT,
        "environment": {
            "date": "2026-01-01T00:00:00+00:00",
            "command": "python -m fastinit bench",
            "fastinit": "0.1.0",
            "stream_version": 1,
            "kernel": "avx2",
            "kernels_available": ["avx2", "portable"],
            "compiler": "GCC 12.2.0",
            "cpu": "A CPU",
            "cpu_features": ["avx2", "fma"],
            "cpus_available": 2,
            "frequency_mhz": 2600.0,
            "governor": None,
            "last_level_cache": 33554432,
            "virtual": True,
            "huge_pages": "madvise",
            "affinity": "not pinned",
            "threads": 2,
            "load_average": 0.5,
            "load_after": None,
            "platform": "Linux x86_64",
            "python": "CPython 3.11.2",
            "numpy": "2.4.6",
            "ml_dtypes": None,
        },
        "peers": {"NumPy": "Generator(PCG64)", "PyTorch": "torch.nn.init", "np.random": "the old one"},
        "missing": {"JAX": "not installed"},
        "measurements": [
            measurement("draws", "normal", 1 << 20),
            measurement("draws", "he_normal", 1 << 20),
            measurement("sizes", "normal", 1 << 8),
            measurement("sizes", "normal", 1 << 22),
            measurement("small", "he_normal", 64),
            measurement("small", "he_normal", 256),
            measurement("threads", "normal", 1 << 24),
            measurement("threads", "normal", 1 << 24, threads="all"),
            measurement("layouts", "normal", 1 << 20),
            measurement("layouts", "normal", 1 << 20, layout="Fortran order"),
        ],
    }


# ---- Mutations -------------------------------------------------------------------------------------------------------

TEXTS = (
    "",
    " ",
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[31m",
    "\u202etxet\u2066",
    "\x9b31m",
    "\ud800",
    "\u2028\u0085\x00",
    "![](https://tracker.example/x.png)",
    "[x](javascript:alert(1))",
    "[x]: https://example.com",
    "<https://example.com>",
    "_www.example.com/x a_www.example.com",
    "https://example.com/x www.example.com a@example.com @somebody #1 GH-1 mailto:a@b",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"' onload='x' --> ]]> </style></svg>",
    "&lt;b&gt; &amp; &#60;",
    "*a* **b** _c_ __d__ ~e~ ~~f~~ `g` ```",
    "a_b __init__ _a_ 2*3*4 \\* \\\\| \\",
    "# heading",
    "> quoted",
    "- item",
    "1. item",
    "1) item",
    "---",
    "===",
    "| a | b |",
    "||",
    "$\\frac{$",
    "$x$ $$ \\$ $\\alpha^{2}$",
    "\n\n# heading\n",
    "\r\n- a\tb",
    "[bold]x[/bold] [link=https://example.com]x[/link]",
    "#d55e00 #1b1d1f #fefefe",
    "数字" * 20,
    "e\u0301" * 30,
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "x" * 99,
    "long " * 19,
    "y" * 5000,
    "fastinit",
    "memset",
    "NumPy",
    "_nolegend_",
    "%s %d {} {0}",
)
NUMBERS = (
    0, -1, 1, 2, 3, 7, 1e-7, 1e-12, 9e-13, 1e-300, 5e-324, 1e-308, 0.1, 1e6, 1.1e6, 1e9, 1e15, 1e16, 1e308, 1 << 53,
    (1 << 53) + 1, 1 << 60, 1 << 64, 10**39, 10**41, 10**400, float("nan"), float("inf"), float("-inf"), -0.0, 64.0,
)  # fmt: skip
OTHERS = (None, True, False, [], {}, [[]], [{}], {"": 0}, [1, 2], "1", "1e-7")


def mutated(case: random.Random, base: dict[str, Any]) -> bytes:
    """A report with one to four changes, of what it says or of its bytes."""
    data = copy.deepcopy(base)
    for _ in range(case.choice((1, 1, 2, 4))):
        case.choice((*MILD * 3, *WILD))(case, data)
    try:
        text = json.dumps(data, ensure_ascii=case.random() < 0.5)
    except ValueError:  # an integer of more digits than Python converts
        text = "{}"
    if case.random() < 0.06:
        text = doubled_key(case, text)
    content = text.encode(errors="surrogatepass")
    if case.random() < 0.15:
        content = with_other_bytes(case, content)
    if case.random() < 0.01:
        content = case.choice((b"[" * 100_000, b'{"a":' * 50_000, b"", b"\xef\xbb\xbf" + content, b"9" * 5000))
    return content


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def place(case: random.Random, data: Any, kind: type | tuple[type, ...] = object) -> tuple[Any, Any] | None:
    """One of them, whose value is of that kind."""
    found = [(within, key) for within, key in places(data) if isinstance(within[key], kind)]
    return case.choice(found) if found else None


def new_text(case: random.Random, data: Any) -> None:
    if spot := place(case, data, str):
        spot[0][spot[1]] = some_text(case)


def some_text(case: random.Random) -> str:
    """A hostile text, or two, or letters of any kind."""
    if case.random() < 0.1:
        return "".join(chr(case.choice((case.randrange(0x300), case.randrange(0x110000)))) for _ in range(20))
    return " ".join(case.choice(TEXTS) for _ in range(case.choice((1, 1, 2))))


def new_name(case: random.Random, data: Any) -> None:
    """A library has another name, everywhere."""
    if not isinstance(data.get("peers"), dict) or not data["peers"]:
        return
    old, new = case.choice(list(data["peers"])), some_text(case)[: case.choice((5, 40, 100))]
    for names in (data["peers"], *(each["sides"] for each in measurements(data))):
        if isinstance(names, dict) and old in names and new not in names:
            names[new] = names.pop(old)


def new_draw(case: random.Random, data: Any) -> None:
    """Many cases have another draw, dtype or layout."""
    field, text = case.choice(("draw", "dtype", "layout")), some_text(case)[:100]
    for each in measurements(data):
        if case.random() < 0.5:
            each[field] = text


def measurements(data: Any) -> list[dict[str, Any]]:
    found = data.get("measurements") if isinstance(data, dict) else None
    listed = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return [each for each in listed if isinstance(each.get("sides"), dict)]


def scaled_times(case: random.Random, data: Any) -> None:
    """Times or sizes from one end of what is accepted to the other."""
    for each in measurements(data):
        if case.random() < 0.4:
            each["elements"] = case.choice((1, 2, 3, 64, 1 << 20, 1 << 40, (1 << 53) - case.randrange(5)))
        for side in each["sides"].values():
            if case.random() < 0.3 and isinstance(side, dict) and isinstance(side.get("seconds"), list):
                size = 10 ** case.uniform(-12, 6)
                spread = case.choice((0, 0, 1, 6))
                side["seconds"] = [
                    min(max(size * 10 ** case.uniform(-spread, spread), 1e-12), 1e6) for _ in side["seconds"]
                ]


def fewer(case: random.Random, data: Any) -> None:
    """Without a case, a side or some rounds."""
    every = measurements(data)
    if not every:
        return
    kind = case.randrange(4)
    if kind == 0:
        data["measurements"] = every[: case.randrange(len(every) + 1)]
    elif kind == 1:
        data["measurements"] = case.sample(every, case.randrange(len(every) + 1))
    elif kind == 2:
        case.choice(every)["sides"].pop(case.choice(("NumPy", "PyTorch", "memset", "np.random")), None)
    else:
        rounds = case.randrange(6)
        for side in case.choice(every)["sides"].values():
            if isinstance(side, dict) and isinstance(side.get("seconds"), list):
                del side["seconds"][rounds:]


def new_value(case: random.Random, data: Any) -> None:
    """Anything in the place of anything."""
    if spot := place(case, data):
        spot[0][spot[1]] = copy.deepcopy(case.choice((case.choice(NUMBERS), case.choice(OTHERS), some_text(case))))


def new_number(case: random.Random, data: Any) -> None:
    if spot := place(case, data, (int, float)):
        spot[0][spot[1]] = case.choice(NUMBERS)


def without(case: random.Random, data: Any) -> None:
    if spot := place(case, data):
        del spot[0][spot[1]]


def new_key(case: random.Random, data: Any) -> None:
    """One key more, or another."""
    if spot := place(case, data, dict):
        within = spot[0][spot[1]]
        key = case.choice((*within, some_text(case), "extra"))
        within[some_text(case)] = copy.deepcopy(within.get(key, 0))


def more(case: random.Random, data: Any) -> None:
    """A list with elements again."""
    if (spot := place(case, data, list)) and len(within := spot[0][spot[1]]) < 1000:
        within += copy.deepcopy(within[: case.choice((1, len(within)))]) * case.choice((1, 3))


MILD: tuple[Callable[[random.Random, Any], None], ...] = (new_text, new_name, new_draw, scaled_times, fewer)
WILD: tuple[Callable[[random.Random, Any], None], ...] = (new_value, new_number, without, new_key, more)


def doubled_key(case: random.Random, text: str) -> str:
    """A key of the text twice, which a dictionary cannot have."""
    keys = list(re.finditer(r'"(\w+)": ', text))
    found = case.choice(keys) if keys else None
    return text if found is None else f"{text[: found.start()]}{found[0]}0, {text[found.start() :]}"


def with_other_bytes(case: random.Random, content: bytes) -> bytes:
    """Some bytes changed, gone or new."""
    changed = bytearray(content)
    for _ in range(case.choice((1, 1, 3))):
        start = case.randrange(len(changed) + 1)
        end = min(len(changed), start + case.choice((0, 1, 1, 2, 30, 3000)))
        changed[start:end] = case.choice(
            (b"", case.randbytes(1), case.choice((b'"', b"{", b"]", b"-", b"e9", b",", b"0", b"\\", b"\xff", b"NaN")))
        )
    return bytes(changed)


# ---- What must hold --------------------------------------------------------------------------------------------------


class Broken(Exception):
    """What did not hold."""


def demand(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def check(content: bytes, base: results.Results, with_page: bool) -> bool:
    """Whether the report is accepted; Broken if it is neither refused nor rendered as it should."""
    try:
        here = results.of_json(content)
    except ValueError as error:
        text = str(error)
        demand(type(error) is ValueError, f"refused by {type(error).__name__}")
        demand(text and text == printable(text), f"the refusal is no printable line: {text!r}")
        demand(len(text) < LONGEST_LINE, f"the refusal has {len(text)} characters")
        return False
    demand(results.of_json(results.text(here).encode()) is not None, "what is accepted is not when written again")
    text = report.markdown(here, compare.table(compare.compare(base, here), "old.json"))
    check_terminal(text, WIDTHS)
    check_markdown(text, here)
    for old, new in ((here, base), (here, here)):
        table = compare.table(compare.compare(old, new), "old.json")
        check_terminal(report.markdown(results.Results(new.environment, {}, {}, ()), table), WIDTHS[:1])
    if with_page:
        check_page(page.html(text, here))
    return True


def check_terminal(text: str, widths: tuple[int, ...]) -> None:
    """Nothing moves the cursor, and nothing is wider than the terminal."""
    for width in widths:
        out = io.StringIO()
        printer.show(text, out, width=width)
        for line in out.getvalue().split("\n"):
            demand(line.isprintable(), f"control characters in the terminal: {line!r}")
            demand(cell_len(line) <= width, f"a line wider than {width} columns: {line!r}")
            demand("…" not in line, f"a text cut off in {width} columns: {line!r}")


LINKED = re.compile(r"://|(?<![^\W_])www\.\w|@\w|(?<!&)#\w|\bGH-\d|\bmailto:\w|(?<!\\)\]\(|<[a-z/!?]", re.IGNORECASE)
MARKS = {"strong_open", "strong_close", "em_open", "em_close"}
SHAPE = {"paragraph", "heading", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td", "inline"}


def check_markdown(text: str, here: results.Results) -> None:
    """Every text is read as it is, and none is markup."""
    demand(text.replace("\n", "").isprintable(), "control characters in Markdown")
    # Numbers of characters, the breaks too, are no numbers of issues.
    found = LINKED.search(text)
    demand(found is None, f"a link in Markdown: {found and text[max(0, found.start() - 40) : found.end() + 40]!r}")
    if MarkdownIt is None:
        return
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    demand(kinds <= SHAPE | {"blockquote"}, f"Markdown has {kinds - SHAPE}")
    count = [token.type for token in tokens].count
    sections = list(dict.fromkeys(each.key.section for each in here.measurements))
    headline = report.headline(here).rows
    demand(count("heading_open") == 4 + bool(headline) + len(sections), "Markdown has another heading")
    demand(count("bullet_list_open") == 2, "Markdown has another list")
    tables = [report.section_table(here, name) for name in sections]
    cells = [said(token) for before, token in pairwise(tokens) if before.type == "td_open"]
    own = sum(len(table.columns) * len(table.rows) for table in tables)
    places = iter(cells[len(cells) - own :])
    for name, table in zip(sections, tables, strict=True):
        for each in here.section(name):
            row = [next(places) for _ in table.columns]
            demand(row[0].startswith(one_line(each.key.draw)), f"Markdown has {row[0]!r}, not {each.key.draw!r}")
    items = [said(token) for token, before in zip(tokens[2:], tokens, strict=False) if before.type == "list_item_open"]
    pairs = [*environment.facts(here.environment), *report.notes(here, tables)]
    expected = [one_line(f"{one_line(label)}: {one_line(value)}") for label, value in pairs]
    demand(items == expected, f"Markdown has other lines: {first_difference(items, expected)}")


def said(token: Any) -> str:
    """The text of a token whose only markup may be bold and emphasis."""
    kinds = {child.type for child in token.children}
    demand(
        kinds <= {"text", "text_special", *MARKS},
        f"Markdown has {kinds}: {token.content!r}",
    )
    return one_line("".join(child.content for child in token.children).replace("\u200b", ""))


def one_line(text: str) -> str:
    return " ".join(text.split())


def first_difference(found: list[str], expected: list[str]) -> str:
    pairs = [*zip(found, expected, strict=False), (f"{len(found)} of them", f"{len(expected)}")]
    return next(f"{a!r}, not {b!r}" for a, b in pairs if a != b)


class Page(HTMLParser):
    """A page in which every element is closed, and no other than these are."""

    KNOWN = (
        " html head meta title style body header h1 h2 p section nav a main div figure figcaption img details summary "
        "blockquote ul li dl dt dd code table thead tbody tr th td strong em "
    )
    ATTRIBUTES = " lang charset name content class id role aria-label aria-labelledby tabindex href src alt scope "

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.feed(text)
        self.close()
        demand(not self.open, f"not closed in HTML: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        demand(f" {tag} " in self.KNOWN, f"HTML has <{tag}>")
        for name, value in attrs:
            demand(f" {name} " in self.ATTRIBUTES, f"HTML has an attribute {name}")
            demand(name != "href" or (value or "").startswith("#"), f"HTML has a link to {value}")
            if name == "src":
                demand((value or "").startswith("data:image/svg+xml;base64,"), f"HTML loads {value}")
                self.pictures.append((value or "").partition(",")[2])
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        demand(self.open and self.open.pop() == tag, f"HTML closes <{tag}>")


def check_page(text: str) -> None:
    """Well formed, with pictures that load nothing."""
    demand(text.replace("\n", "").isprintable(), "control characters in HTML")
    for picture in Page(text).pictures:
        for each in ElementTree.fromstring(b64decode(picture)).iter():
            demand(each.tag.rpartition("}")[2] not in ("script", "image", "foreignObject", "a"), f"SVG has {each.tag}")
            for name, value in each.attrib.items():
                demand(not name.startswith("on"), f"SVG has {name}")
                demand(not name.endswith("href") or value.startswith("#"), f"SVG loads {value}")


# ---- The run ---------------------------------------------------------------------------------------------------------


def run(seed: int = 0, cases: int | None = None, seconds: float | None = None) -> str:
    """Tries so many reports, or as many as the time allows; the figures, or Broken with the path of the saved case."""
    data = original()
    base = results.of_json(json.dumps(data).encode())
    check(json.dumps(data).encode(), base, matplotlib is not None)
    end = None if seconds is None else time.monotonic() + seconds
    tried = accepted = pages = 0
    while (tried < cases) if cases is not None else (time.monotonic() < end if end is not None else tried < CASES):
        case = random.Random(f"{seed}/{tried}")
        content = mutated(case, data)
        with_page = matplotlib is not None and case.random() < PAGES
        try:
            if check(content, base, with_page):
                accepted += 1
                pages += with_page
        except Exception as error:
            with tempfile.NamedTemporaryFile(prefix="report-", suffix=".json", delete=False) as file:
                file.write(content)
            raise Broken(
                f"case {tried} of seed {seed}, saved in {file.name}: {type(error).__name__}: {error}"
            ) from error
        tried += 1
    return f"{tried:,} tried, {tried - accepted:,} refused, {accepted:,} rendered ({pages:,} pages)"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--cases", type=int)
    arguments.add_argument("--seconds", type=float)
    try:
        print(run(**vars(arguments.parse_args())))
    except Broken as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
