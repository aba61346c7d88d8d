/* The core, as the layers above it see it: what a fill is, where it goes, who does it. Plain C; knows nothing of Python. */
#ifndef FASTINIT_CORE_H
#define FASTINIT_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the stream contract (docs/stream.md). A changed bit is a new version. */
#define FASTINIT_STREAM_VERSION 1

typedef enum {
#define FI_DRAW(NAME, ...) FI_##NAME,
#define FI_DRAW_NOT_ADDED(NAME, ...) FI_##NAME,
#include "draws.def"
    FI_DRAWS,
    FI_CONSTANT = FI_DRAWS /* of any dtype: no draw, and no kernels */
} fi_draw;

typedef enum {
#define FI_DTYPE(NAME, ...) FI_##NAME,
#include "dtypes.def"
    FI_DTYPES
} fi_dtype;

/* As NumPy and ml_dtypes call it: "float32". */
const char *fi_dtype_name(fi_dtype dtype);

/* Why parameters or a block are refused. */
typedef enum {
    FI_ACCEPTED = 0,
    FI_REFUSED_BOUNDS,    /* low <= high does not hold, or leaves a truncated normal no number */
    FI_REFUSED_STD,       /* std >= 0 does not hold */
    FI_REFUSED_OVERFLOW,  /* a parameter is not finite, or the dtype cannot hold every possible draw */
    FI_REFUSED_UNDERFLOW, /* the compute type holds a scheme's parameter as 0 */
    FI_REFUSED_SHAPE,     /* a size is negative */
    FI_REFUSED_OFFSET,    /* offset + shape <= global_shape does not hold */
    FI_REFUSED_SIZE       /* the tensor has too many elements */
} fi_refusal;

/* One instruction set's kernels; see kernels.h. */
typedef struct fi_kernels fi_kernels;

/* What the forms of the truncated normal need; docs/stream.md says how. */
typedef struct {
    double origin_high, origin_low, step, start;       /* Phi(t) - 1/2 from a word */
    double low_slope, low_tail, high_slope, high_tail; /* the tail beyond t, from a word near either end */
    double log_scale, log_start;                       /* -2 ln of that tail */
    int row;                                           /* of the polynomials of src/quantile.h */
} fi_truncation;

/* The bytes of one element, of any dtype. NumPy's longest number is a pair of long doubles. */
enum { FI_VALUE_BYTES = 32 };

typedef struct {
    char bytes[FI_VALUE_BYTES];
    size_t size;
    int is_one_byte; /* repeated */
} fi_value;

/*
 * A fill: which values go into a tensor. FI_BITS goes with the integer dtypes, the other draws with the floating ones.
 *
 * The values are fma(draw, scale, shift) in the compute type, double for FI_FLOAT64 and float for the rest; uniform ones are
 * at most `most`, truncated ones also at least `least`. Set dtype, then draw and constants by one of the fi_set functions.
 * The members up to dtype lie one after another as in fastinit_fill, the rest within its constants.
 */
typedef struct {
    uint64_t seed;
    uint64_t stream;
    int accumulate; /* add to what is there instead of replacing it; floating dtypes only */
    fi_dtype dtype;
    fi_draw draw;
    double scale, shift, least, most;
    double odd_shift;         /* that of the odd elements; set for FI_NORMAL_PAIRED only, as are */
    fi_truncation truncation; /* this for the forms of the truncated normal */
    fi_value value;           /* and this for FI_CONSTANT, which the members from dtype on do not matter to */
} fi_fill;

/*
 * Writes elements first .. first + count - 1 of the fill's tensor to out, which holds count contiguous elements and is
 * aligned for its dtype. The caller's floating-point environment neither matters nor changes, apart from the flags of exceptions,
 * which stay as arithmetic left them.
 */
void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out);

/* Elements of an array that a constant leaves to another one: up to FI_MARKS_MAX sets of one or two axes, apart from each other. */
enum { FI_MARKS_MAX = 3 };

typedef struct {
    char *data;
    size_t size[2];
    ptrdiff_t stride[2];
} fi_mark_set;

typedef struct {
    fi_value value;
    int sets;
    fi_mark_set set[FI_MARKS_MAX];
} fi_marks;

/* One axis of a region: its elements lie step apart in the tensor, in elements, and stride apart in memory, in bytes. */
typedef struct {
    size_t size;
    uint64_t step;
    ptrdiff_t stride;
} fi_axis;

