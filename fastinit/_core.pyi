from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NotRequired, Protocol, Self, SupportsIndex, TypedDict, TypeVar

import numpy as np
from typing_extensions import disjoint_base

from fastinit.typing import ComplexNumber, Layout, Number, Output, Sizes, Stream, Streams

_T = TypeVar("_T")

class _State(TypedDict):
    seed: int
    stream: int
    spawned: NotRequired[int]

class _Entropy(Protocol):  # numpy.random.SeedSequence
    def generate_state(self, n_words: int, dtype: Any) -> np.ndarray[Any, Any]: ...

NAME_CACHE_BYTES: int
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
    array: np.ndarray[Any, Any], offset: Sizes | None, global_shape: Sizes | None, rows: Rows | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]: ...
def rows_of(stream: Stream | None, streams: Streams | Rows | None) -> Rows | None: ...
def rows_made(count: int, first: int, step: int, numbers: np.ndarray[Any, Any] | None) -> Rows: ...
def record(
    generator: Generator,
    recorder: Generator,
    accepted: dict[str, bool],
    specs: Iterable[tuple[Any, Any]],
    named: bool,
    accumulate: bool,
    label: str,
) -> Recording: ...
def check_apart(recording: Recording, label: str) -> None: ...
def dtype_for_constants(out: object) -> np.dtype[Any]: ...
def check_view(out: object, view: np.ndarray[Any, Any]) -> None: ...
def view_of(out: object, for_constants: bool) -> np.ndarray[Any, Any]: ...
def refuse_device(out: object, scheme: str) -> None: ...
def set_launch_threads(most: int) -> int: ...
def overlap_of(arrays: list[np.ndarray[Any, Any]]) -> tuple[tuple[int, int] | None, int]: ...
def check_normal(out: object, std: float) -> None: ...
def borrowed(
    address: int, available: int, shape: Sequence[int], strides: Sequence[int], dtype: np.dtype[Any], owner: object
) -> np.ndarray[Any, Any]: ...
def missing_fan(name: str) -> TypeError: ...
def in_standard_environment(function: Callable[..., _T], *arguments: Any) -> _T: ...
def is_bool(value: object) -> bool: ...
def is_complex(value: object) -> bool: ...
def name_cache_sizes() -> tuple[int, int]: ...
def number(name: str, value: object) -> float: ...
def finite(name: str, value: object) -> float: ...
def positive(name: str, value: object) -> float: ...
def integer_of(name: str, value: object, accepted_type: str) -> int: ...
def positive_integer(name: str, value: object) -> int: ...
def fan_axes(layout: str, shape: tuple[int, ...]) -> tuple[int, int]: ...
def choice(name: str, value: object, accepted: Mapping[str, _T]) -> _T: ...
def fill_range(
    kernels_name: str,
    draw: str,
    out: Output,
    first: int,
    seed: int,
    stream: int,
    a: complex = 0.0,
    b: float = 1.0,
    accumulate: bool = False,
    bounds: tuple[float, float] | None = None,
    offset: Sizes | None = None,
    global_shape: Sizes | None = None,
) -> Output: ...
def philox_block(
    kernels_name: str, counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]: ...
def soft_fma(a: float, b: float, c: float) -> float: ...
def soft_fmaf(a: float, b: float, c: float) -> float: ...

@disjoint_base
class Rows:
    def __len__(self) -> int: ...
    def __getitem__(self, place: slice) -> Rows: ...
    def tolist(self) -> list[int]: ...

@disjoint_base
class Pending:
    @property
    def key(self) -> Any: ...
    @property
    def out(self) -> Any: ...

@disjoint_base
class Recording:
    @property
    def pending(self) -> list[Pending]: ...

@disjoint_base
class Draws:
    def __init__(self, seed: SupportsIndex | _Entropy | None = None, stream: SupportsIndex = 0) -> None: ...
    def reseed(self, seed: SupportsIndex | _Entropy | None = None) -> None: ...
    def spawn(self, n: SupportsIndex) -> list[Self]: ...
    def _after_fork_in_child(self) -> None: ...
    @property
    def _from_entropy(self) -> bool: ...
    def _address(self, stream: Stream | None) -> tuple[int, SupportsIndex | str]: ...
    def _stand_for_default(self, package: dict[str, Any]) -> None: ...
    def _fill_constant(
        self,
        out: Output,
        dtype: np.dtype[Any],
        value: bytes,
        offset: Sizes | None,
        global_shape: Sizes | None,
    ) -> Output: ...
    def _fill_marked(
        self, out: Output, view: np.ndarray[Any, Any], value: bytes, marks: list[np.ndarray[Any, Any]], mark: bytes
    ) -> Output: ...
    def _write_draws(
        self,
        out: Output,
        view: np.ndarray[Any, Any],
        stream: Stream | None,
        rows: Rows | None,
        write: Callable[[int, Any], None],
    ) -> Output: ...
    def _run(self, recording: Recording, label: str) -> None: ...
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
        out: Output,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
    ) -> Output: ...
    def uniform(
        self,
        out: Output,
        low: Number = 0.0,
        high: Number = 1.0,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    def normal(
        self,
        out: Output,
        mean: ComplexNumber = 0.0,
        std: Number = 1.0,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    def truncated_normal(
        self,
        out: Output,
        mean: Number = 0.0,
        std: Number = 1.0,
        low: Number = -2.0,
        high: Number = 2.0,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    def variance_scaling(
        self,
        out: Output,
        scale: Number = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"] = "fan_in",
        distribution: Literal["truncated_normal", "untruncated_normal", "normal", "uniform"] = "truncated_normal",
        *,
        fan_in: Number | None = None,
        fan_out: Number | None = None,
        layout: Layout | None = None,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...

# Made by tools/make: schemes.
class Generator(Draws):
    def xavier_uniform(
        self,
        out: Output,
        fan_in: Number | None = None,
        fan_out: Number | None = None,
        gain: Number = 1.0,
        *,
        layout: Layout | None = None,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    glorot_uniform = xavier_uniform
    def xavier_normal(
        self,
        out: Output,
        fan_in: Number | None = None,
        fan_out: Number | None = None,
        gain: Number = 1.0,
        *,
        layout: Layout | None = None,
        truncated: bool = False,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    glorot_normal = xavier_normal
    def he_uniform(
        self,
        out: Output,
        fan_in: Number | None = None,
        negative_slope: Number = 0.0,
        *,
        fan_out: Number | None = None,
        layout: Layout | None = None,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    kaiming_uniform = he_uniform
    def he_normal(
        self,
        out: Output,
        fan_in: Number | None = None,
        negative_slope: Number = 0.0,
        *,
        fan_out: Number | None = None,
        layout: Layout | None = None,
        truncated: bool = False,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    kaiming_normal = he_normal
    def lecun_uniform(
        self,
        out: Output,
        fan_in: Number | None = None,
        *,
        layout: Layout | None = None,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    def lecun_normal(
        self,
        out: Output,
        fan_in: Number | None = None,
        *,
        layout: Layout | None = None,
        truncated: bool = False,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    def lasagne_uniform(
        self,
        out: Output,
        fan_in: Number | None = None,
        fan_out: Number | None = None,
        gain: Number | Literal["relu"] = 1.0,
        *,
        layout: Layout | None = None,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...
    def lasagne_normal(
        self,
        out: Output,
        fan_in: Number | None = None,
        fan_out: Number | None = None,
        gain: Number | Literal["relu"] = 1.0,
        *,
        layout: Layout | None = None,
        truncated: bool = False,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output: ...

# The end of it.
