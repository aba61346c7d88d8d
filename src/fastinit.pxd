# The C interface of fastinit for Cython: fastinit.h, beside this file, says what everything is.
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, uint32_t, uint64_t


cdef extern from "fastinit.h" nogil:
    enum: FASTINIT_API_VERSION

    ctypedef enum fastinit_dtype:
        FASTINIT_UINT32, FASTINIT_UINT64, FASTINIT_FLOAT32, FASTINIT_FLOAT64, FASTINIT_FLOAT16, FASTINIT_BFLOAT16

    ctypedef enum fastinit_code:
        FASTINIT_OK, FASTINIT_NULL_POINTER, FASTINIT_BAD_FILL, FASTINIT_BAD_DTYPE, FASTINIT_BAD_PARAMETERS
        FASTINIT_BAD_SCHEME, FASTINIT_BAD_ACCUMULATE, FASTINIT_BITS_ACCUMULATE, FASTINIT_UNALIGNED, FASTINIT_BAD_AXES
        FASTINIT_BAD_SHAPE, FASTINIT_BAD_OFFSET, FASTINIT_TOO_LARGE

    ctypedef struct fastinit_fill:
        uint32_t size, version
        uint64_t seed, stream
        int32_t accumulate, dtype

    ctypedef enum fastinit_fan_mode:
        FASTINIT_FAN_IN, FASTINIT_FAN_OUT, FASTINIT_FAN_SUM, FASTINIT_FAN_AVERAGE, FASTINIT_FAN_GEOMETRIC

    ctypedef enum fastinit_scheme_draw:
        FASTINIT_SCHEME_UNIFORM, FASTINIT_SCHEME_NORMAL, FASTINIT_SCHEME_TRUNCATED

    ctypedef struct fastinit_scheme:
        int32_t mode
        double fan_in, fan_out, scale, gain, negative_slope

    ctypedef struct fastinit_api:
        int32_t version, stream_version
        int (*bits)(
            void *out, size_t count, int dtype, uint64_t seed, uint64_t stream, uint64_t first
        ) noexcept nogil
        int (*uniform)(
            void *out, size_t count, int dtype, double low, double high,
            uint64_t seed, uint64_t stream, uint64_t first, int accumulate
        ) noexcept nogil
        int (*normal)(
            void *out, size_t count, int dtype, double mean, double std,
            uint64_t seed, uint64_t stream, uint64_t first, int accumulate
        ) noexcept nogil
        int (*truncated_normal)(
            void *out, size_t count, int dtype, double mean, double std, double low, double high,
            uint64_t seed, uint64_t stream, uint64_t first, int accumulate
        ) noexcept nogil
        int (*set_bits)(fastinit_fill *fill, int dtype) noexcept nogil
        int (*set_uniform)(fastinit_fill *fill, int dtype, double low, double high) noexcept nogil
        int (*set_normal)(fastinit_fill *fill, int dtype, double mean, double std) noexcept nogil
        int (*set_truncated_normal)(
            fastinit_fill *fill, int dtype, double mean, double std, double low, double high
        ) noexcept nogil
        int (*set_scheme)(fastinit_fill *fill, int dtype, const fastinit_scheme *scheme, int draw) noexcept nogil
        int (*fill_range)(const fastinit_fill *fill, uint64_t first, size_t count, void *out) noexcept nogil
        int (*fill_block)(
            const fastinit_fill *fill, void *out, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
            const uint64_t *offset, const uint64_t *global_shape
        ) noexcept nogil
        const char *(*simd)() noexcept nogil
        int (*num_threads)() noexcept nogil
        const char *(*message)(int code) noexcept nogil
        int (*fill_streams)(
            const fastinit_fill *fill, const uint64_t *streams, uint64_t step, void *out, int axes,
            const ptrdiff_t *shape, const ptrdiff_t *strides, const uint64_t *offset, const uint64_t *global_shape
        ) noexcept nogil

    const fastinit_api *fastinit_import() except NULL with gil
