"""
Mutants: small wrong edits of the package, one at a time, which the tests should notice.

python tests/mutants.py [--count 40 10 10] [--seed 0] [--files PATTERN ...] [--limit 300] [--json FILE]

A seeded sample of edits in Python, in Cython and in C is applied to a copy of the tree, built there where it must be,
and the tests that cover the file run until the first that fails. Needs what `pip install -e '.[dev]'` brings and a
compiler; modules for frameworks are mutated where these are installed. A survivor is a hole in the tests, or an edit
that changes nothing.
"""

import argparse
import contextlib
import fnmatch
import importlib.util
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
KINDS = {"Python": (".py",), "Cython": (".pyx", ".pxi"), "C": (".c", ".h")}
NOT_MUTATED = (
    *("src/coefficients.h", "src/quantile.h", "src/fastinit.h", "src/declarations.pxi"),  # numbers, and names
    *("src/simd/*", "fastinit/bench/models.py"),  # what this machine may not run; a list of shapes
)

# The tests of the files whose path begins so, short ones first; the first row that fits counts.
CORE = "arguments generator callers complex constants many_fills schemes layouts blocks contract threads"
COVERED_BY = {
    "fastinit/bench/": "bench_report bench_measure reports_of_commands",
    "fastinit/checkpoint/": "checkpoint checkpoint_reading reports_of_commands",
    "fastinit/torch": "torch torch_modules torch_shards torch_models",
    "fastinit/jax": "jax",
    "fastinit/keras": "keras",
    "fastinit/dask": "dask",
    "fastinit/numba": "numba",
    "fastinit/insight/": "insight",
    "fastinit/capi": "c_interface",
    "fastinit/distribution": "distribution",
    "fastinit/docstrings": "docs types dask",
    "fastinit/drawing": "insight bench_report",
    "fastinit/files": "files checkpoint_reading checkpoint",
    "fastinit/text": "files checkpoint_reading checkpoint",
    "fastinit/recipe": "recipe dask torch_modules checkpoint jax keras",
    "fastinit/draw.py": "recipe dask torch_modules checkpoint jax keras",
    "fastinit/rules": "rules torch_modules checkpoint checkpoint_reading",
    **dict.fromkeys(
        [f"fastinit/{name}" for name in ("__main__", "program", "startup", "arguments", "raw_bits", "progress")],
        "command_line arguments_of_commands reports_of_commands program",
    ),
    "fastinit/": "generator schemes arguments blocks constants many_fills docs",
    "src/api.c": "c_interface",
    "src/overlap": "many_fills arguments",
    "src/strides": "arguments layouts many_fills",
    "src/threads": "threads",
    "src/constant": "constants many_fills",
    "src/": f"{CORE} c_interface",
}
NEEDS = {f"fastinit/{name}": name for name in ("torch", "jax", "keras", "dask", "numba")}


def tests_of(path: str) -> list[str]:
    names = next(names for head, names in COVERED_BY.items() if path.startswith(head))
    return [f"tests/test_{name}.py" for name in names.split()]


# ---- The edits -------------------------------------------------------------------------------------------------------


class Edit(NamedTuple):
    path: str
    start: int
    end: int
    new: str

    @property
    def kind(self) -> str:
        return next(kind for kind, suffixes in KINDS.items() if Path(self.path).suffix in suffixes)

    def of(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]

    def shown(self, text: str) -> str:
        """The line, and what becomes of it."""
        line = text.count("\n", 0, self.start) + 1
        begin, end = text.rfind("\n", 0, self.start) + 1, text.find("\n", self.end)
        after = text[begin : self.start] + self.new + text[self.end : end]
        return f"{self.path}:{line}: {text[begin:end].strip()}  ->  {after.strip() or '(nothing)'}"


PYTHON_TEXT = re.compile(r'("""|\'\'\').*?\1|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*', re.S)
C_TEXT = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M
)

SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+", "//": "*",
    "&&": "||", "||": "&&", "&": "|", "|": "&", "<<": ">>", ">>": "<<", "+=": "-=", "-=": "+=",
    "and": "or", "or": "and", "in": "not in", "is": "is not", "is not": "is", "not in": "in",
}  # fmt: skip
OPERATOR = re.compile(rf"(?<=\s)({'|'.join(re.escape(swap) for swap in sorted(SWAPS, key=len, reverse=True))})(?=\s)")
NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")
CONSTANT = re.compile(r"\b(True|False|true|false)\b")
NEGATION = re.compile(r"\bnot (?!in\b)|(?<=[\s(])!(?=\w)")
KEYWORD = re.compile(r", \w+=[\w.\"'-]+(?=[,)])")
CONDITION = re.compile(r"^ +(?:el)?if (?P<what>[^\n]+):$|^ *if \((?P<in_c>[^\n()]+)\)", re.M)
# Not that of a name, without which nothing would go on.
STATEMENT = re.compile(r"^ +(?P<what>(?:[\w.>-]+[.>\]]\S* = |\S+ [-+*/|&]= |[\w.>-]+\()[^\n]*?)(?P<end>;?)$", re.M)


def edits_of(path: str, text: str) -> list[Edit]:
    """All edits, each of one place. What is in comments and strings is left as it is."""
    in_c = path.endswith(KINDS["C"])
    code = (C_TEXT if in_c else PYTHON_TEXT).sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
    found = []

    def add(match: re.Match, new: str, group: str | int = 0) -> None:
        found.append(Edit(path, match.start(group), match.end(group), new))

    for match in OPERATOR.finditer(code):
        line = code[code.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
        is_type = match[1] == ("*" if in_c else "|")
        if (
            not is_type
            and not (match[1] == "in" and " for " in f" {line}")
            and not line.startswith(("import ", "from "))
        ):
            add(match, SWAPS[match[1]], 1)
    for match in NUMBER.finditer(code):
        add(match, str(int(match[1]) + 1))
        if int(match[1]):
            add(match, str(int(match[1]) - 1))
    for match in CONSTANT.finditer(code):
        add(match, {"True": "False", "False": "True", "true": "false", "false": "true"}[match[1]])
    for match in NEGATION.finditer(code):
        add(match, "")
    for match in KEYWORD.finditer(text):  # whose values may be strings
        line = code[code.rfind("\n", 0, match.start()) + 1 : match.start()].split()
        if "\0" not in code[match.start() : match.start() + 3] and not in_c and line[:1] not in (["def"], ["cdef"]):
            add(match, "")
    for match in CONDITION.finditer(code):
        group = "in_c" if match["in_c"] else "what"
        if in_c == (group == "in_c"):
            condition = text[match.start(group) : match.end(group)]
            add(match, f"!({condition})" if in_c else f"not ({condition})", group)
    for match in STATEMENT.finditer(code):
        balanced = all(match["what"].count(a) == match["what"].count(b) for a, b in ("()", "[]", "{}"))
        if balanced and bool(match["end"]) == in_c:
            add(match, "(void)0" if in_c else "pass", "what")
    return found


def is_valid(edit: Edit, text: str) -> bool:
    if edit.kind != "Python":
        return True
    try:
        compile(edit.of(text), edit.path, "exec")
    except SyntaxError:
        return False
    return True


# ---- The copy that is edited -----------------------------------------------------------------------------------------


class Copy:
    """A copy of the tree and an environment where it is installed, beside all else that this Python has."""

    def __init__(self, work: Path):
        self.tree, self.env = work / "tree", work / "env"
        listed = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, text=True)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.env], check=True)
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(self.env)}))
        # Their own .pth files, one of which may point to an editable install of fastinit, are not read.
        others = [path for path in sys.path if path.endswith("-packages")]
        (self.site / "others.pth").write_text("\n".join(others) + "\n", encoding="utf-8")
        self.python = self.env / ("Scripts" if os.name == "nt" else "bin") / "python"
        self.build()

    def build(self) -> None:
        """May fail, if what was edited cannot be compiled."""
        options = ["-q", "--no-deps", "--no-build-isolation", "-Cbuild-dir=build"]
        install = [sys.executable, "-m", "pip", "install", *options, "--upgrade", "--target", self.site, "."]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        cache = (
            {"CMAKE_C_COMPILER_LAUNCHER": "ccache", "CCACHE_BASEDIR": str(self.tree)} if shutil.which("ccache") else {}
        )
        subprocess.run(
            install, cwd=self.tree, env={**os.environ, **cache, "PATH": path}, check=True, capture_output=True
        )

    def write(self, path: str, text: str) -> None:
        for base in (self.tree, self.site):
            if (base / path).exists():
                (base / path).write_text(text, encoding="utf-8")

    def test(self, files: list[str], seconds: float) -> tuple[str, str]:
        """Runs these tests to the first that fails: "survived", "killed" or "late", and by which."""
        command = [self.python, "-P", "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", *files]
        log = self.tree.parent / "log"
        with log.open("wb") as out:
            run = subprocess.Popen(
                command, cwd=self.tree, stdout=out, stderr=out, start_new_session=True, preexec_fn=limit_resources
            )
            try:
                status = run.wait(seconds)
            except subprocess.TimeoutExpired:
                return "late", ""
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run.pid, signal.SIGKILL)  # and what it has left behind
                run.wait()
        failed = re.findall(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", log.read_text(errors="replace"), re.M)
        return ("survived", "") if status == 0 else ("killed", failed[0] if failed else f"status {status}")


def limit_resources() -> None:
    """A mutant may ask for all memory, or write to a file for ever."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    resource.setrlimit(resource.RLIMIT_DATA, (16 << 30, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def try_edit(copy: Copy, edit: Edit, text: str, limit: float) -> dict:
    """A test kills it that fails with it and passes without it."""
    began = time.monotonic()

    def put(content: str) -> None:
        copy.write(edit.path, content)
        if edit.kind != "Python":
            copy.build()

    try:
        put(edit.of(text))
        outcome, by = copy.test(tests_of(edit.path), limit)
    except subprocess.CalledProcessError:
        outcome, by = "invalid", ""
    put(text)
    if by.startswith("tests/") and copy.test([by], limit)[0] != "survived":
        outcome = "unsure"
    seconds = round(time.monotonic() - began)
    return {"kind": edit.kind, "edit": edit.shown(text), "outcome": outcome, "by": by, "seconds": seconds}


# ---- A run -----------------------------------------------------------------------------------------------------------


def chosen_files(patterns: list[str]) -> list[str]:
    names = subprocess.check_output(["git", "ls-files", "fastinit", "src"], cwd=ROOT, text=True).split()
    suffixes = tuple(suffix for kind in KINDS.values() for suffix in kind)
    missing = tuple(head for head, package in NEEDS.items() if importlib.util.find_spec(package) is None)
    return [
        name
        for name in names
        if name.endswith(suffixes)
        and not name.startswith(missing or ("\0",))
        and not any(fnmatch.fnmatch(name, pattern) for pattern in NOT_MUTATED)
        and (not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns))
    ]


def sample(texts: dict[str, str], counts: dict[str, int], seed: int) -> list[Edit]:
    """So many edits of each kind, those of one file next to each other; what cannot be Python is none."""
    edits = [edit for path, text in texts.items() for edit in edits_of(path, text)]
    chosen = []
    for kind, count in counts.items():
        of_kind = [edit for edit in edits if edit.kind == kind]
        random.Random(f"{seed} {kind}").shuffle(of_kind)
        valid = (edit for edit in of_kind if is_valid(edit, texts[edit.path]))
        chosen += [edit for edit, _ in zip(valid, range(count), strict=False)]
    return sorted(chosen, key=lambda edit: (list(KINDS).index(edit.kind), edit))


def table(results: list[dict]) -> str:
    outcomes = "killed", "late", "survived", "unsure", "invalid"
    counts = Counter((result["kind"], result["outcome"]) for result in results)
    rows = [("", *outcomes), *((kind, *(str(counts[kind, each]) for each in outcomes)) for kind in KINDS)]
    return "\n".join("".join(f"{cell:>10}" for cell in row) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs=3, default=(40, 10, 10), metavar=tuple(KINDS), help="40 10 10")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="+", default=[], metavar="PATTERN", help="for example 'src/*.pxi'; else all")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="for the tests of one mutant; 300")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the results there")
    chosen = parser.parse_args()
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in chosen_files(chosen.files)}
    edits = sample(texts, dict(zip(KINDS, chosen.count, strict=True)), chosen.seed)
    results: list[dict] = []
    with tempfile.TemporaryDirectory(prefix="mutants.", ignore_cleanup_errors=True) as folder:
        copy = Copy(Path(folder))
        for edit in edits:
            result = try_edit(copy, edit, texts[edit.path], chosen.limit)
            results.append(result)
            print("{outcome:>8}  {seconds:>3} s  {edit}  {by}".format(**result), flush=True)
            if chosen.json:
                run = {"seed": chosen.seed, "limit": chosen.limit, "results": results}
                chosen.json.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
