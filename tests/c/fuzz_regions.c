/*
 * A fuzz target over the C interface. Its bytes choose what is filled: draws and their parameters, arrays of any layout,
 * blocks of tensors of up to 2^63 elements; and how: the kernels, the threads, the order of the chunks. Memory is allocated
 * to the byte, for AddressSanitizer. Each element must be what the portable kernels write when asked for it alone, and no
 * other byte may change.
 *
 * fuzz.sh builds and runs it with libFuzzer. With FUZZ_WITHOUT_LIBFUZZER defined it has a main of its own, which takes the
 * number of pseudo-random inputs to run, or files to be run as inputs.
 */
#include <fenv.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core.h"
#include "fuzz.h"

enum {
    USUAL_AXES = 8,
    MOST_TASKS = 3,
    /* Elements of an array: few, so that many cases are run, but at times more than a chunk of 2^14. */
    FEW_ELEMENTS = 800,
    MANY_ELEMENTS = 20000,
    MOST_BYTES = 1 << 18,
};

static const uint64_t TENSOR_MOST = UINT64_C(1) << 63;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Numbers at which something changes: forms of the truncated normal, the largest values of dtypes, what is no number. */
static const double landmarks[] = {
    0,
    1,
    2,
    0.5,
    3,
    6,
    12,
    30,
    100,
    300,
    2000,
    1e5,
    2e9,
    8.66,
    6.77,
    1e-3,
    DBL_MIN,
    0x1p-149,
    0x1p-126,
    0x1p-1074,
    FLT_MAX,
    DBL_MAX,
    65504.0,
    65519.0,
    0x1p15,
    0x1.FFEp15,
    1e19,
    1e38,
    1e300,
    INFINITY,
    0x1.FFFFFFp127,
    0x1.FFp127,
    NAN,
};

static double take_size(reader *r) {
    switch (below(r, 3)) {
    case 0:
        return landmarks[below(r, LENGTH(landmarks))];
    case 1:
        return nextafter(landmarks[below(r, LENGTH(landmarks))], 0);
    default:
        return (double)take(r, 2) / 4096;
    }
}

static double take_double(reader *r) {
    if (one_in(r, 8)) {
        const uint64_t bits = take(r, 8);
        double any;
        memcpy(&any, &bits, sizeof any);
        return any;
    }
    return one_in(r, 2) ? -take_size(r) : take_size(r);
}

/* A number from least to most, at times near a place in the tensor, counted in steps, where a block's index gets longer. */
static uint64_t take_between(reader *r, uint64_t least, uint64_t most, uint64_t step) {
    static const int borders[] = {33, 34, 40};
    uint64_t number;
    switch (below(r, 5)) {
    case 0:
        return least;
    case 1:
        return most;
    case 2:
        number = least + take(r, 1);
        break;
    case 3:
        number = least + take(r, 8) % (most - least + 1);
        break;
    default:
        number = (UINT64_C(1) << borders[below(r, LENGTH(borders))]) / step;
        number -= number < 256 ? 0 : take(r, 1);
    }
    return number < least ? least : number > most ? most : number;
}

/* ---- Fills --------------------------------------------------------------------------------------------------------- */

/* How the dtypes hold an infinity, beyond which lies what is no number, and the sign. Integers hold neither. */
static const struct {
    size_t size;
    uint64_t infinity, sign;
} formats[FI_DTYPES] = {
    [FI_UINT32] = {4, UINT64_MAX, 0},
    [FI_UINT64] = {8, UINT64_MAX, 0},
    [FI_FLOAT32] = {4, UINT64_C(0xFF) << 23, UINT64_C(1) << 31},
    [FI_FLOAT64] = {8, UINT64_C(0x7FF) << 52, UINT64_C(1) << 63},
    [FI_FLOAT16] = {2, UINT64_C(0x1F) << 10, UINT64_C(1) << 15},
    [FI_BFLOAT16] = {2, UINT64_C(0xFF) << 7, UINT64_C(1) << 15},
};

static int is_integer(fi_dtype dtype) { return formats[dtype].sign == 0; }

