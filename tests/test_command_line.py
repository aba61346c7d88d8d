"""python -m fastinit: what its commands print, and that the benchmark report says what was measured."""

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

import fastinit
from fastinit import __main__ as command_line
from fastinit import _core, bench, raw_bits
from fastinit.bench import cases, environment, measure, report
from fastinit.progress import Progress

TINY = measure.Effort(elements=(64, 1 << 14), rounds=4, batch_seconds=1e-5, case_seconds=60)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastinit", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **variables},
        timeout=60,
        check=False,
    )


def row(**changes: object) -> report.Row:
    case = cases.Case(cases.DRAWS[0], "float32", 1 << 14)
    steady = measure.Rounds(fastinit=(1e-6,) * 4, numpy=(5e-6,) * 4, memset=(2e-7,) * 4)
    return replace(report.Row.of(case, steady), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rows() -> list[report.Row]:
    return [report.Row.of(case, measure.time_case(case, TINY)) for case in cases.of_sizes(TINY.elements)]


# ---- The commands ----------------------------------------------------------------------------------------------------


def test_info_names_version_kernel_cpu_features_and_threads() -> None:
    done = run("info")
    assert done.returncode == 0
    assert done.stderr == ""
    facts = dict(line.split("  ", 1) for line in done.stdout.splitlines() if not line.startswith(" "))
    facts = {label: value.strip() for label, value in facts.items()}
    assert facts["fastinit"] == fastinit.__version__
    assert facts["stream version"] == str(fastinit.STREAM_VERSION)
    assert facts["kernel"] == fastinit.simd
    assert facts["NumPy"] == np.__version__
    assert facts["CPU"] == environment.cpu_model()
    assert facts["threads"].endswith(f"CPUs available: {environment.cpus_available()}")
    words = done.stdout.replace(",", " ").replace(";", " ").split()
    assert set(_core.available_kernels()) <= set(words)
    assert set(_core.cpu_features()) <= set(words)


def test_info_follows_the_forced_kernel() -> None:
    assert "\nkernel             portable\n" in run("info", FASTINIT_SIMD="portable").stdout


@pytest.mark.parametrize("arguments", [(), ("unknown",), ("bench", "--unknown")])
def test_unknown_usage_exits_with_2_and_the_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage: python -m fastinit" in done.stderr


def test_json_into_a_missing_folder_is_refused_before_measuring() -> None:
    done = run("bench", "--json", "/nonexistent/dir/x.json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "/nonexistent/dir/x.json" in done.stderr
    assert "No such file or directory" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_number_of_threads_that_cannot_be_is_refused_at_once() -> None:
    done = run("bench", "--threads", "0")
    assert done.returncode == 2
    assert done.stderr == "python -m fastinit bench: --threads: n=0; accepted is 1 <= n <= 1024\n"
    assert done.stdout == ""


@pytest.mark.parametrize("threads", [1, 3])
def test_report_names_the_threads_of_a_fill(threads: int) -> None:
    fastinit.set_num_threads(threads)
    try:
        line = next(line for line in report.header(environment.describe()).splitlines() if line.startswith("threads"))
    finally:
        fastinit.set_num_threads(None)
    assert line.split()[1] == str(threads)


def test_ctrl_c_ends_the_benchmark_without_a_traceback() -> None:
    # A background job of a shell hands SIGINT down as ignored; Python would then ignore it too.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from fastinit.__main__ import main; sys.exit(main(['bench']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the header comes first, so the measuring has begun or is about to
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes of this kind")
def test_a_reader_that_stops_reading_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "fastinit", "info"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == b""


def bits(*arguments: str) -> np.ndarray:
    """The words that the command writes."""
    command = [sys.executable, "-m", "fastinit", "bits", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    return np.frombuffer(done.stdout, "<u4")


def words_of(seed: int, stream: int, count: int) -> np.ndarray:
    return fastinit.Generator(seed).bits(np.empty(count, np.uint32), stream=stream)


def test_bits_are_the_words_of_a_stream_without_a_gap() -> None:
    count = 2 * raw_bits.PIECE_WORDS + 77
    assert np.array_equal(bits("--seed", "7", "--stream", "3", "--words", str(count)), words_of(7, 3, count))


def test_bits_of_several_seeds_and_streams_take_turns() -> None:
    count = 5 * 2 * 3
    turns = bits("--seed", "7", "--seeds", "2", "--stream", "1", "--streams", "3", "--words", str(count))
    expected = [words_of(seed, stream, 5) for seed in (7, 8) for stream in (1, 2, 3)]
    assert np.array_equal(turns, np.stack(expected, axis=1).reshape(-1))


def test_bits_of_many_streams_go_on_from_piece_to_piece() -> None:
    pieces = raw_bits.pieces(7, streams=1000)
    turns = np.concatenate([next(pieces) for _ in range(3)]).reshape(-1, 1000)
    assert np.array_equal(turns[:, 999], words_of(7, 999, len(turns)))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--seed", "-1"), "seeds from -1 to -1: must lie in [0, 2**64)"),
        (("--seed", str(2**64 - 1), "--seeds", "2"), f"seeds from {2**64 - 1} to {2**64}: must lie in [0, 2**64)"),
        (("--stream", str(2**63)), f"streams from {2**63} to {2**63}: must lie in [0, 2**63)"),
        (("--streams", "0"), "1 seeds and 0 streams: need at least 1 of each, at most 1048576 in all"),
        (("--seeds", "1025", "--streams", "1024"), "1025 seeds and 1024 streams: need at least 1 of each, at most"),
        (("--words", "-5"), "-5 words: must not be negative"),
    ],
)
def test_bits_that_cannot_be_are_refused_before_the_first(arguments: tuple[str, ...], complaint: str) -> None:
    done = run("bits", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"python -m fastinit bits: {complaint}")


def test_bits_do_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert command_line.main(["bits"]) == 2
    assert terminal.getvalue() == ""
    assert "nothing for a terminal" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="pipes of this kind")
