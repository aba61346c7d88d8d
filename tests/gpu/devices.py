"""
The device that the programs of this folder run on: a GPU, by PyTorch, or a stand-in for one, without which what runs
rarely would fail by a slip. What the stand-in builds lies in $FASTINIT_STAND_IN, or in a new folder.

Whatever needs a GPU goes through Cuda, one call of PyTorch's each; StandIn has the same methods over memory of the CPU,
with the kernels of tests/emulator.py.
"""

import contextlib
import ctypes
import gc
import itertools
import os
import sys
import tempfile
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # JAX leaves the GPU's memory to the others

import numpy as np
import torch

from fastinit.gpu import launch
from fastinit.gpu.compiler import MAIN, Compiler, package_sources
from fastinit.gpu.driver import Driver
from fastinit.gpu.kernels import THREADS
from fastinit.torch import tensors
from fastinit.torch.tensors import numpy_dtype

OPERATIONS = Path(__file__).parent / "operations.cu"
SOURCE = Path(__file__).parent.parent.parent / "src"


class Operation:
    """A kernel of operations.cu, as fastinit.gpu's compiler is asked for one."""

    def __init__(self, name):
        self.name, self.defines = name, []


class Cuda:
    """A GPU."""

    dry = False

    def __init__(self):
        self.device = torch.device("cuda", 0)
        torch.zeros(1, device=self.device)  # PyTorch makes the context

    @property
    def name(self):
        return torch.cuda.get_device_name(self.device)

    @property
    def versions(self):
        return f"CUDA {torch.version.cuda}, PyTorch {torch.__version__}"

    @contextlib.contextmanager
    def used(self):
        """Has fastinit fill this device's memory."""
        yield

    def launches(self):
        """How many kernels of fastinit's were launched, where that is known."""
        return 0

    def driver(self):
        return Driver()

    def compiler(self, sources=None):
        return Compiler(sources)

    def folder(self):
        """Where what is built for the host may lie."""
        return tempfile.mkdtemp(prefix="fastinit-gpu-")

    # ---- Memory

    def empty(self, shape, dtype):
        return torch.empty(shape, dtype=dtype, device=self.device)

    def zeros(self, shape, dtype):
        return torch.zeros(shape, dtype=dtype, device=self.device)

    def copy_of(self, array):
        """The bytes of NumPy's array, in a tensor of the device."""
        content = np.frombuffer(bytearray(array.tobytes()), np.uint8)
        return torch.from_numpy(content).to(self.device)

    def module(self, make):
        with self.device:
            return make()

    def free_bytes(self):
        return torch.cuda.mem_get_info(self.device)[0]

    def release(self):
        """Gives back what PyTorch keeps of memory that nothing uses."""
        gc.collect()
        torch.cuda.empty_cache()

    # ---- Streams

    def stream(self):
        return torch.cuda.Stream(self.device)

    def on(self, stream):
        return torch.cuda.stream(stream)

    def synchronize(self):
        torch.cuda.synchronize(self.device)

    def keep_busy(self):
        """Has the current stream do something for some milliseconds."""
        torch.cuda._sleep(20_000_000)

    # ---- Graphs

    def graph(self):
        return torch.cuda.CUDAGraph()

    def captured(self, graph):
        return torch.cuda.graph(graph)

    # ---- Time

    def event(self):
        return torch.cuda.Event(enable_timing=True)

    def memset_of(self, tensor):
        """What has the driver write zeros to all of a tensor, on the current stream."""
        from cuda.bindings import driver

        address, count = tensor.data_ptr(), tensor.numel() * tensor.element_size() // 4
        stream = torch.cuda.current_stream(self.device).cuda_stream

        def memset():
            (code,) = driver.cuMemsetD32Async(address, 0, count, stream)
            if code:
                raise RuntimeError(f"cuMemsetD32Async failed: {code}")

        return memset

    # ---- Other libraries

    def cupy(self):
        import cupy

        return cupy

    def curand(self):
        from cupy_backends.cuda.libs import curand

        return curand

    def by_dlpack(self, tensor):
        return ByDlpack(tensor)


