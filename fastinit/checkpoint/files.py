"""New files that are there under their names only when they are finished."""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from fastinit.checkpoint.model import partial

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    fcntl = None  # type: ignore[assignment]

ZEROS = bytes(1 << 20)


@contextlib.contextmanager
def new_files(targets: Sequence[Path], sizes: Sequence[int]) -> Iterator[list[BinaryIO]]:
    """
    Files of those sizes, their space reserved, for the with statement to write into.

    They lie beside their targets with .partial after their names. At its end they are written out and get their names,
    in turn, or, after an error, are removed. A file that has a name is complete, and so are those before it.
    """
    with contextlib.ExitStack() as files:
        unfinished = [files.enter_context(_partial_file(target)) for target in targets]
        for file, size in zip(unfinished, sizes, strict=True):
            _reserve(file, size)
        yield unfinished
        for file in unfinished:
            os.fsync(file.fileno())
        # With --force: the old index must not lead to new files, nor to some of each.
        if len(targets) > 1:
            targets[-1].unlink(missing_ok=True)
        for file, target in zip(unfinished, targets, strict=True):
            if fcntl is None:
                file.close()  # Windows renames no open file; elsewhere it stays open for its lock
            os.replace(partial(target), target)
            _sync_folder(target.parent)


@contextlib.contextmanager
def _partial_file(target: Path) -> Iterator[BinaryIO]:
    """An empty file that is locked against other runs, and removed after an error."""
    path = partial(target)
    with open(path, "r+b", buffering=0, opener=_create) as file:
        _lock(file, path)
        try:
            file.truncate(0)
            yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _create(path: str, flags: int) -> int:
    # Not through a link that lies there: what it leads to is not ours.
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _lock(file: BinaryIO, path: Path) -> None:
    """Keeps other runs from the file as long as it is open; what a killed run left there is locked no more."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileExistsError(f"cannot write {path}: another process is writing it") from None
    except OSError:
        pass  # a file system without locks
    # The other run may have finished between our opening and locking: then the file has its final name by now.
    if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.lstat()):
        raise FileExistsError(f"cannot write {path}: another process has just finished it")


def _reserve(file: BinaryIO, size: int) -> None:
    """Takes the file's space now: a full disk is an error here, and would be a fatal signal in a fill of a map."""
    try:
        if not _allocate(file, size):
            _write_zeros(file, size)
    except OSError as error:
        raise OSError(error.errno, f"cannot reserve {size:,} bytes for {file.name}: {error.strerror}") from None


def _allocate(file: BinaryIO, size: int) -> bool:
    if not hasattr(os, "posix_fallocate"):
        return False
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):  # not on this file system
            return False
        raise
    return True


def _write_zeros(file: BinaryIO, size: int) -> None:
    file.seek(0)
    while (left := size - file.tell()) > 0:
        file.write(ZEROS[:left])


def _sync_folder(folder: Path) -> None:
    """Writes the folder's new entry to the disk, before the next one follows."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
