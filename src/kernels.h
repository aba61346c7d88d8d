/* What kernels.c provides, once for each instruction set, for fill.c and region.c. */
#ifndef FASTINIT_KERNELS_H
#define FASTINIT_KERNELS_H

#include "core.h"
#include "philox.h"

/* The blocks that a kernel computes, and what becomes of their words. All blocks of a run share their index's high word. */
typedef struct {
    fi_philox philox;
    const fi_fill *fill;
    uint32_t block;       /* the low word of the first block's index; the others follow */
    const uint32_t *list; /* for FI_STORE_LISTED instead: the low word of each block, */
    char *const *to;      /* and where the values of each group go */
} fi_run;

/* Compute types. */
typedef enum { FI_F32, FI_F64, FI_REALS } fi_real;

/* A kernel writes the values of whole groups of blocks; no group has more elements than this. */
enum { FI_GROUP_MAX = 32, FI_GROUP_BLOCKS_MAX = FI_GROUP_MAX / 4 };

/* What a kernel does with the values of its blocks, and which blocks these are. */
typedef enum { FI_STORE, FI_ADD, FI_STORE_LISTED, FI_MODES } fi_mode;

/*
 * Writes, or adds, the values of groups * group elements, aligned for their type; contiguous, unless they are listed. There
 * is at least one group, and neither the run nor the fill lies where the values go.
 */
typedef void fi_kernel(void *out, const fi_run *run, size_t groups);

/*
 * Stores n computed values as the array's dtype. values can be read up to the next multiple of FI_GROUP_MAX.
 * out is aligned for its dtype.
 */
typedef void fi_sink(void *out, const void *values, size_t n);

/* Elements that lie in a tile, dense, and in memory, in rows that begin anywhere. */
typedef struct {
    char *tile;
    char *const *rows;   /* where each row begins in memory, */
    ptrdiff_t stride;    /* and how far apart its elements are there */
    size_t count, width; /* rows, and elements of each */
    size_t size;         /* of an element: 2, 4 or 8 bytes */
} fi_move;

/* Moves them, one way or the other. Between the elements it neither reads nor writes memory, where other threads may be at work. */
typedef void fi_mover(const fi_move *move);

struct fi_kernels {
    const char *name;
    const char *features; /* of the CPU that it needs, by their names in dispatch.c, separated by spaces */
    size_t group_blocks;
    size_t group[FI_REALS]; /* elements a group */
    fi_kernel *draw[FI_DRAWS][FI_REALS][FI_MODES];
    fi_sink *sink[FI_DTYPES][2]; /* [dtype][accumulate] */
    fi_mover *scatter, *gather;  /* from a tile to memory, and back */
};

#endif
