"""What `python -m fastinit bench` measures: that every library's statement does what the report says, undisturbed."""

import ast
import json
import math
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import chain, combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit.bench import cases, environment, measure, models, peers, schema
from fastinit.bench.results import LIMIT, OWN, WAYS

TINY = measure.Effort(rounds=4, batch_seconds=1e-5, case_seconds=60)
FOUND, _ = peers.found()
SIDES = {OWN: peers.by_fastinit, **{name: peers.ALL[name].statement for name in FOUND}}
SIDE = 128  # of a case's array here
BEFORE = 4 * cases.ADDED_SCALE  # what an array holds that is added to
pinning = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin threads")


def cases_of(*sections: str, quick: bool = False, names: tuple[str, ...] = tuple(FOUND)) -> list[cases.Case]:
    return cases.chosen(sections or cases.SECTIONS, quick, names)


def small(case: cases.Case) -> cases.Case:
    """The same of a small array."""
    return case.of_shape(SIDE * SIDE) if len(case.shape) == 1 else case.of_shape(SIDE, SIDE)


def kinds() -> list[cases.Case]:
    """Small cases of every kind: of those that differ in their size or their section only, one."""
    of_arrays = (small(case) for case in cases_of(*(name for name in cases.SECTIONS if name != "model")))
    return list({replace(case.key, section=""): case for case in of_arrays}.values())


def case_of(section: str, draw: str = "normal", dtype: str = "float32", **conditions: str) -> cases.Case:
    """A small case, in the usual conditions where no others are given."""
    return replace(cases.fill(section, draw, dtype, (SIDE, SIDE), **conditions), peers=tuple(FOUND))


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """PyTorch's draws come from a generator that all share; the others' have seeds of their own."""
    if "PyTorch" not in FOUND:
        yield
        return
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        yield


# ---- The statements --------------------------------------------------------------------------------------------------


def run(statement: peers.Statement) -> Any:
    """What a statement returns, or else the array w that it filled."""
    *before, last = ast.parse(statement.text).body
    exec(compile(ast.Module(before, []), "<before>", "exec"), statement.names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "<last>", "eval"), statement.names)
        if hasattr(value, "shape"):
            return value
    else:
        exec(compile(ast.Module([last], []), "<last>", "exec"), statement.names)
    return statement.names["w"]


def dtype_name(array: Any) -> str:
    return str(array.dtype).removeprefix("torch.")


def as_numpy(array: Any) -> np.ndarray:
    """In NumPy, floats of 16 bits as float32."""
    if dtype_name(array) == "bfloat16" and not isinstance(array, np.ndarray):
        array = array.float() if hasattr(array, "float") else array.astype("float32")
    return np.asarray(array)


# By how much of its scale a distribution spreads, how far it reaches, and which part lies within half of its scale.
SHAPES = {
    "uniform": (1 / math.sqrt(3), 1.0, 0.5),
    "normal": (1.0, 6.0, 0.3829),
    "truncated_normal": (cases.TRUNCATED_DEVIATION, 2.0, 0.3829 / 0.9545),
}


def check_floats(values: np.ndarray, distribution: str, scale: float) -> None:
    """Five standard errors each, or more: p < 1e-6, and the seeds are fixed."""
    values = values.astype(np.float64).reshape(-1)
    deviation, reach, within = SHAPES[distribution]
    error = 5 / math.sqrt(values.size)
    assert abs(values.mean()) < error * scale
    assert abs(values.std() / (deviation * scale) - 1) < error
    assert abs(np.mean(np.abs(values) < scale / 2) - within) < error / 2
    assert np.abs(values).max() <= reach * scale * 1.005  # rounded to 16 bits


def check_bits(words: np.ndarray) -> None:
    ones = np.unpackbits(words.view(np.uint8)).reshape(words.size, -1).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 2.5 / math.sqrt(words.size)


def check_orthogonal(matrix: np.ndarray) -> None:
    assert np.abs(matrix @ matrix.T - np.eye(SIDE)).max() < 1e-4
    assert abs(matrix.mean()) < 5 / SIDE**1.5


