"""python -m fastinit: what its commands print; test_bench_report.py has the benchmark report."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import fastinit
from fastinit import __main__ as command_line
from fastinit import _core, raw_bits
from fastinit.bench import environment
from fastinit.progress import Progress


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


def test_source_tree_without_a_built_core_says_how_to_build_it() -> None:
    code = "import sys; sys.modules['fastinit._core'] = None; import fastinit"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    message = "ImportError: the compiled core of fastinit is not installed; `pip install .` builds it"
    assert done.stderr.splitlines()[-1] == message


def test_importing_fastinit_leaves_the_benchmark_out() -> None:
    code = "import sys, fastinit; sys.exit(any(name.startswith('fastinit.bench') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