/* An element's bits without its sign. */
static uint64_t magnitude(fi_dtype dtype, const char *element) {
    uint16_t two = 0;
    uint32_t four = 0;
    uint64_t eight = 0;
    if (formats[dtype].size == sizeof two) memcpy(&two, element, sizeof two);
    if (formats[dtype].size == sizeof four) memcpy(&four, element, sizeof four);
    if (formats[dtype].size == sizeof eight) memcpy(&eight, element, sizeof eight);
    return (two | four | eight) & ~formats[dtype].sign;
}

static int is_nan(fi_dtype dtype, const char *element) { return magnitude(dtype, element) > formats[dtype].infinity; }

static int is_finite(fi_dtype dtype, const char *element) {
    return magnitude(dtype, element) < formats[dtype].infinity;
}

/* U[low, high), N(mean, std^2), or the latter within low .. high. */
typedef enum { UNIFORM, NORMAL, TRUNCATED, FAMILIES } family;

typedef struct {
    double mean, std, low, high;
} parameters;

static double take_scheme_parameter(reader *r) {
    fi_scheme scheme = {.mode = (fi_fan_mode)below(r, FI_FAN_GEOMETRIC + 1)};
    scheme.fan_in = take_double(r);
    scheme.fan_out = take_double(r);
    scheme.scale = take_double(r);
    scheme.gain = take_double(r);
    scheme.negative_slope = take_double(r);
    return fi_scheme_parameter(&scheme, (fi_scheme_draw)below(r, FI_SCHEME_TRUNCATED + 1));
}

/* Mostly ones that can be accepted. */
static parameters take_parameters(reader *r) {
    parameters p;
    p.mean = take_double(r);
    p.std = one_in(r, 4) ? take_scheme_parameter(r) : take_double(r);
    p.low = take_double(r);
    p.high = take_double(r);
    if (!one_in(r, 8)) p.std = fabs(p.std);
    if (!one_in(r, 8) && p.low > p.high) {
        const double low = p.high;
        p.high = p.low;
        p.low = low;
    }
    switch (below(r, 8)) {
    case 1:
        p.high = p.low;
        break;
    case 2:
        p.high = nextafter(p.low, INFINITY);
        break;
    case 3:
        p.low = -p.high;
    }
    return p;
}

static int set_draw(fi_fill *fill, family draw, const parameters *p) {
    if (draw == UNIFORM) return fi_set_uniform(fill, p->low, p->high);
    if (draw == NORMAL) return fi_set_normal(fill, p->mean, p->std);
    return fi_set_truncated_normal(fill, p->mean, p->std, p->low, p->high);
}

/* What must hold for parameters that are accepted. */
static int are_valid(family draw, const parameters *p) {
    if (draw == UNIFORM) return isfinite(p->low) && isfinite(p->high) && p->low <= p->high;
    if (!isfinite(p->mean) || !isfinite(p->std) || p->std < 0) return 0;
    return draw == NORMAL || p->low <= p->high;
}

static fi_fill take_fill(reader *r) {
    fi_fill fill, before;
    memset(&fill, 0, sizeof fill);
    fill.dtype = (fi_dtype)below(r, FI_DTYPES);
    fill.seed = take(r, 8);
    fill.stream = take(r, 8);
    const family draw = (family)below(r, FAMILIES);
    const parameters p = take_parameters(r);
    memcpy(&before, &fill, sizeof fill);
    if (set_draw(&fill, draw, &p) == 0) {
        require(!is_integer(fill.dtype), "a draw of real numbers is accepted for integers");
        require(are_valid(draw, &p), "parameters that are no such numbers are accepted");
        fill.accumulate = one_in(r, 2);
        return fill;
    }
    require(memcmp(&before, &fill, sizeof fill) == 0, "refused parameters change the fill");
    if (is_integer(fill.dtype)) {
        fi_set_bits(&fill);
    } else {
        require(fi_set_uniform(&fill, -1, 1) == 0, "U[-1, 1) is refused");
    }
    return fill;
}

/* ---- Arrays -------------------------------------------------------------------------------------------------------- */

