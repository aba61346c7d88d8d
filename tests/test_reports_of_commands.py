"""What the commands show: the progress bar, the tables and JSON of init and info, in terminals of any width."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import progress, text
from fastinit.bench import environment
from fastinit.checkpoint import report
from fastinit.checkpoint.files import FileWritten
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.report import BytesProgress, Initialised, Written, as_json
from fastinit.progress import Progress
from fastinit.recipe import Recipe

WIDTHS = [20, 40, 60, 80, 120]
CHINESE = "模型.层.注意力.查询.权重矩阵.很长的名字"
ESCAPES = "a\x1b[2J\r\nb\u202e[red]{x}"


# ---- The progress bar ------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    # Not sys.stderr itself, which pytest sets anew between a fixture and its test.
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    return stream


def drawn(terminal: Terminal) -> list[str]:
    """The bars that were drawn over each other."""
    return [part for line in terminal.getvalue().split("\n") for part in line.split("\r\x1b[2K")]


@pytest.mark.parametrize("columns", WIDTHS[1:])
@pytest.mark.parametrize("label", ["transformer.h.0.attn.c_proj.weight", CHINESE, ESCAPES, "w" * 10**6])
@pytest.mark.parametrize("unit", ["cases", "bytes"])
def test_bar_is_one_line_of_the_terminals_width(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int, label: str, unit: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with Progress(5 << 30 if unit == "bytes" else 50, unit=unit) as bar:
        bar.show(label)
    shown = drawn(terminal)[1].removesuffix("\r")
    assert shown.isprintable()
    assert text.width(shown) <= columns
    assert text.printable(label)[:3] in shown


def test_bar_counts_and_vanishes(terminal: Terminal) -> None:
    with Progress(4) as bar:
        bar.show("a first case")
        bar.advance()
        bar.show("second")
    assert "0/4" in drawn(terminal)[1]
    assert "1/4" in drawn(terminal)[2]
    assert "second" in drawn(terminal)[2]
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


def test_bar_of_bytes_counts_in_powers_of_1024(terminal: Terminal) -> None:
    with BytesProgress(5 << 30, visible=True) as bar:
        bar.show("a")
        bar.advance(2560 << 20)
        bar.show("b")
    assert "2.5/5.0 GiB" in drawn(terminal)[2]


def test_bar_of_nothing_is_no_error(terminal: Terminal) -> None:
    with BytesProgress(0) as bar:
        bar.show("a file without tensors")
    assert "a file without tensors" in terminal.getvalue()


def test_bar_starts_no_thread_that_would_disturb_what_is_measured(terminal: Terminal) -> None:
    before = threading.active_count()
    with Progress(2) as bar:
        bar.show("a")
        assert threading.active_count() == before


def test_bar_leaves_the_streams_alone(terminal: Terminal) -> None:
    streams = sys.stdout, sys.stderr
    with Progress(2) as bar:
        bar.show("a")
        assert (sys.stdout, sys.stderr) == streams


def test_bar_is_silent_when_nobody_asked_for_it(terminal: Terminal) -> None:
    with Progress(1, visible=False) as bar:
        bar.show("case")
        bar.advance()
    assert terminal.getvalue() == ""


def test_bar_is_silent_where_the_cursor_cannot_be_moved(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with Progress(1) as bar:
        bar.show("case")
    assert terminal.getvalue() == ""


def test_bar_is_silent_without_rich(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    with Progress(1) as bar:
        bar.show("case")
        bar.advance()
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("forced", ["", "1"])
def test_bar_is_silent_in_a_file(monkeypatch: pytest.MonkeyPatch, forced: str) -> None:
    monkeypatch.setenv("FORCE_COLOR", forced)
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with Progress(1) as bar:
        bar.show("case")
    assert stream.getvalue() == ""


def test_bar_is_silent_where_standard_error_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress(1) as bar:
            bar.show("case")
            bar.advance()


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("I/O operation on closed file")])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_terminal_that_goes_away_ends_no_work(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, error: Exception, writes: int
) -> None:
    tried: list[str] = []

    def write(text: str) -> int:
        tried.append(text)
        if len(tried) > writes:
            raise error
        return len(text)

    monkeypatch.setattr(terminal, "write", write)
    with Progress(3) as bar:
        for label in "abc":
            bar.show(label)
            bar.advance()
    assert len(tried) == writes + 1


def test_rich_is_imported_only_to_show_a_bar() -> None:
    code = (
        "import sys, fastinit.__main__, fastinit.progress as p\n"
        "with p.Progress(1) as bar: bar.show('a')\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")
def test_work_goes_on_when_a_real_terminal_is_closed() -> None:
    pytest.importorskip("rich")
    code = """
