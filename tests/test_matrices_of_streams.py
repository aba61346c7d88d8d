"""Matrices of many streams: the bits of a loop, on any number of threads, and nothing that runs on after the call."""

import contextlib
import gc
import os
import signal
import threading
import time
import tracemalloc

import numpy as np
import pytest
from conftest import FLOATS, printed_by, same
from hypothesis import given, settings
from hypothesis import strategies as st
from test_callers import ENVIRONMENTS, environment, knows_environment
from test_streams import LAYOUTS, array_of_layout, rows_filled

import fastinit
from fastinit import matrices, parallel

SEED = 7
BLOCK = matrices.REFLECTIONS
unix = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks, timers and signals to threads on this system")


@contextlib.contextmanager
def threads_of(count):
    """As many threads for all that runs inside."""
    before = fastinit.get_num_threads()
    fastinit.set_num_threads(count)
    try:
        yield
    finally:
        fastinit.set_num_threads(before)


# ---- What is written -------------------------------------------------------------------------------------------------

SIZES = st.sampled_from([0, 1, 2, 3, 5, 8, BLOCK + 1])


@st.composite
def calls(draw):
    """An array, its rows' streams, and the name and arguments of a function that fills it."""
    name = draw(st.sampled_from(["orthogonal", "delta_orthogonal", "sparse"]))
    axes = {"orthogonal": (2, 3), "delta_orthogonal": (3, 4), "sparse": (2, 2)}[name]
    row = draw(st.lists(SIZES, min_size=axes[0], max_size=axes[1]))
    if name == "delta_orthogonal":
        row[-2:] = sorted(row[-2:])
    keywords = {"accumulate": draw(st.booleans())}
    if draw(st.booleans()):
        offset = [draw(st.sampled_from([0, 1, 4])) for _ in row]
        sizes = [n + o + draw(st.sampled_from([0, 2])) for n, o in zip(row, offset, strict=True)]
        if name == "delta_orthogonal":
            sizes[-1] += sizes[-2]
        keywords |= {"offset": offset, "global_shape": sizes}
    count = draw(st.sampled_from([0, 1, 2, 3, 9]))
    streams = draw(st.lists(st.integers(0, 2**63 - 1) | st.text("abc"), min_size=count, max_size=count))
    out = array_of_layout(draw(st.sampled_from(LAYOUTS)), (count, *row), draw(st.sampled_from(FLOATS)))
    return out, streams, name, {"sparse": (0.3, 0.5)}.get(name, (1.5,)), keywords


@settings(max_examples=300)
@given(calls(), st.sampled_from([1, 2, 5]), st.sampled_from(["call", "fill"]))
def test_matrices_of_any_size_dtype_and_layout_are_what_a_loop_writes(call, threads, way):
    out, streams, name, arguments, keywords = call
    out[...] = 0.25
    expected = rows_filled(out.copy(), name, *arguments, streams=streams, **keywords)
    g = fastinit.Generator(SEED)
    with pytest.MonkeyPatch.context() as patch, threads_of(threads):
        patch.setattr(parallel, "MOST", 40)
        patch.setattr(parallel, "LEAST", 4)
        if way == "call":
            assert getattr(g, name)(out, *arguments, streams=streams, **keywords) is out
        else:
            accumulate = keywords.pop("accumulate")
            g.fill({"experts": (out, name, *arguments, {"streams": streams, **keywords})}, accumulate=accumulate)
    assert same(out, expected)
    assert g.stream == 0


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("count", "row"),
    [
        (300, (8, 8)),
        (40, (64, 64)),
        (5, (128, 200)),
        (3, (BLOCK + 1, 2 * BLOCK + 1)),
        (3, (700, BLOCK + 1)),  # long sums of products, and a block of one column
        (3, (9000, 1)),  # a sum of one column that NumPy cuts where a stack would cut it elsewhere
        (3, (9000, BLOCK + 1)),
        (3, (9000, 2)),
        (2, (600, 512)),
    ],
)
def test_an_orthogonal_matrix_has_the_same_bits_in_a_stack(count, row, dtype, threads):
    expected = rows_filled(np.empty((count, *row), dtype), "orthogonal", streams=range(count))
    with threads_of(threads):
        assert same(fastinit.Generator(SEED).orthogonal(np.empty_like(expected), streams=range(count)), expected)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("columns", [1, 2, BLOCK + 1])