/* An array, what it must become, and the block of a tensor that it is, or the whole of one. */
typedef struct {
    fi_fill fill;
    int axes;
    int outer; /* 1: each index of the first axis is a tensor of its own, with a stream of its own: */
    fi_streams streams;
    uint64_t *numbers;
    size_t count;
    ptrdiff_t *shape, *strides;
    uint64_t *offset, *global_shape;
    fi_axis *axis;
    size_t bytes, start; /* of the memory, and where its first element lies */
    char *memory, *expected;
} array;

static void free_array(array *a) {
    void *const all[] = {a->shape, a->strides, a->offset, a->global_shape, a->axis, a->memory, a->expected, a->numbers};
    for (size_t i = 0; i < LENGTH(all); i++) free(all[i]);
}

/* Mostly few, so that there is room for other axes. */
static size_t take_length(reader *r) {
    switch (below(r, 4)) {
    case 0:
        return 1 + take(r, 2);
    case 1:
        return 1 + take(r, 1);
    default:
        return 1 + below(r, 16);
    }
}

/* Two axes, and few rows or few columns of many elements: where a tile's shape follows the array's. */
static void take_skinny_shape(reader *r, array *a) {
    const size_t few = 1 + below(r, 40), many = 1 + take(r, 2) % (MANY_ELEMENTS / few);
    const int rows_first = one_in(r, 2);
    a->axes = 2;
    a->shape = exactly(2, sizeof *a->shape);
    a->shape[0] = (ptrdiff_t)(rows_first ? few : many);
    a->shape[1] = (ptrdiff_t)(rows_first ? many : few);
    a->count = few * many;
}

static void take_shape(reader *r, array *a) {
    size_t left = one_in(r, 32) ? MANY_ELEMENTS : FEW_ELEMENTS;
    a->axes = (int)(one_in(r, 16) ? below(r, FI_AXES_MAX + 1) : below(r, USUAL_AXES + 1));
    a->shape = exactly((size_t)a->axes, sizeof *a->shape);
    a->count = 1;
    for (int i = 0; i < a->axes; i++) {
        const size_t size = smaller(left, take_length(r));
        left /= size;
        a->shape[i] = one_in(r, 100) ? 0 : (ptrdiff_t)size;
        a->count *= (size_t)a->shape[i];
    }
}

static size_t rows_of(const array *a) { return a->outer ? (size_t)a->shape[0] : 1; }

/* The stream that element i is drawn from. */
static uint64_t stream_of(const array *a, size_t i) {
    const size_t row = i / (a->count / rows_of(a));
    if (!a->outer) return a->fill.stream;
    return a->numbers ? a->numbers[row] : a->fill.stream + row * a->streams.step;
}

/* Where element i lies, in bytes from the array's first; *number is its place in the tensor. */
static ptrdiff_t locate(const array *a, size_t i, uint64_t *number) {
    uint64_t step = 1;
    ptrdiff_t place = 0;
    *number = 0;
    for (int axis = a->axes - 1; axis >= 0; axis--) {
        const size_t size = (size_t)a->shape[axis], at = i % size;
        i /= size;
        place += (ptrdiff_t)at * a->strides[axis];
        if (axis < a->outer) continue;
        *number += (at + (a->offset ? a->offset[axis] : 0)) * step;
        step *= a->global_shape ? a->global_shape[axis] : size;
    }
    return place;
}

/* Any strides, which may let elements share memory. */
static void take_loose_strides(reader *r, array *a) {
    for (int i = 0; i < a->axes; i++) a->strides[i] = (ptrdiff_t)take(r, 2) - (1 << 15);
}

/* The axes from the one whose elements are to lie closest: in C order, Fortran's or any. */
static void take_order(reader *r, int axes, int *order) {
    const int fortran = one_in(r, 3), any = one_in(r, 3);
    for (int i = 0; i < axes; i++) order[i] = fortran ? i : axes - 1 - i;
    for (int i = axes - 1; any && i > 0; i--) {
        const size_t other = below(r, (size_t)i + 1);
        const int moved = order[i];
        order[i] = order[other];
        order[other] = moved;
    }
}

