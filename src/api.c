/* The functions of the public interface, fastinit.h, over the core: they check, and bring the kernels. */
#include <math.h>
#include <string.h>

#include "core.h"
#include "fastinit.h"
#include "fpenv.h"
#include "quantile.h"

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), #a " is " #b)
#define FI_DTYPE(NAME, ...) SAME(FASTINIT_##NAME, FI_##NAME);
#include "dtypes.def"
SAME(FASTINIT_FAN_IN, FI_FAN_IN);
SAME(FASTINIT_FAN_OUT, FI_FAN_OUT);
SAME(FASTINIT_FAN_SUM, FI_FAN_SUM);
SAME(FASTINIT_FAN_AVERAGE, FI_FAN_AVERAGE);
SAME(FASTINIT_FAN_GEOMETRIC, FI_FAN_GEOMETRIC);
SAME(FASTINIT_SCHEME_UNIFORM, FI_SCHEME_UNIFORM);
SAME(FASTINIT_SCHEME_NORMAL, FI_SCHEME_NORMAL);
SAME(FASTINIT_SCHEME_TRUNCATED, FI_SCHEME_TRUNCATED);

/*
 * Callers hold fastinit_fill in memory of their own, so neither its size nor the places of its members may ever change.
 * From seed on it is a fi_fill, with room behind.
 */
enum { FILL_AT = offsetof(fastinit_fill, seed), FILL_REST = offsetof(fi_fill, dtype) };
SAME(offsetof(fastinit_fill, size), 0);
SAME(offsetof(fastinit_fill, version), 4);
SAME(offsetof(fastinit_fill, seed), 8);
SAME(offsetof(fastinit_fill, stream), 16);
SAME(offsetof(fastinit_fill, accumulate), 24);
SAME(offsetof(fastinit_fill, dtype), 28);
SAME(offsetof(fastinit_fill, constants), 32);
SAME(sizeof(fastinit_fill), 512);
SAME(offsetof(fastinit_fill, seed), FILL_AT + offsetof(fi_fill, seed));
SAME(offsetof(fastinit_fill, stream), FILL_AT + offsetof(fi_fill, stream));
SAME(offsetof(fastinit_fill, accumulate), FILL_AT + offsetof(fi_fill, accumulate));
SAME(offsetof(fastinit_fill, dtype), FILL_AT + offsetof(fi_fill, dtype));
SAME(offsetof(fastinit_fill, constants), FILL_AT + offsetof(fi_fill, draw));
_Static_assert(FILL_AT + sizeof(fi_fill) <= sizeof(fastinit_fill), "a fill fits into its public form");

/*
 * fastinit_fill.version, which set functions write: another one for each way that the constants lie, since fills may come
 * from memory that another release has written. "FI" and a number: nothing that memory holds by chance.
 */
enum { FILL_VERSION = 0x46490001 };

static const fi_kernels *kernels;

/* ---- What is refused ----------------------------------------------------------------------------------------------- */

static const char *const messages[] = {
    [-FASTINIT_OK] = "no error",
    [-FASTINIT_NULL_POINTER] = "a pointer is NULL that must not be",
    [-FASTINIT_BAD_FILL] = "no set function of this fastinit has set the fill, or it was changed since",
    [-FASTINIT_BAD_DTYPE] = "the dtype is not one for this draw: unsigned integers for bits, floats for the others",
    [-FASTINIT_BAD_PARAMETERS] = "the parameters are not finite and in order, or the dtype cannot hold every draw",
    [-FASTINIT_BAD_SCHEME] = "the scheme's mode or draw is none, or a number of it is not positive or not finite",
    [-FASTINIT_BAD_ACCUMULATE] = "accumulate is neither 0 nor 1",
    [-FASTINIT_BITS_ACCUMULATE] = "accumulate is 1, and bits are not added",
    [-FASTINIT_UNALIGNED] = "the address of contiguous memory is no multiple of the size of an element",
    [-FASTINIT_BAD_AXES] = "the number of axes is not from 0, or 1 with streams, to 64",
    [-FASTINIT_BAD_SHAPE] = "a size is negative",
    [-FASTINIT_BAD_OFFSET] = "offset + shape is beyond global_shape, or one of these two is NULL",
    [-FASTINIT_TOO_LARGE] = "an element's number is not below 2^63, or the tensor has more elements",
};

static const char *message(int code) {
    const int known = code <= 0 && code > -(int)(sizeof messages / sizeof *messages);
    return known ? messages[-code] : "an unknown code";
}