def test_long_sums_have_one_order_in_any_stack(columns, dtype):
    """NumPy sums a single column of 8192 elements or more in another order where it is one of several."""
    stack = matrices.haar(20_000, columns, np.dtype(dtype), SEED, [3, 4, 5])
    for stream, matrix in zip([3, 4, 5], stack, strict=True):
        assert same(matrix, matrices.haar(20_000, columns, np.dtype(dtype), SEED, [stream])[0])


def test_an_orthogonal_matrix_has_the_same_bits_in_a_stack_where_products_take_threads():
    code = (
        "import numpy as np, fastinit\n"
        "from fastinit import parallel\n"
        "fastinit.set_num_threads(2)\n"
        "print(parallel.linear_algebra_threads())\n"
        "g = fastinit.Generator(7)\n"
        "for shape in (9, 64, 64), (3, 300, 300), (3, 500, 130):\n"
        "    for dtype in 'f4', 'f8':\n"
        "        loop, out = np.empty(shape, dtype), np.empty(shape, dtype)\n"
        "        for i, row in enumerate(loop): g.orthogonal(row, stream=i)\n"
        "        g.orthogonal(out, streams=range(len(out)))\n"
        "        print(loop.tobytes() == out.tobytes())\n"
    )
    threads, *equal = printed_by(code, OPENBLAS_NUM_THREADS="2")
    if threads == "None":
        pytest.skip("NumPy's linear algebra is not OpenBLAS")
    assert threads in ("1", "2")  # at most one for each CPU
    assert equal == ["True"] * 6


def test_a_stack_takes_no_memory_of_its_size():
    out = np.empty((40, 256, 256))
    with threads_of(2):
        fastinit.orthogonal(out[:3], streams=range(3))
        tracemalloc.start()
        try:
            fastinit.orthogonal(out, streams=range(40))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 2 * 5 * out[0].nbytes  # for each thread a few matrices


# ---- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "said"),
    [
        ("orthogonal", (3, 4), (), r"out\[i\] has shape=\(4,\); orthogonal takes an array of 2 axes or more"),
        ("delta_orthogonal", (3, 4, 4), (), r"out\[i\] has shape=\(4, 4\); delta_orthogonal takes an array of 3 to 5"),
        ("delta_orthogonal", (3, 1, 5, 4), (), r"shape=\(1, 5, 4\); delta_orthogonal takes .* with in <= out"),
        ("sparse", (3, 2, 4, 4), (0.5,), r"out\[i\] has shape=\(2, 4, 4\); sparse takes an array of 2 axes"),
        ("orthogonal", (2, 4, 4), (), r"streams has 3 streams, and out has shape=\(2, 4, 4\)"),
    ],
)
def test_rows_that_are_no_such_matrices_are_refused(name, shape, arguments, said):
    g, out = fastinit.Generator(SEED), np.zeros(shape)
    with pytest.raises(ValueError, match=said):
        getattr(g, name)(out, *arguments, streams=range(3))
    assert not out.any()
    assert g.stream == 0


def test_a_bad_stream_is_refused_before_a_matrix_is_computed(monkeypatch):
    monkeypatch.setattr(matrices, "haar", None)
    for keywords, said in (
        ({"streams": [0, 1, -1]}, r"streams\[2\]: stream=-1"),
        ({"streams": [0, 1, 2], "stream": 1}, "accepted is one of the two"),
    ):
        with pytest.raises(ValueError, match=said):
            fastinit.orthogonal(np.zeros((3, 4, 4)), **keywords)


# ---- Threads ---------------------------------------------------------------------------------------------------------