/* Axes one within the other, in either direction, with gaps between elements, rows and so on as far as memory allows. */
static void take_nested_strides(reader *r, array *a) {
    const size_t size = formats[a->fill.dtype].size;
    const size_t gap_unit = one_in(r, 3) ? 1 : size;
    size_t dense = size, left = a->count;
    int order[FI_AXES_MAX];
    take_order(r, a->axes, order);
    for (int i = 0; i < a->axes; i++) {
        const size_t length = (size_t)a->shape[order[i]], gap = one_in(r, 3) ? take(r, 1) * gap_unit : 0;
        if ((dense + gap) * left <= MOST_BYTES) dense += gap;
        a->strides[order[i]] = one_in(r, 3) ? -(ptrdiff_t)dense : (ptrdiff_t)dense;
        dense *= length;
        left /= length;
    }
}

/* Sets how much memory the array takes, and where in it the first element lies. */
static void measure(array *a) {
    size_t before = 0, after = 0;
    for (int i = 0; i < a->axes; i++) {
        const ptrdiff_t reach = a->shape[i] == 1 ? 0 : (a->shape[i] - 1) * a->strides[i];
        before += reach < 0 ? (size_t)-reach : 0;
        after += reach > 0 ? (size_t)reach : 0;
    }
    a->start = before;
    a->bytes = before + after + formats[a->fill.dtype].size;
}

/* Whether elements share memory. */
static int overlaps(const array *a) {
    const size_t size = formats[a->fill.dtype].size;
    char *const taken = calloc(a->bytes, 1);
    int shared = 0;
    for (size_t i = 0; i < a->count && !shared; i++) {
        uint64_t number;
        char *const element = taken + a->start + locate(a, i, &number);
        shared = memchr(element, 1, size) != NULL;
        memset(element, 1, size);
    }
    free(taken);
    return shared;
}

static void take_strides(reader *r, array *a) {
    const int loose = one_in(r, 4);
    a->strides = exactly((size_t)a->axes, sizeof *a->strides);
    if (loose) {
        take_loose_strides(r, a);
        measure(a);
    }
    if (a->count && (!loose || a->bytes > MOST_BYTES || overlaps(a))) {
        take_nested_strides(r, a);
        measure(a);
    }
    if (!loose && a->count == 0) take_loose_strides(r, a); /* rows that there are none of have strides, too */
    for (int i = 0; i < a->axes; i++) { /* nobody looks at the stride of a single element, or of none */
        if ((a->count == 0 || a->shape[i] == 1) && one_in(r, 2)) a->strides[i] = (ptrdiff_t)take(r, 8);
    }
}

/* Any block of any tensor, but for the limit on its elements. */
static void take_block(reader *r, array *a) {
    uint64_t step = 1, outer = a->count / rows_of(a);
    a->offset = exactly((size_t)a->axes, sizeof *a->offset);
    a->global_shape = exactly((size_t)a->axes, sizeof *a->global_shape);
    for (int i = a->axes - 1; i >= a->outer; i--) {
        const uint64_t size = (uint64_t)a->shape[i];
        outer /= size;
        a->global_shape[i] = take_between(r, size, TENSOR_MOST / step / outer, step);
        a->offset[i] = take_between(r, 0, a->global_shape[i] - size, step);
        step *= a->global_shape[i];
    }
}

/* Memory with any content, its first element at a multiple of unit. */
static void take_memory(reader *r, array *a, size_t unit) {
    const size_t lead = below(r, 16) * unit;
    uint32_t content = (uint32_t)take(r, 4);
    a->start += lead;
    a->bytes = a->count ? a->bytes + lead : 0;
    a->memory = exactly(a->bytes, 1);
    a->expected = exactly(a->bytes, 1);
    for (size_t i = 0; i < a->bytes; i++) {
        content = content * 1664525 + 1013904223; /* Numerical Recipes' generator */
        a->memory[i] = a->expected[i] = (char)(content >> 24);
    }
}

/* Streams of the first axis: numbers, or steps from the fill's on. */
static void take_streams(reader *r, array *a) {
    a->outer = 1;
    a->streams.count = (size_t)a->shape[0];
    a->streams.step = take(r, one_in(r, 2) ? 1 : 8);
    if (one_in(r, 2)) return;
    a->numbers = exactly(a->streams.count, sizeof *a->numbers);
    for (size_t i = 0; i < a->streams.count; i++) a->numbers[i] = take(r, one_in(r, 2) ? 1 : 8);
}

