"""
Compiled kernels on the disk, so that only the first process on a machine compiles.

They lie in ``$FASTINIT_CACHE_DIR``, or else ``$XDG_CACHE_HOME/fastinit`` or ``~/.cache/fastinit``, on Windows
``%LOCALAPPDATA%\\fastinit\\Cache``; an empty FASTINIT_CACHE_DIR switches the cache off. Each kernel is a file of its
own, of some tens of kB, under the hash of all that it was made of: source, options, architecture and compiler. There is
one for each form, draw and dtype that was used, again for each architecture and compiler: some tens. Nothing takes old
ones away, and any of them, or the folder, can be deleted at any time.

Any number of processes may read and write at once: a file gets its name when it is complete, and one that was cut short
all the same, by a loss of power say, is noticed by its digest and replaced. What is loaded runs on the GPU, so a folder
or a file that others can write to is not used. Whatever does not work costs time and a warning, never the fill.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from fastinit.gpu import warn

VARIABLE = "FASTINIT_CACHE_DIR"
_DIGEST = hashlib.sha256
_DIGEST_BYTES = 32
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def folder_of_user(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where this user's kernels lie; None if the cache is switched off. OSError if that cannot be told."""
    chosen = environment.get(VARIABLE)
    try:
        if chosen is not None:
            return Path(chosen).expanduser().absolute() if chosen else None
        if os.name == "nt":
            local = environment.get("LOCALAPPDATA")
            return (Path(local) if local else Path.home() / "AppData" / "Local") / "fastinit" / "Cache"
        shared = environment.get("XDG_CACHE_HOME", "")
        # Its specification: a relative path is to be ignored.
        return (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / "fastinit"
    except RuntimeError as error:  # of pathlib
        raise OSError(f"the home folder cannot be told: {error}") from error


class Cache:
    """
    Compiled kernels by their keys, in a folder, or nowhere.

    Parameters
    ----------
    folder : Path, optional
        Where they lie; made when the first is stored. None: nothing is found, and nothing is stored.
    """

    def __init__(self, folder: Path | None) -> None:
        self._reads = self._writes = folder

    @classmethod
    def of_user(cls) -> "Cache":
        """The user's own, as this module's docstring says."""
        try:
            return cls(folder_of_user())
        except OSError as error:
            _warn(error)
            return cls(None)

    def load(self, key: str) -> bytes | None:
        """What was stored under the key; None if nothing was, or not all of it is there any more."""
        if self._reads is None:
            return None
        try:
            _check_own(os.stat(self._reads), self._reads)
            with open(self._reads / key, "rb") as file:
                return _read(file, key)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._reads = self._writes = None
            _warn(error)
            return None

    def store(self, key: str, image: bytes) -> None:
        """Keeps the image, in the place of what was there."""
        if self._writes is None:
            return
        try:
            os.makedirs(self._writes, mode=0o700, exist_ok=True)
            _check_own(os.stat(self._writes), self._writes)
            _write(self._writes / key, _DIGEST(key.encode() + image).digest() + image)
        except OSError as error:
            # Another process has it open, on Windows, or wrote it meanwhile: the same bytes.
            if self.load(key) != image:
                if self._writes is not None:
                    _warn(error)
                self._writes = None


def _read(file: BinaryIO, key: str) -> bytes | None:
    _check_own(os.fstat(file.fileno()), file.name)
    content = file.read()
    digest, image = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return image if digest == _DIGEST(key.encode() + image).digest() else None


def _write(path: Path, content: bytes) -> None:
    number, name = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)  # of mode 0600
    try:
        with open(number, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _check_own(status: os.stat_result, name: Path | str) -> None:
    """OSError if another user can write what is read there; on Windows the folder is the user's by where it lies."""
    if os.name == "nt":
        return
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{name} belongs to another user (uid {status.st_uid}, this process has {os.geteuid()})")
    if status.st_mode & _WRITABLE:
        raise PermissionError(f"others can write to {name}; `chmod go-w` takes that from them")


def _warn(error: OSError) -> None:
    warn(
        f"the GPU's compiled kernels are not kept for later processes, each of which compiles them again: {error}; "
        f"the environment variable {VARIABLE} names another folder, or, empty, switches this cache off"
    )
