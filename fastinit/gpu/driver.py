"""
CUDA's driver, by cuda.bindings.driver: devices, kernels and launches, and its errors as exceptions.

Fills use the primary context of a device, as PyTorch, JAX, CuPy and CUDA's runtime do, whose memory and streams belong
to it. It is retained once for each device and never released, since other libraries use it to the end of the process;
and it is current only while a call needs it, so that what the thread had is left as it was.
"""

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

from fastinit.distribution import command_for

_HAS_FUNC_LOAD = 12040  # the driver's version
_NOT_INITIALIZED = 3
# After these the context is lost, and every call reports them: ECC, illegal addresses, timeouts, asserts and the like.
_STICKY = frozenset((214, 700, 702, 710, *range(714, 721)))


class DriverError(RuntimeError):
    """A call of CUDA's driver failed: which one, the error's name and its description."""


def bindings(module: str) -> Any:
    """A module of cuda-bindings; an ImportError tells how it is installed."""
    try:
        return importlib.import_module(f"cuda.bindings.{module}")
    except ImportError as error:
        raise ImportError(
            f"arrays on a CUDA device need cuda-bindings and NVRTC ({error}), which {command_for('cuda')} installs, "
            f"for a driver of CUDA 12 {command_for('cuda12')}"
        ) from error


