"""
What surrounds a command: standard streams that may be closed or full, signals that stop it, and its exit status.

The exit status tells whether the work was done: 0, it was; 1, it was, but could not be shown or written in every form;
2, it was refused or failed; 70, an error of the program itself ended it; 128 and a signal's number, the signal did.
"""

import errno
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

from fastinit.text import named

INCOMPLETE = 1
REFUSED = 2
BROKEN = 70
STOPPED = 128

# What a terminal, a scheduler and a lost connection send. Windows has no SIGHUP.
SIGNALS = {
    getattr(signal, name): word
    for name, word in (("SIGINT", "interrupted"), ("SIGTERM", "terminated"), ("SIGHUP", "hung up"))
    if hasattr(signal, name)
}
CLEANUP = 1.0  # seconds after a signal in which another one does not stop the removal of unfinished files


class Refusal(Exception):
    """Why a command does not do its work, or could not do it."""


class Failure(Exception):
    """What was lost of a command's work, the rest of which is done."""


class Stop(BaseException):
    """A signal that stops the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number: int = number


def reason(error: BaseException) -> str:
    """What a message says of an error: never nothing."""
    if isinstance(error, MemoryError):
        return f"out of memory{f': {error}' if str(error) else ''}"
    if isinstance(error, OSError) and error.strerror:
        return f"{named(error.filename)}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def run(command: Callable[[], int], name: str) -> int:
    """Runs a command to the last byte of its output; returns the exit status."""
    open_closed_descriptors()
    out, errors = Output(sys.stdout, "replace"), Output(sys.stderr, "backslashreplace")
    sys.stdout, sys.stderr = out, errors
    signals = Signals()
    try:
        signals.catch()
        try:
            status = command()
        except SystemExit as end:  # of argparse
            status = REFUSED if isinstance(end.code, str) else end.code or 0
        except Exception:
            traceback.print_exc()
            status = BROKEN
        out.flush()
        if out.error is not None and not out.nobody_reads:
            print(f"{name}: standard output: {out.error.strerror}", file=errors)
            status = status or INCOMPLETE
        errors.flush()
        signals.over = True
    except Stop as stop:
        signals.over = True
        status = stopped(stop.number)
    # Nothing is left to be stopped: Python itself would die of a signal from here on, and report a failure.
    signals.ignore()
    return status


def stopped(number: int) -> int:
    """Says which signal has stopped the command; returns the exit status."""
    print(SIGNALS[number], file=sys.stderr)
    return STOPPED + number


class Signals:
    """The signals that stop a command: they raise Stop where they would have ended the process."""

    def __init__(self) -> None:
        self.caught: list[int] = []
        self.last: float = -CLEANUP
        self.over: bool = False  # whether the command is: what then comes stops nothing

    def catch(self) -> None:
        for number in SIGNALS:
            # A shell's background job and nohup ignore some: so does the command then.
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self.caught.append(number)
                signal.signal(number, self.stop)

    def stop(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if not self.over and now - self.last > CLEANUP:
            self.last = now
            raise Stop(number)

    def ignore(self) -> None:
        for number in self.caught:
            signal.signal(number, signal.SIG_IGN)


# ---- Standard streams ------------------------------------------------------------------------------------------------


def open_closed_descriptors() -> None:
    """Opens the null device where a standard stream is closed, so that no file of the command's gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def is_closed(stream: TextIO | None) -> bool:
    return stream is None or (isinstance(stream, Output) and stream.stream is None)


def raising_output() -> TextIO:
    """Standard output, whose errors are raised; one that is closed takes everything."""
    stream = sys.stdout.stream if isinstance(sys.stdout, Output) else None
    return sys.stdout if stream is None else stream


def buffered(stream: TextIO | None) -> TextIO | None:
    """The stream; one without a buffer, as PYTHONUNBUFFERED makes it, would lose what a system call does not take."""
    raw = getattr(stream, "buffer", None)
    if stream is None or not isinstance(raw, io.RawIOBase):
        return stream
    stream.flush()
    # The descriptor stays the other stream's, who closes it.
    return io.TextIOWrapper(open(raw.fileno(), "wb", closefd=False), stream.encoding, write_through=True)


def forget_output() -> None:
    """Lets what is still to be written to standard output, whose error is said, go nowhere."""
    if isinstance(sys.stdout, Output):
        sys.stdout.forget(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))


class Output(io.TextIOBase):
    """Standard output or error: from the first error on all is lost that is written, and the work goes on."""

    def __init__(self, stream: TextIO | None, errors: str) -> None:
        self.stream: TextIO | None = buffered(stream)
        self.error: OSError | None = None if stream else OSError(errno.EBADF, os.strerror(errno.EBADF))
        self.was_terminal: bool = stream is not None and stream.isatty()
        if isinstance(self.stream, io.TextIOWrapper):
            # A report that took a minute must not die of a letter that the encoding lacks.
            self.stream.reconfigure(errors=errors)

    @property
    def nobody_reads(self) -> bool:
        """Whether it is no loss: a pipe's reader has seen enough, the stream was closed, or the terminal is gone."""
        number = None if self.error is None else self.error.errno
        return number in (errno.EPIPE, errno.EBADF) or (number == errno.EIO and self.was_terminal)

    def write(self, text: str) -> int:
        if self.stream is not None and self.error is None:
            try:
                self.stream.write(text)
            except OSError as error:
                self.forget(error)
        return len(text)

    def flush(self) -> None:
        if self.stream is not None and self.error is None:
            try:
                self.stream.flush()
            except OSError as error:
                self.forget(error)

    def forget(self, error: OSError) -> None:
        """Loses all from here on; what is in a buffer still, which Python writes at its exit, goes nowhere."""
        self.error = error
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)

    def fileno(self) -> int:
        if self.stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.stream.fileno()

    def isatty(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> Any:
        """The bytes under the text; a stream that is closed has none."""
        if self.stream is None or self.error is not None:
            raise self.error or OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.stream.buffer