import sys
from fastinit.progress import Progress
with Progress(2) as bar:
    bar.show("a")
    print("shown", flush=True)
    sys.stdin.readline()
    for label in "bcd":
        bar.show(label)
    print("end", bar.bar, flush=True)
"""
    here, there = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=there,
        text=True,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(there)
        assert process.stdout is not None
        assert process.stdout.readline() == "shown\n"
        os.close(here)
        assert process.communicate("\n")[0] == "end None\n"


# ---- The table of init -----------------------------------------------------------------------------------------------


def tensor(name: str, shape: tuple[int, ...], recipe: Recipe | None, dtype: str = "F32") -> Initialised:
    return Initialised(Tensor(name, dtype, shape, 0, 0), recipe)


NORMAL = Recipe.of("normal", std=0.004082482904638631)
SHORT = [tensor("fc.weight", (10, 784), Recipe.of("normal", std=0.02)), tensor("偏置", (), None)]
USUAL = [*SHORT, tensor("transformer.h.11.注意力.c_proj.weight", (50257, 768), NORMAL, "F8_E4M3FNUZ")]
LONG = [*USUAL, tensor(CHINESE * 6 + ESCAPES, (1,) * 10**6, Recipe.of("truncated_normal", 0.0, 1.0, -2.0, 2.0))]


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("done", [SHORT, USUAL, LONG], ids=["short", "usual", "long"])
def test_table_is_no_wider_than_the_terminal_and_loses_no_name(done: list[Initialised], columns: int) -> None:
    lines = report.table(done, columns).splitlines()
    assert all(line.isprintable() for line in lines)
    assert max(map(text.width, lines)) <= columns
    together = "".join(lines)
    assert all(text.printable(each.tensor.name) in together for each in done)
    schemes = "".join(together.split())
    assert all("".join(each.scheme.split()) in schemes for each in done)


def test_columns_of_a_table_begin_below_each_other() -> None:
    lines = report.table(USUAL, 120).splitlines()
    places = [
        text.width(line[: line.index(dtype)]) for line, dtype in zip(lines, ("dt", "F32", "F32", "F8"), strict=True)
    ]
    assert len(set(places)) == 1


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (60, "name       shape     dtype  scheme\nfc.weight  10 x 784  F32    normal(std=0.02)\n"
             "偏置       scalar    F32    copy"),
        (40, "name       shape     dtype  scheme\nfc.weight  10 x 784  F32\n    normal(std=0.02)\n"
             "偏置       scalar    F32    copy"),
        (25, "name\n    shape  dtype  scheme\nfc.weight\n    10 x 784  F32\n    normal(std=0.02)\n"
             "偏置\n    scalar  F32  copy"),
    ],
)  # fmt: skip
def test_table_takes_more_lines_as_the_terminal_gets_narrower(columns: int, expected: str) -> None:
    assert report.table(SHORT, columns) == expected


def test_file_has_a_line_for_each_tensor_with_its_whole_name() -> None:
    name = "n" * 10**6
    done = [*LONG, tensor(name, (3,), NORMAL)]
    lines = report.table(done).splitlines()
    assert len(lines) == 1 + len(done)
    assert lines[-1].startswith(f"{name}  3  ")
    assert max(map(len, lines[:-1])) < 500  # neither as wide as that name nor as long as a shape of a million axes


def test_strings_among_arguments_cannot_move_the_cursor() -> None:
    recipe = Recipe("he_normal", {"layout": "\x1b[2J\u202e"})
    assert report.table([tensor("a", (1,), recipe)], 120).replace("\n", "").isprintable()


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("whole", ["", "a", "ab cd  ef", " a", "a ", "表表 表", "e\u0301" * 9, "word " * 9 + "x" * 50])
def test_folded_text_is_no_wider_and_loses_nothing(whole: str, columns: int) -> None:
    lines = text.folded(whole, columns)
    assert all(text.width(line) <= max(columns, 2) for line in lines)
    assert "".join("".join(lines).split()) == "".join(whole.split())
    rest = whole
    for line in lines:
        rest = rest if rest.startswith(line) else rest.removeprefix(" ")
        assert rest.startswith(line)
        rest = rest.removeprefix(line)
    assert rest in ("", " ")


# ---- The JSON of init ------------------------------------------------------------------------------------------------


def strictly(content: str) -> Any:
    """What a strict reader of JSON reads."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(content, parse_constant=refuse)


