/* What the files that fill share: how an array holds its elements. */
#ifndef FASTINIT_FILL_H
#define FASTINIT_FILL_H

#include "kernels.h"

typedef struct {
    fi_real real;         /* the compute type */
    size_t size;          /* bytes an element */
    unsigned block_shift; /* a Philox block is 1 << block_shift elements */
} fi_format;

extern const fi_format fi_formats[FI_DTYPES];

static inline size_t fi_value_size(fi_real real) { return real == FI_F64 ? sizeof(double) : sizeof(float); }

/* Random bits are not added. */
static inline int fi_adds(const fi_fill *fill) { return fill->accumulate && fill->draw != FI_BITS; }

static inline size_t fi_smaller(size_t a, size_t b) { return a < b ? a : b; }

#endif
