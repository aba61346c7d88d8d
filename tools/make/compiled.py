"""The schemes as functions that Numba compiles, and the names of fastinit.numba."""

from typing import Any

from faces import WIDTH, with_names
from rows import schemes

HEAD = '''"""Schemes that have names, for code that Numba compiles. Made by tools/make from fastinit/schemes.py."""

{imports}
'''
SCHEME = '''

{rule}
    return members({members})


@filling(set_scheme, _{name})
def {name}(
    out: Array,
{signature}
) -> None:
    """{summary}: see ``fastinit.Generator.{name}``."""
    parameters = _{name}({given})
    draw(set_scheme, parameters, out, seed, stream, streams, offset, global_shape, accumulate)
'''
# By the kinds of n: the fans, and what members() makes of them.
FANS = {
    "sum": ("fan_in: float, fan_out: float", "FAN_SUM, {draw}, fan_in, fan_out"),
    "fan": ("fan_in: float | None = None", "one_fan(fan_in, fan_out), {draw}, fan_in, fan_out"),
    "fan_in": ("fan_in: float", "FAN_IN, {draw}, fan_in, None"),
}
KEYWORDS = {"sum": "", "fan": "fan_out: float | None = None", "fan_in": ""}
# By what else a family takes: the argument, and what members() makes of it.
TAKES = {
    "gain": ("gain: float = 1.0", "gain, 0.0"),
    "gain or relu": ("gain: float = 1.0", "gain, 0.0"),
    "slope": ("negative_slope: float = 0.0", "1.0, negative_slope"),
    "": ("", "1.0, 0.0"),
}
WHERE = (
    "seed: int",
    "stream: int | str | None = None",
    "streams: Streams | None = None",
    "offset: Sizes | None = None",
    "global_shape: Sizes | None = None",
    "accumulate: bool = False",
)


def scheme(row: Any, draw: str, name: str) -> str:
    cut = "truncated: bool = False" if draw == "normal" else ""
    fans, members = FANS[row.n]
    positional = [each for each in (*fans.split(", "), TAKES[row.takes][0]) if each]
    keywords = [each for each in (KEYWORDS[row.n], cut) if each]
    signature = [*positional, "*", *keywords, *WHERE]
    drawn = "normal_or(truncated)" if cut else "UNIFORM"
    rule = f"def _{name}({', '.join([*positional, *keywords])}) -> Members:"
    if len(rule) > WIDTH:
        rule = rule.replace("(", "(\n    ").replace(") ->", "\n) ->")
    return SCHEME.format(
        name=name,
        rule=rule,
        members=f"{members.format(draw=drawn)}, {float(row.scale)}, {TAKES[row.takes][1]}",
        signature="".join(f"    {each},\n" for each in signature)[:-1],
        summary=f"U[-a, a), a = {row.limit}" if draw == "uniform" else f"N(0, {row.variance})",
        given=", ".join(each.partition(":")[0] for each in (*positional, *keywords)),
    )


def functions(_: str) -> str:
    """fastinit/numba/schemes.py."""
    made = "".join(scheme(*each) for each in schemes())
    aliases = "".join(f"{alias}_{draw} = {name}\n" for row, draw, name in schemes() for alias in row.aliases)
    used = ("FAN_IN", "FAN_SUM", "UNIFORM", "Members", "filling", "members", "normal_or", "one_fan")
    imports = "from fastinit.numba.arguments import Array, Sizes, Streams\n"
    imports += "from fastinit.numba.calls import draw, set_scheme\n"
    imports += f"from fastinit.numba.functions import {', '.join(each for each in used if each in made)}"
    return HEAD.format(imports=imports) + made + "\n\n" + aliases


def names(text: str) -> str:
    """fastinit/numba/__init__.py."""
    found = [f"{each}_{draw}" for row, draw, _ in schemes() for each in (row.name, *row.aliases)]
    return with_names(text, "numba", found)