static array take_array(reader *r) {
    array a = {.fill = take_fill(r)};
    (one_in(r, 32) ? take_skinny_shape : take_shape)(r, &a);
    if (a.axes && one_in(r, 3)) take_streams(r, &a);
    take_strides(r, &a);
    if (a.count && one_in(r, 2)) take_block(r, &a);
    take_memory(r, &a, one_in(r, 3) ? 1 : formats[a.fill.dtype].size);
    a.axis = exactly((size_t)a.axes + 1, sizeof *a.axis);
    return a;
}

/* What fi_fill_range writes: consecutive elements, contiguous and aligned. */
static array take_range(reader *r) {
    array a = {.fill = take_fill(r), .axes = 1, .count = take(r, 2) % (one_in(r, 32) ? MANY_ELEMENTS : FEW_ELEMENTS)};
    const size_t size = formats[a.fill.dtype].size;
    a.shape = exactly(1, sizeof *a.shape);
    a.strides = exactly(1, sizeof *a.strides);
    a.shape[0] = (ptrdiff_t)a.count;
    a.strides[0] = (ptrdiff_t)size;
    a.bytes = a.count * size;
    if (a.count) take_block(r, &a);
    take_memory(r, &a, size);
    return a;
}

/* ---- Filling ------------------------------------------------------------------------------------------------------- */

/* The kernels that this machine runs: asking for them takes long. The last are the portable ones. */
static struct {
    const fi_kernels *at[8];
    size_t count;
} kernels;

static void find_kernels(void) {
    if (kernels.count) return;
    while (kernels.count < LENGTH(kernels.at) && fi_kernels_at(kernels.count)) {
        kernels.at[kernels.count] = fi_kernels_at(kernels.count);
        kernels.count++;
    }
}

static const fi_kernels *portable(void) { return kernels.at[kernels.count - 1]; }

static void describe(const array *a, const char *what) {
    const fi_fill *const f = &a->fill;
    fprintf(stderr, "%s: draw %d of dtype %d, scale %a, shift %a, from %a to %a, accumulate %d\n", what, (int)f->draw,
            (int)f->dtype, f->scale, f->shift, f->least, f->most, f->accumulate);
    if (a->outer) fprintf(stderr, "streams %s, step %" PRIu64 "\n", a->numbers ? "listed" : "counted", a->streams.step);
    for (int i = 0; i < a->axes; i++) fprintf(stderr, "axis of %td, stride %td\n", a->shape[i], a->strides[i]);
    for (int i = a->outer; a->offset && i < a->axes; i++) {
        fprintf(stderr, "from %" PRIu64 " of %" PRIu64 "\n", a->offset[i], a->global_shape[i]);
    }
}

static void require_of(const array *a, int holds, const char *otherwise) {
    if (!holds) describe(a, otherwise);
    require(holds, otherwise);
}

/* Checks that the array has become what the portable kernels write element by element. */
static void check_array(const array *a) {
    const fi_dtype dtype = a->fill.dtype;
    const size_t size = formats[dtype].size;
    char *const value = exactly(1, size);
    for (size_t i = 0; i < a->count; i++) {
        uint64_t number;
        const ptrdiff_t place = (ptrdiff_t)a->start + locate(a, i, &number);
        const char *const written = a->memory + place;
        memcpy(value, a->expected + place, size);
        fi_fill of_stream = a->fill;
        of_stream.stream = stream_of(a, i);
        fi_fill_range(portable(), &of_stream, number, 1, value);
        require_of(a, a->fill.accumulate || is_finite(dtype, value), "an accepted draw is not finite");
        /* No two sums that are no numbers need be the same one. */
        memcpy(a->expected + place, is_nan(dtype, written) && is_nan(dtype, value) ? written : value, size);
    }
    free(value);
    require_of(a, memcmp(a->memory, a->expected, a->bytes) == 0, "wrong bytes");
}

