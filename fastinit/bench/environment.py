"""What a measurement depends on besides the code: the machine, its state and the versions, as data and in words."""

import importlib
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np

import fastinit
from fastinit import _core
from fastinit.bench.schema import Within
from fastinit.distribution import NAME
from fastinit.text import cut, folded, printable

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
CPUS = Path("/sys/devices/system/cpu")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MOST_OF_COMMAND = 1000  # characters
INFO_WIDTH = 110
LEAST_COLUMNS = 12  # of values

Threads = Annotated[int, Within(1, 1 << 20)]


@dataclass(frozen=True)
class Environment:
    """The machine and the versions; None is what the system does not tell."""

    date: str
    command: str
    fastinit: str
    stream_version: Annotated[int, Within(0, 1 << 20)]
    kernel: str
    kernels_available: tuple[str, ...]
    compiler: str
    cpu: str
    cpu_features: tuple[str, ...]
    cpus_available: Threads
    frequency_mhz: Annotated[float, Within(0, 1e9)] | None  # when the run began
    governor: str | None  # of the frequency
    last_level_cache: Annotated[int, Within(0, 1 << 60)] | None  # bytes
    virtual: bool | None
    huge_pages: str | None  # of memory that a process allocates: "always", "madvise", "never"
    affinity: str
    threads: Threads  # of a fill, at most
    load_average: Annotated[float, Within(0, 1e9)] | None
    load_after: Annotated[float, Within(0, 1e9)] | None  # None before the end of a run
    platform: str
    python: str
    numpy: str
    ml_dtypes: str | None


def describe() -> Environment:
    """The environment of this process, now."""
    cpu = cpu_for_one_thread()
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command(),
        fastinit=fastinit.__version__,
        stream_version=fastinit.STREAM_VERSION,
        kernel=fastinit.simd,
        kernels_available=tuple(_core.available_kernels()),
        compiler=_core.compiler,
        cpu=cpu_model(),
        cpu_features=tuple(_core.cpu_features()),
        cpus_available=cpus_available(),
        frequency_mhz=frequency_mhz(cpu or 0),
        governor=text_of(CPUS / f"cpu{cpu or 0}/cpufreq/scaling_governor"),
        last_level_cache=last_level_cache(),
        virtual=virtual(),
        huge_pages=huge_pages(),
        affinity="not pinned" if cpu is None else f"one-thread fills pinned to CPU {cpu}",
        threads=fastinit.get_num_threads(),
        load_average=load_average(),
        load_after=None,
        platform=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=np.__version__,
        ml_dtypes=version_of("ml_dtypes"),
    )


def command() -> str:
    """How this process was started, as one would type it; bytes that are no text are escaped."""
    program, *arguments = sys.argv or [""]
    if Path(program).name == "__main__.py":
        program = f"python -m {Path(program).parent.name}"
    elif Path(program).stem == NAME:
        program = NAME
    return cut(printable(" ".join([program, shlex.join(arguments)]).strip()), MOST_OF_COMMAND)


def version_of(package: str) -> str | None:
    """The version of an optional package, or None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


# ---- The CPU ---------------------------------------------------------------------------------------------------------


def text_of(path: Path) -> str | None:
    """What a file of the system says, or None where it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def cpuinfo(key: str, path: Path = CPUINFO, cpu: int = 0) -> str | None:
    """What the system says of a CPU, under that key."""
    values = re.findall(rf"^{key}\s*:\s*(.*\S)", text_of(path) or "", re.MULTILINE)
    return values[min(cpu, len(values) - 1)] if values else None


def cpu_model(path: Path = CPUINFO) -> str:
    """The CPU's name as its maker gives it, or the architecture where the system does not tell."""
    return cpuinfo("model name", path) or platform.processor() or platform.machine() or "unknown"


def cpus_available() -> int:
    """Logical CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_for_one_thread() -> int | None:
    """The CPU that one-thread fills are pinned to: the second, as systems like to do their own work on the first."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, allowed)
    except OSError:  # a sandbox may forbid it
        return None
    return allowed[min(1, len(allowed) - 1)]


def frequency_mhz(cpu: int) -> float | None:
    """The CPU's frequency now."""
    if kilohertz := text_of(CPUS / f"cpu{cpu}/cpufreq/scaling_cur_freq"):
        return float(kilohertz) / 1000
    megahertz = cpuinfo("cpu MHz", cpu=cpu)
    return None if megahertz is None else float(megahertz)


def virtual() -> bool | None:
    """Whether the machine is a virtual one, which x86 CPUs tell."""
    flags = cpuinfo("flags")
    return None if flags is None else "hypervisor" in flags.split()


@cache
def linear_algebra() -> Any:
    """
    What limits the threads of NumPy's linear algebra, for orthogonal: two on one CPU take fifty times as long as one.

    None where that cannot be: without threadpoolctl, or with a library that it does not know.
    """
    try:
        found = importlib.import_module("threadpoolctl").ThreadpoolController().select(user_api="blas")
    except ImportError:
        return None
    return found if found.lib_controllers else None


# ---- Memory ----------------------------------------------------------------------------------------------------------