/*
 * Bytes an element of the dtypes that go with each draw of the set functions. No other draw, and no other pair, gets from
 * a caller's memory to the kernels.
 */
enum { WORDS, FLOATS, NONE };
static const uint8_t sizes[NONE + 1][FI_DTYPES] = {
#define FI_DTYPE(NAME, name, kind, size, ...) [kind][FI_##NAME] = size,
#include "dtypes.def"
};
static const uint8_t dtypes_of[FI_DRAWS] = {
#define FI_DRAW(NAME, name, unroll, dtypes) [FI_##NAME] = dtypes,
#define FI_DRAW_NOT_ADDED(NAME, name, unroll, dtypes) [FI_##NAME] = dtypes,
#include "draws.def"
};

/* 0 if the numbers are no draw and dtype that go together. */
static size_t size_of(int draw, int dtype) {
    return (unsigned)draw < FI_DRAWS && (unsigned)dtype < FI_DTYPES ? sizes[dtypes_of[draw]][dtype] : 0;
}

static const uint64_t ELEMENTS_MAX = UINT64_C(1) << 63;

static int is_row(const fi_fill *fill) {
    const size_t f32_rows = sizeof F32_TAILS / sizeof *F32_TAILS, f64_rows = sizeof F64_TAILS / sizeof *F64_TAILS;
    return (unsigned)fill->truncation.row < (fill->dtype == FI_FLOAT64 ? f64_rows : f32_rows);
}

static int check_accumulate(fi_draw draw, int accumulate) {
    if (accumulate == 0) return FASTINIT_OK;
    if (accumulate != 1) return FASTINIT_BAD_ACCUMULATE;
    return draw == FI_BITS ? FASTINIT_BITS_ACCUMULATE : FASTINIT_OK;
}

/*
 * Takes the caller's fill, if a set function has set it: a copy, which nobody changes after it was checked. What becomes
 * an index further on is checked once more, so that whatever else the memory holds, only values depend on it.
 */
static int take_fill(fi_fill *fill, const fastinit_fill *public_fill) {
    if (!public_fill) return FASTINIT_NULL_POINTER;
    if (public_fill->size != sizeof *public_fill || public_fill->version != FILL_VERSION) return FASTINIT_BAD_FILL;
    memcpy(fill, (const char *)public_fill + FILL_AT, sizeof *fill);
    if (!size_of((int)fill->draw, (int)fill->dtype)) return FASTINIT_BAD_FILL;
    if (fill->draw == FI_TRUNCATED_TAIL && !is_row(fill)) return FASTINIT_BAD_FILL;
    return check_accumulate(fill->draw, fill->accumulate);
}

/* Whether the fill's elements first .. first + count - 1 can be written to out. */
static int check_range(const fi_fill *fill, const void *out, size_t count, uint64_t first) {
    const uint64_t last = first + count - 1;
    if (count == 0) return first <= ELEMENTS_MAX ? FASTINIT_OK : FASTINIT_TOO_LARGE;
    if ((first | last | (count - 1)) >= ELEMENTS_MAX) return FASTINIT_TOO_LARGE;
    if (!out) return FASTINIT_NULL_POINTER;
    return (uintptr_t)out & (sizes[dtypes_of[fill->draw]][fill->dtype] - 1u) ? FASTINIT_UNALIGNED : FASTINIT_OK;
}

/* ---- Setting a fill ------------------------------------------------------------------------------------------------ */

/* Each of these returns a fastinit_code, and if it is FASTINIT_OK, the fill is set but for what is the caller's own. */
static int prepare(fi_fill *fill, int dtype, fi_draw draw) {
    if (!size_of((int)draw, dtype)) return FASTINIT_BAD_DTYPE;
    *fill = (fi_fill){.dtype = (fi_dtype)dtype};
    return FASTINIT_OK;
}

static int prepare_bits(fi_fill *fill, int dtype) {
    const int code = prepare(fill, dtype, FI_BITS);
    if (code == FASTINIT_OK) fi_set_bits(fill);
    return code;
}

static int prepare_uniform(fi_fill *fill, int dtype, double low, double high) {
    const int code = prepare(fill, dtype, FI_UNIFORM);
    if (code != FASTINIT_OK) return code;
    return fi_set_uniform(fill, low, high) ? FASTINIT_BAD_PARAMETERS : FASTINIT_OK;
}

static int prepare_normal(fi_fill *fill, int dtype, double mean, double std) {
    const int code = prepare(fill, dtype, FI_NORMAL);
    if (code != FASTINIT_OK) return code;
    return fi_set_normal(fill, mean, std) ? FASTINIT_BAD_PARAMETERS : FASTINIT_OK;
}

