"""A CUDA device that is none: its memory is the CPU's, its kernels are src/gpu/fill.cu, run thread by thread."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from fastinit import _core
from fastinit.gpu import launch
from fastinit.gpu.kernels import THREADS, Kernel

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
FORMS = ("range", "region", "blocks", "ranges", "constant")  # fi_gpu_form
ROUNDED = ["-ffp-contract=off", "-fno-fast-math", "-fno-math-errno"]
FLAGS = ["-std=c11", "-O0", *ROUNDED, "-fno-strict-aliasing", "-shared", "-fPIC"]


def names_in(table):
    """The rows of a table of src/, in their order: the numbers of C's enumerations."""
    lines = (SOURCE / table).read_text(encoding="utf-8").splitlines()
    return [line.partition("(")[2].partition(",")[0] for line in lines if line.startswith("FI_")]


DRAWS, DTYPES = [*names_in("draws.def"), "CONSTANT"], names_in("dtypes.def")


def every_kernel():
    """All that fills can ask for: each form of each draw with its dtypes, also adding, and constants of each size."""
    for form in FORMS[:-1]:
        for draw in DRAWS[:-1]:
            for dtype in DTYPES:
                if (draw == "BITS") != dtype.startswith("UINT"):
                    continue
                if draw == "NORMAL_PAIRED" and dtype not in ("FLOAT32", "FLOAT64"):  # parts of complex numbers
                    continue
                yield Kernel(form, draw, dtype, False)
                if draw != "BITS":
                    yield Kernel(form, draw, dtype, True)
    for size in (1, 2, 4, 8, 16):
        yield Kernel("constant", "CONSTANT", f"BYTES{size}", False)


KERNELS = frozenset(every_kernel())


def build(folder):
    """The kernels as a library of this machine; kept in the folder under a hash of what it is made of."""
    compiler = shutil.which("cc")
    if compiler is None or os.name == "nt":
        pytest.skip("there is no cc, which compiles the kernels for this machine")
    main = ROOT / "tests/gpu/emulate.c"
    files = [main, *sorted(SOURCE.glob("*.h")), *sorted(SOURCE.glob("*.def")), *sorted(SOURCE.glob("gpu/*"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    library = Path(folder) / f"emulate-{digest}.so"
    if not library.exists():
        made = tempfile.mktemp(dir=folder, suffix=".so")
        subprocess.run([compiler, *FLAGS, f"-I{SOURCE}", main, "-o", made, "-lm"], check=True)
        os.replace(made, library)
    return ctypes.CDLL(str(library))


class Compiler:
    """Compiles nothing: an image is the kernel itself."""

    def version(self):
        return "0.0"

    def compile(self, kernel, architecture):
        assert architecture == "sm_00"
        assert kernel in KERNELS  # which tests/gpu/check_compile.py compiles
        return "/".join(map(str, kernel)).encode()


class Driver:
    """Runs kernels where fastinit.gpu.driver.Driver launches them, and remembers which."""

    def __init__(self, library):
        self._library = library
        self.launches = []  # (kernel, device, stream, groups)
        self.synchronized = []  # (device, stream)

    def version(self):
        return 13000

    def device_of(self, address):
        assert address
        return 0

    def architecture(self, device):
        return "sm_00"

    def name(self, device):
        return "emulated"

    def load(self, device, image, name):
        form, draw, dtype, accumulate = image.decode().split("/")
        kernel = Kernel(form, draw, dtype, accumulate == "True")
        assert kernel.name == name
        return kernel

    def launch(self, device, kernel, groups, threads, stream, parameters):
        assert threads == THREADS
        assert 0 < groups < 2**31
        self.launches.append((kernel, device, stream, groups))
        size = kernel.dtype.removeprefix("BYTES")
        dtype = int(size) if kernel.form == "constant" else DTYPES.index(kernel.dtype)
        numbers = FORMS.index(kernel.form), DRAWS.index(kernel.draw), dtype, int(kernel.accumulate)
        # A device's floating-point environment is its own.
        _core.in_standard_environment(
            self._library.emulate, *numbers, ctypes.c_uint32(groups), ctypes.c_void_p(parameters)
        )

    def synchronize(self, device, stream):
        self.synchronized.append((device, stream))

    @property
    def forms(self):
        return [kernel.form for kernel, *_ in self.launches]


class OnDevice:
    """A NumPy array, as a library for GPUs would show one of its own."""

    def __init__(self, array, stream=1, version=3):
        self.array, self.dtype = array, array.dtype
        self._stream, self._version = stream, version

    @property
    def __cuda_array_interface__(self):
        shown = {**self.array.__array_interface__, "version": self._version, "stream": self._stream}
        return {**shown, "data": (self.array.ctypes.data, not self.array.flags.writeable)}


def use(driver):
    """Has fastinit.gpu use an emulated device."""
    return launch.use_driver(driver, Compiler())


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def device(library):
    """The driver of an emulated device that every fill of a device's memory goes to."""
    driver = Driver(library)
    with use(driver):
        yield driver
