"""The benchmark report: fastinit, numpy.random and memset, measured in turn in one run."""

import json
from pathlib import Path
from typing import TextIO

from fastinit.bench import cases, environment, measure, report
from fastinit.progress import Progress


def run(*, quick: bool = False, json_path: Path | None = None, out: TextIO | None = None) -> None:
    """Measures every case and prints the report to out (standard output); writes it to json_path too."""
    effort = measure.QUICK if quick else measure.FULL
    here = environment.describe()
    chosen = cases.of_sizes(effort.elements)
    print(report.header(here), file=out, flush=True)
    rows = []
    with Progress(len(chosen)) as progress:
        for case in chosen:
            progress.show(case.name)
            rows.append(report.Row.of(case, measure.time_case(case, effort)))
            progress.advance()
    print(f"\n{report.table(rows)}\n\n{report.notes(rows, cases.missing_dtypes())}", file=out)
    if json_path is not None:
        json_path.write_text(json.dumps(report.json_ready(here, rows), indent=2) + "\n", encoding="utf-8")
