"""The machine and the versions in words: above a report, and as python -m fastinit info prints them."""

import json

from fastinit.bench.environment import Environment
from fastinit.bench.numbers import bytes_text, several
from fastinit.text import folded, printable

WIDTH = 110
LEAST_COLUMNS = 12  # of values


def info(environment: Environment, width: int = WIDTH) -> str:
    """What fastinit is and runs on, without a measurement; values are folded to so many columns, or 110."""
    return labelled(
        [
            ("fastinit", environment.fastinit),
            ("stream version", str(environment.stream_version)),
            ("kernel", environment.kernel),
            ("kernels available", f"{', '.join(environment.kernels_available)}; FASTINIT_SIMD forces one"),
            ("CPU", environment.cpu),
            ("CPU features", ", ".join(environment.cpu_features) or "none that the choice of a kernel rests on"),
            ("threads", f"up to {environment.threads} a fill; CPUs available: {environment.cpus_available}"),
            ("Python", environment.python),
            ("NumPy", environment.numpy),
            ("compiler", environment.compiler),
            ("platform", environment.platform),
        ],
        min(width, WIDTH),
    )


def info_json(environment: Environment) -> str:
    """The same as one JSON object in one line of ASCII: numbers, texts and lists of texts."""
    return json.dumps(
        {
            "version": environment.fastinit,
            "stream_version": environment.stream_version,
            "kernel": environment.kernel,
            "kernels_available": list(environment.kernels_available),
            "cpu": environment.cpu,
            "cpu_features": list(environment.cpu_features),
            "cpus_available": environment.cpus_available,
            "threads": environment.threads,
            "python": environment.python,
            "numpy": environment.numpy,
            "compiler": environment.compiler,
            "platform": environment.platform,
        },
        allow_nan=False,
    )


def of_run(environment: Environment) -> list[tuple[str, str]]:
    """What a run depends on besides the code; what the system did not tell is left out."""
    here = environment
    facts = [
        ("measured", f"{here.date}, by {here.command}"),
        ("fastinit", f"{here.fastinit}, {here.kernel} kernels, stream version {here.stream_version}"),
        ("CPU", f"{here.cpu}{virtual_text(here)}"),
        ("CPUs", f"{here.cpus_available} available, up to {several(here.threads, 'thread')} a fill; {here.affinity}"),
        ("frequency", frequency_text(here)),
        ("last-level cache", "" if here.last_level_cache is None else bytes_text(here.last_level_cache)),
        ("huge pages", here.huge_pages or ""),
        ("load", load_text(here)),
        ("versions", versions_text(here)),
        ("platform", here.platform),
    ]
    return [(label, value) for label, value in facts if value]


def virtual_text(environment: Environment) -> str:
    """Whether other machines share the CPU, where the system tells."""
    return {None: "", True: "; a virtual machine", False: "; no virtual machine"}[environment.virtual]


def frequency_text(environment: Environment) -> str:
    """How fast the CPU ran, and what decides on that."""
    megahertz = "" if environment.frequency_mhz is None else f"{environment.frequency_mhz / 1000:.2f} GHz when it began"
    governor = "" if environment.governor is None else f"governor {environment.governor}"
    return ", ".join(text for text in (megahertz, governor) if text)


def load_text(environment: Environment) -> str:
    """What else ran: the processes that ran or waited."""
    if environment.load_average is None:
        return ""
    after = "" if environment.load_after is None else f", {environment.load_after:.2f} after it"
    return f"{environment.load_average:.2f} processes over the minute before the run{after}"


def versions_text(environment: Environment) -> str:
    """What both sides were built and run with; those of the other peers stand beside their names."""
    versions = [environment.python, f"NumPy {environment.numpy}"]
    if environment.ml_dtypes is not None:
        versions.append(f"ml_dtypes {environment.ml_dtypes}")
    return f"{', '.join(versions)}; fastinit built by {environment.compiler}"


def labelled(lines: list[tuple[str, str]], width: int = WIDTH) -> str:
    """Values under each other, behind their labels."""
    margin = max(len(label) for label, _ in lines) + 2
    columns, below = max(width - margin, LEAST_COLUMNS), "\n" + " " * margin
    return "\n".join(f"{label:{margin}}{below.join(folded(printable(value), columns))}" for label, value in lines)
