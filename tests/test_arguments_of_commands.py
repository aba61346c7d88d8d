"""fastinit.arguments: that each mistake on a command line is one line of text, and that names are never guessed."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastinit
from fastinit.arguments import STANDARD, Parser, file, path

LONG = "9" * 100_000


@pytest.fixture
def top() -> Parser:
    parser = Parser(prog="program")
    parser.add_argument("--version", action="version", version="program 1")
    commands = parser.add_subparsers(dest="command", metavar="command")
    init = commands.add_parser("init")
    init.add_argument("--force", action="store_true")
    init.add_argument("--seed", type=int, required=True)
    init.add_argument("--out", type=path)
    init.add_argument("--kind", choices=("normal", "uniform"))
    commands.add_parser("bench")
    return parser


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inti"], "program: unknown command 'inti'; did you mean 'init'?"),
        (["\ufeffinit"], "program: unknown command '\\ufeffinit'; did you mean 'init'?"),
        ([""], "program: unknown command ''; accepted are init, bench"),
        (["\udcff"], "program: unknown command '\\udcff'; accepted are init, bench"),
        (["--frce"], "program: unknown option '--frce'; program --help lists what is accepted"),
        (["init", "--frce"], "program init: unknown option '--frce'; did you mean '--force'?"),
        (["init", "--f", "--seed", "1"], "program init: unknown option '--f'; did you mean '--force'?"),
        (["init", "--sed=1"], "program init: unknown option '--sed'; did you mean '--seed'?"),
        (["init", "-x"], "program init: unknown option '-x'; program init --help lists what is accepted"),
        (["init", "--\x1b[2J\n"], "program init: unknown option '--\\x1b[2J\\n'; program init --help lists what is"),
        (["init"], "program init: the following arguments are required: --seed"),
        (["init", "--seed"], "program init: argument --seed: expected one argument"),
        (["init", "--seed", "1\x1b[2J"], "program init: argument --seed: '1\\x1b[2J'; accepted is an integer"),
        (["init", "--seed", LONG], f"program init: argument --seed: '{'9' * 97}...{'9' * 98}'; accepted is an integer"),
        (["init", "--seed", "1", "--out", ""], "program init: argument --out: the name is empty; accepted is"),
        (["init", "--kind", "norml"], "program init: argument --kind: unknown value 'norml'; did you mean 'normal'?"),
        (["init", "--kind", "x"], "program init: argument --kind: unknown value 'x'; accepted are normal, uniform"),
        (["init", "--seed", "1", "more"], "program init: 'more' is one argument too many; program init --help"),
        (["init", "--seed", "1", "--", "--force"], "program init: "),
        (["init", f"--force={LONG}\x1b"], "program init: argument --force: ignored explicit argument '999"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_mistake_is_told_in_one_line_of_text(
    top: Parser, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        top.parse_args(arguments)
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith(message)
    assert errors[:-1].isprintable()
    assert errors[-1] == "\n"
    assert len(errors) < 700


@pytest.mark.parametrize("seed", ["-5", "5"])
def test_numbers_with_a_sign_and_names_with_spaces_are_values(top: Parser, seed: str) -> None:
    chosen = top.parse_args(["init", "--seed", seed, "--out", "--a b"])
    assert (chosen.seed, chosen.out, chosen.force) == (int(seed), Path("--a b"), False)


def test_version_of_the_distribution_is_printed() -> None:
    done = subprocess.run([sys.executable, "-m", "fastinit", "--version"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"fastinit-weights {fastinit.__version__}\n", "")


def test_abbreviation_never_stands_for_an_option_that_destroys() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fastinit", "init", "--f"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "python -m fastinit init: unknown option '--f'; did you mean '--force'?\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell and devices of this kind")
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("inti 2>&-", 2, ""),
        ("inti 2>/dev/full", 2, ""),
        ("inti >&- 2>&-", 2, ""),
        ("--version >/dev/full", 1, "python -m fastinit: standard output: No space left on device\n"),
        ("--help >/dev/full", 1, "python -m fastinit: standard output: No space left on device\n"),
        ("--version 2>&-", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full_raise_nothing(arguments: str, status: int, said: str) -> None:
    if "full" in arguments and not Path("/dev/full").exists():
        pytest.skip("no device that is full")
    command = f'"{sys.executable}" -m fastinit {arguments}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, said)


def test_argument_without_an_encoding_is_refused_on_any_terminal() -> None:
    done = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"fastinit", b"\xff"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"python -m fastinit: unknown command '\\udcff'; accepted are bench, info,")


def test_parsers_of_commands_are_of_the_same_kind(top: Parser) -> None:
    assert all(
        isinstance(each, Parser) and not each.allow_abbrev
        for action in top._actions
        if isinstance(action, argparse._SubParsersAction)
        for each in action.choices.values()
    )


def test_only_a_dash_alone_is_standard_input_or_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert path("-") == STANDARD
    assert path("./-") == tmp_path / "-"
    assert file("a/b") == Path("a/b")


@pytest.mark.parametrize("text", ["", "folder/", "/"])
def test_name_of_a_folder_is_no_name_of_a_file(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="accepted is the path of a file"):
        file(text)