/*
 * Blocks of several tensors of one fill, each of a stream of its own: number[i], or, if number is NULL, step after step from
 * the fill's stream on, modulo 2^64.
 */
typedef struct {
    size_t count;
    ptrdiff_t stride; /* from one block to the next, in bytes */
    const uint64_t *number;
    uint64_t step;
} fi_streams;

/*
 * Where a fill goes: a block of its tensor, or such blocks of several, in memory of any layout, cut into chunks that can be
 * filled in any order. A row is a run of consecutive elements of a tensor.
 */
typedef struct {
    char *data;
    uint64_t first; /* the element at data */
    size_t count;   /* elements of a block */
    size_t chunks;
    fi_streams streams;   /* those of several tensors, if their count is not 1; then also */
    size_t block_chunks;  /* of one block, which they share, */
    size_t chunk_streams; /* or blocks of a chunk */
    const fi_axis *axis;  /* the axes of the rows, the last of which varies fastest, and then the row itself */
    int row_axes;
    int aligned_rows;   /* a row's elements are contiguous in memory and aligned */
    int whole_rows;     /* filled row by row, otherwise in tiles of several rows */
    size_t rows;        /* in all */
    size_t tile_rows;   /* of a tile, */
    size_t rows_before; /* of which the first lacks so many */
    size_t tile_width;  /* elements of each row in a tile */
    size_t chunk_tiles;
    const fi_marks *marks; /* of a constant's region; NULL if there are none */
} fi_region;

/* An array has at most FI_AXES_MAX axes, and its region one more. */
enum { FI_AXES_MAX = 64 };

/*
 * Whether an array of the shape is the block of a tensor of global_shape that starts at offset, or the whole of one if both are
 * NULL, and the tensor has at most elements_max elements, 2^62 or more. Says FI_REFUSED_SHAPE, FI_REFUSED_OFFSET or FI_REFUSED_SIZE if not.
 */
fi_refusal fi_check_block(int axes, const ptrdiff_t *shape, const uint64_t *offset, const uint64_t *global_shape,
                          uint64_t elements_max);

/*
 * The region of an array of the given shape and strides (in bytes), which begins at data: the block of a tensor of
 * global_shape that starts at offset, or the whole of one if both are NULL. The tensor has at most 2^63 elements. No two elements
 * of the array share memory; data and strides need not be aligned. axis has room for axes + 1 and must live as long as the region.
 */
void fi_set_region(fi_region *region, fi_dtype dtype, void *data, int axes, const ptrdiff_t *shape,
                   const ptrdiff_t *strides, const uint64_t *offset, const uint64_t *global_shape, fi_axis *axis);

/* Counts the elements of the region's tensor from first on, instead of from 0. */
void fi_start_region_at(fi_region *region, fi_dtype dtype, uint64_t first);

/*
 * Makes the region of one tensor's block that of several: the first of them is where it was. streams.number must live as
 * long as the region.
 */
void fi_set_streams(fi_region *region, fi_dtype dtype, fi_streams streams);

/*
 * Fills a block at once, if that needs no region: one in C order, contiguous and aligned, of rows of whole Philox blocks or of
 * one row. Otherwise does nothing and returns 0. The block must be accepted by fi_check_block, and is not to be large.
 */
int fi_fill_small_block(const fi_kernels *kernels, const fi_fill *fill, void *data, int axes, const ptrdiff_t *shape,
                        const uint64_t *offset, const uint64_t *global_shape);

/* Writes one of the region's chunks: some ten thousand elements. Takes less than 40 KiB of stack. */
void fi_fill_chunk(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t chunk);

/* An element of size bytes, FI_VALUE_BYTES at most; and the fill of a constant. */
fi_value fi_value_of(const void *bytes, size_t size);
void fi_set_value(fi_fill *fill, const void *bytes, size_t size);

/* Writes a constant to count contiguous elements. */
void fi_fill_constant(const fi_value *value, size_t count, void *out);

/*
 * The region of an array for a constant: elements of size bytes; data, shape, strides and axis as above. If there are marks,
 * they lie in the array and must live as long.
 */
void fi_set_constant_region(fi_region *region, size_t size, void *data, int axes, const ptrdiff_t *shape,
                            const ptrdiff_t *strides, const fi_marks *marks, fi_axis *axis);

/* How many elements a region has, or more: as many as take the time that it does. */
size_t fi_region_work(const fi_region *region);

/* Fills to be done, one after another or side by side. */
typedef struct {
    fi_fill fill;
    fi_region region;
    size_t chunks_before; /* of the tasks before this one */
} fi_task;

