"""
Writes what fastinit's sources say more than once, from the one place that says it; the result is committed.

    python tools/make            # writes
    python tools/make --check    # shows what is not current, and exits with 1 if anything is

Nothing compiled is imported. Each of OUTPUTS makes the whole text of a file from the text that is there: all of it, or
what stands between two marks.
"""

import difflib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import compiled
import core
import faces
import package
import pages

ROOT = Path(__file__).parent.parent.parent
OUTPUTS: dict[str, Callable[[str], str]] = {
    "src/schemes.pxi": core.methods,
    "fastinit/_core.pyi": core.types,
    "fastinit/__init__.py": package.names,
    "tests/typing/uses_everything.py": package.uses,
    "docs/stream.md": pages.contract,
    "docs/schemes.md": pages.guide,
    "docs/reference/fastinit.md": pages.reference,
    "fastinit/jax/schemes.py": faces.jax,
    "fastinit/jax/__init__.py": faces.names_of_jax,
    "fastinit/keras/schemes.py": faces.keras,
    "fastinit/keras/__init__.py": faces.names_of_keras,
    "fastinit/numba/schemes.py": compiled.functions,
    "fastinit/numba/__init__.py": compiled.names,
}


def outdated() -> Iterator[tuple[Path, str, str]]:
    """The files that are not current: their path, their text and what it should be."""
    for name, make in OUTPUTS.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        made = make(text)
        if made != text:
            yield path, text, made


def main() -> int:
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    check = sys.argv[1:] == ["--check"]
    found = list(outdated())
    for path, text, made in found:
        name = path.relative_to(ROOT).as_posix()
        if check:
            lines = difflib.unified_diff(text.splitlines(), made.splitlines(), name, f"{name}, as it should be", n=1)
            print("\n".join(line.rstrip("\n") for line in lines))
        else:
            path.write_text(made, encoding="utf-8", newline="\n")
            print(f"wrote {name}")
    if check and found:
        print(f"{len(found)} of {len(OUTPUTS)} files are not current; `python tools/make` writes them", file=sys.stderr)
    return 1 if check and found else 0


if __name__ == "__main__":
    raise SystemExit(main())
