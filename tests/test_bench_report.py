"""The benchmark report: every form says what was measured, and what cannot be is refused before measuring."""

import errno
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from expected import write
from fuzz import reports as fuzz

from fastinit import bench
from fastinit.__main__ import main
from fastinit.bench import (
    cases,
    charts,
    compare,
    environment,
    measure,
    page,
    report,
    results,
    schema,
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


def in_terminal(text: str, **options: Any) -> str:
    """The report as rich prints it."""
    pytest.importorskip("rich")
    from fastinit.bench import printer

    out = io.StringIO()
    printer.show(text, out, **options)
    return out.getvalue()


def page_of(here: Results) -> str:
    pytest.importorskip("matplotlib")
    return page.html(report.markdown(here), here)


@cache
def small_page() -> str:
    """The page of small_run."""
    return page_of(small_run())


def values(text: str, attribute: str) -> list[str]:
    """Of a page."""
    return re.findall(rf' {attribute}="([^"]*)"', text)


# ---- The report ------------------------------------------------------------------------------------------------------


def test_every_form_of_a_fixed_run_is_the_expected_one() -> None:
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    for name, text in write.expected().items():
        assert text == (write.HERE / name).read_text(encoding="utf-8"), f"{name}: tests/expected/write.py says more"


def test_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # The second round met a machine ten times slower: medians of each side would give 40 / 10, the rounds agree on 5.
    sides = {OWN: Side("", (1.0, 10.0, 12.0)), "NumPy": Side("", (5.0, 50.0, 40.0))}
    here = run_of(Measurement(Key("draws", "normal", "float32", 1 << 20, "one", "warm", "contiguous"), 4, sides))
    assert report.section_table(here, "draws").rows[0][-1] == "5.0 x"


def test_other_ways_of_fastinit_stand_beside_it_and_are_no_libraries() -> None:
    times = {OWN: 1e-3, "loop": 3e-3, "fill": 2e-3, "one stream": 5e-4, "NumPy": 0.2}
    here = run_of(
        measurement(times, section="streams", layout="10,000 of 64"),
        measurement({OWN: 1e-3, "NumPy": 0.2}, section="streams", layout="256 of 64 x 64"),
    )
    assert report.title(here) == "fastinit beside NumPy"
    table = report.section_table(here, "streams")
    columns = [column.title for column in table.columns]
    first, second = (dict(zip(columns, row, strict=True)) for row in table.rows)
    assert columns[-4:] == ["vs loop", "vs fill", "vs one stream", "vs NumPy"]
    assert [first[column] for column in columns[-4:]] == ["3.0 x", "2.0 x", "0.50 x", "200 x"]
    assert [second[column] for column in columns[-4:]] == ["-", "-", "-", "200 x"]
    assert "- **vs fill:** fastinit's fill of the rows" in report.markdown(here)
    assert "vs fill" not in report.markdown(small_run())
    assert compare.compare(here, here).machine == 1.0  # told from the libraries


def test_title_names_numpy_once() -> None:
    sides = {OWN: 1.0, "NumPy SFC64": 2.0}
    assert report.title(run_of(measurement(sides))) == "fastinit beside NumPy SFC64"
    assert report.title(run_of(measurement({**sides, "NumPy": 3.0}))) == "fastinit beside NumPy"


def test_another_layout_is_compared_with_the_contiguous_array_of_the_nearest_size() -> None:
    contiguous = (measurement({OWN: n * 1e-9 * ns}, section="layouts", elements=n) for n, ns in ((4096, 2), (64, 1)))
    other = measurement({OWN: 4e-6}, section="layouts", elements=4000, layout="rows of a wider array")
    assert [row[-1] for row in report.section_table(run_of(*contiguous, other), "layouts").rows] == ["-", "-", "0.50 x"]


def test_what_the_system_does_not_tell_is_left_out() -> None:
    names = ("frequency_mhz", "governor", "last_level_cache", "virtual", "huge_pages", "load_average", "ml_dtypes")
    facts = environment.facts(replace(environment.describe(), **dict.fromkeys(names)))
    assert [label for label, _ in facts] == ["measured", "fastinit", "CPU", "CPUs", "versions", "platform"]
    assert "None" not in str(facts)


def test_headline_of_a_run_without_other_libraries_or_its_figures() -> None:
    assert report.headline(run_of(measurement({OWN: 1.0}, draw="bits"))).rows == []
    (alone,) = report.headline(run_of(measurement({OWN: 1.0}))).rows
    assert alone[-2:] == ["-", "-"]


def test_run_in_which_nothing_could_be_measured_says_so() -> None:
    text = report.markdown(run_of())
    assert text.startswith("# fastinit\n\n## Where and when")
    assert "the median of no rounds" in text
    assert "the median of no rounds" in in_terminal(text)
    assert "the median of no rounds" in page_of(run_of())


@pytest.mark.parametrize(("noisy", "warns"), [(0, False), (2, False), (3, True), (8, True)])
def test_noisy_run_is_called_noisy_where_one_begins_to_read_and_at_the_end(noisy: int, warns: bool) -> None:
    sides = {OWN: 1e-3, "NumPy": 1e-2}
    spread = [measurement(sides, section="adding", elements=1 << n, rounds=NOISY) for n in range(noisy)]
    steady = [measurement(sides, section="adding", elements=1 << n) for n in range(noisy, 8)]
    here = run_of(*spread, *steady)
    for text in (report.markdown(here), in_terminal(report.markdown(here)), page_of(here)):
        assert text.count("WARNING") == 2 * warns
        assert (f"In {noisy} of 8 cases" in text) == warns


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
    assert results.time_text(seconds) == text


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (results.ratio_text, 0.871, "0.87 x"),
        (results.ratio_text, 1.996, "2.0 x"),
        (results.ratio_text, 15.44, "15.4 x"),
        (results.ratio_text, 99.96, "100 x"),
        (results.percent_text, 0.0, "0 %"),
        (results.percent_text, 0.0031, "0.3 %"),
        (results.percent_text, 0.349, "35 %"),
        (results.count_text, 64, "64"),
        (results.count_text, 1 << 14, "16 Ki"),
        (results.count_text, 1500, "1500"),
        (results.count_text, 124439808, "124 M"),
        (environment.bytes_text, 32 << 20, "32 MiB"),
        (environment.bytes_text, 1 << 10, "1 KiB"),
        (environment.bytes_text, 1536 << 10, "1.5 MiB"),
        (environment.bytes_text, 77, "77 bytes"),
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
    text = compare.table(comparison, "old.json").text
    assert text.startswith("3 cases in both runs: 1 faster, 1 slower, 1 unchanged.")


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


def test_comparison_names_the_cases_that_only_one_run_has() -> None:
    common = measurement({OWN: 1.0, "NumPy": 10.0})
    old = run_of(common, *(measurement({OWN: 1.0}, draw=f"old{i}") for i in range(compare.KEYS_NAMED + 2)))
    table = compare.table(compare.compare(old, run_of(common)), "old.json")
    assert "Only then, 10 cases: draws: old0 float32, 1 Mi; " in table.text
    assert table.text.endswith("draws: old7 float32, 1 Mi; and 2 more.")
    assert "Only now" not in table.text
    assert table.warning == ""


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


def spoiled(*path: Any, value: Any = None) -> str:
    """The JSON of a report with another value at that path, or without one there."""
    data = fuzz.original()
    within = data
    for key in path[:-1]:
        within = within[key]
    if value is None:
        del within[path[-1]]
    else:
        within[path[-1]] = value
    return json.dumps(data)


SIDES = ("measurements", 3, "sides")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (spoiled(*SIDES, "NumPy", "seconds", 0, value=0), "measurements[3].sides.NumPy.seconds[0]: 0 is not accepted"),
        (spoiled(*SIDES, "NumPy", "seconds", 0, value=-1.0), "measurements[3].sides.NumPy.seconds[0]: -1.0 is not"),
        (spoiled(*SIDES, "NumPy", "seconds", 1, value=float("nan")), "measurements[3].sides.NumPy.seconds[1]: nan is"),
        (spoiled(*SIDES, "NumPy", "seconds", 1, value=float("inf")), "measurements[3].sides.NumPy.seconds[1]: inf is"),
        (spoiled(*SIDES, "NumPy", "seconds", 4, value=True), "measurements[3].sides.NumPy.seconds[4]: true is not"),
        (spoiled(*SIDES, "NumPy", "seconds", 4, value="1"), "measurements[3].sides.NumPy.seconds[4]: '1' is not"),
        (
            spoiled(*SIDES, "np.random", "seconds", value=[1e-7]),
            "measurements[3].sides['np.random'].seconds: a list of 1",
        ),
        (
            spoiled(*SIDES, "NumPy", "seconds", value=[1.0] * 4),
            "measurements[3].sides.NumPy.seconds: 4 rounds; fastinit",
        ),
        (spoiled(*SIDES, "fastinit"), "measurements[3].sides.fastinit: it is missing"),
        (
            spoiled(*SIDES, "Other", value=fuzz.original()["measurements"][3]["sides"]["NumPy"]),
            "measurements[3].sides.O",
        ),
        (
            spoiled("measurements", 0, "elements", value=0),
            "measurements[0].elements: 0 is not accepted; accepted is an",
        ),
        (spoiled("measurements", 0, "elements", value=64.0), "measurements[0].elements: 64.0 is not accepted"),
        (spoiled("measurements", 0, "elements", value=10**400), f"measurements[0].elements: 1{'0' * 56}... is not"),
        (spoiled("measurements", 0, "bytes", value=1 << 70), "measurements[0].bytes: 1180591620717411303424 is not"),
        (
            spoiled("measurements", 0, "section", value="none"),
            "measurements[0].section: 'none' is not accepted; accepted",
        ),
        (spoiled("measurements", 1, "draw", value="normal"), "measurements[1]: the same fill as measurements[0]"),
        (spoiled("measurements", 1, "extra", value=1), "measurements[1]: the key 'extra' is unknown; accepted are sec"),
        (spoiled("measurements", value={}), "measurements: an object is not accepted; accepted is a list of 0 to 300"),
        (spoiled("environment", "cpu"), "environment.cpu: it is missing"),
        (spoiled("environment", "cpu", value="x" * 9000), f"environment.cpu: '{'x' * 57}"),
        (
            spoiled("environment", "virtual", value=1),
            "environment.virtual: 1 is not accepted; accepted is true or false",
        ),
        (
            spoiled("environment", "governor", value=[]),
            "environment.governor: a list of 0 is not accepted; accepted is a",
        ),
        (spoiled("peers", "memset", value="x"), "peers.memset: it is no other library"),
        (spoiled("peers", "fill", value="x"), "peers.fill: it is no other library"),
        (spoiled("peers", value=[]), "peers: a list of 0 is not accepted; accepted is an object of 0 to 20 keys"),
        (
            spoiled("missing", value={"\n": "", "\\n": ""}),
            r"missing['\\n']: the same key as another, once it is escaped",
        ),
        (spoiled("environment", value=[]), "environment: a list of 0 is not accepted; accepted is an object with the"),
        (spoiled("extra", value=1), "the report: the key 'extra' is unknown"),
        (spoiled("format", value=True), "its format is true; this version reads 2"),
        (
            fuzz.doubled_key(random.Random(1), spoiled("missing", value={})),
            "the key is there twice; accepted is each once",
        ),
        ("[" * 100_000, "not a report of this benchmark: its brackets are nested too deeply"),
        ("\ufeff{}", "not a report of this benchmark: it begins with a byte order mark"),
        ('{\n"a": 1,\n!', "not a report of this benchmark: line 3, column 1: "),
        ("\udcff", "not a report of this benchmark: byte 0 is no UTF-8"),
    ],
)
def test_damaged_report_is_refused_in_one_line_that_names_the_place(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint.removesuffix("..."))) as caught:
        results.of_json(text.encode(errors="surrogateescape"))
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500


