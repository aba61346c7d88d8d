"""Interleaved timing: in every round each side runs one batch of calls, so that all of them meet the same machine."""

import time
import timeit
from collections.abc import Mapping
from dataclasses import dataclass

from fastinit.bench.cases import ALL_ELEMENTS, Case

LEAST_ROUNDS = 3


@dataclass(frozen=True)
class Effort:
    """
    How much is measured: the sizes, the rounds a case, and the least time of a batch of calls.

    A case that has taken case_seconds gets no more rounds once it has had LEAST_ROUNDS: the portable kernel is so slow
    that the run would not end otherwise.
    """

    elements: tuple[int, ...]
    rounds: int
    batch_seconds: float
    case_seconds: float


FULL = Effort(ALL_ELEMENTS, rounds=25, batch_seconds=2e-3, case_seconds=6.0)
QUICK = Effort((64, 1 << 14, 1 << 20), rounds=15, batch_seconds=0.5e-3, case_seconds=0.3)


@dataclass(frozen=True)
class Rounds:
    """Seconds a call of each side, one number a round."""

    fastinit: tuple[float, ...]
    numpy: tuple[float, ...]
    memset: tuple[float, ...]


def time_case(case: Case, effort: Effort) -> Rounds:
    """Times fastinit, NumPy and memset over the same array."""
    seconds = interleaved(
        {
            "fastinit": case.fastinit_statement,
            "numpy": case.numpy_statement,
            "memset": "memset(address, 0, size)",
            "empty memset": "memset(address, 0, 0)",
        },
        case.names(),
        effort,
    )
    write = (full - empty for full, empty in zip(seconds["memset"], seconds["empty memset"], strict=True))
    return Rounds(tuple(seconds["fastinit"]), tuple(seconds["numpy"]), tuple(write))


def interleaved(statements: Mapping[str, str], names: dict[str, object], effort: Effort) -> dict[str, list[float]]:
    """Seconds a call of each statement, round by round."""
    end = time.monotonic() + effort.case_seconds
    # timeit runs a statement in a bare loop, as a user's own loop would, and with the garbage collector off.
    timers = {side: timeit.Timer(text, timer=time.perf_counter_ns, globals=names) for side, text in statements.items()}
    calls = {side: calls_a_batch(timer, effort.batch_seconds) for side, timer in timers.items()}
    seconds: dict[str, list[float]] = {side: [] for side in timers}
    for done in range(effort.rounds):
        if done >= LEAST_ROUNDS and time.monotonic() > end:
            break
        for side, timer in timers.items():
            seconds[side].append(timer.timeit(calls[side]) * 1e-9 / calls[side])
    return seconds


def calls_a_batch(timer: timeit.Timer, batch_seconds: float) -> int:
    """The least power of two of calls that takes batch_seconds; finding it warms the caches up."""
    calls = 1
    while timer.timeit(calls) * 1e-9 < batch_seconds:
        calls *= 2
    return calls
