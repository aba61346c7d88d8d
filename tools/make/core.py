"""The schemes of the core, and their types: src/schemes.pxi and a part of fastinit/_core.pyi."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rows import between, schemes

WIDTH, INDENT = 120, " " * 8
HEAD = """# Made by tools/make from fastinit/schemes.py. The schemes that are a draw and a scale.

cdef class Generator(Draws):
    __doc__ = Draws.__doc__
"""


class Argument(NamedTuple):
    """An argument of a method: its type, its default and the mark of its paragraph in a docstring."""

    name: str
    type: str
    default: str
    mark: str = ""

    @property
    def in_cython(self) -> str:
        return f"{'bint ' * (self.type == 'bool')}{self.name}={self.default}"

    @property
    def in_stub(self) -> str:
        return f"{self.name}: {self.type} = {self.default}"


def fan(name: str, mark: str = "") -> Argument:
    return Argument(name, "Number | None", "None", mark)


# By the kinds of n: the fans, those for keywords alone, and what is fi_scheme's mode.
FANS = {
    "sum": ((fan("fan_in", "<fans>"), fan("fan_out")), (), "FI_FAN_SUM"),
    "fan": ((fan("fan_in", "<fan>"),), (fan("fan_out"),), "<fi_fan_mode>one_fan(fan_in, fan_out)"),
    "fan_in": ((fan("fan_in", "<fan_in>"),), (), "FI_FAN_IN"),
}
# By what else a family takes: the argument, and what makes an fi_scheme of it, a mode and a scale.
TAKES = {
    "gain": (
        (Argument("gain", "Number", "1.0", "<gain>"),),
        'scheme_of({mode}, {scale}, positive("gain", gain))',
    ),
    "gain or relu": (
        (Argument("gain", 'Number | Literal["relu"]', "1.0", "<lasagne gain>"),),
        "scheme_of_gain_or_relu({mode}, {scale}, gain)",
    ),
    "slope": (
        (Argument("negative_slope", "Number", "0.0", "<slope>"),),
        'scheme_of({mode}, {scale}, 1, finite("negative_slope", negative_slope))',
    ),
    "": ((), "scheme_of({mode}, {scale})"),
}
LAYOUT = Argument("layout", "Layout | None", "None", "<layout>")
TRUNCATED = Argument("truncated", "bool", "False", "<truncated>")
WHERE = (
    Argument("stream", "Stream | None", "None", "<stream>"),
    Argument("streams", "Streams | None", "None", "<streams>"),
    Argument("offset", "Sizes | None", "None", "<block>"),
    Argument("global_shape", "Sizes | None", "None"),
    Argument("accumulate", "bool", "False", "<accumulate>"),
)


def arguments(row: Any, draw: str) -> tuple[tuple[Argument, ...], tuple[Argument, ...]]:
    """Those after out, and those for keywords alone."""
    fans, keywords, _ = FANS[row.n]
    cut = (TRUNCATED,) if draw == "normal" else ()
    return (*fans, *TAKES[row.takes][0]), (*keywords, LAYOUT, *cut, *WHERE)


METHOD = '''
    def {name}(
{signature}
    ):
        """
{doc}
        """
        check_self(self)
        cdef fi_scheme scheme = {scheme}
        return self.fill_scheme(
            out, &scheme, {draw}, fan_in, {fan_out}, layout, stream, streams, offset, global_shape,
            accumulate
        )
'''


def method(row: Any, draw: str) -> str:
    given, keywords = arguments(row, draw)
    names = [each.name for each in (*given, *keywords)]
    signature = f"{', '.join(['self', 'out', *(each.in_cython for each in given), '*'])},\n"
    signature += listed(each.in_cython for each in keywords)
    scheme = TAKES[row.takes][1].format(mode=FANS[row.n][2], scale=row.scale)
    if len(scheme) > WIDTH - len("        cdef fi_scheme scheme = "):
        scheme = re.sub(r"\((.*)\)", r"(\n            \1\n        )", scheme)
    return METHOD.format(
        name=f"{row.name}_{draw}",
        signature=textwrap.indent(signature, INDENT),
        doc=textwrap.indent(docstring(row, draw), INDENT),
        scheme=scheme,
        draw="FI_SCHEME_UNIFORM" if draw == "uniform" else "normal_or(truncated)",
        fan_out="fan_out" if "fan_out" in names else "None",
    )


DOC = """{summary}