def test_report_that_is_too_large_or_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_BYTES", 100)
    (tmp_path / "large.json").write_bytes(b" " * 101)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        results.read(tmp_path / "large.json")
    with pytest.raises(OSError, match="it is a folder"):
        results.read(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="it is a pipe"):
            results.read(tmp_path / "pipe")


def test_a_field_that_no_rule_reads_is_an_error_of_the_program() -> None:
    with pytest.raises(TypeError, match="no rule reads <class 'complex'>"):
        schema.value_of(complex, 1)


def test_sections_of_a_report_are_those_that_are_measured() -> None:
    assert tuple(cases.SECTIONS) == results.SECTIONS


@pytest.mark.parametrize("text", fuzz.TEXTS)
def test_text_from_elsewhere_is_text_in_every_form(text: str) -> None:
    pytest.importorskip("rich")
    data = fuzz.original()
    text = text[:99] or "-"
    for name in ("cpu", "command", "platform", "kernel"):
        data["environment"][name] = text
    data["peers"] = {text + "!": data["peers"].pop("NumPy"), **data["peers"]}
    data["missing"] = {text: text}
    for each in data["measurements"]:
        each["draw"], each["layout"] = text, text + each["layout"][: 99 - len(text)]
        each["sides"][text + "!"] = {**each["sides"].pop("NumPy"), "statement": text}
    content = json.dumps(data).encode()
    base = results.of_json(json.dumps(fuzz.original()).encode())
    with_page = "$" in text or "<" in text
    if with_page:
        pytest.importorskip("matplotlib")
    fuzz.check(content, base, with_page)


