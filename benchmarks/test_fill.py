"""
The cases of `python -m fastinit bench` as a pytest-benchmark suite: `pytest benchmarks/`.

Each group is one fill; fastinit and the peers found here stand beside each other in it. The large arrays, and the cases
that differ in their pages or threads only, are left to the report.
"""

import pytest

from fastinit.bench import cases, measure, peers
from fastinit.bench.results import OWN

CASES = cases.chosen(("draws", "sizes", "small", "layouts", "adding"), True, peers.found()[0])


def function_of(statement):
    """The statement as the body of a function, so that a call costs no more than its own call."""
    scope = dict(statement.names)
    exec(f"def call(): {statement.text}", scope)
    return scope["call"]


@pytest.mark.parametrize(
    ("case", "library"),
    [pytest.param(case, library, id=f"{library}-{case.name}") for case in CASES for library in (OWN, *case.peers)],
)
@pytest.mark.benchmark(max_time=0.4, min_time=1e-4)
def test_fill(benchmark, case, library):
    benchmark.group = f"{case.key.section}: {case.name}"
    statement = peers.by_fastinit(case) if library == OWN else peers.ALL[library].statement(case)
    if statement is None:
        pytest.skip(f"{library} cannot do this")
    with measure.conditions(case):
        benchmark(function_of(statement))
