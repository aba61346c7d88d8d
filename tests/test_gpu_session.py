"""What runs on a machine with a GPU when there is one runs on a stand-in, and a device that is wrong does not pass."""

import ctypes
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from fastinit.gpu.compiler import MAIN, Compiler, CompilerError, package_sources
from fastinit.gpu.kernels import Kernel

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

GPU = ROOT / "tests" / "gpu"
SESSION = GPU / "session.sh"
BITS = ["kernels", "golden", "operations", "random", "tensors", "streams", "graphs", "graphs_cold", "dlpack", "cupy"]
BITS += ["jax", "large", "huge", "memcheck"]
MORE = ["bench", "tune", "profile"]
PARTS = (
    re.findall(r"^@part\ndef (\w+)", (GPU / "check_bits.py").read_text(encoding="utf-8"), re.M) if GPU.exists() else []
)

pytestmark = pytest.mark.skipif(
    not SESSION.exists() or os.name == "nt" or not all(map(shutil.which, ("bash", "cc", "timeout"))),
    reason="needs the repository, bash, cc and timeout",
)


def session(folder, *, dry=True, **environment):
    return subprocess.run(
        ["bash", SESSION, *(["--dry"] if dry else []), folder],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable, **environment},
        timeout=600,
        check=False,
    )