def test_mutated_reports_are_refused_or_rendered() -> None:
    pytest.importorskip("rich")
    assert re.match(r"40 tried, \d+ refused, \d+ rendered", fuzz.run(seed=5, cases=40))


def test_fuzzer_notices_what_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(fuzz, "matplotlib", None)
    monkeypatch.setattr(report, "escaped", lambda text: text)
    with pytest.raises(fuzz.Broken, match=r"case \d+ of seed 0, saved in ") as caught:
        fuzz.run(cases=100)
    Path(re.findall("saved in (.*?): ", str(caught.value))[0]).unlink()


# ---- The terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 110, 120])
def test_report_fits_the_terminal_and_names_the_columns_it_leaves_out(width: int) -> None:
    here = large_run()
    here = replace(here, environment=replace(here.environment, cpu="A CPU with a very long name " * 6))
    text = in_terminal(report.markdown(here), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for name in results.SECTIONS:
        table = report.section_table(here, name)
        _, _, after = text.partition(f"\n{table.title}\n")
        head, _, rest = after.partition("─")
        words = head.rpartition("\n\n")[2].split()  # of the columns' titles
        blocks = rest.partition("Rows:")[0].split(f"no room in {width} columns for: ")
        named = " ".join(blocks[1].partition("\n\n")[0].split()).split(", ") if len(blocks) > 1 else []
        for column in table.columns:
            assert (column.title in named) != (set(column.title.split()) <= set(words)), (name, column.title)


@pytest.mark.parametrize("text", ["report", "compared"])
def test_report_in_a_file_has_no_colour_and_110_columns(text: str) -> None:
    shown = in_terminal((write.HERE / f"{text}.md").read_text(encoding="utf-8"))
    assert "\x1b" not in shown
    assert 100 < max(map(len, shown.splitlines())) <= 110
    assert all(line == line.rstrip() for line in shown.splitlines())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("settings", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_report_in_a_wide_terminal_stays_readable(
    settings: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rich")
    from fastinit.bench import printer

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "300", **settings}.items():
        monkeypatch.setenv(name, value)
    printer.show((write.HERE / "report.md").read_text(encoding="utf-8"), out := Terminal())
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert ("\x1b[1;31m0.75 x" in out.getvalue()) == coloured  # red is what is faster than fastinit
    if settings["TERM"] != "dumb":  # which has 80 columns to rich
        assert 110 < max(map(len, text.splitlines())) <= 120


def test_words_stay_whole_in_a_narrow_terminal() -> None:
    here = large_run()
    text = in_terminal(report.markdown(here), width=40)
    words = {word.strip(",") for each in here.measurements for word in each.key.draw.split()}
    assert {part for word in words for part in re.findall("[^_]+_?", word)} <= set(
        re.findall(r"[^\s_]+?_|[^\s_,]+", text)
    )
    assert "1.00 x*" in text
    assert not re.search(r"^ *x\*?$", text, re.MULTILINE)


def test_wide_letters_are_measured_by_their_columns() -> None:
    cells = pytest.importorskip("rich.cells")
    here = run_of(measurement({OWN: 1e-3, "NumPy": 1e-2}, draw="正規分布の乱数" * 3), cpu="処理装置" * 20)
    for width in (40, 50, 60):
        lines = in_terminal(report.markdown(here), width=width).splitlines()
        assert max(map(cells.cell_len, lines)) <= width
        assert "正規分布の乱数" * 3 in "".join(re.findall("[正規分布の乱数]+", "".join(lines)))


# ---- The page --------------------------------------------------------------------------------------------------------


def test_page_loads_nothing_and_its_links_lead_somewhere() -> None:
    text = (write.HERE / "report.html").read_text(encoding="utf-8")
    ids = values(text, "id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in values(text, "href")} == set(ids[1:])  # of all but the page itself
    assert all(source.startswith("data:image/svg+xml;base64,") for source in values(small_page(), "src"))
    assert len(values(small_page(), "src")) == len(values(small_page(), "alt")) > 3
    assert not re.search(r"https?:|url\(|@import|<script", small_page())
    fuzz.check_page(small_page())  # every element is closed


def test_charts_of_the_page_are_pictures_that_contain_all_they_need() -> None:
    for source in values(small_page(), "src"):
        picture = b64decode(source.partition(",")[2]).decode()
        # No colour is left that stays dark where the reader prefers a dark page.
        rules, _, drawn = picture.partition("</style>")
        assert "prefers-color-scheme:dark" in rules
        assert not any(color in drawn for color in charts.DARK)


def test_page_stays_small() -> None:
    assert len(page_of(large_run(quick=True))) < 700_000  # of a full run about twice as much


def test_page_of_a_report_with_many_cases_has_no_more_charts_than_one_can_look_at() -> None:
    pytest.importorskip("matplotlib")
    sides = dict.fromkeys((OWN, *map(str, range(charts.MOST_BARS))), 1.0)
    members = [measurement(sides, draw=str(i)) for i in range(charts.MOST_CHARTS + 4)]
    made = charts.of_section(run_of(*members), "draws")
    assert [chart.caption[-10:] for chart in made][-1] == "(16 of 20)"


def test_what_is_markup_elsewhere_is_text_in_the_report() -> None:
    draw = '<b>&"|*`'
    here = run_of(measurement({OWN: 1e-3, "NumPy": 1e-2}, draw=draw), cpu="<script>alert(1)</script>")
    assert not re.search("<script|<b>", page_of(here))
    assert f'<th scope="row">{escape(draw)}</th>' in page_of(here)
    assert '\n| &lt;b>&amp;"\\|\\*\\` |' in report.markdown(here)
    assert draw in in_terminal(report.markdown(here))


def test_chart_of_ratios_names_every_bar_right_of_the_rows_names() -> None:
    pytest.importorskip("matplotlib")
    times = {OWN: 1e-3, "loop": 3e-3, "one stream": 5e-4, "NumPy": 0.2}
    (chart,) = charts.of_section(run_of(measurement(times, section="streams", layout="10,000 of 64")), "streams")
    (axes,) = chart.figure.axes
    assert {text.get_text(): text.xy[0] for text in axes.texts} == {
        "3.0 x loop": pytest.approx(3),
        "0.50 x one stream": 1,
        "200 x NumPy": pytest.approx(200),
    }
    assert [label.get_text() for label in axes.get_yticklabels()] == ["10,000 of 64\none thread"]
    assert "10,000 of 64 one thread 0.50 x one stream" in chart.alt


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
    assert again[1].read_text(encoding="utf-8").count("<tr>") > 4


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
        (["--json", "{}/no/run.json"], "cannot write {}/no/run.json: {}/no is no folder"),
        (["--markdown", "{}/no/run.md"], "cannot write {}/no/run.md: {}/no is no folder"),
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
    assert printed.err.startswith(f"python -m fastinit bench: {complaint.format(*[tmp_path] * 2)}")
    assert printed.err.count("\n") == 1


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """The path of a run."""
    path = tmp_path / "saved.json"
    results.write(small_run(), path)
    return str(path)


def links(folder: Path) -> dict[str, str | None]:
    """What is in a folder: names, and where links lead."""
    return {path.name: os.readlink(path) if path.is_symlink() else None for path in folder.iterdir()}


@pytest.mark.parametrize("option", ["--json", "--markdown", "--html"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "circle", "folder by a link", "missing", "read-only"])
def test_output_that_cannot_be_is_refused_and_nothing_is_touched(
    option: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "time_case", lambda case, effort: pytest.fail("something was measured"))
    monkeypatch.setattr(bench, "check_page", lambda: None)
    path = tmp_path / "there"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path(os.devnull)
    elif kind == "circle":
        path.symlink_to("there")
    elif kind == "folder by a link":
        path.symlink_to(".")
    elif kind == "missing":
        path = tmp_path / "no" / "file"
    else:
        path.write_text("kept")
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    (tmp_path / "dangling").symlink_to("nothing")
    before = links(tmp_path)
    assert main([*TINY, "--compare", str(tmp_path / "none.json"), option, str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(f"python -m fastinit bench: cannot write {path}: .*\n", printed.err)
    # Nor is anything left of a refusal for another reason.
    assert main([*TINY, "--compare", str(tmp_path / "none.json"), option, str(tmp_path / "dangling")]) == 2
    assert "cannot read" in capsys.readouterr().err
    assert links(tmp_path) == before


@pytest.mark.parametrize("other", ["one", "./one", "sub/../one", "link", "{}/one"])
def test_one_file_for_two_outputs_is_refused(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("one")
    assert main([*TINY, "--json", "one", "--markdown", other.format(tmp_path)]) == 2
    assert "--json and --markdown are the same file" in capsys.readouterr().err
    assert links(tmp_path) == {"sub": None, "link": "one"}


def test_outputs_follow_links_and_an_input_may_be_replaced(saved: str, tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to("new.md")
    (tmp_path / "link.json").symlink_to("saved.json")
    arguments = ["--from", saved, "--compare", saved, "--json", "link.json", "--markdown", "link.md"]
    assert main(["bench", *(word if word[:4] != "link" else str(tmp_path / word) for word in arguments)]) == 0
    assert links(tmp_path) == {"link.md": "new.md", "link.json": "saved.json", "saved.json": None, "new.md": None}
    assert results.read(Path(saved)) == small_run()


def broken(*_: Any) -> Any:
    raise RuntimeError("no\nway")


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("module", "function", "lost"),
    [
        (report, "markdown", "cannot make the report"),
        (page, "html", "cannot write "),
    ],
)
def test_error_in_one_form_loses_neither_the_run_nor_the_other_forms(
    module: Any,
    function: str,
    lost: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("rich")
    monkeypatch.setattr(module, function, broken)
    files = {form: tmp_path / f"run.{form}" for form in ("json", "markdown", "html")}
    files["json"].write_text("old")
    paths = {f"{form}_path": path for form, path in files.items()}
    with pytest.raises(bench.Failure, match=rf"\A{lost}.*: no way\Z"):
        bench.run(quick=True, sections=["adding"], peers=["NumPy"], **paths)
    assert {each.key.section for each in results.read(files["json"]).measurements} == {"adding"}
    if module is report:
        return
    assert "vs NumPy" in capsys.readouterr().out
    assert {form for form, path in files.items() if path.exists()} == set(files) - {"html"}


@pytest.mark.usefixtures("tiny")
def test_run_without_a_file_is_saved_where_the_report_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(report, "markdown", lambda *_: (_ for _ in ()).throw(MemoryError))
    assert main(TINY) == 1
    error = capsys.readouterr().err
    assert "cannot make the report: out of memory\n" in error
    (path,) = tmp_path.glob("fastinit-bench-*/run.json")
    assert f"the run is saved in {path}, which --from reads\n" in error
    assert len(results.read(path).measurements) > 2


@pytest.mark.usefixtures("tiny")
def test_run_is_saved_where_its_file_cannot_be_written_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(target: Path, content: bytes, write: Any = bench.files.write) -> None:
        if target == tmp_path / "run.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(target, content)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(bench.files, "write", full)
    with pytest.raises(bench.Failure, match=f"{os.strerror(errno.ENOSPC)}\nthe run is saved in "):
        bench.run(quick=True, sections=["adding"], peers=["NumPy"], json_path=tmp_path / "run.json")
    (path,) = tmp_path.glob("fastinit-bench-*/run.json")
    assert results.read(path).measurements


@pytest.mark.usefixtures("tiny")
def test_error_in_a_case_ends_the_run_and_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def failing(case: Any, effort: Any, time_case: Any = bench.measure.time_case) -> Measurement:
        calls.append(case)
        if len(calls) == 2:
            raise MemoryError
        return time_case(case, effort)

    monkeypatch.setattr(bench.measure, "time_case", failing)
    path = tmp_path / "run.json"
    with pytest.raises(bench.Failure, match=r"the run ended after 1 case, at .*: out of memory"):
        bench.run(quick=True, sections=["adding"], peers=["NumPy"], json_path=path, out=io.StringIO())
    assert len(results.read(path).measurements) == 1


@pytest.mark.usefixtures("tiny")
def test_ctrl_c_while_the_report_is_made_saves_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(bench, "show", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run(quick=True, sections=["adding"], peers=["NumPy"])
    (path,) = tmp_path.glob("fastinit-bench-*/run.json")
    assert capsys.readouterr().err == f"the run is saved in {path}, which --from reads\n"
    assert results.read(path).measurements


@pytest.mark.skipif(os.name == "nt", reason="descriptors of this kind")
def test_standard_output_by_another_name_is_refused(saved: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastinit", "bench", "--from", saved, "--json"]
    with (tmp_path / "out").open("w") as out:
        done = subprocess.run([*command, str(tmp_path / "out")], stdout=out, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert b"it is standard output; accepted is -" in done.stderr


class NobodyReads(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.usefixtures("tiny")
def test_report_that_nobody_reads_to_its_end_loses_nothing(
    saved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BrokenPipeError):
        bench.run(from_path=Path(saved), markdown_path=tmp_path / "x.md", out=NobodyReads())
    assert (tmp_path / "x.md").read_text(encoding="utf-8").startswith("# fastinit beside")
    (tmp_path / "saved").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "saved"))
    with pytest.raises(bench.Failure, match=r"\Anobody read the report to its end\nthe run is saved in "):
        bench.run(quick=True, sections=["adding"], peers=["NumPy"], out=NobodyReads())
    (path,) = (tmp_path / "saved").glob("*/run.json")
    assert results.read(path).measurements


def test_closed_streams_are_told(saved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(bench.Refusal, match=r"\Acannot read standard input: it is closed\Z"):
        bench.run(from_path=Path("-"))
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(bench.Failure, match=r"\Acannot print the report: standard output is closed\Z"):
        bench.run(from_path=Path(saved), markdown_path=tmp_path / "x.md")
    assert (tmp_path / "x.md").exists()


def test_form_is_printed_to_a_stream_of_text_too(saved: str) -> None:
    out = io.StringIO()
    bench.run(from_path=Path(saved), json_path=Path("-"), out=out)
    assert out.getvalue() == Path(saved).read_text(encoding="utf-8")


@pytest.mark.usefixtures("tiny")
def test_run_that_a_reader_would_refuse_is_reported_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = measurement({OWN: 1e-3, "NumPy": 1e-2}, elements=1 << 60)
    monkeypatch.setattr(measure, "time_case", lambda case, effort: replace(bad, key=replace(bad.key, draw=case.name)))
    with pytest.raises(bench.Failure, match=r"\Athe run is one that --from refuses: measurements\[0\].elements: 1152"):
        bench.run(quick=True, sections=["adding"], peers=["NumPy"], json_path=tmp_path / "run.json")
    assert "vs NumPy" in capsys.readouterr().out
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["measurements"]


@pytest.mark.parametrize("form", ["json", "markdown", "html"])
def test_form_on_standard_output_takes_the_place_of_the_report(
    form: str, saved: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    pytest.importorskip("matplotlib")
    assert main(["bench", "--from", saved, f"--{form}", str(tmp_path / "file")]) == 0
    capfdbinary.readouterr()
    assert main(["bench", "--from", saved, f"--{form}", "-"]) == 0
    assert capfdbinary.readouterr().out == (tmp_path / "file").read_bytes()
    assert not Path("-").exists()


def test_standard_output_is_for_one_form_and_standard_input_for_one_run(
    saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--from", saved, "--json", "-", "--markdown", "-"]) == 2
    assert "--json and --markdown are the same file, standard output" in capsys.readouterr().err
    assert main(["bench", "--from", "-", "--compare", "-"]) == 2
    assert "cannot both be standard input" in capsys.readouterr().err


def test_run_is_read_from_standard_input(saved: str) -> None:
    command = [sys.executable, "-m", "fastinit", "bench", "--from", "-", "--compare", saved, "--json", "-"]
    options: dict[str, Any] = {"capture_output": True, "timeout": 60, "check": False}
    content = Path(saved).read_bytes()
    assert subprocess.run(command, input=content, **options).stdout == content
    done = subprocess.run(command, input=b"{", **options)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"python -m fastinit bench: cannot read standard input: not a report")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_full_disk_behind_standard_output_is_told_and_the_files_are_written(saved: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastinit", "bench", "--from", saved, "--markdown", str(tmp_path / "x.md")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "cannot print the report: No space left on device" in done.stderr
    assert (tmp_path / "x.md").read_text(encoding="utf-8").startswith("# fastinit beside")


@pytest.mark.usefixtures("tiny")
def test_argument_that_is_no_text_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a\udcff\x1b[2J.json"
    monkeypatch.setattr(sys, "argv", ["fastinit-weights", "bench", "--json", str(path)])
    assert main([*TINY, "--json", str(path)]) == 0
    assert results.read(path).environment.command.endswith(r"/a\udcff\x1b[2J.json'")
    assert r"\x1b" in capsys.readouterr().out
    assert main(["bench", "--from", str(path), "--compare", str(path)]) == 0
    assert r"Compared with a\udcff\x1b[2J.json" in capsys.readouterr().out
    assert main(["bench", "--from", f"{path}x"]) == 2
    assert r"a\udcff\x1b[2J.jsonx: No such file" in capsys.readouterr().err


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


def test_without_rich_the_report_is_printed_in_markdown(saved: str) -> None:
    done = without("rich", "bench", "--from", saved)
    assert done.returncode == 0
    assert done.stdout == report.markdown(small_run())
    needed = "which `pip install 'fastinit-weights[bench]'` installs"
    assert done.stderr == f"in Markdown, as tables need rich and markdown-it-py, {needed}\n"


@pytest.mark.usefixtures("tiny")
def test_without_rich_a_run_is_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "fastinit.bench.printer", raising=False)
    monkeypatch.delattr(bench, "printer", raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert main(TINY) == 0
    assert capsys.readouterr().out.startswith("# fastinit beside NumPy\n")


@pytest.mark.parametrize(
    ("module", "need"),
    [("matplotlib", "draws charts, which needs matplotlib"), ("markdown_it", "needs markdown-it-py")],
)
def test_without_what_a_page_needs_it_is_refused_and_the_rest_works(
    module: str, need: str, saved: str, tmp_path: Path
) -> None:
    done = without(module, "bench", "--html", str(tmp_path / "run.html"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"python -m fastinit bench: --html {need}, which `pip install 'fastinit-weights[bench]'` installs\n"
    )
    assert not (tmp_path / "run.html").exists()
    assert without(module, "bench", "--from", saved).returncode == 0