Parameters
----------
{parameters}

<returns and raises>

Notes
-----
{notes}

Examples
--------
>>> import numpy as np, fastinit
>>> w = fastinit.Generator(42).{name}(np.empty((2, 3), np.float32), {given})
>>> {parameter} = np.sqrt({square})
>>> np.array_equal(w, fastinit.Generator(42).{draw}(np.empty_like(w), {of_draw}))
True"""
# The fans of the example, which with a layout are those of its shape, and what they come to.
EXAMPLE = {"sum": ("2, 3", 5), "fan": ("3", 3), "fan_in": ("3", 3)}


def docstring(row: Any, draw: str) -> str:
    uniform, takes_relu = draw == "uniform", row.takes == "gain or relu"
    formula = f"U[-a, a), a = {row.limit}" if uniform else f"N(0, {row.variance})"
    also = f" Also {', '.join(f'{alias}_{draw}' for alias in row.aliases)}." if row.aliases else ""
    notes = (
        f"Exactly ``uniform(out, -a, a)``, whose variance is {row.variance}"
        if uniform
        else f"Exactly ``normal(out, 0.0, {row.std})``"
    )
    if takes_relu:
        notes += f'; gain="relu" gives {"a = " if uniform else "the standard deviation "}{row.of_relu(draw)}'
    given, keywords = arguments(row, draw)
    fans, n = EXAMPLE[row.n]
    square = row.scale * (3 if uniform else 1) * (2 if takes_relu else 1)
    marks = ["<out>" if uniform else "<normal out>", *(each.mark for each in (*given, *keywords))]
    return DOC.format(
        summary=wrapped(f"Fills an array {row.purpose.format(Draw=draw.title())}: {formula}.{also}"),
        parameters="\n".join(filter(None, marks)),
        notes=wrapped(f"{notes}. {row.why} Source: {row.sources[draw]}."),
        name=f"{row.name}_{draw}",
        given='gain="relu", layout="lasagne"' if takes_relu else fans,
        parameter="a" if uniform else "std",
        square=f"{square} / {n}",
        draw=draw,
        of_draw="-a, a" if uniform else "0.0, std",
    )


def wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH - len(INDENT), break_long_words=False, break_on_hyphens=False)


def listed(items: Iterable[str]) -> str:
    """With commas between them, in lines that break after a comma."""
    return wrapped(", ".join(each.replace(" ", "\0") for each in items)).replace("\0", " ")


def methods(_: str) -> str:
    """src/schemes.pxi."""
    return HEAD + "".join(method(row, draw) + "".join(aliases(row, draw)) for row, draw, _ in schemes())


def aliases(row: Any, draw: str) -> Iterator[str]:
    if row.aliases:
        yield "\n"
    for alias in row.aliases:
        yield f"    {alias}_{draw} = {row.name}_{draw}\n"


def types(text: str) -> str:
    """fastinit/_core.pyi, with the class that has the methods."""
    lines = ["class Generator(Draws):\n"]
    for row, draw, name in schemes():
        given, keywords = arguments(row, draw)
        each = ["self", "out: Output", *(each.in_stub for each in given), "*", *(each.in_stub for each in keywords)]
        lines += [f"    def {name}(\n", *(f"        {line},\n" for line in each), "    ) -> Output: ...\n"]
        lines += [line for line in aliases(row, draw) if line.strip()]
    return between(text, "schemes", "".join(lines) + "\n")
