"""
Kernels from CUDA source, by cuda.bindings.nvrtc: compiled for the device at hand, on first use.

The files of fastinit/gpu/source/ are those of src/ that the kernels consist of. NVRTC gets them as headers in memory,
and searches no folder, so that no file of the user's can take the place of one.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from fastinit import _core
from fastinit.distribution import command_for
from fastinit.gpu.cache import Cache
from fastinit.gpu.driver import bindings
from fastinit.gpu.kernels import Kernel

MAIN = "gpu/fill.cu"
LEAST_ARCHITECTURE = 75

# The contract of docs/stream.md: nothing contracted, flushed or approximated. NVRTC's own default is to contract.
OPTIONS = (
    "-std=c++17",
    "--fmad=false",
    "--ftz=false",
    "--prec-div=true",
    "--prec-sqrt=true",
    "-default-device",
    "-diag-suppress=177",  # the functions of the other forms
    "--no-source-include",
)

# What the sources take of the C library's headers, none of which NVRTC has; it knows the functions themselves.
LIBRARY = {
    "stdint.h": """#pragma once
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define UINT32_C(c) c##U
#define UINT64_C(c) c##ULL
static_assert(sizeof(uint64_t) == 8 && sizeof(void *) == 8 && sizeof(size_t) == 8, "64 bits");
""",
    # Of a member that only a host looks at; NVRTC has no infinity that is a constant.
    "math.h": """#pragma once
