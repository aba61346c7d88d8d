"""What the documentation shows is what happens."""

import doctest
import functools
import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from typing import NamedTuple

import pytest
import reference
from conftest import ROOT, fresh_python

import fastinit
from fastinit import __main__ as command_line
from fastinit import _core, capi
from fastinit.docstrings import written_out
from fastinit.draw import Drawn
from fastinit.recipe import Recipe

FUNCTIONS = ("fans", "gain", "recommend")
DOCUMENTED = sorted(
    {name for name, value in vars(fastinit).items() if getattr(value, "__self__", None) is fastinit._functions}
    - {"seed"}
)
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


# ---- Every block of code on every page is run by something -----------------------------------------------------------


class Block(NamedTuple):
    page: str
    kind: str
    text: str

    def __str__(self):
        return f"{self.page}: {self.kind}: {self.text.splitlines()[0]}"


def blocks_of(page):
    """The fenced blocks, but those in which the site generator is spoken to."""
    for line, kind, text in re.findall(r"^( *)```([^\n]*)\n(.*?)^ *```$", PAGES[page], re.M | re.S):
        assert not line, f"{page}: a block in a list, which nothing here runs"
        if not kind.startswith("{"):
            yield Block(page, kind, text)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]

# What runs the blocks that are not doctests: the page, the kind of block, how it begins, and the test. An output that
# holds times or is of hours of work has the test of what prints it. Shell commands have a table of their own, below.
RUN_BY = [
    ("docs/c_interface.md", "c", "#define", "test_c_interface.py::test_the_pages_modules_build_as_they_stand_there"),
    ("docs/c_interface.md", "c", "static int", "test_c_interface.py::test_the_pages_excerpts_are_of_the_example"),
    ("docs/c_interface.md", "cython", "", "test_c_interface.py::test_the_pages_modules_build_as_they_stand_there"),
    (
        "docs/c_interface.md",
        "python",
        "import fastinit\nfrom setuptools",
        "test_c_interface.py::test_the_pages_modules_build_as_they_stand_there",
    ),
    ("docs/checkpoints.md", "", "", "test_checkpoint.py::test_commands_of_the_page_print_what_it_shows"),
    ("docs/command_line.md", "text", "usage: ", "test_docs.py::test_help_is_what_the_page_shows"),
    ("docs/evolution_strategies.md", "python", "", "test_examples.py::test_the_page_shows_the_examples_lines"),
    (
        "docs/evolution_strategies.md",
        "text",
        "      pairs  steps",
        "test_examples.py::test_the_commands_print_their_tables",
    ),
    (
        "docs/evolution_strategies.md",
        "text",
        "generations  steps",
        "test_examples.py::test_the_commands_print_their_tables",
    ),
    (
        "docs/randomness.md",
        "text",
        "167 tests;",
        "test_proofs.py::test_the_command_passes_on_few_values_and_says_so",
    ),
    (
        "docs/schemes.md",
        "text",
        "                          -",
        "test_insight.py::test_page_shows_pictures_that_are_there_and_numbers_that_are_measured",
    ),
    ("docs/stream.md", "text", "F32_LN\n", "test_docs.py::test_the_contracts_constants_are_those_of_the_core"),
    ("docs/benchmarks.md", "text", "fastinit 0.1.0", "test_docs.py::test_benchmark_scripts_of_the_pages_run"),
]

