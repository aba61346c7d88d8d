"""Several threads at one fill, and long fills: the same bits, and no harm to or from forks, signals, other threads."""

import mmap
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import reference
from conftest import FILLS, FLOATS, fresh_python, in_threads, printed_by

import fastinit
from fastinit import _core

A_THREAD = 1 << 18  # elements: below, another thread is not worth its waking
SEED, STREAM = 7, 3

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc or scheduler")
interval_timers = pytest.mark.skipif(not hasattr(os, "fork"), reason="no interval timers on this system")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture(autouse=True)
def restore_threads():
    yield
    fastinit.set_num_threads(None)


def drawn(fill, out, accumulate=False):
    where = 0, SEED, STREAM, -0.25, 0.5, accumulate, fill.bounds
    return _core.fill_range(_core.simd, fill.draw, out, *where)


class TestNumber:
    def test_pool_of_processes_may_be_told_the_number(self):
        """The functions of the core can be pickled by their name, as a pool's initializer is."""
        pickled = pickle.dumps(fastinit.get_num_threads).hex()
        code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1]))())"
        assert printed_by(code, pickled, FASTINIT_NUM_THREADS="3") == ["3"]

    def test_default_is_the_cpus_this_process_may_run_on(self):
        code = "import os, fastinit; print(fastinit.get_num_threads(), len(os.sched_getaffinity(0)))"
        default, cpus = printed_by(code, FASTINIT_NUM_THREADS="")
        assert default == cpus

    @linux_only
    def test_default_follows_the_affinity(self):
        code = (
            "import os, fastinit;"
            "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
            "print(fastinit.get_num_threads())"
        )
        assert printed_by(code, FASTINIT_NUM_THREADS="") == ["1"]

    def test_environment_sets_the_number(self):
        code = "import fastinit; print(fastinit.get_num_threads())"
        assert printed_by(code, FASTINIT_NUM_THREADS="5") == ["5"]

    @pytest.mark.parametrize("text", [" 4 ", "4\n", "+4"])
    def test_environment_may_have_spaces(self, text):
        run = fresh_python("import fastinit; print(fastinit.get_num_threads())", FASTINIT_NUM_THREADS=text)
        assert (run.stdout, run.stderr) == ("4\n", "")

    @pytest.mark.parametrize("text", ["", " ", "\n"])
    def test_empty_environment_is_none(self, text):
        run = fresh_python("import fastinit; print(fastinit.get_num_threads())", FASTINIT_NUM_THREADS=text)
        assert (int(run.stdout), run.stderr) == (fastinit.get_num_threads(), "")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            *(
                (text, repr(text))
                for text in ("0", "-1", "1025", "two", "1.5", "1e1", str(10**30), "\x1b[2J", "\ufeff4")
            ),
            ("9" * 5000, f"'{'9' * 97}...{'9' * 98}'"),  # more digits than Python makes a number of
        ],
        ids=lambda text: ascii(text)[:12],
    )
    def test_wrong_environment_is_warned_of_in_one_line_and_counts_as_none(self, text, shown):
        run = fresh_python("import fastinit; print(fastinit.get_num_threads())", FASTINIT_NUM_THREADS=text)
        assert (run.returncode, int(run.stdout)) == (0, fastinit.get_num_threads())
        assert run.stderr == (
            f"<environment>:1: RuntimeWarning: FASTINIT_NUM_THREADS={shown} is ignored, and a fill may take as many "
            "threads as there are CPUs; accepted is a number from 1 to 1024\n"
        )

    def test_import_that_warnings_are_errors_of_can_be_repeated(self):
        code = """
import os, warnings
warnings.simplefilter("error")
for text in ("two", "two", "2"):
    os.environ["FASTINIT_NUM_THREADS"] = text
    try:
        import fastinit
    except RuntimeWarning as warning:
        print(str(warning).split()[0], warning.__context__)
import numpy as np
print(fastinit.get_num_threads(), fastinit.Generator(7).bits(np.empty(1, np.uint32), stream=1)[0])
"""
        expected = fastinit.Generator(7).bits(np.empty(1, np.uint32), stream=1)[0]
        warned = ["FASTINIT_NUM_THREADS='two'", "None"]
        assert printed_by(code, FASTINIT_NUM_THREADS="") == [*warned, *warned, "2", str(expected)]

    def test_number_can_be_set_and_given_back(self):
        default = fastinit.get_num_threads()
        for n in (1, np.int64(3), 1024):
            fastinit.set_num_threads(n)
            assert fastinit.get_num_threads() == n
        fastinit.set_num_threads(None)
        assert fastinit.get_num_threads() == default

    @pytest.mark.parametrize("n", [0, -1, 1025, 10**30])
    def test_number_out_of_range(self, n):
        with pytest.raises(ValueError, match=f"n={n}; accepted is 1 <= n <= 1024"):
            fastinit.set_num_threads(n)

    @pytest.mark.parametrize("n", [True, 2.0, "2", [2]], ids=repr)
    def test_number_of_a_wrong_type(self, n):
        with pytest.raises(TypeError, match="n must be an integer or None, not"):
            fastinit.set_num_threads(n)

    @linux_only
    def test_a_fill_takes_no_more_threads_than_it_can_use(self):
        code = f"""
import os, sys, numpy as np, fastinit
fastinit.set_num_threads(8)
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
for elements in (2 * {A_THREAD} - 1, 3 * {A_THREAD}, 8 * {A_THREAD}):
    fastinit.bits(np.empty(elements, np.uint32))
    print(threads() - before)
"""
        assert printed_by(code) == ["0", "2", "7"]

    @linux_only
    def test_a_fill_makes_do_with_the_threads_that_the_system_lets_it_start(self):
        """Room in the address space for one more stack of a thread, and not for seven."""
        code = f"""
import os, resource, numpy as np, fastinit
w, expected = np.zeros(8 * {A_THREAD}, np.uint32), np.zeros(8 * {A_THREAD}, np.uint32)
fastinit.set_num_threads(1)
g = fastinit.Generator(7)
g.bits(expected, stream=1)
fastinit.set_num_threads(8)
before = len(os.listdir("/proc/self/task"))
used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + (3 << 18), resource.RLIM_INFINITY))
g.bits(w, stream=1)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
print(len(os.listdir("/proc/self/task")) - before < 7, np.array_equal(w, expected))
"""
        assert printed_by(code) == ["True", "True"]


