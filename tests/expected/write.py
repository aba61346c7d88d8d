"""
What the commands print of fixed runs, as files: `python tests/expected/write.py` writes them anew; read the diff.

run.json is a report of every section, old.json one to compare it with.
"""

import io
import re
from pathlib import Path

from fastinit.bench import compare, environment, page, printer, report, results

HERE = Path(__file__).parent


def expected() -> dict[str, str]:
    """What each file is to hold. Without the page's style and pictures, which differ by matplotlib's version."""
    run, old = (results.read(HERE / name) for name in ("run.json", "old.json"))
    markdown = report.markdown(run)
    compared = report.markdown(run, compare.table(compare.compare(old, run), "old.json"))
    return {
        "report.md": markdown,
        "compared.md": compared,
        "report.40.txt": printed(markdown, 40),
        "report.80.txt": printed(markdown, 80),
        "compared.ansi": printed(compared, 110, force_terminal=True, color_system="standard"),
        "report.html": re.sub('(?<=<style>)[^<]+|(?<=data:)image/svg[^"]+', "", page.html(compared, run)),
        "info.txt": environment.info(run.environment, 60) + "\n",
        "info.json": environment.info_json(run.environment) + "\n",
    }


def printed(text: str, width: int, **options: object) -> str:
    """The report in a terminal of so many columns."""
    out = io.StringIO()
    printer.show(text, out, width=width, **options)
    return out.getvalue()


if __name__ == "__main__":
    for name, text in expected().items():
        (HERE / name).write_text(text, encoding="utf-8")
        print(HERE / name)