def verdicts(folder):
    """What the summary says of each part."""
    lines = (folder / "summary.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def test_the_whole_session_runs_on_a_stand_in(tmp_path):
    done = session(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = verdicts(tmp_path)
    assert list(told) == [*BITS[:-1], "bench", "memcheck", "tune", "profile", "bits:"]
    assert {name for name, verdict in told.items() if not verdict.endswith("good")} == {"bits:"}
    assert told["bits:"].startswith("all equal")
    run = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert {"large", "sizes", "adding", "model", "calls", "layouts"} <= {case["group"] for case in run["cases"]}
    sides = {side for case in run["cases"] for side in case["sides"]}
    assert {"fastinit", "memset", "zero_", "copy", "read and write", "PyTorch", "cuRAND XORWOW"} <= sides
    assert not [name for name in run["missing"] if "JAX" not in name]
    report = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert "| normal | float32 |" in report
    table = json.loads((tmp_path / "tune.json").read_text(encoding="utf-8"))["GB/s"]
    tried = {
        "4 packs 4 pairs 256 threads",
        "1 packs 4 pairs 256 threads",
        "8 packs 4 pairs 256 threads branchless",
        "memset",
    }
    assert tried <= set(table["normal torch.float32"])


def python_that(tmp_path, body):
    """A program in the place of Python: it knows fastinit, and does this with everything else."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nif [ "$1 $2" = "-P -c" ]; then exit 0; fi\n{body}\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_a_part_that_fails_costs_the_others_nothing_and_the_session_its_status(tmp_path):
    body = 'case "$*" in *golden_vectors) echo "DIFFERS here"; exit 1;; *bench*) exit 3;; esac'
    done = session(tmp_path / "out", PYTHON=python_that(tmp_path, body))
    told = verdicts(tmp_path / "out")
    assert done.returncode == 1
    assert "DIFFERS here" in done.stdout
    assert told["golden"].endswith("FAILED, status 1")
    assert told["bench"].endswith("FAILED, status 3")
    assert all(told[name].endswith("good") for name in [*BITS, *MORE] if name not in ("golden", "bench"))
    assert (tmp_path / "out" / "golden.txt").read_text(encoding="utf-8") == "DIFFERS here\n"
    assert told["bits:"].startswith("NOT ALL WERE SHOWN TO BE EQUAL")


def test_a_measurement_that_fails_is_no_difference_of_bits(tmp_path):
    done = session(tmp_path / "out", PYTHON=python_that(tmp_path, 'case "$*" in *bench*) exit 3;; esac'))
    assert done.returncode == 0
    assert verdicts(tmp_path / "out")["bits:"].startswith("all equal")


def test_on_a_machine_with_a_gpu_it_installs_and_runs_all_at_full_size_and_under_the_tools(tmp_path):
    called = tmp_path / "called"
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("python", "nvidia-smi", "nvcc", "compute-sanitizer", "ncu"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$*" >> {called}\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    done = session(tmp_path / "out", dry=False, PYTHON=str(tools / "python"), PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = verdicts(tmp_path / "out")
    assert list(told) == ["install", "imported", "machine", *BITS[:-1], "bench", "memcheck", "tune", "profile", "bits:"]
    lines = called.read_text(encoding="utf-8").splitlines()
    assert "--dry" not in "\n".join(lines)
    checks = [
        line.partition("check_bits.py --seconds ")[2].split() for line in lines if line.startswith("python tests")
    ]
    parts = {part for words in checks for part in words[1:]}
    assert parts == set(PARTS)
    assert {words[0] for words in checks if words} == {"40"}
    sanitizer, profiler = (next(each for each in lines if each.startswith(name)) for name in ("compute-sanit", "ncu "))
    assert "--error-exitcode 9" in sanitizer
    assert sanitizer.endswith("python tests/gpu/check_bits.py --seconds 15 random_fills")
    assert "--clock-control none" in profiler
    assert profiler.endswith("python tests/gpu/launch_each.py")


@pytest.mark.parametrize("status", [0, 1, 9, 124])
def test_an_access_beyond_memory_is_no_success_and_a_tool_that_does_not_work_no_failure(tmp_path, status):
    body = f'case "$*" in *"seconds 1 random_fills") exit {status};; esac'
    done = session(tmp_path / "out", PYTHON=python_that(tmp_path, body))
    assert done.returncode == (status == 9)


def test_a_part_that_hangs_is_ended_and_what_there_is_no_time_for_is_not_said_to_be_equal(tmp_path):
    body = 'case "$*" in *operations) sleep 60;; esac'
    done = session(tmp_path / "out", PYTHON=python_that(tmp_path, body), SESSION_SECONDS="7")
    told = verdicts(tmp_path / "out")
    assert done.returncode == 1
    assert "ended after" in told["operations"]
    assert told["huge"] == told["tune"] == "not run: the time was over"
    assert told["bits:"].startswith("NOT ALL WERE SHOWN TO BE EQUAL")


# ---- Checks that can fail --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def programs():
    """The modules of tests/gpu and benchmarks/gpu_fills.py, by their names."""
    folders = [str(GPU), str(ROOT / "benchmarks")]
    sys.path[:0] = folders
    names = ("devices", "check_bits", "gpu_fills", "tune")
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in names:
            del sys.modules[name]


@pytest.fixture(scope="module")
def stand_in(programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand_in")
    before = os.environ.get("FASTINIT_STAND_IN")
    os.environ["FASTINIT_STAND_IN"] = str(folder)
    try:
        yield programs["devices"].chosen(True)
    finally:
        if before is None:
            del os.environ["FASTINIT_STAND_IN"]
        else:
            os.environ["FASTINIT_STAND_IN"] = before


WITHOUT_FILLS = ("kernels", "jax")


def test_no_part_passes_on_a_device_that_does_nothing(programs, stand_in, monkeypatch, capsys):
    check_bits = programs["check_bits"]
    monkeypatch.setattr(stand_in._driver, "launch", lambda *arguments: stand_in._driver.launches.append(arguments))
    passed = [name for name in check_bits.PARTS if check_bits.run(name, stand_in, 0.5)]
    assert set(passed) <= set(WITHOUT_FILLS)
    assert "DIFFERS" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["first", "last"])
def test_no_part_passes_on_a_device_that_writes_one_bit_wrong(programs, stand_in, monkeypatch, capsys, place):
    check_bits, driver = programs["check_bits"], stand_in._driver
    right = driver.launch

    def launch(device, kernel, groups, threads, stream, parameters):
        right(device, kernel, groups, threads, stream, parameters)
        if isinstance(kernel, Kernel) and kernel.form == "range":
            range_ = Range.from_address(ctypes.c_void_p.from_address(parameters).value)
            size = int(kernel.dtype.lstrip("BFLOATUIN")) // 8
            ctypes.c_uint8.from_address(range_.data + (0 if place == "first" else range_.count * size - 1)).value ^= 1

    monkeypatch.setattr(driver, "launch", launch)
    for name in ("golden_vectors", "random_fills", "large", "huge", "pytorch", "streams", "graphs", "cupy", "dlpack"):
        assert not check_bits.run(name, stand_in, 0.5), name
    assert "DIFFERS" in capsys.readouterr().out


class Range(ctypes.Structure):
    """fi_gpu_range of src/gpu/launch.h."""

    _fields_ = (
        ("keys", ctypes.c_uint32 * 20),
        ("stream", ctypes.c_uint32 * 3),
        ("data", ctypes.c_void_p),
        ("first", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
    )


def test_a_part_that_raises_is_no_equality(programs, stand_in, monkeypatch, capsys):
    def fails(check):
        raise RuntimeError("an illegal address")

    monkeypatch.setitem(programs["check_bits"].PARTS, "large", fails)
    assert not programs["check_bits"].run("large", stand_in, 0.5)
    assert "an illegal address" in capsys.readouterr().out


def test_what_cannot_be_tried_is_said_to_be_skipped(programs, stand_in, monkeypatch, capsys):
    def absent():
        raise ImportError("No module named 'cupy'")

    monkeypatch.setattr(stand_in, "cupy", absent)
    programs["check_bits"].run("cupy", stand_in, 0.5)
    assert "cupy: skipped: CuPy: Skipped: ImportError: No module named 'cupy'" in capsys.readouterr().out


def test_a_benchmark_goes_on_without_a_side_and_without_a_case(programs, stand_in, capsys):
    gpu = programs["gpu_fills"]
    bench = gpu.Bench(stand_in, 3, 1e-6)

    def fails():
        raise RuntimeError("out of memory")

    def one_side(bench, case):
        return {gpu.OWN: gpu.Side(lambda: None), "PyTorch": gpu.Side(fails)}

    def no_side(bench, case):
        return {gpu.OWN: gpu.Side(fails)}

    chosen = [gpu.Case("large", name, "float32", 64, make) for name, make in (("a", no_side), ("b", one_side))]
    saved = []
    assert not gpu.measured(bench, chosen, 100, lambda done: saved.append(len(done)))
    assert saved[-1] == 1
    assert bench.missing["large: a float32, 64"] == "RuntimeError: out of memory"
    assert bench.missing["PyTorch, b float32, 64"] == "RuntimeError: out of memory"
    assert gpu.measured(bench, chosen[1:], -1, lambda done: None)
    assert bench.missing["large: b float32, 64"] == "the time was over"
    huge = gpu.Case("large", "c", "float64", 1 << 40, one_side, 4)
    assert gpu.measured(bench, [huge], 100, lambda done: None)
    assert bench.missing["large: c float64, 1024 Gi"].startswith("takes 35184 GB")


# ---- What cannot be run here, as far as it can be seen ---------------------------------------------------------------


def nvrtc_or_skip():
    pytest.importorskip("cuda.bindings.nvrtc")
    # cuda-pathfinder looks into the folders of site, not into those of sys.path; a library that is loaded, it takes.
    for folder in sys.path:
        for library in sorted(Path(folder, "nvidia").glob("*/lib/libnvrtc.so.1?")):
            ctypes.CDLL(str(library))
    try:
        return Compiler().version()
    except CompilerError as error:
        pytest.skip(f"there is no NVRTC: {error}")


def test_single_operations_compile_for_devices(programs):
    nvrtc_or_skip()
    devices = programs["devices"]
    compiler = Compiler({**package_sources(), MAIN: devices.OPERATIONS.read_text(encoding="utf-8")})
    for architecture in ("sm_75", "sm_90"):
        image = compiler.compile(devices.Operation("check_square_root"), architecture)
        for name in (*programs["check_bits"].EXHAUSTIVE, "results_f32", "results_f64"):
            assert name.encode() in image


def test_the_variants_that_are_tried_compile(programs):
    nvrtc_or_skip()
    tune, kernel = programs["tune"], Kernel("range", "NORMAL", "FLOAT32", False)

    class Device(programs["devices"].Cuda):
        def __init__(self):
            pass

        def driver(self):
            return None

        def compiler(self, sources=None):
            return Compiler(sources)

    images = {
        variant: tune.Variant(Device(), variant)._programs._compiler.compile(kernel, "sm_90")
        for variant in tune.VARIANTS
    }
    assert len(set(images.values())) == len(tune.VARIANTS)


def test_every_kernel_that_is_compiled_beforehand_is_one_of_the_package(programs):
    kernels = list(programs["check_bits"].every_kernel())
    names = {kernel.name for kernel in kernels}
    assert len(names) == len(kernels) > 200
    assert {"fastinit_range_normal_float32", "fastinit_ranges_add_uniform_bfloat16"} <= names


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("cuda.get_device_name", ("cuda:0",), {}),
        ("cuda.mem_get_info", ("cuda:0",), {}),
        ("cuda.empty_cache", (), {}),
        ("cuda.Stream", ("cuda:0",), {}),
        ("cuda.stream", (None,), {}),
        ("cuda.current_stream", ("cuda:0",), {}),
        ("cuda.synchronize", ("cuda:0",), {}),
        ("cuda._sleep", (1,), {}),
        ("cuda.CUDAGraph", (), {}),
        ("cuda.graph", (None,), {}),
        ("cuda.Event", (), {"enable_timing": True}),
        ("cuda.Event.record", (None,), {}),
        ("cuda.Event.synchronize", (None,), {}),
        ("cuda.Event.elapsed_time", (None, None), {}),
        ("Tensor.__dlpack__", (None,), {"stream": 1, "max_version": (1, 0), "copy": False}),
    ],
)
def test_what_is_called_of_pytorch_is_there(name, arguments, keywords):
    found = torch
    for part in name.split("."):
        found = getattr(found, part)
    if not inspect.isclass(found):  # of which some take what their bases in C do
        inspect.signature(found).bind(*arguments, **keywords)
