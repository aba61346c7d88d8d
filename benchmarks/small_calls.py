"""
A call on 64 elements, step by step: `python benchmarks/small_calls.py`. Instructions by callgrind, and nanoseconds.

Callgrind is Valgrind's; without it there are times only. It knows no AVX-512, so the instructions are those of the AVX2
kernels, or of others that FASTINIT_SIMD names. Steps have names in a build with -Cinstall.strip=false. With `--beside
PYTHON` the fastinit of another interpreter, say an older version, takes turns with this one's: what changed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import timeit
from collections import Counter
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

import numpy as np

import fastinit

ROWS = 10_000
ARRAYS = 100


class Case(NamedTuple):
    """A statement, and how many fills of 64 elements it makes."""

    title: str
    statement: str
    fills: int = 1


CASES = (
    Case("he_normal(w, 64)", "g.he_normal(w, 64)"),
    Case("... stream=3", "g.he_normal(w, 64, stream=3)"),
    Case('... stream="fc1.weight"', 'g.he_normal(w, 64, stream="fc1.weight")'),
    Case(
        "... offset=(8, 16), global_shape=(64, 64)",
        "g.he_normal(block, 64, stream=3, offset=(8, 16), global_shape=(64, 64))",
    ),
    Case(f"... streams=range({ROWS}), a row", f"g.he_normal(rows, 64, streams=range({ROWS}))", ROWS),
    Case(f"fill of {ARRAYS}, an array", "g.fill(fills)", ARRAYS),
    Case(f"a loop over the {ARRAYS}, an array", "for i, each in arrays: g.he_normal(each, 64, stream=i)", ARRAYS),
)
ROUNDS = 75
BATCH_SECONDS = 1e-3
COUNTED = 2000  # fills under callgrind, of each case


def names() -> dict[str, object]:
    """What the statements speak of."""
    arrays = [*enumerate(np.zeros((ARRAYS, 64), np.float32))]
    return {
        "g": fastinit.Generator(7),
        "w": np.zeros(64, np.float32),
        "block": np.zeros((8, 8), np.float32),
        "rows": np.zeros((ROWS, 64), np.float32),
        "arrays": arrays,
        "fills": {f"layer{i}.weight": (each, "he_normal", 64) for i, each in arrays},
    }


def runs(case: Case, here: dict[str, object]) -> bool:
    """Whether this version of fastinit has it."""
    try:
        exec(case.statement, here)
    except TypeError:
        return False
    return True


# ---- Times -----------------------------------------------------------------------------------------------------------


class Worker:
    """Another process, which times the cases that it is told to."""

    def __init__(self, python: str) -> None:
        command = [python, "-P", __file__, "--work"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.description = self.answer().strip()
        if not self.description:
            raise SystemExit(f"{python} does not run this: see above")

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def nanoseconds(self, index: int) -> float | None:
        """Of a fill, in one batch; None where this version has no such call."""
        assert self.process.stdin is not None
        print(index, file=self.process.stdin, flush=True)
        found = float(self.answer())
        return found or None

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def work(questions: IO[str]) -> None:
    """What a Worker runs: for the number of a case a batch of it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    fastinit.set_num_threads(1)
    here = names()
    print(f"fastinit {fastinit.__version__} ({fastinit.simd})", flush=True)
    timers: dict[int, tuple[timeit.Timer | None, int]] = {}
    for question in questions:
        index = int(question)
        case = CASES[index]
        if index not in timers:
            timer = timeit.Timer(case.statement, globals=here) if runs(case, here) else None
            timers[index] = timer, calls_a_batch(timer)
        timer, calls = timers[index]
        print(1e9 * timer.timeit(calls) / calls / case.fills if timer else 0.0, flush=True)


def calls_a_batch(timer: timeit.Timer | None) -> int:
    calls = 1
    if timer:
        timer.timeit(1)  # which does what comes once
    while timer and timer.timeit(calls) < BATCH_SECONDS:
        calls *= 2
    return calls


def times(pythons: list[str]) -> None:
    """Prints the medians, and beside another interpreter those of the ratios within rounds."""
    workers = [Worker(python) for python in pythons]
    found: list[list[list[float | None]]] = [
        [[worker.nanoseconds(index) for worker in workers] for index in range(len(CASES))] for _ in range(ROUNDS)
    ]
    for worker in workers:
        worker.end()
    compared = ["before", "after / before"] if len(workers) > 1 else []
    builds = "; beside ".join(worker.description for worker in workers)
    print(f"\nNanoseconds of a fill of 64 float32 elements, one thread; {builds}\n")
    table(["", "now", "to the first row", *compared])
    for index, case in enumerate(CASES):
        rounds = [(each[index], each[0][0]) for each in found]
        own = [mine for (mine, *_), _ in rounds if mine]
        to_first = [mine / first for (mine, *_), first in rounds if mine and first]
        cells = [f"{median(own):.0f} ns", f"{median(to_first):.2f} x"]
        if compared:
            pairs = [(mine, other) for (mine, other), _ in rounds if mine and other]
            cells += (
                [f"{median(b for _, b in pairs):.0f} ns", f"{median(a / b for a, b in pairs):.2f} x"]
                if pairs
                else ["", ""]
            )
        table([case.title, *cells])


