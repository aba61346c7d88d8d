/* Whether arrays share memory. Plain C; allocates nothing. */
#ifndef FASTINIT_OVERLAP_H
#define FASTINIT_OVERLAP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where an array lies: its first element, and its axes, at most FI_AXES_MAX of them; strides are in bytes, of either
   sign. */
typedef struct {
    const void *data;
    size_t item; /* bytes of an element */
    int axes;
    const ptrdiff_t *shape, *strides;
} fi_extent;

/* Whether two elements of the array share a byte, or it reaches over 2^61 bytes, as none in memory does. */
int fi_overlaps_itself(const fi_extent *array);

typedef struct {
    size_t first, second; /* two arrays that share a byte, first < second */
    size_t work;          /* steps taken to find them, or that there are none: for tests */
} fi_overlap;

/*
 * Whether any two of the arrays, none of which overlaps itself, share a byte; if so, sets first and second to two that
 * do. memory is aligned as malloc's and has room for fi_overlap_memory(count) bytes, of which few are touched where
 * arrays lie apart.
 */
int fi_find_overlap(const fi_extent *arrays, size_t count, void *memory, fi_overlap *found);
size_t fi_overlap_memory(size_t count);

#ifdef __cplusplus
}
#endif
#endif
