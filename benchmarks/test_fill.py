"""
The cases of `python -m fastinit bench` as a pytest-benchmark suite: `pytest benchmarks/ --benchmark-group-by=group`.

Each group is one draw in one dtype at one size; fastinit and NumPy stand beside each other in it, on one thread each.
"""

import pytest

import fastinit
from fastinit.bench import cases

fastinit.set_num_threads(1)
CASES = cases.of_sizes((64, 1 << 14, 1 << 20))


def function_of(statement, names):
    """The statement as the body of a function, so that a call costs no more than its own call."""
    scope = dict(names)
    exec(f"def call(): {statement}", scope)
    return scope["call"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("library", ["fastinit", "numpy"])
def test_fill(benchmark, case, library):
    benchmark.group = case.name
    statement = case.fastinit_statement if library == "fastinit" else case.numpy_statement
    benchmark(function_of(statement, case.names()))
