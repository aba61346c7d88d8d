"""
The table of tests/coverage.sh, from what coverage.py, gcovr and Cython have written:

    coverage_report.py PYTHON.json C.json _core.c PAGE.md

prints it and writes it into the page, in the place of the one there. The exit status is 1 if a line has not run.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Cython writes each statement's place before the C that it becomes.
PLACE = re.compile(r'\s*/\* "(.*)":(\d+)$')
NOT_COUNTED = "no cover"
TABLE = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)


class File(NamedTuple):
    name: str
    lines: int
    missed: Sequence[int]
    branches: int
    missed_branches: Sequence[tuple[int, int]]  # from a line, to another; (line, 0) in C

    @property
    def row(self) -> str:
        halves = sorted({start for start, _ in self.missed_branches} - set(self.missed))
        return cells(
            f"`{self.name}`",
            self.lines,
            percent(self.lines - len(self.missed), self.lines),
            percent(self.branches - len(self.missed_branches), self.branches),
            runs(self.missed),
            runs(halves),
        )


def cells(*values: object) -> str:
    return "| " + " | ".join(map(str, values)) + " |"


def percent(part: int, whole: int) -> str:
    """Never rounded up to 100."""
    return f"{part * 1000 // whole / 10:.1f} %" if whole else ""


def runs(numbers: Sequence[int]) -> str:
    """1, 2, 3, 7 as 1-3, 7."""
    texts: list[list[int]] = []
    for number in numbers:
        if texts and texts[-1][-1] == number - 1:
            texts[-1].append(number)
        else:
            texts.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in texts)


def python_files(report: Any) -> Iterator[File]:
    for name, file in sorted(report["files"].items()):
        summary, missed = file["summary"], [(start, end) for start, end in file["missing_branches"]]
        yield File(name, summary["num_statements"], file["missing_lines"], summary["num_branches"], missed)


def c_file(file: Any) -> File:
    """A line that several functions are made of, as those for float and double, has run if it has in each."""
    counts: dict[int, list[int]] = defaultdict(list)
    branches, missed = 0, []
    for line in file["lines"]:
        if not line.get("gcovr/excluded"):
            counts[line["line_number"]].append(line["count"])
            ways = [way["count"] for way in line["branches"] if not way.get("gcovr/excluded")]
            branches += len(ways)
            missed += [(line["line_number"], 0)] * ways.count(0)
    return File(file["file"], len(counts), sorted(n for n, c in counts.items() if 0 in c), branches, missed)


def cython_files(sources: Sequence[Path], generated: Path, lines: Any) -> list[File]:
    """A line has run if any of the C that it becomes has. Branches there are mostly whether a call raised."""
    counts: dict[int, int] = defaultdict(int)
    for line in lines:
        counts[line["line_number"]] += line["count"]
    texts = {source.name: source.read_text().splitlines() for source in sources}
    ran: dict[str, dict[int, bool]] = {source.name: {} for source in sources}
    place = None
    for number, line in enumerate(generated.read_text().splitlines(), 1):
        if found := PLACE.match(line):
            name, place = Path(found[1]).name, int(found[2]) if Path(found[1]).name in texts else None
        elif line == "}":
            place = None
        if place is not None and number in counts and NOT_COUNTED not in texts[name][place - 1]:
            ran[name][place] = ran[name].get(place, False) or counts[number] > 0
    of = [(source, ran[source.name]) for source in sources]
    return [File(str(source), len(own), sorted(line for line in own if not own[line]), 0, []) for source, own in of]


def table(files: dict[str, list[File]]) -> str:
    heads = ["", "lines", "that have run", "branches", "lines that have not", "lines of branches not all taken"]
    lines = [cells(*heads), cells("---", "---:", "---:", "---:", "---", "---")]
    for language, group in files.items():
        count, missed = sum(f.lines for f in group), sum(len(f.missed) for f in group)
        ways, untaken = sum(f.branches for f in group), sum(len(f.missed_branches) for f in group)
        lines.append(
            cells(f"**{language}**", count, percent(count - missed, count), percent(ways - untaken, ways), "", "")
        )
        lines += [file.row for file in group if file.lines]
    return "\n".join(lines) + "\n"


def main(python: str, c: str, generated: str, page: str) -> int:
    by_name = {file["file"]: file for file in json.loads(Path(c).read_text())["files"]}
    core = by_name.pop(next(name for name in by_name if name.endswith("_core.c")))
    cython = [Path("src/_core.pyx"), *sorted(Path("src").glob("*.pxi"))]
    files = {
        "Python": list(python_files(json.loads(Path(python).read_text()))),
        "Cython": cython_files(cython, Path(generated), core["lines"]),
        "C": [c_file(file) for _, file in sorted(by_name.items())],
    }
    text = table(files)
    print(text)
    path = Path(page)
    path.write_text(TABLE.sub(lambda _: f"\n{text}\n", path.read_text()))
    return int(any(file.missed for group in files.values() for file in group))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
