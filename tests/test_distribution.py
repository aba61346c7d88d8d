"""Called fastinit-weights; fastinit on the package index is another project, which nothing here fetches."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, fresh_python

import fastinit
from fastinit import _core, distribution

GENERATED = {".git", ".venv", "build", "dist", "__pycache__", ".hypothesis", ".pytest_cache"}

# ---- What would be fetched -------------------------------------------------------------------------------------------

# A command up to where it ends in a shell, in a page or in a string, over continued lines too.
FETCHES = re.compile(
    r"\b(?:pip[\d.]*|pipx|uv)\b (?:[^\n`|;&#]* )?(?:install|download|wheel|run|add|inject)\b((?:\\\n|[^\n`|;&#])*)"
)
# What is called like the package, but no path to it: pip reads - _ and . in a name, and its capitals, as the same.
CALLED_SO = re.compile(r"(?<![\w./\\-])fastinit[\w.-]*(?![\w./\\-])", re.IGNORECASE)
REQUIRES = re.compile(r"\b(?:install|setup|tests)_requires\s*=\s*\[(.*?)\]", re.DOTALL)


def foreign(text):
    """The names in it that are called like the package and are not the distribution's."""
    return [
        name
        for name in (found.rstrip("._-") for found in CALLED_SO.findall(text))
        if not name.endswith((".whl", ".gz")) and re.sub("[-_.]+", "-", name).lower() != distribution.NAME
    ]


def fetched(text):
    return [name for command in FETCHES.findall(text) + REQUIRES.findall(text) for name in foreign(command)]


def requirements(table):
    """The requirements that a pyproject.toml lists anywhere."""
    for key, value in table.items():
        if key in ("requires", "dependencies", "test-requires", "additional_dependencies"):
            yield from value
        elif key in ("optional-dependencies", "dependency-groups"):
            yield from (each for group in value.values() for each in group if isinstance(each, str))
        elif isinstance(value, dict):
            yield from requirements(value)


def texts():
    """All files of the repository, or of the source distribution, that are text: by name."""
    listing = None
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    if listing is not None and listing.returncode == 0:
        names = filter(None, listing.stdout.split("\0"))
    else:
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = (path.as_posix() for path in paths if not GENERATED.intersection(path.parts))
    for name in sorted(names):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):  # a picture, a folder, a file that was deleted
            continue


def test_no_command_and_no_requirement_anywhere_fetches_the_other_project():
    seen, commands = set(), 0
    for name, text in texts():
        seen.add(name)
        commands += len(FETCHES.findall(text))
        if name != "tests/test_distribution.py":
            assert not fetched(text), f"{name} would fetch {fetched(text)}"
        if Path(name).suffix == ".toml":
            listed = list(requirements(tomllib.loads(text)))
            assert not foreign(" ".join(listed)), f"{name} requires {foreign(' '.join(listed))}"
    assert {"README.md", ".ci/wheel", ".github/workflows/ci.yml", "examples/extension/pyproject.toml"} <= seen
    assert commands > 30


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("`pip install 'fastinit[torch]'` brings", ["fastinit"]),
        ('.venv/bin/pip install -q -U "fastinit>=0.1"', ["fastinit"]),
        ("python -m pip download --no-deps FastInit==0.2.0", ["FastInit"]),
        ("pip install numpy \\\n    fastinit", ["fastinit"]),
        ("pip3.12 install fastinit-weight", ["fastinit-weight"]),
        ("uv pip install fastinit", ["fastinit"]),
        ("pipx run fastinit", ["fastinit"]),
        ("First pip install fastinit.", ["fastinit"]),
        ("setup(install_requires=[\n'numpy',\n'fastinit'])", ["fastinit"]),
        ("pip install 'fastinit-weights[torch]>=1' numpy", []),
        ("pip install fastinit_weights-0.1.0.tar.gz dist/fastinit_weights-0.1.0-cp311-cp311-linux_x86_64.whl", []),
        ("pip install '.[bench]' && python -m fastinit bench", []),
        ("pip install . # then import fastinit", []),
        ("`pip install .` installs fastinit", []),
        ("First pip install fastinit-weights.", []),
        ("pip uninstall fastinit", []),
    ],
)
def test_a_command_that_fetches_the_other_project_is_found(text, names):
    assert fetched(text) == names


def test_requirements_are_found_wherever_a_file_lists_them():
    text = """
    build-system.requires = ["fastinit"]
    project = { dependencies = ["a"], optional-dependencies = { plot = ["fastinit[b]"] } }
    tool.cibuildwheel.test-requires = ["c"]
    tool.scikit-build.wheel.packages = ["fastinit"]
    dependency-groups.dev = ["d", { include-group = "e" }]
    """
    listed = list(requirements(tomllib.loads("\n".join(map(str.strip, text.splitlines())))))
    assert listed == ["fastinit", "a", "fastinit[b]", "c", "d"]


def test_messages_advise_the_distribution_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == distribution.NAME
    assert set(project["scripts"]) == {distribution.NAME}
    assert distribution.command_for("torch") == "`pip install 'fastinit-weights[torch]'`"


