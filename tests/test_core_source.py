"""The source of the C core keeps its own rules: its order, its layers, its list of files, and that it is C++ too."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
HEADERS = sorted(path.stem for path in (SOURCE / "simd").glob("*.h"))
TARGETS = [line.split() for line in (SOURCE / "targets.txt").read_text(encoding="utf-8").splitlines() if line]


def rows(word):
    return [words[1:] for words in TARGETS if words[0] == word]


def without_comments(path):
    return re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def operations(header):
    text = without_comments(SOURCE / "simd" / f"{header}.h")
    return re.findall(r"^static inline [\w ]+?\b(\w+)\(", text, re.MULTILINE)


@pytest.mark.parametrize("header", sorted({*HEADERS} - {"portable"}))
def test_an_instruction_set_has_the_portable_operations_in_their_order(header):
    portable = operations("portable")
    assert len(portable) > 50
    assert [name for name in operations(header) if name in portable] == portable


def test_the_build_compiles_every_source_and_every_instruction_set():
    (sources,) = rows("sources")
    files = [path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.c")]
    assert sources == sorted(name for name in files if name != "kernels")
    assert sorted(name for name, *_ in rows("kernels")) == HEADERS
    assert rows("kernels")[-1] == ["portable", "any"]


def uses():
    """The files of the core that each of them uses: what it includes, and those whose functions and tables it names."""
    paths = [*SOURCE.glob("*.[ch]"), *SOURCE.glob("gpu/*.[ch]")]
    files = {path.name: without_comments(path) for path in paths}
    defined = {}
    for name, text in files.items():
        if name.endswith(".c"):
            found = re.findall(
                r"^(?!static|extern|typedef)[\w *]+?\b(fi_\w+)(?:\([^;]*?\) \{|\[\w+\] = )", text, re.MULTILINE
            )
            defined.update(dict.fromkeys(found, name))
    assert len(defined) > 30
    used = {}
    for name, text in files.items():
        used[name] = {part for part in re.findall(r'#include "(?:\.\./)?([\w/.]+)"', text) if part in files}
        if name.endswith(".c"):
            used[name] |= {defined[word] for word in re.findall(r"\bfi_\w+", text) if word in defined}
        used[name].discard(name)
    return used


def test_no_file_of_the_core_uses_one_that_uses_it():
    left = uses()
    assert left["scale.c"] >= {"constants.h", "truncated.c"}
    while left:
        lowest = {name for name, used in left.items() if not used & left.keys()}
        assert lowest, f"these use each other in a circle: {', '.join(sorted(left))}"
        left = {name: used for name, used in left.items() if name not in lowest}


@pytest.fixture
def copy(tmp_path):
    """A copy of the core's source, to add to."""
    if shutil.which("cc") is None or shutil.which("bash") is None:
        pytest.skip("there is no cc, or no bash to run it")
    for folder in ("src", "tests/c"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def compiled(folder, *commands):
    """What is done in the folder where tests/c/core.sh has said what the core is."""
    script = "\n".join(["set -e", "source tests/c/core.sh", *commands])
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


def add(path, before, line):
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, line + before), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "before", "line", "source"),
    [
        ("draws.def", "FI_DRAW_NOT_ADDED(TRUNCATED_TAIL", "FI_DRAW(FORGOTTEN, forgotten, 1, FLOATS)\n", "kernels"),
        ("core.h", "FI_FAN_GEOMETRIC } fi_fan_mode", "FI_FORGOTTEN, ", "scale"),
        ("core.h", "FI_SCHEME_TRUNCATED } fi_scheme_draw", "FI_FORGOTTEN, ", "scale"),
    ],
)
def test_what_is_added_without_its_case_does_not_compile(copy, file, before, line, source):
    command = f'cc "${{core_flags[@]}}" -DFI_SIMD_HEADER=\'"simd/portable.h"\' -fsyntax-only src/{source}.c'
    assert compiled(copy, command).returncode == 0
    add(copy / "src" / file, before, line)
    run = compiled(copy, command)
    assert run.returncode != 0
    assert "FI_FORGOTTEN" in run.stderr


def test_an_instruction_set_is_a_header_and_a_row(copy):
    header = (copy / "src/simd/portable.h").read_text(encoding="utf-8")
    (copy / "src/simd/added.h").write_text(header.replace("SIMD_NAME portable", "SIMD_NAME added"), encoding="utf-8")
    add(copy / "src/targets.txt", "kernels portable any", "kernels added any -fno-inline\n")
    (copy / "main.c").write_text(
        '#include <stdio.h>\n#include "core.h"\nint main(void) {\n'
        "    for (size_t i = 0; fi_kernels_at(i); i++) puts(fi_kernels_name(fi_kernels_at(i)));\n    return 0;\n}\n",
        encoding="utf-8",
    )
    run = compiled(
        copy,
        'mkdir kernels && kernels_of none kernels cc "${core_flags[@]}"',
        'cc "${core_flags[@]}" "${have[@]}" "${core[@]}" kernels/*.o main.c -pthread -lm -o main && ./main',
    )
    assert run.stdout.split() == ["added", "portable"], run.stderr


@pytest.mark.parametrize("compiler", ["c++", "g++", "clang++"])
def test_the_kernels_compile_as_cxx_too(compiler):
    if shutil.which(compiler) is None or shutil.which("bash") is None:
        pytest.skip(f"there is no {compiler}, or no bash to run the check")
    script = ROOT / "tests/c/check_cxx.sh"
    run = subprocess.run(["bash", script, compiler], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and time as Linux has them")
@pytest.mark.parametrize(
    ("compiles", "seconds", "said"),
    [
        ("pass", "30", None),
        ("b'a' * 600_000_000", "30", "more than 500 MB"),  # which alone takes a busy machine a second
        ("while True: pass", "0.5", "more than 0.5 s"),
    ],
)
def test_a_compiler_that_takes_much_time_or_memory_fails_its_check(tmp_path, compiles, seconds, said):
    compiler = tmp_path / "compiler.py"
    compiler.write_text(f"import sys\nif '-E' not in sys.argv:\n    {compiles}\n", encoding="utf-8")
    check = [sys.executable, ROOT / "tests/c/check_compile.py", "--seconds", seconds, f"{sys.executable} {compiler}"]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (said is not None, "")
    (row,) = run.stdout.splitlines()  # of no processor's macros, so of the portable kernels alone
    assert re.search(r" portable +\d+\.\d s +\d+ MB", row)
    assert row.startswith("compiled  " if said is None else "TOO MUCH  ")
    assert said is None or row.endswith(said)


@pytest.mark.parametrize("script", ["c/check_sanitizers.sh", "c/fuzz.sh", "coverage.sh"])
def test_scripts_that_leave_the_compilers_header_out_define_what_it_defines(script):
    header = (ROOT / "src/compiler.h").read_text(encoding="utf-8")
    names = set(re.findall(r"#define (?!FASTINIT)(\w+) ", header))
    assert names >= {"ALWAYS_INLINE", "OUT_OF_LINE", "UNROLLED"}
    defined = re.findall(r"-D(\w+)=", (ROOT / "tests" / script).read_text(encoding="utf-8"))
    assert names <= set(defined)
