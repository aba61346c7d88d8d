"""The tables that everything is made from, read without importing fastinit, which needs its core; and the marks."""

import re
import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
_SCHEMES = runpy.run_path(str(ROOT / "fastinit" / "schemes.py"))

FAMILIES = _SCHEMES["FAMILIES"]
FUNCTIONS = _SCHEMES["FUNCTIONS"]
written_out = runpy.run_path(str(ROOT / "fastinit" / "docstrings.py"))["written_out"]


def of_kind(*kinds: str) -> list[str]:
    """The names of the functions of these kinds."""
    return [name for name, each in FUNCTIONS.items() if each.kind in kinds]


def schemes() -> list[tuple[Any, str, str]]:
    """The functions of the families: the row, the draw and the name."""
    return [(row, draw, f"{row.name}_{draw}") for row in FAMILIES for draw in row.sources]


def between(text: str, name: str, made: str) -> str:
    """The text with another part between the marks of that name, which are comments of Python's or of Markdown's."""
    opening, closing = rf"(?:#|<!--) Made by tools/make: {name}\.(?: -->)?\n", r"(?:#|<!--) The end of it\.(?: -->)?\n"
    parts = re.split(rf"(?<=\n)( *{opening})(.*?)( *{closing})", text, flags=re.S)
    if len(parts) != 5:
        raise ValueError(f"the marks of {name!r} stand there {len(parts) // 4} times, not once")
    return parts[0] + parts[1] + made + parts[3] + parts[4]
