"""
What happens to `python -m fastinit init` and its files: signals, full disks, others' files, other processes, streams.

Each fault is tried as a user would meet it, by the command in a process of its own. What has to hold afterwards: a file
by the target's name is complete and right, or is what was there before; nothing else is in the folder; every other
file has its bytes; the exit status tells whether the file was written; and what is said takes one line.

    python tests/fuzz/faults.py [--tries 100] [--seed 0] [WORD ...]
"""

import argparse
import contextlib
import ctypes
import functools
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

RULES = '[[rule]]\nname = "*"\nscheme = "normal"\n'
MIB = 1 << 20
INIT = [sys.executable, "-m", "fastinit", "init", "--rules", "rules.toml", "--dtype", "F32"]


class Wrong(Exception):
    """What does not hold after a fault."""


class Place:
    """A folder with what a run reads, beside which nothing may be left."""

    def __init__(self, folder: Path, elements: int) -> None:
        self.folder = folder
        (folder / "shapes.json").write_text(f'{{"a": [{elements // 4}], "b": [3, {elements // 4}]}}')
        (folder / "rules.toml").write_text(RULES)
        self.given = self.content()

    def content(self) -> dict[str, str]:
        """All that is there by its name, and its hash."""
        return {path.name: hash_of(path) for path in self.folder.iterdir()}

    def command(self, *more: str, seed: int = 1, out: str = "out.safetensors") -> list[str]:
        return [*INIT, "--like", "shapes.json", "--seed", str(seed), "--out", out, *more]

    def run(self, *more: str, out: str = "out.safetensors", shell: str = "", **options: object) -> "Done":
        """A run to its end; shell is what a shell adds to the command, its redirections say."""
        command: object = self.command(*more, out=out)
        if shell:
            command = ["bash", "-c", f'"$@" {shell}; exit ${{PIPESTATUS[0]}}', "bash", *self.command(*more, out=out)]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False, **options
        )  # type: ignore[call-overload]
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *more: str, seed: int = 1) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*more, seed=seed),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def right(self, seed: int = 1) -> str:
        """The hash of what a run without a fault writes."""
        with tempfile.TemporaryDirectory() as name:
            shutil.copytree(self.folder, name, dirs_exist_ok=True)
            subprocess.run(self.command(seed=seed, out="right"), cwd=name, check=True, stdout=subprocess.DEVNULL)
            return hash_of(Path(name) / "right")

    def check(self, expected: dict[str, str]) -> None:
        """Nothing but the given and the expected files."""
        found, wanted = self.content(), self.given | expected
        if found != wanted:
            different = {name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)}
            raise Wrong(f"files that are not as expected: {sorted(different)}")


class Done:
    """How a run ended."""

    def __init__(self, status: int, out: str, errors: str) -> None:
        self.status, self.out, self.errors = status, out, errors

    def check_any(self, statuses: tuple[int, ...]) -> None:
        self.check(self.status if self.status in statuses else statuses[0])

    def check(self, status: int, said: str = "") -> None:
        if self.status != status:
            raise Wrong(f"exit status {self.status}, not {status}: {self.errors[-500:]}")
        if "Traceback" in self.errors or self.errors.count("\n") > 1 or said not in self.errors:
            raise Wrong(f"said: {self.errors[-500:]!r}")


