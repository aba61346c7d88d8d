"""Kernels for CUDA devices on their way there: compiled, kept on the disk, loaded, launched; and what goes wrong."""

import ctypes
import doctest
import enum
import json
import multiprocessing
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import types
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import ROOT, fresh_python

from fastinit.bench import environment
from fastinit.gpu import cache, compiler, driver, kernels, launch
from fastinit.gpu.cache import Cache
from fastinit.gpu.compiler import LIBRARY, MAIN, Compiler, CompilerError
from fastinit.gpu.driver import Driver, DriverError
from fastinit.gpu.kernels import THREADS, Kernel

KERNEL = Kernel("range", "NORMAL", "FLOAT32", False)
OTHER = Kernel("region", "UNIFORM", "BFLOAT16", True)


class DeviceArray(NamedTuple):
    """What a launch looks at."""

    device: int | None = 0
    address: int = 0x7000
    shape: tuple[int, ...] = (2, 3)
    dtype: np.dtype = np.dtype(np.float32)
    stream: int = 1
    synchronize: bool = False
    written: object = None


# ---- Which kernel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [compiler, kernels], ids=lambda module: module.__name__)
def test_examples_print_what_they_show(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_a_kernel_is_named_and_made_by_what_it_does():
    assert KERNEL.name == "fastinit_range_normal_float32"
    assert OTHER.name == "fastinit_region_add_uniform_bfloat16"
    assert Kernel("constant", "CONSTANT", "BYTES4", False).name == "fastinit_constant_constant_bytes4"
    assert OTHER.defines == [
        "-DFI_KERNEL=fastinit_region_add_uniform_bfloat16",
        "-DFI_FORM_REGION",
        "-DFI_KERNEL_DRAW=FI_UNIFORM",
        "-DFI_KERNEL_DTYPE=FI_BFLOAT16",
        "-DFI_KERNEL_ADDS=1",
    ]


# ---- The driver ------------------------------------------------------------------------------------------------------


class Result(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NOT_INITIALIZED = 3
    CUDA_ERROR_ILLEGAL_ADDRESS = 700
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900
    UNKNOWN_TO_THE_DRIVER = 12345


# These return a code alone.
PLAIN = {"cuInit", "cuCtxPushCurrent", "cuFuncLoad", "cuLaunchKernel", "cuStreamSynchronize"}


class Cuda:
    """cuda.bindings.driver, of a machine with three devices: functions return tuples that begin with a code."""

    class CUdevice_attribute(enum.IntEnum):
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76

    class CUpointer_attribute(enum.IntEnum):
        CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9

    class CUstreamCaptureMode(enum.IntEnum):
        CU_STREAM_CAPTURE_MODE_GLOBAL = 0
        CU_STREAM_CAPTURE_MODE_RELAXED = 2

    def __init__(self, version=13000):
        self.calls, self.fails, self.lacks, self.of_version = [], {}, set(), version
        self.thread = threading.local()
        self.capturing = False

    def __getattr__(self, name):
        if not name.startswith("cu"):
            raise AttributeError(name)

        def function(*arguments):
            if name in self.lacks:
                raise RuntimeError(f'Function "{name}" not found')
            if not name.startswith("cuGetError"):
                self.calls.append((name, *arguments))
            if name in self.fails:
                return (self.fails[name],) + (None,) * (name not in PLAIN)
            value = getattr(self, f"_{name}")(*arguments)
            if isinstance(value, Result):
                return (value,) + (None,) * (name not in PLAIN)
            return (Result(0),) if name in PLAIN else (Result(0), value)

        return function

    @property
    def stack(self):
        """The thread's contexts; the last is current."""
        if not hasattr(self.thread, "stack"):
            self.thread.stack, self.thread.mode = [], self.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
        return self.thread.stack

    def names(self, *of):
        return [name for name, *_ in self.calls if not of or name in of]

    def _cuInit(self, flags):
        assert flags == 0

    def _cuDriverGetVersion(self):
        return self.of_version

    def _cuDeviceGetCount(self):
        return 3

    def _cuDeviceGet(self, ordinal):
        return 50 + ordinal

    def _cuDeviceGetName(self, length, device):
        return f"NVIDIA Device {device - 50}".encode().ljust(length, b"\0")

    def _cuDeviceGetAttribute(self, attribute, device):
        return {75: 9, 76: device - 50}[attribute]

    def _cuDevicePrimaryCtxRetain(self, device):
        return 0xC000 + device

    def _cuCtxGetCurrent(self):
        return self.stack[-1] if self.stack else 0

    def _cuCtxPushCurrent(self, context):
        self.stack.append(context)

    def _cuCtxPopCurrent(self):
        return self.stack.pop()

    def _cuPointerGetAttribute(self, attribute, address):
        assert attribute is self.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
        return 2 if address == 0x7000 else Result.CUDA_ERROR_INVALID_VALUE

    def _cuThreadExchangeStreamCaptureMode(self, mode):
        _, before, self.thread.mode = self.stack, self.thread.mode, mode
        return before

    def _cuModuleLoadData(self, image):
        if self.capturing and self.thread.mode != self.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED:
            return Result.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        return (image, self.stack[-1])

    def _cuModuleGetFunction(self, module, name):
        return (*module, name)

    def _cuFuncLoad(self, function):
        assert function[1] == self.stack[-1]

    def _cuLaunchKernel(self, function, *numbers):
        return None if function[1] == self.stack[-1] else Result.CUDA_ERROR_INVALID_VALUE

    def _cuStreamSynchronize(self, stream):
        assert self.stack

    def _cuGetErrorName(self, code):
        known = code != Result.UNKNOWN_TO_THE_DRIVER
        return Result(code).name.encode() if known else Result.CUDA_ERROR_INVALID_VALUE

    def _cuGetErrorString(self, code):
        known = code != Result.UNKNOWN_TO_THE_DRIVER
        return f"what {int(code)} means".encode() if known else Result.CUDA_ERROR_INVALID_VALUE


def loaded(cuda, device=1):
    """A driver with a function loaded, and the stand-in's calls until then forgotten."""
    found = Driver(cuda)
    function = found.load(device, b"image", "name")
    cuda.calls.clear()
    return found, function


def test_a_driver_tells_versions_and_devices():
    found = Driver(Cuda())
    assert (found.version(), found.devices()) == (13000, 3)
    assert (found.architecture(0), found.architecture(2)) == ("sm_90", "sm_92")
    assert found.name(2) == "NVIDIA Device 2"
    assert found.device_of(0x7000) == 2


def test_an_address_of_the_host_is_said_to_be_no_address_of_a_device():
    with pytest.raises(DriverError, match="0x1234 is no address in the memory of a CUDA device"):
        Driver(Cuda()).device_of(0x1234)


def test_a_launch_hands_over_what_the_kernel_takes_and_leaves_the_thread_without_a_context():
    cuda = Cuda()
    found, function = loaded(cuda)
    assert function == (b"image", 0xC000 + 51, b"name")
    found.launch(1, function, 7, 256, 1, 0xABC)
    assert ("cuLaunchKernel", function, 7, 1, 1, 256, 1, 1, 0, 1, 0xABC, 0) in cuda.calls
    assert cuda.names("cuCtxPushCurrent", "cuLaunchKernel", "cuCtxPopCurrent") == [
        "cuCtxPushCurrent",
        "cuLaunchKernel",
        "cuCtxPopCurrent",
    ]
    assert cuda.stack == []


def test_a_launch_in_the_context_that_is_current_changes_none():
    cuda = Cuda()
    found, function = loaded(cuda)
    cuda.stack.append(0xC000 + 51)
    found.launch(1, function, 7, 256, 1, 0xABC)
    found.synchronize(1, 5)
    assert cuda.names() == ["cuCtxGetCurrent", "cuLaunchKernel", "cuCtxGetCurrent", "cuStreamSynchronize"]


@pytest.mark.parametrize("call", ["load", "launch", "synchronize"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_context_of_another_library_is_current_again_after_each_call(call, fails):
    cuda = Cuda()
    found, function = loaded(cuda)
    cuda.stack.append(0xDD)
    arguments = {"load": (1, b"i", "n"), "launch": (1, function, 7, 256, 1, 0xABC), "synchronize": (1, 1)}[call]
    if fails:
        names = {"load": "cuModuleGetFunction", "launch": "cuLaunchKernel", "synchronize": "cuStreamSynchronize"}
        cuda.fails[names[call]] = Result.CUDA_ERROR_OUT_OF_MEMORY
        with pytest.raises(DriverError):
            getattr(found, call)(*arguments)
    else:
        getattr(found, call)(*arguments)
    assert "cuCtxPushCurrent" in cuda.names()
    assert cuda.stack == [0xDD]


def test_the_primary_context_is_retained_once_for_a_device_from_whatever_thread():
    cuda = Cuda()
    found, function = loaded(cuda)
    problems = []

    def fill():
        try:
            found.launch(1, function, 7, 256, 1, 0xABC)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert cuda.names("cuLaunchKernel", "cuDevicePrimaryCtxRetain") == ["cuLaunchKernel"] * 4
    found.load(2, b"image", "name")
    assert [call for call in cuda.calls if call[0] == "cuDevicePrimaryCtxRetain"] == [("cuDevicePrimaryCtxRetain", 52)]


@pytest.mark.parametrize("fails", [False, True])
def test_a_kernel_is_loaded_while_a_stream_is_captured_and_the_mode_is_as_it_was(fails):
    cuda = Cuda()
    cuda.capturing = True
    found = Driver(cuda)
    if fails:
        cuda.fails["cuFuncLoad"] = Result.CUDA_ERROR_OUT_OF_MEMORY
        with pytest.raises(DriverError, match="cuFuncLoad"):
            found.load(0, b"image", "name")
    else:
        assert found.load(0, b"image", "name")
    assert cuda.thread.mode is cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL


def test_a_driver_before_12_4_is_not_asked_for_what_it_lacks():
    cuda = Cuda(version=12020)
    cuda.lacks.add("cuFuncLoad")
    assert Driver(cuda).load(0, b"image", "name")


# What each method calls, by the function that fails.
METHODS = {
    "cuDriverGetVersion": lambda d, f: d.version(),
    "cuDeviceGetCount": lambda d, f: d.devices(),
    "cuPointerGetAttribute": lambda d, f: d.device_of(0x7000),
    "cuDeviceGet": lambda d, f: d.architecture(0),
    "cuDeviceGetAttribute": lambda d, f: d.architecture(0),
    "cuDeviceGetName": lambda d, f: d.name(0),
    "cuDevicePrimaryCtxRetain": lambda d, f: d.load(0, b"image", "name"),
    "cuCtxGetCurrent": lambda d, f: d.launch(1, f, 7, 256, 1, 0xABC),
    "cuCtxPushCurrent": lambda d, f: d.launch(1, f, 7, 256, 1, 0xABC),
    "cuCtxPopCurrent": lambda d, f: d.launch(1, f, 7, 256, 1, 0xABC),
    "cuThreadExchangeStreamCaptureMode": lambda d, f: d.load(1, b"image", "name"),
    "cuModuleLoadData": lambda d, f: d.load(1, b"image", "name"),
    "cuModuleGetFunction": lambda d, f: d.load(1, b"image", "name"),
    "cuFuncLoad": lambda d, f: d.load(1, b"image", "name"),
    "cuLaunchKernel": lambda d, f: d.launch(1, f, 7, 256, 1, 0xABC),
    "cuStreamSynchronize": lambda d, f: d.synchronize(1, 1),
}


@pytest.mark.parametrize("name", METHODS)
def test_whatever_fails_is_an_error_with_the_call_the_name_and_the_description(name):
    cuda = Cuda()
    found, function = loaded(cuda)
    cuda.fails[name] = Result.CUDA_ERROR_OUT_OF_MEMORY
    with pytest.raises(DriverError, match=f"^{name} failed: CUDA_ERROR_OUT_OF_MEMORY, what 2 means"):
        METHODS[name](found, function)


@pytest.mark.parametrize("name", ["cuCtxGetCurrent", "cuLaunchKernel"])
def test_an_error_in_the_context_that_is_current_already_is_not_lost(name):
    cuda = Cuda()
    found, function = loaded(cuda)
    cuda.stack.append(0xC000 + 51)
    cuda.fails[name] = Result.CUDA_ERROR_INVALID_VALUE
    with pytest.raises(DriverError, match=f"^{name} failed: CUDA_ERROR_INVALID_VALUE, what 1 means$"):
        found.launch(1, function, 7, 256, 1, 0xABC)


def test_an_error_that_the_driver_has_no_name_for_keeps_its_number():
    cuda = Cuda()
    found, function = loaded(cuda)
    cuda.fails["cuLaunchKernel"] = Result.UNKNOWN_TO_THE_DRIVER
    with pytest.raises(DriverError, match=r"^cuLaunchKernel failed: CUDA error 12345$"):
        found.launch(1, function, 7, 256, 1, 0xABC)


def test_an_error_that_lasts_is_said_to_be_perhaps_of_earlier_work():
    cuda = Cuda()
    found, _ = loaded(cuda)
    cuda.fails["cuStreamSynchronize"] = Result.CUDA_ERROR_ILLEGAL_ADDRESS
    with pytest.raises(
        DriverError, match=r"CUDA_ERROR_ILLEGAL_ADDRESS.*; work that was enqueued before may be what fail"
    ):
        found.synchronize(1, 1)


def test_a_machine_without_a_driver_is_told_so():
    cuda = Cuda()
    cuda.lacks.add("cuInit")
    with pytest.raises(DriverError, match='no NVIDIA driver was found on this machine: Function "cuInit" not found'):
        Driver(cuda)


def test_a_driver_that_lacks_a_function_is_said_to_be_old():
    cuda = Cuda()
    found = Driver(cuda)
    cuda.lacks.add("cuDeviceGetName")
    with pytest.raises(DriverError, match=r"^cuDeviceGetName failed: .*; the NVIDIA driver may be too old$"):
        found.name(0)


def test_a_process_that_was_forked_after_another_library_used_cuda_is_told_why_it_cannot():
    cuda = Cuda()
    cuda.fails["cuInit"] = Result.CUDA_ERROR_NOT_INITIALIZED
    with pytest.raises(DriverError, match=r"CUDA_ERROR_NOT_INITIALIZED.*before this process was forked.*spawn"):
        Driver(cuda)


def test_a_driver_of_the_process_that_forked_this_one_is_not_used(monkeypatch):
    cuda = Cuda()
    found, function = loaded(cuda)
    monkeypatch.setattr(driver.os, "getpid", lambda: -1)
    for call in METHODS.values():
        with pytest.raises(DriverError, match=r"^CUDA cannot be used in this process: .*forked.*spawn"):
            call(found, function)
    assert cuda.calls == []


def bindings(name):
    """A module of the real cuda-bindings; the test is skipped without."""
    return pytest.importorskip(f"cuda.bindings.{name}", reason="cuda-bindings is not installed", exc_type=ImportError)


def arguments_of(function):
    """How many arguments a function of cuda-bindings takes, by the first line of its docstring."""
    inside = re.search(r"\((.*)\)", re.sub(r"\[[^\]]*\]", "", function.__doc__.split("\n")[0]))[1]
    return len([each for each in inside.split(",") if each.strip()])


def test_the_real_driver_has_what_is_called_with_as_many_arguments():
    real, cuda = bindings("driver"), Cuda()
    found, function = loaded(cuda)
    for call in METHODS.values():
        call(found, function)
    assert set(cuda.names()) == set(METHODS)
    for name, *arguments in [*cuda.calls, ("cuInit", 0), ("cuGetErrorName", 1), ("cuGetErrorString", 1)]:
        assert arguments_of(getattr(real, name)) == len(arguments), name
    for words in (Cuda.CUdevice_attribute, Cuda.CUpointer_attribute, Cuda.CUstreamCaptureMode, Result):
        theirs = real.CUresult if words is Result else getattr(real, words.__name__)
        named = [word for word in words if word is not Result.UNKNOWN_TO_THE_DRIVER]
        assert [int(getattr(theirs, word.name)) for word in named] == [word.value for word in named]


def test_the_real_driver_takes_contexts_as_numbers():
    real = bindings("driver")
    assert int(real.CUcontext(0xC000)) == 0xC000
    assert not real.CUresult.CUDA_SUCCESS
    assert real.CUresult.CUDA_ERROR_INVALID_VALUE


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in is a library of Linux")
def test_the_real_bindings_hand_the_driver_what_they_were_given(tmp_path):
    bindings("driver")
    source, library = ROOT / "tests" / "c" / "libcuda.c", tmp_path / "libcuda.so.1"
    cc = shutil.which("cc") or pytest.skip("there is no C compiler here")
    subprocess.run([cc, "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", library, source, "-ldl"], check=True)
    code = f"""
import ctypes, sys
ctypes.CDLL({str(library)!r})
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_gpu_programs import KERNEL, DeviceArray, Driver, StandInCompiler, launch
driver = Driver()
print(driver.version(), driver.devices(), driver.name(0), driver.architecture(0), flush=True)
number, text = ctypes.c_int(42), ctypes.create_string_buffer(b"text")
parameters = (ctypes.c_void_p * 2)(ctypes.addressof(number), ctypes.addressof(text))
with launch.use_driver(driver, StandInCompiler()):
    array = DeviceArray(device=None, address=0x7F0000007000, stream=0x7FFFF0001230, synchronize=True)
    launch.launcher(array, KERNEL)(2**31 - 1, ctypes.addressof(parameters))
    launch.launcher(DeviceArray(stream=1), KERNEL)(3, ctypes.addressof(parameters))
    for fill in (lambda: launch.finish(array), lambda: launch.launcher(DeviceArray(device=None), KERNEL)):
        try:
            fill()
        except Exception as error:
            ctypes.CDLL(None).fflush(None)
            print(error, flush=True)
"""
    run = fresh_python(code)
    known = "cannot fill the array of shape (2, 3) and dtype float32 on"
    assert run.stdout.splitlines() == [
        "13000 1 Stand-in 0 sm_90",
        "push 0xc0de",
        "mode 2",
        f"image {KERNEL.name} for sm_90",
        f"function 0x11 {KERNEL.name}",
        "load 0x22",
        "mode 0",
        "pop 0xc0de",
        "push 0xc0de",
        "launch 0x22 2147483647 1 1 256 1 1 0 0x7ffff0001230 42 text 0",
        "pop 0xc0de",
        "push 0xc0de",
        "launch 0x22 3 1 1 256 1 1 0 0x1 42 text 0",
        "pop 0xc0de",
        "push 0xc0de",
        "wait 0x7ffff0001230",
        "pop 0xc0de",
        f"{known} CUDA device 0: cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS, what it means; "
        "work that was enqueued before may be what failed; this process cannot use the device any more",
        f"{known} a CUDA device: cuPointerGetAttribute failed: CUDA_ERROR_INVALID_VALUE, what it means; "
        "0x7000 is no address in the memory of a CUDA device",
    ], run.stderr


# ---- The compiler ----------------------------------------------------------------------------------------------------


class Nvrtc:
    """cuda.bindings.nvrtc, which "compiles" to a text that says of what."""

    def __init__(self, version=(13, 5), architectures=(90, 75, 120)):
        self.of_version, self.known = version, architectures
        self.compiled, self.destroyed, self.fails, self.lacks = [], 0, {}, False

    def __getattr__(self, name):
        if not name.startswith("nvrtc"):
            raise AttributeError(name)

        def function(*arguments):
            if self.lacks:
                raise RuntimeError("Failure finding\n libnvrtc.so.13")
            if name in self.fails:
                return (self.fails[name], None)
            return (0, *getattr(self, f"_{name}")(*arguments))

        return function

    def _nvrtcVersion(self):
        return self.of_version

    def _nvrtcGetSupportedArchs(self):
        return (list(self.known),)

    def _nvrtcCreateProgram(self, source, name, count, headers, names):
        assert count == len(headers) == len(names)
        return ({"source": source, "name": name, "headers": dict(zip(names, headers, strict=True))},)

    def _nvrtcCompileProgram(self, program, count, options):
        assert count == len(options)
        self.compiled.append(program | {"options": options})
        return ()

    def _nvrtcDestroyProgram(self, program):
        self.destroyed += 1
        return ()

    def _written(self, output, text):
        assert len(output) == len(text)
        ctypes.memmove(output, text, len(text))
        return ()

    def _nvrtcGetCUBINSize(self, program):
        return (5,)

    def _nvrtcGetCUBIN(self, program, output):
        return self._written(output, b"cubin")

    def _nvrtcGetPTXSize(self, program):
        return (4,)

    def _nvrtcGetPTX(self, program, output):
        return self._written(output, b"ptx\0")

    def _nvrtcGetProgramLogSize(self, program):
        return (19,)

    def _nvrtcGetProgramLog(self, program, output):
        return self._written(output, b"fill.cu(3): error.\0")

    def _nvrtcGetErrorString(self, code):
        return (f"NVRTC error {code}".encode(),)


SOURCES = {
    MAIN: """#include <stdint.h>
#include "lanes.h"
extern "C" __global__ void FI_KERNEL(float *p, float a, float b) { p[threadIdx.x] = value(p[0], a, b); }
""",
    "gpu/lanes.h": '#include "../shared.h"\n',
    "shared.h": "#pragma once\nstatic float value(float x, float a, float b) { return x * a + b; }\n",
}


def test_sources_are_found_by_the_names_that_they_include_each_other_by():
    headers = compiler.headers_of(SOURCES)
    assert headers["lanes.h"] == SOURCES["gpu/lanes.h"]
    assert headers["../shared.h"] == SOURCES["shared.h"]
    assert set(headers) == {*LIBRARY, *SOURCES, "lanes.h", "../shared.h"}


def test_two_files_that_are_included_by_one_name_are_refused():
    two = {"a/x.h": "", "b/x.h": "", "a/a.h": '#include "x.h"', "b/b.h": ' # include "x.h"'}
    with pytest.raises(ValueError, match=r'both included as "x.h": a/x.h and b/x.h'):
        compiler.headers_of(two)


def test_the_compiler_is_given_the_contract_as_options_and_the_sources_as_headers():
    nvrtc = Nvrtc()
    assert Compiler(SOURCES, api=nvrtc).compile(OTHER, "sm_90") == b"cubin"
    (program,) = nvrtc.compiled
    options = [option.decode() for option in program["options"]]
    assert options[0] == "--gpu-architecture=sm_90"
    assert {"-std=c++17", "--fmad=false", "-default-device", "--no-source-include", *OTHER.defines} <= set(options)
    assert program["source"] == SOURCES[MAIN].encode()
    assert program["headers"][b"../shared.h"] == SOURCES["shared.h"].encode()
    assert b"stdint.h" in program["headers"]
    assert nvrtc.destroyed == 1


def test_a_compiler_tells_its_version_and_architectures():
    found = Compiler(SOURCES, api=Nvrtc())
    assert (found.version(), found.architectures()) == ("13.5", ["sm_75", "sm_90", "sm_120"])


@pytest.mark.parametrize(("architecture", "known"), [("sm_130", b"120"), ("sm_100", b"90"), ("sm_89", b"75")])
def test_an_architecture_that_the_compiler_does_not_know_gets_ptx_of_the_one_before(architecture, known):
    nvrtc = Nvrtc()
    assert Compiler(SOURCES, api=nvrtc).compile(KERNEL, architecture) == b"ptx\0"
    assert nvrtc.compiled[0]["options"][0] == b"--gpu-architecture=compute_" + known


def test_an_architecture_before_all_that_the_compiler_knows_is_refused_with_a_way_out():
    nvrtc = Nvrtc()
    nvrtc.nvrtcGetSupportedArchs = lambda: (0, [90, 120])  # as a later one may
    match = r"architecture is sm_75, and NVRTC 13.5 compiles for sm_90, sm_120; .*fastinit-weights\[cuda12\]"
    with pytest.raises(CompilerError, match=match):
        Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_75")
    with pytest.raises(CompilerError, match="architecture is sm_70; accepted is sm_75, that of the Turing generation"):
        Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_70")


def test_what_does_not_compile_is_an_error_with_the_log_and_leaves_no_program():
    nvrtc = Nvrtc()
    nvrtc.fails["nvrtcCompileProgram"] = 6
    match = (
        r"NVRTC 13.5 could not compile fastinit_range_normal_float32 for sm_90: .*NVRTC error 6\nfill.cu\(3\): error.$"
    )
    with pytest.raises(CompilerError, match=match):
        Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_90")
    assert nvrtc.destroyed == 1


@pytest.mark.parametrize("name", ["nvrtcVersion", "nvrtcGetSupportedArchs", "nvrtcCreateProgram", "nvrtcGetCUBIN"])
def test_whatever_fails_in_nvrtc_is_an_error_with_the_call(name):
    nvrtc = Nvrtc()
    nvrtc.fails[name] = 4
    with pytest.raises(CompilerError, match=f"^{name} failed: NVRTC error 4$"):
        Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_90")


def test_a_machine_without_nvrtc_is_told_what_installs_it():
    nvrtc = Nvrtc()
    nvrtc.lacks = True
    with pytest.raises(
        CompilerError, match=r"Failure finding libnvrtc.so.13; `pip install 'fastinit-weights\[cuda\]'`"
    ):
        Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_90")


def test_a_kernel_is_compiled_once_for_all_that_it_is_made_of(tmp_path):
    def compiled(sources=SOURCES, kernel=KERNEL, architecture="sm_90", **of):
        nvrtc = Nvrtc(**of)
        image = Compiler(sources, Cache(tmp_path / "cache"), nvrtc).compile(kernel, architecture)
        assert image == (b"cubin" if architecture != "sm_999" else b"ptx\0")
        return len(nvrtc.compiled)

    changes = [
        {},
        {"kernel": OTHER},
        {"architecture": "sm_75"},
        {"architecture": "sm_999"},
        {"version": (13, 6)},
        {"sources": SOURCES | {MAIN: SOURCES[MAIN] + " "}},
        {"sources": SOURCES | {"shared.h": SOURCES["shared.h"] + " "}},
    ]
    assert [compiled(**change) for change in changes] == [1] * len(changes)
    assert [compiled(**change) for change in changes] == [0] * len(changes)
    assert len(list((tmp_path / "cache").iterdir())) == len(changes)


def test_another_option_is_another_kernel(tmp_path, monkeypatch):
    for options in (compiler.OPTIONS, compiler.OPTIONS[:-1]):
        monkeypatch.setattr(compiler, "OPTIONS", options)
        nvrtc = Nvrtc()
        Compiler(SOURCES, Cache(tmp_path), nvrtc).compile(KERNEL, "sm_90")
        assert len(nvrtc.compiled) == 1


# ---- The sources of the package --------------------------------------------------------------------------------------


def installed():
    folder = compiler.source_folder()
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_the_installed_sources_are_those_of_the_core():
    files = installed()
    assert {"philox.h", "vecmath.h", "coefficients.h", "quantile.h"} <= set(files)
    if (ROOT / "src").exists():
        assert {
            name for name, path in files.items() if path.read_bytes() != (ROOT / "src" / name).read_bytes()
        } == set()


def test_the_installed_sources_include_nothing_that_is_not_there():
    sources = {name: path.read_text(encoding="utf-8") for name, path in installed().items()}
    headers = compiler.headers_of(sources)
    of_a_host = {"../compiler.h", "../softfloat.h"}  # in a branch that no device compiles
    for name, text in sources.items():
        quoted = set(re.findall(r'^\s*#\s*include\s*"(.+)"', text, re.M)) - of_a_host
        assert quoted <= set(headers), f"{name} includes what is not installed"
        assert set(re.findall(r"^\s*#\s*include\s*<(.+)>", text, re.M)) <= set(LIBRARY), name


def test_sources_that_are_not_installed_are_missed_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "source_folder", lambda: tmp_path)
    with pytest.raises(CompilerError, match=f"{re.escape(str(tmp_path))}: fastinit is not installed completely"):
        Compiler(api=Nvrtc())
    (tmp_path / "gpu").mkdir()
    (tmp_path / MAIN).write_text("main", encoding="utf-8")
    assert compiler.package_sources() == {MAIN: "main"}


# ---- The real NVRTC, which needs no GPU ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nvrtc():
    api = bindings("nvrtc")
    # cuda-pathfinder looks into the folders of site, not into those of sys.path; a library that is loaded, it takes.
    for folder in sys.path:
        for library in sorted(Path(folder, "nvidia").glob("*/lib/libnvrtc.so.1?")):
            ctypes.CDLL(str(library))
    try:
        Compiler(SOURCES, api=api).version()
    except CompilerError as error:
        pytest.skip(f"there is no NVRTC: {error}")
    return api


def test_nvrtc_compiles_for_every_architecture_that_it_knows(nvrtc):
    found = Compiler(SOURCES, api=nvrtc)
    assert re.fullmatch(r"1[2-9]\.\d+", found.version())
    assert {"sm_75", "sm_80", "sm_90", "sm_120"} <= set(found.architectures())
    for architecture in found.architectures():
        image = found.compile(KERNEL, architecture)
        assert image.startswith(b"\x7fELF")
        assert KERNEL.name.encode() in image


def test_nvrtc_contracts_nothing(nvrtc, monkeypatch):
    ptx = Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_999")
    assert ptx.endswith(b"\0")
    assert f".entry {KERNEL.name}(".encode() in ptx
    assert b"mul.f32" in ptx or b"mul.rn.f32" in ptx
    assert b"fma" not in ptx
    monkeypatch.setattr(compiler, "OPTIONS", tuple(o for o in compiler.OPTIONS if not o.startswith("--fmad")))
    assert b"fma.rn.f32" in Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_999")


def test_nvrtc_takes_no_header_of_the_folder_that_the_process_is_in(nvrtc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "gpu"):
        folder.mkdir(exist_ok=True)
        (folder / "other.h").write_text("#define OTHER 1.0f", encoding="utf-8")
        (folder / "shared.h").write_text("#error not this one", encoding="utf-8")
    assert Compiler(SOURCES, api=nvrtc).compile(KERNEL, "sm_90")
    with pytest.raises(CompilerError, match=r'fastinit_range_normal_float32 for sm_90: .*\n(?s:.*)"other.h"'):
        Compiler(SOURCES | {MAIN: '#include "other.h"\n' + SOURCES[MAIN]}, api=nvrtc).compile(KERNEL, "sm_90")


def test_our_headers_of_the_c_library_say_what_c_says(nvrtc):
    includes = "".join(f"#include <{name}>\n" for name in LIBRARY) * 2
    asserted = [
        *(f"sizeof({sign}int{bits}_t) == {bits // 8}" for bits in (32, 64) for sign in ("", "u")),
        *(f"({sign}int{bits}_t)-1 {'>' if sign else '<'} 0" for bits in (32, 64) for sign in ("", "u")),
        "sizeof(uint8_t) == 1 && (uint8_t)-1 > 0 && sizeof(uint16_t) == 2 && (uint16_t)-1 > 0",
        "UINT64_C(0xFFFFFFFFFFFFFFFF) == (uint64_t)-1 && UINT32_C(4294967295) == (uint32_t)-1",
        "sizeof(UINT64_C(1)) == 8 && sizeof(UINT32_C(1)) == 4",
    ]
    body = "".join(f'static_assert({each}, "");\n' for each in asserted)
    main = f'{includes}{body}extern "C" __global__ void FI_KERNEL(float *p) {{ p[0] = INFINITY; }}'
    assert Compiler({MAIN: main}, api=nvrtc).compile(KERNEL, "sm_999")


@pytest.mark.parametrize("form", ["range", "ranges", "region", "blocks", "constant"])
def test_nvrtc_compiles_the_kernels_of_the_package(nvrtc, form):
    kernel = Kernel("constant", "CONSTANT", "BYTES2", False)
    if form != "constant":
        kernel = Kernel(form, "TRUNCATED_TAIL", "BFLOAT16", True)
    assert Compiler(api=nvrtc).compile(kernel, "sm_90").startswith(b"\x7fELF")


# ---- The cache -------------------------------------------------------------------------------------------------------

KEY = "5" * 64


def test_what_is_stored_is_loaded_by_another_process_and_is_the_users_alone(tmp_path):
    folder = tmp_path / "a" / "b"
    Cache(folder).store(KEY, b"image")
    assert Cache(folder).load(KEY) == b"image"
    assert Cache(folder).load("6" * 64) is None
    assert [path.name for path in folder.iterdir()] == [KEY]
    if os.name != "nt":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / KEY).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"", lambda b: b[:-1] + b"?", bytes.upper]
)
def test_a_file_that_is_not_what_was_stored_is_replaced(tmp_path, damage):
    here = Cache(tmp_path)
    here.store(KEY, b"image")
    (tmp_path / KEY).write_bytes(damage((tmp_path / KEY).read_bytes()))
    assert here.load(KEY) is None
    here.store(KEY, b"image")
    assert here.load(KEY) == b"image"


