"""The tables and lists of the pages in docs/."""

import re
from collections.abc import Sequence

from rows import FAMILIES, FUNCTIONS, between, of_kind, schemes

KINDS = {"draw": "draws", "scheme": "schemes", "matrix": "matrices", "constant": "constants"}
N = {"sum": "fan_in + fan_out", "fan": "fan_in, or fan_out if that is given", "fan_in": "fan_in"}


def contract(text: str) -> str:
    """docs/stream.md: the scales of the schemes."""
    rows = [("scheme", "s", "n")]
    for row in FAMILIES:
        of_relu = f'; {2 * row.scale} and gain 1 for gain="relu"' if row.takes == "gain or relu" else ""
        rows.append((f"`{row.name}`", f"{row.scale}{of_relu}", N[row.n]))
    rows.append(("`variance_scaling`", "scale", "fan_in; fan_out; (fan_in + fan_out) / 2; sqrt(fan_in fan_out)"))
    return between(text, "schemes", "\n" + table(rows, "  ") + "\n")


def guide(text: str) -> str:
    """docs/schemes.md: what the schemes draw, and what for."""
    rows = [("scheme", "distribution", "keeps", "source")]
    for row, draw, name in schemes():
        called = " = ".join(f"`{each}`" for each in (name, *(f"{alias}_{draw}" for alias in row.aliases)))
        formula = f"U[-a, a), a = {row.limit}" if draw == "uniform" else f"N(0, {row.variance})"
        keeps = row.keeps if draw == next(iter(row.sources)) else "the same"
        rows.append((called, in_symbols(formula), keeps, row.cited[draw]))
    return between(text, "schemes", "\n" + table(rows) + "\n")


def reference(text: str) -> str:
    """docs/reference/fastinit.md: every function, by its kind, and all of them."""
    for kind, title in KINDS.items():
        lines = "".join(f".. automethod:: fastinit.Generator.{name}\n" for name in of_kind(kind))
        text = between(text, title, f"\n```{{eval-rst}}\n{lines}```\n\n")
    methods = ",\n".join(f":py:meth:`~fastinit.Generator.{name}`" for name in (*FUNCTIONS, "fill"))
    sentence = f"The others are its methods, under their own names:\n{methods}."
    return between(text, "functions", f"\n```{{eval-rst}}\n{sentence}\n```\n\n")


def table(rows: Sequence[tuple[str, ...]], indent: str = "") -> str:
    """The rows, after a heading."""
    head, *rest = rows
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rest)]
    return "".join(f"{indent}{line}\n" for line in lines)


def in_symbols(formula: str) -> str:
    for ascii_text, symbol in (("**2", "²"), ("sqrt", "√"), ("-", "\N{MINUS SIGN}"), ("negative_slope", "slope")):
        formula = formula.replace(ascii_text, symbol)
    return re.sub(r"\bfan\b", "fan_in", formula)
