"""The command line: python -m fastinit bench | info | insight | init | bits; fastinit-weights is the same."""

import argparse
import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import fastinit
from fastinit import bench, checkpoint, drawing, insight, raw_bits
from fastinit.bench import cases, environment, facts, peers
from fastinit.checkpoint import report as checkpoint_report
from fastinit.distribution import NAME

USAGE_ERROR = 2
INTERRUPTED = 130


def parser(program: str = "python -m fastinit") -> argparse.ArgumentParser:
    """The subcommands and their options."""
    top = argparse.ArgumentParser(prog=program, description="Seeded random initialisation of weight arrays, in place.")
    commands = top.add_subparsers(dest="command", metavar="command")
    bench_command = commands.add_parser(
        "bench",
        help="measure fastinit beside other libraries and print a report",
        description="Measures fastinit, NumPy, what is installed of PyTorch, JAX and mkl_random, and memset in turns, "
        "and prints a report.",
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
        bench_command.add_argument(f"--{option}", dest=f"{option}_path", type=Path, metavar="FILE", help=meaning)
    bench_command.set_defaults(run=run_bench)
    info_command = commands.add_parser(
        "info",
        help="print the version, the kernel, the CPU and its features",
        description="Prints the version, the kernel, the CPU and its features, and the threads.",
    )
    info_command.set_defaults(run=run_info)
    insight_command = commands.add_parser(
        "insight",
        help="draw what the schemes do to a deep network's signals",
        description="Measures signals and gradients in deep networks and draws the pictures of docs/schemes.md.",
    )
    insight_command.add_argument(
        "--out", type=Path, metavar="DIR", required=True, help="the folder for the pictures; made if it is not there"
    )
    insight_command.set_defaults(run=run_insight)
    init_command = commands.add_parser(
        "init",
        help="write a fresh checkpoint: names and shapes of another, values by rules",
        description="Writes a checkpoint with the names, shapes and dtypes of another, every tensor drawn anew.",
        epilog="docs/checkpoints.md describes the rules.",
    )
    for option, kind, metavar, meaning in (
        ("--like", Path, "FILE", "a .safetensors file, the .json index of several, or a .json of shapes"),
        ("--rules", Path, "FILE", "a TOML file: which names get which scheme"),
        ("--seed", int, "N", "the seed, in [0, 2^64)"),
        ("--out", Path, "FILE", "the new .safetensors file, or the new index, beside which its files are written"),
    ):
        init_command.add_argument(option, type=kind, metavar=metavar, required=True, help=meaning)
    init_command.add_argument("--dtype", metavar="NAME", help="of the shapes without one in a .json of shapes")
    init_command.add_argument(
        "--threads", type=int, metavar="N", help="threads of a fill, at most; as many as CPUs without this"
    )
    init_command.add_argument("--force", action="store_true", help="replace files that are there")
    init_command.add_argument("--dry-run", action="store_true", help="check and print everything, write nothing")
    init_command.set_defaults(run=run_init)
    bits_command = commands.add_parser(
        "bits",
        help="write raw bits to standard output, for randomness tests",
        description="Writes 32-bit words, little-endian, to standard output until nobody reads on.",
        epilog="Several streams or seeds take turns: word 0 of each, word 1 of each, ...",
    )
    for option, default, meaning in (
        ("--seed", 0, "the seed, in [0, 2^64); 0 without this"),
        ("--stream", 0, "the stream, in [0, 2^63); 0 without this"),
        ("--seeds", 1, "take turns among N seeds from --seed on"),
        ("--streams", 1, "take turns among N streams from --stream on"),
        ("--words", None, "stop after N words"),
    ):
        bits_command.add_argument(option, type=int, default=default, metavar="N", help=meaning)
    bits_command.set_defaults(run=run_bits)
    return top


# A command does its work, or returns why it does not.


def run_bench(chosen: argparse.Namespace) -> str | None:
    options = {name: value for name, value in vars(chosen).items() if name not in ("command", "run")}
    try:
        bench.run(**options)
    except bench.Refusal as refusal:
        return str(refusal)
    return None


def run_info(chosen: argparse.Namespace) -> None:
    print(facts.info(environment.describe()))


def run_insight(chosen: argparse.Namespace) -> str | None:
    if reason := obstacle(chosen.out):
        return reason
    insight.run(chosen.out)
    return None


def run_init(chosen: argparse.Namespace) -> str | None:
    if chosen.threads is not None and (reason := limit_threads(chosen.threads)):
        return reason
    began = time.monotonic()
    try:
        done = checkpoint.init_checkpoint(
            chosen.like,
            chosen.rules,
            chosen.seed,
            chosen.out,
            dtype=chosen.dtype,
            force=chosen.force,
            dry_run=chosen.dry_run,
            progress=True,
        )
    except OSError as error:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    except (ValueError, ImportError, MemoryError) as error:
        return str(error)
    seconds = None if chosen.dry_run else time.monotonic() - began
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(checkpoint_report.table(done, width))
    print(f"\n{checkpoint_report.totals(done, seconds)}")
    print("nothing is written (--dry-run)" if chosen.dry_run else f"written: {chosen.out}")
    return None


def run_bits(chosen: argparse.Namespace) -> str | None:
    if sys.stdout.isatty():
        return "raw bytes are nothing for a terminal: send them to a file or, with |, to a program"
    try:
        pieces = raw_bits.pieces(
            chosen.seed, chosen.stream, seeds=chosen.seeds, streams=chosen.streams, words=chosen.words
        )
    except ValueError as error:
        return str(error)
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece.data)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_reader()  # how an endless stream ends
    return None


def comma_separated(text: str) -> list[str]:
    return text.split(",")


def limit_threads(threads: int) -> str | None:
    """Sets the number of threads of a fill; why not, if that cannot be."""
    try:
        fastinit.set_num_threads(threads)
    except ValueError as error:
        return f"--threads: {error}"
    return None


def obstacle(folder: Path) -> str | None:
    """What keeps insight from drawing into the folder, which is made if it is not there."""
    try:
        drawing.figure_class()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except ImportError as error:
        return str(error)
    except OSError as error:
        return f"cannot write into the folder {folder}: {error.strerror or error}"
    return None


def forget_reader() -> None:
    """Lets what is still to be written to a pipe that nobody reads, at exit say, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: Sequence[str] | None = None, program: str = "python -m fastinit") -> int:
    """Runs the command line; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A report that took a minute must not die of a letter that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="replace")
    top = parser(program)
    chosen = top.parse_args(arguments)
    if chosen.command is None:
        top.print_help(sys.stderr)
        return USAGE_ERROR
    try:
        refusal: str | None = chosen.run(chosen)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    if refusal:
        print(f"{program} {chosen.command}: {refusal}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def run_as_program(program: str = NAME) -> int:
    """The program fastinit-weights: runs the command line to the last byte written; returns the exit status."""
    try:
        status = main(program=program)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_reader()  # head, say, has seen enough
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(run_as_program("python -m fastinit"))