def hash_of(path: Path) -> str:
    """What a name stands for."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"link to {os.readlink(path)}"
    if not stat.S_ISREG(status.st_mode):
        return f"mode {status.st_mode:o}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def place(mebibytes: float = 1.0, parent: Path | None = None) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Place(Path(name), int(mebibytes * MIB / 4))


# ---- Faults ----------------------------------------------------------------------------------------------------------
# Each yields once for every time that it was tried.


def signals(tries: int, chance: random.Random, number: int) -> Iterator[None]:
    """A signal at a random moment, from the start of the process to its end and after."""
    with place(64) as here:
        right = here.right()
        began = time.monotonic()
        here.start().communicate(timeout=120)
        whole = time.monotonic() - began
        (here.folder / "out.safetensors").unlink()
        for _ in range(tries):
            running = here.start()
            time.sleep(chance.uniform(0, 1.1 * whole))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, number)
            out, errors = running.communicate(timeout=120)
            done = Done(running.returncode, out, errors)
            written = (here.folder / "out.safetensors").exists()
            if done.status == 0:
                done.check(0)
                here.check({"out.safetensors": right})
            elif done.status == -number or (number == signal.SIGINT and is_pythons(done.errors)):
                # Python had not yet come to the program: the signal's default, or, of Ctrl-C, what Python does then.
                here.check({})
            else:
                done.check(128 + number)
                here.check({"out.safetensors": right} if written else {})
            with contextlib.suppress(FileNotFoundError):
                (here.folder / "out.safetensors").unlink()
            yield


def signals_as_files_get_their_names(tries: int, chance: random.Random) -> Iterator[None]:
    """A signal while the files of an index get their names, new ones or those of old files: all of them or none."""
    with place() as here:
        weights = many_files(here)
        new = here.folder / "new"
        right = {}
        for seed in (1, 2):
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            start_index(here, seed).communicate(timeout=120)
            right[seed] = {path.name: path.read_bytes() for path in new.iterdir()}
        for i in range(tries):
            before = right[2] if i % 2 else {}
            shutil.rmtree(new)
            new.mkdir()
            for name, content in before.items():
                (new / name).write_bytes(content)
            running = start_index(here, 1)
            while running.poll() is None and len(list(new.glob("*.partial"))) < len(weights):
                pass
            time.sleep(chance.uniform(0, 0.1))
            with contextlib.suppress(ProcessLookupError):
                running.send_signal(signal.SIGTERM)
            done = Done(0, *running.communicate(timeout=120))
            done.check(0)
            after = {path.name: path.read_bytes() for path in new.iterdir()}
            if running.returncode not in (0, 128 + signal.SIGTERM) or after not in (before, right[1]):
                raise Wrong(f"status {running.returncode}, and files of both kinds or a part of them: {sorted(after)}")
            if running.returncode == 0 and after != right[1]:
                raise Wrong("status 0, but the files are not there")
            yield


def is_pythons(traceback: str) -> bool:
    """Whether a traceback is of Python's own start, before fastinit can see to signals."""
    frames = re.findall(r'File ".*[/\\]fastinit[/\\](\w+)\.py"', traceback)
    return "KeyboardInterrupt" in traceback and set(frames) <= {"__init__", "startup"}


def one_signal_after_another(tries: int, chance: random.Random) -> Iterator[None]:
    """A second signal, a moment after the first, while unfinished files are removed."""
    with place(256) as here:
        for _ in range(tries):
            running = here.start()
            wait_for_unfinished(here.folder, running)
            for number in (signal.SIGTERM, signal.SIGINT):
                os.killpg(running.pid, number)
                time.sleep(chance.uniform(0, 0.002))
            out, errors = running.communicate(timeout=120)
            Done(running.returncode, out, errors).check_any((128 + signal.SIGTERM, 128 + signal.SIGINT))
            here.check({})
            yield


def killed(tries: int, chance: random.Random) -> Iterator[None]:
    """SIGKILL, or a loss of power: a name that ends in .partial may be left, and never hinders the next run."""
    with place(64) as here:
        right = here.right()
        for _ in range(tries):
            running = here.start()
            time.sleep(chance.uniform(0, 0.6))
            running.kill()
            running.communicate(timeout=120)
            for path in here.folder.glob("out.safetensors.*.partial"):
                path.unlink()
            written = (here.folder / "out.safetensors").exists()
            here.check({"out.safetensors": right} if written else {})
            here.run("--force").check(0)
            here.check({"out.safetensors": right})
            (here.folder / "out.safetensors").unlink()
            yield


