from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, TypedDict, TypeVar, final

import numpy as np

_Array = TypeVar("_Array", bound=np.ndarray[Any, Any])
_Number: TypeAlias = SupportsFloat | SupportsIndex
_Stream: TypeAlias = SupportsIndex | str | None

class _State(TypedDict):
    seed: int
    stream: int

STREAM_VERSION: int
compiler: str
simd: str
version: str

def available_kernels() -> list[str]: ...
def cpu_features() -> list[str]: ...
def fill_range(
    kernels_name: str,
    draw: str,
    out: _Array,
    first: int,
    seed: int,
    stream: int,
    a: float = 0.0,
    b: float = 1.0,
    accumulate: bool = False,
) -> _Array: ...
def philox_block(
    kernels_name: str, counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]: ...
def soft_fma(a: float, b: float, c: float) -> float: ...
def soft_fmaf(a: float, b: float, c: float) -> float: ...

@final
class Generator:
    def __init__(self, seed: SupportsIndex | None = None, stream: SupportsIndex = 0) -> None: ...
    def reseed(self, seed: SupportsIndex | None = None) -> None: ...
    def _after_fork_in_child(self) -> None: ...
    @property
    def seed(self) -> int: ...
    @property
    def stream(self) -> int: ...
    @stream.setter
    def stream(self, value: SupportsIndex) -> None: ...
    @property
    def state(self) -> _State: ...
    @state.setter
    def state(self, value: _State) -> None: ...
    def bits(self, out: _Array, *, stream: _Stream = None) -> _Array: ...
    def uniform(
        self,
        out: _Array,
        low: _Number = 0.0,
        high: _Number = 1.0,
        *,
        stream: _Stream = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def normal(
        self,
        out: _Array,
        mean: _Number = 0.0,
        std: _Number = 1.0,
        *,
        stream: _Stream = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def he_normal(
        self,
        out: _Array,
        fan_in: _Number,
        negative_slope: _Number = 0.0,
        *,
        stream: _Stream = None,
        accumulate: bool = False,
    ) -> _Array: ...
