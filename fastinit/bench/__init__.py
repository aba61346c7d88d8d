"""The benchmark report: fastinit, other libraries and memset, measured in turns in one run."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TextIO

from fastinit import drawing
from fastinit.bench import cases, compare, environment, markdown, measure, page, results, summary
from fastinit.bench import peers as libraries
from fastinit.bench.results import Results
from fastinit.distribution import command_for
from fastinit.progress import Progress

if TYPE_CHECKING:
    from fastinit.bench.terminal import Bar

ADVICE = f"which {command_for('bench')} installs"


class Refusal(Exception):
    """Why a run cannot be; raised before anything is measured."""


def run(
    *,
    quick: bool = False,
    sections: Iterable[str] | None = None,
    peers: Iterable[str] | None = None,
    json_path: Path | None = None,
    markdown_path: Path | None = None,
    html_path: Path | None = None,
    compare_path: Path | None = None,
    from_path: Path | None = None,
    out: TextIO | None = None,
) -> None:
    """
    Measures and prints the report to out (standard output), and writes it in other forms to the paths given.

    With from_path nothing is measured: the report is that of an earlier run. compare_path is an earlier run to compare
    with. Raises Refusal before the first measurement if any of that cannot be.
    """
    check_names("sections", sections, cases.SECTIONS)
    check_names("peers", peers, libraries.ALL)
    if from_path is not None and (quick or sections is not None or peers is not None):
        raise Refusal("--from measures nothing, so it goes without --quick, --sections and --peers")
    earlier = None if from_path is None else read(from_path)
    old = None if compare_path is None else read(compare_path)
    for path in (json_path, markdown_path, html_path):
        check_writable(path)
    if html_path is not None:
        check_drawing()

    here = measured(quick, sections, peers) if earlier is None else earlier
    if json_path is not None:
        results.write(here, json_path)
    comparison = None
    if old is not None and compare_path is not None:
        comparison = compare.table(compare.compare(old, here), compare_path.name)
    report = summary.report(here, comparison)
    show(report, out)
    if markdown_path is not None:
        markdown_path.write_text(markdown.text(report), encoding="utf-8")
    if html_path is not None:
        html_path.write_text(page.html(report, here), encoding="utf-8")


def measured(quick: bool, sections: Iterable[str] | None, peers: Iterable[str] | None) -> Results:
    """A run, with a progress bar on standard error."""
    wanted = list(cases.SECTIONS if sections is None else sections)
    effort = measure.QUICK if quick else measure.FULL
    before = environment.describe()
    found, missing = libraries.found(peers)
    chosen = cases.chosen(wanted, quick, found)
    measurements = []
    with progress(len(chosen)) as bar:
        for case in chosen:
            bar.show(case.name)
            measurements.append(measure.time_case(case, effort))
            bar.advance()
    after = replace(before, load_after=environment.load_average())
    return Results(after, found, missing | cases.left_out(wanted, quick, found), tuple(measurements))


# ---- What a run needs ------------------------------------------------------------------------------------------------


def check_names(what: str, names: Iterable[str] | None, accepted: Iterable[str]) -> None:
    """Refuses what is none of the accepted names."""
    unknown = [name for name in names or () if name not in accepted]
    if unknown:
        raise Refusal(f"--{what}: {unknown[0]!r} is unknown; accepted are {', '.join(accepted)}")


def read(path: Path) -> Results:
    """An earlier run."""
    try:
        return results.read(path)
    except OSError as error:
        raise Refusal(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise Refusal(f"cannot read {path}: {error}") from None


def check_writable(path: Path | None) -> None:
    """Refuses what cannot be written; a file that is there keeps its content, and none is made."""
    if path is None:
        return
    new = not path.exists()
    try:
        path.open("a").close()
        if new:
            path.unlink()
    except OSError as error:
        raise Refusal(f"cannot write {path}: {error.strerror or error}") from None


def check_drawing() -> None:
    """Refuses a page where its charts cannot be drawn."""
    try:
        drawing.figure_class()
    except ImportError:
        raise Refusal(f"--html draws charts, which needs matplotlib, {ADVICE}") from None


# ---- The terminal ----------------------------------------------------------------------------------------------------


def in_terminal() -> ModuleType | None:
    """The module that prints tables and bars; None where rich is not installed."""
    try:
        from fastinit.bench import terminal
    except ImportError:
        return None
    return terminal


def progress(total: int) -> "Progress | Bar":
    """A progress bar on standard error, if that is a terminal."""
    terminal = in_terminal()
    if terminal is None:
        return Progress(total)
    bar: Bar = terminal.Bar(total)
    return bar


def show(report: summary.Report, out: TextIO | None) -> None:
    """Prints the report: as tables, or in Markdown where rich is missing."""
    terminal = in_terminal()
    if terminal is not None:
        terminal.show(report, out)
        return
    print(markdown.text(report), end="", file=out)
    print(f"in Markdown, as tables need rich, {ADVICE}", file=sys.stderr)
