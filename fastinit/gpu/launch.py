"""
From a kernel to its launch on the device of an array: loaded once for each device, compiled where it must be.

The core asks for a launcher before it changes anything, so that whatever is missing is an error before the first byte.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from fastinit.gpu import warn
from fastinit.gpu.cache import Cache
from fastinit.gpu.compiler import Compiler, CompilerError
from fastinit.gpu.driver import Driver, DriverError
from fastinit.gpu.kernels import THREADS, Kernel

if TYPE_CHECKING:
    from fastinit.gpu.arrays import DeviceArray


class _Programs:
    """The driver, the compiler, and the kernels that were loaded by them."""

    def __init__(self, driver: Any = None, compiler: Any = None) -> None:
        self._driver, self._compiler = driver, compiler
        self.served: dict[int, bool] = {}
        self.functions: dict[tuple[int, Kernel], tuple[Callable[..., None], Any]] = {}  # with what launches them
        self.renew_lock()

    @property
    def driver(self) -> Any:
        driver = self._driver
        if driver is None:
            with self._lock:
                driver = self._driver = self._driver or Driver()
        return driver

    def load(self, device: int, kernel: Kernel) -> tuple[Callable[..., None], Any]:
        """A kernel's function on a device. Threads wait for each other, so that none compiles what another does."""
        driver = self.driver
        with self._lock:
            found = self.functions.get((device, kernel))
            if found is None:
                if self._compiler is None:
                    self._compiler = Compiler(cache=Cache.of_user())
                image = self._compiler.compile(kernel, driver.architecture(device))
                try:
                    function = driver.load(device, image, kernel.name)
                except DriverError as error:
                    raise DriverError(f"{error}{self._older_driver()}") from error
                found = self.functions[device, kernel] = driver.launch, function
        return found

    def _older_driver(self) -> str:
        """What an error of loading says besides, where the compiler is of a CUDA that the driver does not know."""
        compiler, version = self._compiler.version(), self.driver.version()
        if int(compiler.partition(".")[0]) <= version // 1000:
            return ""
        return (
            f"; the kernel was compiled by NVRTC {compiler}, and the driver is of CUDA {version // 1000}."
            f"{version % 1000 // 10}: install a newer driver, or NVRTC {version // 1000}"
        )

    def renew_lock(self) -> None:
        self._lock = threading.RLock()  # which a signal's handler, who may fill too, can take again


_programs = _Programs()
ERRORS = DriverError, CompilerError  # that a fill may meet besides those of its arguments

if hasattr(os, "register_at_fork"):
    # A thread of the parent may have held the lock. The driver stays: it knows whose it is and says so.
    os.register_at_fork(after_in_child=lambda: _programs.renew_lock())


class Where(NamedTuple):
    """Which of many fills it is: a label with a key in it, and how many others share its launches."""

    label: str
    key: Any
    others: int = 0

    def __str__(self) -> str:
        return self.label.format(self.key) + (f" and {self.others} more" if self.others else "")


def launcher(array: "DeviceArray", kernel: Kernel, where: Where | None = None) -> Callable[[int, int], None]:
    """
    What launches a kernel on the array's stream, by the number of groups and the address of the parameters.

    The kernel is loaded, and before that compiled, if it has not been on this device. Errors tell where, too.

    Raises
    ------
    ImportError
        If cuda-bindings is not installed.
    DriverError, CompilerError
        If the kernel cannot be had; they name the array. So does a DriverError of the launch.
    """
    programs = _programs
    device = device_of(array, where)
    try:
        launch, function = programs.functions.get((device, kernel)) or programs.load(device, kernel)
    except ERRORS as error:
        _fail(array, device, error, where)
    stream = array.stream

    def run(groups: int, parameters: int) -> None:
        try:
            launch(device, function, groups, THREADS, stream, parameters)
        except DriverError as error:
            _fail(array, device, error, where)

    return run


def device_of(array: "DeviceArray", where: Where | None = None) -> int:
    """The number of the array's device: as the array tells it, or the driver by the address."""
    if array.device is not None:
        return array.device
    try:
        return int(_programs.driver.device_of(array.address))
    except DriverError as error:
        _fail(array, None, error, where)


def serves(device: int) -> bool:
    """
    Whether kernels fill arrays on a device, with a warning if not: for who can fill it otherwise.

    What is missing may be cuda-bindings, NVRTC, or a version of either that goes with the driver and the device.
    """
    served = _programs.served.get(device)
    if served is None:
        try:
            _programs.load(device, Kernel("constant", "CONSTANT", "BYTES4", False))  # which compiles in no time
            served = True
        except (ImportError, DriverError, CompilerError) as error:
            warn(
                f"tensors on CUDA device {device} are filled by way of the CPU: the values are the same, the way is "
                f"longer. {error}"
            )
            served = False
            if "CUDA_ERROR_OUT_OF_MEMORY" in str(error):  # which may pass
                return served
        _programs.served[device] = served
    return served


def finish(array: "DeviceArray") -> None:
    """Waits for the fill where the array asks for it, as others may read the memory on streams of their own."""
    if array.written is not None:
        array.written()
    if array.synchronize:
        device = device_of(array)
        try:
            _programs.driver.synchronize(device, array.stream)
        except DriverError as error:
            _fail(array, device, error)


def _fail(
    array: "DeviceArray", device: int | None, error: DriverError | CompilerError, where: Where | None = None
) -> NoReturn:
    on = "a CUDA device" if device is None else f"CUDA device {device}"
    text = f"cannot fill the array of shape {array.shape} and dtype {array.dtype} on {on}: {error}"
    raise type(error)(text if where is None else f"{where}: {text}") from error


@contextlib.contextmanager
def use_driver(driver: Any, compiler: Any) -> Iterator[None]:
    """Has all fills of the process go through another driver and compiler, with nothing loaded yet: for tests."""
    global _programs
    before, _programs = _programs, _Programs(driver, compiler)
    try:
        yield
    finally:
        _programs = before