def last_level_cache(cpus: Path = CPUS) -> int | None:
    """Bytes of the cache that is farthest from the cores."""
    sizes = {}
    for each in cpus.glob("cpu0/cache/index*"):
        level, size = text_of(each / "level"), text_of(each / "size")
        if level and size:
            sizes[int(level)] = int(size.removesuffix("K")) << 10
    return sizes[max(sizes)] if sizes else None


def available_memory(path: Path = MEMINFO) -> int | None:
    """Bytes that a process can have without another being swapped out."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", text_of(path) or "", re.MULTILINE)
    return int(found[1]) << 10 if found else None


def huge_pages(path: Path = HUGE_PAGES) -> str | None:
    """When the system backs memory with huge pages by itself."""
    found = re.search(r"\[(\w+)\]", text_of(path) or "")
    return found[1] if found else None


def load_average() -> float | None:
    """Processes that ran or waited over the last minute, where the system counts them."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


# ---- In words --------------------------------------------------------------------------------------------------------


def gpus() -> list[str]:
    """The CUDA devices that fills can use, and of which CUDA the driver and the compiler are; or none."""
    from fastinit.gpu.compiler import Compiler
    from fastinit.gpu.driver import Driver

    try:
        driver = Driver()
        version = driver.version()
        devices = [f"{driver.name(device)}, {driver.architecture(device)}" for device in range(driver.devices())]
    except Exception:  # whatever cuda-bindings, a stranger's package, does when it is imported
        return []
    try:
        compiler = f"NVRTC {Compiler({}).version()}"
    except Exception:
        compiler = "no NVRTC"
    return [f"{device}; driver of CUDA {version // 1000}.{version % 1000 // 10}, {compiler}" for device in devices]


def info(here: Environment, width: int = INFO_WIDTH, gpus: Sequence[str] = ()) -> str:
    """What fastinit is and runs on, without a measurement; values are folded to so many columns, or 110."""
    lines = {
        "fastinit": here.fastinit,
        "stream version": str(here.stream_version),
        "kernel": here.kernel,
        "kernels available": f"{', '.join(here.kernels_available)}; FASTINIT_SIMD forces one",
        "CPU": here.cpu,
        "CPU features": ", ".join(here.cpu_features) or "none that the choice of a kernel rests on",
        "threads": f"up to {here.threads} a fill; CPUs available: {here.cpus_available}",
        **({"GPUs": ". ".join(gpus)} if gpus else {}),
        "Python": here.python,
        "NumPy": here.numpy,
        "compiler": here.compiler,
        "platform": here.platform,
    }
    margin = max(map(len, lines)) + 2
    columns, below = max(min(width, INFO_WIDTH) - margin, LEAST_COLUMNS), "\n" + " " * margin
    return "\n".join(f"{name:{margin}}{below.join(folded(printable(text), columns))}" for name, text in lines.items())


def info_json(here: Environment, gpus: Sequence[str] = ()) -> str:
    """The same as one JSON object in one line of ASCII: numbers, texts and lists of texts."""
    names = (
        "stream_version kernel kernels_available cpu cpu_features cpus_available threads python numpy compiler platform"
    )
    told = {"version": here.fastinit} | {name: getattr(here, name) for name in names.split()}
    return json.dumps(told | ({"gpus": list(gpus)} if gpus else {}))


def facts(here: Environment) -> list[tuple[str, str]]:
    """What a run depends on besides the code; what the system did not tell is left out."""
    megahertz = "" if here.frequency_mhz is None else f"{here.frequency_mhz / 1000:.2f} GHz when it began"
    governor = "" if here.governor is None else f"governor {here.governor}"
    load = "" if here.load_average is None else f"{here.load_average:.2f} processes over the minute before the run"
    after = "" if here.load_after is None else f", {here.load_after:.2f} after it"
    ml_dtypes = "" if here.ml_dtypes is None else f", ml_dtypes {here.ml_dtypes}"
    virtual = {None: "", True: "; a virtual machine", False: "; no virtual machine"}[here.virtual]
    threads = f"up to {here.threads} thread{'s' if here.threads > 1 else ''} a fill"
    told = {
        "measured": f"{here.date}, by {here.command}",
        "fastinit": f"{here.fastinit}, {here.kernel} kernels, stream version {here.stream_version}",
        "CPU": f"{here.cpu}{virtual}",
        "CPUs": f"{here.cpus_available} available, {threads}; {here.affinity}",
        "frequency": ", ".join(filter(None, (megahertz, governor))),
        "last-level cache": "" if here.last_level_cache is None else bytes_text(here.last_level_cache),
        "huge pages": here.huge_pages or "",
        "load": load and load + after,
        "versions": f"{here.python}, NumPy {here.numpy}{ml_dtypes}; fastinit built by {here.compiler}",
        "platform": here.platform,
    }
    return [(label, text) for label, text in told.items() if text]


def bytes_text(n: int) -> str:
    """33554432 -> '32 MiB', and as near as one decimal tells where it is no whole number."""
    unit, size = next(((unit, 1 << bits) for unit, bits in (("Gi", 30), ("Mi", 20), ("Ki", 10)) if n >> bits), ("", 1))
    return f"{f'{n / size:.1f}'.removesuffix('.0')} {unit}B" if unit else f"{n} bytes"
