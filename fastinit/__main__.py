"""The command line: python -m fastinit bench | info | insight | init | bits; fastinit-weights is the same."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial

import fastinit
from fastinit import bench, checkpoint, drawing, insight, program, raw_bits
from fastinit.arguments import STANDARD, Parser, file, path
from fastinit.bench import cases, environment, peers
from fastinit.checkpoint import report as checkpoint_report
from fastinit.distribution import NAME
from fastinit.program import Failure, Refusal, reason
from fastinit.rules import read_stream
from fastinit.text import folded, printable


def parser(name: str = "python -m fastinit") -> Parser:
    """The subcommands and their options."""
    top = Parser(prog=name, description="Seeded random initialisation of weight arrays, in place.")
    top.add_argument("--version", action="version", version=f"{NAME} {fastinit.__version__}", help="print it and exit")
    commands = top.add_subparsers(dest="command", metavar="command")
    bench_command = commands.add_parser(
        "bench",
        help="measure fastinit beside other libraries and print a report",
        description="Measures fastinit, NumPy, what is installed of PyTorch, JAX and mkl_random, and memset in turns, "
        "and prints a report.",
        epilog="The FILE - is standard input or output; a form written there takes the place of the printed report.",
    )
    bench_command.add_argument("--quick", action="store_true", help="fewer cases and fewer rounds")
    for option, accepted in (("sections", cases.SECTIONS), ("peers", peers.ALL)):
        bench_command.add_argument(
            f"--{option}", type=comma_separated, metavar="A,B", help=f"only these of: {', '.join(accepted)}"
        )
    for option, meaning in (
        ("json", "also write the run to FILE, as JSON, for --from and --compare"),
        ("markdown", "also write the report to FILE, as Markdown"),
        ("html", "also write the report to FILE, as one page of HTML with charts"),
        ("compare", "show what became faster or slower since the run that --json wrote to FILE"),
        ("from", "measure nothing; report the run that --json wrote to FILE"),
    ):
        bench_command.add_argument(f"--{option}", dest=f"{option}_path", type=file, metavar="FILE", help=meaning)
    bench_command.set_defaults(run=run_bench)
    info_command = commands.add_parser(
        "info",
        help="print the version, the kernel, the CPU and its features",
        description="Prints the version, the kernel, the CPU and its features, and the threads.",
    )
    info_command.add_argument("--json", action="store_true", help="print it as one JSON object")
    info_command.set_defaults(run=run_info)
    insight_command = commands.add_parser(
        "insight",
        help="draw what the schemes do to a deep network's signals",
        description="Measures signals and gradients in deep networks and draws the pictures of docs/schemes.md.",
    )
    insight_command.add_argument(
        "--out", type=path, metavar="DIR", required=True, help="the folder for the pictures; made if it is not there"
    )
    insight_command.set_defaults(run=run_insight)
    init_command = commands.add_parser(
        "init",
        help="write a fresh checkpoint: names and shapes of another, values by rules",
        description="Writes a checkpoint with the names, shapes and dtypes of another, every tensor drawn anew.",
        epilog="docs/checkpoints.md describes the rules.",
    )
    for option, kind, metavar, meaning in (
        (
            "--like",
            path,
            "PATH",
            "a .safetensors file, the .json index of several, the folder of either, or a .json of shapes",
        ),
        ("--rules", file, "FILE", "a TOML file: which names get which scheme; - reads standard input"),
        ("--seed", int, "N", "the seed, in [0, 2^64)"),
        ("--out", file, "FILE", "the new .safetensors file, or the new index, beside which its files are written"),
    ):
        init_command.add_argument(option, type=kind, metavar=metavar, required=True, help=meaning)
    init_command.add_argument("--dtype", metavar="NAME", help="of the shapes without one in a .json of shapes")
    init_command.add_argument(
        "--threads", type=int, metavar="N", help="threads of a fill, at most; as many as CPUs without this"
    )
    init_command.add_argument("--force", action="store_true", help="replace files that are there")
    init_command.add_argument("--dry-run", action="store_true", help="check and print everything, write nothing")
    printed = init_command.add_mutually_exclusive_group()
    printed.add_argument("--quiet", action="store_true", help="print nothing but errors")
    printed.add_argument("--json", action="store_true", help="print, as JSON, what was written, with SHA-256 hashes")
    init_command.set_defaults(run=run_init)
    bits_command = commands.add_parser(
        "bits",
        help="write raw bits to standard output, for randomness tests",
        description="Writes 32-bit words, little-endian, to standard output until nobody reads on.",
        epilog="Several streams or seeds take turns: word 0 of each, word 1 of each, ...",
    )
    for option, default, meaning in (
        ("--seed", 0, "the seed, in [0, 2^64); 0 without this"),
        ("--stream", 0, "the stream, in [0, 2^64); 0 without this"),
        ("--seeds", 1, "take turns among N seeds from --seed on"),
        ("--streams", 1, "take turns among N streams from --stream on"),
        ("--words", None, "stop after N words"),
    ):
        bits_command.add_argument(option, type=int, default=default, metavar="N", help=meaning)
    bits_command.set_defaults(run=run_bits)
    return top


# A command does its work, or raises an error that says why it does not.


def run_bench(chosen: argparse.Namespace) -> None:
    options = {name: value for name, value in vars(chosen).items() if name not in ("command", "run")}
    outputs = (chosen.json_path, chosen.markdown_path, chosen.html_path)
    if program.is_closed(sys.stdout) and not any(outputs):
        raise Refusal("standard output is closed, and no file is given for the report")
    try:
        # Of a run that took minutes, bench itself sees to what standard output does not take.
        bench.run(**options, out=program.raising_output())
    except (BrokenPipeError, Failure) as error:
        program.forget_output()
        if isinstance(error, Failure):
            raise


def run_info(chosen: argparse.Namespace) -> None:
    here, gpus = environment.describe(), environment.gpus()
    width = columns() or environment.INFO_WIDTH
    print(environment.info_json(here, gpus) if chosen.json else environment.info(here, width, gpus))


def run_insight(chosen: argparse.Namespace) -> None:
    try:
        drawing.figure_class()
        insight.make_folder(chosen.out)
    except (ImportError, OSError) as error:
        raise Refusal(reason(error)) from None
    try:
        insight.run(chosen.out)
    except (OSError, MemoryError) as error:
        raise Failure(reason(error)) from None


def run_init(chosen: argparse.Namespace) -> None:
    if chosen.threads is not None:
        limit_threads(chosen.threads)
    began = time.monotonic()
    try:
        done = checkpoint.write_checkpoint(
            chosen.like,
            read_stream(sys.stdin.buffer if sys.stdin else None) if chosen.rules == STANDARD else chosen.rules,
            chosen.seed,
            chosen.out,
            dtype=chosen.dtype,
            force=chosen.force,
            dry_run=chosen.dry_run,
            progress=not chosen.quiet,
            hashes=chosen.json,
        )
    except (OSError, ValueError, ImportError, MemoryError) as error:
        raise Refusal(reason(error)) from None
    seconds = None if chosen.dry_run else time.monotonic() - began
    try:
        if chosen.json:
            print(checkpoint_report.as_json(done, chosen.dry_run))
        elif not chosen.quiet:
            print(checkpoint_report.table(done.tensors, columns()))
            totals = checkpoint_report.totals(done.tensors, seconds)
            print("", *folded(totals, columns() or len(totals)), sep="\n")
            print("nothing is written (--dry-run)" if chosen.dry_run else f"written: {printable(str(chosen.out))}")
    except MemoryError as error:
        raise Failure(f"all is done, but not reported: {reason(error)}") from None


def run_bits(chosen: argparse.Namespace) -> None:
    if sys.stdout.isatty():
        raise Refusal("raw bytes are nothing for a terminal: send them to a file or, with |, to a program")
    try:
        pieces = raw_bits.pieces(
            chosen.seed, chosen.stream, seeds=chosen.seeds, streams=chosen.streams, words=chosen.words
        )
    except ValueError as error:
        raise Refusal(reason(error)) from None
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece.data)
        sys.stdout.flush()
    except BrokenPipeError:
        program.forget_output()  # how an endless stream ends
    except OSError as error:
        program.forget_output()
        raise Failure(f"standard output: {reason(error)}") from None


def columns() -> int | None:
    """The width of the terminal that standard output is; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def comma_separated(text: str) -> list[str]:
    return text.split(",")


def limit_threads(threads: int) -> None:
    """Sets the number of threads of a fill."""
    try:
        fastinit.set_num_threads(threads)
    except ValueError as error:
        raise Refusal(f"--threads: {error}") from None


def main(arguments: Sequence[str] | None = None, name: str = "python -m fastinit") -> int:
    """Runs the command line; returns the exit status."""
    top = parser(name)
    chosen = top.parse_args(arguments)
    if chosen.command is None:
        top.print_help(sys.stderr)
        return program.REFUSED
    try:
        chosen.run(chosen)
    except (Refusal, Failure) as error:
        for line in str(error).splitlines() or [""]:
            print(f"{name} {chosen.command}: {line}", file=sys.stderr)
        return program.REFUSED if isinstance(error, Refusal) else program.INCOMPLETE
    except KeyboardInterrupt:
        return program.stopped(signal.SIGINT)
    return 0


def run_as_program(name: str = NAME) -> int:
    """The program fastinit-weights: runs the command line to the last byte written; returns the exit status."""
    return program.run(partial(main, name=name), name)


if __name__ == "__main__":
    sys.exit(run_as_program("python -m fastinit"))
