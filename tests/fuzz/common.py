"""What the fuzzers share: mutations, the check of a refusal, the loop, the command line."""

import argparse
import collections
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastinit
from fastinit.checkpoint import Initialised, init_checkpoint
from fastinit.checkpoint.header import FILLED, read_header
from fastinit.text import printable

MOST_LINES = 13
MOST_CHARACTERS = 4000
REFUSALS = (ValueError, OSError, ImportError)
NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "1e0",
    "1.0",
    "007",
    "1e999",
    "NaN",
    "9223372036854775808",
    "1" * 30,
    "0x1f",
    "1" * 2000,
)
WORDS = (
    *NUMBERS,
    "null",
    "true",
    "[]",
    "{}",
    '""',
    "[" * 200,
    '"\\ud800"',
    '"\\u0061"',
    "\ufeff",
    "\0",
    "\u202e",
    "é",
    "\n",
)
NORMAL = {"rule": [{"name": "*", "scheme": "normal", "std": 0.02}]}

# One case: makes its files in the folder, tries, and says "accepted" or "refused".
Case = Callable[[random.Random, Path], str]


def mutated(text: bytes, chance: random.Random, words: tuple[str, ...] = WORDS) -> bytes:
    """The text after one to four changes of a few bytes, or of a piece of it."""
    for _ in range(chance.randint(1, 4)):
        begin = chance.randrange(len(text) + 1)
        end = min(begin + chance.choice((0, 1, 1, 2, 5, 20)), len(text))
        other = chance.randrange(len(text) + 1)
        new = chance.choice(
            (
                b"",
                bytes([chance.randrange(256)]),
                bytes([chance.choice(b"0129 \"[]{},:.-=eaFx#'\\\n")]),
                chance.choice(words).encode(),
                text[other : other + chance.choice((1, 5, 20, 60))],
            )
        )
        text = text[:begin] + new + text[end:]
    return text


def check_refusal(error: Exception) -> None:
    """An error has few lines, which a terminal shows as they are, and is none that says nothing."""
    lines = str(error).split("\n")
    said = str(error)
    assert 0 < len(said) < MOST_CHARACTERS, f"{len(said)} characters"
    assert len(lines) <= MOST_LINES, f"{len(lines)} lines"
    assert all(printable(line) == line for line in lines), repr(said)


def attempt(like: Path, rules: Path | dict[str, object], out: Path, **options: Any) -> list[Initialised] | None:
    """What init_checkpoint did; None if it refused, as it should, and left the folders as they were."""
    folders = {like.parent.parent, like.parent, out.parent}
    before = {folder: sorted(os.listdir(folder)) for folder in folders}
    try:
        done = init_checkpoint(like, rules, 7, out, **options)
    except REFUSALS as error:
        refusal = error
    else:
        refusal = None
    if refusal is not None:
        check_refusal(refusal)
        assert {folder: sorted(os.listdir(folder)) for folder in folders} == before, f"left after: {refusal}"
        return None
    for folder in folders - {out.parent}:
        assert sorted(os.listdir(folder)) == before[folder], f"a file in {folder.name}"
    return done


def check_values(out: Path, done: list[Initialised], chance: random.Random, most: int = 2) -> None:
    """Some tensors of a new file are what a Generator writes under their names."""
    header = read_header(out)
    mine = {each.tensor.name: each.recipe for each in done}
    filled = [tensor for tensor in header.tensors if mine[tensor.name] is not None]
    content = out.read_bytes()
    for tensor in chance.sample(filled, min(most, len(filled))):
        dtype = np.dtype(FILLED[tensor.dtype])
        wanted = mine[tensor.name].fill(fastinit.Generator(7), np.empty(tensor.shape, dtype), stream=tensor.name)
        begin = header.source_begin
        assert content[begin + tensor.begin : begin + tensor.end] == wanted.tobytes(), tensor


def loop(case: Case, seed: int, cases: int | None, seconds: float | None) -> str:
    """Runs a case again and again, each time with random numbers of its own and in a folder of its own; the figures."""
    began, count = time.monotonic(), 0
    figures: collections.Counter[str] = collections.Counter()
    if cases is None and seconds is None:
        cases = 1000
    with tempfile.TemporaryDirectory() as folder:
        while (cases is None or count < cases) and (seconds is None or time.monotonic() - began < seconds):
            place = Path(folder) / "case"
            for each in (place, place / "like", place / "new"):
                each.mkdir()
            try:
                figures[case(random.Random(f"{seed} {count}"), place)] += 1
            except BaseException as error:
                error.add_note(f"seed {seed}, case {count}")
                raise
            _empty(place)
            count += 1
    accepted, refused = figures["accepted"], figures["refused"]
    return f"{count:,} tried, {refused:,} refused, {accepted:,} accepted, {time.monotonic() - began:.0f} seconds"


def _empty(folder: Path) -> None:
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        for name in folders:
            os.rmdir(os.path.join(path, name))
    folder.rmdir()


def main(run: Callable[[int, int | None, float | None], str]) -> None:
    """The command of a fuzzer."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, metavar="N", help="so many; 1000 if neither this nor --seconds is given")
    parser.add_argument("--seconds", type=float, metavar="S", help="so long")
    chosen = parser.parse_args()
    print(f"{Path(sys.argv[0]).stem}: {run(chosen.seed, chosen.cases, chosen.seconds)}")