def test_a_kernel_under_the_name_of_another_is_not_taken_for_it(tmp_path):
    here = Cache(tmp_path)
    here.store(KEY, b"image")
    (tmp_path / KEY).rename(tmp_path / ("6" * 64))
    assert here.load("6" * 64) is None


def _write_and_read(folder, image, rounds, go):
    warnings.simplefilter("error")
    here = Cache(Path(folder))
    go.wait()
    for _ in range(rounds):
        here.store(KEY, image)
        if here.load(KEY) != image:
            raise SystemExit("what was loaded is not what was stored")


def test_many_processes_write_one_kernel_at_once_and_each_reads_all_of_it(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    image, go = os.urandom(200_000), spawn.Event()
    ranks = [spawn.Process(target=_write_and_read, args=(tmp_path / "c", image, 50, go)) for _ in range(8)]
    for rank in ranks:
        rank.start()
    go.set()
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [0] * 8
    assert [path.name for path in (tmp_path / "c").iterdir()] == [KEY]


def refused(problem):
    return pytest.warns(
        RuntimeWarning, match=f"kernels are not kept for later processes.*{problem}.*FASTINIT_CACHE_DIR"
    )


def tried(here):
    """Both ways, twice: one warning is enough."""
    for _ in range(2):
        assert here.load(KEY) is None
        here.store(KEY, b"image")


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with refused("Not a directory|file") as seen:
        tried(Cache(tmp_path / "file" / "cache"))
    assert len(seen) == 1
    assert seen[0].filename == __file__


@pytest.mark.parametrize("call", ["makedirs", "replace"])
def test_a_folder_that_cannot_be_written_costs_one_warning_and_is_still_read(tmp_path, monkeypatch, call):
    Cache(tmp_path).store(KEY, b"image")

    def fail(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache.os, call, fail)
    here = Cache(tmp_path)
    with refused("Read-only file system") as seen:
        here.store("6" * 64, b"other")
        here.store("7" * 64, b"another")
    assert len(seen) == 1
    assert here.load(KEY) == b"image"
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_a_full_disk_costs_one_warning_and_leaves_no_file(tmp_path, monkeypatch):
    class Full:
        def __init__(self, number):
            self.number = number

        def __enter__(self):
            return self

        def __exit__(self, *_):
            os.close(self.number)

        def write(self, content):
            os.write(self.number, content[:3])
            raise OSError(28, "No space left on device")

    def opened(name, mode):
        if mode == "rb":
            raise FileNotFoundError(name)
        return Full(name)

    monkeypatch.setattr(cache, "open", opened, raising=False)
    with refused("No space left on device"):
        Cache(tmp_path).store(KEY, b"image")
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_stored_meanwhile_is_no_failure(tmp_path, monkeypatch):
    Cache(tmp_path).store(KEY, b"image")

    def fail(*_):
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(cache.os, "replace", fail)
    Cache(tmp_path).store(KEY, b"image")
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, mode):
    Cache(tmp_path).store(KEY, b"image")
    tmp_path.chmod(mode)
    with refused(f"others can write to {tmp_path}") as seen:
        tried(Cache(tmp_path))
    assert len(seen) == 1


