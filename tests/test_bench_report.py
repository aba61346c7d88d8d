"""The benchmark report: every form says what was measured, and what cannot be is refused before measuring."""

import io
import json
import os
import re
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import fastinit
from fastinit import bench
from fastinit.__main__ import main
from fastinit.bench import (
    cases,
    charts,
    compare,
    environment,
    facts,
    markdown,
    measure,
    numbers,
    page,
    results,
    summary,
)
from fastinit.bench.results import LIMIT, OWN, Key, Measurement, Results, Side

STEADY = (1.0, 1.01, 0.99, 1.0, 1.02)
NOISY = (1.0, 1.5, 0.8, 1.0, 1.4)
ENVIRONMENT = replace(environment.describe(), command="python -m fastinit bench", load_after=0.5)


def measurement(
    times: dict[str, float],
    *,
    section: str = "draws",
    draw: str = "normal",
    dtype: str = "float32",
    elements: int = 1 << 20,
    rounds: tuple[float, ...] = STEADY,
    **conditions: str,
) -> Measurement:
    """A case in which each side took its time, in seconds, times what each round adds."""
    usual = {"threads": "one", "pages": "warm", "layout": "contiguous"}
    key = Key(section, draw, dtype, elements, **{**usual, **conditions})
    sides = {
        name: Side(f"{name}.{draw}(w)", tuple(float(f"{seconds * part:.4g}") for part in rounds))
        for name, seconds in times.items()
    }
    return Measurement(key, elements * 4, sides)


def run_of(*measurements: Measurement, **changes: Any) -> Results:
    """A run of these cases."""
    here = replace(ENVIRONMENT, **changes)
    names = dict.fromkeys(name for each in measurements for name in each.peers)
    peers = {name: f"the way of {name}" for name in names}
    return Results(here, peers, {"JAX": "not installed"}, measurements)


def small_run(rounds: tuple[float, ...] = STEADY, times: float = 1.0) -> Results:
    """Some cases of three sections, fastinit's times multiplied."""
    fast, slow = 1e-3 * times, 1e-3
    return run_of(
        measurement({OWN: fast, "NumPy": 14 * slow, "MKL": 0.8 * slow, LIMIT: 1e-4}, rounds=rounds),
        measurement({OWN: fast, "NumPy": 6 * slow, LIMIT: 1e-4}, draw="uniform", rounds=rounds),
        measurement({OWN: 1.6e-7 * times, "NumPy": 2e-6}, section="small", elements=64, rounds=rounds),
        measurement({OWN: 2e-7 * times, "NumPy": 3e-6}, section="small", elements=128, rounds=rounds),
        measurement({OWN: 16 * fast, "NumPy": 220 * slow}, section="threads", elements=1 << 24, rounds=rounds),
        measurement(
            {OWN: 8 * fast, "NumPy": 110 * slow}, section="threads", elements=1 << 24, rounds=rounds, threads="all"
        ),
    )


def large_run(quick: bool = False) -> Results:
    """Every case of a run with every peer, all as long as another."""
    peers = ("NumPy", "NumPy SFC64", "np.random", "PyTorch", "JAX", "MKL")
    sides = dict.fromkeys((OWN, *peers, LIMIT), 1.234e-3)
    every = [each.key for each in cases.listed(cases.SECTIONS, quick, peers)]
    made = (Measurement(key, 4, measurement(sides).sides) for key in every)
    return run_of(*made)


def in_terminal(report: summary.Report, **options: Any) -> str:
    """The report as rich prints it."""
    pytest.importorskip("rich")
    from rich.console import Console

    from fastinit.bench import terminal

    if not options:
        out = io.StringIO()
        terminal.show(report, out)
        return out.getvalue()
    out = io.StringIO()
    console = Console(file=out, highlight=False, emoji=False, markup=False, **options)
    console.print(*terminal.parts(report, console.width))
    return out.getvalue()