@pytest.mark.parametrize("case", kinds(), ids=lambda case: case.name)
@pytest.mark.parametrize("side", SIDES)
def test_every_statement_draws_what_its_row_says(side: str, case: cases.Case) -> None:
    statement = SIDES[side](case)
    if statement is None:
        pytest.skip(f"{side} cannot do this")
    dtype, distribution = case.key.dtype, case.draw.distribution
    if case.adds:
        array = next(name for name in "wt" if name in statement.names)
        with peers.jax_for(dtype) if side == "JAX" else nullcontext():
            statement.names[array] += BEFORE
    result = run(statement)
    values = as_numpy(result)
    assert values.size * values.itemsize == case.bytes or dtype == "bfloat16"
    if distribution == "bits":
        check_bits(values.view(dtype))
        return
    assert dtype_name(result) == dtype
    assert result.shape == case.shape
    if distribution == "orthogonal":
        check_orthogonal(values)
        return
    check_floats(values - (BEFORE if case.adds else 0), distribution, case.scale)
    if dtype in peers.DRAWN_BY_NUMPY and not case.adds:
        assert np.count_nonzero(values) > 0.999 * values.size
    if dtype == "float64":
        assert not np.array_equal(values, values.astype(np.float32))


def test_statements_fill_arrays_of_the_layout_they_name() -> None:
    for layout in cases.LAYOUTS:
        case = case_of("layouts", layout=layout)
        for side in SIDES.values():
            statement = side(case)
            filled = None if statement is None else statement.names.get("w", statement.names.get("t"))
            if filled is not None:
                steps = filled.stride() if hasattr(filled, "stride") else np.array(filled.strides) // filled.itemsize
                assert (
                    tuple(steps)
                    == {
                        "contiguous": (SIDE, 1),
                        "Fortran order": (1, SIDE),
                        "every second column": (2 * SIDE, 2),
                        "rows of a wider array": (SIDE + 48, 1),
                        "backwards": (-SIDE, -1),
                    }[layout]
                )


@pytest.mark.parametrize("side", [name for name in ("fastinit", "NumPy", "PyTorch") if name in SIDES])
def test_fan_in_of_a_matrix_that_is_not_square_is_its_columns(side: str) -> None:
    statement = SIDES[side](case_of("small", "he_normal").of_shape(32, 512))
    assert statement is not None
    check_floats(as_numpy(run(statement)), "normal", math.sqrt(2 / 512))