# What runs a command of the pages, or a short form of it: a line of .ci/run, or a test.
COMMANDS = {
    "pip install '.[": "readme_command main",
    "pip install torch==": "pip install -q torch==2.13.0",
    "python3 -m venv .venv": "test_docs.py::test_set_up_of_contributing_builds_the_package",
    ".venv/bin/": "test_docs.py::test_set_up_of_contributing_builds_the_package",
    "python -m pytest": "readme_command test",
    "python -m fastinit bench": "python -m fastinit bench --quick",
    "python -m fastinit bits": "test_command_line.py::test_bits_of_several_seeds_and_streams_take_turns",
    "python benchmarks/pictures.py": "python benchmarks/pictures.py",
    "python benchmarks/shapes.py": "python benchmarks/shapes.py calls",
    "python benchmarks/small_calls.py": "test_docs.py::test_benchmark_scripts_of_the_pages_run",
    "python benchmarks/loops.py": "python3 benchmarks/loops.py --kernels avx2 --cpu znver2",
    "python benchmarks/against_mkl.py": "test_docs.py::test_benchmark_scripts_of_the_pages_run",
    "python benchmarks/against_torch.py": "test_docs.py::test_benchmark_scripts_of_the_pages_run",
    "python benchmarks/frameworks.py": "test_docs.py::test_benchmark_scripts_of_the_pages_run",
    "python examples/evolution_strategies.py": "test_examples.py::test_the_commands_print_their_tables",
    "python proofs/accuracy.py": "python proofs/accuracy.py --quick",
    "python proofs/randomness.py": "python proofs/randomness.py --quick",
    "proofs/dieharder.sh": "proofs/dieharder.sh quick",
    "torchrun": "test_torch_shards.py::test_one_two_and_four_processes_start_from_the_same_weights",
    "RNG_test stdin32": None,  # PractRand: the page says that it was not run
}


def commands_of(block):
    """One by one, without comments and variables of the environment."""
    for line in block.text.splitlines():
        for command in re.split(r" && | \| ", line.partition("  #")[0]):
            yield re.sub(r"^(\w+=\S+ )+", "", command.strip())


SHELL = [(block, command) for block in BLOCKS if block.kind == "sh" for command in commands_of(block)]