#define INFINITY 0x1.FFFFFEp127f
""",
    "assert.h": "",
    "stddef.h": "",
}

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)


class CompilerError(RuntimeError):
    """NVRTC is not there, or could not compile a kernel: what it says."""


def source_folder() -> Path:
    """Where the sources of the kernels are installed: beside the core, as the headers of ``fastinit.get_include()``."""
    return Path(_core.__file__).absolute().parent / "gpu" / "source"


def package_sources() -> dict[str, str]:
    """The files that the kernels consist of, by their paths in src/."""
    folder = source_folder()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sources = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}
    if MAIN not in sources:
        raise CompilerError(
            f"the sources of the GPU's kernels are not in {folder}: fastinit is not installed completely"
        )
    return sources


def headers_of(sources: Mapping[str, str]) -> dict[str, str]:
    """
    The sources under every name that one of them includes another by: NVRTC looks for a name as it is written.

    >>> headers_of({"gpu/fill.cu": '#include "../a.h"', "a.h": "int a;"})["../a.h"]
    'int a;'
    """
    headers = LIBRARY | dict(sources)
    origin = {name: name for name in sources}
    for file, text in sources.items():
        for name in _INCLUDE.findall(text):
            target = normpath(join(dirname(file), name))
            if target not in sources:
                continue  # of another branch of an #if, or NVRTC says that it is not there
            if origin.setdefault(name, target) != target:
                raise ValueError(f'two files are both included as "{name}": {origin[name]} and {target}')
            headers[name] = sources[target]
    return headers


class Compiler:
    """
    NVRTC, with the kernels' sources.

    Parameters
    ----------
    sources : mapping of str to str, optional
        Texts by paths; one is "gpu/fill.cu". Those of the package by default.
    cache : Cache, optional
        Where compiled kernels are looked for and kept. None: nowhere.
    api : module or object, optional
        What has the functions of cuda.bindings.nvrtc; that module by default.

    Raises
    ------
    ImportError
        If cuda-bindings is not installed.
    CompilerError
        If the sources are not there.
    """

    def __init__(self, sources: Mapping[str, str] | None = None, cache: Cache | None = None, api: Any = None) -> None:
        self._api = bindings("nvrtc") if api is None else api
        self._sources = package_sources() if sources is None else dict(sources)
        self._cache = Cache(None) if cache is None else cache

    def version(self) -> str:
        """The compiler's version: "13.5"."""
        return ".".join(str(int(number)) for number in self._call("nvrtcVersion"))

    def architectures(self) -> list[str]:
        """What it compiles for: ["sm_75", "sm_80", ...], ascending."""
        (known,) = self._call("nvrtcGetSupportedArchs")
        return [f"sm_{number}" for number in sorted(int(number) for number in known)]

    def compile(self, kernel: Kernel, architecture: str) -> bytes:
        """
        A kernel for an architecture: a cubin, which the cache may have.

        For an architecture that NVRTC does not know, it is PTX for the newest before it, which the driver compiles.

        Raises
        ------
        CompilerError
            With the compiler's log; or where the architecture is older than all that it knows.
        """
        options = [self._target(architecture), *OPTIONS, *kernel.defines]
        key = self._key(options)
        image = self._cache.load(key)
        if image is None:
            image = self._compile(kernel, options)
            self._cache.store(key, image)
        return image

    def _target(self, architecture: str) -> str:
        wanted = int(architecture.removeprefix("sm_"))
        if wanted < LEAST_ARCHITECTURE:
            raise CompilerError(
                f"the device's architecture is {architecture}; accepted is sm_{LEAST_ARCHITECTURE}, that of the Turing "
                "generation, or a newer one"
            )
        known = [int(name.removeprefix("sm_")) for name in self.architectures()]
        if wanted in known:
            return f"--gpu-architecture=sm_{wanted}"
        older = [number for number in known if number < wanted]
        if not older:
            names = ", ".join(f"sm_{number}" for number in known)
            raise CompilerError(
                f"the device's architecture is {architecture}, and NVRTC {self.version()} compiles for {names}; "
                f"an older NVRTC may know it, as that of CUDA 12, which {command_for('cuda12')} installs"
            )
        return f"--gpu-architecture=compute_{older[-1]}"

    @cached_property
    def _headers(self) -> dict[str, str]:
        headers = headers_of(self._sources)
        del headers[MAIN]
        return headers

    @cached_property
    def _digest_of_sources(self) -> bytes:
        return _digest(self._sources[MAIN], *(part for header in sorted(self._headers.items()) for part in header))

    def _key(self, options: list[str]) -> str:
        return _digest("1", self.version(), *options, self._digest_of_sources.hex()).hex()

    def _compile(self, kernel: Kernel, options: list[str]) -> bytes:
        names, texts = zip(*self._headers.items(), strict=True)
        (program,) = self._call(
            "nvrtcCreateProgram",
            self._sources[MAIN].encode(),
            MAIN.encode(),
            len(names),
            [text.encode() for text in texts],
            [name.encode() for name in names],
        )
        try:
            try:
                self._call("nvrtcCompileProgram", program, len(options), [option.encode() for option in options])
            except CompilerError as error:
                log = self._output(program, "ProgramLog").partition(b"\0")[0].decode("utf-8", "replace").strip()
                target = options[0].partition("=")[2]
                raise CompilerError(
                    f"NVRTC {self.version()} could not compile {kernel.name} for {target}: {error}\n{log}"
                ) from error
            return self._output(program, "PTX" if "=compute_" in options[0] else "CUBIN")
        finally:
            self._api.nvrtcDestroyProgram(program)

    def _output(self, program: Any, what: str) -> bytes:
        (size,) = self._call(f"nvrtcGet{what}Size", program)
        # cuda-bindings writes into it. A single byte, which Python shares, is that of an empty text: a zero, as here.
        output = bytes(size)
        self._call(f"nvrtcGet{what}", program, output)
        return output

    def _call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        try:
            code, *values = getattr(self._api, name)(*arguments)
        except RuntimeError as error:  # of cuda-bindings, which loads the library at the first call
            raise CompilerError(
                f"{name} failed: {' '.join(str(error).split())}; {command_for('cuda')} installs NVRTC, "
                f"for a driver of CUDA 12 {command_for('cuda12')}"
            ) from error
        if code:
            _, text = self._api.nvrtcGetErrorString(code)
            raise CompilerError(f"{name} failed: {text.decode() if isinstance(text, bytes) else text}")
        return tuple(values)


def _digest(*parts: str) -> bytes:
    """Of texts with their lengths, so that no two lists of them are one."""
    hashed = hashlib.sha256()
    for part in parts:
        content = part.encode()
        hashed.update(len(content).to_bytes(8, "little") + content)
    return hashed.digest()
