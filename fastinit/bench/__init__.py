"""The benchmark report: fastinit, other libraries and memset, measured in turns in one run."""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TextIO

from fastinit import files, program
from fastinit.arguments import STANDARD
from fastinit.bench import cases, compare, environment, measure, page, report, results
from fastinit.bench import peers as libraries
from fastinit.bench.results import Measurement, Results, several
from fastinit.distribution import command_for
from fastinit.program import Failure, Refusal
from fastinit.progress import Progress
from fastinit.text import cut, meant, named, printable, quoted

MOST_OF_REASON = 1000  # characters of an error's line
ADVICE = f"which {command_for('bench')} installs"


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
    with. Of the path "-" is standard input or output; a form that goes there takes the place of the printed report.

    Raises Refusal before the first measurement if any of that cannot be. What was measured is not lost to an error
    that comes later: each form is made by itself, the JSON first, and Failure says at the end what could not be.
    """
    sections, peers = (None if names is None else list(names) for names in (sections, peers))
    check_names("sections", sections, cases.SECTIONS)
    check_names("peers", peers, libraries.ALL)
    if from_path is not None and (quick or sections is not None or peers is not None):
        raise Refusal("--from measures nothing, so it goes without --quick, --sections and --peers")
    if from_path == compare_path == STANDARD:
        raise Refusal("--from and --compare cannot both be standard input (-)")
    outputs = Outputs({"json": json_path, "markdown": markdown_path, "html": html_path}, out)
    outputs.check()
    if html_path is not None:
        check_page()
    earlier = None if from_path is None else read(from_path)
    old = None if compare_path is None else read(compare_path)

    try:
        if earlier is None:
            measured(quick, sections, peers, outputs)
        outputs.make_all(earlier, old, compare_path)
    except BaseException:  # Ctrl-C while the forms are made
        outputs.save()
        for failure in outputs.failures:
            print(failure, file=sys.stderr)
        raise
    outputs.finish()


def measured(quick: bool, sections: Iterable[str] | None, peers: Iterable[str] | None, outputs: "Outputs") -> None:
    """Gives the outputs a run, with a progress bar on standard error; an error ends it; what was measured counts."""
    wanted = list(cases.SECTIONS if sections is None else sections)
    effort = measure.QUICK if quick else measure.FULL
    before = environment.describe()
    found, missing = libraries.found(peers)
    chosen = cases.chosen(wanted, quick, found)
    measurements: list[Measurement] = []
    with Progress(len(chosen)) as bar:
        for case in chosen:
            bar.show(case.name)
            try:
                measurements.append(measure.time_case(case, effort))
            except Exception as error:
                what = f"the run ended after {several(len(measurements), 'case')}, at {case.name}"
                outputs.failures.append(reason(what, error))
                break
            bar.advance()
    after = replace(before, load_after=environment.load_average())
    outputs.run = Results(after, found, missing | cases.left_out(wanted, quick, found), tuple(measurements))


# ---- What a run needs ------------------------------------------------------------------------------------------------


def check_names(what: str, names: Iterable[str] | None, accepted: Iterable[str]) -> None:
    """Refuses what is none of the accepted names."""
    unknown = [name for name in names or () if name not in accepted]
    if unknown:
        listed = ", ".join(accepted)
        raise Refusal(f"--{what}: {quoted(unknown[0])} is unknown; accepted are {listed}{meant(unknown[0], accepted)}")


def read(path: Path) -> Results:
    """An earlier run."""
    try:
        return results.of_json(standard_input()) if path == STANDARD else results.read(path)
    except (OSError, ValueError, MemoryError) as error:
        raise Refusal(reason(f"cannot read {name_of(path, whole=True)}", error, path)) from None


def standard_input() -> bytes:
    """All of it."""
    if sys.stdin is None:
        raise OSError("it is closed")
    return files.read_all(sys.stdin.buffer, results.MOST_BYTES, "a report")


def name_of(path: Path, whole: bool = False) -> str:
    """How a report and a message call a file."""
    return "standard input" if path == STANDARD else printable(str(path) if whole else path.name)


def reason(what: str, error: Exception, path: Path | None = None) -> str:
    """What cannot be and why, in one line; the path is what the error may name itself."""
    text = " ".join(program.reason(error).split())
    for begin in (f"cannot read {named(path)}: ", f"cannot write {named(path)}: ", f"{named(path)}: ") if path else ():
        text = text.removeprefix(begin)
    return cut(f"{what}: {printable(text)}", MOST_OF_REASON)


def check_page() -> None:
    """Refuses a page where it cannot be made."""
    for module, what in (
        ("matplotlib.figure", "draws charts, which needs matplotlib"),
        ("markdown_it", "needs markdown-it-py"),
    ):
        try:
            importlib.import_module(module)
        except ImportError:
            raise Refusal(f"--html {what}, {ADVICE}") from None


# ---- What is written -------------------------------------------------------------------------------------------------


class Outputs:
    """The files that a run writes, and what went wrong with them."""

    def __init__(self, paths: Mapping[str, Path | None], out: TextIO | None) -> None:
        self.paths: dict[str, Path] = {form: path for form, path in paths.items() if path is not None}
        self.targets: dict[str, Path] = {}
        self.out = out
        self.run: Results | None = None  # what was measured, until it is saved
        self.failures: list[str] = []
        self.closed: BrokenPipeError | None = None

    def check(self) -> None:
        """Refuses what cannot be written; a file that is there keeps its content, and none is left."""
        for one, other in combinations(self.paths, 2):
            if same_file(self.paths[one], self.paths[other]):
                name = name_of_output(self.paths[other])
                raise Refusal(f"--{one} and --{other} are the same file, {name}; accepted are two")
        self.targets = {form: target_of(path) for form, path in self.paths.items() if path != STANDARD}

    def make_all(self, earlier: Results | None, old: Results | None, compare_path: Path | None) -> None:
        """Makes every form of an earlier run or of the one that was measured, the JSON first."""
        here = earlier or self.as_read()
        self.make("json", lambda: results.text(here))
        with self.attempt("cannot make the report"):
            comparison = None
            if old is not None and compare_path is not None:
                comparison = compare.table(compare.compare(old, here), name_of(compare_path))
            text = report.markdown(here, comparison)
            if STANDARD not in self.paths.values():
                with self.attempt("cannot print the report"):
                    show(text, self.out)
            self.make("markdown", lambda: text)
            self.make("html", lambda: page.html(text, here))

    def as_read(self) -> Results:
        """The run as --from will read it from its JSON, so that both say the same."""
        assert self.run is not None
        with self.attempt("the run is one that --from refuses"):
            return results.of_json(encoded(results.text(self.run)))
        return self.run

    def make(self, form: str, text: Callable[[], str]) -> None:
        """Makes one form, if it is wanted, and writes it where it is to go."""
        if form not in self.paths:
            return
        with self.attempt(f"cannot write {name_of_output(self.paths[form])}", self.targets.get(form)):
            content = encoded(text())
            if form in self.targets:
                files.write(self.targets[form], content)
            else:
                print_bytes(content, self.out)
            if form == "json":
                self.run = None

    @contextmanager
    def attempt(self, what: str, target: Path | None = None) -> Iterator[None]:
        """Notes the error of a part, so that the others are made nevertheless."""
        try:
            yield
        except BrokenPipeError as error:
            self.closed = error
        except Exception as error:
            self.failures.append(reason(what, error, target))

    def save(self) -> None:
        """Saves a run that no file has."""
        if self.run is None or not self.run.measurements:
            return
        with self.attempt("cannot save the run"):
            content = encoded(results.text(self.run))
            path = Path(tempfile.mkdtemp(prefix="fastinit-bench-"), "run.json")
            try:
                files.write(path, content)
            except OSError:
                path.parent.rmdir()
                raise
            self.run = None
            self.failures.append(f"the run is saved in {printable(str(path))}, which --from reads")

    def finish(self) -> None:
        """Says what went wrong; a run that no file has is saved before."""
        if self.closed is not None and self.run is not None:
            self.failures.append("nobody read the report to its end")
        if self.failures:
            self.save()
            raise Failure("\n".join(self.failures))
        if self.closed is not None:
            raise self.closed


def same_file(path: Path, other: Path) -> bool:
    """Whether two outputs would take each other's place."""
    if STANDARD in (path, other):
        return path == other
    try:
        return os.path.realpath(path) == os.path.realpath(other) or os.path.samefile(path, other)
    except (OSError, ValueError):  # one of them is not there
        return False