typedef struct {
    const fi_kernels *kernels;
    const fi_task *tasks;
    size_t task_count, element_count;
    size_t chunks, next_chunk; /* those before next_chunk are done */
} fi_work;

/* The work that consists of the tasks, which must live as long; sets their chunks_before. */
void fi_set_work(fi_work *work, const fi_kernels *kernels, fi_task *tasks, size_t count);

/*
 * Does the work for at least the given time, or to its end; returns whether it is done. When it returns, no other thread is at
 * it. Of at most fi_threads() threads each has FI_THREAD_ELEMENTS or more to do.
 */
int fi_do_work(fi_work *work, double seconds);

enum { FI_THREAD_ELEMENTS = 1 << 18, FI_THREADS_MAX = 1024 };

/* The most threads of a fill: the number that was set, at most FI_THREADS_MAX; or, for 0, as many as this process has CPUs. */
int fi_threads(void);
void fi_set_threads(int threads);

/* Random bits: no constants. */
void fi_set_bits(fi_fill *fill);

/*
 * U[low, high), N(mean, std^2), and the latter truncated to low .. high standard deviations from the mean. The constants are
 * computed in double and rounded once to the compute type. Return 0, or why not, without a change, if the parameters are not
 * finite numbers (infinite bounds of the truncated normal apart) with low <= high and std >= 0, or the dtype cannot hold
 * every possible draw: low, high and mean must be finite in it, high - low in the compute type, and what is farthest from the mean,
 * for a normal fi_normal_reach standard deviations; for a truncated one its bounds, or, where they are nearer, as many
 * beyond zero or the other bound.
 */
fi_refusal fi_set_uniform(fi_fill *fill, double low, double high);
fi_refusal fi_set_normal(fi_fill *fill, double mean, double std);
fi_refusal fi_set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high);
double fi_normal_reach(fi_dtype dtype);

/*
 * Complex normals of mean (real, imaginary) and variance std^2, half of it in each part; the fill's elements are the parts
 * in turn, of a dtype of real numbers.
 */
fi_refusal fi_set_complex_normal(fi_fill *fill, double real, double imaginary, double std);

/* What n is in the variance gain^2 scale / ((1 + negative_slope^2) n) that a scheme asks for. */
typedef enum { FI_FAN_IN, FI_FAN_OUT, FI_FAN_SUM, FI_FAN_AVERAGE, FI_FAN_GEOMETRIC } fi_fan_mode;

typedef enum { FI_SCHEME_UNIFORM, FI_SCHEME_NORMAL, FI_SCHEME_TRUNCATED } fi_scheme_draw;

typedef struct {
    fi_fan_mode mode;
    double fan_in, fan_out; /* only those that the mode needs are read */
    double scale, gain, negative_slope;
} fi_scheme;

/*
 * The parameter of the draw that gives a scheme's variance: the limit of U[-limit, limit), the std of N(0, std^2), or the std
 * of a normal that is truncated to two of them.
 */
double fi_scheme_parameter(const fi_scheme *scheme, fi_scheme_draw draw);

/*
 * The draw with that parameter, in one step; returns what fi_set_uniform and its kin return, or FI_REFUSED_UNDERFLOW.
 */
fi_refusal fi_set_scheme(fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw);

/* A scheme, a draw and the parameter that they give; at first all zeros. */
typedef struct {
    fi_scheme scheme;
    fi_scheme_draw draw;
    double parameter;
} fi_parameter;

/* The same; of the scheme and draw that the call before it with the same `last` had, the parameter is at hand. */
fi_refusal fi_set_scheme_again(fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw, fi_parameter *last);

/* One block of Philox4x32-10: the generator itself, for known answers. */
void fi_philox_block(const fi_kernels *kernels, const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

/*
 * The kernels that this build holds and this CPU can run, fastest first: i = 0, 1, ... until NULL. The last is always
 * "portable". All give the same bits.
 */
const fi_kernels *fi_kernels_at(size_t i);
const char *fi_kernels_name(const fi_kernels *kernels);

/* The functions of fastinit.h, which fill with these kernels from now on. */
const struct fastinit_api *fi_api(const fi_kernels *kernels);

/* The CPU's instruction set extensions that the choice of kernels rests on: i = 0, 1, ... until NULL. */
const char *fi_cpu_feature_at(size_t i);

#ifdef __cplusplus
}
#endif
#endif
