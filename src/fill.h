/* What the files that fill share: how an array holds its elements. */
#ifndef FASTINIT_FILL_H
#define FASTINIT_FILL_H

#include <string.h>

#include "kernels.h"

typedef struct {
    fi_real real;         /* the compute type */
    size_t size;          /* bytes an element */
    unsigned block_shift; /* a Philox block is 1 << block_shift elements */
} fi_format;

extern const fi_format fi_formats[FI_DTYPES]; /* in dtypes.c */

static inline size_t fi_value_size(fi_real real) { return real == FI_F64 ? sizeof(double) : sizeof(float); }

/* Random bits are not added. */
static inline int fi_adds(const fi_fill *fill) { return fill->accumulate && fill->draw != FI_BITS; }

static inline size_t fi_smaller(size_t a, size_t b) { return a < b ? a : b; }

/* How many parts of that size, the last of which may be smaller, make a whole: without a division where it is one, as in all
   small arrays. */
static inline size_t fi_parts(size_t whole, size_t part) {
    return whole <= part ? whole != 0 : whole / part + (whole % part != 0);
}

/* How many whole groups elements are; a group is a power of two of them. */
static inline size_t fi_groups(size_t elements, size_t group) { return elements >> __builtin_ctzll(group); }

typedef uint32_t fi_four_words __attribute__((vector_size(16)));

/* Lists consecutive blocks, four at a time: there is room for three more than the last. */
static inline void fi_list_blocks(uint32_t *list, uint64_t first, size_t count) {
    const uint32_t low = (uint32_t)first;
    fi_four_words next = {low, low + 1, low + 2, low + 3}, after = next + 4;
    size_t i = 0;
    for (; i + 4 < count; i += 8) {
        memcpy(list + i, &next, sizeof next);
        memcpy(list + i + 4, &after, sizeof after);
        next += 8;
        after += 8;
    }
    if (i < count) memcpy(list + i, &next, sizeof next);
}

/* The number of one of a fill's streams. */
static inline uint64_t fi_stream_number(const fi_fill *fill, const fi_streams *streams, size_t i) {
    return streams->number ? streams->number[i] : fill->stream + i * streams->step;
}

/* A run of the fill's seed. Member by member: zeros would go where the keys will. */
static inline void fi_start_run(fi_run *run, const fi_fill *fill) {
    run->fill = fill;
    run->list = NULL;
    run->to = NULL;
    fi_philox_seed(&run->philox, fill->seed);
}

/* fi_fill_range in the contract's floating-point environment, which the caller has entered. */
void fi_fill_range_inside(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out);

/* The same for each of the streams from begin to end, the first of which, number 0, goes to out. */
void fi_fill_ranges_inside(const fi_kernels *kernels, const fi_fill *fill, const fi_streams *streams, size_t begin,
                           size_t end, uint64_t first, size_t count, char *out);

/* fi_fill_chunk for the block of one tensor. */
void fi_fill_block_chunk(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t chunk);

/* Tiles of a region whose rows lie one behind the other; does nothing and returns 0 if they do not. */
int fi_fill_dense(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t first, size_t end);

/* fi_fill_block_chunk for a constant. */
void fi_fill_constant_chunk(const fi_value *value, const fi_region *region, size_t chunk);

#endif
