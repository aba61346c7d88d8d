/* What kernels.c provides, once for each instruction set, and fill.c uses. */
#ifndef FASTINIT_KERNELS_H
#define FASTINIT_KERNELS_H

#include "fastinit.h"
#include "philox.h"

/* The run of blocks that a kernel computes, and what becomes of their words. */
typedef struct {
    fi_philox philox;
    uint32_t block; /* low word of the first block's index; a run does not cross a multiple of 2^32 blocks */
    const fi_fill *fill;
} fi_run;

/* Compute types. */
typedef enum { FI_F32, FI_F64, FI_REALS } fi_real;

/* A kernel writes the values of whole groups of blocks; no group has more elements than this. */
enum { FI_GROUP_MAX = 32 };

/* Writes, or adds, the values of groups * group elements, contiguous and aligned for their type. */
typedef void fi_kernel(void *out, const fi_run *run, size_t groups);

/*
 * Stores n computed values as the array's dtype. values can be read up to the next multiple of FI_GROUP_MAX.
 * out is aligned for its dtype.
 */
typedef void fi_sink(void *out, const void *values, size_t n);

struct fi_kernels {
    const char *name;
    size_t group[FI_REALS];                 /* elements a group */
    fi_kernel *draw[FI_DRAWS][FI_REALS][2]; /* [draw][compute type][accumulate] */
    fi_sink *sink[FI_DTYPES][2];            /* [dtype][accumulate] */
};

extern const fi_kernels fi_kernels_portable, fi_kernels_avx2, fi_kernels_avx512, fi_kernels_neon;

#endif
