"""
Files: those that a user names are read if they are regular and not too large; new ones get their names when finished.

A new file is written under a random name in the folder of its target, where nothing is opened that is there already.
It gets the target's name only when all of it is on the disk, and takes no other file's place unless it is told to.
"""

import contextlib
import io
import os
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from fastinit.text import named

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".partial"
OLD = ".old"  # of a file that is replaced, until all of several are
LOCK_WAIT, LOCK_STEP = 10.0, 0.05  # seconds
NAME_BYTES = 100  # of the target's name, in that of the unfinished file

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_BINARY = getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


# ---- Reading ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[io.BufferedReader]:
    """A regular file, to read its bytes; OSError says what else is there: pipes may not begin, devices not end."""
    _check_regular(path, os.stat(path))
    # What the name stands for may change between the two looks: never wait for a pipe's other end.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT)) as file:
        _check_regular(path, os.fstat(file.fileno()))
        yield file


def read_regular(path: Path, most: int, what: str) -> bytes:
    """All bytes of a regular file; ValueError if there are more than most, which is what such a file may have."""
    with open_regular(path) as file:
        return read_all(file, most, what)


def read_all(file: BinaryIO, most: int, what: str) -> bytes:
    """What is left to read, to the end; ValueError if it is more than what such a file may have."""
    content = bytearray()
    # One call may return less than there is, of a pipe say.
    while len(content) <= most and (piece := file.read(most + 1 - len(content))) != b"":
        if piece is None:
            raise OSError("it does not wait for what is still to come; accepted is a stream that blocks")
        content += piece
    if len(content) > most:
        raise ValueError(f"more than {most:,} bytes; {what} may have {most:,}")
    return bytes(content)


def _check_regular(path: Path, status: os.stat_result) -> None:
    if kind := kind_of(status):
        raise OSError(f"cannot read {named(path)}: it is {kind}; accepted is a regular file")


def kind_of(status: os.stat_result) -> str | None:
    """What a file is that is no regular one."""
    return next((name for test, name in _KINDS if test(status.st_mode)), None)


# ---- Writing ---------------------------------------------------------------------------------------------------------


class NewFile:
    """A file that is written under a random name beside its target, for itself alone, until it is finished."""

    def __init__(self, target: Path) -> None:
        self.target: Path = target
        self.path: Path = target.with_name(_unfinished(target.name))
        self.mode: int | None = None  # of the finished file
        self.size: int | None = None  # of the finished file, in bytes, where that is known
        self.identity: os.stat_result | None = None
        self.begun: bool = False

    def create(self) -> None:
        """Makes the empty file; nobody else can read or write it before it is finished."""
        replaced = status_of(self.target)
        self.begun = True  # before it is there: a signal's exception may come at any moment
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY, 0o666)
        except OSError as error:
            self.begun = False
            raise _refused(self.target, error) from None
        try:
            self.identity = os.fstat(descriptor)
            own = replaced if replaced is not None and stat.S_ISREG(replaced.st_mode) else self.identity
            self.mode = stat.S_IMODE(own.st_mode) & 0o777
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file, to read and write without a buffer."""
        with open(self.path, "r+b", buffering=0, opener=lambda name, flags: os.open(name, flags | _NO_LINK)) as file:
            if self.identity is None or not os.path.samestat(os.fstat(file.fileno()), self.identity):
                raise OSError(f"cannot write {named(self.path)}: another file took its place")
            yield file

    def finish(self) -> None:
        """Brings the content to the disk, and gives the file the permissions that it is to have."""
        with self.open() as file:
            os.fsync(file.fileno())
            if hasattr(os, "fchmod") and self.mode is not None:
                os.fchmod(file.fileno(), self.mode)

    def check(self) -> None:
        """OSError if the finished file has not the size that it is to have: another process has cut it off."""
        if self.size is not None and self.path.lstat().st_size != self.size:
            raise OSError(f"cannot write {named(self.target)}: another process has cut it off meanwhile")

    def place(self, replace: bool) -> None:
        """Gives the file its target's name; OSError if that is taken and may not be, or cannot be, replaced."""
        try:
            if replace:
                os.replace(self.path, self.target)
            else:
                _rename_to_new(self.path, self.target)
        except FileExistsError:
            raise _exists(self.target) from None
        except OSError as error:
            raise _refused(self.target, error) from None
        _sync_folder(self.target.parent)

    def remove(self) -> None:
        """Removes the file as long as it has no other name; if it cannot be, what was to be said counts more."""
        with contextlib.suppress(OSError):
            if self.begun and (self.identity is None or _is(self.path, self.identity)):
                self.path.unlink()

    def take_back(self) -> None:
        """Takes the target's name from the file, if it has got it."""
        with contextlib.suppress(OSError):
            if self.identity is not None and _is(self.target, self.identity):
                self.target.unlink()


