/*
 * The C interface of fastinit: fills of memory without Python and without its lock. docs/c_interface.md shows its use.
 *
 * Nothing is linked. An extension module takes the functions from the installed package, once, holding the GIL:
 *
 *     #include <Python.h>
 *     #include <fastinit.h>                              (in the folder that fastinit.get_include() names)
 *
 *     const fastinit_api *api = fastinit_import();       (NULL, with an ImportError set, if there are none)
 *     api->normal(weights, count, FASTINIT_FLOAT32, 0, 0.02, seed, stream, 0, 0);
 *
 * Files that only use the table need no Python.h. If it comes after this header, include this one again behind it.
 *
 * What can be refused returns a fastinit_code: 0 if all is well, else a negative number, and then nothing was written.
 *
 * Values depend on (seed, stream, index) alone: they are what the functions of Python write. Every function can be called
 * without the GIL, by any number of threads at once, in any floating-point environment, which it leaves as it was, apart from
 * the flags of exceptions. None allocates memory or keeps a pointer.
 */
#ifndef FASTINIT_H
#define FASTINIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of this interface: what was in one version is, unchanged, in all that follow. It is apart from the package's
 * version and from that of the values, fastinit_api.stream_version.
 */
#define FASTINIT_API_VERSION 2

/* What the memory holds: floats of 16 bits are IEEE's binary16 and bfloat16, rounded from float. In the machine's byte order. */
typedef enum {
    FASTINIT_UINT32,
    FASTINIT_UINT64,
    FASTINIT_FLOAT32,
    FASTINIT_FLOAT64,
    FASTINIT_FLOAT16,
    FASTINIT_BFLOAT16
} fastinit_dtype;

/* Why something was refused. Later versions may have more codes, all negative; api->message(code) puts it in words. */
typedef enum {
    FASTINIT_OK = 0,
    FASTINIT_NULL_POINTER = -1,    /* a pointer is NULL that must not be */
    FASTINIT_BAD_FILL = -2,        /* no set function of this fastinit has set the fill, or it was changed since */
    FASTINIT_BAD_DTYPE = -3,       /* not one for this draw: unsigned integers for bits, floats for the others */
    FASTINIT_BAD_PARAMETERS = -4,  /* Python's function would raise a ValueError for them */
    FASTINIT_BAD_SCHEME = -5,      /* its mode or draw is none, or a number of it is not positive or not finite */
    FASTINIT_BAD_ACCUMULATE = -6,  /* accumulate is neither 0 nor 1 */
    FASTINIT_BITS_ACCUMULATE = -7, /* accumulate is 1, and bits are not added */
    FASTINIT_UNALIGNED = -8,       /* the address of contiguous memory is no multiple of the size of an element */
    FASTINIT_BAD_AXES = -9,        /* fewer than 0, or 1 in fill_streams, or more than 64 */
    FASTINIT_BAD_SHAPE = -10,      /* a size is negative */
    FASTINIT_BAD_OFFSET = -11,     /* offset + shape is beyond global_shape, or one of these two is NULL */
    FASTINIT_TOO_LARGE = -12       /* an element's number is not below 2^63, or a tensor has more elements */
} fastinit_code;

/*
 * Which values are written. seed, stream and accumulate are the caller's to set, all three, before or after one of the
 * set functions, which set the rest, whatever the memory held before; a fill that none of them has set is refused. It
 * can be copied, and used again with another seed, stream or accumulate; only set functions change the rest. The
 * structure has this size in all versions of the interface.
 */
typedef struct {
    uint32_t size, version; /* of this structure, by the set function: fills look for both */
    uint64_t seed;
    uint64_t stream;    /* the number of Python's stream=; fastinit.stream_number(name) gives that of a name */
    int32_t accumulate; /* 1: add the values to what is there; 0: replace it */
    int32_t dtype;      /* of type fastinit_dtype */
    uint64_t constants[60];
} fastinit_fill;

/* Seed 0, stream 0, no accumulation, and not set by a set function: fastinit_fill fill = FASTINIT_FILL_INIT; */
#define FASTINIT_FILL_INIT {0, 0, 0, 0, 0, 0, {0}}

/* What n is in the variance gain^2 scale / ((1 + negative_slope^2) n) of a scheme. */
typedef enum {
    FASTINIT_FAN_IN,
    FASTINIT_FAN_OUT,
    FASTINIT_FAN_SUM,      /* fan_in + fan_out */
    FASTINIT_FAN_AVERAGE,  /* (fan_in + fan_out) / 2 */
    FASTINIT_FAN_GEOMETRIC /* sqrt(fan_in fan_out) */
} fastinit_fan_mode;

/* The draw of a scheme: U[-a, a), N(0, std^2), or that cut at two standard deviations, its spread corrected. */
typedef enum { FASTINIT_SCHEME_UNIFORM, FASTINIT_SCHEME_NORMAL, FASTINIT_SCHEME_TRUNCATED } fastinit_scheme_draw;

/*
 * A scheme: all numbers positive and finite (negative_slope finite); of the fans only those that the mode needs are read.
 *
 *     he       {FASTINIT_FAN_IN, fan_in, 0, 2, 1, negative_slope}
 *     lecun    {FASTINIT_FAN_IN, fan_in, 0, 1, 1, 0}
 *     xavier   {FASTINIT_FAN_SUM, fan_in, fan_out, 2, gain, 0}, which is lasagne's too
 */
