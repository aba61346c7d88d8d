"""The files of a new checkpoint: their space, taken before the first value is drawn, and how they grow."""

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from fastinit.files import NewFile
from fastinit.text import named

_Bytes: TypeAlias = bytes | np.ndarray[tuple[int], np.dtype[np.uint8]]

FLUSH_BYTES = 1 << 26  # that the system is asked to write to the disk at a time


class FileWritten(NamedTuple):
    """A file of the new checkpoint: sha256 is the hash of its bytes, in hexadecimal, if it was asked for."""

    path: Path
    size: int
    sha256: str | None


class Growing:
    """A new file that is written from its beginning to its end; hashed while it is, if that is asked for."""

    def __init__(self, file: BinaryIO, reserved: int = 0, hashed: bool = False) -> None:
        self.file: BinaryIO = file
        self.reserved: int = reserved  # bytes, of which the file never has less
        self.size: int = 0  # of what is written
        self.flushed: int = 0
        self.hash: Any = hashlib.sha256() if hashed else None

    def append(self, data: _Bytes) -> None:
        """Writes all of the data, of which a system call may take a part only."""
        if self.hash is not None:
            self.hash.update(data)
        left = memoryview(data)  # type: ignore[arg-type]
        while left:
            self.check()
            try:
                left = left[self.file.write(left) :]
            except OSError as error:
                raise OSError(error.errno, f"cannot write {named(self.file.name)}: {error.strerror}") from None
        self.size += len(data)
        if self.size - self.flushed >= FLUSH_BYTES:
            _let_go(self.file, self.flushed, self.size - self.flushed)
            self.flushed = self.size

    def check(self) -> None:
        """OSError if another process has cut the file off: what is written behind that would hide it."""
        if os.fstat(self.file.fileno()).st_size < max(self.size, self.reserved):
            raise OSError(f"cannot write {named(self.file.name)}: another process has cut it off meanwhile")

    @property
    def sha256(self) -> str | None:
        """The hash of what was written, in hexadecimal."""
        return None if self.hash is None else str(self.hash.hexdigest())


def reserve(files: Sequence[NewFile], sizes: Sequence[int]) -> bool:
    """
    Takes the files' space now, if the file system can: a full disk is an error here, and not an hour later.

    Whether it can: then the files have their sizes from here on.
    """
    if not hasattr(os, "posix_fallocate"):
        return False
    for new, size in zip(files, sizes, strict=True):
        with new.open() as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):  # not on this file system
                    return False
                reason = f"cannot reserve {size:,} bytes for {named(new.target)}: {error.strerror}"
                raise OSError(error.errno, reason) from None
    return True


def _let_go(file: BinaryIO, begin: int, size: int) -> None:
    """
    Begins to write that part of the file to the disk, while the next one is filled.

    Its pages are then clean soon, and the system can take them back as it needs memory. It would write them out itself,
    but only when many have come together, and make the next fills wait for that.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), begin, size, os.POSIX_FADV_DONTNEED)
