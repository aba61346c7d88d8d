/*
 * What a host tells the kernels of gpu/fill.cu: structures of the same layout on both sides. A thread draws packs: consecutive
 * elements, 16 bytes in memory, whose Philox blocks are its own.
 */
#ifndef FASTINIT_GPU_LAUNCH_H
#define FASTINIT_GPU_LAUNCH_H

#include <stdint.h>

#include "../core.h"
#include "../philox.h"

enum {
    FI_GPU_THREADS = 256, /* of a group */
    FI_GPU_PACK_BYTES = 16,
    FI_GPU_PACKS = 4, /* of a thread of the form "range": they share what leads to them */
    FI_GPU_PAIRS = 4, /* of elements, that a thread draws side by side: more take registers from other threads */
    /* In one launch, whose parameters are at most 4 KiB: axes of a region, listed streams, arrays with their constants. */
    FI_GPU_AXES_MAX = 16,
    FI_GPU_STREAMS_MAX = 256,
    FI_GPU_PARTS_MAX = 20
};

/* What becomes of the words of a launch, and where they go: the kernel of a draw, a dtype and a form. */
typedef enum {
    FI_GPU_RANGE,   /* elements side by side, of one tensor */
    FI_GPU_REGION,  /* rows of one */
    FI_GPU_BLOCKS,  /* the same of several, each of a stream of its own */
    FI_GPU_RANGES,  /* elements side by side, of many arrays */
    FI_GPU_CONSTANT /* rows of one value */
} fi_gpu_form;

typedef struct {
    uint32_t k0[FI_PHILOX_ROUNDS], k1[FI_PHILOX_ROUNDS];
} fi_gpu_keys;

/* A stream's number, its lower half as the first round multiplies it. */
typedef struct {
    uint32_t product_low, product_high, high;
} fi_gpu_stream;

static inline fi_gpu_stream fi_gpu_stream_of(uint64_t number) {
    const uint64_t product = (uint64_t)FI_PHILOX_M1 * (uint32_t)number;
    const fi_gpu_stream stream = {(uint32_t)product, (uint32_t)(product >> 32), (uint32_t)(number >> 32)};
    return stream;
}

typedef struct {
    fi_gpu_stream stream;
    char *data;            /* where element `first` of the tensor lies */
    uint64_t first, count; /* elements */
    uint64_t packs_before; /* in the launch */
} fi_gpu_part;

typedef struct {
    fi_gpu_keys keys;
    fi_gpu_part part;
} fi_gpu_range;

typedef struct {
    fi_gpu_keys keys;
    uint64_t packs;
    int parts;
    fi_gpu_part part[FI_GPU_PARTS_MAX];
} fi_gpu_ranges;

/* Divides numbers below 2^31 by one of these: n / size = (high word of n * magic, + n) >> shift. */
typedef struct {
    uint32_t size, magic, shift;
} fi_gpu_divisor;

/* As an fi_axis. */
typedef struct {
    fi_gpu_divisor size;
    uint64_t step;
    int64_t stride;
} fi_gpu_axis;

/*
 * Rows, and each row's packs: the threads, fewer than 2^31, stand in the order of memory, so that those side by side write side
 * by side. Their axes, the fastest first, are those of the rows and, after `packs_at` of these, the packs of a row.
 */
typedef struct {
    fi_gpu_keys keys;
    fi_gpu_stream stream;
    char *data; /* where element `first` of the tensor lies, the first one of the first row */
    uint64_t first, count;
    int64_t stride; /* from an element of a row to the next, in bytes */
    uint32_t threads;
    fi_gpu_divisor packs;
    int axes, packs_at;
    fi_gpu_axis axis[FI_GPU_AXES_MAX];
} fi_gpu_region;

/* One of a region's axes counts tensors: their streams, listed or step after step, modulo 2^64. */
typedef struct {
    int axis, listed;
    uint64_t first, step;
    uint64_t number[FI_GPU_STREAMS_MAX];
} fi_gpu_streams;

/* The elements of a pack. */
typedef struct {
    uint32_t word[FI_GPU_PACK_BYTES / 4];
} fi_gpu_value;

#endif