static int prepare_truncated_normal(fi_fill *fill, int dtype, double mean, double std, double low, double high) {
    const int code = prepare(fill, dtype, FI_TRUNCATED_CENTRAL);
    if (code != FASTINIT_OK) return code;
    return fi_set_truncated_normal(fill, mean, std, low, high) ? FASTINIT_BAD_PARAMETERS : FASTINIT_OK;
}

static int is_positive(double x) { return x > 0 && isfinite(x); }

static int is_scheme(const fi_scheme *scheme) {
    const int needs_in = scheme->mode != FI_FAN_OUT, needs_out = scheme->mode != FI_FAN_IN;
    return (!needs_in || is_positive(scheme->fan_in)) && (!needs_out || is_positive(scheme->fan_out)) &&
           is_positive(scheme->scale) && is_positive(scheme->gain) && isfinite(scheme->negative_slope);
}

static int is_mode(fi_fan_mode mode) {
    switch (mode) {
    case FI_FAN_IN:
    case FI_FAN_OUT:
    case FI_FAN_SUM:
    case FI_FAN_AVERAGE:
    case FI_FAN_GEOMETRIC:
        return 1;
    }
    return 0;
}

static int is_scheme_draw(fi_scheme_draw draw) {
    switch (draw) {
    case FI_SCHEME_UNIFORM:
    case FI_SCHEME_NORMAL:
    case FI_SCHEME_TRUNCATED:
        return 1;
    }
    return 0;
}

static int prepare_scheme(fi_fill *fill, int dtype, const fastinit_scheme *given, int draw) {
    int code = prepare(fill, dtype, FI_NORMAL);
    if (code != FASTINIT_OK) return code;
    if (!given) return FASTINIT_NULL_POINTER;
    if (!is_mode((fi_fan_mode)given->mode) || !is_scheme_draw((fi_scheme_draw)draw)) return FASTINIT_BAD_SCHEME;
    const fi_fpenv caller = fi_fpenv_enter(); /* before a NaN is compared: */
    const volatile fastinit_scheme *const inside = given;
    const fi_scheme scheme = {(fi_fan_mode)inside->mode, inside->fan_in, inside->fan_out, inside->scale, inside->gain,
                              inside->negative_slope};
    if (!is_scheme(&scheme)) {
        code = FASTINIT_BAD_SCHEME;
    } else if (fi_set_scheme(fill, &scheme, (fi_scheme_draw)draw)) {
        code = FASTINIT_BAD_PARAMETERS;
    }
    fi_fpenv_leave(caller);
    return code;
}

/*
 * What a set function returns: the prepared fill becomes the caller's, if it was accepted. seed, stream and accumulate,
 * which may not be there yet, are neither read nor written.
 */
static int set(fastinit_fill *public_fill, const fi_fill *fill, int code) {
    if (!public_fill) return FASTINIT_NULL_POINTER;
    if (code != FASTINIT_OK) return code;
    public_fill->size = sizeof *public_fill;
    public_fill->version = FILL_VERSION;
    memcpy((char *)public_fill + FILL_AT + FILL_REST, (const char *)fill + FILL_REST, sizeof *fill - FILL_REST);
    return FASTINIT_OK;
}

static int set_bits(fastinit_fill *public_fill, int dtype) {
    fi_fill fill;
    const int code = prepare_bits(&fill, dtype);
    return set(public_fill, &fill, code);
}

static int set_uniform(fastinit_fill *public_fill, int dtype, double low, double high) {
    fi_fill fill;
    const int code = prepare_uniform(&fill, dtype, low, high);
    return set(public_fill, &fill, code);
}

static int set_normal(fastinit_fill *public_fill, int dtype, double mean, double std) {
    fi_fill fill;
    const int code = prepare_normal(&fill, dtype, mean, std);
    return set(public_fill, &fill, code);
}

static int set_truncated_normal(fastinit_fill *public_fill, int dtype, double mean, double std, double low,
                                double high) {
    fi_fill fill;
    const int code = prepare_truncated_normal(&fill, dtype, mean, std, low, high);
    return set(public_fill, &fill, code);
}

static int set_scheme(fastinit_fill *public_fill, int dtype, const fastinit_scheme *scheme, int draw) {
    fi_fill fill;
    const int code = prepare_scheme(&fill, dtype, scheme, draw);
    return set(public_fill, &fill, code);
}

/* ---- Contiguous memory --------------------------------------------------------------------------------------------- */

