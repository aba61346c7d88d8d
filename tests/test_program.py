"""What surrounds the commands: standard streams that are closed or full, signals, exit statuses, the start."""

import errno
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastinit import __main__ as command_line
from fastinit import checkpoint, program, startup
from fastinit.program import Failure, Refusal, Stop

on_posix = pytest.mark.skipif(os.name == "nt", reason="shells, devices and signals of this kind")

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")


def shell(
    arguments: str, redirection: str, folder: Path, limit: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """The command with redirections, in a folder of shapes and rules."""
    (folder / "shapes.json").write_text('{"a": [300]}')
    (folder / "rules.toml").write_text('[[rule]]\nname = "*"\nscheme = "ones"\n')
    return subprocess.run(
        ["bash", "-c", f'{limit} "{sys.executable}" -m fastinit {arguments} {redirection}; exit ${{PIPESTATUS[0]}}'],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


INIT = "init --like shapes.json --rules rules.toml --dtype F32 --seed 1 --out out"
FULL = "standard output: No space left on device\n"


@on_posix
@pytest.mark.parametrize(
    ("redirection", "status", "said"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("| head -0", 0, ""),
        pytest.param(">/dev/full", 1, f"python -m fastinit: {FULL}", marks=needs_full),
        pytest.param(">/dev/full 2>/dev/full", 1, "", marks=needs_full),
    ],
)
def test_file_is_written_whatever_becomes_of_the_report(
    tmp_path: Path, redirection: str, status: int, said: str
) -> None:
    done = shell(INIT, redirection, tmp_path)
    assert (done.returncode, done.stderr) == (status, said)
    assert sorted(os.listdir(tmp_path)) == ["out", "rules.toml", "shapes.json"]
    refused = shell(INIT, redirection, tmp_path)  # it exists
    assert refused.returncode == 2


@on_posix
@pytest.mark.parametrize("arguments", ["info", "--help", "init --help"])
def test_report_that_cannot_be_shown_is_a_failure_unless_nobody_wants_it(tmp_path: Path, arguments: str) -> None:
    assert shell(arguments, ">&-", tmp_path).returncode == 0
    done = shell(arguments, "| head -0", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    if os.path.exists("/dev/full"):
        done = shell(arguments, ">/dev/full", tmp_path)
        assert (done.returncode, done.stderr) == (1, f"python -m fastinit: {FULL}")


@on_posix
def test_bits_that_cannot_be_written_are_a_failure(tmp_path: Path) -> None:
    done = shell("bits --words 100000", ">&-", tmp_path)
    assert (done.returncode, done.stderr) == (1, "python -m fastinit bits: standard output: Bad file descriptor\n")
    if os.path.exists("/dev/full"):
        done = shell("bits --words 100000", ">/dev/full", tmp_path)
        assert (done.returncode, done.stderr) == (1, f"python -m fastinit bits: {FULL}")


@on_posix
def test_closed_standard_error_is_not_standard_output(tmp_path: Path) -> None:
    done = shell("init --like none --rules none --seed 1 --out out", "2>&-", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


def test_output_loses_what_comes_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    for use in (lambda out: print("text", file=out), lambda out: out.flush()):
        out = program.Output(Full(), "replace")
        use(out)
        assert out.error is not None
        print("more", file=out, flush=True)
        with pytest.raises(OSError, match="No space"):
            _ = out.buffer
    closed = program.Output(None, "replace")
    print("text", file=closed, flush=True)
    assert not closed.isatty()
    assert closed.writable()
    assert closed.encoding == "utf-8"
    for ask in (closed.fileno, lambda: closed.buffer):
        with pytest.raises(OSError, match=re.escape(os.strerror(errno.EBADF))):
            ask()
    kept = io.StringIO()
    print("text", file=program.Output(kept, "replace"), flush=True)
    assert kept.getvalue() == "text\n"


@pytest.mark.parametrize(
    ("number", "is_terminal", "expected"),
    [(errno.EPIPE, False, True), (errno.EBADF, False, True), (errno.EIO, True, True), (errno.EIO, False, False)],
)
def test_only_what_nobody_would_read_is_no_loss(number: int, is_terminal: bool, expected: bool) -> None:
    class Broken(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

        def flush(self) -> None:
            raise OSError(number, "broken")

    out = program.Output(Broken(), "replace")
    out.flush()
    assert out.nobody_reads == expected


@on_posix
def test_standard_streams_that_are_closed_are_the_null_device() -> None:
    code = """
import os, sys
from fastinit import program
for number in (0, 1, 2):
    os.close(number)
program.open_closed_descriptors()
null = os.stat(os.devnull)
sys.exit(7 if all(os.path.samestat(os.fstat(number), null) for number in (0, 1, 2)) else 1)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


@on_posix
def test_output_without_a_buffer_is_written_whole_or_said_not_to_be(tmp_path: Path) -> None:
    done = shell("bits --words 300", "> words", tmp_path, PYTHONUNBUFFERED="1")
    assert (done.returncode, (tmp_path / "words").stat().st_size) == (0, 1200)
    # A pipe takes a part of what is written at once.
    assert shell("bits --words 100000", "| (sleep 0.2; wc -c)", tmp_path, PYTHONUNBUFFERED="1").stdout == "400000\n"
    for arguments in ("bits --words 1000", "--help", "init --help"):
        done = shell(arguments, "> limited", tmp_path, limit="ulimit -f 1; trap '' XFSZ;", PYTHONUNBUFFERED="1")
        if (tmp_path / "limited").stat().st_size == 1024:
            assert (done.returncode, "File too large" in done.stderr) == (1, True)


def test_error_of_the_program_itself_has_a_status_of_its_own() -> None:
    code = "import sys; from fastinit import program; sys.exit(program.run(lambda: 1 // 0, 'name'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == program.BROKEN
    assert "ZeroDivisionError" in done.stderr


def test_letters_that_the_encoding_lacks_are_replaced() -> None:
    raw = io.BytesIO()
    out = program.Output(io.TextIOWrapper(raw, encoding="ascii"), "replace")
    print("µ", file=out, flush=True)
    assert raw.getvalue() == b"?" + os.linesep.encode()
    assert out.encoding == "ascii"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "out of memory"),
        (MemoryError("Unable to allocate 1 EiB"), "out of memory: Unable to allocate 1 EiB"),
        (OSError(errno.ENOENT, "No such file", "a"), "a: No such file"),
        (OSError(errno.ENOENT, "No such file"), "No such file"),
        (OSError("cannot write a"), "cannot write a"),
        (ValueError("seed=-1"), "seed=-1"),
        (ValueError(), "ValueError"),
        (OSError(), "OSError"),
    ],
)
def test_reason_of_an_error_is_never_empty(error: BaseException, text: str) -> None:
    assert program.reason(error) == text


@pytest.mark.parametrize("error", [MemoryError(), ValueError(), OSError(), ImportError()])
def test_exit_status_does_not_depend_on_an_errors_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "write_checkpoint", fails)
    assert command_line.main(["init", "--like", "a", "--rules", "b", "--seed", "1", "--out", "c"]) == 2
    assert re.fullmatch(r"python -m fastinit init: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize(("error", "status"), [(Refusal(""), 2), (Failure("lost"), 1), (KeyboardInterrupt(), 130)])
def test_commands_end_by_what_they_raise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int
) -> None:
    def fails(_: object) -> None:
        raise error

    monkeypatch.setattr(command_line, "run_info", fails)
    assert command_line.main(["info"]) == status
    assert capsys.readouterr().err.count("\n") == 1


# ---- Signals ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Signals and streams are afterwards as they were."""
    before = {number: signal.getsignal(number) for number in program.SIGNALS}
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", program.SIGNALS)
def test_signal_stops_a_command_with_a_word_and_a_status(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        signal.raise_signal(number)
        pytest.fail("the command went on")

    assert program.run(command, "name") == 128 + number
    assert capsys.readouterr().err == f"{program.SIGNALS[number]}\n"
    # At exit nothing is left to be stopped.
    assert {signal.getsignal(other) for other in program.SIGNALS} == {signal.SIG_IGN}


@pytest.mark.usefixtures("handlers")
def test_second_signal_does_not_stop_the_cleanup_but_a_later_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    signals = program.Signals()
    signals.catch()
    with pytest.raises(Stop):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    now[0] += 2
    with pytest.raises(Stop):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", program.SIGNALS)
def test_signal_after_the_end_of_a_command_changes_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(self: program.Signals, ignore: Any = program.Signals.ignore) -> None:
        signal.raise_signal(number)
        ignore(self)

    monkeypatch.setattr(program.Signals, "ignore", late)
    assert program.run(lambda: 0, "name") == 0


@pytest.mark.usefixtures("handlers")
def test_signals_that_the_parent_ignores_stay_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def command() -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    assert program.run(command, "name") == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("code", "status"), [(0, 0), (2, 2), ("text", 2), (None, 0)])
def test_exit_of_the_parser_is_the_status(code: object, status: int) -> None:
    def command() -> int:
        raise SystemExit(code)

    assert program.run(command, "name") == status


# ---- The start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "command", "expected"),
    [
        (["-m", "info"], ["python", "-m", "fastinit", "info"], True),
        (["-m"], ["python", "-X", "dev", "-m", "fastinit"], True),
        (["-m"], ["python", "-Im", "fastinit", "init"], True),
        (["-m"], ["python", "-mfastinit"], True),
        (["-m"], ["python", "-m", "fastinit.__main__"], True),
        (["-m"], ["python", "-m", "fastinit.checkpoint"], False),
        (["-m"], ["python", "-m", "trainer", "fastinit"], False),
        (["-m"], ["python", "-m"], False),
        (["-c"], ["python", "-c", "import fastinit"], False),
        (["/usr/bin/fastinit-weights", "info"], ["python", "/usr/bin/fastinit-weights", "info"], True),
        (["fastinit-weights.exe"], ["fastinit-weights.exe"], True),
        (["train.py"], ["python", "train.py"], False),
        ([], ["python"], False),
    ],
)
def test_program_is_told_from_others_that_import_fastinit(argv: list[str], command: list[str], expected: bool) -> None:
    assert startup.is_program(argv, command) == expected


@on_posix
@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_at_the_start_prints_no_traceback(ignored: bool) -> None:
    code = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.{"SIG_IGN" if ignored else "default_int_handler"})
sys.argv, sys.orig_argv = ["-m"], ["python", "-m", "fastinit"]
import fastinit
os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0 if ignored else -signal.SIGINT, "")


def test_importing_fastinit_leaves_signals_alone() -> None:
    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
import fastinit
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
