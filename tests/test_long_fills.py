"""A long fill lets other threads run and can be interrupted."""

import os
import sys
import threading
import time

import numpy as np
import pytest
from conftest import printed_by

import fastinit

needs_gil = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="threads of this Python need not wait for each other"
)


@pytest.fixture
def no_forced_switches():
    """Threads hand the GIL over only by releasing it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize(
    ("elements", "seconds", "others_run"),
    [
        (1 << 22, 10, True),
        (1 << 15, 10, True),
        pytest.param(
            (1 << 15) - 1, 0.2, False, marks=needs_gil
        ),  # letting go and taking it again costs more than it gives
    ],
)
def test_other_threads_run_during_a_long_fill_and_not_during_a_short_one(
    no_forced_switches, elements, seconds, others_run
):
    g, w = fastinit.Generator(7), np.empty(elements)
    go, ran = threading.Event(), []

    def work():
        go.wait()
        ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    go.set()
    end = time.monotonic() + seconds
    while not ran and time.monotonic() < end:  # a busy machine may let the other thread wait for longer than one fill
        g.normal(w)
    ran_during_a_fill = bool(ran)
    thread.join()
    assert ran_during_a_fill == others_run


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, fastinit

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born without it
layout, threads, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
fastinit.set_num_threads(threads)
buffer = np.zeros(1 << 25)
w = {
    "contiguous": lambda: buffer,
    "fortran": lambda: buffer.reshape((8192, 4096), order="F"),
    "strided": lambda: buffer[::-2],
    "block": lambda: buffer.reshape(-1, 16),
}[layout]()
where = {"offset": (5, 3), "global_shape": (w.shape[0] + 5, 40)} if layout == "block" else {}

def interrupt():
    time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
began = time.monotonic()
g = fastinit.Generator(7)
try:
    if how == "fill":
        g.fill([(w, "normal", where)])
    else:
        g.normal(w, **where)
except KeyboardInterrupt:
    in_time = time.monotonic() - began < 0.05 + 0.5
    written = w != 0
    expected = np.empty_like(w)
    fastinit._core.fill_range(fastinit._core.available_kernels()[0], "normal", expected, 0, 7, 0, **where)
    print(in_time, 0 < np.count_nonzero(written) < w.size, np.array_equal(w[written], expected[written]), g.stream == 1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to oneself on this system")
@pytest.mark.parametrize(
    ("layout", "threads", "how"),
    [
        *((layout, threads, "one") for layout in ("contiguous", "fortran", "strided", "block") for threads in (1, 3)),
        ("contiguous", 3, "fill"),
    ],
)
def test_ctrl_c_stops_a_long_fill_within_half_a_second_and_leaves_right_values(layout, threads, how):
    """With the portable kernels, whose fill is long enough on every machine."""
    printed = printed_by(INTERRUPTED, layout, str(threads), how, FASTINIT_SIMD="portable")
    assert printed == ["True", "True", "True", "True"]


HANDLED = """
import signal, time
import numpy as np, fastinit

w, ran = np.zeros(1 << 23), []
signal.signal(signal.SIGALRM, lambda *_: ran.append((time.monotonic(), np.count_nonzero(w))))
fastinit.set_num_threads(1)
began = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, 0.05)
fastinit.Generator(7).normal(w)
(when, written), = ran
print(when - began < 0.05 + 0.5, 0 < written < w.size, w.all())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no interval timers on this system")
def test_signal_handler_runs_during_a_long_fill_which_then_goes_on():
    assert printed_by(HANDLED, FASTINIT_SIMD="portable") == ["True", "True", "True"]


STOPS = """
import signal, time
import numpy as np, fastinit

fastinit.set_num_threads(1)

def look(number, interrupted):
    "Notes the clock and the work done, while a fill is at it; not for a signal that comes while it does so."
    if interrupted.f_code is not look.__code__ and w[0] != 0 and w[-1] == 0:
        clock.append(time.monotonic())
        work.append(time.thread_time())

w = np.zeros(1)
signal.signal(signal.SIGALRM, look)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)  # there is always a signal to be handled
for bits in range(22, 28):  # until a fill is long enough
    w, clock, work = np.zeros(1 << bits, np.float16), [], []
    fastinit.Generator(7).truncated_normal(w, low=-3, high=5)
    if len(clock) > 3:
        break
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(clock) > 3, min(np.diff(clock)), np.median(np.diff(work)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no interval timers on this system")
def test_a_long_fill_looks_for_signals_every_tenth_of_a_second_of_its_work():
    """
    Between two looks lies a tenth of a second by the clock, or more where others hold the CPU; but usually no more work
    than a tenth of a second and the chunk that was begun. So neither bound depends on what else the machine does.
    """
    several, clock, work = printed_by(STOPS, FASTINIT_SIMD="portable")
    assert several == "True"
    assert float(clock) >= 0.0999
    assert float(work) < 0.15


MEMORY = """
import sys
import numpy as np, fastinit

path, megabytes, layout = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rows = megabytes * (1 << 20) // 4 // 4096
order = "F" if layout == "fortran" else "C"
w = np.memmap(path, np.float32, "w+", shape=(rows, 4096), order=order)
where = {"offset": (9, 7), "global_shape": (rows + 9, 5000)} if layout == "block" else {}

def own_kilobytes():
    "What the process has of memory that belongs to no file."
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))

g = fastinit.Generator(7)
fastinit.set_num_threads(2)
g.normal(w[:9], stream=1)  # what a first call loads
g.normal(w[:200], stream=1)
before = own_kilobytes()
g.normal(w, stream=1, **where)
after = own_kilobytes()
(top, left), whole = where.get("offset", (0, 0)), where.get("global_shape", w.shape)
part = np.empty((3, 4096), np.float32)
g.normal(part, stream=1, offset=(top + rows - 3, left), global_shape=whole)
print(after - before, np.array_equal(w[-3:], part))
"""


def own_memory_of_a_fill(path, megabytes, layout):
    """The KiB that a process needed besides the file that it filled; the values' end is compared with a block's."""
    kilobytes, right = printed_by(MEMORY, str(path), str(megabytes), layout)
    assert right == "True"
    return int(kilobytes)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "block"])
def test_fill_of_a_file_needs_no_memory_of_its_own(tmp_path, layout):
    assert own_memory_of_a_fill(tmp_path / "w", 64, layout) < 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
@pytest.mark.parametrize("layout", ["contiguous", "block"])
def test_fill_of_a_file_of_more_than_4_gib_needs_no_memory_of_its_own(tmp_path, layout):
    assert own_memory_of_a_fill(tmp_path / "w", 4352, layout) < 1024