class Driver:
    """
    What fills need of the driver.

    Parameters
    ----------
    api : module or object, optional
        What has the functions of cuda.bindings.driver; that module by default.

    Raises
    ------
    ImportError
        If cuda-bindings is not installed.
    DriverError
        If there is no driver, or no device that it can use.
    """

    def __init__(self, api: Any = None) -> None:
        self._api = bindings("driver") if api is None else api
        self._process = os.getpid()
        self._contexts: dict[int, tuple[Any, int]] = {}  # by device: the primary context and its handle
        try:
            self._call("cuInit", 0)
        except RuntimeError as error:
            if isinstance(error, DriverError):
                raise
            # Of cuda-bindings, which loads the driver's library at the first call.
            raise DriverError(f"no NVIDIA driver was found on this machine: {error}") from error

    def version(self) -> int:
        """The newest CUDA that the driver knows: 13000 for 13.0."""
        return int(self._call("cuDriverGetVersion"))

    def devices(self) -> int:
        """How many devices this process may use."""
        return int(self._call("cuDeviceGetCount"))

    def device_of(self, address: int) -> int:
        """The ordinal of the device that the memory at an address belongs to."""
        attribute = self._api.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
        try:
            return int(self._call("cuPointerGetAttribute", attribute, address))
        except DriverError as error:
            raise DriverError(f"{error}; {address:#x} is no address in the memory of a CUDA device") from error

    def architecture(self, device: int) -> str:
        """What the device's instructions are called: "sm_90"."""
        attributes = self._api.CUdevice_attribute
        handle = self._call("cuDeviceGet", device)
        major, minor = (
            self._call("cuDeviceGetAttribute", attribute, handle)
            for attribute in (
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )
        )
        return f"sm_{int(major)}{int(minor)}"

    def name(self, device: int) -> str:
        """What the device is called: "NVIDIA H100 80GB HBM3"."""
        name: bytes = self._call("cuDeviceGetName", 256, self._call("cuDeviceGet", device))
        return name.partition(b"\0")[0].decode("utf-8", "replace").strip()

    def load(self, device: int, image: bytes, name: str) -> Any:
        """
        A function of a cubin, or of PTX, which the driver compiles; it stays loaded to the end of the process.

        It may be called while a stream is captured into a graph: nothing that loads belongs to the graph.
        """
        with self._current(device), self._outside_captures():
            function = self._call("cuModuleGetFunction", self._call("cuModuleLoadData", image), name.encode())
            if self.version() >= _HAS_FUNC_LOAD:
                # Otherwise the driver may put it off to the first launch, which a capture would refuse.
                self._call("cuFuncLoad", function)
        return function

    def launch(self, device: int, function: Any, groups: int, threads: int, stream: int, parameters: int) -> None:
        """
        Enqueues a kernel on a stream, and returns before it has run.

        ``parameters`` is the address of the array of pointers that cuLaunchKernel takes; what they point to is copied.
        """
        self._check_process()
        context, handle = self._context(device)
        code, current = self._api.cuCtxGetCurrent()
        if code:
            raise self._error("cuCtxGetCurrent", code)
        launch = (function, groups, 1, 1, threads, 1, 1, 0, stream, parameters, 0)
        if int(current) == handle:
            (code,) = self._api.cuLaunchKernel(*launch)
            if code:
                raise self._error("cuLaunchKernel", code)
        else:
            with self._pushed(context):
                self._call("cuLaunchKernel", *launch)

    def synchronize(self, device: int, stream: int) -> None:
        """Waits until all that is enqueued on a stream is done."""
        with self._current(device):
            self._call("cuStreamSynchronize", stream)

    # ---- Contexts ----------------------------------------------------------------------------------------------------

    def _context(self, device: int) -> tuple[Any, int]:
        found = self._contexts.get(device)
        if found is None:
            context = self._call("cuDevicePrimaryCtxRetain", self._call("cuDeviceGet", device))
            # Two threads may both have retained it: one count more, of what is never released.
            found = self._contexts.setdefault(device, (context, int(context)))
        return found

    @contextlib.contextmanager
    def _current(self, device: int) -> Iterator[None]:
        """The device's primary context is the thread's current one."""
        context, handle = self._context(device)
        if int(self._call("cuCtxGetCurrent")) == handle:
            yield
        else:
            with self._pushed(context):
                yield

    @contextlib.contextmanager
    def _pushed(self, context: Any) -> Iterator[None]:
        self._call("cuCtxPushCurrent", context)
        try:
            yield
        except BaseException:
            self._api.cuCtxPopCurrent()  # a lost context reports the error here again
            raise
        self._call("cuCtxPopCurrent")

    @contextlib.contextmanager
    def _outside_captures(self) -> Iterator[None]:
        """A capture of this or another thread, in CUDA's default mode, does not refuse that memory is allocated."""
        relaxed = self._api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        before = self._call("cuThreadExchangeStreamCaptureMode", relaxed)
        try:
            yield
        finally:
            self._api.cuThreadExchangeStreamCaptureMode(before)

    # ---- Calls and their errors --------------------------------------------------------------------------------------

    def _call(self, name: str, *arguments: Any) -> Any:
        """What a function of the driver returns besides its code, or the error."""
        self._check_process()
        try:
            code, *values = getattr(self._api, name)(*arguments)
        except RuntimeError as error:  # of cuda-bindings: the driver has no such function
            if name == "cuInit":
                raise
            raise DriverError(f"{name} failed: {error}; the NVIDIA driver may be too old") from error
        if code:
            raise self._error(name, code)
        return values[0] if values else None

    def _error(self, call: str, code: Any) -> DriverError:
        unknown, name = self._api.cuGetErrorName(code)
        text = f"{call} failed: {f'CUDA error {int(code)}' if unknown else _text(name)}"
        unknown, description = self._api.cuGetErrorString(code)
        if not unknown:
            text += f", {_text(description)}"
        if call == "cuInit" and int(code) == _NOT_INITIALIZED:
            text += f"; {_FORKED}"
        if int(code) in _STICKY:
            text += "; work that was enqueued before may be what failed; this process cannot use the device any more"
        return DriverError(text)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise DriverError(f"CUDA cannot be used in this process: {_FORKED}")


_FORKED = (
    "if CUDA was used before this process was forked, it cannot be used in it; start processes that use a GPU by "
    'multiprocessing.get_context("spawn"), or fork before the first use'
)


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "replace")