@posix
def test_a_file_that_others_can_write_to_is_not_used(tmp_path):
    Cache(tmp_path).store(KEY, b"image")
    (tmp_path / KEY).chmod(0o666)
    with refused(f"others can write to {tmp_path / KEY}"):
        assert Cache(tmp_path).load(KEY) is None


@posix
def test_what_belongs_to_another_user_is_not_used(tmp_path, monkeypatch):
    Cache(tmp_path).store(KEY, b"image")
    monkeypatch.setattr(cache.os, "geteuid", lambda: 12345)
    with refused(f"{tmp_path} belongs to another user"):
        tried(Cache(tmp_path))


@posix
def test_another_users_file_in_ones_own_folder_is_not_used(tmp_path, monkeypatch):
    Cache(tmp_path).store(KEY, b"image")
    real = os.fstat

    def fstat(number):
        fields = list(real(number))
        fields[4] += 1  # st_uid
        return os.stat_result(fields)

    monkeypatch.setattr(cache.os, "fstat", fstat)
    with refused(f"{tmp_path / KEY} belongs to another user"):
        assert Cache(tmp_path).load(KEY) is None


@posix
def test_the_cache_lies_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = cache.folder_of_user
    assert folder({}) == tmp_path / ".cache" / "fastinit"
    assert folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/fastinit")
    assert folder({"XDG_CACHE_HOME": "relative"}) == folder({"XDG_CACHE_HOME": ""}) == tmp_path / ".cache" / "fastinit"
    assert folder({"XDG_CACHE_HOME": "/x", "FASTINIT_CACHE_DIR": "/y"}) == Path("/y")
    assert folder({"FASTINIT_CACHE_DIR": "here"}) == tmp_path / "here"
    assert folder({"FASTINIT_CACHE_DIR": "~/there"}) == tmp_path / "there"
    assert folder({"FASTINIT_CACHE_DIR": ""}) is None