class Page(HTMLParser):
    """A parsed page: its texts and attributes; fails where an element is not closed."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def html_of(here: Results, comparison: summary.Table | None = None) -> str:
    pytest.importorskip("matplotlib")
    return page.html(summary.report(here, comparison), here)


@cache
def small_page() -> str:
    """The page of small_run."""
    return html_of(small_run())


def forms(here: Results, comparison: summary.Table | None = None) -> dict[str, str]:
    """The report in each form, as plain text with single spaces."""
    report = summary.report(here, comparison)
    texts = {
        "terminal": in_terminal(report),
        "markdown": markdown.text(report),
        "html": Page(html_of(here, comparison)).text,
    }
    return {form: " ".join(text.replace("\\", "").split()) for form, text in texts.items()}


# ---- The numbers -----------------------------------------------------------------------------------------------------


def test_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # The second round met a machine ten times slower: medians of each side would give 40 / 10, the rounds agree on 5.
    sides = {OWN: Side("", (1.0, 10.0, 12.0)), "NumPy": Side("", (5.0, 50.0, 40.0))}
    here = run_of(Measurement(Key("draws", "normal", "float32", 1 << 20, "one", "warm", "contiguous"), 4, sides))
    assert summary.section_table(here, "draws").rows[0][-1].text == "5.0 x"


def test_every_form_has_all_rows_with_the_same_numbers() -> None:
    here = small_run()
    report = summary.report(here)
    tables = [report.headline, *report.tables]
    expected = [[cell.text for cell in row] for table in tables for row in table.rows]
    assert len(expected) == 3 + 2 + 2 + 2  # of the headline, draws, small and threads
    heads = [titles(table) for table in tables]
    assert [row for row in Page(small_page()).rows if row not in heads] == expected
    lines = [line for line in markdown.text(report).splitlines() if line.startswith("| ") and "---" not in line]
    piped = [[cell.strip(" *") for cell in line.strip("|").split(" | ")] for line in lines]
    assert [row for row in piped if row not in heads] == expected
    shown = [" ".join(line.replace("*", " ").split()) for line in in_terminal(report).splitlines()]
    assert all(" ".join(row) in shown for row in expected)


def titles(table: summary.Table) -> list[str]:
    return [column.title for column in table.columns]


def test_report_tells_where_how_and_beside_what_it_was_measured() -> None:
    for form, text in forms(small_run()).items():
        for fact in (
            fastinit.simd,
            environment.cpu_model(),
            "5 rounds",
            "the way of NumPy",
            "not measured: not installed",
        ):
            assert " ".join(fact.split()) in text, (form, fact)


def test_what_the_system_does_not_tell_is_left_out() -> None:
    unknown = replace(
        environment.describe(),
        **dict.fromkeys(("frequency_mhz", "governor", "last_level_cache", "virtual", "huge_pages", "load_average")),
        ml_dtypes=None,
    )
    labels = [label for label, _ in facts.of_run(unknown)]
    assert labels == ["measured", "fastinit", "CPU", "CPUs", "versions", "platform"]
    assert "None" not in str(facts.of_run(unknown))


def test_speed_of_all_threads_is_told_beside_that_of_one() -> None:
    table = summary.section_table(small_run(), "threads")
    place = titles(table).index("speed of one thread")
    assert [row[place].text for row in table.rows] == ["-", "2.0 x"]


def test_time_of_another_layout_is_told_beside_contiguous_an_element() -> None:
    conditions = {"section": "layouts", "draw": "normal"}
    here = run_of(
        measurement({OWN: 1.0}, elements=4096, **conditions),
        measurement({OWN: 1.5}, elements=2048, layout="rows of a wider array", **conditions),
    )
    table = summary.section_table(here, "layouts")
    assert [row[-1].text for row in table.rows] == ["-", "3.0 x"]


def test_headline_has_the_figures_that_the_run_contains_and_no_others() -> None:
    rows = [[cell.text for cell in row] for row in summary.headline(small_run()).rows]
    threads = f"{ENVIRONMENT.threads} thread{'s' if ENVIRONMENT.threads > 1 else ''}"
    fills = ["normal float32, 1 Mi", "uniform float32, 1 Mi", f"normal float32, 16 Mi, {threads}"]
    assert [row[0] for row in rows] == fills
    assert rows[0][-2:] == ["14.0 x", "0.80 x MKL"]
    assert summary.headline(run_of(measurement({OWN: 1.0}, draw="bits"))).rows == ()
    (alone,) = summary.headline(run_of(measurement({OWN: 1.0}))).rows
    assert [cell.text for cell in alone[-2:]] == ["-", "-"]


def test_run_in_which_nothing_could_be_measured_says_so_in_every_form() -> None:
    for form, text in forms(run_of()).items():
        assert "the median of no rounds" in text, form


def test_fastest_of_several_peers_stands_out_and_so_does_a_faster_one() -> None:
    here = small_run()
    row = summary.section_table(here, "draws").rows[0]
    assert [(cell.text, cell.fastest, cell.tone) for cell in row[-2:]] == [
        ("14.0 x", False, ""),
        ("0.80 x", True, "bad"),
    ]
    assert not any(cell.fastest for cell in summary.section_table(here, "small").rows[0])
    assert '<td class="number spare bad"><strong>0.80 x</strong></td>' in small_page()
    assert "**0.80 x**" in markdown.text(summary.report(here))
    assert "0.80 x*" in in_terminal(summary.report(here))


@pytest.mark.parametrize(("noisy", "warns"), [(0, False), (2, False), (3, True), (8, True)])
def test_noisy_run_is_called_noisy_in_every_form(noisy: int, warns: bool) -> None:
    sides = {OWN: 1e-3, "NumPy": 1e-2}
    spread = [measurement(sides, section="adding", elements=1 << n, rounds=NOISY) for n in range(noisy)]
    steady = [measurement(sides, section="adding", elements=1 << n) for n in range(noisy, 8)]
    texts = forms(run_of(*spread, *steady))
    assert {form: "WARNING" in text.replace("**", "") for form, text in texts.items()} == dict.fromkeys(texts, warns)
    assert all((f"In {noisy} of 8 cases" in text) == warns for form, text in texts.items() if form != "terminal")
    assert texts["terminal"].count("WARNING") == 2 * warns  # where one begins to read, and at the end


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.52e-8, "85.2 ns"),
        (9.996e-7, "1.00 µs"),
        (1.0e-7, "100 ns"),
        (1.84e-6, "1.84 µs"),
        (0.1714, "171 ms"),
        (12.34, "12.3 s"),
        (1500.0, "1500 s"),
    ],
)
def test_times_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert numbers.time_text(seconds) == text


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (numbers.ratio_text, 0.871, "0.87 x"),
        (numbers.ratio_text, 1.996, "2.0 x"),
        (numbers.ratio_text, 15.44, "15.4 x"),
        (numbers.ratio_text, 99.96, "100 x"),
        (numbers.percent_text, 0.0, "0 %"),
        (numbers.percent_text, 0.0031, "0.3 %"),
        (numbers.percent_text, 0.349, "35 %"),
        (numbers.count_text, 64, "64"),
        (numbers.count_text, 1 << 14, "16 Ki"),
        (numbers.count_text, 1500, "1500"),
        (numbers.count_text, 124439808, "124 M"),
        (numbers.bytes_text, 32 << 20, "32 MiB"),
        (numbers.bytes_text, 1 << 10, "1 KiB"),
        (numbers.bytes_text, 1536 << 10, "1.5 MiB"),
        (numbers.bytes_text, 77, "77 bytes"),
    ],
)
def test_numbers_have_the_digits_that_are_steady(function: Callable[[float], str], value: float, text: str) -> None:
    assert function(value) == text


# ---- Two runs --------------------------------------------------------------------------------------------------------


def changed(old: Results, new: Results) -> dict[str, str]:
    return {change.key.draw + str(change.key.elements): change.verdict for change in compare.compare(old, new).changed}


def test_comparison_finds_what_became_faster_and_slower() -> None:
    old = run_of(
        measurement({OWN: 1.0, "NumPy": 10.0}, draw="normal"),
        measurement({OWN: 1.0, "NumPy": 10.0}, draw="uniform"),
        measurement({OWN: 1.0, "NumPy": 10.0}, draw="bits"),
    )
    new = run_of(
        measurement({OWN: 1.3, "NumPy": 10.0}, draw="normal"),
        measurement({OWN: 0.5, "NumPy": 10.0}, draw="uniform"),
        measurement({OWN: 1.0, "NumPy": 10.0}, draw="bits"),
    )
    comparison = compare.compare(old, new)
    verdicts = [(change.key.draw, change.verdict, round(change.size, 2)) for change in comparison.changed]
    assert verdicts == [("uniform", "faster", 2.0), ("normal", "slower", 1.3)]  # the largest first
    texts = forms(new, compare.table(comparison, "old.json"))
    for form, text in texts.items():
        assert "3 cases in both runs: 1 faster, 1 slower, 1 unchanged." in text, form
        assert re.search(r"draws: uniform float32, 1 Mi\W+10\.0 x NumPy\W+20 ?\.0 x NumPy\W+2\.0 x\W+faster", text) or (
            form == "html" and "uniform float32, 1 Mi10.0 x NumPy20.0 x NumPy2.0 xfaster" in text
        ), form


def test_slower_machine_is_no_change_but_is_told() -> None:
    sides = {OWN: 1.0, "NumPy": 10.0, "MKL": 3.0}
    old = run_of(measurement(sides), measurement(sides, draw="uniform"))
    new = run_of(
        *(measurement({name: 1.5 * time for name, time in sides.items()}, draw=draw) for draw in ("normal", "uniform"))
    )
    assert changed(old, new) == {}
    assert compare.compare(old, new).machine == pytest.approx(1.5)
    assert "1.50 x slower than then" in compare.table(compare.compare(old, new), "old.json").text


def test_change_of_the_ratio_that_fastinits_own_time_denies_is_none() -> None:
    others = [measurement({OWN: 1.0, "NumPy": 10.0}, draw=draw) for draw in ("bits", "uniform", "orthogonal")]
    old = run_of(measurement({OWN: 1.0, "NumPy": 10.0}), *others)
    assert changed(old, run_of(measurement({OWN: 1.0, "NumPy": 20.0}), *others)) == {}  # NumPy met a slow moment
    assert changed(old, run_of(measurement({OWN: 0.8, "NumPy": 6.0}), *others)) == {}
    new = run_of(measurement({OWN: 0.8, "NumPy": 20.0}), *others)
    (only,) = compare.compare(old, new).changed
    assert (only.verdict, only.size) == ("faster", pytest.approx(1.25))  # by as little as either tells


def test_change_within_the_noise_or_below_five_percent_is_none() -> None:
    def one(time: float, own_rounds: tuple[float, ...]) -> Results:
        sides = {OWN: Side("", tuple(time * part for part in own_rounds)), "NumPy": Side("rng", (10.0,) * 5)}
        return run_of(Measurement(measurement({OWN: 1.0}).key, 4, sides))

    assert changed(one(1.0, NOISY), one(1.2, NOISY)) == {}  # the middle halves overlap
    assert changed(one(1.0, STEADY), one(1.04, STEADY)) == {}  # they do not, but the change is small
    assert changed(one(1.0, STEADY), one(1.2, STEADY)) == {"normal1048576": "slower"}


def test_cases_without_numpy_or_with_another_statement_are_compared_by_time() -> None:
    alone = run_of(measurement({OWN: 1.0}))
    assert changed(alone, run_of(measurement({OWN: 2.0}))) == {"normal1048576": "slower"}
    old, new = measurement({OWN: 1.0, "NumPy": 10.0}), measurement({OWN: 1.0, "NumPy": 20.0})
    other = replace(new, sides={**new.sides, "NumPy": replace(new.sides["NumPy"], statement="other")})
    assert changed(run_of(old), run_of(new)) == {"normal1048576": "faster"}
    assert changed(run_of(old), run_of(other)) == {}
    table = compare.table(compare.compare(run_of(old), run_of(other)), "old.json")
    assert "1 case without NumPy, or with another statement of it" in table.text


def test_comparison_names_what_only_one_run_has_and_what_else_differs() -> None:
    common = measurement({OWN: 1.0, "NumPy": 10.0})
    old = run_of(common, measurement({OWN: 1.0}, draw="uniform"), kernel="avx2", numpy="2.0.0")
    new = run_of(common, measurement({OWN: 1.0}, draw="bits"), kernel="avx512", numpy="2.4.0")
    table = compare.table(compare.compare(old, new), "old.json")
    assert "Only then, 1 case: draws: uniform float32, 1 Mi." in table.text
    assert "Only now, 1 case: draws: bits float32, 1 Mi." in table.text
    assert table.warning is not None
    assert "another kernel: avx2 then, avx512 now" in table.warning
    assert "another NumPy: 2.0.0 then, 2.4.0 now" in table.warning
    assert "WARNING: The runs differ" in forms(new, table)["html"]
    assert compare.table(compare.compare(new, new), "old.json").warning is None


# ---- JSON ------------------------------------------------------------------------------------------------------------


def test_run_survives_json(tmp_path: Path) -> None:
    here = small_run()
    results.write(here, tmp_path / "run.json")
    assert results.read(tmp_path / "run.json") == here


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "not a report"), ("[]", "not a report"), ("{}", "not a report"), ('{"format": 1}', "its format is 1")],
)
def test_file_that_is_no_run_is_refused(
    text: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    assert main(["bench", "--from", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"python -m fastinit bench: cannot read {path}: {complaint}")


# ---- The terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100, 110, 120])
def test_report_fits_the_terminal_and_names_the_columns_it_leaves_out(width: int) -> None:
    pytest.importorskip("rich")
    from fastinit.bench import terminal

    report = summary.report(replace_cpu(large_run()))
    text = in_terminal(report, width=width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    for table in report.tables:
        shown = [table.columns[i].title for i in terminal.fitting(table, width)]
        assert "vs NumPy" in shown
        left_out = [title for title in titles(table) if title not in shown]
        assert not left_out or f"no room in {width} columns for: {', '.join(left_out)}" in " ".join(text.split())


def replace_cpu(here: Results) -> Results:
    return replace(here, environment=replace(here.environment, cpu="A CPU with a very long name " * 6))


def test_report_in_a_file_has_no_colour_and_110_columns() -> None:
    text = in_terminal(summary.report(small_run()))
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 110
    assert all(line == line.rstrip() for line in text.splitlines())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_starts_no_thread_that_would_disturb_the_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    from fastinit.bench import terminal

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    before = threading.active_count()
    with terminal.Bar(2) as bar:
        bar.show("a first case [bold]")
        bar.advance()
        bar.show("second")
        assert threading.active_count() == before
    assert "a first case [bold]" in stream.getvalue()
    assert "1/2" in stream.getvalue()


def test_report_in_a_wide_terminal_stays_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    from fastinit.bench import terminal

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "300")
    terminal.show(summary.report(small_run()), out := Terminal())
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert 110 < max(len(line) for line in text.splitlines()) <= 120


def test_report_in_a_terminal_shows_in_red_what_is_slower() -> None:
    text = in_terminal(summary.report(small_run()), width=110, force_terminal=True, color_system="standard")
    assert re.search(r"\x1b\[1;31m *0\.80 x\*", text)


# ---- The page --------------------------------------------------------------------------------------------------------


def test_page_is_well_formed_and_loads_nothing() -> None:
    text = html_of(small_run(), compare.table(compare.compare(small_run(times=2.0), small_run()), "old.json"))
    parsed = Page(text)
    assert all(source.startswith("data:image/svg+xml;base64,") for source in parsed.values("src"))
    assert len(parsed.values("src")) == len(parsed.values("alt")) > 3
    assert all(parsed.values("alt"))
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in parsed.values("href")} <= set(ids)
    assert "<script" not in text
    assert not re.search(r"https?:|url\(|@import", text)
    assert len(text) < 1_500_000


def test_charts_of_the_page_are_pictures_that_contain_all_they_need() -> None:
    for source in Page(small_page()).values("src"):
        picture = b64decode(source.partition(",")[2]).decode()
        root = ElementTree.fromstring(picture)
        links = [value for each in root.iter() for name, value in each.attrib.items() if name.endswith("href")]
        assert all(link.startswith("#") for link in links)
        # No colour is left that stays dark where the reader prefers a dark page.
        rules, _, drawn = picture.partition("</style>")
        assert "prefers-color-scheme:dark" in rules
        assert not any(color in drawn for color in charts.DARK)


def test_page_stays_small() -> None:
    assert len(html_of(large_run(quick=True))) < 700_000  # of a full run about twice as much


def test_what_is_markup_elsewhere_is_text_in_the_report() -> None:
    draw = '<b>&"|*`'
    here = run_of(measurement({OWN: 1e-3, "NumPy": 1e-2}, draw=draw), cpu="<script>alert(1)</script>")
    text = html_of(here)
    assert "<script" not in text
    assert "<b>" not in text
    assert draw in [row[0] for row in Page(text).rows]
    line = next(
        line for line in markdown.text(summary.report(here)).splitlines() if "&lt;b>" in line and line[0] == "|"
    )
    assert '&lt;b>&amp;"\\|\\*\\`' in line
    assert draw in in_terminal(summary.report(here))


def test_chart_of_sizes_draws_the_medians() -> None:
    pytest.importorskip("matplotlib")
    members = [measurement({OWN: 1e-9 * n, "NumPy": 9e-9 * n}, section="sizes", elements=n) for n in (16, 256, 4096)]
    (chart, *_) = charts.of_section(run_of(*members), "sizes")
    lines = {line.get_label(): list(line.get_ydata()) for line in chart.figure.axes[0].get_lines()}
    assert lines[OWN] == pytest.approx([1.0] * 3, rel=1e-3)
    assert lines["NumPy"] == pytest.approx([9.0] * 3, rel=1e-3)
    assert "NumPy 9.0 x" in chart.alt


@pytest.mark.parametrize(
    ("section", "members"),
    [
        ("sizes", [measurement({OWN: 1e-6, "NumPy": 1e-5}, section="sizes")]),
        ("small", [measurement({OWN: 1e-6}, section="small", elements=n) for n in (1024, 4096)]),
        ("threads", [measurement({OWN: 1e-6, "NumPy": 1e-5}, section="threads")]),
    ],
)
def test_there_is_no_chart_of_what_has_nothing_beside_it(section: str, members: list[Measurement]) -> None:
    pytest.importorskip("matplotlib")
    assert charts.of_section(run_of(*members), section) == []


def test_names_at_the_ends_of_lines_do_not_overlap_and_stay_in_the_picture() -> None:
    for places in ([0.5, 0.5, 0.5], [0.9, 0.95, 0.97, 1.0], [0.0, 0.01, 0.8]):
        moved = charts.spread_out(places, 0.1)
        assert all(b - a >= 0.1 - 1e-12 for a, b in pairwise(moved))
        assert max(moved) <= 1
    assert charts.spread_out([0.1, 0.5], 0.1) == [0.1, 0.5]


@pytest.mark.parametrize("name", sorted(charts.PICTURES))
def test_pictures_of_the_documentation_are_drawn_or_refused(name: str) -> None:
    pytest.importorskip("matplotlib")
    assert charts.picture(large_run(), name).axes
    with pytest.raises(ValueError, match="the run has no cases of the section"):
        charts.picture(run_of(), name)


def test_picture_of_one_panel_shows_no_empty_one_beside_it() -> None:
    pytest.importorskip("matplotlib")
    members = [measurement({OWN: 1e-9 * n, "NumPy": 9e-9 * n}, section="sizes", elements=n) for n in (16, 256, 4096)]
    assert [axes.get_visible() for axes in charts.picture(run_of(*members), "sizes").axes] == [True, False]


# ---- The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run takes no time worth the name."""
    monkeypatch.setattr(measure, "QUICK", measure.Effort(rounds=3, batch_seconds=1e-6, case_seconds=0.0))