def target_of(path: Path) -> Path:
    """The file that is written for that path, links followed; refuses what cannot be written, and leaves nothing."""
    target = path
    try:
        if path.exists() and (kind := files.kind_of(path.stat())):
            raise OSError(f"it is {kind}; accepted is a regular file, a new name or -, which is standard output")
        target = Path(os.path.realpath(path))
        if target.exists() and is_standard_output(target):
            raise OSError("it is standard output; accepted is -")
        files.check_target(target, replace=True)
        if target.is_symlink():
            raise OSError("its links lead in a circle")
        if target.exists() and not os.access(target, os.W_OK):
            raise OSError("it may not be written")
        files.check_folder(target)
    except (OSError, ValueError) as error:
        raise Refusal(reason(f"cannot write {name_of_output(path)}", error, target)) from None
    return target


def is_standard_output(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(1))
    except OSError:  # it is closed
        return False


def name_of_output(path: Path) -> str:
    return "standard output" if path == STANDARD else printable(str(path))


def encoded(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which is none, is escaped."""
    return text.encode(errors="backslashreplace")


def opened(out: TextIO | None) -> TextIO:
    """Standard output where nothing else is given."""
    to = sys.stdout if out is None else out
    if to is None:
        raise OSError("standard output is closed")
    return to


def print_bytes(content: bytes, out: TextIO | None) -> None:
    """Prints a file's content, whatever the terminal's encoding is."""
    to = opened(out)
    buffer = getattr(to, "buffer", None)
    if buffer is None:
        to.write(content.decode())
    else:
        to.flush()
        buffer.write(content)
    to.flush()


# ---- The terminal ----------------------------------------------------------------------------------------------------


def show(text: str, out: TextIO | None) -> None:
    """Prints the report: with tables, or its Markdown where rich is missing."""
    to = opened(out)
    try:
        from fastinit.bench import printer
    except ImportError:
        print(text, end="", file=to)
    else:
        printer.show(text, to)
    to.flush()  # a full disk is to be told here
    if "fastinit.bench.printer" not in sys.modules and sys.stderr is not None:
        print(f"in Markdown, as tables need rich and markdown-it-py, {ADVICE}", file=sys.stderr)
