"""A long fill lets other threads run and can be interrupted."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastinit


@pytest.fixture
def no_forced_switches():
    """Threads hand the GIL over only by releasing it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


def test_other_threads_run_during_a_long_fill(no_forced_switches):
    g, w = fastinit.Generator(7), np.empty(1 << 22)
    go, ran = threading.Event(), []

    def work():
        go.wait()
        ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    go.set()
    g.normal(w)
    finished_during_the_fill = bool(ran)
    thread.join()
    assert finished_during_the_fill


INTERRUPTED = """
import signal, sys, time
import numpy as np, fastinit

def stop(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, stop)
w = np.zeros(1 << 23)
signal.setitimer(signal.ITIMER_REAL, 0.05)
began = time.monotonic()
g = fastinit.Generator(7)
try:
    g.normal(w)
except KeyboardInterrupt:
    in_time = time.monotonic() - began < 0.05 + 0.5
    written = int(np.flatnonzero(w)[-1]) + 1
    expected = fastinit._core.fill_range(
        fastinit._core.available_kernels()[0], "normal", np.empty(written), 0, 7, 0)
    print(in_time, 0 < written < w.size, np.array_equal(w[:written], expected), g.stream == 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no interval timers on this system")
def test_ctrl_c_stops_a_long_fill_within_half_a_second_and_leaves_right_values():
    """With the portable kernels, whose fill is long enough on every machine."""
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env={**os.environ, "FASTINIT_SIMD": "portable"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["True", "True", "True", "True"]
