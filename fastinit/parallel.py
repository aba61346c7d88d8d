"""NumPy's work on the rows of an array, on as many threads as a fill may use."""

import _thread
import contextvars
import ctypes
import functools
import importlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from fastinit import _core

# What works on some of the rows, and calls a function from time to time that raises where it is to stop.
Work: TypeAlias = Callable[[slice, Callable[[], None]], None]

MOST = 1 << 14  # elements that one call works on, unless a row has more: what it computes stays in a core's caches
LEAST = 1 << 12  # that are worth a thread
ALONE = 1 << 18  # multiplications of a product up to which OpenBLAS uses the calling thread alone


def for_rows(work: Work, rows: int, size: int, multiplications: int = 0) -> None:
    """
    Calls work(some of the rows, check) until all rows are done, and returns, or raises, when nothing runs any more.

    A row has size elements, and the largest product of matrices in its work that many multiplications. One that is
    large enough for threads of NumPy's linear algebra keeps them busy by itself: threads that wait for each other there
    take many times as long. So such rows are worked on one after the other, unless the linear algebra has one thread.
    """
    size = max(size, 1)
    threads = min(_core.get_num_threads(), rows) if multiplications <= ALONE or linear_algebra_threads() == 1 else 1
    step = MOST // size
    if threads > 1:
        step = min(step, max(-(-rows // threads), LEAST // size))
    step = max(step, 1)
    parts = [slice(first, min(first + step, rows)) for first in range(0, rows, step)]
    helpers = min(threads, len(parts)) - 1
    if helpers > 0:
        _Team(work, parts).run(helpers)
    else:
        for part in parts:
            work(part, _go_on)


def _go_on() -> None:
    """What the calling thread's work calls: a signal's handler raises by itself."""


class _Stopped(Exception):
    """Ends the work of a helper."""


class _Led(threading.local):
    """What the calling thread leads: more than one team if a signal's handler makes matrices, too."""

    def __init__(self) -> None:
        self.teams: list[_Team] = []


_led = _Led()


class _Team:
    """The calling thread and helpers, which end with the call."""

    def __init__(self, work: Work, parts: list[slice]) -> None:
        self.work = work
        self.parts = deque(parts)
        self.changed = threading.Condition()  # its lock is one that a signal's handler can take again
        self.running = 0  # helpers
        self.dismissed = False  # they take no more parts
        self.stopped = False  # nobody does
        self.failure: BaseException | None = None

    def run(self, helpers: int) -> None:
        _led.teams.append(self)
        try:
            self.lead(helpers)
        finally:
            _led.teams.remove(self)
            del self.work  # with the caller's array: a helper that has not begun yet still has the team
        if self.failure is not None:
            raise self.failure

    def lead(self, helpers: int) -> None:
        try:
            for _ in range(helpers):
                # With the caller's numpy.errstate; each thread needs a context of its own.
                context = contextvars.copy_context()
                try:
                    # Threads of threading wait for each other while they start, in a forked child for ever.
                    _thread.start_new_thread(context.run, (_core.in_standard_environment, self.help))
                except RuntimeError:  # the system has no more threads, or Python ends
                    break
            self.take_parts(_go_on)
        except BaseException:
            self.stopped = True
            raise
        finally:
            self.wait()

    def take_parts(self, check: Callable[[], None], helps: bool = False) -> None:
        while not (self.stopped or (helps and self.dismissed)):
            try:
                part = self.parts.popleft()
            except IndexError:
                return
            self.work(part, check)

    def help(self) -> None:
        with self.changed:
            if self.stopped or self.dismissed:
                return
            self.running += 1
        try:
            self.take_parts(self.check, helps=True)
        except _Stopped:
            pass
        except BaseException as error:
            self.failure = error
            self.stopped = True
        finally:
            with self.changed:
                self.running -= 1
                self.changed.notify_all()

    def check(self) -> None:
        if self.stopped:
            raise _Stopped

    def wait(self) -> None:
        """Until no helper runs, and none will: an interrupt stops them, and is raised when they are done."""
        interrupt = None
        while True:
            try:
                self.dismiss()
                break
            except BaseException as error:
                self.stopped = True
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def dismiss(self) -> None:
        """Until each helper has done its part; one that has not begun yet will take none."""
        with self.changed:
            self.dismissed = True
            while self.running:
                self.changed.wait()


def _before_fork() -> None:
    """A signal's handler may fork: a child has no helpers, so the calling thread does what they have not begun."""
    for team in _led.teams:
        team.changed.acquire()  # or the child would have it locked by a helper that has not begun yet
        team.dismiss()


def _after_fork() -> None:
    for team in _led.teams:
        team.changed.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def linear_algebra_threads() -> int | None:
    """How many threads NumPy's linear algebra may use for a product; None if it is none that can be asked: OpenBLAS."""
    function = _threads_of_openblas()
    return None if function is None else int(function())


@functools.cache
def _threads_of_openblas() -> Callable[[], Any] | None:
    try:
        library = ctypes.CDLL(importlib.import_module("numpy.linalg._umath_linalg").__file__)
    except (ImportError, OSError):
        return None
    for prefix in ("scipy_", ""):  # NumPy's wheels have the first
        for suffix in ("64_", "", "_64"):
            function: Callable[[], Any] | None = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            if function is not None:
                return function
    return None
