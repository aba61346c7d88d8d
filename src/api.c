/* The functions of the public interface, fastinit.h, over the core: they check, and bring the kernels. */
#include <math.h>
#include <string.h>

#include "core.h"
#include "fastinit.h"
#include "fpenv.h"

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), #a " is " #b)
SAME(FASTINIT_UINT32, FI_UINT32);
SAME(FASTINIT_UINT64, FI_UINT64);
SAME(FASTINIT_FLOAT32, FI_FLOAT32);
SAME(FASTINIT_FLOAT64, FI_FLOAT64);
SAME(FASTINIT_FLOAT16, FI_FLOAT16);
SAME(FASTINIT_BFLOAT16, FI_BFLOAT16);
SAME(FASTINIT_FAN_IN, FI_FAN_IN);
SAME(FASTINIT_FAN_OUT, FI_FAN_OUT);
SAME(FASTINIT_FAN_SUM, FI_FAN_SUM);
SAME(FASTINIT_FAN_AVERAGE, FI_FAN_AVERAGE);
SAME(FASTINIT_FAN_GEOMETRIC, FI_FAN_GEOMETRIC);
SAME(FASTINIT_SCHEME_UNIFORM, FI_SCHEME_UNIFORM);
SAME(FASTINIT_SCHEME_NORMAL, FI_SCHEME_NORMAL);
SAME(FASTINIT_SCHEME_TRUNCATED, FI_SCHEME_TRUNCATED);

/* Callers hold fastinit_fill in memory of their own, so neither its size nor the places of its members may change. */
SAME(offsetof(fastinit_fill, seed), offsetof(fi_fill, seed));
SAME(offsetof(fastinit_fill, stream), offsetof(fi_fill, stream));
SAME(offsetof(fastinit_fill, accumulate), offsetof(fi_fill, accumulate));
SAME(offsetof(fastinit_fill, dtype), offsetof(fi_fill, dtype));
SAME(offsetof(fastinit_fill, constants), offsetof(fi_fill, draw));
SAME(sizeof(fastinit_fill), 256);
_Static_assert(sizeof(fi_fill) <= sizeof(fastinit_fill), "a fill fits into its public form");

static const fi_kernels *kernels;

static fi_fill fill_of(const fastinit_fill *public_fill) {
    fi_fill fill;
    memcpy(&fill, public_fill, sizeof fill);
    return fill;
}

/* ---- Setting a fill ------------------------------------------------------------------------------------------------ */

/* A fill of a dtype for floating-point draws; or, for any other number, one that no fi_set function accepts. */
static fi_fill fill_of_dtype(int dtype) {
    return (fi_fill){.dtype = dtype >= 0 && dtype < FI_DTYPES ? (fi_dtype)dtype : FI_UINT32};
}

static int prepare_bits(fi_fill *fill, int dtype) {
    *fill = fill_of_dtype(dtype);
    fi_set_bits(fill);
    return dtype == FI_UINT32 || dtype == FI_UINT64 ? 0 : -1;
}

static int prepare_uniform(fi_fill *fill, int dtype, double low, double high) {
    *fill = fill_of_dtype(dtype);
    return fi_set_uniform(fill, low, high);
}

static int prepare_normal(fi_fill *fill, int dtype, double mean, double std) {
    *fill = fill_of_dtype(dtype);
    return fi_set_normal(fill, mean, std);
}

static int prepare_truncated_normal(fi_fill *fill, int dtype, double mean, double std, double low, double high) {
    *fill = fill_of_dtype(dtype);
    return fi_set_truncated_normal(fill, mean, std, low, high);
}

static int is_positive(double x) { return x > 0 && isfinite(x); }

static int is_scheme(const fi_scheme *scheme) {
    const int needs_in = scheme->mode != FI_FAN_OUT, needs_out = scheme->mode != FI_FAN_IN;
    return (!needs_in || is_positive(scheme->fan_in)) && (!needs_out || is_positive(scheme->fan_out)) &&
           is_positive(scheme->scale) && is_positive(scheme->gain) && isfinite(scheme->negative_slope);
}

static int prepare_scheme(fi_fill *fill, int dtype, const fastinit_scheme *given, int draw) {
    *fill = fill_of_dtype(dtype);
    if (given->mode < FI_FAN_IN || given->mode > FI_FAN_GEOMETRIC) return -1;
    if (draw < FI_SCHEME_UNIFORM || draw > FI_SCHEME_TRUNCATED) return -1;
    const fi_fpenv caller = fi_fpenv_enter(); /* before a NaN is compared: */
    const volatile fastinit_scheme *const inside = given;
    const fi_scheme scheme = {(fi_fan_mode)inside->mode, inside->fan_in, inside->fan_out, inside->scale, inside->gain,
                              inside->negative_slope};
    const int accepted = is_scheme(&scheme) && !fi_set_scheme(fill, &scheme, (fi_scheme_draw)draw);
    fi_fpenv_leave(caller);
    return accepted ? 0 : -1;
}

/* What a set function returns: the prepared fill becomes the caller's, but for what is the caller's own, if it was accepted. */
static int set(fastinit_fill *public_fill, fi_fill *fill, int refused) {
    if (refused) return -1;
    fill->seed = public_fill->seed;
    fill->stream = public_fill->stream;
    fill->accumulate = public_fill->accumulate;
    memcpy(public_fill, fill, sizeof *fill);
    return 0;
}