HELPERS = f"""
import os, signal, time
import numpy as np, fastinit

def mappings():
    "What can be written to, by its addresses: the size, and what is in memory of it, in KiB."
    found = {{}}
    for line in open("/proc/self/smaps"):
        head, value, *_ = line.split()
        if not head.endswith(":"):
            sizes = found.setdefault(head, {{}}) if value.startswith("rw") else {{}}
        elif head in ("Size:", "Rss:"):
            sizes[head] = int(value)
    return found

def helpers():
    return [thread for thread in os.listdir("/proc/self/task") if int(thread) != os.getpid()]

fastinit.set_num_threads(4)
elements = 4 * {A_THREAD}
memory = np.zeros(elements)
before = mappings()
"""


@linux_only
class TestHelpers:
    """With one thread for each of NumPy's own libraries, so that all others are fastinit's."""

    def test_they_block_all_signals_but_those_of_a_fault(self):
        code = HELPERS + (
            "fastinit.normal(memory)\n"
            "faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}\n"
            "never = {signal.SIGKILL, signal.SIGSTOP}\n"
            "def blocked(thread):\n"
            "    status = open(f'/proc/self/task/{thread}/status').read()\n"
            "    mask = int(status.partition('SigBlk:')[2].split()[0], 16)\n"
            "    return {number for number in signal.valid_signals() if mask >> number - 1 & 1}\n"
            "for thread in helpers():\n"
            "    for _ in range(1000):\n"  # the C library blocks all of them until the thread has begun
            "        if blocked(thread) == set(signal.valid_signals()) - faults - never:\n"
            "            break\n"
            "        time.sleep(0.01)\n"
            "    print(blocked(thread) == set(signal.valid_signals()) - faults - never)\n"
        )
        assert printed_by(code, OPENBLAS_NUM_THREADS="1") == ["True"] * 3

    @pytest.mark.skipif(
        hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2, reason="there is one CPU only"
    )
    def test_they_run_on_the_cpus_of_the_thread_that_fills_and_not_of_the_first_that_did(self):
        """Each thread fills until all helpers have come: on a busy machine a fill may be done before they are awake."""
        code = HELPERS + (
            "import threading\n"
            "fastinit.uniform(memory)\n"
            "def fill_on(cpus):\n"
            "    os.sched_setaffinity(0, cpus)\n"
            "    latest = time.monotonic() + 18\n"
            "    while any(os.sched_getaffinity(int(thread)) != cpus for thread in started):\n"
            "        fastinit.uniform(memory)\n"
            "        if time.monotonic() > latest: break\n"
            "    print(all(os.sched_getaffinity(int(thread)) == cpus for thread in started))\n"
            "started = helpers()\n"
            "print(len(started))\n"
            "one, other = [{cpu} for cpu in sorted(os.sched_getaffinity(0))[:2]]\n"
            "for cpus in one, other, one | other:\n"
            "    thread = threading.Thread(target=fill_on, args=(cpus,))\n"
            "    thread.start()\n"
            "    thread.join()\n"
        )
        assert printed_by(code, OPENBLAS_NUM_THREADS="1") == ["3", "True", "True", "True"]

    @pytest.mark.skipif(mmap.PAGESIZE > 4096, reason="stack is counted in pages, which are larger here")
    def test_they_have_half_a_mebibyte_of_stack_each_and_use_less_than_48_kib_of_it(self, kernels):
        """In all layouts, and with every kind of dtype: memory that has been written to stays in memory."""
        code = HELPERS + (
            "for dtype in ('f8', 'f2'):\n"
            "    w = memory.view(dtype)[:elements]\n"
            "    views = w, w.reshape(-1, 4096).T, w[::-1], w.reshape(-1, 512)[:, 5:500], w.reshape(-1, 32)\n"
            "    for view in views:\n"
            "        for draw in (fastinit.uniform, fastinit.normal, fastinit.truncated_normal):\n"
            "            draw(view, accumulate=view is not w)\n"
            "new = [sizes for addresses, sizes in mappings().items() if addresses not in before]\n"
            "stacks = [sizes['Rss:'] for sizes in new if 504 <= sizes['Size:'] <= 544]\n"  # with or without its guard
            "print(len(helpers()), len(stacks), *stacks)\n"
        )
        threads, stacks, *used = map(int, printed_by(code, OPENBLAS_NUM_THREADS="1", FASTINIT_SIMD=kernels))
        assert threads == 3
        assert 1 <= stacks <= 3, "the kernel may join one to the memory beside it"
        assert 0 < max(used) < 48, used