class ByDlpack:
    """A tensor of which nothing but DLPack tells."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack__(self, **keywords):
        return self.tensor.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


class Strided:
    """Memory of the device from an address on, as any library shows it: strides may be negative."""

    def __init__(self, address, like, stream=1):
        self.address, self.like, self.stream, self.dtype = address, like, stream, like.dtype

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.like.shape,
            "strides": self.like.strides,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "version": 3,
            "stream": self.stream,
        }


def bytes_of(tensor):
    """The bytes of a tensor, in the order of its elements."""
    return tensor.detach().contiguous().cpu().view(torch.uint8).numpy()


def to_numpy(tensor):
    """A copy of a tensor on the CPU, as an array of the dtype that NumPy, or ml_dtypes, has."""
    return bytes_of(tensor.reshape(-1)).view(numpy_dtype(tensor.dtype)).reshape(tuple(tensor.shape))


# ---- The stand-in ----------------------------------------------------------------------------------------------------


class StandIn(Cuda):
    """No device: tensors of the CPU that say they are of one, and the kernels' source, run thread by thread."""

    dry = True
    name, versions = "none: a stand-in", f"PyTorch {torch.__version__}"

    def __init__(self):
        import emulator

        self.device = torch.device("cpu")
        self._emulator = emulator
        self._folder = os.environ.get("FASTINIT_STAND_IN") or tempfile.mkdtemp(prefix="fastinit-gpu-")
        self._driver = _driver_of(emulator, self._folder)
        self._held = {}  # tensors of the device, by where their memory begins
        self._streams = itertools.count(0x5000)
        self._current = types.SimpleNamespace(cuda_stream=0)

    @contextlib.contextmanager
    def used(self):
        is_ours = property(lambda tensor: tensor.untyped_storage().data_ptr() in self._held)
        patches = [
            (torch.Tensor, "is_cuda", is_ours),
            (torch.Tensor, "is_cpu", property(lambda tensor: not tensor.is_cuda)),
            (torch.Tensor, "cpu", lambda tensor: tensor.clone()),
            (torch.cuda, "current_stream", lambda device=None: self._current),
            (torch, "empty", _without_pinning(torch.empty)),
            (tensors, "device_number", lambda tensor: 0),
        ]
        with contextlib.ExitStack() as undo:
            for owner, name, value in patches:
                had, before = name in vars(owner), vars(owner).get(name)
                setattr(owner, name, value)
                undo.callback(setattr if had else lambda o, n, _: delattr(o, n), owner, name, before)
            undo.enter_context(launch.use_driver(self._driver, self._emulator.Compiler()))
            yield

    def launches(self):
        return len(self._driver.launches)

    def folder(self):
        return self._folder

    def driver(self):
        return self._driver

    def compiler(self, sources=None):
        return _NoCompiler(self._emulator.Compiler())

    def _hold(self, tensor):
        self._held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    def empty(self, shape, dtype):
        return self._hold(torch.empty(shape, dtype=dtype))

    def zeros(self, shape, dtype):
        return self._hold(torch.zeros(shape, dtype=dtype))

    def copy_of(self, array):
        return self._hold(super().copy_of(array).clone())

    def module(self, make):
        module = make()
        for tensor in itertools.chain(module.parameters(), module.buffers()):
            self._hold(tensor.data)
        return module

    def free_bytes(self):
        return 1 << 28

    def release(self):
        self._held.clear()

    def stream(self):
        return types.SimpleNamespace(cuda_stream=next(self._streams), wait_stream=lambda other: None)

    @contextlib.contextmanager
    def on(self, stream):
        before, self._current = self._current, stream
        try:
            yield
        finally:
            self._current = before

    def synchronize(self):
        pass

    def keep_busy(self):
        pass

    def graph(self):
        return _Graph(self)

    @contextlib.contextmanager
    def captured(self, graph):
        """What is written meanwhile is not written, but by each replay."""
        before = {place: tensor.clone() for place, tensor in self._held.items()}
        with self.on(self.stream()):
            yield
        graph.after = {place: self._held[place].clone() for place in before}
        for place, content in before.items():
            self._held[place].copy_(content)

    def event(self):
        return _Event()

    def memset_of(self, tensor):
        return lambda: ctypes.memset(tensor.data_ptr(), 0, tensor.numel() * tensor.element_size())

    def cupy(self):
        return _cupy(self)

    def curand(self):
        return _Curand()

    def by_dlpack(self, tensor):
        return _ByDlpackOfDevice(tensor)


def _without_pinning(empty):
    return lambda *shape, pin_memory=False, **keywords: empty(*shape, **keywords)


class _Graph:
    def __init__(self, device):
        self._device, self.after = device, {}

    def replay(self):
        for place, content in self.after.items():
            self._device._held[place].copy_(content)


class _Event:
    """A time that passes with each that is recorded: a microsecond."""

    _clock = itertools.count(1)

    def record(self):
        self.at = next(self._clock)

    def synchronize(self):
        pass

    def elapsed_time(self, end):
        return (end.at - self.at) * 1e-3