def test_on_windows_the_cache_lies_with_the_users_local_data(monkeypatch):
    monkeypatch.setattr(cache, "os", types.SimpleNamespace(name="nt", path=os.path))
    assert cache.folder_of_user({"LOCALAPPDATA": "/local"}) == Path("/local/fastinit/Cache")
    assert cache.folder_of_user({}) == Path.home() / "AppData" / "Local" / "fastinit" / "Cache"
    cache._check_own(types.SimpleNamespace(st_uid=1, st_mode=0o777), "name")


def test_the_users_cache_is_switched_off_without_a_word(monkeypatch):
    monkeypatch.setenv("FASTINIT_CACHE_DIR", "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tried(Cache.of_user())


def test_a_user_without_a_home_costs_one_warning(monkeypatch):
    monkeypatch.setenv("FASTINIT_CACHE_DIR", "~nobody-of-this-name/cache")
    with refused("the home folder cannot be told") as seen:
        tried(Cache.of_user())
    assert len(seen) == 1


# ---- What `python -m fastinit info` says -----------------------------------------------------------------------------


def test_info_names_the_gpus_their_architecture_and_the_versions(monkeypatch):
    here, nvrtc = environment.describe(), Nvrtc()
    monkeypatch.setattr(driver, "bindings", lambda module: Cuda(version=12080))
    monkeypatch.setattr(compiler, "bindings", lambda module: nvrtc)
    gpus = environment.gpus()
    told = [f"NVIDIA Device {device}, sm_9{device}; driver of CUDA 12.8, NVRTC 13.5" for device in range(3)]
    assert gpus == told
    shown = " ".join(environment.info(here, 60, gpus).split())
    assert f" GPUs {'. '.join(told)} Python " in shown
    assert json.loads(environment.info_json(here, gpus))["gpus"] == told
    nvrtc.lacks = True
    assert environment.gpus()[0] == "NVIDIA Device 0, sm_90; driver of CUDA 12.8, no NVRTC"


@pytest.mark.parametrize("error", [ImportError("no such module"), AttributeError("broken"), DriverError("no device")])
def test_info_says_nothing_of_gpus_where_they_cannot_be_used(monkeypatch, error):
    def fail(module):
        raise error

    monkeypatch.setattr(driver, "bindings", fail)
    assert environment.gpus() == []
    here = environment.describe()
    assert "GPU" not in environment.info(here)
    assert "gpus" not in json.loads(environment.info_json(here))


# ---- Launches --------------------------------------------------------------------------------------------------------


class StandInDriver:
    """A Driver as launches see it."""

    def __init__(self, version=13000):
        self.of_version, self.loads, self.launches, self.waits, self.fails = version, [], [], [], {}

    def _may_fail(self, name):
        if name in self.fails:
            raise self.fails[name]

    def version(self):
        return self.of_version

    def device_of(self, address):
        self._may_fail("device_of")
        return 2

    def architecture(self, device):
        return f"sm_9{device}"

    def load(self, device, image, name):
        self._may_fail("load")
        self.loads.append((device, image, name))
        return len(self.loads)

    def launch(self, *arguments):
        self._may_fail("launch")
        self.launches.append(arguments)

    def synchronize(self, device, stream):
        self._may_fail("synchronize")
        self.waits.append((device, stream))


class StandInCompiler:
    def __init__(self, wait=None):
        self.compiled, self.error, self.wait = [], None, wait

    def version(self):
        return "13.5"

    def compile(self, kernel, architecture):
        if self.wait is not None:
            self.wait.wait(0.05)  # others come meanwhile
        if self.error:
            raise self.error
        self.compiled.append((kernel, architecture))
        return f"{kernel.name} for {architecture}".encode()


@pytest.fixture
def parts():
    pair = StandInDriver(), StandInCompiler()
    with launch.use_driver(*pair):
        yield pair


def test_a_launch_is_on_the_arrays_device_and_stream(parts):
    found, _ = parts
    run = launch.launcher(DeviceArray(device=1, stream=77), KERNEL)
    assert found.loads == [(1, f"{KERNEL.name} for sm_91".encode(), KERNEL.name)]
    run(12, 0xABC)
    run(13, 0xABD)
    assert found.launches == [(1, 1, 12, THREADS, 77, 0xABC), (1, 1, 13, THREADS, 77, 0xABD)]
    assert THREADS == 256


def test_an_array_that_does_not_know_its_device_is_filled_where_its_memory_is(parts):
    found, _ = parts
    array = DeviceArray(device=None, synchronize=True, stream=5)
    launch.launcher(array, KERNEL)(1, 0xABC)
    launch.finish(array)
    assert (found.launches, found.waits) == ([(2, 1, 1, 256, 5, 0xABC)], [(2, 5)])


def test_a_kernel_is_loaded_once_for_each_device(parts):
    found, made = parts
    for _ in range(2):
        for device in (0, 1):
            for kernel in (KERNEL, OTHER):
                launch.launcher(DeviceArray(device=device), kernel)
    assert len(found.loads) == len(made.compiled) == 4


def test_threads_that_need_one_kernel_compile_it_once():
    found, made, barrier = StandInDriver(), StandInCompiler(threading.Event()), threading.Barrier(8)

    def fill():
        barrier.wait()
        launch.launcher(DeviceArray(), KERNEL)(1, 0xABC)

    with launch.use_driver(found, made):
        threads = [threading.Thread(target=fill) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(made.compiled), len(found.loads), len(found.launches)) == (1, 1, 8)


def test_what_is_waited_for_is_what_asks_for_it(parts):
    found, _ = parts
    launch.finish(DeviceArray(synchronize=False))
    assert found.waits == []
    launch.finish(DeviceArray(device=1, synchronize=True, stream=9))
    assert found.waits == [(1, 9)]


@pytest.mark.parametrize(("name", "again"), [("OUT_OF_MEMORY", True), ("NO_BINARY_FOR_GPU", False)])
def test_a_device_whose_memory_is_full_is_tried_again(name, again):
    class Full(Driver):
        def __init__(self):
            self.tries = 0

        def architecture(self, device):
            return "sm_90"

        def version(self):
            return 13000

        def load(self, device, image, name_):
            self.tries += 1
            raise DriverError(f"cuModuleLoadData failed: CUDA_ERROR_{name}")

    full = Full()
    with launch.use_driver(full, StandInCompiler()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [launch.serves(1), launch.serves(1)] == [False, False]
    assert (full.tries, len(caught)) == ((2, 2) if again else (1, 1))


def test_errors_name_the_array(parts):
    found, made = parts
    known = r"^cannot fill the array of shape \(2, 3\) and dtype float32 on CUDA device 0: "
    made.error = CompilerError("no compiler")
    with pytest.raises(CompilerError, match=known + "no compiler$"):
        launch.launcher(DeviceArray(), KERNEL)
    made.error = None
    found.fails["load"] = DriverError("no memory")
    with pytest.raises(DriverError, match=known + "no memory$"):
        launch.launcher(DeviceArray(), KERNEL)
    del found.fails["load"]
    run = launch.launcher(DeviceArray(), KERNEL)
    found.fails["launch"] = DriverError("no launch")
    with pytest.raises(DriverError, match=known + "no launch$"):
        run(1, 0xABC)
    found.fails["synchronize"] = DriverError("no end")
    with pytest.raises(DriverError, match=known + "no end$"):
        launch.finish(DeviceArray(synchronize=True))
    found.fails["device_of"] = DriverError("no address")
    for ask in (lambda array: launch.launcher(array, KERNEL), launch.finish):
        with pytest.raises(DriverError, match=r"float32 on a CUDA device: no address$"):
            ask(DeviceArray(device=None, synchronize=True))


@pytest.mark.parametrize(("version", "told"), [(12080, True), (13000, False), (14000, False)])
def test_a_kernel_that_an_older_driver_refuses_is_said_to_be_of_a_newer_cuda(version, told):
    found = StandInDriver(version)
    found.fails["load"] = DriverError("CUDA_ERROR_INVALID_IMAGE")
    with launch.use_driver(found, StandInCompiler()), pytest.raises(DriverError) as seen:
        launch.launcher(DeviceArray(), KERNEL)
    hint = (
        "; the kernel was compiled by NVRTC 13.5, and the driver is of CUDA 12.8: install a newer driver, or NVRTC 12"
    )
    assert str(seen.value).endswith("CUDA_ERROR_INVALID_IMAGE" + hint * told)


def test_stand_ins_are_gone_with_what_they_loaded():
    before = launch._programs
    with launch.use_driver(StandInDriver(), StandInCompiler()):
        launch.launcher(DeviceArray(), KERNEL)
        assert launch._programs.functions
    assert launch._programs is before
    with pytest.raises(KeyError), launch.use_driver(StandInDriver(), StandInCompiler()):
        raise KeyError
    assert launch._programs is before


def test_the_real_driver_and_compiler_are_made_when_the_first_array_needs_them(monkeypatch, tmp_path):
    cuda, nvrtc = Cuda(), Nvrtc()
    monkeypatch.setattr(driver, "bindings", lambda module: cuda)
    monkeypatch.setattr(compiler, "bindings", lambda module: nvrtc)
    monkeypatch.setattr(compiler, "package_sources", lambda: SOURCES)
    monkeypatch.setenv("FASTINIT_CACHE_DIR", str(tmp_path / "cache"))
    with launch.use_driver(None, None):
        launch.launcher(DeviceArray(device=1), KERNEL)(3, 0xABC)
        launch.launcher(DeviceArray(device=1), KERNEL)(3, 0xABC)
    assert cuda.names("cuInit", "cuLaunchKernel") == ["cuInit", "cuLaunchKernel", "cuLaunchKernel"]
    assert nvrtc.compiled[0]["options"][0] == b"--gpu-architecture=compute_90"
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("module", ["driver", "nvrtc"])
def test_a_machine_without_cuda_bindings_is_told_what_installs_them(module):
    code = f"""
import sys
sys.modules["cuda.bindings.{module}"] = None
from fastinit.gpu import compiler, driver
try:
    {{"driver": driver.Driver, "nvrtc": compiler.Compiler}}["{module}"]()
except ImportError as error:
    print(error)
"""
    run = fresh_python(code)
    assert "arrays on a CUDA device need cuda-bindings" in run.stdout, run.stderr
    assert "`pip install 'fastinit-weights[cuda]'`" in run.stdout
    assert "`pip install 'fastinit-weights[cuda12]'`" in run.stdout


def test_nothing_of_cuda_is_imported_before_a_kernel_is_needed():
    code = "import fastinit.gpu.launch, sys; print(*[m for m in sys.modules if m.partition('.')[0] == 'cuda'])"
    run = fresh_python(code)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_is_told_why_it_cannot_fill_and_waits_for_no_thread_of_its_parent():
    code = f"""
import sys, os, threading, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import warnings
warnings.simplefilter("ignore")
from test_gpu_programs import Cuda, DeviceArray, Driver, KERNEL, OTHER, StandInCompiler
from fastinit.gpu import launch
inside, leave = threading.Event(), threading.Event()
class Slow(StandInCompiler):
    def compile(self, kernel, architecture):
        if kernel == OTHER:
            inside.set()
            leave.wait()
        return b"image"
with launch.use_driver(Driver(Cuda()), Slow()):
    run = launch.launcher(DeviceArray(), KERNEL)
    thread = threading.Thread(target=launch.launcher, args=(DeviceArray(), OTHER))
    thread.start()
    inside.wait()
    child = os.fork()
    if not child:
        for fill in (lambda: run(1, 0xABC), lambda: launch.launcher(DeviceArray(), OTHER)):
            try:
                fill()
            except Exception as error:
                print(error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    leave.set()
    thread.join()
"""
    run = fresh_python(code, timeout=60)
    lines = run.stdout.splitlines()
    assert len(lines) == 2, run.stderr
    for line in lines:
        assert "float32 on CUDA device 0: CUDA cannot be used in this process: if CUDA was used before" in line