TINY = ["bench", "--quick", "--sections", "small,adding", "--peers", "NumPy"]


@pytest.mark.usefixtures("tiny")
def test_run_writes_every_form_and_from_makes_them_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    files = {form: tmp_path / f"run.{form}" for form in ("json", "markdown", "html")}
    assert main([*TINY, *(word for form, path in files.items() for word in (f"--{form}", str(path)))]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" or "Markdown" in printed.err
    here = results.read(files["json"])
    assert {each.key.section for each in here.measurements} == {"small", "adding"}
    assert {name for each in here.measurements for name in each.peers} == {"NumPy"}
    assert "vs NumPy" in printed.out
    again = [tmp_path / "again.markdown", tmp_path / "again.html"]
    assert main(["bench", "--from", str(files["json"]), "--markdown", str(again[0]), "--html", str(again[1])]) == 0
    # The file has four digits of a time, which may turn the last one shown; so what it says is made again from itself.
    assert main(["bench", "--from", str(files["json"]), "--markdown", str(files["markdown"])]) == 0
    assert again[0].read_bytes() == files["markdown"].read_bytes()
    assert Page(again[1].read_text(encoding="utf-8")).rows


@pytest.mark.usefixtures("tiny")
def test_run_is_compared_with_an_earlier_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    results.write(small_run(times=2.0), old)
    results.write(small_run(), new)
    assert main(["bench", "--from", str(new), "--compare", str(old)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Compared with old.json" in text
    assert "6 cases in both runs: 6 faster, 0 slower, 0 unchanged." in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--sections", "draws,none"], "--sections: 'none' is unknown; accepted are draws, sizes, small, "),
        (["--peers", "numpy"], "--peers: 'numpy' is unknown; accepted are NumPy, NumPy SFC64, "),
        (["--json", "{}/no/run.json"], "cannot write {}/no/run.json: No such file or directory"),
        (["--markdown", "{}/no/run.md"], "cannot write {}/no/run.md: No such file or directory"),
        (["--html", "{}"], "cannot write {}: "),
        (["--compare", "{}/none.json"], "cannot read {}/none.json: No such file or directory"),
        (["--from", "{}/none.json"], "cannot read {}/none.json: No such file or directory"),
        (["--from", "{}/none.json", "--quick"], "--from measures nothing, so it goes without --quick, "),
    ],
)
def test_what_cannot_be_is_refused_before_measuring(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(measure, "time_case", lambda case, effort: pytest.fail("something was measured"))
    assert main(["bench", *(word.format(tmp_path) for word in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"python -m fastinit bench: {complaint.format(tmp_path)}")
    assert printed.err.count("\n") == 1


def test_interrupted_run_ends_with_a_word_and_leaves_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(case: cases.Case, effort: measure.Effort) -> Measurement:
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "time_case", interrupt)
    kept, new = tmp_path / "kept.json", tmp_path / "new.md"
    kept.write_text("kept", encoding="utf-8")
    assert main([*TINY, "--json", str(kept), "--markdown", str(new)]) == 130
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "interrupted\n")
    assert kept.read_text(encoding="utf-8") == "kept"
    assert not new.exists()


def without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a Python that has not that module."""
    code = (
        f"import sys; sys.modules[{module!r}] = None; from fastinit.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=60,
        check=False,
    )


def test_without_rich_the_report_is_printed_in_markdown(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    results.write(small_run(), path)
    done = without("rich", "bench", "--from", str(path))
    assert done.returncode == 0
    assert done.stdout == markdown.text(summary.report(small_run()))
    assert done.stderr == "in Markdown, as tables need rich, which `pip install 'fastinit-weights[bench]'` installs\n"


@pytest.mark.usefixtures("tiny")
def test_without_rich_a_run_is_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "fastinit.bench.terminal", raising=False)
    monkeypatch.delattr(bench, "terminal", raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert main(TINY) == 0
    assert capsys.readouterr().out.startswith("# fastinit beside NumPy\n")


def test_without_matplotlib_a_page_is_refused_and_the_rest_works(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    results.write(small_run(), path)
    done = without("matplotlib", "bench", "--html", str(tmp_path / "run.html"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "python -m fastinit bench: --html draws charts, which needs matplotlib, which "
        "`pip install 'fastinit-weights[bench]'` installs\n"
    )
    assert not (tmp_path / "run.html").exists()
    assert without("matplotlib", "bench", "--from", str(path)).returncode == 0


def test_json_of_a_run_is_plain_json(tmp_path: Path) -> None:
    results.write(small_run(), tmp_path / "run.json")
    data = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert data["environment"]["kernel"] == fastinit.simd
    assert data["measurements"][0]["sides"]["NumPy"]["statement"] == "NumPy.normal(w)"
