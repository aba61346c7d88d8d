"""CONTRIBUTING's recipe of a scheme does what it says: one row, added to a copy of the repository, is all of it."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import fresh_python

ROOT = Path(__file__).parent.parent
OUTPUTS = re.findall(r'^    "([^"]+)": \w+\.\w+,$', (ROOT / "tools" / "make" / "__main__.py").read_text("utf-8"), re.M)
COPIED = ("src", "fastinit", "tools", "docs", "tests", "CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE")
# Weights for an activation that passes on a third of the second moment.
ROW = """
    Family(
        name="radford",
        label="Radford",
        aliases=("third",),
        scale=3,
        n="fan_in",
        takes="",
        purpose="for layers that keep a third",
        why="Weights of three times the variance 1 / fan_in make up for what is lost.",
        keeps="the signals of such layers",
        sources=dict.fromkeys(("uniform", "normal"), "a test"),
        cited=dict.fromkeys(("uniform", "normal"), "a test"),
    ),
"""
NAMES = {"radford_uniform", "radford_normal", "third_uniform", "third_normal"}


def make(where, *arguments):
    return subprocess.run(
        [sys.executable, "tools/make", *arguments], cwd=where, capture_output=True, text=True, timeout=60, check=False
    )


def test_what_is_made_from_rows_is_current():
    run = make(ROOT, "--check")
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"


def test_a_misspelt_option_writes_nothing():
    run = make(ROOT, "--chek")
    assert run.returncode == 2
    assert "python tools/make --check" in run.stderr


@pytest.fixture(scope="module")
def with_a_row(tmp_path_factory):
    """The repository, with one more row."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
        else:
            shutil.copy(ROOT / name, folder / name)
    schemes = folder / "fastinit" / "schemes.py"
    text = schemes.read_text(encoding="utf-8")
    before, row, after = text.partition("FAMILIES = (\n")
    assert row
    schemes.write_text(before + row + ROW.lstrip("\n") + after, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(with_a_row):
    """The text of each file that the tool writes, after it has."""
    stale = make(with_a_row, "--check")
    assert stale.returncode == 1
    for name in OUTPUTS:
        assert f"--- {name}\n" in stale.stdout, f"{name} would be current without the row"
    assert make(with_a_row).returncode == 0
    again = make(with_a_row, "--check")
    assert (again.returncode, again.stdout) == (0, "")
    return {name: (with_a_row / name).read_text(encoding="utf-8") for name in OUTPUTS}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_scheme_is_one_row(made, name):
    new = [line for line in made[name].split("\n") if re.search("radford|third_", line, re.I)]
    old = (ROOT / name).read_text(encoding="utf-8")
    assert new
    assert not re.search("radford|third_", old, re.I)
    lost = set(old.split("\n")) - set(made[name].split("\n"))
    assert all(line.startswith("from ") for line in lost), "something else moves"


def test_the_row_gives_methods_types_names_and_entries(made):
    core = made["src/schemes.pxi"]
    assert set(re.findall(r"    def (\w+)\(", core)) >= {"radford_uniform", "radford_normal"}
    assert "cdef fi_scheme scheme = scheme_of(FI_FAN_IN, 3)\n" in core
    assert "U[-a, a), a = sqrt(9 / fan_in). Also third_uniform." in core
    assert "    third_normal = radford_normal\n" in core
    stub = made["fastinit/_core.pyi"]
    assert (
        "    def radford_normal(\n        self,\n        out: Output,\n        fan_in: Number | None = None,\n" in stub
    )
    package = made["fastinit/__init__.py"]
    for name in NAMES:
        assert f"\n{name} = _functions.{name}\n" in package
        assert f'\n    "{name}",\n' in package
        assert f".. automethod:: fastinit.Generator.{name}\n" in made["docs/reference/fastinit.md"]
        assert f"    assert_type(fastinit.{name}(w, 784), Matrix)\n" in made["tests/typing/uses_everything.py"]
    assert "| `radford` | 3 | fan_in |\n" in made["docs/stream.md"]
    assert "| `radford_normal` = `third_normal` | N(0, 3 / fan_in) | the same | a test |\n" in made["docs/schemes.md"]


def test_the_row_is_a_fill_that_takes_streams_and_complex_arrays(with_a_row):
    functions = runpy.run_path(str(with_a_row / "fastinit" / "schemes.py"))["FUNCTIONS"]
    for name in NAMES:
        row = functions[name]
        assert row.draws
        assert not row.is_whole
        assert row.takes_complex({}) == name.endswith("_normal")
        assert not row.takes_complex({"truncated": True}) or name.endswith("_uniform")
        assert row.same_as == (name.replace("third", "radford") if name.startswith("third") else "")


CALLS = """
import sys
sys.meta_path[:] = [each for each in sys.meta_path if "ScikitBuild" not in type(each).__name__]  # of `pip install -e`
sys.path.insert(0, sys.argv[1])
import numpy as np, fastinit
from fastinit import insight
assert fastinit.__file__.startswith(sys.argv[1])

def same(made, *rule, stream="w"):
    w = np.empty((6, 8), np.float32)
    fastinit.Generator(7).variance_scaling(w, *rule, layout="keras", stream=stream)
    assert np.asarray(made).tobytes() == w.tobytes(), rule

g, w = fastinit.Generator(7), np.empty((6, 8), np.float32)
for name in ("radford", "third"):
    same(getattr(g, name + "_uniform")(w, layout="keras", stream="w"), 3.0, "fan_in", "uniform")
    same(getattr(g, name + "_normal")(w, 6, stream="w"), 3.0, "fan_in", "normal")
    same(getattr(g, name + "_normal")(w, 6, truncated=True, stream="w"), 3.0)
same(g.fill({"w": (w, "third_normal", 6)})["w"], 3.0, "fan_in", "normal")
assert any(each.call == "radford_uniform()" for each in insight.scheme_histograms())
try:
    fastinit.radford_normal(w, fan_out=3)
except TypeError as error:
    assert str(error).startswith("radford_normal() got an unexpected keyword argument 'fan_out'"), error
else:
    raise AssertionError
"""
CALLS_OF = {
    "dask": """
import fastinit.dask
same(fastinit.dask.radford_normal((6, 8), 3, 6, seed=7, stream="w").compute(), 3.0, "fan_in", "normal")
""",
    "jax": """
import jax
from fastinit import jax as init
key = jax.random.key(7)
for made, rule in ((init.radford_normal(), "truncated_normal"), (init.third_uniform(), "uniform")):
    same(made(key, (6, 8)), 3.0, "fan_in", rule, stream=0)
""",
    "keras": """
import fastinit.keras
same(fastinit.keras.RadfordUniform(seed=7, stream="w")((6, 8)), 3.0, "fan_in", "uniform")
same(fastinit.keras.RadfordNormal(seed=7, stream="w")((6, 8)), 3.0)
""",
}


@pytest.fixture(scope="module")
def built(with_a_row, made, tmp_path_factory):
    """The folder that the copy is installed in."""
    pytest.importorskip("scikit_build_core")
    folder = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        folder,
        with_a_row,
    ]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    run = subprocess.run(
        pip, capture_output=True, text=True, timeout=1200, check=False, env={**os.environ, "PATH": path}
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("face", ["fastinit", *CALLS_OF])
def test_the_functions_of_the_row_draw_its_formula(built, face):
    if find_spec(face) is None:
        pytest.skip(f"{face} is not installed")
    run = fresh_python(CALLS + CALLS_OF.get(face, ""), str(built), timeout=300, KERAS_BACKEND="jax")
    assert run.returncode == 0, run.stderr
