"""What `import fastinit` takes after `import numpy`, in fresh processes, and which modules take it.

python benchmarks/import_time.py [--rounds N] [--most MILLISECONDS]: fails if the fastest round takes more than
that, since what else runs on the machine only adds.
"""

import argparse
import subprocess
import sys
from statistics import median

CODE = """
from time import perf_counter
start = perf_counter()
import numpy
middle = perf_counter()
import fastinit
print(1e3 * (middle - start), 1e3 * (perf_counter() - middle), fastinit.__file__)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a Python that does not see the source tree."""
    return subprocess.run([sys.executable, "-P", *arguments], capture_output=True, text=True, check=True)


def modules() -> list[tuple[float, str]]:
    """The milliseconds of each module that is imported after NumPy, its own imports left out."""
    head, *lines = python("-X", "importtime", "-c", CODE).stderr.splitlines()
    rows = [line.removeprefix(head.partition(":")[0] + ":").split("|") for line in lines]
    names = [row[2].strip() for row in rows]
    return [(int(row[0]) / 1e3, name) for row, name in zip(rows, names, strict=True)][names.index("numpy") + 1 :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--most", type=float, default=float("inf"), metavar="MILLISECONDS")
    arguments = parser.parse_args()
    python("-c", CODE)  # which writes the .pyc files, and reads all into the page cache
    rounds = [python("-c", CODE).stdout.split(maxsplit=2) for _ in range(arguments.rounds)]
    print(rounds[0][2].strip())
    for what, column in (("NumPy", 0), ("fastinit", 1)):
        times = sorted(float(row[column]) for row in rounds)
        print(f"{what}: median {median(times):.1f} ms, {times[0]:.1f} to {times[-1]:.1f}")
    for milliseconds, name in sorted(modules(), reverse=True)[:8]:
        print(f"{milliseconds:8.2f} ms {name}")
    if min(float(row[1]) for row in rounds) > arguments.most:
        sys.exit(f"import fastinit takes more than {arguments.most:g} ms beyond NumPy's own")


if __name__ == "__main__":
    main()