FILLS_ON_A_SMALL_STACK = """
import ctypes, threading
import ml_dtypes, numpy as np, fastinit
from fastinit import capi

ROWS = {
    "one row": lambda w: w,
    "backwards": lambda w: w[::-1],
    "every third": lambda w: w[::3],
    "2 rows of Fortran": lambda w: w.reshape(-1, 2).T,
    "3 rows of Fortran": lambda w: w[:-2].reshape(-1, 3).T,
    "256 rows of Fortran": lambda w: w.reshape(-1, 256).T,
    "every other column": lambda w: w.reshape(128, -1)[:, ::2],
    "short rows": lambda w: w.reshape(-1, 16)[:, 1:4],
    "rows of 16": lambda w: w.reshape(-1, 32)[:, :16],
    "rows of 100": lambda w: w.reshape(-1, 128)[:, 5:105],
    "rows of 300": lambda w: w.reshape(-1, 512)[:, 7:307],
    "long rows": lambda w: w.reshape(-1, 1024)[:, 1:1001],
    "axes turned": lambda w: w.reshape(64, 32, -1).transpose(1, 2, 0)[:, ::-1],
    "64 axes": lambda w: w.reshape((2,) * 13 + (1,) * 51).T,
    "unaligned": lambda w: w.view(np.uint8)[1 : 1 - w.itemsize].view(w.dtype),
}
DRAWS = {"uniform": (0, 1), "normal": (0, 1), "truncated_normal": (0, 1, 1.5, 9)}
NAMES = ["uint32", "uint64", "float32", "float64", "float16", "bfloat16"]  # as fastinit.h numbers them
g = fastinit.Generator(7)
wrong, done = [], 0

def by_python(out, draw, numbers, accumulate):
    getattr(g, draw)(out, *numbers, stream=3, **({"accumulate": True} if accumulate else {}))

def by_c(out, draw, numbers, accumulate):
    fill = capi.fastinit_fill(seed=7, stream=3, accumulate=accumulate)
    shape, strides = ((ctypes.c_ssize_t * out.ndim)(*lengths) for lengths in (out.shape, out.strides))
    assert getattr(capi, f"set_{draw}")(fill, NAMES.index(out.dtype.name), *numbers) == 0
    assert capi.fill_block(fill, out.ctypes.data, out.ndim, shape, strides, None, None) == 0

def nested(depth, *arguments):
    by, *rest = arguments
    by(*rest) if depth == 0 else nested(depth - 1, *arguments)

def fill_all():
    global done
    for dtype in ("f4", "f8", "f2", ml_dtypes.bfloat16, "u4", "u8"):
        dtype = np.dtype(dtype)
        for draw, numbers in DRAWS.items() if dtype.kind != "u" else [("bits", ())]:
            for accumulate in (False, True)[: 1 if draw == "bits" else 2]:
                for title, rows in ROWS.items():
                    expected = np.ones(rows(np.empty(1 << 13, dtype)).shape, dtype)
                    by_python(expected, draw, numbers, accumulate)
                    for by in by_python, by_c:
                        out = rows(np.zeros(1 << 13, dtype))
                        out[...] = 1
                        nested(10, by, out, draw, numbers, accumulate)
                        done += 1
                        if not np.array_equal(out, expected): wrong.append((title, draw, dtype.name))

threading.stack_size(65536)
thread = threading.Thread(target=fill_all)
thread.start()
thread.join()
print(done, *wrong)
"""