def test_json_has_what_was_written() -> None:
    files = [FileWritten(Path("一.safetensors"), 100, "ab"), FileWritten(Path("b/index.json"), 7, None)]
    places = {"fc.weight": Path("一.safetensors"), "偏置": Path("b/two.safetensors")}
    content = as_json(Written(2**64 - 1, SHORT, {"fc.weight": 2, "偏置": 1}, places, files), dry_run=True)
    assert content.isascii()
    assert "\n" not in content
    assert strictly(content) == {
        "format": 1,
        "fastinit": fastinit.__version__,
        "stream_version": fastinit.STREAM_VERSION,
        "seed": 2**64 - 1,
        "dry_run": True,
        "files": [
            {"path": "一.safetensors", "bytes": 100, "sha256": "ab"},
            {"path": "b/index.json", "bytes": 7, "sha256": None},
        ],
        "tensors": [
            {
                "name": "fc.weight",
                "file": "一.safetensors",
                "dtype": "F32",
                "shape": [10, 784],
                "rule": 2,
                "scheme": "normal",
                "arguments": {"std": 0.02},
            },
            {"name": "偏置", "file": "b/two.safetensors", "dtype": "F32", "shape": [], "rule": 1, "copy": True},
        ],
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), "nan"),
        (np.int64(3), 3),
        (True, True),
        (None, None),
        (1 + 2j, "(1+2j)"),
        (2**70, 2**70),
        ("\x1b\udcff", "\x1b\udcff"),
        ((1, [float("inf")]), [1, ["inf"]]),
        ({"a": {1: np.float16(2)}}, {"a": {"1": 2.0}}),
        (np.dtype("float32"), "float32"),
    ],
    ids=ascii,
)
def test_json_of_any_argument_is_json(value: object, expected: object) -> None:
    filled = tensor("a", (1,), Recipe("constant", {"value": value}))
    content = as_json(Written(0, [filled], {"a": 1}, {"a": Path("out")}, []))
    assert content.isascii()
    assert content.isprintable()
    assert strictly(content)["tensors"][0]["arguments"] == {"value": expected}


# ---- info ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 60, 110, 300])
def test_info_fits_the_terminal(columns: int) -> None:
    here = environment.describe()
    lines = environment.info(here, columns).splitlines()
    assert max(map(text.width, lines)) <= min(columns, environment.INFO_WIDTH)
    words = " ".join(lines).replace(",", " ").split()
    assert set(here.cpu_features) <= set(words)


def test_json_of_info_has_what_info_says() -> None:
    content = environment.info_json(environment.describe())
    assert content.isascii()
    told = strictly(content)
    assert told["version"] == fastinit.__version__
    assert told["stream_version"] == fastinit.STREAM_VERSION
    assert told["kernel"] == fastinit.simd
    assert told["kernel"] in told["kernels_available"]
    assert told["threads"] == fastinit.get_num_threads()
    assert told["numpy"] == np.__version__
    shown = " ".join(environment.info(environment.describe()).split())
    assert all(str(told[name]) in shown for name in ("cpu", "cpus_available", "python", "compiler", "platform"))
    assert all(name in shown for name in told["cpu_features"])
