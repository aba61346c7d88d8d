"""What the repository says of itself is so: its versions, its map, the files that its pages name, its forms."""

import re
import shutil
import subprocess
import tomllib

import pytest
from conftest import ROOT

MAP = "docs/architecture.md"
SOURCES = {".c", ".def", ".h", ".pxd", ".pxi", ".py", ".pyi", ".pyx"}
FOLDERS = r"(?:\.ci|\.github|benchmarks|docs|examples|fastinit|proofs|src|tests|tools)/[\w./-]*"
TOP = r"[\w.-]+\.(?:cff|md|toml|yaml)|CMakeLists\.txt"
NAMED = re.compile(rf"(?<![\w./-])(?:{FOLDERS}|{TOP})(?![\w/])")


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def version():
    return tomllib.loads(text_of("pyproject.toml"))["project"]["version"]


def test_the_citation_is_of_this_version():
    assert re.findall(r"^version: (.+)$", text_of("CITATION.cff"), re.M) == [version()]


def test_the_changelog_has_an_entry_for_what_comes_next_or_for_this_version():
    newest = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.M)[1]
    assert newest in ("Unreleased", version())


@pytest.mark.parametrize("page", [MAP, "CONTRIBUTING.md", "SECURITY.md"])
def test_a_page_names_only_files_that_there_are(page):
    base = (ROOT / page).parent
    names = {name.rstrip(".") for name in NAMED.findall(text_of(page))}
    assert names
    missing = sorted(name for name in names if not (ROOT / name).exists() and not (base / name).exists())
    assert not missing, f"{page} names what is not there: {', '.join(missing)}"


def test_every_source_file_has_its_line_in_the_map():
    files = [path for folder in ("src", "fastinit") for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES]
    assert files
    names = sorted(path.relative_to(ROOT).as_posix() for path in files)
    missing = [name for name in names if f"`{name}`" not in text_of(MAP)]
    assert not missing, f'give a line of {MAP}, under "The files", to: {", ".join(missing)}'


def test_no_source_file_grows_beyond_what_one_reads_at_a_sitting():
    files = [path for folder in ("src", "fastinit") for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES]
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert lines.pop("src/_core.pyx") <= 900
    assert {name: count for name, count in lines.items() if count > 600} == {}


def test_every_yaml_file_can_be_read():
    yaml = pytest.importorskip("yaml")
    forms = sorted((ROOT / ".github").rglob("*.yml"))
    for path in [ROOT / "CITATION.cff", ROOT / ".pre-commit-config.yaml", *forms]:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def ci(*arguments):
    bash = shutil.which("bash") or pytest.skip("there is no bash here")
    return subprocess.run([bash, ROOT / ".ci" / "run", *arguments], capture_output=True, text=True, check=False)


def test_the_workflow_runs_every_stage_of_ci_once():
    yaml = pytest.importorskip("yaml")
    stages = [line.split()[0] for line in ci("--list").stdout.splitlines()]
    wrong = ci("lint", "lin")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(".ci/run: no stage lin. There are fast (build lint types core) and:\nbuild ")
    fast = re.search(r"fast \((.+?)\)", wrong.stderr)[1]
    workflow = yaml.safe_load(text_of(".github/workflows/ci.yml"))
    rows = workflow["jobs"]["stages"]["strategy"]["matrix"]["stages"]
    assert sorted(" ".join(rows).replace("fast", fast).split()) == sorted(stages)
