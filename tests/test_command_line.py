"""python -m fastinit: what its commands print; test_bench_report.py has the benchmark report."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastinit
from fastinit import __main__ as command_line
from fastinit import _core, raw_bits
from fastinit.bench import environment


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


def test_no_command_exits_with_2_and_the_help() -> None:
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage: python -m fastinit" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes of this kind")
def test_a_reader_that_stops_reading_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "fastinit", "info"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 0
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
        (("--stream", str(2**64)), f"streams from {2**64} to {2**64}: must lie in [0, 2**64)"),
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


# ---- init: what it prints --------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shapes and rules, where the command runs."""
    (tmp_path / "shapes.json").write_text('{"b": [3], "a": [2, 5]}')
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\nname = "a"\nscheme = "ones"\n[[rule]]\nname = "*"\nscheme = "normal"\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


INIT = ["init", "--like", "shapes.json", "--dtype", "F32", "--seed", "7", "--out", "out", "--rules"]


def test_init_json_tells_what_was_written_and_its_hash(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([*INIT, "rules.toml", "--json"]) == 0
    out, errors = capsys.readouterr()
    assert errors == ""
    told = json.loads(out)
    content = (folder / "out").read_bytes()
    assert told["seed"] == 7
    assert told["files"] == [{"path": "out", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}]
    assert [(each["name"], each["rule"], each["scheme"]) for each in told["tensors"]] == [
        ("b", 2, "normal"),
        ("a", 1, "ones"),
    ]
    assert {each["file"] for each in told["tensors"]} == {"out"}
    assert command_line.main([*INIT, "rules.toml", "--json", "--dry-run", "--force"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned.pop("dry_run")
    assert planned.pop("files") == [{"path": "out", "bytes": len(content), "sha256": None}]
    assert planned.items() <= told.items()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_dry_run_refuses_a_folder_that_may_not_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "locked").mkdir(mode=0o500)
    for more in ([], ["--dry-run"]):
        assert command_line.main([*INIT, "rules.toml", "--out", "locked/out", *more]) == 2
        assert "cannot write locked/out: Permission denied" in capsys.readouterr().err


def test_report_for_which_memory_is_short_is_a_failure_and_the_file_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(command_line.checkpoint_report, "table", exhausted)
    assert command_line.main([*INIT, "rules.toml"]) == 1
    assert capsys.readouterr().err == "python -m fastinit init: all is done, but not reported: out of memory\n"
    assert (folder / "out").exists()


def test_quiet_init_prints_errors_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([*INIT, "rules.toml", "--quiet"]) == 0
    assert tuple(capsys.readouterr()) == ("", "")
    assert (folder / "out").exists()
    assert command_line.main([*INIT, "rules.toml", "--quiet"]) == 2
    assert "it exists" in capsys.readouterr().err


def test_rules_may_come_from_standard_input(folder: Path) -> None:
    rules = (folder / "rules.toml").read_text()
    for given, status, said in ((rules, 0, ""), ("[[rule]]\nnam = 1", 2, "standard input, line 1: rule 1")):
        done = subprocess.run(
            [sys.executable, "-m", "fastinit", *INIT, "-", "--force", "--quiet"],
            input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, said in done.stderr) == (status, True)
    assert command_line.main([*INIT, "rules.toml", "--quiet", "--out", "other"]) == 0
    assert (folder / "out").read_bytes() == (folder / "other").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
def test_rules_on_standard_input_are_not_replaced(folder: Path) -> None:
    before = (folder / "rules.toml").read_bytes()
    command = [sys.executable, "-m", "fastinit", *INIT, "-", "--force", "--out", "rules.toml"]
    with (folder / "rules.toml").open() as rules:
        done = subprocess.run(command, stdin=rules, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "python -m fastinit init: cannot write rules.toml: it is the rules\n")
    assert (folder / "rules.toml").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
def test_closed_standard_input_has_no_rules(folder: Path) -> None:
    command = [sys.executable, "-m", "fastinit", *INIT, "-"]
    done = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m fastinit init: standard input: ")


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == fastinit.__version__
