"""Interleaved timing: in every round each side runs one batch of calls, so that all of them meet the same machine."""

import ctypes
import os
import time
import timeit
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fastinit
from fastinit.bench import environment, peers
from fastinit.bench.cases import Case
from fastinit.bench.peers import Statement
from fastinit.bench.results import LIMIT, OWN, Measurement, Side

LEAST_ROUNDS = 3
# A call through ctypes takes as long as the writing of some 32 KiB: below, memset's speed cannot be told.
MEMSET_FROM_ELEMENTS = 1 << 14
EMPTY = "empty memset"


@dataclass(frozen=True)
class Effort:
    """
    How much is measured: the rounds a case, and the least time of a batch of calls.

    A case that has taken case_seconds gets no more rounds once it has had LEAST_ROUNDS: the portable kernel is so slow
    that the run would not end otherwise.
    """

    rounds: int
    batch_seconds: float
    case_seconds: float


FULL = Effort(rounds=25, batch_seconds=2e-3, case_seconds=4.0)
QUICK = Effort(rounds=15, batch_seconds=0.5e-3, case_seconds=0.3)


def time_case(case: Case, effort: Effort) -> Measurement:
    """Times fastinit, its peers and memset, each over an array of its own."""
    with conditions(case):
        every = statements(case)
        seconds = in_turn({name: timer_of(each.text, each.names) for name, each in every.items()}, effort)
    if EMPTY in seconds:
        pairs = zip(seconds[LIMIT], seconds.pop(EMPTY), strict=True)
        seconds[LIMIT] = [full - empty for full, empty in pairs]
        if min(seconds[LIMIT]) <= 0:  # the call took longer than the writing: no speed can be told
            del seconds[LIMIT]
    sides = {name: Side(every[name].text, tuple(rounds)) for name, rounds in seconds.items()}
    return Measurement(case.key, case.bytes, sides)


def statements(case: Case) -> dict[str, Statement]:
    """What each side runs."""
    every = {OWN: peers.by_fastinit(case)}
    for name in case.peers:
        each = peers.ALL[name].statement(case)
        if each is not None:
            every[name] = each
    return every | peers.by_other_ways(case, every[OWN].names) | memset(case)


def memset(case: Case) -> dict[str, Statement]:
    """Only writing, and what to take off for calling; nothing where it tells nothing of the fill."""
    names = {"np": np, "memset": ctypes.memset}
    if case.key.pages == "fresh":
        text = f"w = np.empty({case.key.elements}, np.{case.key.dtype}); memset(w.ctypes.data, 0, w.nbytes)"
        return {LIMIT: Statement(text, names)}
    if case.key.elements < MEMSET_FROM_ELEMENTS or not (case.key.layout == "contiguous" or case.model):
        return {}
    w = peers.written((case.bytes,), "uint8")
    names |= {"w": w, "address": w.ctypes.data, "size": w.nbytes}
    return {LIMIT: Statement("memset(address, 0, size)", names), EMPTY: Statement("memset(address, 0, 0)", names)}


# ---- The conditions --------------------------------------------------------------------------------------------------


@contextmanager
def conditions(case: Case) -> Iterator[None]:
    """The threads of the case for all its sides; where there is one, everything in this process shares one CPU."""
    with ExitStack() as undo:
        count = 1 if case.key.threads == "one" else fastinit.get_num_threads()
        for threads in (peers.OWN_THREADS, *(peers.ALL[name].threads for name in case.peers)):
            undo.callback(threads.set, threads.get())
            threads.set(count)
        if (linear_algebra := environment.linear_algebra()) is not None:
            undo.enter_context(linear_algebra.limit(limits=count))
        if case.key.threads == "one":
            undo.enter_context(pinned(environment.cpu_for_one_thread()))
        yield


@contextmanager
def pinned(cpu: int | None) -> Iterator[None]:
    """Keeps all threads of this process on one CPU; leaves them alone where the system cannot."""
    if cpu is None:
        yield
        return
    before: dict[int, set[int]] = {}
    whole = os.sched_getaffinity(0)
    try:
        for thread in threads():
            with suppress(ProcessLookupError):  # it has ended
                before[thread] = os.sched_getaffinity(thread)
                os.sched_setaffinity(thread, {cpu})
        yield
    finally:
        for thread in threads():
            with suppress(ProcessLookupError):
                # One that began in between has the one CPU from the thread that started it.
                os.sched_setaffinity(thread, before.get(thread, whole))


def threads() -> list[int]:
    """Of this process, as the system numbers them; 0 is the calling one."""
    tasks = Path("/proc/self/task")
    return [int(task.name) for task in tasks.iterdir()] if tasks.exists() else [0]


# ---- The clock -------------------------------------------------------------------------------------------------------


def interleaved(statements: Mapping[str, str], names: dict[str, object], effort: Effort) -> dict[str, list[float]]:
    """Seconds a call of each statement, round by round."""
    return in_turn({side: timer_of(text, names) for side, text in statements.items()}, effort)


def timer_of(statement: str, names: dict[str, object]) -> timeit.Timer:
    """timeit runs a statement in a bare loop, as a user's own loop would, and with the garbage collector off."""
    return timeit.Timer(statement, timer=time.perf_counter_ns, globals=names)


def in_turn(timers: Mapping[str, timeit.Timer], effort: Effort) -> dict[str, list[float]]:
    """Seconds a call of each timer's statement, round by round."""
    end = time.monotonic() + effort.case_seconds
    calls = {side: calls_a_batch(timer, effort.batch_seconds) for side, timer in timers.items()}
    seconds: dict[str, list[float]] = {side: [] for side in timers}
    for done in range(effort.rounds):
        if done >= LEAST_ROUNDS and time.monotonic() > end:
            break
        for side in order_of_round(list(timers), done):
            seconds[side].append(timers[side].timeit(calls[side]) * 1e-9 / calls[side])
    return seconds


def order_of_round(sides: list[str], number: int) -> list[str]:
    """
    In which order the sides run: none after the same one in most rounds, however few there are.

    A side leaves its mark on the next. After JAX has returned a new array of 64 MiB, the first fill of as much takes
    twice as long as another.
    """
    zigzag = [(i + 1) // 2 * (-1) ** i + number for i in range(len(sides))]  # 0, -1, 1, -2, 2, ...
    turned = [sides[place % len(sides)] for place in zigzag]
    return turned[::-1] if number % 2 else turned


def calls_a_batch(timer: timeit.Timer, batch_seconds: float) -> int:
    """
    The least power of two of calls that takes batch_seconds; finding it warms the caches up.

    The first call does not count: what it alone does, such as an import, may take as long as a batch is to.
    """
    timer.timeit(1)
    calls = 1
    while timer.timeit(calls) * 1e-9 < batch_seconds:
        calls *= 2
    return calls
