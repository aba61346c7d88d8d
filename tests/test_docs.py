"""What the documentation shows is what happens."""

import doctest
import importlib.util
import inspect
import re
from pathlib import Path

import pytest
import reference
from conftest import fresh_python

import fastinit
from fastinit.docstrings import written_out

ROOT = Path(__file__).parent.parent


FUNCTIONS = ("fans", "gain", "recommend")
FILLS = sorted(
    {name for name, value in vars(fastinit).items() if getattr(value, "__self__", None) is fastinit.default_generator}
    - {"seed"}
)


# Pages that need packages which not everybody has. Each is run in a Python of its own, as frameworks have settings for
# a whole process.
FRAMEWORKS = {
    "pytorch.md": ("torch",),
    "jax.md": ("jax", "flax", "haiku"),
    "keras.md": ("keras", "jax"),
    "dask.md": ("dask", "zarr"),
    "c_interface.md": ("numba", "cffi"),
}
RUN_PAGE = """
import doctest, pathlib, sys
text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").replace("```", "\\n")
page = doctest.DocTestParser().get_doctest(text, {}, "page", None, 0)
failures, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(page)
sys.exit(failures or not tried)
"""


def with_examples():
    members = [(f"Generator.{name}", getattr(fastinit.Generator, name)) for name in FILLS]
    functions = [(name, getattr(fastinit, name)) for name in (*FUNCTIONS, "get_num_threads", "set_num_threads")]
    for name, value in [("fastinit", fastinit), ("Generator", fastinit.Generator), *members, *functions]:
        if ">>>" in (value.__doc__ or ""):
            yield pytest.param(value.__doc__, id=name)
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if ">>>" in text and page.name not in FRAMEWORKS:
            yield pytest.param(text.replace("```", "\n"), id=page.name)


@pytest.mark.parametrize("text", list(with_examples()))
def test_examples_print_what_they_show(text):
    example = doctest.DocTestParser().get_doctest(text, {}, "example", None, 0)
    printed = []
    failures, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=printed.append)
    assert tried
    assert not failures, "".join(printed)


@pytest.mark.parametrize("page", FRAMEWORKS)
def test_examples_with_a_framework_print_what_they_show(page):
    for module in FRAMEWORKS[page]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    run = fresh_python(RUN_PAGE, str(ROOT / "docs" / page), timeout=200, KERAS_BACKEND="jax")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("method", FILLS)
def test_every_fill_documents_its_arguments_errors_source_and_an_example(method):
    text = getattr(fastinit.Generator, method).__doc__
    for name in inspect.signature(getattr(fastinit, method)).parameters:
        assert re.search(rf"^(\w+, )*{name}(, \w+)* : ", text, re.M), name
    sections = ["Parameters", "Returns", "Raises", "Notes", "Examples"]
    if method in ("zeros", "ones", "constant"):
        sections.remove("Notes")
    assert re.findall(r"^(\w+)\n-+$", text, re.M) == sections
    assert not re.search(r"<[a-z ]+>", text), "a shared paragraph was not written out"


def test_shared_paragraphs_are_indented_as_their_marks_whatever_python_left_of_the_indentation():
    for indent in ("", "    "):
        text = f"One line.\n\n{indent}<shape>\n{indent}seed : int <shape>\n"
        written = f"One line.\n\n{indent}shape : int\n{indent}    In all.\n{indent}seed : int <shape>\n"
        assert written_out(text, {"<shape>": "shape : int\n    In all."}) == written


def test_every_function_documents_its_arguments_errors_and_an_example():
    for name in FUNCTIONS:
        for part in ("Parameters\n", "Returns\n", "Raises\n", "Examples\n"):
            assert part in getattr(fastinit, name).__doc__


def constants_of_the_core():
    """Under the names of docs/stream.md: a row of the tails is a list and its three numbers."""
    number = r"-?0x[^\s,;}]+"
    for file in ("coefficients.h", "quantile.h", "truncated.c"):
        source = (ROOT / "src" / file).read_text(encoding="utf-8")
        for name, value in re.findall(rf"\b([A-Z]\w+) = ({number})[,;]", source):
            yield name, [value]
        for name, text in re.findall(r"(F\d\d_\w+)\[\] = \{(.*?)^\};", source, re.S | re.M):
            rows = re.findall(rf"\{{({number}), ({number}), ({number}), \{{(.*?)\}}", text, re.S)
            for i, (most, shift, center, coefficients) in enumerate(rows):
                yield f"{name}_{i}_MOST", [most]
                yield f"{name}_{i}_SHIFT", [shift]
                yield f"{name}_{i}_CENTER", [center]
                yield f"{name}_{i}", re.findall(number, coefficients)
            if not rows:
                yield name, re.findall(number, text)


def test_the_contracts_constants_are_those_of_the_core():
    core = {name: [float.fromhex(n.rstrip("f")) for n in numbers] for name, numbers in constants_of_the_core()}
    assert core == reference.CONSTANTS