def full_disk(tries: int, _: random.Random) -> Iterator[None]:
    """A file system of 1 MiB, a file of 4; and one of which a process may write no more than 1 MiB."""
    with mounted("size=1m") as folder, place(4, folder) as here:
        for _ in range(tries):
            here.run().check(2, "cannot reserve 4,1")
            here.check({})
            yield
    with place(4) as here:
        limit = (resource.RLIMIT_FSIZE, (MIB, MIB))
        for _ in range(tries):
            here.run(preexec_fn=lambda: resource.setrlimit(*limit)).check(2, "File too large")
            here.check({})
            yield


def no_permission(tries: int, _: random.Random) -> Iterator[None]:
    """A folder that the user may not write, rules that the user may not read."""
    with place() as here:
        for name, mode, said in ((".", 0o555, "out.safetensors: Permission"), ("rules.toml", 0, "rules.toml: Perm")):
            path = here.folder / name
            before = path.stat().st_mode
            for _ in range(tries):
                path.chmod(mode)
                done = here.run(preexec_fn=without_privileges)
                path.chmod(before)
                done.check(2, said)
                here.check({})
                yield


def read_only(tries: int, _: random.Random) -> Iterator[None]:
    """A file system that is read only; a file that is: with --force it is replaced, and the new one is read only."""
    with mounted("size=4m") as folder, place(1, folder) as here:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        for _ in range(tries):
            here.run().check(2, "Read-only file system")
            here.check({})
            yield
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    with place() as here:
        right, out = here.right(), here.folder / "out.safetensors"
        for mode in (0o444, 0o600, 0o640):
            out.write_text("old")
            out.chmod(mode)
            here.run(preexec_fn=without_privileges).check(2, "it exists")
            here.check({"out.safetensors": hashlib.sha256(b"old").hexdigest()})
            here.run("--force", preexec_fn=without_privileges).check(0)
            here.check({"out.safetensors": right})
            if stat.S_IMODE(out.stat().st_mode) != mode:
                raise Wrong(f"mode {out.stat().st_mode:o}, not {mode:o}")
            out.unlink()
            yield


def others_files(tries: int, _: random.Random) -> Iterator[None]:
    """Hard links, links and files of the user's where unfinished files were once: none is opened or changed."""
    with place() as here:
        right, folder = here.right(), here.folder
        (folder / "precious").write_text("precious")
        here.given = here.content()
        out, planted = folder / "out.safetensors", folder / "out.safetensors.partial"
        for _ in range(tries):
            for plant in (
                lambda: planted.hardlink_to(folder / "precious"),
                lambda: planted.symlink_to(folder / "precious"),
                lambda: planted.write_text("mine"),
                lambda: os.mkfifo(planted),
                lambda: planted.mkdir(),
            ):
                plant()
                mine = {planted.name: hash_of(planted)}
                here.run().check(0)
                here.check(mine | {out.name: right})
                out.unlink()
                planted.rmdir() if planted.is_dir() and not planted.is_symlink() else planted.unlink()
                yield
            for plant in (out.hardlink_to, out.symlink_to):
                plant(folder / "precious")
                before = {out.name: hash_of(out)}
                here.run().check(2, "it exists")
                here.check(before)
                here.run("--force").check(0)
                here.check({out.name: right})
                out.unlink()
                yield


def no_files(tries: int, _: random.Random) -> Iterator[None]:
    """Pipes, devices, sockets and folders, to be read or written: refused at once, and left as they are."""
    with place() as here:
        folder = here.folder
        os.mkfifo(folder / "pipe")
        (folder / "folder").mkdir()
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.path.relpath(folder / "socket"))
        # By links: the superuser's error would cost no more than these.
        for name in ("null", "full", "zero", "stdout"):
            (folder / name).symlink_to(f"/dev/{name}")
        here.given = here.content()
        for _ in range(tries):
            for name in ("pipe", "folder", "socket", "null", "full", "zero", "stdout", "."):
                here.run("--force", out=name).check(2, "cannot write")
                here.check({})
                for option in ("--like", "--rules"):
                    done = here.run(option, name)
                    done.check(2)
                    here.check({})
                yield


