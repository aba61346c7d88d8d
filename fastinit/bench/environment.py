"""What a measurement depends on besides the code: the machine and the versions."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

import fastinit
from fastinit import _core


@dataclass(frozen=True)
class Environment:
    """The machine and the versions."""

    date: str
    fastinit: str
    stream_version: int
    kernel: str
    kernels_available: tuple[str, ...]
    compiler: str
    cpu: str
    cpu_features: tuple[str, ...]
    cpus_available: int
    threads: int  # of a fill, at most
    load_average: float | None
    platform: str
    python: str
    numpy: str
    ml_dtypes: str | None


def describe() -> Environment:
    """The environment of this process, now."""
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        fastinit=fastinit.__version__,
        stream_version=fastinit.STREAM_VERSION,
        kernel=fastinit.simd,
        kernels_available=tuple(_core.available_kernels()),
        compiler=_core.compiler,
        cpu=cpu_model(),
        cpu_features=tuple(_core.cpu_features()),
        cpus_available=cpus_available(),
        threads=fastinit.get_num_threads(),
        load_average=load_average(),
        platform=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=np.__version__,
        ml_dtypes=version_of("ml_dtypes"),
    )


def version_of(package: str) -> str | None:
    """The version of an optional package, or None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's name as its maker gives it, or the architecture where the system does not tell."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def cpus_available() -> int:
    """Logical CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """Processes that ran or waited over the last minute, where the system counts them."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