def test_bits_end_well_when_nobody_reads_on() -> None:
    command = [sys.executable, "-m", "fastinit", "bits", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        words = np.frombuffer(process.stdout.read(40), "<u4")
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert errors == b""
    assert np.array_equal(words, words_of(7, 0, 10))


def test_importing_fastinit_leaves_the_benchmark_out() -> None:
    code = "import sys, fastinit; sys.exit(any(name.startswith('fastinit.bench') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- The measuring ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases.of_sizes((64,)), ids=lambda case: case.name)
def test_both_sides_of_a_case_make_the_same_kind_of_draw(case: cases.Case) -> None:
    case = replace(case, elements=1 << 14)
    spreads = []
    for statement in (case.fastinit_statement, case.numpy_statement):
        names = case.names()
        exec(statement, names)
        w = np.asarray(names["w"], np.float64)
        # Fixed seeds; five standard errors (p < 1e-6) of the mean here, of the ratio of two normals' spreads below.
        assert abs(w.mean()) < 5 * w.std() / np.sqrt(w.size)
        spreads.append(w.std())
    assert abs(spreads[0] / spreads[1] - 1) < 5 / np.sqrt(w.size)


def test_every_draw_dtype_and_size_gets_a_row(rows: list[report.Row]) -> None:
    measured = {(row.draw, row.dtype, row.elements) for row in rows}
    assert len(measured) == len(rows)
    dtypes = set(cases.ALL_DTYPES) - set(cases.missing_dtypes())
    assert {(draw, dtype, n) for draw in ("uniform", "normal") for dtype in dtypes for n in TINY.elements} <= measured
    assert {("normal, accumulate", "float32", n) for n in TINY.elements} <= measured
    assert [r.elements for r in rows if r.draw == "he_normal"] == [64]


def test_measured_numbers_are_positive_and_agree_with_each_other(rows: list[report.Row]) -> None:
    for row in rows:
        assert row.rounds == TINY.rounds
        assert row.fastinit_seconds > 0
        assert row.numpy_seconds > 0
        assert row.ratio > 0
        assert row.ratio_interquartile_range >= 0
        assert row.ns_per_element * row.elements == pytest.approx(row.fastinit_seconds * 1e9)
        assert (row.memset_share is None) == (row.memset_seconds is None) == (row.elements < 1 << 14)


def test_slow_case_is_cut_short_but_keeps_enough_rounds() -> None:
    hurried = replace(TINY, rounds=1000, case_seconds=0)
    rounds = measure.time_case(cases.of_sizes((64,))[0], hurried)
    assert len(rounds.fastinit) == len(rounds.numpy) == len(rounds.memset) == measure.LEAST_ROUNDS


def test_ratio_is_taken_within_rounds() -> None:
    # The second round met a machine ten times slower: medians of each side would give 40 / 10, the rounds agree on 5.
    rounds = measure.Rounds(fastinit=(1.0, 10.0, 12.0), numpy=(5.0, 50.0, 40.0), memset=(0.1, 1.0, 1.2))
    result = report.Row.of(cases.Case(cases.DRAWS[0], "float64", 1 << 20), rounds)
    assert result.ratio == median((5.0, 5.0, 40 / 12)) == 5.0
    assert result.fastinit_seconds == 10.0
    assert result.memset_share == pytest.approx(0.1)
    assert result.gigabytes_per_second == pytest.approx(8 * 2**20 / 10.0 / 1e9)


def test_dtype_that_numpy_lacks_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert {case.dtype for case in cases.of_sizes()} == {"float32", "float64", "float16"}
    assert "bfloat16: left out, as it needs ml_dtypes" in report.notes([row()], cases.missing_dtypes())


# ---- The report ------------------------------------------------------------------------------------------------------


def test_report_fits_a_terminal_of_110_columns(rows: list[report.Row]) -> None:
    here = replace(environment.describe(), cpu="A CPU with a very long name " * 6)
    widest = row(draw="normal, accumulate", dtype="bfloat16", ns_per_element=12345.678, ratio=12345.6, memset_share=1.5)
    noisy = [replace(r, ratio_interquartile_range=r.ratio) for r in rows]
    text = "\n".join(
        [report.header(here), report.info(here), report.table([*rows, widest]), report.notes(noisy, ("bfloat16",))]
    )
    assert max(len(line) for line in text.splitlines()) <= 110


def test_table_keeps_its_columns(rows: list[report.Row]) -> None:
    lines = report.table(rows).splitlines()[1:]
    assert len({len(line) for line in lines}) == 1
    assert sum(line.endswith(" x") for line in lines) == len(rows)


@pytest.mark.parametrize(("noisy", "warns"), [(0, False), (2, False), (3, True), (8, True)])
def test_noisy_run_is_called_noisy(noisy: int, warns: bool) -> None:
    spread = [row(ratio=5.0, ratio_interquartile_range=1.1)] * noisy
    steady = [row(ratio=5.0, ratio_interquartile_range=0.9)] * (8 - noisy)
    assert ("WARNING: a noisy run" in report.notes(spread + steady, ())) == warns


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.52e-8, "85.2 ns"),
        (9.996e-7, "1.00 µs"),
        (1.0e-7, "100 ns"),
        (1.84e-6, "1.84 µs"),
        (0.1714, "171 ms"),
        (12.34, "12.3 s"),
    ],
)
def test_times_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert report.time_text(seconds) == text