static int fill_range(const fastinit_fill *public_fill, uint64_t first, size_t count, void *out) {
    fi_fill fill;
    int code = take_fill(&fill, public_fill);
    if (code == FASTINIT_OK) code = check_range(&fill, out, count, first);
    if (code == FASTINIT_OK) fi_fill_range(kernels, &fill, first, count, out);
    return code;
}

/* Writes the prepared fill, if it was accepted. */
static int write_range(fi_fill *fill, int code, void *out, size_t count, uint64_t seed, uint64_t stream, uint64_t first,
                       int accumulate) {
    if (code == FASTINIT_OK) code = check_accumulate(fill->draw, accumulate);
    if (code == FASTINIT_OK) code = check_range(fill, out, count, first);
    if (code != FASTINIT_OK) return code;
    fill->seed = seed;
    fill->stream = stream;
    fill->accumulate = accumulate;
    fi_fill_range(kernels, fill, first, count, out);
    return FASTINIT_OK;
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

/* Whether the sizes are those of a block of a tensor that is not too large, in memory that is there. */
static int check_block(const void *out, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
                       const uint64_t *offset, const uint64_t *global_shape) {
    int is_empty = 0;
    if (axes < 0 || axes > FI_AXES_MAX) return FASTINIT_BAD_AXES;
    if (axes > 0 && (!shape || !strides)) return FASTINIT_NULL_POINTER;
    if (!offset != !global_shape) return FASTINIT_BAD_OFFSET;
    const fi_refusal refusal = fi_check_block(axes, shape, offset, global_shape, ELEMENTS_MAX);
    if (refusal == FI_REFUSED_SHAPE) return FASTINIT_BAD_SHAPE;
    if (refusal == FI_REFUSED_OFFSET) return FASTINIT_BAD_OFFSET;
    if (refusal != FI_ACCEPTED) return FASTINIT_TOO_LARGE;
    for (int axis = 0; axis < axes; axis++) is_empty |= shape[axis] == 0;
    return is_empty || out ? FASTINIT_OK : FASTINIT_NULL_POINTER;
}

/* Fills a block, or, if they are not NULL, such a block for each of the streams. */
static void run(const fi_fill *fill, void *out, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
                const uint64_t *offset, const uint64_t *global_shape, const fi_streams *streams) {
    fi_axis axis[FI_AXES_MAX + 1];
    fi_task task = {.fill = *fill};
    fi_work work;
    fi_set_region(&task.region, task.fill.dtype, out, axes, shape, strides, offset, global_shape, axis);
    if (streams) fi_set_streams(&task.region, task.fill.dtype, *streams);
    fi_set_work(&work, kernels, &task, 1);
    fi_do_work(&work, INFINITY);
}

static int fill_block(const fastinit_fill *public_fill, void *out, int axes, const ptrdiff_t *shape,
                      const ptrdiff_t *strides, const uint64_t *offset, const uint64_t *global_shape) {
    fi_fill fill;
    int code = take_fill(&fill, public_fill);
    if (code == FASTINIT_OK) code = check_block(out, axes, shape, strides, offset, global_shape);
    if (code == FASTINIT_OK) run(&fill, out, axes, shape, strides, offset, global_shape, NULL);
    return code;
}

static int fill_streams(const fastinit_fill *public_fill, const uint64_t *streams, uint64_t step, void *out, int axes,
                        const ptrdiff_t *shape, const ptrdiff_t *strides, const uint64_t *offset,
                        const uint64_t *global_shape) {
    fi_fill fill;
    int code = take_fill(&fill, public_fill);
    if (code != FASTINIT_OK) return code;
    if (axes < 1 || axes > FI_AXES_MAX) return FASTINIT_BAD_AXES;
    if (!shape || !strides) return FASTINIT_NULL_POINTER;
    if (shape[0] < 0) return FASTINIT_BAD_SHAPE;
    code = check_block(out, axes - 1, shape + 1, strides + 1, offset, global_shape);
    if (shape[0] == 0 && code == FASTINIT_NULL_POINTER) return FASTINIT_OK; /* elements of none */
    if (code != FASTINIT_OK) return code;
    const fi_streams rows = {(size_t)shape[0], strides[0], streams, step};
    run(&fill, out, axes - 1, shape + 1, strides + 1, offset, global_shape, &rows);
    return FASTINIT_OK;
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
    .message = message,
    .fill_streams = fill_streams,
};

const fastinit_api *fi_api(const fi_kernels *with) {
    kernels = with;
    return &api;
}