/* One chunk after another, from any one on, upwards or downwards. */
static void fill_chunks(reader *r, const fi_kernels *with, const fi_task *task) {
    const size_t chunks = task->region.chunks, first = take(r, 1), step = one_in(r, 2) && chunks ? chunks - 1 : 1;
    for (size_t i = 0; i < chunks; i++) {
        fi_fill_chunk(with, &task->fill, &task->region, (first + i * step) % chunks);
    }
}

/* By several threads, at one go or with as many pauses as there can be. */
static void do_work(reader *r, const fi_kernels *with, fi_task *tasks, size_t count) {
    const double seconds = one_in(r, 2) ? 0 : 1000;
    fi_work work;
    fi_set_threads(1 + (int)below(r, 3));
    fi_set_work(&work, with, tasks, count);
    /* Threads share what is large: so this is said to be. */
    if (one_in(r, 4)) work.element_count *= FI_THREAD_ELEMENTS;
    while (!fi_do_work(&work, seconds)) continue;
    require(fi_do_work(&work, seconds), "work that is done is not");
}

static void fill_arrays(reader *r, const fi_kernels *with, const array *arrays, size_t count) {
    fi_task *const tasks = exactly(count, sizeof *tasks);
    for (size_t i = 0; i < count; i++) {
        const array *const a = &arrays[i];
        tasks[i].fill = a->fill;
        const int outer = a->outer;
        fi_set_region(&tasks[i].region, a->fill.dtype, a->memory + a->start, a->axes - outer, a->shape + outer,
                      a->strides + outer, a->offset ? a->offset + outer : NULL,
                      a->global_shape ? a->global_shape + outer : NULL, a->axis);
        require(tasks[i].region.count * rows_of(a) == a->count, "the region has another number of elements");
        if (!outer) continue;
        const fi_streams streams = {a->streams.count, a->strides[0], a->numbers, a->streams.step};
        fi_set_streams(&tasks[i].region, a->fill.dtype, streams);
    }
    if (one_in(r, 2)) {
        do_work(r, with, tasks, count);
    } else {
        for (size_t i = 0; i < count; i++) fill_chunks(r, with, &tasks[i]);
    }
    free(tasks);
}

static void run_arrays(reader *r, const fi_kernels *with) {
    array arrays[MOST_TASKS];
    const size_t count = 1 + (one_in(r, 4) ? below(r, MOST_TASKS) : 0);
    for (size_t i = 0; i < count; i++) arrays[i] = take_array(r);
    fill_arrays(r, with, arrays, count);
    for (size_t i = 0; i < count; i++) {
        check_array(&arrays[i]);
        free_array(&arrays[i]);
    }
}

static void run_range(reader *r, const fi_kernels *with) {
    array a = take_range(r);
    fi_fill_range(with, &a.fill, a.offset ? *a.offset : 0, a.count, a.memory + a.start);
    check_array(&a);
    free_array(&a);
}

static void run_philox(reader *r, const fi_kernels *with) {
    uint32_t counter[4], key[2], words[4], expected[4];
    for (size_t i = 0; i < LENGTH(counter); i++) counter[i] = (uint32_t)take(r, 4);
    for (size_t i = 0; i < LENGTH(key); i++) key[i] = (uint32_t)take(r, 4);
    fi_philox_block(with, counter, key, words);
    fi_philox_block(portable(), counter, key, expected);
    require(memcmp(words, expected, sizeof words) == 0, "another block of Philox");
}

/* One case, in any rounding mode: it must not matter, and stay what it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int roundings[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    static void (*const runs[])(reader *, const fi_kernels *) = {run_arrays, run_arrays, run_range, run_philox};
    reader r = {data, data + size};
    find_kernels();
    const int rounding = roundings[one_in(&r, 8) ? below(&r, LENGTH(roundings)) : 0];
    const fi_kernels *const with = kernels.at[below(&r, kernels.count)];
    fesetround(rounding);
    runs[below(&r, LENGTH(runs))](&r, with);
    require(fegetround() == rounding, "the rounding mode changes");
    fesetround(FE_TONEAREST);
    return 0;
}
