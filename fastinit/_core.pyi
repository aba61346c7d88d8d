from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, SupportsFloat, SupportsIndex, TypeAlias, TypedDict, TypeVar

import numpy as np

_Array = TypeVar("_Array", bound=np.ndarray[Any, Any])
_Number: TypeAlias = SupportsFloat | SupportsIndex
_Sizes: TypeAlias = Iterable[SupportsIndex]
_Stream: TypeAlias = SupportsIndex | str | None
_Layout: TypeAlias = Literal["torch", "keras", "lasagne"] | None
_T = TypeVar("_T")
_Class = TypeVar("_Class", bound=type)

class _State(TypedDict):
    seed: int
    stream: int

STREAM_VERSION: int
c_api: object  # a capsule
compiler: str
simd: str
version: str

def available_kernels() -> list[str]: ...
def cpu_features() -> list[str]: ...
def set_num_threads(n: SupportsIndex | None) -> None: ...
def get_num_threads() -> int: ...
def stream_number(stream: SupportsIndex | str) -> int: ...
def overlaps_itself(array: np.ndarray[Any, Any]) -> bool: ...
def block_of(
    array: np.ndarray[Any, Any], offset: _Sizes | None, global_shape: _Sizes | None
) -> tuple[tuple[int, ...], tuple[int, ...]]: ...
def record(
    recorder: Generator,
    accepted: dict[str, bool],
    specs: Iterable[tuple[Any, Any]],
    named: bool,
    accumulate: bool,
    label: str,
) -> list[Pending]: ...
def check_apart(pending: list[Pending], label: str) -> None: ...
def check_array(out: object) -> None: ...
def check_normal(out: object, std: float) -> None: ...
def number(name: str, value: object) -> float: ...
def finite(name: str, value: object) -> float: ...
def positive(name: str, value: object) -> float: ...
def positive_integer(name: str, value: object) -> int: ...
def choice(name: str, value: object, accepted: Mapping[str, _T]) -> _T: ...
def complete_docstrings(cls: _Class) -> _Class: ...
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
    bounds: tuple[float, float] | None = None,
    offset: _Sizes | None = None,
    global_shape: _Sizes | None = None,
) -> _Array: ...
def philox_block(
    kernels_name: str, counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]: ...
def soft_fma(a: float, b: float, c: float) -> float: ...
def soft_fmaf(a: float, b: float, c: float) -> float: ...

class Pending:
    @property
    def key(self) -> Any: ...
    @property
    def out(self) -> np.ndarray[Any, Any]: ...

class Fans(NamedTuple):
    fan_in: int
    fan_out: int

def fans(shape: Iterable[SupportsIndex], layout: str) -> Fans: ...

class Generator:
    def __init__(self, seed: SupportsIndex | None = None, stream: SupportsIndex = 0) -> None: ...
    def reseed(self, seed: SupportsIndex | None = None) -> None: ...
    def _after_fork_in_child(self) -> None: ...
    @property
    def _from_entropy(self) -> bool: ...
    def _address(self, stream: _Stream) -> tuple[int, SupportsIndex | str]: ...
    def _write(self, out: _Array, write: Callable[[], None]) -> _Array: ...
    def _write_draws(self, out: _Array, stream: _Stream, write: Callable[[int, int], None]) -> _Array: ...
    def _run(self, pending: list[Pending]) -> None: ...
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
    def bits(
        self,
        out: _Array,
        *,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
    ) -> _Array: ...
    def uniform(
        self,
        out: _Array,
        low: _Number = 0.0,
        high: _Number = 1.0,
        *,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def normal(
        self,
        out: _Array,
        mean: _Number = 0.0,
        std: _Number = 1.0,
        *,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def truncated_normal(
        self,
        out: _Array,
        mean: _Number = 0.0,
        std: _Number = 1.0,
        low: _Number = -2.0,
        high: _Number = 2.0,
        *,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def xavier_uniform(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        fan_out: _Number | None = None,
        gain: _Number = 1.0,
        *,
        layout: _Layout = None,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def xavier_normal(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        fan_out: _Number | None = None,
        gain: _Number = 1.0,
        *,
        layout: _Layout = None,
        truncated: bool = False,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def he_uniform(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        negative_slope: _Number = 0.0,
        *,
        fan_out: _Number | None = None,
        layout: _Layout = None,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def he_normal(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        negative_slope: _Number = 0.0,
        *,
        fan_out: _Number | None = None,
        layout: _Layout = None,
        truncated: bool = False,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def lecun_uniform(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        *,
        layout: _Layout = None,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def lecun_normal(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        *,
        layout: _Layout = None,
        truncated: bool = False,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def lasagne_uniform(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        fan_out: _Number | None = None,
        gain: _Number | Literal["relu"] = 1.0,
        *,
        layout: _Layout = None,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def lasagne_normal(
        self,
        out: _Array,
        fan_in: _Number | None = None,
        fan_out: _Number | None = None,
        gain: _Number | Literal["relu"] = 1.0,
        *,
        layout: _Layout = None,
        truncated: bool = False,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
    def variance_scaling(
        self,
        out: _Array,
        scale: _Number = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"] = "fan_in",
        distribution: Literal["truncated_normal", "untruncated_normal", "normal", "uniform"] = "truncated_normal",
        *,
        fan_in: _Number | None = None,
        fan_out: _Number | None = None,
        layout: _Layout = None,
        stream: _Stream = None,
        offset: _Sizes | None = None,
        global_shape: _Sizes | None = None,
        accumulate: bool = False,
    ) -> _Array: ...