typedef struct {
    int32_t mode; /* of type fastinit_fan_mode */
    double fan_in, fan_out, scale, gain, negative_slope;
} fastinit_scheme;

typedef struct fastinit_api {
    int32_t version;        /* of this interface: FASTINIT_API_VERSION or later */
    int32_t stream_version; /* of the values: docs/stream.md */

    /*
     * One call that fills `count` contiguous elements at out, whose address is a multiple of an element's size, with
     * elements first, first + 1, ... of the stream's tensor. On the calling thread. Returns a fastinit_code.
     */
    int (*bits)(void *out, size_t count, int dtype, uint64_t seed, uint64_t stream, uint64_t first);
    int (*uniform)(void *out, size_t count, int dtype, double low, double high, uint64_t seed, uint64_t stream,
                   uint64_t first, int accumulate);
    int (*normal)(void *out, size_t count, int dtype, double mean, double std, uint64_t seed, uint64_t stream,
                  uint64_t first, int accumulate);
    int (*truncated_normal)(void *out, size_t count, int dtype, double mean, double std, double low, double high,
                            uint64_t seed, uint64_t stream, uint64_t first, int accumulate);

    /*
     * The same in two steps, for many fills with the same parameters. Each of these sets a fill's dtype and constants: random
     * bits, U[low, high), N(mean, std^2), the latter cut low and high standard deviations from the mean, or a scheme's draw.
     * Returns a fastinit_code; a fill that is refused is not changed.
     */
    int (*set_bits)(fastinit_fill *fill, int dtype);
    int (*set_uniform)(fastinit_fill *fill, int dtype, double low, double high);
    int (*set_normal)(fastinit_fill *fill, int dtype, double mean, double std);
    int (*set_truncated_normal)(fastinit_fill *fill, int dtype, double mean, double std, double low, double high);
    int (*set_scheme)(fastinit_fill *fill, int dtype, const fastinit_scheme *scheme, int draw);

    /*
     * Writes elements first .. first + count - 1 to contiguous memory, whose address is a multiple of an element's size,
     * on the calling thread. Returns a fastinit_code. out can be NULL if count is 0.
     */
    int (*fill_range)(const fastinit_fill *fill, uint64_t first, size_t count, void *out);

    /*
     * Fills an array of any layout, on at most num_threads() threads: its first element is at out, its axes have these sizes
     * and, in bytes, strides; no two elements share memory, which need not be aligned. It is the block of a tensor of
     * global_shape that begins at offset, or, if both are NULL, the tensor itself. Returns a fastinit_code: also for NULL,
     * a negative size, more than 64 axes, offset + shape beyond global_shape or a tensor of more than 2^63 elements. Takes
     * less than 40 KiB of stack.
     */
    int (*fill_block)(const fastinit_fill *fill, void *out, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
                      const uint64_t *offset, const uint64_t *global_shape);

    /* The instruction set of the kernels: fastinit.simd. */
    const char *(*simd)(void);

    /* How many threads a fill may take: fastinit.get_num_threads(). */
    int (*num_threads)(void);

    /* What a fastinit_code means, in words that stay valid. Never NULL. */
    const char *(*message)(int code);

    /*
     * Since version 2. What fill_block does, for each index i of the first axis, with a stream of its own: streams[i], of as many
     * as the axis is long, or, if streams is NULL, fill->stream + i * step, modulo 2^64. axes counts the first axis too, and is
     * at least 1; offset and global_shape, of axes - 1 numbers, are those of each index. Returns a fastinit_code.
     */
    int (*fill_streams)(const fastinit_fill *fill, const uint64_t *streams, uint64_t step, void *out, int axes,
                        const ptrdiff_t *shape, const ptrdiff_t *strides, const uint64_t *offset,
                        const uint64_t *global_shape);
} fastinit_api;

#ifdef __cplusplus
}
#endif
#endif

/* For itself: Python.h may have been included since this header was. */
#if defined(Py_PYTHON_H) && !defined(FASTINIT_IMPORT)
#define FASTINIT_IMPORT

#ifdef __cplusplus
extern "C" {
#define FASTINIT_TABLE(pointer) static_cast<const fastinit_api *>(pointer)
#else
#define FASTINIT_TABLE(pointer) ((const fastinit_api *)(pointer))
#endif

/* The functions; or NULL with an ImportError set if fastinit is not installed or is older than this header. Needs the GIL. */
static inline const fastinit_api *fastinit_import(void) {
    const void *api = PyCapsule_Import("fastinit._core.c_api", 0);
    if (api && FASTINIT_TABLE(api)->version < FASTINIT_API_VERSION) {
        const char *text =
            "the installed fastinit has version %d of the C interface; this module was built for version %d";
        api = PyErr_Format(PyExc_ImportError, text, FASTINIT_TABLE(api)->version, FASTINIT_API_VERSION); /* NULL */
    }
    return FASTINIT_TABLE(api);
}

#undef FASTINIT_TABLE
#ifdef __cplusplus
}
#endif
#endif