def target_that_appears(tries: int, _: random.Random) -> Iterator[None]:
    """A file that somebody makes by the target's name during the run: it stays, whatever it is."""
    with place(256) as here:
        out = here.folder / "out.safetensors"
        for i in range(tries):
            running = here.start(*(["--force"] if i % 2 else []))
            wait_for_unfinished(here.folder, running)
            os.mkfifo(out) if i % 2 else out.write_text("mine")
            appeared = {out.name: hash_of(out)}
            printed, errors = running.communicate(timeout=120)
            Done(running.returncode, printed, errors).check(2, "it is a pipe" if i % 2 else "it exists")
            here.check(appeared)
            out.unlink()
            yield


def two_runs(tries: int, chance: random.Random) -> Iterator[None]:
    """Two processes with one target: the file of one is there; the other says so or, with --force, was replaced."""
    with place(16) as here:
        right = {seed: here.right(seed) for seed in (1, 2)}
        out = here.folder / "out.safetensors"
        for i in range(tries):
            force = ["--force"] if i % 2 else []
            runs = []
            for seed in right:
                runs.append(here.start(*force, seed=seed))
                time.sleep(chance.uniform(0, 0.05))
            ended = [Done(run.returncode, *texts) for run in runs for texts in [run.communicate(timeout=120)]]
            if force:
                for done in ended:
                    done.check(0)
                if hash_of(out) not in right.values():
                    raise Wrong("a file of both seeds, or of none")
            else:
                winner = next((seed for seed, done in zip(right, ended, strict=True) if done.status == 0), 0)
                if not winner:
                    raise Wrong("neither run has written the file")
                ended[winner - 1].check(0)
                ended[2 - winner].check(2, "it exists")
                here.check({out.name: right[winner]})
            out.unlink()
            here.check({})
            yield


def two_runs_of_many_files(tries: int, chance: random.Random) -> Iterator[None]:
    """Two processes with one index and --force: all of its files are of one seed."""
    with place() as here:
        many_files(here)
        new = here.folder / "new"
        new.mkdir()

        def content() -> frozenset[str]:
            return frozenset(path.name + hash_of(path) for path in new.iterdir())

        right = set()
        for seed in (1, 2):
            start_index(here, seed).communicate(timeout=120)
            right.add(content())
        for _ in range(tries):
            runs = [start_index(here, seed) for seed in (1, 2) if not time.sleep(chance.uniform(0, 0.03))]
            for run in runs:
                texts = run.communicate(timeout=120)
                Done(run.returncode, *texts).check(0)
            if content() not in right:
                raise Wrong("files of two seeds under one index")
            yield


def file_cut_off(tries: int, chance: random.Random) -> Iterator[None]:
    """Another process that cuts the unfinished file off while it is written."""
    with place(256) as here:
        right = here.right()
        for _ in range(tries):
            running = here.start("--json")  # whose hash takes time between a look at the file and the next
            path = wait_for_unfinished(here.folder, running)
            time.sleep(chance.uniform(0, 0.5))
            with contextlib.suppress(FileNotFoundError):
                os.truncate(path, 100)
            out, errors = running.communicate(timeout=120)
            done = Done(running.returncode, out, errors)
            if done.status == 0:  # it was cut off before there was anything in it
                here.check({"out.safetensors": right})
                (here.folder / "out.safetensors").unlink()
            else:
                done.check(2, "cut it off")
                here.check({})
            yield


def streams(tries: int, _: random.Random) -> Iterator[None]:
    """Standard streams that are closed, full or not read: the file is written, and the exit status says so."""
    with place() as here:
        right = here.right()
        for _ in range(tries):
            for redirection, status, said in (
                (">&-", 0, ""),
                ("2>&-", 0, ""),
                (">&- 2>&-", 0, ""),
                ("<&- >&- 2>&-", 0, ""),
                ("| head -0", 0, ""),
                (">/dev/full", 1, "standard output: No space left on device"),
                (">/dev/full 2>/dev/full", 1, ""),
                (">/dev/full 2>&-", 1, ""),
            ):
                here.run(shell=redirection).check(status, said)
                here.check({"out.safetensors": right})
                here.run(shell=redirection).check(2)
                (here.folder / "out.safetensors").unlink()
                yield