def threads_used(rows, size, multiplications=0, threads=3):
    """How many threads work on the rows; each waits for a while, so that all of them come."""
    seen, some = [], []

    def work(part, check):
        seen.append(threading.get_ident())
        some.extend(range(part.start, part.stop))
        time.sleep(0.02)

    with threads_of(threads):
        parallel.for_rows(work, rows, size, multiplications)
    assert sorted(some) == list(range(rows))
    return len(set(seen))


def test_rows_are_worked_on_by_all_threads_where_that_is_worth_it(monkeypatch):
    assert threads_used(300, 4096) == 3
    assert threads_used(300, 4096, threads=1) == 1
    assert threads_used(3, 10**6) == 3
    assert threads_used(2, 10**6) == 2
    assert threads_used(50, 4) == 1
    assert threads_used(6000, 0) == 2
    assert threads_used(0, 10) == 0
    large = parallel.ALONE + 1
    for found, used in ((1, 3), (2, 1), (None, 1)):
        monkeypatch.setattr(parallel, "linear_algebra_threads", lambda found=found: found)
        assert threads_used(5, 10**6, large) == used
        assert threads_used(5, 10**6, parallel.ALONE) == 3


def test_linear_algebra_that_cannot_be_asked_has_no_known_threads(monkeypatch):
    for broken in (ImportError, OSError):

        def fail(*_, broken=broken):
            raise broken

        with monkeypatch.context() as patch:
            patch.setattr(parallel.ctypes, "CDLL", fail)
            assert parallel._threads_of_openblas.__wrapped__() is None
    monkeypatch.setattr(parallel.ctypes, "CDLL", lambda _: object())
    assert parallel._threads_of_openblas.__wrapped__() is None
    monkeypatch.setattr(parallel, "_threads_of_openblas", lambda: None)
    assert parallel.linear_algebra_threads() is None


def in_a_helper(work):
    """What work() returns in a thread that for_rows starts."""
    leader, results = threading.get_ident(), []
    helped = threading.Event()

    def part(some, check):
        if threading.get_ident() == leader:
            assert helped.wait(30)
        else:
            results.append(work())
            helped.set()

    with threads_of(2):
        parallel.for_rows(part, 2, 10**6)
    return results[0]


def test_helpers_know_the_callers_numpy_errstate():
    with np.errstate(under="raise", divide="ignore"):
        assert in_a_helper(np.geterr) == np.geterr()