@contextlib.contextmanager
def new_files(targets: Sequence[Path], *, replace: bool) -> Iterator[list[NewFile]]:
    """
    New files for the with statement to write; at its end they get their names, in turn, or are removed after an error.

    So what has its name is complete, and so are those before it. Where there are several, the last one leads to the
    others: an old one is moved away before they get their names, so that it never leads to files of both kinds.
    """
    made = [NewFile(target) for target in targets]
    try:
        for file in made:
            file.create()
        yield made
        for file in made:
            file.finish()
        with _locked_folder(targets[0].parent):
            _place(made, replace)
    except BaseException:
        for file in made:
            file.remove()
        raise


def check_folder(target: Path) -> None:
    """OSError if no new file can be made in the target's folder: one is made, and removed."""
    probe = NewFile(target)
    try:
        probe.create()
    finally:
        probe.remove()


def write(target: Path, content: bytes | str) -> None:
    """Writes a whole file, in the place of one that is there."""
    check_target(target, replace=True)
    with new_files([target], replace=True) as (new,), new.open() as file:
        left = memoryview(content.encode() if isinstance(content, str) else content)
        while left:
            left = left[file.write(left) :]


def check_target(target: Path, replace: bool) -> None:
    """OSError if a new file cannot get the target's name: that is taken, or its folder is missing."""
    if not target.name or target.is_dir():
        raise IsADirectoryError(f"cannot write {named(target)}: it is a folder")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {named(target)}: {named(target.parent)} is no folder")
    status = status_of(target)
    if status is None:
        return
    # A link is no file that may be replaced where it leads to none, as /dev/stdout.
    if kind := kind_of(led_to(target) or status):
        raise OSError(f"cannot write {named(target)}: it is {kind}; accepted is a regular file or a new name")
    if not replace:
        raise _exists(target)


def status_of(path: Path) -> os.stat_result | None:
    """What is there by that name, a link or else; None if nothing is."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is(path: Path, identity: os.stat_result) -> bool:
    """Whether a name still stands for a file of ours."""
    status = status_of(path)
    return status is not None and os.path.samestat(status, identity)


def _refused(target: Path, error: OSError) -> OSError:
    return OSError(error.errno, f"cannot write {named(target)}: {error.strerror or error}")


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(f"cannot write {named(target)}: it exists; --force (in Python, force=True) replaces it")


def led_to(path: Path) -> os.stat_result | None:
    """What a name or a link leads to; None if that is nothing, or a circle of links."""
    try:
        return path.stat()
    except OSError:
        return None


def _unfinished(name: str) -> str:
    """A name that nobody else has, by which a user knows what the file was to be."""
    begin = os.fsencode(name)[:NAME_BYTES].decode(errors="ignore")
    return f"{begin}.{secrets.token_hex(8)}{SUFFIX}"


def _place(made: Sequence[NewFile], replace: bool) -> None:
    """Gives all files their names, or none of them: after an error, or a signal's exception, all is as it was."""
    for file in made:
        check_target(file.target, replace)
        file.check()
    if len(made) == 1:
        made[0].place(replace)
        return
    # The last one, which leads to the others, is the first to go and the last to come back.
    old = [(each.target, each.path.with_suffix(OLD)) for each in reversed(made)] if replace else []
    try:
        for target, aside in old:
            with contextlib.suppress(FileNotFoundError):
                _rename_old(target, aside)
        for file in made:
            file.place(replace=False)
    except BaseException:
        for file in reversed(made):
            file.take_back()
        for target, aside in reversed(old):
            with contextlib.suppress(OSError):
                _rename_to_new(aside, target)
        raise
    with contextlib.ExitStack() as removed:
        for _, aside in old:
            removed.callback(aside.unlink, missing_ok=True)


def _rename_old(target: Path, aside: Path) -> None:
    try:
        os.rename(target, aside)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refused(target, error) from None


def _rename_to_new(path: Path, target: Path) -> None:
    """Renames a file to a name that nothing has; FileExistsError if something has."""
    if os.name == "nt":  # on Windows
        os.rename(path, target)  # which replaces nothing
        return
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        # This makes the name ours, and what it replaces then is nothing.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
        identity = os.fstat(descriptor)
        os.close(descriptor)
        try:
            os.replace(path, target)
        except BaseException:
            if _is(target, identity):
                target.unlink()
            raise
    else:
        path.unlink()


@contextlib.contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Keeps other runs from giving files in the folder their names meanwhile, as far as the system has such locks."""
    descriptor = _open_folder(folder)
    try:
        # Anybody who can read the folder can hold the lock: it is no reason to wait for ever, or to fail.
        for _ in range(int(LOCK_WAIT / LOCK_STEP)):
            if fcntl is None or descriptor is None or _lock(descriptor):
                break
            time.sleep(LOCK_STEP)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether there is nothing to wait for: the lock is taken, or the file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _open_folder(folder: Path) -> int | None:
    """A descriptor of the folder; None where folders are not opened, or not by this user."""
    if not hasattr(os, "O_DIRECTORY"):  # on Windows
        return None
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None


def _sync_folder(folder: Path) -> None:
    """Writes the folder's new entry to the disk before the next one follows, where that can be asked for."""
    descriptor = _open_folder(folder)
    if descriptor is not None:
        try:
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