# ---- Help ------------------------------------------------------------------------------------------------------------


def many_files(here: Place) -> dict[str, str]:
    """An index of twenty files in the folder like."""
    weights = {str(i): f"part-{i}.safetensors" for i in range(20)}
    (here.folder / "like").mkdir()
    for name, file in weights.items():
        shapes = here.folder / "one.json"
        shapes.write_text(f'{{"{name}": [1000]}}')
        here.run("--like", "one.json", out=f"like/{file}").check(0)
        shapes.unlink()
    (here.folder / "like" / "index.json").write_text(json.dumps({"weight_map": weights}))
    return weights


def start_index(here: Place, seed: int) -> subprocess.Popen[str]:
    """A run that makes the files of that index anew, in the folder new."""
    command = [*INIT[:-2], "--like", "like/index.json", "--out", "new/index.json", "--force", "--seed", str(seed)]
    return subprocess.Popen(command, cwd=here.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_unfinished(folder: Path, running: subprocess.Popen[str]) -> Path:
    """The unfinished file, as soon as it is there."""
    while running.poll() is None:
        for path in folder.glob("*.partial"):
            return path
    raise Wrong(f"the run ended without an unfinished file: {running.communicate()}")


class NotHere(Exception):
    """Why a fault cannot be tried on this machine."""


@contextlib.contextmanager
def mounted(options: str) -> Iterator[Path]:
    """A file system of its own in memory, which needs the superuser."""
    with tempfile.TemporaryDirectory() as name:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", name], capture_output=True, check=False
        ).returncode:
            raise NotHere("to mount a file system needs the superuser")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


def without_privileges() -> None:
    """Takes from the superuser, in a child, what lets it read and write everything."""
    if os.geteuid() == 0:
        drop, override, read_search = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        for capability in (override, read_search):
            ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0)


FAULTS: dict[str, Callable[[int, random.Random], Iterator[None]]] = {
    "SIGINT at a random moment": functools.partial(signals, number=signal.SIGINT),
    "SIGTERM at a random moment": functools.partial(signals, number=signal.SIGTERM),
    "SIGHUP at a random moment": functools.partial(signals, number=signal.SIGHUP),
    "SIGTERM as the files of an index get their names": signals_as_files_get_their_names,
    "a second signal during the cleanup": one_signal_after_another,
    "SIGKILL at a random moment, then another run": killed,
    "full disk, limit of a file's size": full_disk,
    "no permission": no_permission,
    "read-only file system and file": read_only,
    "hard links, links, files of others": others_files,
    "pipes, devices, sockets, folders": no_files,
    "a target that appears during the run": target_that_appears,
    "two runs with one target": two_runs,
    "two runs with one index": two_runs_of_many_files,
    "a file that is cut off while it is written": file_cut_off,
    "standard streams closed, full, not read": streams,
}
# A try of these goes through a list; a random moment tells nothing more.
LISTS = (full_disk, no_permission, read_only, others_files, no_files, streams)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    options.add_argument("--tries", type=int, default=100, metavar="N", help="times that each fault is tried")
    options.add_argument("--seed", type=int, default=0, metavar="N", help="of the random moments")
    options.add_argument("faults", nargs="*", metavar="WORD", help="only the faults in whose names one of these is")
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)
    for name, fault in FAULTS.items():
        if chosen.faults and not any(word in name for word in chosen.faults):
            continue
        tries = max(1, chosen.tries // 10) if fault in LISTS else chosen.tries
        tried = 0
        try:
            for _ in fault(tries, chance):
                tried += 1
        except NotHere as reason:
            print(f"{name}: {tried} tried, the rest not: {reason}", flush=True)
            continue
        except Wrong as wrong:
            sys.exit(f"{name}: {tried} survived, then: {wrong}")
        print(f"{name}: {tried} tried, {tried} survived", flush=True)


if __name__ == "__main__":
    main()