def exists(runner):
    """A test by its name, or a command of .ci/run."""
    if "::" not in runner:
        return runner in CI
    file, _, name = runner.partition("::")
    return f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def runners(block):
    return [
        row for row in RUN_BY if block.page == row[0] and row[1] in ("", block.kind) and block.text.startswith(row[2])
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_of_code_is_run_by_a_test(block):
    if block.kind == "python" and ">>>" in block.text:
        assert not [row for row in runners(block) if row[2]]  # test_examples_print_what_they_show
    elif block.kind == "sh" and not runners(block):
        for command in commands_of(block):
            assert any(command.startswith(head) for head in COMMANDS), f"nothing runs: {command}"
    else:
        assert len(runners(block)) == 1, "a row in RUN_BY must say what runs this block"


def test_tables_of_what_runs_the_blocks_are_true():
    for runner in [row[3] for row in RUN_BY] + [runner for runner in COMMANDS.values() if runner]:
        assert exists(runner), runner
    for row in RUN_BY:
        assert any(row in runners(block) for block in BLOCKS if ">>>" not in block.text), f"no such block: {row}"
    for head in COMMANDS:
        assert any(command.startswith(head) for _, command in SHELL), f"no page shows {head}"


@functools.cache
def help_of(head):
    done = subprocess.run(
        [*head.replace("python", sys.executable, 1).split(), "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_options_that_the_pages_show_are_accepted():
    seen = set()
    for block, command in SHELL:
        options = re.findall(r" (--[a-z-]+)", command)
        head = next((head for head in COMMANDS if command.startswith(head)), None)
        if runners(block) or not options or not head or not head.startswith("python ") or "pytest" in head:
            continue
        for option in options:
            assert re.search(rf"{option}\b", help_of(head)), f"{block.page}: {command}"
            seen.add(option)
    assert {"--quick", "--json", "--streams", "--speed"} <= seen


def test_extras_that_the_pages_name_exist():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    named = {
        extra
        for page in PAGES.values()
        for extras in re.findall(r"pip install '(?:fastinit-weights|\.)\[(.*?)\]", page)
        for extra in extras.split(",")
    }
    assert named <= set(extras)
    assert {"bench", "torch"} <= named


@pytest.mark.slow
def test_set_up_of_contributing_builds_the_package(tmp_path):
    """In a copy of the tree: what it says for the first time, and for a change in src/."""
    copy = tmp_path / "tree"
    left_out = ("build", ".git", ".venv", ".*_cache", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*left_out))
    first, again = (block.text for block in BLOCKS if block.page == "CONTRIBUTING.md" and ".venv/" in block.text)
    for commands in ("git init -q", first, again, ".venv/bin/python -c 'import fastinit; print(fastinit.simd)'"):
        done = subprocess.run(["sh", "-ec", commands], cwd=copy, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr


# The scripts in benchmarks/ that the pages show and .ci/run does not run: with as little effort as they can be given.
BENCHMARKS = {
    "against_mkl": (("mkl_random",), "script.main()"),
    "against_torch": (
        ("torch",),
        "script.ELEMENTS, script.SHAPE, script.SMALL = 1 << 12, (64, 64), (64,); script.main()",
    ),
    "small_calls": ((), "script.ROUNDS, sys.argv[1:] = 2, ['--least', '100']; script.main()"),
    "frameworks": (
        ("torch", "jax"),
        "script.MODELS.pop('GPT-2, 124 M'); [script.report(each, 1) for each in script.STATEMENTS]",
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        "against_mkl",
        "against_torch",
        "small_calls",
        pytest.param("frameworks", marks=pytest.mark.slow),
    ],  # JAX compiles for half a minute
)
def test_benchmark_scripts_of_the_pages_run(name):
    modules, run = BENCHMARKS[name]
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {name} as script; from fastinit.bench import measure\n"
    code += f"script.EFFORT = measure.Effort(rounds=2, batch_seconds=1e-4, case_seconds=1)\n{run}"
    done = fresh_python(code, str(ROOT / "benchmarks"), timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 2


# ---- Examples --------------------------------------------------------------------------------------------------------

# Pages that need packages which not everybody has. Each is run in a Python of its own, as frameworks have settings for
# a whole process.
FRAMEWORKS = {
    "docs/pytorch.md": ("torch", "transformers", "peft"),
    "docs/jax.md": ("jax", "flax", "haiku"),
    "docs/keras.md": ("keras", "jax"),
    "docs/dask.md": ("dask", "zarr"),
}
RUN_PAGE = """
import doctest, pathlib, sys
text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").replace("```", "\\n")
page = doctest.DocTestParser().get_doctest(text, {}, "page", None, 0)
failures, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(page)
sys.exit(failures or not tried)
"""

# Whose devices are emulated: tests/test_gpu_fills.py.
EMULATED = ("docs/gpu.md",)

# Pages each block of which imports all that it needs, so that it runs by itself: where the packages that it imports are
# installed, also where those of other blocks are not.
BY_THEMSELVES = ("docs/c_interface.md", "docs/numba.md")

# The files whose docstrings have examples, and the tests that run them.
DOCSTRINGS = {
    "__init__.py": "test_docs.py",
    "activations.py": "test_docs.py",
    "fans.py": "test_docs.py",
    "docstrings.py": "test_dask.py",
    "draw.py": "test_docs.py",
    "capi.py": "test_docs.py",
    "generator.py": "test_docs.py",
    "recipe.py": "test_docs.py",
    "checkpoint/__init__.py": "test_checkpoint.py",
    "dask.py": "test_dask.py",
    "gpu/compiler.py": "test_gpu_programs.py",
    "gpu/kernels.py": "test_gpu_programs.py",
    "insight/figures.py": "test_insight.py",
    "insight/histograms.py": "test_insight.py",
    "insight/propagation.py": "test_insight.py",
    "jax/functions.py": "test_jax.py",
    "jax/schemes.py": "test_jax.py",
    "keras/__init__.py": "test_keras.py",
    "keras/functions.py": "test_keras.py",
    "keras/schemes.py": "test_keras.py",
    "numba/__init__.py": "test_numba.py",
    "torch/__init__.py": "test_torch.py",
    "torch/functions.py": "test_torch.py",
    "torch/modules.py": "test_torch.py",
}


def documented():
    """What is public in fastinit itself, by its name."""
    yield "fastinit", fastinit
    yield "capi", capi
    yield "Recipe", Recipe
    yield "Drawn", Drawn
    for name in fastinit.__all__:
        if not hasattr(getattr(fastinit, name), "__self__") and name != "default_generator":
            yield name, getattr(fastinit, name)
    for name, value in inspect.getmembers(fastinit.Generator):
        if not name.startswith("_"):
            yield f"Generator.{name}", value


def with_examples():
    for name, value in documented():
        if ">>>" in (value.__doc__ or ""):
            yield pytest.param(value.__doc__, id=name)
    for page, text in PAGES.items():
        if ">>>" in text and page not in (*FRAMEWORKS, *BY_THEMSELVES, *EMULATED):
            yield pytest.param(text.replace("```", "\n"), id=page)


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
    run = fresh_python(RUN_PAGE, str(ROOT / page), timeout=200, KERAS_BACKEND="jax")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "block", [each for each in BLOCKS if each.page in BY_THEMSELVES and ">>>" in each.text], ids=str
)
def test_a_block_that_runs_by_itself_prints_what_it_shows(block, tmp_path):
    for module in re.findall(r"^>>> import (numba|cffi)\b", block.text, re.M):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    (tmp_path / "block.md").write_text(f"```\n{block.text}```", encoding="utf-8")
    run = fresh_python(RUN_PAGE, str(tmp_path / "block.md"), timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_docstring_with_examples_is_run():
    package = ROOT / "fastinit"
    with_some = {str(path.relative_to(package)) for path in package.rglob("*.py") if ">>> " in path.read_text("utf-8")}
    assert with_some == set(DOCSTRINGS)
    for file in DOCSTRINGS.values():
        assert "doctest" in (ROOT / "tests" / file).read_text(encoding="utf-8")
    core = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("src/*.p[yx][xi]"))
    shown = [value.__doc__ for _, value in documented() if ">>> " in (value.__doc__ or "")]
    for line in re.findall(r"^ *(>>> (?!import).*)", core, re.M):
        assert any(line in text for text in shown), f"nothing runs: {line}"


# ---- Figures ---------------------------------------------------------------------------------------------------------


def table_rows(page, section):
    """The cells of all tables in a section, row by row, their heads too."""
    text = PAGES[page].partition(section)[2].partition("\n## ")[0]
    return [[cell.strip(" *`") for cell in line.strip("|").split("|")] for line in re.findall(r"^\| .*", text, re.M)]


def rows_of(page, section):
    return {row[0]: row for row in table_rows(page, section)}


def figures(cells):
    return [re.match(r"[\d.]*", cell)[0] for cell in cells]


def assert_rounded(shown, recorded):
    """To the places that are shown; what a page leaves out is left out."""
    assert len(shown) == len(recorded)
    for short, long in zip(figures(shown), figures(recorded), strict=True):
        assert not short or float(short) == round(float(long), len(short.partition(".")[2])), (shown, recorded)


def test_readmes_figures_are_those_of_the_report_and_of_the_benchmarks_page():
    report = "docs/benchmark_report.md"
    draws, added = (table_rows(report, f"## {head}\n") for head in ("Draws and schemes", "Adding to what is there"))
    recorded = {f"{row[0]} {row[1]}": row for row in draws + [row for row in added if row[2] == "1 Mi"]}
    avx2 = rows_of("docs/benchmarks.md", "## AVX2\n")
    shown = [row for name, row in rows_of("README.md", "## Speed\n").items() if "float" in name]
    assert len(shown) == 7
    for name, *row in shown:
        there = recorded[re.sub("truncated normal ±2.", "truncated_normal", name).replace(",", "")]
        assert_rounded(row[:5], [there[index] for index in (-10, -6, -3, -2, -1)])
        if row[5]:
            assert_rounded(row[5:], avx2[name.replace(",", "")][2:])

    short = rows_of(report, "## In short\n")
    _, call, _, to_numpy, _ = short["he_normal float32, 64"]
    assert f"took {call} in that\nrun, NumPy's two {to_numpy.split()[0]} times as long" in PAGES["README.md"]
    quiet = rows_of("docs/benchmarks.md", "**A call.**")["he_normal(w, 64)"][1]
    assert f"[{quiet}](docs/hot_loops.md)" in PAGES["README.md"]


def test_the_figures_of_hot_loops_are_those_of_the_benchmarks_page():
    calls = rows_of("docs/benchmarks.md", "**A call.**")
    shown = rows_of("docs/hot_loops.md", "costs and how to avoid it")
    new = 'stream=f"fc1/{step}"'
    spelled = {
        "he_normal(w, 64)": "g.he_normal(w, 64)",
        "... of the default generator": "fastinit.he_normal(w, 64)`, the default generator",
        "... stream=3": "g.he_normal(w, 64, stream=3)",
        "... accumulate=True": "g.he_normal(w, 64, accumulate=True)",
        '... stream="fc1.weight"': 'g.he_normal(w, 64, stream="fc1.weight")',
        f"... {new}, a new name": f"g.he_normal(w, 64, {new})`, a name that is new in each call",
        "... offset=(8, 16), global_shape=(64, 64)": "g.he_normal(w, 64, offset=(8, 16), global_shape=(64, 64))",
    }
    for there, here in spelled.items():
        skipped = 1 if there == "he_normal(w, 64)" else 2  # its ratio to itself
        assert_rounded(shown[here][1 : 1 + skipped], calls[there][1 : 1 + skipped])
    numpy = shown["NumPy: `rng.standard_normal(out=w)`, then a multiplication"]
    assert_rounded(numpy[1:], calls["he_normal(w, 64)"][3:])
    nanoseconds = [float(figures(calls[name])[1]) for name in (f"... {new}, a new name", "... stream=3")]
    assert round(nanoseconds[0] / nanoseconds[1]) == 12
    assert "as long as twelve" in PAGES["docs/hot_loops.md"]
    assert f"{_core.NAME_CACHE_BYTES >> 20} MiB of names" in PAGES["docs/hot_loops.md"]

    by_cython, _, within = [row[1] for row in table_rows("docs/c_interface.md", "Noise drawn and added")[1:]]
    assert f"takes {by_cython} from there" in PAGES["docs/hot_loops.md"]
    assert f"Within a larger one they take {within.split()[0]}." in PAGES["docs/hot_loops.md"]

    streams = next(row for row in table_rows("docs/benchmarks.md", "## Many streams in one call") if row[1] == "1")
    shown = table_rows("docs/hot_loops.md", "## Many arrays of one shape")
    assert_rounded([shown[1][1], *(row[2] for row in shown[2:])], streams[2:])

    many = rows_of("docs/benchmarks.md", "**Many arrays.**")
    shown = rows_of("docs/hot_loops.md", "## `fill`, or a loop?")
    assert len(many) == len(shown)  # with their heads
    for name in list(shown)[1:]:
        assert_rounded(shown[name][1:], many[name][2:3])


def test_the_page_tells_the_number_of_golden_vectors():
    lines = (ROOT / "tests" / "golden.txt").read_text(encoding="utf-8").splitlines()
    count = sum(not line.startswith("#") for line in lines)
    assert f"`tests/golden.txt` holds {count} fills" in PAGES["docs/reproducibility.md"]


# ---- The site --------------------------------------------------------------------------------------------------------


def test_help_is_what_the_page_shows(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    top = command_line.parser()
    commands = next(action.choices for action in top._actions if action.dest == "command")
    shown = [block.text.split() for block in BLOCKS if block.page == "docs/command_line.md"]
    assert shown == [parser.format_help().split() for parser in (top, *commands.values())]


def test_reference_has_everything_public_once():
    page = PAGES["docs/reference/fastinit.md"]
    entries = re.findall(r"^\.\. (?:auto|py:)(?!module)\w+:: fastinit\.([\w.]+)", page, re.M)
    assert len(entries) == len(set(entries))
    methods = {name for name, _ in documented() if name.startswith("Generator.")}
    listed = set(re.findall(r":py:meth:`~fastinit\.Generator\.(\w+)`", page))
    types = {f"typing.{name}" for name in fastinit.typing.__all__}
    assert set(entries) == methods | types | set(fastinit.__all__) - listed
    assert listed == set(DOCUMENTED)


def test_reference_has_a_page_for_every_public_module():
    package = ROOT / "fastinit"
    modules = {path.stem if path.stem != "__init__" else path.parent.name for path in package.rglob("*.py")}
    for name in ("torch", "jax", "keras", "dask", "numba", "checkpoint", "insight"):
        assert name in modules
        assert f".. automodule:: fastinit.{name}\n" in PAGES[f"docs/reference/{name}.md"]


# ---- Docstrings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DOCUMENTED)
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