static int set_bits(fastinit_fill *public_fill, int dtype) {
    fi_fill fill;
    return set(public_fill, &fill, prepare_bits(&fill, dtype));
}

static int set_uniform(fastinit_fill *public_fill, int dtype, double low, double high) {
    fi_fill fill;
    return set(public_fill, &fill, prepare_uniform(&fill, dtype, low, high));
}

static int set_normal(fastinit_fill *public_fill, int dtype, double mean, double std) {
    fi_fill fill;
    return set(public_fill, &fill, prepare_normal(&fill, dtype, mean, std));
}

static int set_truncated_normal(fastinit_fill *public_fill, int dtype, double mean, double std, double low,
                                double high) {
    fi_fill fill;
    return set(public_fill, &fill, prepare_truncated_normal(&fill, dtype, mean, std, low, high));
}

static int set_scheme(fastinit_fill *public_fill, int dtype, const fastinit_scheme *scheme, int draw) {
    fi_fill fill;
    return set(public_fill, &fill, prepare_scheme(&fill, dtype, scheme, draw));
}

/* ---- Contiguous memory --------------------------------------------------------------------------------------------- */

static void fill_range(const fastinit_fill *public_fill, uint64_t first, size_t count, void *out) {
    const fi_fill fill = fill_of(public_fill);
    fi_fill_range(kernels, &fill, first, count, out);
}

/* Writes the prepared fill, if it was accepted. */
static int write_range(fi_fill *fill, int refused, void *out, size_t count, uint64_t seed, uint64_t stream,
                       uint64_t first, int accumulate) {
    if (refused) return -1;
    fill->seed = seed;
    fill->stream = stream;
    fill->accumulate = accumulate;
    fi_fill_range(kernels, fill, first, count, out);
    return 0;
}

static int bits(void *out, size_t count, int dtype, uint64_t seed, uint64_t stream, uint64_t first) {
    fi_fill fill;
    return write_range(&fill, prepare_bits(&fill, dtype), out, count, seed, stream, first, 0);
}

static int uniform(void *out, size_t count, int dtype, double low, double high, uint64_t seed, uint64_t stream,
                   uint64_t first, int accumulate) {
    fi_fill fill;
    return write_range(&fill, prepare_uniform(&fill, dtype, low, high), out, count, seed, stream, first, accumulate);
}

static int normal(void *out, size_t count, int dtype, double mean, double std, uint64_t seed, uint64_t stream,
                  uint64_t first, int accumulate) {
    fi_fill fill;
    return write_range(&fill, prepare_normal(&fill, dtype, mean, std), out, count, seed, stream, first, accumulate);
}

static int truncated_normal(void *out, size_t count, int dtype, double mean, double std, double low, double high,
                            uint64_t seed, uint64_t stream, uint64_t first, int accumulate) {
    fi_fill fill;
    return write_range(&fill, prepare_truncated_normal(&fill, dtype, mean, std, low, high), out, count, seed, stream,
                       first, accumulate);
}

/* ---- Memory of any layout ------------------------------------------------------------------------------------------ */

/* Whether the sizes are those of a block of a tensor that is not too large. */
static int is_block(int axes, const ptrdiff_t *shape, const uint64_t *offset, const uint64_t *global_shape) {
    const uint64_t most = UINT64_C(1) << 63;
    uint64_t elements = 1;
    int empty = 0, too_many = 0;
    if (axes < 0 || axes > FI_AXES_MAX || !offset != !global_shape) return 0;
    for (int axis = 0; axis < axes; axis++) {
        const uint64_t size = (uint64_t)shape[axis], whole = global_shape ? global_shape[axis] : size;
        if (shape[axis] < 0 || size > whole || (offset && offset[axis] > whole - size)) return 0;
        empty |= whole == 0;
        too_many |= whole != 0 && elements > most / whole;
        if (!empty && !too_many) elements *= whole;
    }
    return empty || !too_many;
}

static int fill_block(const fastinit_fill *public_fill, void *out, int axes, const ptrdiff_t *shape,
                      const ptrdiff_t *strides, const uint64_t *offset, const uint64_t *global_shape) {
    fi_axis axis[FI_AXES_MAX + 1];
    fi_task task;
    fi_work work;
    if (!is_block(axes, shape, offset, global_shape)) return -1;
    task.fill = fill_of(public_fill);
    fi_set_region(&task.region, task.fill.dtype, out, axes, shape, strides, offset, global_shape, axis);
    fi_set_work(&work, kernels, &task, 1);
    fi_do_work(&work, INFINITY);
    return 0;
}

/* ---- The table ----------------------------------------------------------------------------------------------------- */

static const char *simd(void) { return fi_kernels_name(kernels); }

static const fastinit_api api = {
    .version = FASTINIT_API_VERSION,
    .stream_version = FASTINIT_STREAM_VERSION,
    .bits = bits,
    .uniform = uniform,
    .normal = normal,
    .truncated_normal = truncated_normal,
    .set_bits = set_bits,
    .set_uniform = set_uniform,
    .set_normal = set_normal,
    .set_truncated_normal = set_truncated_normal,
    .set_scheme = set_scheme,
    .fill_range = fill_range,
    .fill_block = fill_block,
    .simd = simd,
    .num_threads = fi_threads,
};

const fastinit_api *fi_api(const fi_kernels *with) {
    kernels = with;
    return &api;
}