class _ByDlpackOfDevice(ByDlpack):
    """A tensor's capsule, with the device in it that a GPU's would have."""

    def __dlpack__(self, *, stream, **keywords):
        assert stream == 1
        capsule = self.tensor.__dlpack__(**keywords)
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        version, context, deleter, flags, data = 8, 8, 8, 8, 8
        place = pointer(capsule, b"dltensor_versioned") + version + context + deleter + flags + data
        ctypes.c_int32.from_address(place).value = 2
        return capsule

    def __dlpack_device__(self):
        return (2, 0)


class _NoCompiler:
    """Compiles nothing: an image is a name."""

    def __init__(self, compiler):
        self._compiler = compiler

    def version(self):
        return "0.0"

    def compile(self, kernel, architecture):
        if isinstance(kernel, Operation):
            return b"operation"
        return self._compiler.compile(kernel, architecture)


def _driver_of(emulator, folder):
    class Emulated(emulator.Driver):
        """The emulator's, which runs operations.cu too, and groups of any number of threads."""

        def load(self, device, image, name):
            return name if image == b"operation" else super().load(device, image, name)

        def launch(self, device, kernel, groups, threads, stream, parameters):
            if isinstance(kernel, str):
                host_operations(folder)(kernel, groups, parameters)
            else:
                super().launch(device, kernel, -(-groups * threads // THREADS), THREADS, stream, parameters)

    return Emulated(emulator.build(folder))


def _cupy(device):
    """As much of CuPy as is used, over NumPy."""

    class Array(Strided):
        def __init__(self, array):
            super().__init__(array.ctypes.data, array, device._current.cuda_stream or 1)
            self.array = array

        def __getitem__(self, index):
            return Array(self.array[index])

        @property
        def T(self):
            return Array(self.array.T)

    class Stream:
        def __init__(self, non_blocking):
            self._stream, self._on = device.stream(), None

        def __enter__(self):
            self._on = device.on(self._stream)
            self._on.__enter__()

        def __exit__(self, *error):
            self._on.__exit__(*error)

        def synchronize(self):
            pass

    return types.SimpleNamespace(
        __version__="of no device",
        zeros=lambda shape, dtype: Array(np.zeros(shape, dtype)),
        asnumpy=lambda array: array.array.copy(),
        cuda=types.SimpleNamespace(Stream=Stream),
    )


class _Curand:
    """As much of CuPy's cuRAND as is used: it writes ones."""

    def createGenerator(self, kind):
        return {101: 1, 161: 2}[kind]

    def setPseudoRandomGeneratorSeed(self, generator, seed):
        assert generator in (1, 2)

    def _write(self, address, count, kind):
        ctypes.memmove(address, np.ones(count, kind).ctypes.data, count * np.dtype(kind).itemsize)

    def generateUniform(self, generator, address, count):
        self._write(address, count, np.float32)

    def generateUniformDouble(self, generator, address, count):
        self._write(address, count, np.float64)

    def generateNormal(self, generator, address, count, mean, std):
        self._write(address, count, np.float32)

    def generateNormalDouble(self, generator, address, count, mean, std):
        self._write(address, count, np.float64)


# ---- Single operations -----------------------------------------------------------------------------------------------


def operation(device, name):
    """What launches a kernel of operations.cu by the number of groups and its arguments, as ctypes has them."""
    driver = device.driver()
    sources = {**package_sources(), MAIN: OPERATIONS.read_text(encoding="utf-8")}
    image = device.compiler(sources).compile(Operation(name), driver.architecture(0))
    function = driver.load(0, image, name)

    def run(groups, *arguments):
        places = (ctypes.c_void_p * len(arguments))(*map(ctypes.addressof, arguments))
        driver.launch(0, function, groups, THREADS, 1, ctypes.addressof(places))

    return run


def host_operations(folder):
    """The kernels of operations.cu as this machine's compiler makes them; called with a name, groups and parameters."""
    import subprocess

    library = Path(folder) / "operations.so"
    if not library.exists():  # the folder is one run's
        flags = ["-std=c11", "-O2", "-ffp-contract=off", "-fno-fast-math", "-fno-strict-aliasing", "-shared", "-fPIC"]
        source = f"-I{SOURCE}", "-x", "c", str(OPERATIONS)
        made = library.with_suffix(f".{os.getpid()}.so")
        subprocess.run([os.environ.get("CC", "cc"), *flags, *source, "-o", str(made), "-lm"], check=True)
        os.replace(made, library)
    loaded = ctypes.CDLL(str(library))

    def run(name, groups, parameters):
        loaded.run(name.encode(), ctypes.c_uint32(groups), ctypes.c_void_p(parameters))

    return run


def chosen(dry):
    """The device of a program: the first GPU, or, for a dry run, none."""
    return StandIn() if dry else Cuda()