class TestStack:
    def test_a_thread_with_64_kib_of_stack_fills_arrays_of_any_layout(self, kernels):
        """Of any dtype, by Python's functions and by the C interface's: NumPy, too, makes do with such a thread."""
        assert printed_by(FILLS_ON_A_SMALL_STACK, FASTINIT_SIMD=kernels) == [str((4 * 6 + 2) * 15 * 2)]


class TestBits:
    @pytest.mark.parametrize("fill", FILLS, ids=str)
    def test_any_number_of_threads_writes_the_same_bits(self, fill):
        elements = 8 * A_THREAD + 12_345
        fastinit.set_num_threads(1)
        expected = drawn(fill, np.empty(elements, fill.dtype))
        part = slice(elements // 2 - 500, elements // 2)
        where = part.start, SEED, STREAM, -0.25, 0.5, False, fill.bounds
        checked = reference.fill(fill.draw, np.empty(500, fill.dtype), *where)
        assert expected[part].tobytes() == checked.tobytes()
        for threads in range(2, 9):
            fastinit.set_num_threads(threads)
            out = drawn(fill, np.zeros(elements, fill.dtype))
            assert out.tobytes() == expected.tobytes(), threads

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("threads", [2, 5, 8])
    def test_accumulating_adds_once(self, dtype, threads):
        elements = 5 * A_THREAD + 77
        g, old = fastinit.Generator(SEED), np.linspace(-2, 2, elements).astype(dtype)
        fastinit.set_num_threads(1)
        expected = g.normal(old.copy(), stream=1, accumulate=True)
        fastinit.set_num_threads(threads)
        assert g.normal(old.copy(), stream=1, accumulate=True).tobytes() == expected.tobytes()

    @pytest.mark.parametrize("threads", range(1, 9))
    def test_any_layout_and_block(self, threads):
        shape = (1031, 1033)
        g = fastinit.Generator(SEED)
        fastinit.set_num_threads(1)
        whole = g.normal(np.empty((1100, 1200), np.float32), stream=1)[41:1072, 13:1046]
        fastinit.set_num_threads(threads)
        block = {"stream": 1, "offset": (41, 13), "global_shape": (1100, 1200)}
        for out in (
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32, order="F"),
            np.zeros((1031, 2066), np.float32)[:, ::2],
            np.zeros(shape, np.float32)[::-1, ::-1],
        ):
            assert np.array_equal(g.normal(out, **block), whole)