@knows_environment
@pytest.mark.parametrize("bits", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_helpers_compute_in_the_standard_environment(bits):
    def computed():
        return (np.array([1, 2**-1074]) / np.array([3, 1])).tobytes()

    expected = computed()
    with environment(bits):
        assert in_a_helper(computed) == expected


@pytest.mark.parametrize("kind", [MemoryError, KeyboardInterrupt])
def test_what_a_helper_raises_ends_the_call(kind):
    """And of the parts that nobody has begun, none is begun."""
    parts, leader = [], threading.get_ident()
    failed = threading.Event()

    def work(part, check):
        parts.append(part)
        if threading.get_ident() != leader:
            failed.set()
            raise kind("in a helper")
        assert failed.wait(30)
        time.sleep(0.1)

    with threads_of(2), pytest.raises(kind, match="in a helper"):
        parallel.for_rows(work, 100, 10**6)
    assert len(parts) <= 2  # of 100


@pytest.fixture
def interrupts():
    """Ctrl-C raises KeyboardInterrupt, in a shell's background job too, which is born without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def while_wanted(check):
    """What a helper works on, for half a minute at most."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        check()
        time.sleep(0.001)


def test_an_interrupt_waits_for_the_helpers_and_stops_them(interrupts):
    begun, ended = threading.Event(), []

    def work(part, check):
        if threading.current_thread() is threading.main_thread():
            assert begun.wait(30)
            signal.raise_signal(signal.SIGINT)
        begun.set()
        try:
            while_wanted(check)
        finally:
            time.sleep(0.1)
            ended.append(part)

    with threads_of(2), pytest.raises(KeyboardInterrupt):
        parallel.for_rows(work, 100, 10**6)
    assert len(ended) == 1


@unix
def test_an_interrupt_while_the_helpers_are_waited_for_stops_them(interrupts):
    waiting, ended = threading.Event(), []

    def work(part, check):
        if threading.current_thread() is threading.main_thread():
            assert waiting.wait(30)
            return
        waiting.set()
        time.sleep(0.1)  # the calling thread waits by now
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            while_wanted(check)
        finally:
            ended.append(part)

    with threads_of(2), pytest.raises(KeyboardInterrupt):
        parallel.for_rows(work, 2, 10**6)
    assert len(ended) == 1


@unix
def test_an_interrupted_call_writes_nothing_afterwards():
    """Wherever the interrupt comes."""
    out = np.empty((2000, 32, 32))
    interrupted = 0
    with threads_of(3):
        for microseconds in range(100, 20_100, 1000):
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            try:
                signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
                fastinit.orthogonal(out, streams=range(2000))
            except KeyboardInterrupt:
                interrupted += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
            out[...] = 3
            time.sleep(0.01)
            assert (out == 3).all()
    assert interrupted > 5


def test_a_call_does_without_threads_that_the_system_refuses(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    expected = rows_filled(np.empty((40, 64, 64)), "orthogonal", streams=range(40))
    monkeypatch.setattr(parallel._thread, "start_new_thread", refuse)
    with threads_of(3):
        assert same(fastinit.Generator(SEED).orthogonal(np.empty((40, 64, 64)), streams=range(40)), expected)


@unix
def test_forks_during_a_call_do_no_harm():
    """By a signal's handler in the calling thread, whose call the child goes on with, and by another thread."""
    code = (
        "import os, signal, threading, numpy as np, fastinit\n"
        "fastinit.set_num_threads(3)\n"
        "def filled(): return fastinit.Generator(7).orthogonal(np.empty((300, 32, 32)), streams=range(300)).tobytes()\n"
        "expected, parent, pids = filled(), os.getpid(), []\n"
        "def fork(*_):\n"
        "    if os.getpid() == parent:\n"
        "        pids.append(os.fork())\n"
        "signal.signal(signal.SIGALRM, fork)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)\n"
        "right = True\n"
        "while right and len(pids) < 8:\n"
        "    right = filled() == expected\n"
        "    if os.getpid() != parent: os._exit(0 if right else 1)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "if os.getpid() != parent: os._exit(0)\n"
        "print(right, {os.waitpid(pid, 0)[1] for pid in pids})\n"
        "def zeroed(): return fastinit.Generator(7).sparse(np.empty((90, 32, 32)), 0.5, streams=range(90)).tobytes()\n"
        "some = zeroed()\n"
        "def call():\n"
        "    for _ in range(12): filled()\n"
        "other = threading.Thread(target=call)\n"
        "other.start()\n"
        "codes = set()\n"
        "for _ in range(5):\n"
        "    pid = os.fork()\n"
        "    if pid == 0: os._exit(0 if zeroed() == some else 1)\n"
        "    codes.add(os.waitpid(pid, 0)[1])\n"
        "other.join()\n"
        "print(codes)\n"
    )
    found = printed_by(code, OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore::DeprecationWarning")
    assert found == ["True", "{0}", "{0}"]


def test_many_threads_of_the_program_make_matrices_at_once():
    expected = rows_filled(np.empty((200, 16, 16)), "orthogonal", streams=range(200))
    results = []

    def call():
        results.append(fastinit.Generator(SEED).orthogonal(np.empty((200, 16, 16)), streams=range(200)))

    with threads_of(3):
        callers = [threading.Thread(target=call) for _ in range(5)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
    assert len(results) == 5
    assert all(same(each, expected) for each in results)


def test_a_call_leaves_nothing_that_holds_the_array():
    out = np.empty((40, 64, 64))
    held = len(gc.get_referrers(out))
    with threads_of(3):
        fastinit.orthogonal(out, streams=range(40))
    assert len(gc.get_referrers(out)) == held