@pytest.mark.parametrize(("n", "text"), [(64, "64"), (1 << 14, "16 Ki"), (1 << 24, "16 Mi"), (1500, "1500")])
def test_elements_are_counted_in_ki_and_mi(n: int, text: str) -> None:
    assert cases.elements_text(n) == text


def test_run_prints_the_report_and_writes_the_same_numbers_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "QUICK", TINY)
    out, path = io.StringIO(), tmp_path / "report.json"
    bench.run(quick=True, json_path=path, out=out)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["environment"]["kernel"] == fastinit.simd
    assert written["environment"]["cpus_available"] >= 1
    rows = [report.Row(**values) for values in written["rows"]]
    assert report.table(rows) in out.getvalue()
    assert f"fastinit  {fastinit.__version__}" in out.getvalue()


# ---- The progress bar ------------------------------------------------------------------------------------------------


def test_progress_bar_is_one_line_that_vanishes() -> None:
    stream = Terminal()
    with Progress(4, stream) as progress:
        for label in ("a first case with a long name", "second"):
            progress.show(label)
            progress.advance()
    assert "1 of 4  a first case" in stream.getvalue()
    assert "2 of 4  second" in stream.getvalue()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().split("\r")[-2].strip() == ""
    assert stream.getvalue().endswith("\r")


def test_progress_bar_stays_away_from_a_file() -> None:
    stream = io.StringIO()
    with Progress(1, stream) as progress:
        progress.show("case")
    assert stream.getvalue() == ""