class TestManyPythonThreads:
    def test_large_fills_of_one_generator_never_share_a_stream(self):
        g, fills = fastinit.Generator(SEED), {}
        fastinit.set_num_threads(3)

        def work():
            for _ in range(4):
                out = g.uniform(np.empty(3 * A_THREAD, np.float32))
                fills[out[:1000].tobytes()] = out

        in_threads(work, 6)
        assert g.stream == 24
        expected = {}
        for stream in range(24):
            out = g.uniform(np.empty(3 * A_THREAD, np.float32), stream=stream)
            expected[out[:1000].tobytes()] = out
        assert fills.keys() == expected.keys()
        assert all(np.array_equal(fills[key], expected[key]) for key in expected)

    def test_the_number_can_change_during_fills(self):
        g, wrong = fastinit.Generator(SEED), []
        expected = g.uniform(np.empty(4 * A_THREAD), stream=1)

        def work():
            for _ in range(10):
                if not np.array_equal(g.uniform(np.empty(4 * A_THREAD), stream=1), expected):
                    wrong.append(True)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        n = 0
        while any(thread.is_alive() for thread in threads):
            n = n % 8 + 1
            fastinit.set_num_threads(n)
        for thread in threads:
            thread.join()
        assert not wrong


CHILD = """
import os, signal, sys, threading, time
import numpy as np, fastinit

fastinit.set_num_threads(4)
g = fastinit.Generator(7)
w = np.empty(1 << 21, np.float32)
right = int(g.normal(w, stream=1).view(np.uint32).sum(dtype=np.uint64))

def child_is_right():
    "Forks; whether the child, within 20 seconds, fills as its parent does."
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        out = np.empty(1 << 21, np.float32)
        same = int(g.normal(out, stream=1).view(np.uint32).sum(dtype=np.uint64)) == right
        os._exit(0 if same else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


NO_WARNING = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}  # of Python's, of forks beside its own threads


@forks
class TestForks:
    def test_before_any_threaded_fill(self):
        code = CHILD.replace("right = int(g", "right = 0 and int(g") + (
            "fastinit.set_num_threads(1)\n"
            "right = int(g.normal(w, stream=1).view(np.uint32).sum(dtype=np.uint64))\n"
            "fastinit.set_num_threads(4)\n"
            "print(child_is_right())"
        )
        assert printed_by(code) == ["True"]

    def test_after_one_in_parent_child_and_grandchild(self):
        code = CHILD + (
            "print(child_is_right(), child_is_right())\n"
            "g.normal(w, stream=1)\n"
            "print(child_is_right())\n"
            "if os.fork() == 0: os._exit(0 if child_is_right() else 1)\n"
            "print(os.waitstatus_to_exitcode(os.wait()[1]) == 0)\n"
        )
        assert printed_by(code) == ["True"] * 4

    def test_during_fills_of_other_threads(self):
        code = CHILD + (
            "stop = False\n"
            "wrong = []\n"
            "def work():\n"
            "    out = np.empty(1 << 21, np.float32)\n"
            "    while not stop:\n"
            "        g.normal(out, stream=1)\n"
            "        if int(out.view(np.uint32).sum(dtype=np.uint64)) != right: wrong.append(True)\n"
            "threads = [threading.Thread(target=work) for _ in range(3)]\n"
            "for thread in threads: thread.start()\n"
            "children = [child_is_right() for _ in range(25)]\n"
            "stop = True\n"
            "for thread in threads: thread.join()\n"
            "print(all(children), not wrong)\n"
        )
        assert printed_by(code, **NO_WARNING) == ["True", "True"]

    def test_a_fork_does_not_wait_for_the_end_of_another_threads_fill(self):
        """A fill of the C interface stops for nothing; its helpers end, and the thread that leads it goes on alone."""
        code = CHILD + (
            "import ctypes\n"
            "from fastinit import capi\n"
            "long = np.zeros(1 << 22, np.float16)\n"
            "fill = capi.fastinit_fill(seed=7, stream=3)\n"
            "assert capi.set_truncated_normal(fill, capi.FASTINIT_FLOAT16, 0.0, 1.0, -3.0, 5.0) == 0\n"
            "size, stride = (ctypes.c_ssize_t * 1)(long.size), (ctypes.c_ssize_t * 1)(2)\n"
            "where = fill, long.ctypes.data, 1, size, stride, None, None\n"
            "thread = threading.Thread(target=capi.fill_block, args=where)\n"
            "thread.start()\n"
            "while not long[0]: time.sleep(0.001)\n"
            "if os.fork() == 0: os._exit(0)\n"
            "goes_on = not long[-1]\n"
            "thread.join()\n"
            "print(goes_on, bool(long[-1]))\n"
        )
        assert printed_by(code, FASTINIT_SIMD="portable", **NO_WARNING) == ["True", "True"]

    def test_in_a_signal_handler_during_a_fill(self):
        """The handler runs between two slices of the fill, which both processes then finish."""
        code = CHILD + (
            "long = np.zeros(1 << 22)\n"
            "pids = []\n"
            "signal.signal(signal.SIGALRM, lambda *_: pids.append(os.fork()))\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.02)\n"
            "g.normal(long, stream=2)\n"
            "whole = bool(long.all()) and int(g.normal(w, stream=1).view(np.uint32).sum(dtype=np.uint64)) == right\n"
            "if pids == [0]: os._exit(0 if whole else 1)\n"
            "print(whole, os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0)\n"
        )
        assert printed_by(code, FASTINIT_SIMD="portable") == ["True", "True"]

    @linux_only
    def test_a_fork_leaves_no_helpers_and_no_warning(self):
        """Since Python 3.12 os.fork warns if the process has several threads."""
        code = CHILD + (
            "threads = lambda: len(os.listdir('/proc/self/task'))\n"
            "before = threads()\n"
            "import warnings; warnings.simplefilter('error')\n"
            "if os.fork() == 0: os._exit(threads())\n"
            "child = os.waitstatus_to_exitcode(os.wait()[1])\n"
            "print(before, threads(), child)\n"
        )
        assert printed_by(code, OPENBLAS_NUM_THREADS="1") == ["4", "1", "1"]

    @pytest.mark.parametrize("method", ["fork", "spawn"])
    def test_multiprocessing(self, method, tmp_path):
        script = tmp_path / "workers.py"
        script.write_text(
            "import multiprocessing, sys\n"
            "import numpy as np, fastinit\n"
            "def work(stream):\n"
            "    fastinit.set_num_threads(3)\n"
            "    out = fastinit.Generator(7).normal(np.empty(1 << 20, np.float32), stream=stream)\n"
            "    return int(out.view(np.uint32).sum(dtype=np.uint64))\n"
            "if __name__ == '__main__':\n"
            "    here = [work(stream) for stream in range(6)]\n"
            "    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:\n"
            "        print(pool.map(work, range(6)) == here, len(set(here)) == 6)\n",
            encoding="utf-8",
        )
        run = subprocess.run(
            [sys.executable, "-P", str(script), method], capture_output=True, text=True, timeout=100, check=True
        )
        assert run.stdout.split() == ["True", "True"]


def test_a_threaded_fill_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastinit.set_num_threads(2)
        fastinit.normal(np.empty(2 * A_THREAD))


# ---- Long fills: other threads run, and signals are handled ----------------------------------------------------------


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


@interval_timers
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


@interval_timers
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


@linux_only
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "block"])
def test_fill_of_a_file_needs_no_memory_of_its_own(tmp_path, layout):
    assert own_memory_of_a_fill(tmp_path / "w", 64, layout) < 1024


@pytest.mark.slow
@linux_only
@pytest.mark.parametrize("layout", ["contiguous", "block"])
def test_fill_of_a_file_of_more_than_4_gib_needs_no_memory_of_its_own(tmp_path, layout):
    assert own_memory_of_a_fill(tmp_path / "w", 4352, layout) < 1024