# ---- Instructions ----------------------------------------------------------------------------------------------------


def count() -> None:
    """What runs under callgrind, which dumps its counts at each getppid: before a case, and after it."""
    fastinit.set_num_threads(1)
    here = names()
    for case in (Case("nothing", "pass"), *CASES):
        calls = max(1, COUNTED // case.fills) if runs(case, here) else 0
        exec(f"def run(times):\n for _ in range(times):\n  {case.statement}", here)
        run = here["run"]
        assert callable(run)
        run(min(calls, 20))
        os.getppid()
        run(calls)
        os.getppid()


def instructions(python: str) -> list[Counter[str]]:
    """Of a fill of each case, by step; nothing of a case that this version has not."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/out"]
        environment = {"FASTINIT_SIMD": "avx2", **os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            [*command, python, "-P", __file__, "--count"], capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode:
            raise SystemExit(f"callgrind ended with {done.returncode}: {done.stderr}")
        dumps = [Path(folder, f"out.{2 * i + 2}").read_text() for i in range(len(CASES) + 1)]
    nothing, *counted = map(by_step, dumps)
    found = []
    for case, all_of_it in zip(CASES, counted, strict=True):
        calls = max(1, COUNTED // case.fills)
        here: Counter[str] = Counter()
        if all_of_it.total() > COUNTED:
            loops = calls / COUNTED  # how much of the empty loop's is in it
            for step in all_of_it:
                here[step] = round((all_of_it[step] - loops * nothing[step]) / (calls * case.fills))
        found.append(here)
    return found


def by_step(dump: str) -> Counter[str]:
    """The instructions that each function of fastinit's core takes itself, and each other library."""
    found: Counter[str] = Counter()
    known: dict[tuple[str, str], str] = {}
    now = {"ob": "", "fn": ""}
    inclusive = False  # whether the next line is what a call took with all that it called
    for line in dump.splitlines():
        if named := re.match(r"c?(ob|fn)=(\(\d+\))(?: (.+))?", line):
            kind, number, name = named.groups()
            if name:
                known[kind, number] = name
            if not line.startswith("c"):
                now[kind] = known[kind, number]
        elif line.startswith("calls="):
            inclusive = True
        elif costs := re.match(r"[+*\d-]\S* (\d+)$", line):
            if not inclusive:
                found[step_of(now["ob"], now["fn"])] += int(costs[1])
            inclusive = False
    return found


def step_of(library: str, function: str) -> str:
    """What a row is called."""
    file = Path(library).name
    if not file.startswith("_core."):
        return (
            "NumPy" if file.startswith("_multiarray") else "Python" if "python" in file else "the C library and others"
        )
    name = re.sub(r"^__pyx_\w+?_8fastinit_5_core_(\d+[A-Z]\w*?_)?\d*|\.(constprop|isra|part)\.\d+|'\d+$", "", function)
    return "the core, without names" if name.startswith("0x") else f"`{name}`"


def show_instructions(pythons: list[str], least: int) -> None:
    """Prints a row for each step of so many, a column for each case; beside another interpreter its sums first."""
    counted = instructions(pythons[0])
    print("\nInstructions of a fill of 64 float32 elements, by callgrind\n")
    table(["", *(case.title for case in CASES)])
    for title, each in [("all", counted)] + [("all, before", instructions(other)) for other in pythons[1:]]:
        table([title, *(str(each_case.total() or "") for each_case in each)])
    largest = {step: max(each[step] for each in counted) for each in counted for step in each}
    small = {step for step in largest if largest[step] < least}
    for step in sorted(largest.keys() - small, key=lambda step: -largest[step]):
        table([step, *(str(each[step] or "") for each in counted)])
    table([f"steps of fewer than {least}", *(str(sum(each[step] for step in small) or "") for each in counted)])


# ---- The tables ------------------------------------------------------------------------------------------------------


def table(cells: list[str]) -> None:
    """A row; the first cell of a table's head is empty."""
    print(f"| {' | '.join(cells)} |", flush=True)
    if not cells[0]:
        print("|---" * len(cells) + "|")


def main() -> None:
    parser = argparse.ArgumentParser(description="The instructions and the time of a call on 64 elements.")
    parser.add_argument("--beside", metavar="PYTHON", help="an interpreter with another fastinit, measured in turns")
    parser.add_argument(
        "--least", type=int, default=20, metavar="N", help="instructions of a step with a row of its own"
    )
    for hidden in ("--work", "--count"):
        parser.add_argument(hidden, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(sys.stdin)
    elif options.count:
        count()
    else:
        pythons = [sys.executable, *([options.beside] if options.beside else [])]
        times(pythons)
        if shutil.which("valgrind"):
            show_instructions(pythons, options.least)
        else:
            print("\nNo instructions: valgrind is not installed.")


if __name__ == "__main__":
    main()