def test_the_program_is_the_command_line_under_its_own_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["fastinit-weights"].partition(":")
    code = f"import sys; from {module} import {function}; sys.exit({function}())"
    info = fresh_python(code, "info")
    assert (info.returncode, info.stderr) == (0, "")
    assert f"fastinit           {fastinit.__version__}\n" in info.stdout
    wrong = fresh_python(code, "bits", "--words", "-5")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("fastinit-weights bits: -5 words")
    assert fresh_python(code).stderr.startswith("usage: fastinit-weights [-h] [--version] command")


# ---- Both in one folder ----------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path):
    """A folder of packages that has fastinit, whole."""
    shutil.copytree(Path(fastinit.__file__).parent, tmp_path / "fastinit")
    shutil.copy(_core.__file__, tmp_path / "fastinit")
    return tmp_path


# NumPy's folder may have an installed fastinit too.
NUMPY_ALONE = "import sys; sys.path.insert(0, {0!r}); import numpy; sys.path.remove({0!r})\n"


def python_of(site, code, *options):
    """Runs the code in a Python that has fastinit from that folder, and from no other."""
    prelude = NUMPY_ALONE.format(str(Path(np.__file__).parent.parent))
    return subprocess.run(
        [sys.executable, "-S", "-P", *options, "-c", prelude + code],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def metadata(site, *folders):
    for folder in folders:
        (site / folder).mkdir()


IMPORTS = "import fastinit, fastinit.recipe, fastinit.capi; import fastinit; print(fastinit.__file__)"


@pytest.mark.parametrize(
    ("folder", "other"),
    [
        ("fastinit-0.2.0.dist-info", "fastinit 0.2.0"),
        ("fastinit.egg-info", "fastinit"),
        ("FastInit-1.0rc1-py3.11.egg-info", "fastinit 1.0rc1"),
    ],
)
def test_import_warns_once_of_the_other_distribution_in_its_folder_and_names_both(site, folder, other):
    metadata(site, folder, "fastinit_weights-0.1.0.dist-info")
    run = python_of(site, IMPORTS)
    assert run.stdout.strip() == str(site / "fastinit" / "__init__.py")
    assert run.stderr.count("Warning") == 1
    assert run.stderr.startswith("<string>:2: RuntimeWarning: ")
    assert f"{other} and fastinit-weights {fastinit.__version__};" in run.stderr
    assert "`pip uninstall fastinit fastinit-weights`" in run.stderr


def test_import_says_nothing_of_distributions_that_are_called_otherwise(site):
    metadata(site, "fastinit_weights-0.1.0.dist-info", "fastinit_weights.egg-info", "fastinit_other-1.dist-info")
    metadata(site, "fastinit-other-1.egg-info", "notfastinit-1.dist-info", "numpy-2.0.dist-info")
    run = python_of(site, IMPORTS, "-W", "error")
    assert run.stdout.strip() == str(site / "fastinit" / "__init__.py")
    assert run.stderr == ""


PARTS = ("fastinit.__main__", "fastinit.checkpoint", "fastinit.insight", "fastinit.recipe")


@pytest.mark.parametrize("module", PARTS)
def test_parts_of_the_package_say_so_where_the_other_project_has_replaced_its_init(site, module):
    (site / "fastinit" / "__init__.py").write_text('"""A project generator."""\n__version__ = "0.2.0"\n')
    run = python_of(site, f"import {module}")
    assert run.returncode == 1
    error = run.stderr.splitlines()[-1]
    assert error.startswith(f"ImportError: {site / 'fastinit' / '__init__.py'} is not fastinit-weights's: the other")
    assert error.endswith("`pip uninstall fastinit fastinit-weights`, then install that one again")


def test_the_command_line_says_so_where_uninstalling_the_other_project_has_taken_the_init(site):
    (site / "fastinit" / "__init__.py").unlink()
    run = python_of(site, "import runpy; runpy.run_module('fastinit', run_name='__main__')")
    assert run.returncode == 1
    error = run.stderr.splitlines()[-1]
    assert error.startswith(f"ImportError: {site / 'fastinit' / '__init__.py'} is not fastinit-weights's: the other")


# In this process, where coverage sees it.


def test_the_warning_is_for_the_folder_of_the_core(tmp_path):
    core = tmp_path / "fastinit" / "_core.so"
    distribution.warn_of_other(str(core), "0.1.0")
    metadata(tmp_path, "fastinit-0.2.0.dist-info")
    with pytest.warns(RuntimeWarning, match=re.escape(f"{tmp_path} has two distributions that install the package")):
        distribution.warn_of_other(str(core), "0.1.0")


def test_a_folder_that_cannot_be_listed_has_no_other_distribution(tmp_path):
    assert distribution.other_in(str(tmp_path / "missing")) is None


def test_a_package_that_is_another_project_is_refused(monkeypatch):
    other = types.ModuleType("fastinit")
    other.__file__ = "elsewhere.py"
    monkeypatch.setitem(sys.modules, "fastinit", other)
    with pytest.raises(ImportError, match=r"^elsewhere\.py is not fastinit-weights's"):
        distribution.check_package()
