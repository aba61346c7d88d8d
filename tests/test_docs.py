"""What the documentation shows is what happens."""

import doctest
import re
from pathlib import Path

import pytest
import reference

import fastinit

ROOT = Path(__file__).parent.parent


def with_examples():
    members = [(f"Generator.{name}", member) for name, member in vars(fastinit.Generator).items()]
    for name, value in [("fastinit", fastinit), ("Generator", fastinit.Generator), *members]:
        if ">>>" in (value.__doc__ or ""):
            yield pytest.param(value.__doc__, id=name)
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if ">>>" in text:
            yield pytest.param(text.replace("```", "\n"), id=page.name)


@pytest.mark.parametrize("text", list(with_examples()))
def test_examples_print_what_they_show(text):
    example = doctest.DocTestParser().get_doctest(text, {}, "example", None, 0)
    printed = []
    failures, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=printed.append)
    assert tried
    assert not failures, "".join(printed)


@pytest.mark.parametrize("method", ["bits", "uniform", "normal", "he_normal"])
def test_every_fill_documents_its_formula_errors_and_an_example(method):
    text = getattr(fastinit.Generator, method).__doc__
    for part in ("Parameters\n", "Returns\n", "Raises\n", "Notes\n", "Examples\n"):
        assert part in text


def test_the_contracts_constants_are_those_of_the_core():
    source = (ROOT / "src" / "coefficients.h").read_text(encoding="utf-8")
    lists = re.findall(r"(F\d\d_\w+)\[\] = \{(.*?)\}", source, re.S)
    scalars = re.findall(r"(F\d\d_\w+) = (\S+);", source)
    core = {name: [float.fromhex(c.rstrip("f")) for c in re.findall(r"-?0x\S+p-?\d+", text)] for name, text in lists}
    core |= {name: [float.fromhex(value.rstrip("f"))] for name, value in scalars}
    assert core == reference.CONSTANTS
