from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias

import dask.array as da
from numpy.typing import DTypeLike

_Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Chunks: TypeAlias = int | str | tuple[Any, ...] | dict[int, Any]
_Number: TypeAlias = SupportsFloat | SupportsIndex
_Stream: TypeAlias = SupportsIndex | str | None
_Layout: TypeAlias = Literal["torch", "keras", "lasagne"] | None

__all__ = [
    "bits",
    "constant",
    "delta_orthogonal",
    "dirac",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "lasagne_normal",
    "lasagne_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

def bits(
    shape: _Shape,
    chunks: _Chunks = "auto",
    *,
    dtype: DTypeLike = "uint32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def constant(
    shape: _Shape,
    chunks: _Chunks,
    value: _Number,
    *,
    dtype: DTypeLike = "float32",
) -> da.Array: ...
def delta_orthogonal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    gain: _Number = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def dirac(
    shape: _Shape,
    chunks: _Chunks = "auto",
    groups: SupportsIndex = 1,
    *,
    dtype: DTypeLike = "float32",
) -> da.Array: ...
def glorot_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    gain: _Number = 1.0,
    *,
    layout: _Layout = None,
    truncated: bool = False,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def glorot_uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    gain: _Number = 1.0,
    *,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def he_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    negative_slope: _Number = 0.0,
    *,
    fan_out: _Number | None = None,
    layout: _Layout = None,
    truncated: bool = False,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def he_uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    negative_slope: _Number = 0.0,
    *,
    fan_out: _Number | None = None,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def identity(
    shape: _Shape,
    chunks: _Chunks = "auto",
    gain: _Number = 1.0,
    *,
    dtype: DTypeLike = "float32",
) -> da.Array: ...
def kaiming_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    negative_slope: _Number = 0.0,
    *,
    fan_out: _Number | None = None,
    layout: _Layout = None,
    truncated: bool = False,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def kaiming_uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    negative_slope: _Number = 0.0,
    *,
    fan_out: _Number | None = None,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def lasagne_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    gain: _Number | Literal["relu"] = 1.0,
    *,
    layout: _Layout = None,
    truncated: bool = False,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def lasagne_uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    gain: _Number | Literal["relu"] = 1.0,
    *,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def lecun_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    *,
    layout: _Layout = None,
    truncated: bool = False,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def lecun_uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    *,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    mean: _Number = 0.0,
    std: _Number = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def ones(
    shape: _Shape,
    chunks: _Chunks = "auto",
    *,
    dtype: DTypeLike = "float32",
) -> da.Array: ...
def orthogonal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    gain: _Number = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def sparse(
    shape: _Shape,
    chunks: _Chunks,
    sparsity: _Number,
    std: _Number = 0.01,
    *,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def truncated_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    mean: _Number = 0.0,
    std: _Number = 1.0,
    low: _Number = -2.0,
    high: _Number = 2.0,
    *,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    low: _Number = 0.0,
    high: _Number = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def variance_scaling(
    shape: _Shape,
    chunks: _Chunks = "auto",
    scale: _Number = 1.0,
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"] = "fan_in",
    distribution: Literal["truncated_normal", "untruncated_normal", "normal", "uniform"] = "truncated_normal",
    *,
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def xavier_normal(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    gain: _Number = 1.0,
    *,
    layout: _Layout = None,
    truncated: bool = False,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def xavier_uniform(
    shape: _Shape,
    chunks: _Chunks = "auto",
    fan_in: _Number | None = None,
    fan_out: _Number | None = None,
    gain: _Number = 1.0,
    *,
    layout: _Layout = None,
    dtype: DTypeLike = "float32",
    seed: SupportsIndex | None = None,
    stream: _Stream = None,
) -> da.Array: ...
def zeros(
    shape: _Shape,
    chunks: _Chunks = "auto",
    *,
    dtype: DTypeLike = "float32",
) -> da.Array: ...
