"""The schemes as JAX's initialisers and Keras's classes, and the names of fastinit.jax and fastinit.keras."""

import ast
import functools
import re
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

from rows import ROOT, between, schemes, written_out

WIDTH = 120
OWN = {"xavier": "glorot"}  # what JAX and Keras call a family, where that is one of its aliases
KERAS = ("glorot", "he", "lecun")  # the families that keras.initializers has


class Scheme(NamedTuple):
    """A function of a family, as JAX and Keras have it."""

    row: Any
    draw: str

    @property
    def family(self) -> str:
        return OWN.get(self.row.name, str(self.row.name))

    @property
    def name(self) -> str:
        return f"{self.family}_{self.draw}"

    @property
    def aliases(self) -> list[str]:
        names = [self.row.name, *self.row.aliases]
        return [f"{each}_{self.draw}" for each in names if each != self.family]

    @property
    def class_name(self) -> str:
        return self.name.title().replace("_", "")

    @property
    def rule(self) -> str:
        """Scale, mode and distribution, as variance_scaling takes them."""
        scale, mode = self.row.mode
        distribution = "uniform" if self.draw == "uniform" else "truncated_normal"
        return f'{float(scale)!r}, "{mode}", "{distribution}"'

    @property
    def formula(self) -> str:
        formula = self.row.framework_formula(self.draw)
        if self.draw == "uniform":
            return f"U[-a, a) with a = {formula}"
        return f"N(0, {formula}), cut at two standard deviations, the spread corrected"

    @property
    def source(self) -> str:
        return f"{self.row.sources[self.draw]}."

    def same(self, stream: str) -> str:
        """The call of a Generator that writes the same values."""
        cut = "" if self.draw == "uniform" else "truncated=True, "
        return f'{self.row.name}_{self.draw}(w, layout="keras", {cut}stream={stream})'


SCHEMES = [Scheme(row, draw) for row, draw, _ in schemes() if row.in_frameworks]


@functools.cache
def paragraphs(framework: str) -> dict[str, str]:
    """What the docstrings of a framework's functions share."""
    tree = ast.parse((ROOT / "fastinit" / framework / "functions.py").read_text(encoding="utf-8"))
    for each in tree.body:
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "_PARAGRAPHS":
            return dict(ast.literal_eval(each.value))
    raise ValueError(f"fastinit/{framework}/functions.py has no _PARAGRAPHS")


# ---- JAX -------------------------------------------------------------------------------------------------------------

JAX = '''"""JAX's initialisers that have names. Made by tools/make from the rows of fastinit/schemes.py."""

from typing import Any

from jax.nn.initializers import Initializer

from fastinit.jax.functions import Axes, variance_scaling

'''
FUNCTION = '''
{head}
    {quotes}
{doc}
    """
    return variance_scaling({rule}, in_axis, out_axis, batch_axis, dtype)

'''
FUNCTION_DOC = """{summary}

Parameters
----------
<axes>
<dtype>

<returns and raises>

Notes
-----
{source}

<example>"""
PARAMETERS = "in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None"


def jax(_: str) -> str:
    """fastinit/jax/schemes.py."""
    functions = "".join(map(jax_function, SCHEMES))
    aliases = [f"{alias} = {scheme.name}\n" for scheme in SCHEMES for alias in scheme.aliases]
    return JAX + functions + "\n" + "".join(aliases)


def jax_function(scheme: Scheme) -> str:
    head = f"def {scheme.name}({PARAMETERS}) -> Initializer:"
    if len(head) > WIDTH:
        head = f"def {scheme.name}(\n    {PARAMETERS}\n) -> Initializer:"
    author = re.split(r"\W", scheme.source)[0]
    summary = filled(f"{author}'s {scheme.draw} initialiser: {scheme.formula}.")
    text = FUNCTION_DOC.format(summary=summary, source=filled(scheme.source))
    doc = written_out(text, paragraphs("jax"), name=scheme.name, same=scheme.same("0"))
    return FUNCTION.format(head=head, quotes=opening(doc), doc=indented(doc), rule=scheme.rule)


# ---- Keras -----------------------------------------------------------------------------------------------------------

CLASSES = '''"""Keras's initialisers that have names. Made by tools/make from the rows of fastinit/schemes.py."""

import keras

from fastinit.keras.functions import {bases}, registered

'''
CLASS = '''
@registered
class {name}({base}):
    {quotes}
{doc}
    """
{rule}
'''
CLASS_DOC = """{summary}

Parameters
----------
<seed>
<axes>

<raises>

Notes
-----
{source}

<drawn example>"""


def keras(_: str) -> str:
    """fastinit/keras/schemes.py."""
    classes = "".join(map(keras_class, SCHEMES)).rstrip() + "\n"
    return CLASSES.format(bases="Named, OfRule" if "OfRule" in classes else "Named") + classes


def keras_class(scheme: Scheme) -> str:
    has_own = scheme.family in KERAS
    purpose = scheme.row.purpose.format(Draw=scheme.draw.title())
    text = CLASS_DOC.format(summary=filled(f"{scheme.formula}: {purpose}."), source=filled(scheme.source))
    doc = written_out(text, paragraphs("keras"), name=scheme.class_name, same=scheme.same('"w"'))
    return CLASS.format(
        name=scheme.class_name,
        base=f"Named, keras.initializers.{scheme.class_name}" if has_own else "Named, OfRule",
        quotes=opening(doc),
        doc=indented(doc),
        rule="" if has_own else f"\n    rule = {scheme.rule}\n",
    )


# ---- Names -----------------------------------------------------------------------------------------------------------


def names_of_jax(text: str) -> str:
    """fastinit/jax/__init__.py."""
    return with_names(text, "jax", [name for scheme in SCHEMES for name in (scheme.name, *scheme.aliases)])


def names_of_keras(text: str) -> str:
    """fastinit/keras/__init__.py."""
    return with_names(text, "keras", [scheme.class_name for scheme in SCHEMES])


def with_names(text: str, framework: str, names: list[str]) -> str:
    """The imports of what is made, and __all__, with what the text imports besides."""
    module = f"fastinit.{framework}.schemes"
    exported = sorted({*names, *imported(text, module)})
    imports = "".join(f"    {name},\n" for name in sorted(names))
    quoted = "".join(f'    "{name}",\n' for name in exported)
    return between(text, "names", f"from {module} import (\n{imports})\n\n__all__ = [\n{quoted}]\n")


def imported(text: str, made: str) -> Iterator[str]:
    for each in ast.parse(text).body:
        if isinstance(each, ast.ImportFrom) and each.module != made:
            yield from (alias.asname or alias.name for alias in each.names)


# ---- Text ------------------------------------------------------------------------------------------------------------


def filled(text: str) -> str:
    return textwrap.fill(text, WIDTH - 4, break_long_words=False, break_on_hyphens=False)


def opening(doc: str) -> str:
    """The quotes before a docstring."""
    return 'r"""' if "\\" in doc else '"""'


def indented(text: str) -> str:
    return textwrap.indent(text, "    ")