def tiny_model() -> Iterator[models.Parameter]:
    """Each kind of parameter."""
    yield from models.dense("fc", SIDE, SIDE, 0.03)
    yield from models.convolution("conv", SIDE, SIDE // 8, 3)


@pytest.mark.parametrize("threads", ["one", "all"])
@pytest.mark.parametrize("side", SIDES)
def test_every_statement_fills_all_arrays_of_a_model(side: str, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ResNet-50, 26 M"
    monkeypatch.setitem(models.MODELS, name, models.MODELS[name]._replace(parameters=tiny_model))
    statement = SIDES[side](cases.fill("model", name, "float32", (1,), threads=threads))
    assert statement is not None
    names = statement.names
    fills = *names.get("drawn", ()), *names.get("constant", ()), *names.get("layers", {}).values()
    in_place = [fill[0] for fill in fills]
    for array in in_place:
        array[...] = 5
    code = compile(statement.text, "<model>", "exec" if in_place else "eval")
    arrays = [as_numpy(array) for array in (exec(code, names) or in_place if in_place else eval(code, names))]
    assert sorted(array.shape for array in arrays) == sorted(each.shape for each in tiny_model())
    drawn = {array.shape: array for array in arrays if array.std() > 0}
    check_floats(drawn.pop((SIDE, SIDE)), "normal", 0.03)
    check_floats(drawn.pop((SIDE, SIDE // 8, 3, 3)), "normal", math.sqrt(2 / (9 * SIDE)))
    assert drawn == {}
    assert sorted(array.mean() for array in arrays if array.std() == 0) == [0, 0, 1]


@pytest.mark.parametrize("case", [case_of("draws"), case_of("adding", cases.ADDED)], ids=lambda case: case.name)
def test_every_side_has_memory_of_its_own(case: cases.Case) -> None:
    sides = measure.statements(case).items()
    memory = {
        side: [np.asarray(each.names[name]).view(np.uint8) for name in "wzt" if name in each.names]
        for side, each in sides
        if side != measure.EMPTY
    }
    assert len(memory[OWN]) == len(memory[LIMIT]) == len(memory["NumPy"]) - case.adds == 1
    for one, other in combinations(memory, 2):
        assert not any(np.shares_memory(a, b) for a in memory[one] for b in memory[other])


def rows_case(threads: str = "one") -> cases.Case:
    """A small array whose rows have streams of their own."""
    case = cases.fill("streams", "normal", "float32", (SIDE, SIDE), threads=threads, layout=next(iter(cases.ROWS)))
    return replace(case, peers=tuple(FOUND))


def test_other_ways_to_rows_write_what_streams_writes() -> None:
    case = rows_case()
    own = peers.by_fastinit(case)
    ways = peers.by_other_ways(case, own.names)
    assert list(ways) == list(WAYS)
    rows = run(own).copy()
    one = run(ways.pop("one stream")).copy()
    for way in ways.values():
        own.names["w"][...] = 0
        np.testing.assert_array_equal(run(way), rows)
    assert not np.array_equal(one, rows)
    np.testing.assert_array_equal(one[0], rows[0])  # stream 0 is the first of both
    assert set(measure.statements(case)) == {OWN, *WAYS, *FOUND} - {"np.random", "MKL"}


def test_rows_by_numpy_are_the_same_on_any_number_of_threads() -> None:
    one, every = (peers.ALL["NumPy"].statement(rows_case(threads)) for threads in ("one", "all"))
    assert one is not None
    assert every is not None
    np.testing.assert_array_equal(run(one), run(every))


def test_64_bit_numbers_stay_as_they_were_in_jax() -> None:
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    statement = peers.by_jax(case_of("draws", "uniform", "float64"))
    assert statement is not None
    assert run(statement).dtype == "float64"
    assert jax.config.jax_enable_x64 == before


# ---- The peers -------------------------------------------------------------------------------------------------------


def test_peers_found_are_described_with_their_versions() -> None:
    found, missing = peers.found(["NumPy", "np.random"])
    assert list(found) == ["NumPy", "np.random"]
    assert found["NumPy"] == f"Generator(PCG64), NumPy {np.__version__}"
    assert missing == {}


def test_peer_that_is_not_installed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mkl_random", None)
    assert peers.found(["MKL"]) == ({}, {"MKL": "not installed"})


def test_peer_that_cannot_do_a_case_takes_no_part_in_it() -> None:
    case = replace(case_of("draws", "orthogonal"), peers=("NumPy", "np.random"))
    assert peers.ALL["np.random"].statement(case) is None
    assert OWN in measure.statements(case)
    assert "NumPy" in measure.statements(case)
    assert "np.random" not in measure.statements(case)


def test_peer_with_a_broken_installation_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mkl_random.py").write_text("raise OSError('libmkl_rt.so.2: cannot open\\nshared object file')")
    monkeypatch.delitem(sys.modules, "mkl_random", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    found, missing = peers.found(["NumPy", "MKL"])
    assert list(found) == ["NumPy"]
    assert missing == {"MKL": "cannot be imported: OSError: libmkl_rt.so.2: cannot open"}


def test_run_with_numpy_alone_imports_no_other_peer() -> None:
    code = """
import sys
from fastinit.bench import cases, measure, peers
for case in cases.chosen(["small"], True, peers.found(["NumPy"])[0])[:2]:
    measure.time_case(case, measure.Effort(rounds=3, batch_seconds=0, case_seconds=0))
print(sorted({"torch", "jax", "mkl_random"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


# ---- The cases -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [False, True])
def test_no_fill_is_measured_twice(quick: bool) -> None:
    keys = [case.key for case in cases_of(quick=quick)]
    assert len(set(keys)) == len(keys)


def test_quick_run_measures_a_part_of_the_full_one() -> None:
    full = {case.key: case for case in cases_of(names=tuple(peers.ALL))}
    quick = cases_of(quick=True, names=tuple(peers.ALL))
    assert len(quick) < len(full) / 2
    assert all(set(case.peers) <= set(full[case.key].peers) for case in quick)
    assert {case.key.section for case in quick} == set(cases.SECTIONS)


def test_sections_come_in_the_order_of_the_report() -> None:
    order = [case.key.section for case in cases_of("small", "draws", "adding")]
    assert sorted(order, key=list(cases.SECTIONS).index) == order
    assert set(order) == {"small", "draws", "adding"}


def test_every_draw_scheme_dtype_layout_and_size_is_there() -> None:
    keys = [case.key for case in cases_of()]
    left_out = set(cases.left_out(cases.SECTIONS, False, ()))
    assert {key.draw for key in keys} == (set(cases.DRAWS) | set(models.MODELS)) - left_out
    assert {key.layout for key in keys if key.section == "layouts"} == set(cases.LAYOUTS)
    floats = {key.dtype for key in keys if key.draw == "truncated_normal" and key.section == "draws"}
    assert floats == {"float32", "float64", "float16", "bfloat16"} - left_out
    sizes = [key.elements for key in keys if (key.section, key.draw, key.dtype) == ("sizes", "normal", "float64")]
    assert sizes == sorted(sizes)
    assert {16, 1 << 10, 1 << 24} <= set(sizes)


@pytest.mark.parametrize(("mebibytes", "beyond"), [(None, []), (32, []), (96, [1 << 26]), (512, [1 << 26, 1 << 28])])
def test_largest_array_is_twice_the_last_level_cache(
    mebibytes: int | None, beyond: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "last_level_cache", lambda: mebibytes and mebibytes << 20)
    assert cases.beyond_cache() == beyond


def test_dtype_that_is_not_installed_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert "bfloat16" not in {case.key.dtype for case in cases_of()}
    assert cases.left_out(["draws"], False, ()) == {"bfloat16": "needs ml_dtypes, which is not installed"}
    assert cases.left_out(["pages"], False, ()) == {}


def test_fill_that_takes_too_much_memory_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "available_memory", lambda: 1 << 29)
    assert {case.key.elements for case in cases_of("pages", "small")} <= set(cases.SMALL)
    assert cases.left_out(["pages"], True, ()) == {
        "uniform float32 16 Mi": "takes 0.7 GB, more than half the memory that is free",
        "uniform float32 16 Mi fresh": "takes 0.7 GB, more than half the memory that is free",
    }


@pytest.mark.parametrize("library", ["not installed", "not known"])
def test_orthogonal_is_left_out_and_named_where_its_threads_cannot_be_set(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "not installed":
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    else:
        threadpoolctl = pytest.importorskip("threadpoolctl")
        monkeypatch.setattr(threadpoolctl.ThreadpoolController, "_load_libraries", lambda self: None)
    monkeypatch.setattr(environment, "linear_algebra", environment.linear_algebra.__wrapped__)
    assert "orthogonal" not in {case.key.draw for case in cases_of()}
    reason = "the threads of NumPy's linear algebra cannot be set here"
    assert cases.left_out(["draws"], False, ())["orthogonal"] == reason
    with measure.conditions(case_of("draws")):
        pass


# ---- The conditions --------------------------------------------------------------------------------------------------


def affinities() -> list[set[int]]:
    return [os.sched_getaffinity(thread) for thread in measure.threads()]


@pytest.fixture
def idle_thread() -> Iterator[None]:
    """Another thread of this process."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield
    done.set()
    thread.join()


@pinning
@pytest.mark.usefixtures("idle_thread")
@pytest.mark.parametrize("error", [None, KeyboardInterrupt], ids=["finished", "interrupted"])
def test_one_thread_cases_have_one_cpu_and_give_it_back(error: type[BaseException] | None) -> None:
    before, cpu, done = affinities(), environment.cpu_for_one_thread(), threading.Event()
    late = threading.Thread(target=done.wait, daemon=True)
    with nullcontext() if error is None else pytest.raises(error), measure.conditions(case_of("draws")):
        late.start()
        assert affinities() == [{cpu}] * (len(before) + 1)
        if error is not None:
            raise error
    assert affinities() == [*before, os.sched_getaffinity(0)]
    done.set()
    late.join()


@pinning
def test_all_thread_cases_have_all_cpus() -> None:
    before = affinities()
    with measure.conditions(case_of("threads", threads="all")):
        assert all(cpus in before for cpus in affinities())  # NumPy may have started threads


@pytest.mark.parametrize("forbidden", [False, True], ids=["not there", "forbidden"])
def test_system_that_cannot_pin_is_measured_all_the_same(forbidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    if forbidden:
        monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    assert environment.describe().affinity == "not pinned"
    with measure.conditions(case_of("draws")):
        pass


@pytest.mark.parametrize(("threads", "count"), [("one", 1), ("all", 3)])
def test_every_side_has_the_threads_of_the_case_and_its_own_back(threads: str, count: int) -> None:
    counts = {"fastinit": fastinit.get_num_threads}
    if (linear_algebra := environment.linear_algebra()) is not None:
        counts["NumPy"] = lambda: linear_algebra.info()[0]["num_threads"]
    if "PyTorch" in FOUND:
        counts["PyTorch"] = peers.ALL["PyTorch"].threads.get
    fastinit.set_num_threads(3)
    try:
        before = {name: get() for name, get in counts.items()}
        with measure.conditions(case_of("threads", threads=threads)):
            assert {name: get() for name, get in counts.items()} == dict.fromkeys(counts, count)
        assert {name: get() for name, get in counts.items()} == before
    finally:
        fastinit.set_num_threads(None)


# ---- The clock -------------------------------------------------------------------------------------------------------


def test_sides_take_turns_and_none_always_comes_after_the_same_one() -> None:
    log: list[str] = []
    effort = measure.Effort(rounds=40, batch_seconds=0, case_seconds=60)
    seconds = measure.interleaved({side: f"log.append('{side}')" for side in "abc"}, {"log": log}, effort)
    rounds = ["".join(log[i : i + 3]) for i in range(0, len(log), 3)]
    assert rounds[:2] == ["aab", "bcc"]  # one call does what comes once, the next finds out how many make a batch
    del rounds[:2]
    assert {"".join(sorted(each)) for each in rounds} == {"abc"}
    assert len(set(rounds)) == 6
    assert {side: len(times) for side, times in seconds.items()} == dict.fromkeys("abc", 40)


@pytest.mark.parametrize("count", range(6, 11))
def test_no_side_comes_after_the_same_one_in_most_rounds(count: int) -> None:
    sides = [*"abcdefghij"[:count]]
    rounds = [measure.order_of_round(sides, number) for number in range(25)]
    assert all(sorted(each) == sides for each in rounds)
    for first in range(20):
        few = list(chain.from_iterable(rounds[first : first + 5]))
        assert max(Counter(pairwise(few)).values()) <= 2


@pytest.mark.parametrize(
    ("case", "memset_tells"),
    [
        (case_of("draws"), True),
        (case_of("draws").of_shape(1, 64), False),
        (case_of("layouts", layout="Fortran order"), False),
        (case_of("pages", pages="fresh"), True),
        (case_of("adding", cases.ADDED), True),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_measurement_holds_every_side_that_tells_something(case: cases.Case, memset_tells: bool) -> None:
    case = replace(case, peers=("NumPy", "np.random"))
    measured = measure.time_case(case, TINY)
    assert measured.key == case.key
    assert measured.bytes == 4 * case.key.elements
    # So short a batch may time a memset below a call of nothing: then it is left out, see below.
    assert [name for name in measured.sides if name != LIMIT] == [OWN, "NumPy", "np.random"]
    assert {len(side.seconds) for side in measured.sides.values()} == {TINY.rounds}
    assert all(measured.seconds(name).median > 0 for name in measured.sides)
    assert measured.sides["NumPy"].statement.startswith("w = np.empty" if case.key.pages == "fresh" else "rng.")
    assert (LIMIT in measure.statements(case)) == memset_tells


@pytest.mark.parametrize(("empty", "told"), [((2, 1, 4), (3, 3, 1)), ((2, 1, 5), None)])
def test_memset_is_timed_without_its_call_and_left_out_where_that_is_all(
    empty: tuple[float, ...], told: tuple[float, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {OWN: [9.0, 9.0, 9.0], LIMIT: [5.0, 4.0, 5.0], measure.EMPTY: list(empty)}
    monkeypatch.setattr(measure, "in_turn", lambda timers, effort: {name: seconds[name] for name in timers})
    sides = measure.time_case(replace(case_of("draws"), peers=()), TINY).sides
    assert {name: side.seconds for name, side in sides.items()} == {OWN: (9, 9, 9)} | ({LIMIT: told} if told else {})


def test_slow_case_is_cut_short_but_keeps_enough_rounds() -> None:
    measured = measure.time_case(case_of("draws"), replace(TINY, rounds=1000, case_seconds=0))
    assert {len(side.seconds) for side in measured.sides.values()} == {measure.LEAST_ROUNDS}


# ---- The environment -------------------------------------------------------------------------------------------------


def test_environment_survives_json() -> None:
    here = replace(environment.describe(), load_after=0.5)
    assert schema.value_of(environment.Environment, json.loads(json.dumps(asdict(here)))) == here


@pytest.mark.parametrize(
    ("data", "complaint"),
    [({}, "date: it is missing"), ({"kpu": "x"}, "the key 'kpu' is unknown; .* mean 'cpu'"), (None, "null is")],
)
def test_what_is_no_environment_is_refused(data: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        schema.value_of(environment.Environment, data)


def test_environment_tells_what_was_run() -> None:
    code = "from fastinit.bench import environment; print(environment.describe().command)"
    done = subprocess.run([sys.executable, "-c", code, "--quick"], capture_output=True, text=True, check=True)
    assert done.stdout == "-c --quick\n"


def test_command_is_told_as_one_types_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/fastinit/__main__.py", "bench", "--html", "a page.html"])
    assert environment.command() == "python -m fastinit bench --html 'a page.html'"
    for program in ("/somewhere/bin/fastinit-weights", "/somewhere/Scripts/fastinit-weights.exe"):
        monkeypatch.setattr(sys, "argv", [program, "bench", "--quick"])
        assert environment.command() == "fastinit-weights bench --quick"


def test_cpu_and_memory_are_read_from_what_the_system_says(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A CPU @ 3.50GHz\ncpu MHz\t\t: 3500.0\n")
    (tmp_path / "meminfo").write_text("MemTotal: 2048 kB\nMemAvailable:    1024 kB\n")
    (tmp_path / "huge").write_text("always [madvise] never\n")
    for index, level, size in (("index0", "1", "32K"), ("index3", "3", "32768K")):
        cache = tmp_path / "cpu0" / "cache" / index
        cache.mkdir(parents=True)
        (cache / "level").write_text(level)
        (cache / "size").write_text(size)
    assert environment.cpu_model(tmp_path / "cpuinfo") == "A CPU @ 3.50GHz"
    assert environment.available_memory(tmp_path / "meminfo") == 1 << 20
    assert environment.huge_pages(tmp_path / "huge") == "madvise"
    (tmp_path / "cpu0" / "cache" / "index4").mkdir()  # of which it says nothing
    assert environment.last_level_cache(tmp_path) == 32 << 20


def test_frequency_is_the_one_of_the_moment_where_the_system_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "CPUS", tmp_path)
    (tmp_path / "cpu3" / "cpufreq").mkdir(parents=True)
    (tmp_path / "cpu3" / "cpufreq" / "scaling_cur_freq").write_text("3600000\n")
    assert environment.frequency_mhz(3) == 3600.0


def test_system_that_tells_nothing_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.cpu_model(tmp_path / "cpuinfo") != ""
    assert environment.available_memory(tmp_path / "meminfo") is None
    assert environment.huge_pages(tmp_path / "huge") is None
    assert environment.last_level_cache(tmp_path) is None
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert environment.cpus_available() >= 1
    assert environment.load_average() is None
    assert environment.version_of("a-package-that-nobody-has") is None
